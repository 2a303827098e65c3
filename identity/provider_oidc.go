package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// maxLoginToken is how long a login may be. Source: identity-protocol §1.5 (1).
const maxLoginToken = 50_000

// googleLogins is the key of Google's logins, the one issuer with two names and
// with a context key for aud as it is.
const googleLogins = "accounts.google.com"

// tokenVerifier proves logins by signed ID tokens.
type tokenVerifier struct {
	name   string
	keys   oidc.Keys
	now    func() time.Time
	expect oidc.Expect // without Audiences, which each call gives
}

// NewOIDCVerifier returns the verifier of an OpenID Connect issuer, among them
// Google and Apple. Its tokens must have p.Issuer, which is https:// and p.Name
// (http:// only on this machine), and be signed with one of p.Algorithms, RS256
// if there is none. skew is how far the issuer's clock may be from now, at most
// oidc.MaxSkew.
//
// Facebook has NewFacebookVerifier. Login with Amazon and Twitter are not
// supported: their tokens are opaque, and they are refused here.
func NewOIDCVerifier(p *OIDCProvider, keys oidc.Keys, now func() time.Time, skew time.Duration) (Verifier, error) {
	switch p.Name {
	case "":
		return nil, errors.New("provider has no name")
	case "www.amazon.com", "api.twitter.com":
		return nil, fmt.Errorf("provider %s is not supported: it has no signed tokens", p.Name)
	case facebookLogins:
		return nil, fmt.Errorf("provider %s has access tokens, which NewFacebookVerifier checks", p.Name)
	}
	if p.Issuer != "https://"+p.Name && p.Issuer != "http://"+p.Name {
		return nil, fmt.Errorf("provider %s: issuer %q is not https:// and its name", p.Name, p.Issuer)
	}
	if err := oidc.CheckAddress(p.Issuer, true); err != nil {
		return nil, fmt.Errorf("provider %s: %w", p.Name, err)
	}
	expect := oidc.Expect{Issuers: []string{p.Issuer}, Algorithms: slices.Clone(p.Algorithms), Skew: skew}
	if len(expect.Algorithms) == 0 {
		expect.Algorithms = []string{"RS256"}
	}
	if p.Name == googleLogins {
		expect.Issuers = append(expect.Issuers, googleLogins)
	}
	return newTokenVerifier(p.Name, keys, now, expect)
}

// NewUserPoolVerifier returns the verifier of a user pool that is not our own,
// such as one at AWS. name is the key of its logins, issuer the exact iss of its
// ID tokens. They are signed with RS256, and expire to the second.
func NewUserPoolVerifier(name, issuer string, keys oidc.Keys, now func() time.Time) (Verifier, error) {
	if name == "" || issuer == "" {
		return nil, errors.New("user pool has no name or no issuer")
	}
	return newTokenVerifier(name, keys, now, oidc.Expect{
		Issuers: []string{issuer}, Algorithms: []string{"RS256"}, TokenUse: "id",
	})
}

func newTokenVerifier(name string, keys oidc.Keys, now func() time.Time, expect oidc.Expect) (Verifier, error) {
	if keys == nil || now == nil {
		return nil, fmt.Errorf("provider %s: no keys or no clock", name)
	}
	if expect.Skew < 0 || expect.Skew > oidc.MaxSkew {
		return nil, fmt.Errorf("provider %s: skew %s is not within 0 and %s", name, expect.Skew, oidc.MaxSkew)
	}
	for _, alg := range expect.Algorithms {
		if !oidc.Supported(alg) {
			return nil, fmt.Errorf("provider %s: algorithm %q is not supported", name, alg)
		}
	}
	expect.MaxBytes = maxLoginToken
	return &tokenVerifier{name: name, keys: keys, now: now, expect: expect}, nil
}

// Verify proves a login by an ID token; see Verifier.
func (v *tokenVerifier) Verify(ctx context.Context, token string, clients []string) (*Login, error) {
	expect := v.expect
	expect.Audiences = clients
	claims, err := oidc.Verify(ctx, token, v.keys, &expect, v.now())
	if err != nil {
		return nil, RefuseToken(err)
	}
	return v.login(claims)
}

// login reads claims that oidc.Verify has checked. MFA stays false, whatever amr
// says: aws:MultiFactorAuthPresent is absent for federated users, and a policy
// that trusts a provider's word for it can test the provider's own amr. Source:
// iam-semantics §5.3.
func (v *tokenVerifier) login(claims oidc.Claims) (*Login, error) {
	l := &Login{Provider: v.name, Claims: claims}
	l.Subject, _ = claims.String("sub")
	l.Issuer, _ = claims.String("iss")
	l.Audience = audience(claims)
	l.Expires, _ = claims.Time("exp")
	l.ID, _ = claims.String("jti")
	if _, given := claims["auth_time"]; given {
		var ok bool
		if l.AuthTime, ok = claims.Time("auth_time"); !ok {
			return nil, RefuseToken(fmt.Errorf("%w: auth_time is no time", oidc.ErrMalformed))
		}
	}
	l.Keys, l.TrustKeys = v.contextKeys(l)
	return l, nil
}

// audience is the client that a token is for. Without azp there is one aud, as
// oidc.Verify has seen to.
func audience(claims oidc.Claims) string {
	if azp, ok := claims.String("azp"); ok {
		return azp
	}
	all, _ := claims.Strings("aud")
	if len(all) != 1 {
		return ""
	}
	return all[0]
}

// contextKeys returns the context keys that stay in a session, and those that
// only a trust policy sees. An address that the provider has not verified is no
// key: anybody can claim it. Source: iam-semantics §5.4.
func (v *tokenVerifier) contextKeys(l *Login) (session, trust []ContextKey) {
	key := func(name string, values ...string) ContextKey { return ContextKey{v.name + ":" + name, values} }
	session = []ContextKey{key("sub", l.Subject), key("aud", l.Audience)}
	if v.name == googleLogins {
		if aud, ok := l.Claims.String("aud"); ok {
			trust = append(trust, key("oaud", aud))
		}
	} else if methods, ok := l.Claims.Strings("amr"); ok && len(methods) > 0 {
		session = append(session, key("amr", methods...))
	}
	if azp, ok := l.Claims.String("azp"); ok {
		trust = append(trust, key("azp", azp))
	}
	if email, ok := l.Claims.String("email"); ok && emailVerified(l.Claims) {
		trust = append(trust, key("email", email))
	}
	return session, trust
}

// emailVerified takes a text too, which Apple sends.
func emailVerified(claims oidc.Claims) bool {
	return claims["email_verified"] == true || claims["email_verified"] == "true"
}
