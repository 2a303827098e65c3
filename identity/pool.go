package identity

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// Options say what identity pools work with. All but Log and Audit are
// required.
type Options struct {
	Account *Account
	Store   Store
	// Sessions seals session tokens and page tokens; Storage seals the signing
	// key in the store.
	Sessions, Storage *Keyring
	// Verifiers are by the key of a login, those of SAML by ARN. Every provider
	// of a pool, and every one registered in the account, needs one.
	Verifiers map[string]Verifier
	// Issuer is the iss of the pools' own tokens: the base URL of the
	// deployment.
	Issuer string
	Now    func() time.Time
	Random io.Reader
	// Log is nil for no log.
	Log *slog.Logger
	// Audit is called after what it tells of is stored; nil drops events. It
	// must not block for long.
	Audit func(context.Context, Event)
}

// Pools are the identity pools of an account. They may be shared. A new bundle
// makes new Pools on the same store.
type Pools struct {
	options Options
}

// New checks the pools of the account against the roles and verifiers there
// are. It loads the signing key of the pools' own tokens from the store, or
// makes it.
func New(ctx context.Context, o Options) (*Pools, error) {
	return nil, Errorf(InternalError, "not yet")
}

// KeySet returns the public keys of the pools' own tokens.
func (p *Pools) KeySet() *oidc.KeySet { return nil }

// Verifier verifies the pools' own tokens: logins under
// cognito-identity.amazonaws.com. clients are the pools whose tokens it takes.
func (p *Pools) Verifier() Verifier { return nil }
