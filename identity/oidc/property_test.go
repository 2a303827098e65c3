package oidc_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// Every single bit of a token counts.
func TestEveryBitCounts(t *testing.T) {
	token := sign(t, jwt.SigningMethodES256, ecKey(), object{"alg": "ES256", "kid": "ec"}, claims(nil))
	requireTaken(t, token)
	for i := range len(token) * 8 {
		flipped := []byte(token)
		flipped[i/8] ^= 1 << (i % 8)
		got, err := verify(t, string(flipped))
		require.Error(t, err, "bit %d", i)
		require.Nil(t, got)
	}
}

// So does every byte: none may be put in, taken out or changed.
func TestNoEditIsTaken(t *testing.T) {
	token := rs256(t, header(nil), claims(nil))
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.IntRange(0, len(token)-1).Draw(r, "at")
		put := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(r, "put")
		out := rapid.IntRange(0, min(3, len(token)-at)).Draw(r, "out")
		edited := token[:at] + string(put) + token[at+out:]
		if edited == token {
			return
		}
		_, err := verify(t, edited)
		require.Error(r, err)
	})
}

// A token that is taken says what was expected, whatever its claims are.
func TestWhatIsTakenWasExpected(t *testing.T) {
	word := rapid.SampledFrom([]any{
		"us", "them", "us-mobile", "", issuer, issuer + "/", null, true,
		[]string{"us"},
		[]string{"us", "them"},
		[]string{},
		now.Unix(), now.Unix() + 600, now.Unix() - 600, -1, 1.5e9, json.RawMessage("1e400"),
	})
	rapid.Check(t, func(r *rapid.T) {
		changes := rapid.MapOfN(rapid.SampledFrom([]string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "client_id", "token_use"}), word, 0, 3).Draw(r, "claims")
		got, err := verify(t, rs256(t, header(nil), with(claims(nil), changes)))
		if err != nil {
			require.Nil(r, got)
			return
		}
		require.Equal(r, issuer, got["iss"])
		sub, ok := got.String("sub")
		require.True(r, ok)
		require.NotEmpty(r, sub)
		audiences, ok := got.Strings("aud")
		require.True(r, ok)
		azp, given := got["azp"]
		if given {
			require.Contains(r, expect().Audiences, azp)
		} else {
			require.Len(r, audiences, 1)
		}
		require.True(r, slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(expect().Audiences, a) }))
		exp, ok := got.Time("exp")
		require.True(r, ok)
		require.True(r, now.Before(exp.Add(oidc.MaxSkew)))
	})
}

// FuzzVerify has the public keys alone, so only the tokens among its seeds are
// taken. FuzzClaims looks behind the signature.
func FuzzVerify(f *testing.F) {
	ec := object{"alg": "ES256", "kid": "ec"}
	for _, c := range []object{nil, {"aud": []string{"us", "them"}, "azp": "us"}, {"exp": 1.5}, {"sub": "\x00"}} {
		f.Add(sign(f, jwt.SigningMethodES256, ecKey(), ec, claims(c)))
	}
	for _, token := range []string{"", "..", "e30.e30.e30", "e30.e30.e30.e30.e30", `{"payload":".."}`, encode([]byte(`{"alg":"none"}`)) + ".e30."} {
		f.Add(token)
	}
	set := good()
	f.Fuzz(func(t *testing.T, token string) {
		got, err := oidc.Verify(context.Background(), token, set, expect(), now)
		if err != nil {
			require.Nil(t, got)
			requireNamed(t, err)
			return
		}
		require.Equal(t, issuer, got["iss"])
		require.Equal(t, "alice", got["sub"])
	})
}

func requireNamed(t *testing.T, err error) {
	t.Helper()
	for _, name := range []error{
		oidc.ErrMalformed, oidc.ErrSignature, oidc.ErrUnknownKey, oidc.ErrUnavailable, oidc.ErrExpired, oidc.ErrNotYet, oidc.ErrIssuer,
		oidc.ErrAudience, oidc.ErrMissingClaim, oidc.ErrTokenUse,
	} {
		if errorIs(err, name) {
			return
		}
	}
	t.Fatalf("an error without a name: %v", err)
}

// FuzzParseKeySet wants that what is read is published as it was read, and that
// no key in it is of use for HMAC or nothing.
func FuzzParseKeySet(f *testing.F) {
	f.Add(jwks(f, aKey("a"), ecJWK("b", &ecKey().PublicKey)))
	f.Add(jwks(f, with(aKey("a"), object{"n": "AA", "e": "AQ"}), object{"kty": "oct", "kid": "a", "k": "AA"}))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		set, err := oidc.ParseKeySet(src)
		if err != nil {
			require.Nil(t, set)
			return
		}
		out, err := json.Marshal(set)
		require.NoError(t, err)
		again, err := oidc.ParseKeySet(out)
		require.NoError(t, err)
		back, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(out), string(back))
		var doc struct{ Keys []struct{ Kid string } }
		require.NoError(t, json.Unmarshal(out, &doc))
		for _, k := range doc.Keys {
			for _, alg := range []string{"HS256", "none", "PS256", ""} {
				_, err := set.Key(context.Background(), k.Kid, alg)
				require.ErrorIs(t, err, oidc.ErrUnknownKey)
			}
		}
	})
}
