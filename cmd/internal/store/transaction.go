package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// statements are the SQL of a transaction.
type statements struct {
	get, insert, put, delete, list, sweep string
	// announce is empty where nobody would hear it.
	announce string
}

// statementsFor returns the statements with numbered parameters, which start
// with mark.
func statementsFor(mark string) statements {
	number := func(statement string) string { return strings.ReplaceAll(statement, "?", mark) }
	return statements{
		get: number(`SELECT grp, value, expires FROM records WHERE kind = ?1 AND key = ?2`),
		// The subquery is what PostgreSQL counts as a read: of the record that a
		// unique index reports it takes no note, and a transaction that acts on
		// "exists" could miss that another deletes it.
		insert: number(`INSERT INTO records (kind, key, grp, value, expires)
			SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM records WHERE kind = ?1 AND key = ?2)
			ON CONFLICT (kind, key) DO NOTHING`),
		put: number(`INSERT INTO records (kind, key, grp, value, expires) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (kind, key) DO UPDATE SET grp = excluded.grp, value = excluded.value, expires = excluded.expires`),
		delete: number(`DELETE FROM records WHERE kind = ?1 AND key = ?2`),
		list: number(`SELECT key, value, expires FROM records
			WHERE kind = ?1 AND grp = ?2 AND key > ?3 ORDER BY key LIMIT ?4`),
		sweep: number(`DELETE FROM records WHERE (kind, key) IN
			(SELECT kind, key FROM records WHERE expires <= ?1 ORDER BY expires LIMIT ?2)`),
	}
}

// transaction implements identity.Tx.
type transaction struct {
	*statements
	ctx      context.Context
	step     func(context.Context) (context.Context, context.CancelFunc)
	sql      *sql.Tx
	release  func()
	readOnly bool
	done     bool
	// err is the first error of the engine. After it nothing more is sent: an
	// engine may have ended the transaction by itself, and what came later
	// would be written alone.
	err error
}

// end undoes what was not committed.
func (t *transaction) end() {
	t.done = true
	_ = t.sql.Rollback()
	t.release()
}

func (t *transaction) usable() error {
	if t.done {
		return identity.ErrTxDone
	}
	if t.err != nil {
		return t.err
	}
	return t.ctx.Err()
}

func (t *transaction) writable() error {
	if err := t.usable(); err != nil {
		return err
	}
	if t.readOnly {
		return identity.ErrReadOnly
	}
	return nil
}

func (t *transaction) fail(err error) error {
	t.err = because(t.ctx, err)
	return t.err
}

// exec runs a statement and returns how many records it touched.
func (t *transaction) exec(statement string, args ...any) (int64, error) {
	ctx, done := t.step(t.ctx)
	defer done()
	result, err := t.sql.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	return n, nil
}

// Get implements identity.Tx.
func (t *transaction) Get(kind, key string) (identity.Record, error) {
	if err := t.usable(); err != nil {
		return identity.Record{}, err
	}
	var group, value []byte
	var expires sql.NullInt64
	ctx, done := t.step(t.ctx)
	defer done()
	row := t.sql.QueryRowContext(ctx, t.get, []byte(kind), []byte(key))
	switch err := row.Scan(&group, &value, &expires); {
	case errors.Is(err, sql.ErrNoRows):
		return identity.Record{}, fmt.Errorf("%w: %s", identity.ErrNoRecord, kind)
	case err != nil:
		return identity.Record{}, t.fail(err)
	}
	return identity.Record{Kind: kind, Key: key, Group: string(group), Value: value, Expires: timeOf(expires)}, nil
}

// Insert implements identity.Tx.
func (t *transaction) Insert(r identity.Record) error {
	if err := t.writable(); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	n, err := t.exec(t.insert, arguments(r)...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: %s", identity.ErrRecordExists, r.Kind)
	}
	return nil
}

// Put implements identity.Tx.
func (t *transaction) Put(r identity.Record) error {
	if err := t.writable(); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	_, err := t.exec(t.put, arguments(r)...)
	return err
}

// Delete implements identity.Tx.
func (t *transaction) Delete(kind, key string) error {
	if err := t.writable(); err != nil {
		return err
	}
	_, err := t.exec(t.delete, []byte(kind), []byte(key))
	return err
}

// List implements identity.Tx.
func (t *transaction) List(kind, group, after string, limit int) ([]identity.Record, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, nil
	}
	ctx, done := t.step(t.ctx)
	defer done()
	rows, err := t.sql.QueryContext(ctx, t.list, []byte(kind), []byte(group), []byte(after), limit)
	if err != nil {
		return nil, t.fail(err)
	}
	defer func() { _ = rows.Close() }()
	var records []identity.Record
	for rows.Next() {
		var key, value []byte
		var expires sql.NullInt64
		if err := rows.Scan(&key, &value, &expires); err != nil {
			return nil, t.fail(err)
		}
		records = append(records, identity.Record{
			Kind: kind, Key: string(key), Group: group, Value: value, Expires: timeOf(expires),
		})
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail(err)
	}
	return records, nil
}

// Announce implements identity.AnnouncerTx.
func (t *transaction) Announce() error {
	if err := t.writable(); err != nil {
		return err
	}
	if t.announce == "" {
		return nil
	}
	_, err := t.exec(t.announce)
	return err
}

func (t *transaction) sweepExpired(now time.Time) (int, error) {
	n, err := t.exec(t.sweep, now.UnixMicro(), identity.MaxSweep)
	return int(n), err
}

// arguments are the columns of a record. An empty value is not NULL.
func arguments(r identity.Record) []any {
	value := r.Value
	if value == nil {
		value = []byte{}
	}
	expires := sql.NullInt64{Int64: r.Expires.UnixMicro(), Valid: !r.Expires.IsZero()}
	return []any{[]byte(r.Kind), []byte(r.Key), []byte(r.Group), value, expires}
}

func timeOf(expires sql.NullInt64) time.Time {
	if !expires.Valid {
		return time.Time{}
	}
	return time.UnixMicro(expires.Int64).UTC()
}
