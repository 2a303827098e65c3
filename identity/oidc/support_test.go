package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

const issuer = "https://idp.example.com/realms/a"

var now = time.Unix(1_790_000_000, 0).UTC()

// Keys are made once, since that takes long.
var (
	rsaKey   = sync.OnceValue(newRSA)
	otherRSA = sync.OnceValue(newRSA)
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
)

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// good is the set that most tests verify with.
func good() *oidc.KeySet {
	return oidc.NewKeySet(
		oidc.PublicKey{ID: "rsa", Algorithm: "RS256", Key: rsaKey().Public()},
		oidc.PublicKey{ID: "ec", Algorithm: "ES256", Key: ecKey().Public()},
	)
}

func expect() *oidc.Expect {
	return &oidc.Expect{Issuers: []string{issuer}, Audiences: []string{"us", "us-mobile"}, Algorithms: []string{"RS256", "ES256"}, Skew: 5 * time.Minute}
}

type object = map[string]any

// with returns base with changes; a nil value removes a member.
func with(base, changes object) object {
	changed := maps.Clone(base)
	for name, value := range changes {
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func header(changes object) object { return with(object{"alg": "RS256", "kid": "rsa"}, changes) }

func claims(changes object) object {
	return with(object{"iss": issuer, "sub": "alice", "aud": "us", "iat": now.Unix() - 1, "exp": now.Unix() + 600}, changes)
}

// null is a claim whose value is null.
var null = json.RawMessage("null")

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func text(t testing.TB, v any) string {
	t.Helper()
	if raw, ok := v.(string); ok {
		return raw
	}
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// sign makes a token by any method over any header and claims, which are
// objects, or text that is taken as it is.
func sign(t testing.TB, method jwt.SigningMethod, key, header, claims any) string {
	t.Helper()
	signed := encode([]byte(text(t, header))) + "." + encode([]byte(text(t, claims)))
	signature, err := method.Sign(signed, key)
	require.NoError(t, err)
	return signed + "." + encode(signature)
}

// rs256 makes a token by the key that good has as "rsa".
func rs256(t testing.TB, header, claims any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodRS256, rsaKey(), header, claims)
}

func verify(t testing.TB, token string) (oidc.Claims, error) {
	t.Helper()
	return oidc.Verify(t.Context(), token, good(), expect(), now)
}

// requireRefused wants a refusal for a reason, and not one claim with it.
func requireRefused(t testing.TB, token string, why error) {
	t.Helper()
	got, err := verify(t, token)
	require.ErrorIs(t, err, why)
	require.Nil(t, got)
}

func requireTaken(t testing.TB, token string) {
	t.Helper()
	_, err := verify(t, token)
	require.NoError(t, err)
}

// jwk is a public RSA key as a key set has it.
func rsaJWK(id string, key *rsa.PublicKey) object {
	return object{
		"kty": "RSA", "kid": id, "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}
}

func ecJWK(id string, key *ecdsa.PublicKey) object {
	point, err := key.Bytes()
	if err != nil {
		panic(err)
	}
	half := len(point) / 2
	return object{"kty": "EC", "kid": id, "crv": key.Params().Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
}

func jwks(t testing.TB, keys ...object) []byte {
	t.Helper()
	if keys == nil {
		keys = []object{}
	}
	return []byte(text(t, object{"keys": keys}))
}

func signingKey(id, alg string, key crypto.Signer) oidc.SigningKey {
	return oidc.SigningKey{ID: id, Algorithm: alg, Key: key}
}
