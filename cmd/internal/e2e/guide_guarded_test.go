package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

var guidePrints = regexp.MustCompile("(?s)It prints:\n\n```text\n(.*?)```")

// TestGuideDynamoDBInProcess builds the program of docs/dynamodb-in-process.md as
// its reader would, runs it and compares what it prints. It differs from what
// the guide shows in the server's port alone.
func TestGuideDynamoDBInProcess(t *testing.T) {
	t.Parallel()
	const name = "dynamodb-in-process.md"
	url := needs.Dynalite(t)
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	dir := t.TempDir()
	programs := guidePrograms(t, name)
	require.Len(t, programs, 3)
	require.Contains(t, programs["table.go"], "http://127.0.0.1:8000")
	for file, text := range programs {
		text = strings.ReplaceAll(text, "http://127.0.0.1:8000", url)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	sums, err := os.ReadFile(filepath.Join(root, "access", "awssdk", "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	run("mod", "init", "example.com/scores")
	for _, module := range []string{"", "/access/awssdk"} {
		run("mod", "edit", "-require", "github.com/rowan-authz/rowan"+module+"@v0.0.0", "-replace", "github.com/rowan-authz/rowan"+module+"="+root+module)
	}
	run("vet", ".")
	guide, err := os.ReadFile(filepath.Join(root, "docs", name))
	require.NoError(t, err)
	want := guidePrints.FindSubmatch(guide)
	require.NotNil(t, want)
	require.Equal(t, string(want[1]), run("run", "."))
}
