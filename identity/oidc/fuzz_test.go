package oidc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzClaims reads headers and claims that were never signed, so that what
// comes behind the signature is reached: what is taken is what was expected.
func FuzzClaims(f *testing.F) {
	const head = `{"alg":"RS256","kid":"k"}`
	for _, seed := range [][2]string{
		{head, `{"iss":"https://idp.example.com","sub":"a","aud":"us","exp":1790000600,"iat":1790000000}`},
		{head, `{"iss":"https://idp.example.com","sub":"a","aud":["us","them"],"azp":"us","exp":1790000600.5,"nbf":1.79e9}`},
		{head, `{"iss":"https://idp.example.com","s\u0075b":"a","sub":"b","aud":"us","exp":1e400}`},
		{`{"alg":"none"}`, `{}`},
		{`{"alg":"RS256","kid":"k","crit":[]}`, `[[[[[[[[[[[[[[[[[[`},
		{`{"alg":"RS256","ALG":"none","kid":"k"}`, `null`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	now := time.Unix(1_790_000_000, 0)
	e := &Expect{Issuers: []string{"https://idp.example.com"}, Audiences: []string{"us"}, Algorithms: []string{"RS256"}}
	f.Fuzz(func(t *testing.T, head, payload []byte) {
		if h, err := e.header(head); err == nil {
			require.Equal(t, "RS256", h.alg)
			require.True(t, h.kid != "" && len(h.kid) <= 256)
		} else {
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrSignature) || errors.Is(err, ErrTokenUse), "%v", err)
		}
		c, err := e.claims(payload, now)
		if err != nil {
			require.Nil(t, c)
			return
		}
		require.Equal(t, "https://idp.example.com", c["iss"])
		sub, _ := c.String("sub")
		require.True(t, sub != "" && len(sub) <= MaxSubject && !strings.Contains(sub, "\x00"))
		audiences, ok := c.Strings("aud")
		require.True(t, ok)
		require.Contains(t, audiences, "us")
		require.True(t, len(audiences) == 1 || c["azp"] == "us")
		exp, ok := c.Time("exp")
		require.True(t, ok && now.Before(exp))
	})
}
