package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestKeySetIsPublishedAsItIsRead(t *testing.T) {
	src, err := json.Marshal(good())
	require.NoError(t, err)
	public := &rsaKey().PublicKey
	want := text(t, object{"keys": []object{
		rsaJWK("rsa", public), with(ecJWK("ec", &ecKey().PublicKey), object{"alg": "ES256", "use": "sig"}),
	}})
	require.JSONEq(t, want, string(src))
	require.NotContains(t, string(src), encode(rsaKey().D.Bytes()))

	set, err := oidc.ParseKeySet(src)
	require.NoError(t, err)
	key, err := set.Key(t.Context(), "rsa", "RS256")
	require.NoError(t, err)
	require.True(t, public.Equal(key))
	again, err := json.Marshal(set)
	require.NoError(t, err)
	require.Equal(t, string(src), string(again))

	src, err = json.Marshal(oidc.NewKeySet())
	require.NoError(t, err)
	require.Equal(t, `{"keys":[]}`, string(src))
}

// The set of Google has keys like these: no use to us is no fault.
func TestKeySetSkipsWhatItCannotUse(t *testing.T) {
	set, err := oidc.ParseKeySet([]byte(text(t, object{"keys": []any{
		"text", null, 1,
		[]string{},
		object{},
		object{"kty": "oct", "kid": "x", "k": "AA"},
		with(aKey("encrypts"), object{"use": "enc"}), aKey("good"),
	}, "more": 1})))
	require.NoError(t, err)
	_, err = set.Key(t.Context(), "good", "RS256")
	require.NoError(t, err)
	for _, kid := range []string{"x", "encrypts", "", "GOOD"} {
		_, err = set.Key(t.Context(), kid, "RS256")
		require.ErrorIs(t, err, oidc.ErrUnknownKey)
	}
}

func TestKeysOfOneName(t *testing.T) {
	first, second := aKey("k"), rsaJWK("k", &otherRSA().PublicKey)
	set, err := oidc.ParseKeySet(jwks(t, first, second, ecJWK("k", &ecKey().PublicKey)))
	require.NoError(t, err)
	key, err := set.Key(t.Context(), "k", "RS256")
	require.NoError(t, err)
	require.True(t, rsaKey().PublicKey.Equal(key), "the first counts")
	key, err = set.Key(t.Context(), "k", "ES256")
	require.NoError(t, err)
	require.True(t, ecKey().PublicKey.Equal(key), "each algorithm has its own")
}

func TestTheZeroKeySetHasNoKeys(t *testing.T) {
	var set oidc.KeySet
	_, err := set.Key(t.Context(), "", "")
	require.ErrorIs(t, err, oidc.ErrUnknownKey)
	off := &ecdsa.PublicKey{Curve: elliptic.P256()}
	require.NoError(t, json.Unmarshal([]byte(`{"X":1,"Y":1}`), off))
	for _, key := range []crypto.PublicKey{
		off, nil, "text", &rsa.PublicKey{}, (*rsa.PublicKey)(nil), rsaKey().PublicKey, rsaKey(),
		ecdsa.PublicKey{},
		&ecdsa.PublicKey{}, (*ecdsa.PublicKey)(nil),
		&ecdsa.PublicKey{Curve: elliptic.P256()},
	} {
		for _, alg := range []string{"", "RS256", "ES256"} {
			src, err := oidc.NewKeySet(oidc.PublicKey{ID: "k", Algorithm: alg, Key: key}).MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, `{"keys":[]}`, string(src))
		}
	}
}
