package store

import (
	"bytes"
	"database/sql"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// TestRehearsal: what a rehearsal writes it sees, beside what is there, and
// nobody else does; a store without tables stays without.
func TestRehearsal(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"SQLite": newSQLite, "PostgreSQL": needs.Postgres} {
		t.Run(name, func(t *testing.T) {
			url := address(t)
			fresh, state, err := Rehearse(t.Context(), url, discard)
			require.NoError(t, err)
			require.Zero(t, state.Version)
			require.Positive(t, state.Known)
			require.NoError(t, fresh.Update(t.Context(), func(tx identity.Tx) error { return tx.Put(identity.Record{Kind: "k", Key: "a"}) }))
			require.NoError(t, fresh.Close())
			if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
				require.NoFileExists(t, file)
			} else {
				require.Empty(t, tablesOf(t, url))
			}

			kept := open(t, url)
			put := func(s identity.Store, key, value string) {
				require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error {
					return tx.Put(identity.Record{Kind: "k", Key: key, Group: "g", Value: []byte(value)})
				}))
			}
			put(kept, "a", "real")
			put(kept, "c", "real")
			s, state, err := Rehearse(t.Context(), url, discard)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			require.Equal(t, state.Known, state.Version)
			put(s, "b", "rehearsed")
			put(s, "c", "rehearsed")
			require.ErrorIs(t, s.Update(t.Context(), func(tx identity.Tx) error { return tx.Insert(identity.Record{Kind: "k", Key: "a"}) }), identity.ErrRecordExists)
			require.Error(t, s.Update(t.Context(), func(tx identity.Tx) error { return tx.Delete("k", "a") }))
			require.Equal(t, "a=real b=rehearsed c=rehearsed", listed(t, s, 9))
			require.Equal(t, "a=real b=rehearsed", listed(t, s, 2))
			require.Equal(t, "a=real c=real", listed(t, kept, 9))
		})
	}
}

// TestRehearsalRefusesAsOpenDoes: what keeps a store from being opened.
func TestRehearsalRefusesAsOpenDoes(t *testing.T) {
	url := newSQLite(t)
	s, err := Open(t.Context(), url, discard)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	file := strings.TrimPrefix(url, "sqlite:")
	require.NoError(t, os.Chmod(file, 0o644))
	_, _, err = Rehearse(t.Context(), url, discard)
	require.ErrorContains(t, err, "lets every user of the machine in")
	require.NoError(t, os.Chmod(file, 0o600))

	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO ` + versionTable + ` (version_id, is_applied) VALUES (9999, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, _, err = Rehearse(t.Context(), url, discard)
	require.ErrorIs(t, err, errNewer)

	_, _, err = Rehearse(t.Context(), "sqlite:"+file+".d/x.db", discard)
	require.Error(t, err)
}

func listed(t *testing.T, s identity.Store, limit int) string {
	t.Helper()
	var out []string
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		out = nil
		records, err := tx.List("k", "g", "", limit)
		for _, r := range records {
			out = append(out, r.Key+"="+string(bytes.Clone(r.Value)))
		}
		return err
	}))
	return strings.Join(out, " ")
}

// tablesOf lists the tables of a database.
func tablesOf(t *testing.T, url string) (names []string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.Query(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}
