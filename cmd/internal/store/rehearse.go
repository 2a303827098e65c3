package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/rowan-authz/rowan/identity"
)

// State is what Rehearse found. Version is that of the tables, 0 if there are
// none; Known is the one that Open would bring them to.
type State struct {
	Version, Known int64
}

// Rehearse opens the store that a URL names as Open would, and leaves it as it
// is: tables that are not there or not up to date are not touched, and what the
// Store is given to write is forgotten with it. Tables of an older version are
// not read, so that it is empty then.
func Rehearse(ctx context.Context, url string, log *slog.Logger) (*Store, State, error) {
	var state State
	look := func(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, _ *slog.Logger) (err error) {
		state, err = lookAt(ctx, db, dialect, files)
		if err == nil && state.Version < state.Known {
			err = errBehind
		}
		return err
	}
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat(filepath.Dir(file)); err != nil {
				return nil, state, fmt.Errorf("store sqlite: %w", err)
			}
			state.Known, err = newest(migrationsIn("sqlite"))
			return inMemory(), state, err
		}
	}
	s, err := openWith(ctx, url, look, log)
	if errors.Is(err, errBehind) {
		return inMemory(), state, nil
	}
	if err != nil {
		return nil, state, err
	}
	s.Store = &rehearsal{s.Store, identity.NewMemory()}
	return s, state, nil
}

// errBehind means that Open would change the tables.
var errBehind = errors.New("the tables are not up to date")

// newest returns the version of the last migration.
func newest(files fs.FS) (version int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		version = max(version, n)
	}
	return version, err
}

// lookAt finds out of which version tables are. goose would make its own to know.
func lookAt(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS) (s State, err error) {
	if s.Known, err = newest(files); err != nil {
		return s, err
	}
	there := `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '` + versionTable + `'`
	if dialect == goose.DialectPostgres {
		there = `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '` + versionTable + `'`
	}
	var tables int
	if err := db.QueryRowContext(ctx, there).Scan(&tables); err != nil || tables == 0 {
		return s, err
	}
	var version sql.NullInt64
	if err := db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM `+versionTable).Scan(&version); err != nil {
		return s, err
	}
	s.Version = version.Int64
	if s.Version > s.Known {
		return s, fmt.Errorf("%w: version %d, this program knows %d", errNewer, s.Version, s.Known)
	}
	return s, nil
}

// rehearsal is a store whose writes are kept beside it.
type rehearsal struct{ base, beside identity.Store }

// View implements identity.Store.
func (r *rehearsal) View(ctx context.Context, f func(identity.Tx) error) error {
	return r.base.View(ctx, func(base identity.Tx) error {
		return r.beside.View(ctx, func(beside identity.Tx) error { return f(&rehearsed{base, beside}) })
	})
}

// Update implements identity.Store.
func (r *rehearsal) Update(ctx context.Context, f func(identity.Tx) error) error {
	return r.base.View(ctx, func(base identity.Tx) error {
		return r.beside.Update(ctx, func(beside identity.Tx) error { return f(&rehearsed{base, beside}) })
	})
}

// Sweep deletes nothing.
func (*rehearsal) Sweep(context.Context, time.Time) (int, error) { return 0, nil }

// rehearsed is a transaction of a rehearsal.
type rehearsed struct{ base, beside identity.Tx }

// Get implements identity.Tx.
func (r *rehearsed) Get(kind, key string) (identity.Record, error) {
	x, err := r.beside.Get(kind, key)
	if errors.Is(err, identity.ErrNoRecord) {
		return r.base.Get(kind, key)
	}
	return x, err
}

// Insert implements identity.Tx.
func (r *rehearsed) Insert(x identity.Record) error {
	if _, err := r.base.Get(x.Kind, x.Key); err == nil {
		return fmt.Errorf("%w: %s", identity.ErrRecordExists, x.Kind)
	} else if !errors.Is(err, identity.ErrNoRecord) {
		return err
	}
	return r.beside.Insert(x)
}

// Put implements identity.Tx.
func (r *rehearsed) Put(x identity.Record) error { return r.beside.Put(x) }

// Delete refuses: what the store has cannot be taken out of sight.
func (*rehearsed) Delete(string, string) error {
	return errors.New("nothing is deleted in a rehearsal")
}

// List implements identity.Tx.
func (r *rehearsed) List(kind, group, after string, limit int) ([]identity.Record, error) {
	all, err := r.beside.List(kind, group, after, limit)
	if err != nil {
		return nil, err
	}
	kept, err := r.base.List(kind, group, after, limit)
	if err != nil {
		return nil, err
	}
	byKey := func(a, b identity.Record) int { return cmp.Compare(a.Key, b.Key) }
	all = append(all, kept...) // of two with one key the first is the newer
	slices.SortStableFunc(all, byKey)
	all = slices.CompactFunc(all, func(a, b identity.Record) bool { return a.Key == b.Key })
	return all[:min(len(all), max(limit, 0))], nil
}
