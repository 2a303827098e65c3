package oidc_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestClaims(t *testing.T) {
	c := oidc.Claims{
		"text": "a", "empty": "", "texts": []any{"a", "b"}, "none": []any{}, "mixed": []any{"a", json.Number("1")}, "yes": true, "no": false,
		"number": json.Number("17"), "null": nil, "yesText": "true", "object": map[string]any{},
	}
	for name, want := range map[string]string{"text": "a", "yesText": "true"} {
		got, ok := c.String(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"empty", "texts", "yes", "number", "null", "object", "absent", "TEXT"} {
		_, ok := c.String(name)
		require.False(t, ok, name)
	}
	for name, want := range map[string][]string{"text": {"a"}, "texts": {"a", "b"}, "none": {}} {
		got, ok := c.Strings(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"empty", "mixed", "yes", "number", "null", "object", "absent"} {
		got, ok := c.Strings(name)
		require.False(t, ok, name)
		require.Nil(t, got, name)
	}
	for name, want := range map[string]bool{"yes": true, "no": false} {
		got, ok := c.Bool(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"yesText", "number", "null", "absent", "YES"} {
		got, ok := c.Bool(name)
		require.False(t, ok, name)
		require.False(t, got, name)
	}
}

func TestClaimsTime(t *testing.T) {
	for number, want := range map[string]int64{
		"0": 0, "1": 1, "1790000000": 1790000000, "1.79e9": 1790000000, "1790000000.999999": 1790000000, "9007199254740992": 1 << 53, "-0": 0,
	} {
		got, ok := oidc.Claims{"t": json.Number(number)}.Time("t")
		require.True(t, ok, number)
		require.Equal(t, time.Unix(want, 0).UTC(), got, number)
	}
	for _, value := range []any{
		json.Number("-1"), json.Number("-0.5"), json.Number("9007199254740994"), json.Number("1e400"), json.Number("-1e400"), json.Number("NaN"),
		json.Number("Inf"), json.Number(""), json.Number("x"), "1790000000", true, nil,
		[]any{json.Number("1")},
		1790000000, 1.5,
	} {
		_, ok := oidc.Claims{"t": value}.Time("t")
		require.False(t, ok, "%v", value)
	}
	_, ok := oidc.Claims{}.Time("t")
	require.False(t, ok)
}
