package userpool

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
)

func BenchmarkPasswordHash(b *testing.B) {
	hash, err := argon2id.CreateHash(password, &defaultHash)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := argon2id.ComparePasswordAndHash(password, hash); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSRPServer(b *testing.B) {
	v := srpVerifier("Plain0001", "jane", password, []byte("0123456789abcdef"))
	c := newSRPClient(b)
	for b.Loop() {
		secret, public, err := srpChallenge(v, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := srpServerKey(c.A, v, secret, public); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSignIn is a sign-in by password with hardly any hashing, in memory:
// what remains is the store and two signatures.
func BenchmarkSignIn(b *testing.B) {
	f := newFixture(b)
	f.user(plainPool, "jane")
	for b.Loop() {
		f.tokens(web, "jane")
	}
}

func BenchmarkGetUser(b *testing.B) {
	f := newFixture(b)
	f.user(plainPool, "jane")
	in := &GetUserInput{f.tokens(web, "jane").AccessToken}
	for b.Loop() {
		if _, err := f.GetUser(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSRPA(b *testing.B) {
	text := new(big.Int).Sub(srpN, big.NewInt(5)).Text(16)
	for b.Loop() {
		if _, err := parseSRPA(text); err != nil {
			b.Fatal(err)
		}
	}
}
