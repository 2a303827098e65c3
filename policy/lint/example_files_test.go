package lint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/catalogue"
	"github.com/rowan-authz/rowan/policy/lint"
)

var update = flag.Bool("update", false, "rewrite golden files")

// examples holds a folder for each code: bad.json has the finding, good.json
// has not; case.json says what is known beside the document, and fixed.json is
// bad.json after its fixes.
var examples = filepath.Join("..", "..", "testdata", "lint")

// ofBundles are the codes that are about pools: bundle tests them.
var ofBundles = []string{"writable-role-claim", "loose-role-claim", "writable-tag-claim", "unverifiable-provider", "role-policy-size"}

// known is case.json.
type known struct {
	Kind      string
	Catalogue bool
	Tables    []lint.Table
}

func options(t *testing.T, dir string) (policy.Kind, lint.Options) {
	t.Helper()
	k := known{Kind: "identity"}
	if text, err := os.ReadFile(filepath.Join(dir, "case.json")); !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &k))
	}
	kind, ok := policy.ParseKind(k.Kind)
	require.True(t, ok)
	o := lint.Options{Tables: k.Tables}
	if k.Catalogue {
		o.Catalogue = awsCatalogue(t)
	}
	return kind, o
}

func awsCatalogue(t *testing.T) lint.Catalogue {
	t.Helper()
	c, err := catalogue.AWS()
	require.NoError(t, err)
	return c
}

func codes(findings []lint.Finding) (out []string) {
	for i := range findings {
		out = append(out, findings[i].Code)
	}
	return out
}

// TestEveryCodeHasExamples holds each code to a document that has it and one
// that has not, and every folder to a code.
func TestEveryCodeHasExamples(t *testing.T) {
	folders := map[string]bool{}
	entries, err := os.ReadDir(examples)
	require.NoError(t, err)
	for _, e := range entries {
		folders[e.Name()] = e.IsDir()
	}
	delete(folders, "findings.txt") // what all of them find
	var golden strings.Builder
	for _, r := range lint.Rules() {
		t.Run(r.Code, func(t *testing.T) {
			require.NotEmpty(t, r.Summary)
			require.NotEmpty(t, r.Why)
			require.NotZero(t, r.Severity)
			for _, code := range ofBundles {
				if code == r.Code {
					return
				}
			}
			require.True(t, folders[r.Code], "no testdata/lint/%s with a bad and a good example", r.Code)
			delete(folders, r.Code)
			dir := filepath.Join(examples, r.Code)
			kind, o := options(t, dir)
			bad, err := os.ReadFile(filepath.Join(dir, "bad.json"))
			require.NoError(t, err)
			_, findings := lint.Parse(r.Code+"/bad.json", bad, kind, o)
			require.Contains(t, codes(findings), r.Code)
			for _, f := range findings {
				golden.WriteString(f.Severity.String() + " " + f.Code + " " + f.Error.Error() + "\n")
			}
			good, err := os.ReadFile(filepath.Join(dir, "good.json"))
			require.NoError(t, err)
			doc, findings := lint.Parse("good.json", good, kind, o)
			require.NotContains(t, codes(findings), r.Code)
			require.NoError(t, doc.Validate(kind, conditions.AWS()))
			holdFixed(t, dir, bad, kind, o)
		})
	}
	require.Empty(t, folders, "folders of no code")
	same(t, filepath.Join(examples, "findings.txt"), []byte(golden.String()))
}

// holdFixed compares what the fixes make of bad.json with fixed.json, which is
// there if they make anything of it.
func holdFixed(t *testing.T, dir string, bad []byte, kind policy.Kind, o lint.Options) {
	t.Helper()
	fixed, taken := lint.FixAll("bad.json", bad, kind, o, nil)
	file := filepath.Join(dir, "fixed.json")
	if taken == 0 {
		require.Equal(t, bad, fixed)
		require.NoFileExists(t, file)
		return
	}
	_, before := lint.Parse("bad.json", bad, kind, o)
	_, after := lint.Parse("fixed.json", fixed, kind, o)
	require.Less(t, len(after), len(before))
	again, more := lint.FixAll("fixed.json", fixed, kind, o, nil)
	require.Zero(t, more)
	require.Equal(t, fixed, again)
	same(t, file, fixed)
}

func same(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, text, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
}

// TestFixesNeedTheSource: without it there are none, and a fix that does not fit
// is refused.
func TestFixesNeedTheSource(t *testing.T) {
	src := []byte(`{"Statement": {"Effect": "Allow", "Action": ["a:b", "a:b"], "Resource": "*"}}`)
	doc := parse(t, string(src))
	for _, f := range lint.Check(doc, policy.Identity, lint.Options{}) {
		require.Nil(t, f.Fix)
	}
	_, findings := lint.Parse("p", src, policy.Identity, lint.Options{})
	var fixes []*lint.Fix
	for _, f := range findings {
		fixes = append(fixes, f.Fix)
	}
	require.Len(t, fixes, 2)
	out, n, err := lint.Apply(src, fixes)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["a:b"], "Resource": "*"}}`, string(out))
	_, _, err = lint.Apply(bytes.ToUpper(src), fixes)
	require.ErrorIs(t, err, lint.ErrEdit)
	_, _, err = lint.Apply(nil, fixes)
	require.ErrorIs(t, err, lint.ErrEdit)
}
