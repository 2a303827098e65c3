// Package pgxrow guards the rows of PostgreSQL for programs that use pgx: its
// pools and transactions run the statements of sqlrow.Tables, and nothing else
// runs without a caller in the context. See package sqlrow for what a row, a
// table and its policies are.
package pgxrow

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowan-authz/rowan/access/sqlrow"
)

// Guard is a pool on which a caller does what the policies let it do, and
// nothing without a caller in the context. It is safe for concurrent use, but
// for one of InTx, which is its transaction's.
type Guard struct {
	tables *sqlrow.Tables
	conn   conn
	pool   *pgxpool.Pool // nil in a transaction
}

// NewGuard guards a pool. It looks at the database's tables and settings and
// refuses, with sqlrow.ErrTable, a description that does not fit them: see
// sqlrow.Tables.Verify. The dialect is PostgreSQL.
func NewGuard(ctx context.Context, pool *pgxpool.Pool, c sqlrow.Config) (*Guard, error) {
	if c.Dialect != sqlrow.PostgreSQL {
		return nil, fmt.Errorf("%w: pgx does not speak %s", sqlrow.ErrTable, c.Dialect)
	}
	tables, err := sqlrow.NewTables(c)
	if err != nil {
		return nil, err
	}
	g := &Guard{tables: tables, conn: conn{pool}, pool: pool}
	if err := tables.Verify(ctx, g.conn); err != nil {
		return nil, err
	}
	return g, nil
}

// Tables returns the tables that are guarded.
func (g *Guard) Tables() *sqlrow.Tables { return g.tables }

// Conn returns the connection on which the guard runs its statements, for the
// methods of Tables.
func (g *Guard) Conn() sqlrow.Conn { return g.conn }

// Select returns the rows of a query that the caller in ctx may see, and whether
// it may see any. It fails as sqlrow.Tables.Select does.
func (g *Guard) Select(ctx context.Context, q sqlrow.Query) (pgx.Rows, sqlrow.Visibility, error) {
	s, err := g.tables.Select(ctx, q)
	if err != nil {
		return nil, sqlrow.Denied, err
	}
	rows, err := g.conn.runner.Query(ctx, s.SQL, s.Args...)
	if err != nil {
		return nil, sqlrow.Denied, err
	}
	return rows, s.Visibility, nil
}

// Count returns how many rows of a query the caller in ctx may see.
func (g *Guard) Count(ctx context.Context, q sqlrow.Query) (n int64, v sqlrow.Visibility, err error) {
	s, err := g.tables.Count(ctx, q)
	if err != nil {
		return 0, sqlrow.Denied, err
	}
	if err := g.conn.runner.QueryRow(ctx, s.SQL, s.Args...).Scan(&n); err != nil {
		return 0, sqlrow.Denied, err
	}
	return n, s.Visibility, nil
}

// Insert is sqlrow.Tables.Insert.
func (g *Guard) Insert(ctx context.Context, n sqlrow.NewRows) (int64, error) {
	return g.tables.Insert(ctx, g.conn, n)
}

// Update is sqlrow.Tables.Update.
func (g *Guard) Update(ctx context.Context, c sqlrow.Change) (int64, error) {
	return g.tables.Update(ctx, g.conn, c)
}

// Delete is sqlrow.Tables.Delete.
func (g *Guard) Delete(ctx context.Context, r sqlrow.Removal) (int64, error) {
	return g.tables.Delete(ctx, g.conn, r)
}

// InTx runs f with a guard of one transaction, which commits if f returns nil.
func (g *Guard) InTx(ctx context.Context, f func(*Guard) error) error {
	return g.conn.Atomic(ctx, func(c sqlrow.Conn) error {
		in, ok := c.(conn)
		if !ok {
			return errors.New("no transaction of pgx")
		}
		return f(&Guard{tables: g.tables, conn: in})
	})
}

// Bypass returns the pool past the policies, once Config.Audit has heard of it
// and of the reason. It wraps sqlrow.ErrBypass, and so it does in a transaction.
func (g *Guard) Bypass(ctx context.Context, reason string) (*pgxpool.Pool, error) {
	if g.pool == nil {
		return nil, fmt.Errorf("%w: a transaction is at hand", sqlrow.ErrBypass)
	}
	if err := g.tables.Bypass(ctx, reason, ""); err != nil {
		return nil, err
	}
	return g.pool, nil
}

// runner runs statements: a pool, a connection or a transaction.
type runner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// conn is a sqlrow.Conn.
type conn struct{ runner }

// Exec implements sqlrow.Conn.
func (c conn) Exec(ctx context.Context, s sqlrow.Statement) (int64, error) {
	tag, err := c.runner.Exec(ctx, s.SQL, s.Args...)
	return tag.RowsAffected(), err
}

// Query implements sqlrow.Conn.
func (c conn) Query(ctx context.Context, s sqlrow.Statement, each func(scan func(into ...any) error) error) error {
	rows, err := c.runner.Query(ctx, s.SQL, s.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Atomic implements sqlrow.Conn. In a transaction it is a savepoint.
func (c conn) Atomic(ctx context.Context, f func(sqlrow.Conn) error) error {
	return pgx.BeginFunc(ctx, c.runner, func(tx pgx.Tx) error { return f(conn{tx}) })
}

// RunAs runs f in a transaction of the caller in ctx, under row security: see
// sqlrow.RowSecurity.RunAs.
func RunAs(ctx context.Context, pool *pgxpool.Pool, s *sqlrow.RowSecurity, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := s.Enter(ctx, conn{tx}); err != nil {
			return err
		}
		return f(tx)
	})
}
