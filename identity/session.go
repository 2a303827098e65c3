package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/engine"
)

// Session is what temporary credentials stand for. It lives in the session
// token, sealed; nothing about it is stored. It must not be changed once it was
// sealed or opened, and may then be shared.
//
// Source: identity-protocol §3.1, §3.3; iam-semantics §5.4.
type Session struct {
	// AccessKeyID is ASIA and 16 of A-Z2-7, Secret the 40 characters of the
	// secret access key.
	AccessKeyID string
	Secret      Secret
	// Account and Partition are those of the role.
	Account, Partition string
	// RoleARN has the role's path. RoleID is its unique id: the session ends
	// with the role, even if another takes its name.
	RoleARN, RoleID string
	// SessionName is 2 to 64 characters; SourceIdentity is empty or as long.
	SessionName, SourceIdentity string
	// IdentityID and PoolID are empty for a session that no identity pool's
	// login led to. AMR then is too; else its first value is "authenticated",
	// as Authenticated says, or "unauthenticated".
	IdentityID, PoolID string
	Authenticated      bool
	AMR                []string
	// Provider is aws:FederatedProvider, empty if the session has none. Subject
	// is who logged in there, for audits.
	Provider, Subject string
	// Keys are context keys of the provider, such as accounts.google.com:sub.
	Keys []ContextKey
	// Tags are the session's own; the role's, as they are when a request is
	// decided, stand below them. TransitiveTags are keys of some of them.
	Tags           []Tag
	TransitiveTags []string
	// Policies are session policies in IAM JSON, which limit what the role
	// allows. nil means that there are none, an empty slice that nothing is
	// allowed.
	Policies []string
	// IssuedAt and Expires are in whole seconds and at most 12 hours apart.
	IssuedAt, Expires time.Time
	// ID is unique: audits name it, and Revoke takes it.
	ID string
	// MFA says that a second factor was used, AuthTime when the user proved who
	// they are; zero if that is not known.
	MFA      bool
	AuthTime time.Time

	opened *opened // set by Sessions.Open
}

// MaxSessionLife is how long a session may last. Source: AWS STS API reference,
// AssumeRoleWithWebIdentity, "DurationSeconds".
const MaxSessionLife = 12 * time.Hour

// Limits of what a session holds. Source: identity-protocol §1.11, §3.2.
const (
	maxSessionTags     = 50
	maxSessionKeys     = 50
	maxSessionPolicies = 11 // an inline one and ten managed ones
	maxTagKey          = 128
	maxTagValue        = 256
)

// check refuses a session that no issuer should have made. It says nothing of
// the time: see Sessions.
func (s *Session) check() error {
	for _, part := range []func() error{s.checkText, s.checkRole, s.checkIdentity, s.checkKeys, s.checkTags, s.checkTimes} {
		if err := part(); err != nil {
			return err
		}
	}
	if len(s.Policies) > maxSessionPolicies {
		return fmt.Errorf("%d session policies, more than %d", len(s.Policies), maxSessionPolicies)
	}
	return nil
}

// checkText refuses what JSON would not give back as it was.
func (s *Session) checkText() error {
	texts := []string{s.Partition, s.SessionName, s.SourceIdentity, s.IdentityID, s.PoolID, s.Provider, s.Subject, s.ID}
	texts = slices.Concat(texts, s.AMR, s.TransitiveTags, s.Policies)
	for _, k := range s.Keys {
		texts = append(append(texts, k.Name), k.Values...)
	}
	for _, t := range s.Tags {
		texts = append(texts, t.Key, t.Value)
	}
	if i := slices.IndexFunc(texts, func(t string) bool { return !utf8.ValidString(t) }); i >= 0 {
		return fmt.Errorf("%.40q is not UTF-8", texts[i])
	}
	return nil
}

func (s *Session) checkRole() error {
	role, err := engine.ParsePrincipal(s.RoleARN)
	switch {
	case !uniqueID("ASIA", s.AccessKeyID):
		return errors.New("access key id is not ASIA and 16 of A-Z2-7")
	case len(s.Secret.view()) != secretLength:
		return fmt.Errorf("secret access key is not %d characters", secretLength)
	case err != nil:
		return fmt.Errorf("role: %w", err)
	case !strings.HasPrefix(s.RoleARN, "arn:"+s.Partition+":iam::"+s.Account+":role/") || role.Account() != s.Account:
		return fmt.Errorf("%.200q is no role of account %.20q", s.RoleARN, s.Account)
	case !uniqueID("AROA", s.RoleID):
		return errors.New("role id is not AROA and 16 of A-Z2-7")
	case !sessionName(s.SessionName):
		return fmt.Errorf("session name %.80q", s.SessionName)
	case s.SourceIdentity != "" && !sessionName(s.SourceIdentity):
		return fmt.Errorf("source identity %.80q", s.SourceIdentity)
	case s.ID == "" || len(s.ID) > 128:
		return errors.New("session id of no or more than 128 bytes")
	}
	return nil
}

func (s *Session) checkIdentity() error {
	if s.IdentityID == "" && s.PoolID == "" {
		if s.Authenticated || len(s.AMR) > 0 {
			return errors.New("amr without an identity")
		}
		return nil
	}
	first := guestAMR
	if s.Authenticated {
		first = authenticatedAMR
	}
	switch {
	case s.IdentityID == "" || s.PoolID == "":
		return errors.New("identity id and pool id come together")
	case len(s.AMR) == 0 || s.AMR[0] != first:
		return fmt.Errorf("amr does not begin with %q", first)
	case slices.ContainsFunc(s.AMR[1:], func(a string) bool { return !s.Authenticated || a == guestAMR || a == authenticatedAMR }):
		return errors.New("amr of two kinds of identity")
	case len(s.AMR) > 1+3*maxSessionKeys:
		return fmt.Errorf("%d values of amr", len(s.AMR))
	}
	return nil
}

// checkKeys refuses keys that are not a provider's, and those that other
// members of the session give.
func (s *Session) checkKeys() error {
	if len(s.Keys) > maxSessionKeys {
		return fmt.Errorf("%d provider keys, more than %d", len(s.Keys), maxSessionKeys)
	}
	for i, k := range s.Keys {
		switch {
		case !engine.ProviderKey(k.Name) || strings.HasPrefix(strings.ToLower(k.Name), poolPrincipal+":"):
			return fmt.Errorf("%.200q is no key of a login's provider", k.Name)
		case len(k.Values) == 0:
			return fmt.Errorf("%.200q has no value", k.Name)
		case slices.ContainsFunc(s.Keys[:i], func(o ContextKey) bool { return strings.EqualFold(o.Name, k.Name) }):
			return fmt.Errorf("%.200q is there twice", k.Name)
		}
	}
	return nil
}

func (s *Session) checkTags() error {
	if len(s.Tags) > maxSessionTags {
		return fmt.Errorf("%d tags, more than %d", len(s.Tags), maxSessionTags)
	}
	for i, t := range s.Tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey || utf8.RuneCountInString(t.Value) > maxTagValue:
			return fmt.Errorf("tag %.200q: key of 1 to %d and value of at most %d characters", t.Key, maxTagKey, maxTagValue)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return fmt.Errorf("tag %.200q: the prefix aws: is reserved", t.Key)
		case slices.ContainsFunc(s.Tags[:i], func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }):
			return fmt.Errorf("tag %.200q is there twice", t.Key)
		}
	}
	for _, key := range s.TransitiveTags {
		if !slices.ContainsFunc(s.Tags, func(t Tag) bool { return t.Key == key }) {
			return fmt.Errorf("transitive tag %.200q is no tag of the session", key)
		}
	}
	return nil
}

func (s *Session) checkTimes() error {
	switch {
	case s.IssuedAt.Nanosecond() != 0 || s.Expires.Nanosecond() != 0 || s.AuthTime.Nanosecond() != 0:
		return errors.New("a time that is not in whole seconds")
	case s.IssuedAt.Unix() <= 0 || !s.AuthTime.IsZero() && s.AuthTime.Unix() < 0:
		return errors.New("a time before 1970")
	case !s.IssuedAt.Before(s.Expires) || s.Expires.Sub(s.IssuedAt) > MaxSessionLife:
		return fmt.Errorf("a life that is not within %v", MaxSessionLife)
	}
	return nil
}

// The first values of cognito-identity.amazonaws.com:amr.
const (
	authenticatedAMR = "authenticated"
	guestAMR         = "unauthenticated"
)

// secretLength is that of a secret access key.
const secretLength = 40

// uniqueID reports whether id is the prefix and 16 of A-Z2-7.
func uniqueID(prefix, id string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	return ok && len(rest) == 16 && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// sessionName reports whether s may name a session: 2 to 64 of letters, digits
// and _+=,.@-. Source: AWS STS API reference, "RoleSessionName".
func sessionName(s string) bool {
	if len(s) < 2 || len(s) > 64 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("_+=,.@-", r)
	})
}
