package identity

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestOrderedKeys compares a set that is long enough to have several runs with
// a sorted slice.
func TestOrderedKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var keys orderedKeys
		var want []string
		key := rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOfN(rapid.ByteRange('a', 'p'), 1, 3).Draw(t, "key"))
		})
		next := rapid.Uint32().Draw(t, "start")
		for range rapid.IntRange(0, 3*maxRun).Draw(t, "fill") {
			next = next*1664525 + 1013904223
			k := string([]byte{'a' + byte(next>>28), 'a' + byte(next>>24&15), 'a' + byte(next>>20&15)})
			if i, found := slices.BinarySearch(want, k); !found {
				want = slices.Insert(want, i, k)
				keys.insert(k)
			}
		}
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			k := key.Draw(t, "key")
			i, found := slices.BinarySearch(want, k)
			switch {
			case rapid.Bool().Draw(t, "list"):
				limit := rapid.IntRange(-1, 2*maxRun).Draw(t, "limit")
				after := want[i:]
				if found {
					after = after[1:]
				}
				require.True(t, slices.Equal(after[:min(len(after), max(0, limit))], keys.after(k, limit)))
			case found:
				want = slices.Delete(want, i, i+1)
				keys.remove(k)
			default:
				want = slices.Insert(want, i, k)
				keys.insert(k)
			}
		}
		require.True(t, slices.Equal(want, keys.after("", 1<<20)))
		for _, k := range slices.Clone(want) {
			keys.remove(k)
		}
		require.Empty(t, keys.runs)
	})
}
