package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// maxConnections is the size of a pool if the URL has no pool_max_conns,
	// maxConnect how long one may take to open if it has no connect_timeout, and
	// maxPing how long one that lay idle may take to show that it lives.
	maxConnections = 16
	maxConnect     = 3 * time.Second
	maxPing        = time.Second
	// abandoned makes the server end a transaction of a process that is gone
	// without a word: others would wait for its locks.
	abandoned = "SET idle_in_transaction_session_timeout = '10s'"
)

func openPostgres(ctx context.Context, url string, prepare preparation, log *slog.Logger) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("store postgres: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns=") {
		config.MaxConns = maxConnections
	}
	if !strings.Contains(url, "connect_timeout=") {
		config.ConnConfig.ConnectTimeout = maxConnect
	}
	config.PingTimeout = maxPing
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, abandoned)
		if _, refused := errors.AsType[*pgconn.PgError](err); refused { // a server that does not know it
			return nil
		}
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("store postgres: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	closePool := func() error { pool.Close(); return nil }
	where := fmt.Sprintf("store postgres %s/%s", config.ConnConfig.Host, config.ConnConfig.Database)
	if err := durable(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", where, err), db.Close(), closePool())
	}
	if err := prepare(ctx, db, goose.DialectPostgres, migrationsIn("postgres"), log); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", where, err), db.Close(), closePool())
	}
	d := &database{engine: postgresEngine(), read: db, write: db, attempts: maxAttempts}
	d.reset = pool.Reset
	s := ofDatabase(d, db.Close, closePool)
	if notifies(ctx, pool) {
		d.announce = "NOTIFY " + announced
		s.announcements = &announcements{pool, log}
	}
	return s, nil
}

// durable refuses a server that answers commits before they are on disk. One
// that does not know the setting has nothing to switch off.
func durable(ctx context.Context, db *sql.DB) error {
	var value string
	err := db.QueryRowContext(ctx, `SELECT setting FROM pg_settings WHERE name = 'synchronous_commit'`).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if value == "off" {
		return errors.New("synchronous_commit is off: a crash would lose what was answered")
	}
	return nil
}

// Classes and codes of errors. Source: PostgreSQL, "Appendix A. PostgreSQL
// Error Codes"; CockroachDB, "Transaction Retry Error Reference".
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	completionUnknown    = "40003"
	connectionException  = "08"
	operatorIntervention = "57P"
)

func postgresEngine() engine {
	code := func(err error) string {
		var e *pgconn.PgError
		if !errors.As(err, &e) {
			return ""
		}
		return e.Code
	}
	return engine{
		remote:     true,
		statements: statementsFor("$"),
		view:       sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		update:     sql.TxOptions{Isolation: sql.LevelSerializable},
		collided: func(err error) bool {
			return code(err) == serializationFailure || code(err) == deadlockDetected
		},
		lost: func(err error) bool {
			var network net.Error
			return strings.HasPrefix(code(err), connectionException) || strings.HasPrefix(code(err), operatorIntervention) ||
				errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
				errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.As(err, &network)
		},
		// Whatever the server did not refuse in so many words may have happened.
		// pgconn.SafeToRetry is no help: it says yes to "conn closed", which is
		// also the error of a commit that was sent and whose answer was lost.
		uncertain: func(err error) bool {
			switch code := code(err); {
			case errors.Is(err, pgx.ErrTxCommitRollback):
				return false
			case code == "":
				return true
			default:
				return code == completionUnknown || strings.HasPrefix(code, connectionException) ||
					strings.HasPrefix(code, operatorIntervention) || strings.HasPrefix(code, "58") || strings.HasPrefix(code, "XX")
			}
		},
	}
}
