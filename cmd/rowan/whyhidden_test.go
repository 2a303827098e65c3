package main

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// TestWhyHiddenInDatabases looks a row up where it is.
func TestWhyHiddenInDatabases(t *testing.T) {
	dir := columnsBundle(t)
	for name, open := range map[string]func() (db *sql.DB, columns string, flags []string, environment map[string]string){
		"SQLite": func() (*sql.DB, string, []string, map[string]string) {
			file := filepath.Join(t.TempDir(), "a b?.db")
			// A path of a URL: the driver reads what follows ? as its options.
			db, err := sql.Open("sqlite", "file:"+filepath.Dir(file)+"/a%20b%3f.db")
			require.NoError(t, err)
			return db, "id integer, owner text, team text, size integer, shared integer, labels text, price integer, at text", []string{"--sqlite", file}, nil
		},
		"PostgreSQL": func() (*sql.DB, string, []string, map[string]string) {
			url := needs.Postgres(t)
			db, err := sql.Open("pgx", url)
			require.NoError(t, err)
			return db, "id integer, owner text, team text, size bigint, shared boolean, labels text[], price numeric, at timestamptz", []string{"--postgres", "-"}, map[string]string{"DATABASE_URL": url}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, columns, flags, environment := open()
			defer func() { require.NoError(t, db.Close()) }()
			for _, statement := range []string{
				"CREATE TABLE notes (" + columns + ")",
				"INSERT INTO notes (id, owner, team, size) VALUES (1, 'red/ann', 'red', 9), (2, 'blue/bob', 'red', 9), (3, 'red/ann', 'red', 10), (4, 'x', 'red', 1), (4, 'y', 'red', 1)",
			} {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
			ask := func(id string, more ...string) (int, string, string) {
				args := append([]string{"why-hidden", "--bundle", dir, "--table", "Notes", "--role", "Author", "--where", "id=" + id, "--reason", "ticket 7"}, flags...)
				return invoke(environment, append(more, args...)...)
			}
			status, out, errs := ask("2")
			require.Zero(t, status, errs)
			require.Equal(t, "rowan: reading a row of notes past the policies: ticket 7\n", errs)
			require.Contains(t, out, "hidden\n")
			require.Contains(t, out, "row   dynamodb:LeadingKeys = \"blue/bob\"\n")
			require.Contains(t, out, `request has ["blue/bob"], policy wants`)
			status, out, _ = ask("3", "--format", "json")
			require.Zero(t, status)
			require.Contains(t, out, `{"hidden":true,"row":{`)
			require.Contains(t, out, `"app:size":"\"10\""`)
			status, out, _ = ask("1")
			require.Zero(t, status)
			require.Contains(t, out, "seen: nothing hides this row\n")

			status, _, errs = ask("5")
			require.Equal(t, exitUnmet, status)
			require.Contains(t, errs, "no such row")
			status, _, errs = ask("4")
			require.Equal(t, exitUnmet, status)
			require.Contains(t, errs, "several rows")
		})
	}
	status, _, errs := invoke(nil, "why-hidden", "--bundle", dir, "--table", "Notes", "--role", "Author", "--where", "id=1", "--reason", "x", "--sqlite", filepath.Join(t.TempDir(), "none.db"))
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "unable to open")
}
