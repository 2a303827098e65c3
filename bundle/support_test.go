package bundle_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with testdata/golden/name.
func golden(t *testing.T, name, have string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(have), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test -update once")
	require.Equal(t, string(want), have)
}

// small is a bundle that its tests change: the roles R, with a managed policy, and S, and a table T.
func small() fstest.MapFS {
	return files(map[string]string{
		"rowan.yaml":      "account: \"111122223333\"\nregion: us-east-1\n",
		"policies/P.json": `{"Version": "2012-10-17", "Statement": [{"Sid": "Get", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}]}`,
		"roles/R.yaml":    "policies: [P]\n",
		"roles/S.yaml":    "inline: {I: {Statement: {Effect: Deny, Action: \"*\", Resource: \"*\"}}}\n",
		"tables/Tab.yaml": "partitionKey: {name: id}\n",
		"tests/a_test.yaml": `suite: a
identities: {r: {role: R}}
rows: {Tab: {one: {id: x}}}
tests:
  - name: get
    as: r
    on: {Tab: one}
    actions: dynamodb:GetItem
    expect: {r/one: {dynamodb:GetItem: allowed}}
`,
	})
}

func files(texts map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range texts {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// with returns the small bundle with some files replaced, or left out if their text is empty.
func with(texts ...string) fstest.MapFS {
	out := small()
	for i := 0; i < len(texts); i += 2 {
		if texts[i+1] == "" {
			delete(out, texts[i])
			continue
		}
		out[texts[i]] = &fstest.MapFile{Data: []byte(texts[i+1])}
	}
	return out
}

func load(t *testing.T, fsys fs.FS) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(fsys, "b", conditions.AWS())
	require.NoError(t, err)
	return b
}

func suites(t *testing.T, b *bundle.Bundle) []*bundle.Suite {
	t.Helper()
	s, err := b.Suites()
	require.NoError(t, err)
	return s
}

var vocabulary = conditions.AWS()

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// lines wants an error of exactly these lines.
func lines(t *testing.T, err error, want ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, strings.Join(want, "\n"), err.Error())
}

// copyInto reads a directory.
func copyInto(out fstest.MapFS, dir string) error {
	fsys := os.DirFS(dir)
	return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, p)
		out[p] = &fstest.MapFile{Data: text}
		return err
	})
}
