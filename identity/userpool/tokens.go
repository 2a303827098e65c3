package userpool

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// scopeUser lets an access token call the operations of a signed-in user. It
// is what API sign-ins get.
const scopeUser = "aws.cognito.signin.user.admin"

// family is a sign-in: the tokens that come of it name it as origin_jti.
type family struct {
	Client string `json:"client"`
	// AuthTime is when the user proved who they are; it survives refreshes, and
	// so does MFA.
	AuthTime time.Time `json:"authTime"`
	MFA      bool      `json:"mfa,omitempty"`
	// Epoch is the user's when it began; the user's going on ends it.
	Epoch int    `json:"epoch"`
	Scope string `json:"scope"`
	// OAuth says that it began with an authorization code.
	OAuth   bool   `json:"oauth,omitempty"`
	Event   string `json:"event"`
	Revoked bool   `json:"revoked,omitempty"`
	// Expires is when no refresh token of it is good any more.
	Expires time.Time `json:"expires"`
}

// refreshToken is the record of a refresh token, found by its hash.
type refreshToken struct {
	Sub    string `json:"sub"`
	Origin string `json:"origin"`
	// Replaced is when rotation gave a newer one.
	Replaced time.Time `json:"replaced,omitzero"`
}

// grant is what a sign-in or a refresh is answered with.
type grant struct {
	client *client
	user   *user
	family family
	origin string
	// refresh is the new refresh token, empty if there is none.
	refresh Sensitive
	// nonce goes into the ID token, empty for none.
	nonce string
}

// grant begins the family of an API sign-in.
func (d *Directory) grant(tx identity.Tx, s *signIn) (*grant, error) {
	return d.begin(tx, s.client, s.user, family{AuthTime: d.now(), MFA: s.mfa, Epoch: s.user.Epoch, Scope: scopeUser})
}

// begin begins a family. It is stored with the transaction, and the tokens are
// signed after it.
func (d *Directory) begin(tx identity.Tx, c *client, u *user, f family) (*grant, error) {
	origin, err := d.uuid()
	if err != nil {
		return nil, err
	}
	if f.Event, err = d.uuid(); err != nil {
		return nil, err
	}
	f.Client, f.Expires = c.ID, d.now().Add(c.RefreshTokenLife)
	g := &grant{client: c, user: u, origin: origin, family: f}
	if err := d.saveFamily(tx, c, u.Sub, origin, &g.family); err != nil {
		return nil, err
	}
	g.refresh, err = d.newRefresh(tx, g)
	return g, err
}

// saveFamily writes a family. Its record outlives its last access token.
func (d *Directory) saveFamily(tx identity.Tx, c *client, sub, origin string, f *family) error {
	return put(tx, kindFamily, c.pool.key(sub, origin), f, f.Expires.Add(max(c.AccessTokenLife, c.IDTokenLife)))
}

// newRefresh makes a refresh token, of which only the hash is kept.
func (d *Directory) newRefresh(tx identity.Tx, g *grant) (Sensitive, error) {
	text, err := d.bearer()
	if err != nil {
		return "", err
	}
	r := refreshToken{Sub: g.user.Sub, Origin: g.origin}
	return Sensitive(text), put(tx, kindRefresh, g.client.pool.key(bearerHash(text)), r, g.family.Expires)
}

// bearer makes a text that is worth what it stands for to whoever has it: 256
// random bits.
func (d *Directory) bearer() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(d.random, b); err != nil {
		return "", fmt.Errorf("randomness for a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// bearerHash is what is kept of a bearer.
func bearerHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// issue signs the tokens of a grant. What began with an authorization code has
// an ID token only if the scope openid was granted.
func (d *Directory) issue(g *grant) (*AuthenticationResult, error) {
	p, now := g.client.pool, d.now()
	access, err := d.accessClaims(g, now)
	if err != nil {
		return nil, err
	}
	accessToken, err := oidc.Sign(p.accessKey, access)
	if err != nil {
		return nil, err
	}
	d.active(p.ID, g.user.Sub)
	out := &AuthenticationResult{
		AccessToken: Sensitive(accessToken), RefreshToken: g.refresh,
		ExpiresIn: int(g.client.AccessTokenLife / time.Second), TokenType: "Bearer",
	}
	if g.family.OAuth && !slices.Contains(splitScopes(g.family.Scope), scopeOpenID) {
		return out, nil
	}
	id, err := d.idClaims(g, now)
	if err != nil {
		return nil, err
	}
	if g.family.OAuth {
		id["at_hash"] = halfHash(accessToken)
	}
	if g.nonce != "" {
		id["nonce"] = g.nonce
	}
	idToken, err := oidc.Sign(p.idKey, id)
	out.IDToken = Sensitive(idToken)
	return out, err
}

// halfHash is at_hash. Source: OpenID Connect Core 1.0 §3.1.3.6, for RS256.
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// claims are those that both tokens have. Source: identity-protocol §2.10.
func (d *Directory) claims(g *grant, use string, now time.Time, life time.Duration) (map[string]any, error) {
	jti, err := d.uuid()
	if err != nil {
		return nil, err
	}
	claims := map[string]any{
		"iss": g.client.pool.issuer, "sub": g.user.Sub, "token_use": use,
		"auth_time": g.family.AuthTime.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
		"jti": jti, "event_id": g.family.Event,
	}
	if g.client.Revocation {
		claims["origin_jti"] = g.origin
	}
	if groups := g.client.pool.groupsOf(g.user); len(groups) > 0 {
		claims["cognito:groups"] = groupNames(groups)
	}
	return claims, nil
}

func (d *Directory) accessClaims(g *grant, now time.Time) (map[string]any, error) {
	claims, err := d.claims(g, "access", now, g.client.AccessTokenLife)
	if err != nil {
		return nil, err
	}
	claims["client_id"] = g.client.ID
	claims["username"] = g.user.Username
	claims["scope"] = g.family.Scope
	if g.family.OAuth {
		claims["version"] = 2
	}
	return claims, nil
}

// idClaims has one claim that a user pool of AWS has not: amr (RFC 8176), and
// only if a second factor was used.
func (d *Directory) idClaims(g *grant, now time.Time) (map[string]any, error) {
	claims, err := d.claims(g, "id", now, g.client.IDTokenLife)
	if err != nil {
		return nil, err
	}
	for _, a := range g.client.visible(g.user) {
		claims[a.Name] = claimValue(a)
	}
	claims["sub"] = g.user.Sub
	claims["aud"] = g.client.ID
	claims["cognito:username"] = g.user.Username
	if g.family.MFA {
		claims["amr"] = []string{"pwd", "otp", "mfa"}
	}
	roles, preferred := groupRoles(g.client.pool.groupsOf(g.user))
	if len(roles) > 0 {
		claims["cognito:roles"] = roles
	}
	if preferred != "" {
		claims["cognito:preferred_role"] = preferred
	}
	return claims, nil
}

// claimValue is how an attribute stands in an ID token: text but for three.
func claimValue(a Attribute) any {
	switch a.Name {
	case attrEmailVerified, attrPhoneVerified:
		return a.Value == "true"
	case attrUpdatedAt:
		if n, err := strconv.ParseInt(a.Value, 10, 64); err == nil {
			return n
		}
	}
	return a.Value
}

// groupsOf returns the groups of a user that the pool still has, the lowest
// precedence first, those without one last.
func (p *pool) groupsOf(u *user) []GroupConfig {
	var out []GroupConfig
	for _, g := range p.Groups {
		if slices.Contains(u.Groups, g.Name) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b GroupConfig) int {
		// As unsigned numbers -1 is the largest.
		return cmp.Or(cmp.Compare(uint(a.Precedence), uint(b.Precedence)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func groupNames(groups []GroupConfig) []string {
	out := make([]string, len(groups))
	for i, g := range groups {
		out[i] = g.Name
	}
	return out
}

// groupRoles returns the roles of groups, and the one preferred: that of the
// group with the lowest precedence; none if such groups differ. Source:
// identity-protocol §1.9.
func groupRoles(groups []GroupConfig) (roles []string, preferred string) {
	tied := false
	var first *GroupConfig
	for i, g := range groups {
		if g.RoleARN == "" {
			continue
		}
		if !slices.Contains(roles, g.RoleARN) {
			roles = append(roles, g.RoleARN)
		}
		if first == nil {
			first = &groups[i]
		} else if g.Precedence == first.Precedence && g.RoleARN != first.RoleARN {
			tied = true
		}
	}
	if first == nil || tied {
		return roles, ""
	}
	return roles, first.RoleARN
}

// caller is who an access token of ours stands for.
type caller struct {
	pool   *pool
	client *client
	claims oidc.Claims
	sub    string
	// user is nil until the token's sign-in was seen to be alive.
	user *user
}

func errAccessToken() error { return notAuthorized("Invalid Access Token") }

// caller verifies an access token; whether its sign-in is alive is for live to
// say.
func (d *Directory) caller(ctx context.Context, token Sensitive) (*caller, error) {
	if tokenRule.broken(string(token)) != "" {
		return nil, errAccessToken()
	}
	for _, id := range d.ids {
		p := d.pools[id]
		claims, err := oidc.Verify(ctx, string(token), p.accessKeys, &oidc.Expect{
			Issuers: []string{p.issuer}, Audiences: p.clientIDs(), Algorithms: []string{"RS256"},
			TokenUse: "access", AllowNoAudience: true,
		}, d.now())
		switch {
		case errors.Is(err, oidc.ErrUnknownKey):
			continue
		case errors.Is(err, oidc.ErrExpired):
			return nil, notAuthorized("Access Token has expired")
		case err != nil:
			return nil, identity.Errorf(identity.NotAuthorized, "Invalid Access Token").Because(err)
		}
		return p.callerOf(claims)
	}
	return nil, errAccessToken()
}

func (p *pool) callerOf(claims oidc.Claims) (*caller, error) {
	id, _ := claims.String("client_id")
	sub, _ := claims.String("sub")
	i := slices.IndexFunc(p.clients, func(c *client) bool { return c.ID == id })
	if i < 0 || sub == "" {
		return nil, errAccessToken()
	}
	return &caller{pool: p, client: p.clients[i], claims: claims, sub: sub}, nil
}

func (p *pool) clientIDs() []string {
	out := make([]string, len(p.clients))
	for i, c := range p.clients {
		out[i] = c.ID
	}
	return out
}

// allows reports whether the access token has a scope.
func (c *caller) allows(scope string) bool {
	text, _ := c.claims.String("scope")
	return slices.Contains(splitScopes(text), scope)
}

// asCaller runs f, in one transaction, for the user of an access token whose
// sign-in is alive and that may call the operations of a user.
func (d *Directory) asCaller(ctx context.Context, token Sensitive, f func(identity.Tx, *caller) error) error {
	c, err := d.caller(ctx, token)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx identity.Tx) error {
		if err := d.live(tx, c, scopeUser); err != nil {
			return err
		}
		return f(tx, c)
	})
}

// live sets the caller's user, or says why the token is not good, or no longer.
func (d *Directory) live(tx identity.Tx, c *caller, scope string) error {
	if !c.allows(scope) {
		return notAuthorized("Access Token does not have required scopes")
	}
	u, err := c.pool.load(tx, c.sub)
	if errors.Is(err, errNoUser) {
		return errUserNotFound()
	}
	if err != nil {
		return err
	}
	alive, err := c.pool.alive(tx, u, c.client.ID, c.claims)
	switch {
	case err != nil:
		return err
	case !alive:
		return notAuthorized("Access Token has been revoked")
	case !u.Enabled:
		return errDisabled()
	}
	c.user = u
	return nil
}

// alive reports whether the sign-in that a token comes of goes on. Without
// origin_jti a token dies with the user's signing out: tokens of the very
// second in which that was are taken as older.
func (p *pool) alive(tx identity.Tx, u *user, clientID string, claims oidc.Claims) (bool, error) {
	if _, named := claims["origin_jti"]; !named {
		issued, ok := claims.Time("iat")
		return ok && issued.After(u.SignedOut), nil
	}
	origin, ok := claims.String("origin_jti")
	if !ok || !uuidLike(origin) {
		return false, nil
	}
	var f family
	err := get(tx, kindFamily, p.key(u.Sub, origin), &f)
	if errors.Is(err, identity.ErrNoRecord) {
		return false, nil
	}
	return err == nil && !f.Revoked && f.Epoch == u.Epoch && f.Client == clientID, err
}
