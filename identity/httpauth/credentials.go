package httpauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// CredentialsOptions say whose credentials count. Sessions are those with
// temporary credentials; nil means none.
type CredentialsOptions struct {
	Sessions *identity.Sessions
	// Account names the administrators, and Secrets has the secret of each by
	// access key id. An administrator without one cannot sign.
	Account *identity.Account
	Secrets map[string]identity.Secret
}

// Credentials find the secret of an access key and the caller behind it. They
// may be shared.
type Credentials struct {
	sessions       *identity.Sessions
	administrators map[string]administrator
}

type administrator struct {
	*identity.Administrator
	secret identity.Secret
	caller *engine.Caller
}

// NewCredentials makes Credentials. It refuses secrets of access keys that no
// administrator has: a name that was misspelt would otherwise lock out.
func NewCredentials(o CredentialsOptions) (*Credentials, error) {
	c := &Credentials{sessions: o.Sessions, administrators: map[string]administrator{}}
	for _, id := range slices.Sorted(maps.Keys(o.Secrets)) {
		secret := o.Secrets[id]
		switch {
		case o.Account == nil || o.Account.Administrators[id] == nil:
			return nil, fmt.Errorf("no administrator has the access key id %.130q", id)
		case secret.Empty():
			return nil, fmt.Errorf("the secret of access key id %.130q is empty", id)
		}
		admin := o.Account.Administrators[id]
		caller, err := o.Account.AdministratorCaller(admin)
		if err != nil {
			return nil, fmt.Errorf("administrator with access key id %.130q: %w", id, err)
		}
		c.administrators[id] = administrator{admin, secret, caller}
	}
	return c, nil
}

// Lookup is for sigv4.Options. The Value of what it returns is a
// *identity.Session or an *identity.Administrator.
func (c *Credentials) Lookup(ctx context.Context, accessKeyID, sessionToken string) (sigv4.Credential, error) {
	if sessionToken == "" {
		admin, ok := c.administrators[accessKeyID]
		if !ok {
			return sigv4.Credential{}, sigv4.ErrUnknownKey
		}
		return sigv4.Credential{Secret: admin.secret.Reveal(), Value: admin.Administrator}, nil
	}
	if c.sessions == nil {
		return sigv4.Credential{}, sigv4.ErrBadToken
	}
	session, err := c.sessions.Open(ctx, accessKeyID, sessionToken)
	if err != nil {
		return sigv4.Credential{}, sessionError(err)
	}
	return sigv4.Credential{Secret: session.Secret.Reveal(), Expires: session.Expires, Value: session}, nil
}

// Caller returns the caller whose signature was verified with a credential of
// Lookup. Its errors are those of Lookup.
func (c *Credentials) Caller(v *sigv4.Verified) (*engine.Caller, error) {
	switch who := v.Value.(type) {
	case *identity.Session:
		if c.sessions == nil {
			return nil, sigv4.ErrBadToken
		}
		caller, err := c.sessions.Caller(who)
		return caller, sessionError(err)
	case *identity.Administrator:
		if admin, ok := c.administrators[v.AccessKeyID]; ok && admin.Administrator == who {
			return admin.caller, nil
		}
	}
	return nil, sigv4.ErrUnknownKey
}

// sessionError gives an error of Sessions the name that it has here. Any other
// than these is an outage. A session that was revoked reads like one that never
// was: its credentials will not work again.
func sessionError(err error) error {
	switch {
	case errors.Is(err, identity.ErrSessionExpired):
		return fmt.Errorf("%w: %w", sigv4.ErrExpired, err)
	case errors.Is(err, identity.ErrSessionToken), errors.Is(err, identity.ErrSessionRevoked):
		return fmt.Errorf("%w: %w", sigv4.ErrBadToken, err)
	}
	return err
}
