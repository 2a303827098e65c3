package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// FuzzLint wants no panic, findings within bounds, and fixes that fit the
// source, leave no fix behind and refuse no document that was none before.
func FuzzLint(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(examples, "*", "bad.json"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text, uint8(policy.Identity))
	}
	f.Fuzz(func(t *testing.T, src []byte, k uint8) {
		if len(src) > 64<<10 {
			return
		}
		kind := policy.Kind(k)
		o := lint.Options{Catalogue: awsCatalogue(t)}
		doc, findings := lint.Parse("p", src, kind, o)
		require.LessOrEqual(t, len(findings), lint.MaxFindings)
		if doc == nil {
			return
		}
		for i := range findings {
			if x := findings[i].Fix; x != nil {
				_, n, err := lint.Apply(src, []*lint.Fix{x})
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
		}
		fixed, _ := lint.FixAll("p", src, kind, o, nil)
		again, _ := lint.Parse("p", fixed, kind, o)
		require.NotNil(t, again, "%s", fixed)
	})
}
