package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata/policies")

// folder is one of testdata/policies: documents named KIND.WHAT.json, or
// WHAT.json where no kind matters.
func folder(t testing.TB, name string) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "policies", name, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// kindOf reads the kind that a file's name begins with; zero if it has none.
func kindOf(path string) policy.Kind {
	prefix, _, _ := strings.Cut(filepath.Base(path), ".")
	kind, _ := policy.ParseKind(prefix)
	return kind
}

// golden compares text with the file beside path.
func golden(t *testing.T, path, text string) {
	t.Helper()
	path = strings.TrimSuffix(path, ".json") + ".golden"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test ./policy -update and review the difference")
	require.Equal(t, string(want), text)
}

// TestInvalid holds what is refused on write, the table of iam-semantics §1.8,
// to the exact text of every fault. A file that names a kind is good JSON of
// the right shape, and no policy of that kind.
func TestInvalid(t *testing.T) {
	for _, path := range folder(t, "invalid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			doc, err := policy.Parse(filepath.Base(path), src)
			if kind := kindOf(path); kind != 0 {
				require.NoError(t, err)
				err = doc.Validate(kind, conditions.AWS())
			}
			require.Error(t, err)
			var faults policy.Errors
			require.ErrorAs(t, err, &faults)
			inOrder(t, faults)
			golden(t, path, err.Error()+"\n")
		})
	}
}

// inOrder wants faults in source order, none twice.
func inOrder(t *testing.T, faults policy.Errors) {
	t.Helper()
	seen := map[string]bool{}
	for i, f := range faults {
		require.False(t, seen[f.Error()], f.Error())
		seen[f.Error()] = true
		if i == 0 {
			continue
		}
		last := faults[i-1].Pos
		require.True(t, f.Pos.Line > last.Line || f.Pos.Line == last.Line && f.Pos.Column >= last.Column, f.Error())
	}
}

// TestValid holds documents of each kind to their canonical print, which is of
// the same meaning and prints as itself.
func TestValid(t *testing.T) {
	kinds := map[policy.Kind]bool{}
	for _, path := range folder(t, "valid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			doc, err := policy.Parse(filepath.Base(path), src)
			require.NoError(t, err)
			kind := kindOf(path)
			require.NoError(t, doc.Validate(kind, conditions.AWS()))
			kinds[kind] = true
			golden(t, path, string(doc.Print()))
			samePrint(t, doc)
		})
	}
	require.Len(t, kinds, 8, "every kind has a document")
}
