package policy_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

// TestPlainNumber writes a JSON number out without its exponent. Source:
// iam-semantics §3.5; choice C6.
func TestPlainNumber(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "-0": "-0", "10": "10", "1.50": "1.50", "1e2": "100", "1E+2": "100", "1.5e1": "15", "1.5e0": "1.5", "12.5e-1": "1.25",
		"1e-3": "0.001", "-2.5E-1": "-0.25", "0e100": "0", "0.0e-5": "0", "-0e1": "-0", "100e-2": "1", "1e63": "1" + strings.Repeat("0", 63),
		"1e-62": "0." + strings.Repeat("0", 61) + "1", "1e0000000000000000000000002": "100", "0.001e3": "1", "10.10e1": "101",
		strings.Repeat("1", 64): strings.Repeat("1", 64), strings.Repeat("0", 10) + "1e0": "1",
	} {
		got, err := policy.PlainNumber(number)
		require.NoError(t, err, number)
		require.Equal(t, want, got, number)
	}
	for number, want := range map[string]string{
		"1e101": "an exponent beyond ±100", "1e-101": "an exponent beyond ±100", "1e999999999": "an exponent beyond ±100",
		"1e99999999999999999999": "an exponent beyond ±100", "0e999": "an exponent beyond ±100",
		"1e64": "a number of more than 64 characters", "1e-63": "a number of more than 64 characters",
		strings.Repeat("1", 65): "a number of more than 64 characters", strings.Repeat("1", 60) + "e10": "a number of more than 64 characters",
	} {
		_, err := policy.PlainNumber(number)
		require.EqualError(t, err, want, number)
	}
}

// TestPlainNumberIsExact holds random numbers to math/big.
func TestPlainNumberIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	written := 0
	for range 20_000 {
		number := fmt.Sprintf("%s%d", []string{"", "-"}[r.IntN(2)], r.IntN(1000))
		if r.IntN(2) == 0 {
			number += fmt.Sprintf(".%0*d", 1+r.IntN(4), r.IntN(1000))
		}
		if r.IntN(4) > 0 {
			number += fmt.Sprintf("%s%s%d", []string{"e", "E"}[r.IntN(2)], []string{"", "+", "-"}[r.IntN(3)], r.IntN(70))
		}
		plain, err := policy.PlainNumber(number)
		if err != nil {
			continue
		}
		written++
		want, ok1 := new(big.Rat).SetString(number)
		got, ok2 := new(big.Rat).SetString(plain)
		require.True(t, ok1 && ok2, "%s as %s", number, plain)
		require.Zero(t, want.Cmp(got), "%s as %s", number, plain)
		require.NotContains(t, strings.ToLower(plain), "e")
		require.LessOrEqual(t, len(plain), 64)
		again, err := policy.PlainNumber(plain)
		require.NoError(t, err)
		require.Equal(t, plain, again)
	}
	require.Greater(t, written, 15_000)
}
