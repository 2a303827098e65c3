package conditions

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTextSet holds a textSet to a map.
func TestTextSet(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	text := func() string {
		out := make([]byte, r.IntN(5))
		for i := range out {
			out[i] = "ab\x00\xff"[r.IntN(4)]
		}
		return string(out)
	}
	hits, misses := 0, 0
	for range 2000 {
		texts := make([]string, r.IntN(65))
		want := map[string]bool{}
		for i := range texts {
			texts[i] = text()
			want[texts[i]] = true
		}
		set, ok := newTextSet(texts)
		require.True(t, ok, "%q", texts)
		for range 50 {
			s := text()
			require.Equal(t, want[s], set.has(s), "%q in %q", s, texts)
			if want[s] {
				hits++
			} else {
				misses++
			}
		}
		for _, s := range texts {
			require.True(t, set.has(s), "%q in %q", s, texts)
		}
	}
	require.Greater(t, hits, 10_000)
	require.Greater(t, misses, 10_000)
	var zero textSet
	require.False(t, zero.has(""), "the zero value is empty")
	require.False(t, zero.has("a"))
}

// TestTextSetLimit finds every value of a condition on both sides of the size
// at which a map takes over.
func TestTextSetLimit(t *testing.T) {
	for _, n := range []int{1, maxTexts - 1, maxTexts, maxTexts + 1, 1000} {
		var texts []string
		for i := range n {
			texts = append(texts, fmt.Sprint("us-east-1:", i))
		}
		e := AWS().newEquals(texts, true, nil)
		require.Equal(t, n > maxTexts, e.index != nil, n)
		for _, s := range texts {
			require.Equal(t, True, e.hit(nil, nil, s))
		}
		require.Equal(t, False, e.hit(nil, nil, "us-east-1:"))
		require.Equal(t, False, e.hit(nil, nil, ""))
		require.Equal(t, texts, e.texts())
	}
}

// TestNamesAreFiled: filling a context relies on it.
func TestNamesAreFiled(t *testing.T) {
	v := AWS()
	require.Len(t, v.names.texts, len(v.keys))
	for i, k := range v.keys {
		require.Equal(t, i, v.names.find(k.Name))
	}
}
