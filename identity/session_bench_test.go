package identity_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// BenchmarkOpenSession opens the session token of an identity pool's user: cold
// with its caller made, cold by itself, and one that is kept open with its
// caller, as for every further request.
func BenchmarkOpenSession(b *testing.B) {
	at := &clock{noon}
	ctx, token, ring := context.Background(), sealed(b, aliceSession()), newRing(b)
	account, store := gameAccount(b), identity.NewMemory()
	b.Run("cold", func(b *testing.B) {
		two, other := aliceSession(), accessKeyID[:19]+"Q"
		two.AccessKeyID = other
		tokens, keys := [2]string{token, sealed(b, two)}, [2]string{accessKeyID, other}
		sessions := newSessions(b, at.now, func(o *identity.SessionsOptions) { o.CacheSize = 1; o.Account = account })
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sessions.Open(ctx, keys[i&1], tokens[i&1]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("kept", func(b *testing.B) {
		sessions := newSessions(b, at.now, func(o *identity.SessionsOptions) { o.Account, o.Store, o.Keys = account, store, ring })
		b.ReportAllocs()
		for b.Loop() {
			s, err := sessions.Open(ctx, accessKeyID, token)
			if err == nil {
				_, err = sessions.Caller(s)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("caller", func(b *testing.B) {
		s := aliceSession()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := account.Caller(s, noon); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forged", func(b *testing.B) {
		sessions := newSessions(b, at.now, func(o *identity.SessionsOptions) { o.Account = account })
		forged := []byte(token)
		forged[len(forged)/2] ^= 1
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sessions.Open(ctx, accessKeyID, string(forged)); err == nil {
				b.Fatal("a forged token opened")
			}
		}
	})
	b.Run("floor", func(b *testing.B) { benchmarkFloor(b, token) })
	b.Run("seal", func(b *testing.B) {
		s := aliceSession()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ring.SealSession(noon, s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkFloor does what opening a token cannot do without: base64, AES-256 in
// GCM, and encoding/json into a struct of the same members.
func benchmarkFloor(b *testing.B, token string) {
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(b, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(b, err)
	body := bodyOf(b, aliceSession())
	nonce, aad := make([]byte, gcm.NonceSize()), []byte(accessKeyID)
	text := base64.RawURLEncoding.EncodeToString(gcm.Seal(nil, nonce, body, aad))
	b.ReportMetric(float64(len(token)), "characters")
	b.ReportAllocs()
	for b.Loop() {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			b.Fatal(err)
		}
		plain, err := gcm.Open(raw[:0], nonce, raw, aad)
		if err != nil {
			b.Fatal(err)
		}
		var out struct {
			AK   string `json:"ak"`
			SK   string `json:"sk"`
			Acct string `json:"acct"`
			Part string `json:"part"`
			RARN string `json:"rarn"`
			RID  string `json:"rid"`
			SN   string `json:"sn"`
			SI   string `json:"si"`
			IID  string `json:"iid"`
			Pool string `json:"pool"`

			Authn bool                  `json:"authn"`
			AMR   []string              `json:"amr"`
			Prov  string                `json:"prov"`
			PSub  string                `json:"psub"`
			Keys  []identity.ContextKey `json:"keys"`
			Tags  []identity.Tag        `json:"tags"`
			TTags []string              `json:"ttags"`
			Pol   []string              `json:"pol"`
			IAT   int64                 `json:"iat"`
			Exp   int64                 `json:"exp"`
			JTI   string                `json:"jti"`
			MFA   bool                  `json:"mfa"`
			Auth  int64                 `json:"auth"`
		}
		if err := json.Unmarshal(plain, &out); err != nil {
			b.Fatal(err)
		}
	}
}
