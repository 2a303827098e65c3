package store_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/policy"
)

const (
	issuePool = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	issueRole = "arn:aws:iam::111122223333:role/Player"
	issueIDP  = "idp.example.com"
)

var issueNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// BenchmarkGetCredentialsForIdentity exchanges an RS256 token for credentials,
// again and again for one identity, on each store and from all processors at
// once; and does what the exchange cannot do without in cryptography: one RSA
// verification of 2048 bits, randomness, and sealing a session.
func BenchmarkGetCredentialsForIdentity(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(b, err)
	stores := map[string]func(*testing.B) string{
		"memory":   func(*testing.B) string { return "memory:" },
		"sqlite":   func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "records.db") },
		"postgres": func(b *testing.B) string { return needs.NewPostgresServer(b).Database(b) },
	}
	for _, name := range []string{"memory", "sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			url := stores[name](b)
			records, err := store.Open(b.Context(), url, slog.New(slog.DiscardHandler))
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, records.Close()) })
			pools, login := issuer(b, records, key)
			id, err := pools.GetID(b.Context(), &identity.GetIDInput{IdentityPoolID: issuePool, Logins: login})
			require.NoError(b, err)
			in := &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: login}
			used := processorTime(b)
			perSecond(b, func() error {
				_, err := pools.GetCredentialsForIdentity(context.Background(), in)
				return err
			})
			b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/call")
			if name == "postgres" {
				b.ReportMetric(float64(databaseTime(b, connect(b, url)).Microseconds())/float64(b.N), "db-µs/call")
			}
		})
	}
	b.Run("cryptography", func(b *testing.B) { perSecond(b, cryptography(b, key)) })
}

func perSecond(b *testing.B, f func() error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := f(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// issuer returns pools on the store, and the login of a user.
func issuer(b *testing.B, s identity.Store, key *rsa.PrivateKey) (*identity.Pools, map[string]string) {
	b.Helper()
	now := func() time.Time { return issueNow }
	ring, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret([]byte(strings.Repeat("k", 32)))}}, rand.Reader)
	require.NoError(b, err)
	signing := oidc.SigningKey{ID: "k", Algorithm: "RS256", Key: key}
	verifier, err := identity.NewOIDCVerifier(&identity.OIDCProvider{Name: issueIDP, Issuer: "https://" + issueIDP}, oidc.NewKeySet(signing.Public()), now, 0)
	require.NoError(b, err)
	pools, err := identity.New(b.Context(), identity.Options{
		Account: issueAccount(b), Store: s, Sessions: ring, Storage: ring, Issuer: "https://rowan.example",
		Verifiers: map[string]identity.Verifier{issueIDP: verifier}, Now: now, Random: rand.Reader,
	})
	require.NoError(b, err)
	token, err := oidc.Sign(signing, map[string]any{
		"iss": "https://" + issueIDP, "aud": "c1", "sub": "alice", "team": "red", "iat": issueNow.Unix(), "exp": issueNow.Add(time.Hour).Unix(),
	})
	require.NoError(b, err)
	return pools, map[string]string{issueIDP: token}
}

func issueAccount(b testing.TB) *identity.Account {
	b.Helper()
	compile := func(kind policy.Kind, text string) (*policy.Document, *engine.Set) {
		d, err := policy.Parse(kind.String(), []byte(text))
		require.NoError(b, err)
		set, err := engine.Compile(conditions.AWS(), kind, d)
		require.NoError(b, err)
		return d, set
	}
	role := &identity.Role{ARN: issueRole, UniqueID: "AROAPLAYERPLAYER2345", MaxSession: time.Hour}
	role.TrustDocument, role.Trust = compile(policy.Trust, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"},
		"Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": "`+issuePool+`"},
		"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}}}}`)
	_, role.Identity = compile(policy.Identity, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}}`)
	return &identity.Account{
		ID: "111122223333", Partition: "aws", Region: "us-east-1", Vocabulary: conditions.AWS(),
		Roles: map[string]*identity.Role{issueRole: role},
		Pools: map[string]*identity.PoolConfig{issuePool: {
			ID: issuePool, Name: "game", Authenticated: issueRole,
			Providers: []identity.PoolProvider{{
				Name: issueIDP, Kind: identity.OpenIDProvider, Clients: []string{"c1"},
				PrincipalTags: identity.PrincipalTags{Claims: []identity.TagClaim{{Tag: "team", Claim: "team"}}},
			}},
		}},
	}
}

// cryptography returns the floor of an exchange.
func cryptography(b *testing.B, key *rsa.PrivateKey) func() error {
	b.Helper()
	token := []byte(strings.Repeat("t", 300))
	digest := sha256.Sum256(token)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(b, err)
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(b, err)
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(b, err)
	session := make([]byte, 600)
	return func() error {
		digest := sha256.Sum256(token)
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			return err
		}
		secrets := make([]byte, 56)
		if _, err := io.ReadFull(rand.Reader, secrets); err != nil {
			return err
		}
		gcm.Seal(nil, nil, session, nil)
		return nil
	}
}
