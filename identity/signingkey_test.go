package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// TestSigningKeys makes keys once, however many ask at the same time, opens
// them with a rotated ring, and keeps them from being read, moved or used by
// another algorithm.
func TestSigningKeys(t *testing.T) {
	ctx, store := context.Background(), identity.NewMemory()
	load := func(ring *identity.Keyring, group, algorithm string) ([]oidc.SigningKey, error) {
		return identity.LoadSigningKeys(ctx, store, ring, group, 1, algorithm, rand.Reader, noon)
	}
	var all [3][]oidc.SigningKey
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var err error
			all[i], err = load(newRing(t), "pool", "RS256")
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, all[0], all[1])
	require.Equal(t, all[0], all[2])
	key := all[0][0]
	require.Len(t, key.ID, 43)
	require.Equal(t, "RS256", key.Algorithm)

	token, err := oidc.Sign(key, map[string]any{"iss": "https://x.example", "aud": "c", "sub": "s", "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix()})
	require.NoError(t, err)
	_, err = oidc.Verify(ctx, token, oidc.NewKeySet(key.Public()), &oidc.Expect{Issuers: []string{"https://x.example"}, Audiences: []string{"c"}, Algorithms: []string{"RS256"}}, noon)
	require.NoError(t, err)

	rotated := newRing(t, testKey(1), within(testKey(2), 0, -1, -1))
	again, err := load(rotated, "pool", "RS256")
	require.NoError(t, err)
	require.Equal(t, all[0], again)

	_, err = load(newRing(t, testKey(2)), "pool", "RS256")
	require.ErrorIs(t, err, identity.ErrSealed, "another storage key")
	_, err = load(newRing(t), "pool", "RS512")
	require.ErrorIs(t, err, identity.ErrSealed, "another algorithm")
	require.NoError(t, store.Update(ctx, func(tx identity.Tx) error {
		r, err := tx.Get("signingkey", "pool/0")
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key.Key)
		require.NoError(t, err)
		require.NotContains(t, string(r.Value), string(der[100:120]), "at rest a key is sealed")
		r.Key = "other/0"
		return tx.Put(r)
	}))
	_, err = load(newRing(t), "other", "RS256")
	require.ErrorIs(t, err, identity.ErrSealed, "moved to another group")
}

func TestLoadSigningKeysRefuses(t *testing.T) {
	for name, x := range map[string]struct {
		group     string
		n         int
		algorithm string
	}{"no group": {"", 1, "RS256"}, "none": {"g", 0, "RS256"}, "many": {"g", 9, "RS256"}, "HMAC": {"g", 1, "HS256"}, "nothing": {"g", 1, "none"}} {
		_, err := identity.LoadSigningKeys(context.Background(), identity.NewMemory(), newRing(t), x.group, x.n, x.algorithm, rand.Reader, noon)
		require.Error(t, err, name)
	}
	ended := newRing(t, within(testKey(1), 0, 1, -1))
	_, err := identity.LoadSigningKeys(context.Background(), identity.NewMemory(), ended, "g", 1, "RS256", rand.Reader, noon.Add(2*time.Hour))
	require.ErrorIs(t, err, identity.ErrNoSealingKey)
}

// TestECSigningKey makes a key once for all who share the store, and no other
// storage key opens it.
func TestECSigningKey(t *testing.T) {
	ctx, store := context.Background(), identity.NewMemory()
	first, kid, err := identity.LoadECSigningKey(ctx, store, newRing(t), "proxies", rand.Reader, noon)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, kid)
	again, same, err := identity.LoadECSigningKey(ctx, store, newRing(t), "proxies", rand.Reader, noon)
	require.NoError(t, err)
	require.True(t, first.Equal(again))
	require.Equal(t, kid, same)
	_, _, err = identity.LoadECSigningKey(ctx, store, newRing(t, testKey(2)), "proxies", rand.Reader, noon)
	require.ErrorIs(t, err, identity.ErrSealed)
	other, another, err := identity.LoadECSigningKey(ctx, store, newRing(t), "others", rand.Reader, noon)
	require.NoError(t, err)
	require.False(t, first.Equal(other))
	require.NotEqual(t, kid, another)
	_, _, err = identity.LoadECSigningKey(ctx, store, newRing(t), "", rand.Reader, noon)
	require.Error(t, err)
}
