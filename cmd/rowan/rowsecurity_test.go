package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// TestExportAndDrift puts the demo's policies into a database and compares.
func TestExportAndDrift(t *testing.T) {
	url := needs.Postgres(t)
	dir := filepath.Join(t.TempDir(), "demo")
	require.NoError(t, os.CopyFS(dir, demo.FS))
	run := func(args ...string) (status int, stdout, stderr string) {
		var out, errs bytes.Buffer
		p := &process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now,
			terminal: func(any) bool { return false }, getenv: func(name string) string { return map[string]string{"DATABASE_URL": url}[name] },
		}
		status = p.run(append(args, "--role", "Player", "--table", "GameScores", "--db-role", "gamer", dir))
		return status, out.String(), errs.String()
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec("CREATE TABLE game_scores (user_id text NOT NULL, title text NOT NULL)")

	status, _, stderr := run("drift")
	require.Equal(t, exitUsage, status)
	require.Contains(t, stderr, "there is no role gamer")
	exec("CREATE ROLE gamer")
	status, sql, stderr := run("export", "postgres-rls")
	require.Zero(t, status, stderr)
	exec(sql)
	status, stdout, stderr := run("drift")
	require.Zero(t, status, stderr)
	require.Equal(t, "no difference in 500 rows\n", stdout)
	exec("ALTER POLICY rowan_gamer_select ON game_scores USING (true)")
	status, stdout, _ = run("drift")
	require.Equal(t, exitUnmet, status)
	require.Contains(t, stdout, "SELECT: the database lets through what the policies do not")
	status, stdout, _ = run("--format", "json", "drift")
	require.Equal(t, exitUnmet, status)
	require.Contains(t, stdout, `"command":"SELECT"`)

	url = "postgres://rowan:hunter2@/\x00"
	_, _, stderr = run("drift")
	require.NotContains(t, stderr, "hunter2")
}
