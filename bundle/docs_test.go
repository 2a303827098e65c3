package bundle_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
)

var block = regexp.MustCompile("(?s)```(yaml|text)\n(.*?)```")

// blocks returns the code blocks of a guide: YAML by the file that its first line names.
func blocks(t *testing.T, guide string) (yaml map[string]string, text []string) {
	t.Helper()
	src, err := os.ReadFile("../docs/" + guide)
	require.NoError(t, err)
	yaml = map[string]string{}
	for _, m := range block.FindAllStringSubmatch(string(src), -1) {
		if m[1] == "text" {
			text = append(text, m[2])
			continue
		}
		first, _, _ := strings.Cut(m[2], "\n")
		yaml[strings.TrimPrefix(first, "# ")] = m[2]
	}
	return yaml, text
}

// demoWith is the demo with some files more.
func demoWith(t *testing.T, more map[string]string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(demo.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(demo.FS, p)
		out[p] = &fstest.MapFile{Data: text}
		return err
	}))
	for name, f := range files(more) {
		out[name] = f
	}
	return out
}

// TestGuides wants the files that the guides show to load and pass, and the failure that one shows to
// be what is printed.
func TestGuides(t *testing.T) {
	shown, _ := blocks(t, "bundles.md")
	require.Len(t, shown, 7)
	metadata, err := os.ReadFile(fullDir + "/providers/Corp.xml")
	require.NoError(t, err)
	shown["providers/Corp.xml"] = string(metadata)
	require.Empty(t, load(t, demoWith(t, shown)).Lint(nil))

	shown, _ = blocks(t, "providers.md") // cmd/internal/e2e signs in with it
	require.Len(t, shown, 12)
	shown["providers/Corp.xml"] = string(metadata)
	require.Empty(t, load(t, files(shown)).Lint(nil))

	shown, text := blocks(t, "testing-policies.md")
	require.Len(t, shown, 1)
	const name = "tests/scores_test.yaml"
	run := func(suite string) bundle.Result {
		fsys := demoWith(t, map[string]string{name: suite})
		delete(fsys, "tests/players_test.yaml")
		delete(fsys, "tests/referees_test.yaml")
		b, err := bundle.Load(fsys, "", vocabulary)
		require.NoError(t, err)
		return bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	}
	r := run(shown[name])
	require.Zero(t, r.Failed, "%v", r)
	require.Equal(t, 12, r.Passed)

	const own = "      alice/own: {"
	require.Contains(t, shown[name], own)
	r = run(strings.Replace(shown[name], own, "      alice/other: {dynamodb:GetItem: allowed}\n"+own, 1))
	require.Equal(t, 1, r.Failed)
	for _, c := range r.Suites[0].Tests[0].Cells {
		if !c.Pass {
			require.Equal(t, []string{c.Failure(false)}, text)
		}
	}
}
