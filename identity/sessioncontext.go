package identity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Caller returns what the engine needs to decide the session's requests that
// begin at now. It wraps ErrSessionToken if the session is of another account
// or its role is gone or was made anew, and fails for a session policy that is
// none and for a key whose value is not of its kind. It looks neither at the
// session's times nor at revocations: Sessions does. Resource control policies
// are those of the account, which do not speak for resources of others.
func (a *Account) Caller(s *Session, now time.Time) (*engine.Caller, error) {
	role, err := a.role(s)
	if err != nil {
		return nil, err
	}
	principal, err := s.principal(role)
	if err != nil {
		return nil, err
	}
	limits, err := s.compilePolicies(a.Vocabulary)
	if err != nil {
		return nil, err
	}
	keys, err := a.sessionContext(s, role, &principal, now)
	if err != nil {
		return nil, err
	}
	return &engine.Caller{
		Principal: principal, Session: keys,
		Evaluator: a.evaluator(role.Identity, role.Boundary, limits),
	}, nil
}

// AdministratorCaller returns what the engine needs to decide the requests of
// an administrator.
func (a *Account) AdministratorCaller(admin *Administrator) (*engine.Caller, error) {
	principal, err := engine.ParsePrincipal(admin.ARN)
	if err != nil {
		return nil, err
	}
	if principal.Kind() != engine.User || principal.Account() != a.ID || !uniqueID("AIDA", admin.UniqueID) || admin.Identity == nil {
		return nil, fmt.Errorf("%.200q is no administrator of account %s with a unique id and policies", admin.ARN, a.ID)
	}
	principal = principal.WithUniqueID(admin.UniqueID)
	keys := a.Vocabulary.NewContext()
	if err := principal.Describe(keys); err != nil {
		return nil, err
	}
	if err := setTags(keys, nil, admin.Tags); err != nil {
		return nil, err
	}
	return &engine.Caller{
		Principal: principal, Session: keys,
		Evaluator: a.evaluator(admin.Identity, admin.Boundary, nil),
	}, nil
}

func (a *Account) evaluator(own, boundary, session *engine.Set) *engine.Evaluator {
	return &engine.Evaluator{
		Identity: own, Boundary: boundary, Session: session,
		ServiceControl: a.ServiceControl, ResourceControl: a.ResourceControl,
	}
}

// role returns the role of the session: the very one it was made of.
func (a *Account) role(s *Session) (*Role, error) {
	if s.Account != a.ID || s.Partition != a.Partition {
		return nil, fmt.Errorf("%w: of another account", ErrSessionToken)
	}
	role := a.Roles[s.RoleARN]
	if role == nil || role.UniqueID != s.RoleID || role.Identity == nil {
		return nil, fmt.Errorf("%w: its role is gone", ErrSessionToken)
	}
	return role, nil
}

// principal returns who the session is, with the role's path and unique id.
func (s *Session) principal(role *Role) (engine.Principal, error) {
	name := role.ARN[strings.LastIndexByte(role.ARN, '/')+1:]
	p, err := engine.ParsePrincipal("arn:" + s.Partition + ":sts::" + s.Account + ":assumed-role/" + name + "/" + s.SessionName)
	if err != nil {
		return engine.Principal{}, err
	}
	if p, err = p.WithRole(role.ARN); err != nil {
		return engine.Principal{}, err
	}
	return p.WithUniqueID(role.UniqueID), nil
}

// compilePolicies compiles the session policies; nil if there are none.
func (s *Session) compilePolicies(v *conditions.Vocabulary) (*engine.Set, error) {
	if s.Policies == nil {
		return nil, nil
	}
	docs := make([]*policy.Document, len(s.Policies))
	for i, text := range s.Policies {
		d, err := policy.Parse("session["+strconv.Itoa(i)+"]", []byte(text))
		if err != nil {
			return nil, err
		}
		docs[i] = d
	}
	return engine.Compile(v, policy.Session, docs...)
}

// sessionContext gives the context keys of a session. This is the one place
// where they are made. Source: iam-semantics §5.2 to §5.4.
func (a *Account) sessionContext(s *Session, role *Role, p *engine.Principal, now time.Time) (*conditions.Context, error) {
	c := a.Vocabulary.NewContext()
	if err := p.Describe(c); err != nil {
		return nil, err
	}
	if err := setTags(c, role.Tags, s.Tags); err != nil {
		return nil, err
	}
	keys := append([]ContextKey{
		{"aws:TokenIssueTime", []string{s.IssuedAt.UTC().Format(time.RFC3339)}},
		{"aws:FederatedProvider", some(s.Provider)},
		{"aws:SourceIdentity", some(s.SourceIdentity)},
		{poolPrincipal + ":sub", some(s.IdentityID)},
		{poolPrincipal + ":aud", some(s.PoolID)},
		{poolPrincipal + ":amr", s.AMR},
	}, s.Keys...)
	for _, k := range keys {
		if len(k.Values) == 0 {
			continue // absent, which is not the same as present without a value
		}
		if err := c.Set(k.Name, k.Values...); err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
	}
	return c, setMFA(c, s, now)
}

// some returns the values of a key that is absent when text is empty.
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// setTags sets aws:PrincipalTag/…: a tag of the session replaces one of the
// role whose key differs by case alone. Source: iam-semantics §5.3.
func setTags(c *conditions.Context, role, session []Tag) error {
	tags := slices.Clone(session)
	for _, t := range role {
		if !slices.ContainsFunc(session, func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			tags = append(tags, t)
		}
	}
	for _, t := range tags {
		if err := c.Set("aws:PrincipalTag/"+t.Key, t.Value); err != nil {
			return fmt.Errorf("tag %.200q: %w", t.Key, err)
		}
	}
	return nil
}

// setMFA says that a second factor was used, and how long ago. A session
// without one has neither key: it is not known that there was none. Source:
// iam-semantics §5.3.
func setMFA(c *conditions.Context, s *Session, now time.Time) error {
	if !s.MFA {
		return nil
	}
	if err := c.Set("aws:MultiFactorAuthPresent", "true"); err != nil {
		return err
	}
	age := now.Unix() - s.AuthTime.Unix()
	if s.AuthTime.IsZero() || age < 0 {
		return c.SetIndeterminate("aws:MultiFactorAuthAge")
	}
	return c.Set("aws:MultiFactorAuthAge", strconv.FormatInt(age, 10))
}

// aged returns the caller with the time since the second factor as it is now.
func (a *Account) aged(caller *engine.Caller, s *Session, now time.Time) (*engine.Caller, error) {
	role, err := a.role(s)
	if err != nil {
		return nil, err
	}
	out := *caller
	out.Session, err = a.sessionContext(s, role, &caller.Principal, now)
	return &out, err
}
