package sqlrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
)

// Guard is a database of database/sql on which a caller does what the policies
// let it do, and nothing without a caller in the context. It is safe for
// concurrent use, but for one of InTx, which is its transaction's.
type Guard struct {
	tables *Tables
	conn   sqlConn
	db     *sql.DB // nil in a transaction
}

// NewGuard guards a database. It looks at the database's tables and settings
// and refuses, with ErrTable, a description that does not fit them: see Verify.
func NewGuard(ctx context.Context, db *sql.DB, c Config) (*Guard, error) {
	tables, err := NewTables(c)
	if err != nil {
		return nil, err
	}
	g := &Guard{tables: tables, conn: sqlConn{runner: db, db: db}, db: db}
	if err := tables.Verify(ctx, g.conn); err != nil {
		return nil, err
	}
	return g, nil
}

// Tables returns the tables that are guarded.
func (g *Guard) Tables() *Tables { return g.tables }

// Select returns the rows of a query that the caller in ctx may see, and whether
// it may see any: see Visibility. It fails as Tables.Select does.
func (g *Guard) Select(ctx context.Context, q Query) (*sql.Rows, Visibility, error) {
	s, err := g.tables.Select(ctx, q)
	if err != nil {
		return nil, Denied, err
	}
	rows, err := g.conn.runner.QueryContext(ctx, s.SQL, s.Args...)
	if err != nil {
		return nil, Denied, err
	}
	return rows, s.Visibility, nil
}

// Count returns how many rows of a query the caller in ctx may see.
func (g *Guard) Count(ctx context.Context, q Query) (int64, Visibility, error) {
	s, err := g.tables.Count(ctx, q)
	if err != nil {
		return 0, Denied, err
	}
	n, err := count(ctx, g.conn, s)
	if err != nil {
		return 0, Denied, err
	}
	return n, s.Visibility, nil
}

// Insert is Tables.Insert.
func (g *Guard) Insert(ctx context.Context, n NewRows) (int64, error) {
	return g.tables.Insert(ctx, g.conn, n)
}

// Update is Tables.Update.
func (g *Guard) Update(ctx context.Context, c Change) (int64, error) {
	return g.tables.Update(ctx, g.conn, c)
}

// Delete is Tables.Delete.
func (g *Guard) Delete(ctx context.Context, r Removal) (int64, error) {
	return g.tables.Delete(ctx, g.conn, r)
}

// InTx runs f with a guard of one transaction, which commits if f returns nil.
func (g *Guard) InTx(ctx context.Context, f func(*Guard) error) error {
	return g.conn.Atomic(ctx, func(c Conn) error {
		conn, ok := c.(sqlConn)
		if !ok {
			return errors.New("no transaction of database/sql")
		}
		return f(&Guard{tables: g.tables, conn: conn})
	})
}

// Bypass returns the database past the policies, once Config.Audit has heard
// of it and of the reason. It wraps ErrBypass, and so it does in a transaction.
func (g *Guard) Bypass(ctx context.Context, reason string) (*sql.DB, error) {
	if g.db == nil {
		return nil, fmt.Errorf("%w: a transaction is at hand", ErrBypass)
	}
	if err := g.tables.Bypass(ctx, reason, ""); err != nil {
		return nil, err
	}
	return g.db, nil
}

// sqlConn is a Conn of database/sql.
type sqlConn struct {
	runner interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
	db    *sql.DB // nil in a transaction
	depth int     // of savepoints
}

// Conn returns the connection on which the guard runs its statements, for the
// methods of Tables.
func (g *Guard) Conn() Conn { return g.conn }

// NewConn returns a connection to a database, for methods that take one.
func NewConn(db *sql.DB) Conn { return sqlConn{runner: db, db: db} }

// Exec implements Conn.
func (c sqlConn) Exec(ctx context.Context, s Statement) (int64, error) {
	r, err := c.runner.ExecContext(ctx, s.SQL, s.Args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query implements Conn.
func (c sqlConn) Query(ctx context.Context, s Statement, each func(scan func(into ...any) error) error) error {
	rows, err := c.runner.QueryContext(ctx, s.SQL, s.Args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Atomic implements Conn.
func (c sqlConn) Atomic(ctx context.Context, f func(Conn) error) error {
	if c.db == nil {
		return c.savepoint(ctx, f)
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to undo after a commit
	if err := f(sqlConn{runner: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

func (c sqlConn) savepoint(ctx context.Context, f func(Conn) error) error {
	name := "rowan_" + strconv.Itoa(c.depth)
	do := func(ctx context.Context, sql string) error {
		_, err := c.runner.ExecContext(ctx, sql+name)
		return err
	}
	if err := do(ctx, "SAVEPOINT "); err != nil {
		return err
	}
	if err := f(sqlConn{runner: c.runner, depth: c.depth + 1}); err != nil {
		// Also when ctx is at its end: what f did must not be committed.
		return errors.Join(err, do(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT "))
	}
	return do(ctx, "RELEASE SAVEPOINT ")
}
