package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrSessionToken means a session token that is not ours, not of this access
	// key, or of a role that is no longer there.
	ErrSessionToken = errors.New("invalid session token")
	// ErrSessionSize means a session that does not fit into a token.
	ErrSessionSize = errors.New("session does not fit into a token")
)

// MaxSessionToken is how many characters a session token has at most.
const MaxSessionToken = 8 << 10

// sessionBody is what is sealed in a token: this version's members and no
// others, each of them always there. "pol" is null for a session without
// session policies, so that a member which got lost cannot widen what the
// session may do.
type sessionBody struct {
	AccessKeyID    string       `json:"ak"`
	Secret         string       `json:"sk"`
	Account        string       `json:"acct"`
	Partition      string       `json:"part"`
	RoleARN        string       `json:"rarn"`
	RoleID         string       `json:"rid"`
	SessionName    string       `json:"sn"`
	SourceIdentity string       `json:"si"`
	IdentityID     string       `json:"iid"`
	PoolID         string       `json:"pool"`
	Authenticated  bool         `json:"authn"`
	AMR            []string     `json:"amr"`
	Provider       string       `json:"prov"`
	Subject        string       `json:"psub"`
	Keys           []ContextKey `json:"keys"`
	Tags           []Tag        `json:"tags"`
	TransitiveTags []string     `json:"ttags"`
	Policies       []string     `json:"pol"`
	IssuedAt       int64        `json:"iat"` // this and the following in seconds since 1970
	Expires        int64        `json:"exp"`
	ID             string       `json:"jti"`
	MFA            bool         `json:"mfa"`
	AuthTime       int64        `json:"auth"` // 0 if not known
}

// SealSession returns the session token of s, sealed at now. It refuses a
// session that Open would refuse, and wraps ErrSessionSize for one of more than
// MaxSessionToken characters.
func (k *Keyring) SealSession(now time.Time, s *Session) (string, error) {
	if err := s.check(); err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	body, err := s.body().encode()
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	sealed, err := k.Seal(now, PurposeSession, []byte(s.AccessKeyID), body)
	if err != nil {
		return "", err
	}
	if n := base64.RawURLEncoding.EncodedLen(len(sealed)); n > MaxSessionToken {
		return "", fmt.Errorf("%w: %d characters, at most %d", ErrSessionSize, n, MaxSessionToken)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openSession returns the session of a token, whatever the time it is for, and
// the key that opened it. Every failure is ErrSessionToken. It is not for
// callers: what it returns holds the secret.
func (k *Keyring) openSession(now time.Time, accessKeyID, token string) (*Session, *ringKey, error) {
	// The decoder skips line ends.
	if len(token) > MaxSessionToken || strings.ContainsAny(token, "\r\n") {
		return nil, nil, ErrSessionToken
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, nil, ErrSessionToken
	}
	plaintext, key, err := k.open(now, PurposeSession, []byte(accessKeyID), sealed)
	if err != nil {
		return nil, nil, ErrSessionToken
	}
	s, err := decodeSession(plaintext)
	if err != nil || s.AccessKeyID != accessKeyID {
		return nil, nil, ErrSessionToken
	}
	return s, key, nil
}

// decodeSession reads what a token seals. It takes what encode writes, to the
// byte, and nothing else: no member may be missing, unknown, double, or spelt
// in another case.
func decodeSession(plaintext []byte) (*Session, error) {
	var b sessionBody
	if err := json.Unmarshal(plaintext, &b); err != nil {
		return nil, err
	}
	again, err := b.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, plaintext) {
		return nil, errors.New("not what this version writes")
	}
	s := b.session()
	return s, s.check()
}

func (b *sessionBody) encode() ([]byte, error) { return json.Marshal(b) }

func (s *Session) body() *sessionBody {
	return &sessionBody{
		AccessKeyID: s.AccessKeyID, Secret: string(s.Secret.view()),
		Account: s.Account, Partition: s.Partition, RoleARN: s.RoleARN, RoleID: s.RoleID,
		SessionName: s.SessionName, SourceIdentity: s.SourceIdentity,
		IdentityID: s.IdentityID, PoolID: s.PoolID, Authenticated: s.Authenticated, AMR: s.AMR,
		Provider: s.Provider, Subject: s.Subject, Keys: s.Keys,
		Tags: s.Tags, TransitiveTags: s.TransitiveTags, Policies: s.Policies,
		IssuedAt: seconds(s.IssuedAt), Expires: seconds(s.Expires), ID: s.ID,
		MFA: s.MFA, AuthTime: seconds(s.AuthTime),
	}
}

func (b *sessionBody) session() *Session {
	return &Session{
		AccessKeyID: b.AccessKeyID, Secret: NewSecret([]byte(b.Secret)),
		Account: b.Account, Partition: b.Partition, RoleARN: b.RoleARN, RoleID: b.RoleID,
		SessionName: b.SessionName, SourceIdentity: b.SourceIdentity,
		IdentityID: b.IdentityID, PoolID: b.PoolID, Authenticated: b.Authenticated, AMR: b.AMR,
		Provider: b.Provider, Subject: b.Subject, Keys: b.Keys,
		Tags: b.Tags, TransitiveTags: b.TransitiveTags, Policies: b.Policies,
		IssuedAt: instant(b.IssuedAt), Expires: instant(b.Expires), ID: b.ID,
		MFA: b.MFA, AuthTime: instant(b.AuthTime),
	}
}

// seconds is the form that a time has in a token; 0 is the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
