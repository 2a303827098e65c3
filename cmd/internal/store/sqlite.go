package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// maxReaders bounds the connections that read a file at a time.
const maxReaders = 8

// openSQLite opens a file with one connection that writes and some that read,
// which the write-ahead log lets go on beside each other.
func openSQLite(ctx context.Context, path string, prepare preparation, log *slog.Logger) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store sqlite: %w", err)
	}
	if err := ownFile(path); err != nil {
		return nil, fmt.Errorf("store sqlite: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, fmt.Errorf("store sqlite: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store sqlite: %w", err), write.Close())
	}
	read.SetMaxOpenConns(maxReaders)
	read.SetMaxIdleConns(maxReaders)
	d := &database{engine: sqliteEngine(), read: read, write: write, attempts: maxAttempts}
	if err := prepare(ctx, write, goose.DialectSQLite3, migrationsIn("sqlite"), log); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", path, err), read.Close(), write.Close())
	}
	return ofDatabase(d, read.Close, write.Close), nil
}

// dsn names a file and how each connection to it is set up: every commit is
// flushed, and a lock of another process is waited for in steps short enough
// that begin, which waits on, hears the caller's context.
func dsn(path string, more url.Values) string {
	q := url.Values{"_pragma": {
		"busy_timeout(200)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"trusted_schema(0)",
	}}
	for name, values := range more {
		q[name] = values
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// making keeps other openers of this process away while a file is made: when
// any handle of a file is closed, the system forgets the locks that SQLite has
// on it for all others of the process.
var making sync.Mutex

// ownFile makes the file if there is none, and refuses one that is not for its
// owner and group alone: it holds password hashes.
func ownFile(path string) error {
	making.Lock()
	defer making.Unlock()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fmt.Errorf("%s: mode %04o lets every user of the machine in: chmod o= %[1]s", path, mode)
	}
	return nil
}

func sqliteEngine() engine {
	code := func(err error) int {
		var e *sqlite.Error
		if !errors.As(err, &e) {
			return 0
		}
		return e.Code() & 0xff // without what extends it
	}
	return engine{
		statements: statementsFor("?"),
		view:       sql.TxOptions{ReadOnly: true},
		collided: func(err error) bool {
			return code(err) == sqlite3.SQLITE_BUSY || code(err) == sqlite3.SQLITE_LOCKED
		},
		lost:      func(error) bool { return false },
		uncertain: func(err error) bool { return code(err) == sqlite3.SQLITE_IOERR },
	}
}
