package conditions

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParseNumber holds what a number is. Source: iam-semantics §3.5; choice C6.
func TestParseNumber(t *testing.T) {
	for _, s := range []string{"0", "-0", "+0", "10", "10.0", "010", "-3", "+3", "9.75", "00.50", "0." + strings.Repeat("0", 61) + "1"} {
		_, ok := parseNumber(s)
		require.True(t, ok, s)
	}
	for _, s := range []string{
		"", " ", " 1", "1 ", "0x10", "1_000", "NaN", "Inf", "10abc", "1,5", "1e3", "1.", ".5", "-", "+", "--1", "+-1", "-.5", "1.2.3",
		"1.-2", "١", "1\x00", "*", "0." + strings.Repeat("0", 62) + "1",
	} {
		_, ok := parseNumber(s)
		require.False(t, ok, s)
	}
	require.Zero(t, number{}.compare(must(t)("0")), "the zero value is 0")
	require.Zero(t, must(t)("-0.0").compare(must(t)("0")), "there is one zero")
}

func must(t *testing.T) func(s string) number {
	return func(s string) number {
		n, ok := parseNumber(s)
		require.True(t, ok, s)
		return n
	}
}

// TestNumberIsExact compares random decimals like math/big does.
func TestNumberIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	digit := func(n int) string {
		out := make([]byte, n)
		for i := range out {
			out[i] = "0019"[r.IntN(4)]
		}
		return string(out)
	}
	random := func() string {
		s := []string{"", "-", "+"}[r.IntN(3)] + digit(1+r.IntN(4))
		if r.IntN(2) == 0 {
			s += "." + digit(1+r.IntN(4))
		}
		if r.IntN(20) == 0 {
			s = digit(20) + "." + digit(40)
		}
		return s
	}
	orders := [3]int{}
	for range 20_000 {
		a, b := random(), random()
		x, ok1 := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		require.True(t, ok1 && ok2)
		want, got := x.Cmp(y), sign(must(t)(a).compare(must(t)(b)))
		require.Equal(t, want, got, "%s and %s", a, b)
		orders[want+1]++
	}
	for _, n := range orders {
		require.Greater(t, n, 200)
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

// TestComparison holds which order of the values each operator wants.
func TestComparison(t *testing.T) {
	for c, want := range map[comparison][3]bool{
		equal:        {false, true, false},
		less:         {true, false, false},
		lessEqual:    {true, true, false},
		greater:      {false, false, true},
		greaterEqual: {false, true, true},
		99:           {false, false, false},
	} {
		for i := range want {
			require.Equal(t, want[i], c.holds(i-1), "%d of order %d", c, i-1)
		}
	}
}
