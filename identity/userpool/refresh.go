package userpool

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
)

func splitScopes(text string) []string { return strings.Fields(text) }

func errRefreshToken() error { return notAuthorized("Invalid Refresh Token") }

// refreshFlow is InitiateAuth with REFRESH_TOKEN_AUTH: new tokens, and the same
// refresh token stays good.
func (d *Directory) refreshFlow(ctx context.Context, c *client, params map[string]Sensitive) (*step, error) {
	text, err := required(params, paramRefresh)
	if err != nil {
		return nil, err
	}
	if c.RotateRefresh {
		return nil, invalid("The client rotates refresh tokens: use GetTokensFromRefreshToken.")
	}
	hash := params[paramSecretHash]
	if c.HasSecret && hash == "" {
		return nil, c.checkSecretHash("", hash)
	}
	g, err := d.refresh(ctx, c, text, func(u *user, _ *family) error { return c.checkSecretHash(u.Username, hash) })
	return &step{grant: g}, err
}

// checkSecret proves that a caller knows the client's secret itself.
func (c *client) checkSecret(secret Sensitive) bool {
	if !c.HasSecret {
		return secret == ""
	}
	return c.secret.Equal(identity.NewSecret([]byte(secret)))
}

// GetTokensFromRefreshToken gives new tokens for a refresh token, and a new
// refresh token if the client rotates them.
func (d *Directory) GetTokensFromRefreshToken(ctx context.Context, in *GetTokensFromRefreshTokenInput) (*GetTokensFromRefreshTokenOutput, error) {
	var f faults
	f.text("refreshToken", string(in.RefreshToken), tokenRule)
	f.text("clientId", in.ClientID, clientIDRule)
	f.text("clientSecret", string(in.ClientSecret), secretRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.client(in.ClientID)
	if err != nil {
		return nil, err
	}
	if !c.checkSecret(in.ClientSecret) {
		return nil, notAuthorized("Invalid client or secret")
	}
	if !c.RotateRefresh && !slices.Contains(c.Flows, flowRefresh) {
		return nil, errFlow(flowRefresh)
	}
	g, err := d.refresh(ctx, c, string(in.RefreshToken), func(*user, *family) error { return nil })
	if err != nil {
		return nil, err
	}
	result, err := d.issue(g)
	if err != nil {
		return nil, err
	}
	return &GetTokensFromRefreshTokenOutput{AuthenticationResult: result}, nil
}

// refresh redeems a refresh token. Source: identity-protocol §2.10.
func (d *Directory) refresh(ctx context.Context, c *client, text string, prove func(*user, *family) error) (*grant, error) {
	var g *grant
	err := d.update(ctx, func(tx identity.Tx) (err error) {
		g, err = d.refreshIn(tx, c, text, prove)
		return err
	})
	return g, err
}

func (d *Directory) refreshIn(tx identity.Tx, c *client, text string, prove func(*user, *family) error) (*grant, error) {
	p := c.pool
	r, fam, err := d.loadRefresh(tx, c, text)
	if err != nil {
		return nil, err
	}
	u, err := p.load(tx, r.Sub)
	if errors.Is(err, errNoUser) {
		return nil, errRefreshToken()
	}
	if err != nil {
		return nil, err
	}
	if err := prove(u, fam); err != nil {
		return nil, err
	}
	now := d.now()
	switch {
	case fam.Revoked || fam.Epoch != u.Epoch:
		return nil, notAuthorized("Refresh Token has been revoked")
	case !now.Before(fam.Expires):
		return nil, notAuthorized("Refresh Token has expired")
	case !u.Enabled:
		return nil, errDisabled()
	case u.Status != statusReady:
		return nil, notAuthorized("Refresh Token has been revoked")
	}
	g := &grant{client: c, user: u, family: *fam, origin: r.Origin}
	if c.RotateRefresh {
		return g, d.rotate(tx, g, r, text)
	}
	if !r.Replaced.IsZero() { // rotation was on when it was
		return nil, d.theft(tx, g)
	}
	return g, nil
}

// loadRefresh finds a refresh token of the client with its family.
func (d *Directory) loadRefresh(tx identity.Tx, c *client, text string) (*refreshToken, *family, error) {
	r, fam := new(refreshToken), new(family)
	err := get(tx, kindRefresh, c.pool.key(bearerHash(text)), r)
	if err == nil {
		err = get(tx, kindFamily, c.pool.key(r.Sub, r.Origin), fam)
	}
	if errors.Is(err, identity.ErrNoRecord) || err == nil && fam.Client != c.ID {
		return nil, nil, errRefreshToken()
	}
	return r, fam, err
}

// rotate gives a new refresh token. The one used stays good for the client's
// grace, since an answer may get lost; its use after that is theft of one of
// the two, and ends the sign-in.
func (d *Directory) rotate(tx identity.Tx, g *grant, r *refreshToken, text string) error {
	now := d.now()
	if !r.Replaced.IsZero() && !now.Before(r.Replaced.Add(g.client.RotateGrace)) {
		return d.theft(tx, g)
	}
	if r.Replaced.IsZero() {
		r.Replaced = now
		if err := put(tx, kindRefresh, g.client.pool.key(bearerHash(text)), r, g.family.Expires); err != nil {
			return err
		}
	}
	var err error
	g.refresh, err = d.newRefresh(tx, g)
	return err
}

// theft ends a family whose refresh token came twice.
func (d *Directory) theft(tx identity.Tx, g *grant) error {
	if err := d.revoke(tx, g.client, g.user.Sub, g.origin, &g.family); err != nil {
		return err
	}
	return keep(identity.Errorf(RefreshTokenReuse, "Refresh token has been used before; the sign-in is revoked"))
}

func (d *Directory) revoke(tx identity.Tx, c *client, sub, origin string, f *family) error {
	f.Revoked = true
	return d.saveFamily(tx, c, sub, origin, f)
}

// RevokeToken ends the sign-in that a refresh token comes of. A token that is
// unknown or revoked already is no error.
func (d *Directory) RevokeToken(ctx context.Context, in *RevokeTokenInput) (*RevokeTokenOutput, error) {
	var f faults
	f.text("token", string(in.Token), tokenRule)
	f.text("clientId", in.ClientID, clientIDRule)
	f.text("clientSecret", string(in.ClientSecret), secretRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	c, err := d.client(in.ClientID)
	if err != nil || !c.checkSecret(in.ClientSecret) {
		return nil, identity.Errorf(Unauthorized, "Invalid client or secret")
	}
	if err := d.revokeByToken(ctx, c, string(in.Token)); err != nil {
		return nil, err
	}
	return &RevokeTokenOutput{}, nil
}

// revokeByToken ends the sign-in of a refresh token, for a client that has
// proven its secret.
func (d *Directory) revokeByToken(ctx context.Context, c *client, token string) error {
	if !c.Revocation {
		return identity.Errorf(UnsupportedOperation, "Token revocation is not enabled for this client")
	}
	if strings.Count(token, ".") == 2 {
		return identity.Errorf(UnsupportedTokenType, "Only refresh tokens can be revoked")
	}
	return d.update(ctx, func(tx identity.Tx) error {
		r, fam, err := d.loadRefresh(tx, c, token)
		if identity.CodeOf(err) == identity.NotAuthorized {
			return nil
		}
		if err != nil {
			return err
		}
		return d.revoke(tx, c, r.Sub, r.Origin, fam)
	})
}

// GlobalSignOut ends all sign-ins of a user.
func (d *Directory) GlobalSignOut(ctx context.Context, in *GlobalSignOutInput) (*GlobalSignOutOutput, error) {
	err := d.asCaller(ctx, in.AccessToken, func(tx identity.Tx, c *caller) error {
		was := *c.user
		c.user.endSignIns(d.now())
		return c.pool.save(tx, &was, c.user, false)
	})
	if err != nil {
		return nil, err
	}
	return &GlobalSignOutOutput{}, nil
}
