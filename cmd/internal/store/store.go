// Package store keeps the records of an identity.Store in SQLite, PostgreSQL or
// memory.
//
// All engines have one table of records and the same statements. The SQL is
// what CockroachDB and YugabyteDB document too (no extension or advisory lock;
// notifications only where the server has them), but it is not tested on them.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/rowan-authz/rowan/identity"
)

// Store is an identity.Store that was opened. It is safe for concurrent use.
type Store struct {
	identity.Store
	ping          func(context.Context) error
	close         func() error
	announcements *announcements // nil if the engine has none
}

// Open opens the store that a URL names, and brings its tables up to date:
//
//	memory:                      gone when the process ends
//	sqlite:PATH                  a file, made with mode 0600; one machine
//	postgres://user@host/name    as PostgreSQL has it (libpq), also pool_max_conns
//
// Any number of processes may open a store at once. Open refuses a file that
// other users may read, a server that does not flush commits, and tables of a
// newer version of the program. No error shows a password.
func Open(ctx context.Context, url string, log *slog.Logger) (*Store, error) {
	return openWith(ctx, url, migrate, log)
}

// preparation makes sure that a database has its tables.
type preparation func(context.Context, *sql.DB, goose.Dialect, fs.FS, *slog.Logger) error

func openWith(ctx context.Context, url string, prepare preparation, log *slog.Logger) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch {
	case url == "memory:":
		return inMemory(), nil
	case scheme == "sqlite" && rest != "":
		return openSQLite(ctx, rest, prepare, log)
	case (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		return openPostgres(ctx, url, prepare, log)
	}
	return nil, fmt.Errorf("store %.20q: want memory:, sqlite:PATH or postgres://…", scheme+":")
}

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error { return s.ping(ctx) }

// Close waits for what is running and closes the store.
func (s *Store) Close() error { return s.close() }

func inMemory() *Store {
	return &Store{
		Store: identity.NewMemory(),
		ping:  func(ctx context.Context) error { return ctx.Err() },
		close: func() error { return nil },
	}
}

// ofDatabase returns a store of migrated tables.
func ofDatabase(d *database, closers ...func() error) *Store {
	return &Store{Store: d, ping: d.ping, close: func() error {
		errs := make([]error, 0, len(closers))
		for _, closer := range closers {
			errs = append(errs, closer())
		}
		return errors.Join(errs...)
	}}
}

func (d *database) ping(ctx context.Context) error {
	for _, db := range []*sql.DB{d.read, d.write} {
		if err := db.PingContext(ctx); err != nil {
			return err
		}
	}
	return nil
}
