package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/identity"
)

// loginVerifier proves logins by ID tokens of a pool of our own, and knows
// whether they were revoked.
type loginVerifier struct {
	identity.Verifier
	d    *Directory
	pool *pool
}

// Verifier returns what identity pools prove logins of the user pool with;
// loginKey is the key of such logins, cognito-idp.REGION.amazonaws.com/POOLID.
// It takes ID tokens of the pool's own key and issuer, without any skew, and is
// an identity.Checker too. For a pool that there is not, or an empty key, it
// returns a Verifier that refuses every token.
func (d *Directory) Verifier(poolID, loginKey string) identity.Verifier {
	p, ok := d.pools[poolID]
	if !ok {
		return refuser{}
	}
	v, err := identity.NewUserPoolVerifier(loginKey, p.issuer, p.idKeys, d.now)
	if err != nil {
		d.log.Error("no verifier for the logins of a user pool", "pool", poolID, "error", err)
		return refuser{}
	}
	return &loginVerifier{Verifier: v, d: d, pool: p}
}

// Verify proves a login by an ID token. That a second factor was used is our
// own word, in amr, and so counts; that of another provider would not.
func (v *loginVerifier) Verify(ctx context.Context, token string, clients []string) (*identity.Login, error) {
	login, err := v.Verifier.Verify(ctx, token, clients)
	if err != nil {
		return nil, err
	}
	methods, _ := login.Claims.Strings("amr")
	login.MFA = slices.Contains(methods, "mfa")
	return login, nil
}

type refuser struct{}

// Verify refuses.
func (refuser) Verify(context.Context, string, []string) (*identity.Login, error) {
	return nil, notAuthorized("Invalid login token. Couldn't verify signed token.")
}

// Check refuses a login whose user is gone or disabled, whose client is gone,
// or whose sign-in was ended. Source: identity-protocol §1.5, step 11.
func (v *loginVerifier) Check(ctx context.Context, login *identity.Login) error {
	inactive := notAuthorized("Token is inactive")
	if login == nil || login.Issuer != v.pool.issuer {
		return inactive
	}
	if c := v.d.clients[login.Audience]; c == nil || c.pool != v.pool {
		return inactive
	}
	return v.d.store.View(ctx, func(tx identity.Tx) error {
		u, err := v.pool.load(tx, login.Subject)
		if errors.Is(err, errNoUser) {
			return inactive
		}
		if err != nil {
			return fmt.Errorf("user of a login: %w", err)
		}
		alive, err := v.pool.alive(tx, u, login.Audience, login.Claims)
		if err == nil && (!alive || !u.Enabled) {
			return inactive
		}
		return err
	})
}
