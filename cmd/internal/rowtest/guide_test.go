package rowtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

var (
	fileBlock = regexp.MustCompile("(?s)```(?:go|sql)\n(?://|--) file: (\\S+)\n(.*?)```")
	printed   = regexp.MustCompile("(?s)It prints:\n\n```text\n(.*?)```")
)

// TestGuide builds the program of docs/sql.md as its reader would, runs it
// against a server and compares what it prints.
func TestGuide(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	guide, err := os.ReadFile(filepath.Join(root, "docs", "sql.md"))
	require.NoError(t, err)
	url := needs.Postgres(t)
	dir := t.TempDir()
	for _, f := range fileBlock.FindAllSubmatch(guide, -1) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, string(f[1])), f[2], 0o600))
	}
	schema, err := os.ReadFile(filepath.Join(dir, "schema.sql"))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), string(schema))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	sums, err := os.ReadFile(filepath.Join(root, "access", "pgxrow", "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "DATABASE_URL="+url)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	run("mod", "init", "example.com/notes")
	for _, module := range []string{"", "/access/pgxrow"} {
		run("mod", "edit", "-require", "github.com/rowan-authz/rowan"+module+"@v0.0.0", "-replace", "github.com/rowan-authz/rowan"+module+"="+root+module)
	}
	run("vet", ".")
	want := printed.FindSubmatch(guide)
	require.NotNil(t, want)
	require.Equal(t, string(want[1]), run("run", "."))
}
