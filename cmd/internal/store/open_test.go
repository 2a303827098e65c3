package store

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

var discard = slog.New(slog.DiscardHandler)

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, url := range []string{
		"",
		"memory",
		"memory:x",
		"sqlite",
		"sqlite:",
		"SQLITE:x",
		"file:x",
		"postgres:",
		"postgres:host",
		"mysql://root:hunter2@host/db",
		"hunter2hunter2hunter2hunter2:x",
		"postgres://u:hunter2@host:notaport/db",
		"postgres://u:hunter2@127.0.0.1:1/db?connect_timeout=1",
		"postgres://u:hunter2@127.0.0.1:1/db?pool_max_conns=many",
		"sqlite:" + t.TempDir(),
		"sqlite:" + filepath.Join(t.TempDir(), "no", "folder"),
	} {
		s, err := Open(t.Context(), url, discard)
		require.Error(t, err, url)
		require.Nil(t, s, url)
		require.NotContains(t, err.Error(), "hunter2hunter2hunter2", url)
		require.NotContains(t, err.Error(), ":hunter2@", url)
	}
}

func TestSQLiteFileIsItsOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
	s := open(t, "sqlite:"+path)
	require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error {
		return tx.Put(identity.Record{Kind: "k", Key: "a"})
	}))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	for mode, allowed := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o660: true, 0o604: false, 0o602: false, 0o666: false} {
		require.NoError(t, os.Chmod(path, mode))
		again, err := Open(t.Context(), "sqlite:"+path, discard)
		require.Equal(t, allowed, err == nil, "%04o: %v", mode, err)
		if err == nil {
			require.NoError(t, again.Close())
		}
	}
}

func TestSQLiteFlushesEachCommit(t *testing.T) {
	s := open(t, newSQLite(t))
	d := s.Store.(*database)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "trusted_schema": "0"} {
		var got string
		require.NoError(t, d.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := d.read.ExecContext(t.Context(), "DELETE FROM records")
	require.Error(t, err, "a connection for reading does not write")
}

// TestSQLiteClosedAndOpened finds what another opening wrote, and a waiting
// writer goes on when another process has written.
func TestSQLiteOfTwoOpeners(t *testing.T) {
	url := newSQLite(t)
	a, b := open(t, url), open(t, url)
	const each = 20
	var group sync.WaitGroup
	errs := make([]error, 2)
	for i, s := range []*Store{a, b} {
		group.Go(func() {
			for range each {
				if errs[i] = s.Update(t.Context(), count); errs[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, a.View(t.Context(), func(tx identity.Tx) error {
		r, err := tx.Get("k", "n")
		require.Len(t, r.Value, 2*each)
		return err
	}))
}

// count adds a byte to a value.
func count(tx identity.Tx) error {
	r, err := tx.Get("k", "n")
	if err != nil && !errors.Is(err, identity.ErrNoRecord) {
		return err
	}
	return tx.Put(identity.Record{Kind: "k", Key: "n", Value: append(r.Value, '+')})
}

func TestPing(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{
		"memory": func(testing.TB) string { return "memory:" }, "sqlite": newSQLite, "postgres": needs.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), url(t), discard)
			require.NoError(t, err)
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, s.Close())
			if name != "memory" {
				require.Error(t, s.Ping(t.Context()))
				require.Error(t, s.Update(t.Context(), func(identity.Tx) error { return nil }))
			}
		})
	}
}

func TestPostgresRefusesAServerThatDoesNotFlush(t *testing.T) {
	url := needs.Postgres(t)
	_, err := Open(t.Context(), url+"&synchronous_commit=off", discard)
	require.ErrorContains(t, err, "synchronous_commit")
	open(t, url+"&synchronous_commit=local")
}

// engines are the SQL engines, each with a new database.
var engines = map[string]func(testing.TB) (url string, dialect goose.Dialect, folder string){
	"sqlite": func(t testing.TB) (string, goose.Dialect, string) {
		return newSQLite(t), goose.DialectSQLite3, "sqlite"
	},
	"postgres": func(t testing.TB) (string, goose.Dialect, string) {
		return needs.Postgres(t), goose.DialectPostgres, "postgres"
	},
}

func TestOpenBesideOthers(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			url, _, _ := engine(t)
			var logged bytes.Buffer
			log := slog.New(slog.NewTextHandler(&logged, nil))
			const openers = 8
			stores, errs := make([]*Store, openers), make([]error, openers)
			var group sync.WaitGroup
			for i := range openers {
				group.Go(func() {
					if stores[i], errs[i] = Open(t.Context(), url, log); errs[i] == nil {
						errs[i] = stores[i].Update(t.Context(), count)
					}
				})
			}
			group.Wait()
			require.NoError(t, errors.Join(errs...))
			for _, s := range stores {
				require.NoError(t, s.Close())
			}
			require.Equal(t, 1, strings.Count(logged.String(), "migrated the store"), "%s", &logged)
		})
	}
}

// TestMigrationsHappenOnce has several openers apply a migration that would
// show if it were applied twice.
func TestMigrationsHappenOnce(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			url, dialect, folder := engine(t)
			first, err := migrations.ReadFile("migrations/" + folder + "/0001_records.sql")
			require.NoError(t, err)
			files := fstest.MapFS{
				"0001_records.sql": {Data: first},
				"0002_count.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE counts (n INT);\nINSERT INTO counts VALUES (0);\n")},
			}
			db := raw(t, url)
			require.NoError(t, migrate(t.Context(), db, dialect, files, discard))
			files["0003_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nUPDATE counts SET n = n + 1;\n")}
			errs := make([]error, 4)
			var group sync.WaitGroup
			for i := range errs {
				own := raw(t, url)
				group.Go(func() { errs[i] = migrate(t.Context(), own, dialect, files, discard) })
			}
			group.Wait()
			require.NoError(t, errors.Join(errs...))
			var n int
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT n FROM counts").Scan(&n))
			require.Equal(t, 1, n)

			_, err = Open(t.Context(), url, discard)
			require.ErrorIs(t, err, errNewer)
		})
	}
}

// raw opens a database with a pool of one.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		require.NoError(t, ownFile(path))
		driver, name = "sqlite", dsn(path, nil)
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
