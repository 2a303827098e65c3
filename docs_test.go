package rowan_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	goBlock   = regexp.MustCompile("(?s)```go\n// file: (\\S+)\n(.*?)```")
	textBlock = regexp.MustCompile("(?s)It prints:\n\n```text\n(.*?)```")
)

// TestEmbeddingGuide builds the program of docs/embedding.md as an embedder
// would and compares what it prints.
func TestEmbeddingGuide(t *testing.T) {
	guide, err := os.ReadFile("docs/embedding.md")
	require.NoError(t, err)
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	files := goBlock.FindAllSubmatch(guide, -1)
	require.NotEmpty(t, files)
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, string(f[1])), f[2], 0o644))
	}
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	run("mod", "init", "example.com/scores")
	run("mod", "edit", "-require", "github.com/rowan-authz/rowan@v0.0.0", "-replace", "github.com/rowan-authz/rowan="+root)
	run("vet", ".")
	want := textBlock.FindSubmatch(guide)
	require.NotNil(t, want)
	require.Equal(t, string(want[1]), run("run", "."))
}

// TestReadmeExample holds the README's Go code to the root Example.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, body, begins := strings.Cut(string(example), "func Example() {\n")
	body, _, ends := strings.Cut(body, "\t// Output:")
	require.True(t, begins && ends)
	for line := range strings.Lines(body) {
		require.Contains(t, string(readme), strings.TrimSpace(line), "README.md lacks a line of the root Example")
	}
}
