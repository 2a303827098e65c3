package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func ExampleVerify() {
	// A Remote fetches the keys of a provider; these are our own.
	key := oidc.SigningKey{ID: "2026-11", Algorithm: "RS256", Key: rsaKey()}
	keys := oidc.NewKeySet(key.Public())
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	token, err := oidc.Sign(key, map[string]any{
		"iss": "https://idp.example.com", "aud": "shop", "sub": "alice", "exp": at.Add(time.Hour).Unix(), "groups": []string{"staff"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	expect := &oidc.Expect{Issuers: []string{"https://idp.example.com"}, Audiences: []string{"shop"}, Algorithms: []string{"RS256"}}
	claims, err := oidc.Verify(context.Background(), token, keys, expect, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	groups, _ := claims.Strings("groups")
	fmt.Println(claims["sub"], groups)

	_, err = oidc.Verify(context.Background(), token, keys, expect, at.Add(time.Hour))
	fmt.Println(err, errors.Is(err, oidc.ErrExpired))
	// Output:
	// alice [staff]
	// token expired: 1795438800 >= 1795438800 true
}
