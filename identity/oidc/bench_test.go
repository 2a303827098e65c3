package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// benchmarkClaims are as many as the ID token of a user pool has.
func benchmarkClaims() object {
	return claims(object{
		"auth_time": now.Unix(), "jti": "0c2f1de6-b7aa-4a47-9c67-3b0c6a5295d3", "origin_jti": "e2a1d0c9-7b55-4c0e-8f0a-2f8b7a6d5c41",
		"event_id": "6f1b2c1e-0d7e-4a6c-9a53-1f0f4f9b3c55", "token_use": "id", "cognito:username": "alice", "email": "alice@example.com",
		"email_verified": true, "cognito:groups": []string{"players", "testers"}, "custom:tenant": "acme",
	})
}

func BenchmarkVerifyRS256(b *testing.B) {
	token := rs256(b, header(nil), benchmarkClaims())
	benchmarkVerify(b, token, good())
}

func BenchmarkVerifyES256(b *testing.B) {
	token := sign(b, jwt.SigningMethodES256, ecKey(), object{"alg": "ES256", "kid": "ec"}, benchmarkClaims())
	benchmarkVerify(b, token, good())
}

// BenchmarkVerifyRemote is warm: the set was fetched.
func BenchmarkVerifyRemote(b *testing.B) {
	p := newProvider(b, aKey("rsa"))
	r, _ := p.remote(b, nil)
	require.NoError(b, r.Refresh(b.Context()))
	benchmarkVerify(b, rs256(b, header(nil), benchmarkClaims()), r)
}

func benchmarkVerify(b *testing.B, token string, keys oidc.Keys) {
	b.Helper()
	e := expect()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := oidc.Verify(b.Context(), token, keys, e, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyForged is what a stranger costs us at most: a whole
// verification, and no claims.
func BenchmarkVerifyForged(b *testing.B) {
	token := sign(b, jwt.SigningMethodRS256, otherRSA(), header(nil), benchmarkClaims())
	set, e := good(), expect()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := oidc.Verify(b.Context(), token, set, e, now); err == nil {
			b.Fatal("a forged token was taken")
		}
	}
}

// BenchmarkVerifyCold fetches the key set, over TLS on this machine, for each
// token.
func BenchmarkVerifyCold(b *testing.B) {
	p := newProvider(b, aKey("rsa"))
	token := rs256(b, header(nil), benchmarkClaims())
	client, e := p.client(), expect()
	for b.Loop() {
		r, _ := p.remote(b, func(o *oidc.RemoteOptions) { o.Client = client })
		if _, err := oidc.Verify(b.Context(), token, r, e, now); err != nil {
			b.Fatal(err)
		}
	}
}

// The floors: the same bytes, and nothing but the arithmetic.

func BenchmarkFloorRSA(b *testing.B) {
	signed, signature := cut(b, rs256(b, header(nil), benchmarkClaims()))
	public := &rsaKey().PublicKey
	for b.Loop() {
		digest := sha256.Sum256(signed)
		if rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) != nil {
			b.Fatal("does not verify")
		}
	}
}

func BenchmarkFloorECDSA(b *testing.B) {
	signed, signature := cut(b, sign(b, jwt.SigningMethodES256, ecKey(), object{"alg": "ES256", "kid": "ec"}, benchmarkClaims()))
	public := &ecKey().PublicKey
	for b.Loop() {
		digest := sha256.Sum256(signed)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		if !ecdsa.Verify(public, digest[:], r, s) {
			b.Fatal("does not verify")
		}
	}
}

func cut(b *testing.B, token string) (signed, signature []byte) {
	b.Helper()
	last := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	require.NoError(b, err)
	return []byte(token[:last]), signature
}
