package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestSign(t *testing.T) {
	for _, alg := range []string{"RS256", "RS384", "RS512"} {
		key := signingKey("k1", alg, rsaKey())
		token, err := oidc.Sign(key, claims(object{"note": "<&>"}))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(token, encode([]byte(`{"alg":"`+alg+`","kid":"k1","typ":"JWT"}`))+"."))
		e := expect()
		e.Algorithms = []string{alg}
		got, err := oidc.Verify(t.Context(), token, oidc.NewKeySet(key.Public()), e, now)
		require.NoError(t, err)
		require.Equal(t, "<&>", got["note"])
		_, err = oidc.Verify(t.Context(), token, oidc.NewKeySet(signingKey("k1", alg, otherRSA()).Public()), e, now)
		require.ErrorIs(t, err, oidc.ErrSignature)
	}
}

func TestSignRefuses(t *testing.T) {
	_, err := oidc.Sign(signingKey("k1", "RS256", rsaKey()), struct{ A string }{"a"})
	require.NoError(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for name, key := range map[string]oidc.SigningKey{
		"zero":          {},
		"no key":        signingKey("k1", "RS256", nil),
		"weak":          signingKey("k1", "RS256", weak),
		"no id":         signingKey("", "RS256", rsaKey()),
		"long id":       signingKey(strings.Repeat("k", 257), "RS256", rsaKey()),
		"no algorithm":  signingKey("k1", "", rsaKey()),
		"none":          signingKey("k1", "none", rsaKey()),
		"HMAC":          signingKey("k1", "HS256", rsaKey()),
		"EC":            signingKey("k1", "ES256", ecKey()),
		"EC for RSA":    signingKey("k1", "RS256", ecKey()),
		"RSA for curve": signingKey("k1", "ES256", rsaKey()),
	} {
		_, err := oidc.Sign(key, claims(nil))
		require.Error(t, err, name)
	}
	for name, c := range map[string]any{"nil": nil, "array": []string{}, "text": "{}", "channel": make(chan int)} {
		_, err := oidc.Sign(signingKey("k1", "RS256", rsaKey()), c)
		require.Error(t, err, name)
	}
}
