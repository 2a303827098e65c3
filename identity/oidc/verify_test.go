package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// rsaKey is made once, since that takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var now = time.Unix(1_790_000_000, 0).UTC()

func claims() map[string]any {
	return map[string]any{"iss": "https://idp.example.com", "sub": "alice", "aud": "app", "exp": now.Unix() + 600, "iat": now.Unix()}
}

func TestVerify(t *testing.T) {
	key := oidc.SigningKey{ID: "k1", Algorithm: "RS256", Key: rsaKey()}
	token, err := oidc.Sign(key, claims())
	require.NoError(t, err)
	got, err := oidc.Verify(t.Context(), token, oidc.NewKeySet(key.Public()),
		&oidc.Expect{Issuers: []string{"https://idp.example.com"}, Audiences: []string{"app"}, Algorithms: []string{"RS256"}}, now)
	require.NoError(t, err)
	require.Equal(t, "alice", got["sub"])
}
