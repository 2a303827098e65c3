package oidc_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestVerify(t *testing.T) {
	token := rs256(t, header(object{"typ": "JWT"}), claims(object{"email": "alice@example.com", "n": 12345678901234567}))
	got, err := verify(t, token)
	require.NoError(t, err)
	email, ok := got.String("email")
	require.True(t, ok)
	require.Equal(t, "alice@example.com", email)
	require.Equal(t, "12345678901234567", text(t, got["n"]), "numbers keep their digits")

	token = sign(t, jwt.SigningMethodES256, ecKey(), object{"alg": "ES256", "kid": "ec"}, claims(nil))
	requireTaken(t, token)
}

func TestVerifyWithEveryAlgorithm(t *testing.T) {
	set := oidc.NewKeySet(oidc.PublicKey{ID: "any", Key: rsaKey().Public()}, oidc.PublicKey{ID: "ec", Key: ecKey().Public()})
	for method, key := range map[jwt.SigningMethod]crypto.Signer{
		jwt.SigningMethodRS256: rsaKey(), jwt.SigningMethodRS384: rsaKey(), jwt.SigningMethodRS512: rsaKey(), jwt.SigningMethodES256: ecKey(),
	} {
		kid := "any"
		if key == crypto.Signer(ecKey()) {
			kid = "ec"
		}
		token := sign(t, method, key, object{"alg": method.Alg(), "kid": kid}, claims(nil))
		e := expect()
		e.Algorithms = []string{method.Alg()}
		_, err := oidc.Verify(t.Context(), token, set, e, now)
		require.NoError(t, err, method.Alg())
		e.Algorithms = []string{"ES384", "HS256", "none", "PS256"}
		_, err = oidc.Verify(t.Context(), token, set, e, now)
		require.ErrorIs(t, err, oidc.ErrSignature, method.Alg())
	}
}

// Each case differs in one thing from a token that is taken.
func TestVerifyClaims(t *testing.T) {
	requireTaken(t, rs256(t, header(nil), claims(nil)))
	long := strings.Repeat("x", 255)
	for name, c := range map[string]struct {
		claims object
		want   error
	}{
		"longest subject":            {object{"sub": long}, nil},
		"longer subject":             {object{"sub": long + "x"}, oidc.ErrMalformed},
		"no subject":                 {object{"sub": nil}, oidc.ErrMissingClaim},
		"null subject":               {object{"sub": null}, oidc.ErrMalformed},
		"empty subject":              {object{"sub": ""}, oidc.ErrMalformed},
		"number as subject":          {object{"sub": 7}, oidc.ErrMalformed},
		"NUL in subject":             {object{"sub": "alice\x00"}, oidc.ErrMalformed},
		"no issuer":                  {object{"iss": nil}, oidc.ErrMissingClaim},
		"array as issuer":            {object{"iss": []string{issuer}}, oidc.ErrMalformed},
		"no audience":                {object{"aud": nil}, oidc.ErrMissingClaim},
		"client_id is no audience":   {object{"aud": nil, "client_id": "us"}, oidc.ErrMissingClaim},
		"no expiry":                  {object{"exp": nil}, oidc.ErrMissingClaim},
		"without iat":                {object{"iat": nil}, nil},
		"not yet, within the skew":   {object{"nbf": now.Unix() + 300}, nil},
		"not yet":                    {object{"nbf": now.Unix() + 301}, oidc.ErrNotYet},
		"made in the future":         {object{"iat": now.Unix() + 301}, oidc.ErrNotYet},
		"fraction of a second":       {object{"exp": 1790000600.25}, nil},
		"token_use is not looked at": {object{"token_use": "whatever"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			token := rs256(t, header(nil), claims(c.claims))
			if c.want == nil {
				requireTaken(t, token)
				return
			}
			requireRefused(t, token, c.want)
		})
	}
}

func TestVerifySaysWhatIsMissing(t *testing.T) {
	_, err := verify(t, rs256(t, header(nil), claims(object{"aud": nil})))
	var missing *oidc.MissingClaimError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "aud", missing.Claim)
	require.EqualError(t, err, "missing claim aud")
}

func TestVerifySaysWhenATokenExpired(t *testing.T) {
	_, err := verify(t, rs256(t, header(nil), claims(object{"exp": now.Unix() - 300})))
	var expired *oidc.ExpiredError
	require.ErrorAs(t, err, &expired)
	require.EqualError(t, err, "token expired: 1790000000 >= 1789999700")
}

// The zero value of each field refuses what a value takes.
func TestExpectRefusesWhatItDoesNotSay(t *testing.T) {
	token := rs256(t, header(nil), claims(nil))
	for name, c := range map[string]struct {
		change func(*oidc.Expect)
		want   error
	}{
		"everything":    {func(*oidc.Expect) {}, nil},
		"no issuers":    {func(e *oidc.Expect) { e.Issuers = nil }, oidc.ErrIssuer},
		"no audiences":  {func(e *oidc.Expect) { e.Audiences = nil }, oidc.ErrAudience},
		"no algorithms": {func(e *oidc.Expect) { e.Algorithms = nil }, oidc.ErrSignature},
		"nothing":       {func(e *oidc.Expect) { *e = oidc.Expect{} }, oidc.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			e := expect()
			c.change(e)
			_, err := oidc.Verify(t.Context(), token, good(), e, now)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestAccessToken(t *testing.T) {
	e := expect()
	e.AllowNoAudience, e.TokenUse = true, "access"
	for name, c := range map[string]struct {
		claims object
		typ    string
		want   error
	}{
		"of our client":            {object{"client_id": "us", "token_use": "access"}, "JWT", nil},
		"of our client, RFC 9068":  {object{"client_id": "us", "token_use": "access"}, "at+jwt", nil},
		"of a foreign client":      {object{"client_id": "them", "token_use": "access"}, "JWT", oidc.ErrAudience},
		"of no client":             {object{"token_use": "access"}, "JWT", oidc.ErrMissingClaim},
		"for a foreign audience":   {object{"client_id": "us", "aud": "them", "token_use": "access"}, "JWT", oidc.ErrAudience},
		"that is an ID token":      {object{"client_id": "us", "token_use": "id"}, "JWT", oidc.ErrTokenUse},
		"that does not say":        {object{"client_id": "us"}, "JWT", oidc.ErrMissingClaim},
		"that is a logout token":   {object{"client_id": "us", "token_use": "access"}, "logout+jwt", oidc.ErrTokenUse},
		"with a null as audience":  {object{"client_id": "us", "aud": null, "token_use": "access"}, "JWT", oidc.ErrMalformed},
		"with an empty audience":   {object{"client_id": "us", "aud": "", "token_use": "access"}, "JWT", oidc.ErrMalformed},
		"with an array of nothing": {object{"client_id": "us", "aud": []string{}, "token_use": "access"}, "JWT", oidc.ErrAudience},
	} {
		t.Run(name, func(t *testing.T) {
			token := rs256(t, header(object{"typ": c.typ}), with(claims(object{"aud": nil}), c.claims))
			_, err := oidc.Verify(t.Context(), token, good(), e, now)
			require.ErrorIs(t, err, c.want)
		})
	}
}

type keysFunc func(context.Context, string, string) (crypto.PublicKey, error)

func (f keysFunc) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return f(ctx, kid, alg)
}

func TestVerifyWithKeysThatFail(t *testing.T) {
	boom := errors.New("boom")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	good, byWeak := rs256(t, header(nil), claims(nil)), sign(t, jwt.SigningMethodRS256, weak, header(nil), claims(nil))
	for name, c := range map[string]struct {
		key  crypto.PublicKey
		err  error
		want error
	}{
		"error of their own": {nil, boom, oidc.ErrUnavailable},
		"unknown":            {nil, oidc.ErrUnknownKey, oidc.ErrUnknownKey},
		"nil":                {nil, nil, oidc.ErrSignature},
		"of another type":    {ecKey().Public(), nil, oidc.ErrSignature},
		"a secret":           {[]byte("secret"), nil, oidc.ErrSignature},
		"a weak one":         {weak.Public(), nil, oidc.ErrSignature},
		"the right one":      {rsaKey().Public(), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			keys := keysFunc(func(context.Context, string, string) (crypto.PublicKey, error) { return c.key, c.err })
			token := good
			if name == "a weak one" {
				token = byWeak
			}
			_, err := oidc.Verify(t.Context(), token, keys, expect(), now)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestSkewIsBounded(t *testing.T) {
	token := rs256(t, header(nil), claims(object{"exp": now.Unix() - 301}))
	e := expect()
	for _, skew := range []time.Duration{-time.Hour, 0, oidc.MaxSkew, 24 * time.Hour} {
		e.Skew = skew
		_, err := oidc.Verify(t.Context(), token, good(), e, now)
		require.ErrorIs(t, err, oidc.ErrExpired, skew)
	}
}
