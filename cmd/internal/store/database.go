package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Bounds of one Update. Most of the time is for waiting between attempts; an
// attempt that has begun to commit is let end.
const (
	maxAttempts = 64
	maxUpdate   = 30 * time.Second
	maxCommit   = 10 * time.Second
	// maxStatement bounds what is asked of a server at a time, also a connection,
	// so that one that is gone without a word is found out soon. What was asked
	// then runs again, as after a collision.
	maxStatement = 4 * time.Second

	minPause = time.Millisecond
	maxPause = 250 * time.Millisecond
)

// database is an identity.Store in SQL. Where engines differ is in engine.
type database struct {
	engine
	read, write *sql.DB
	attempts    int
}

// engine is what tells one SQL engine from another.
type engine struct {
	statements
	view, update sql.TxOptions
	// collided reports that a transaction failed because of others, and that
	// nothing of it is there.
	collided func(error) bool
	// lost reports that a connection is gone. Before a commit this undoes.
	lost func(error) bool
	// uncertain reports that an error of a commit leaves open whether the
	// transaction is there.
	uncertain func(error) bool
	// remote is for engines behind a network: maxStatement holds. reset is called
	// when a connection was lost, since others may be too.
	remote bool
	reset  func()
}

// View implements identity.Store.
func (d *database) View(ctx context.Context, f func(identity.Tx) error) error {
	tx, err := d.begin(ctx, d.read, &d.view)
	if err != nil {
		return err
	}
	defer tx.end()
	err = f(tx)
	if tx.err != nil {
		d.dropped(tx.err)
	}
	if err != nil {
		return err
	}
	return tx.err
}

// dropped takes note of a lost connection.
func (d *database) dropped(err error) {
	if d.reset != nil && d.lost(err) {
		d.reset()
	}
}

// Update implements identity.Store.
func (d *database) Update(ctx context.Context, f func(identity.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxUpdate)
	defer cancel()
	for n := 1; ; n++ {
		again, err := d.attempt(ctx, f)
		if !again {
			return err
		}
		if n == d.attempts {
			return fmt.Errorf("transaction collided %d times: %w", n, err)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// attempt runs f once. If again, nothing has happened and f may run again.
func (d *database) attempt(ctx context.Context, f func(identity.Tx) error) (again bool, err error) {
	tx, err := d.begin(ctx, d.write, &d.update)
	if err != nil {
		return false, err
	}
	defer tx.end()
	err = f(tx)
	switch {
	// What the engine said counts for more than what f made of it.
	case tx.err != nil && ctx.Err() == nil && (d.collided(tx.err) || d.lost(tx.err)):
		d.dropped(tx.err)
		return true, tx.err
	case err != nil:
		return false, err
	case tx.err != nil:
		return false, tx.err
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	switch err := tx.sql.Commit(); {
	case err == nil:
		return false, nil
	case d.collided(err):
		return true, err
	case d.uncertain(err):
		return false, fmt.Errorf("%w: %w", identity.ErrUncertain, err)
	default:
		return false, err
	}
}

// begin opens a transaction. A connection that was lost while nobody used it is
// no reason to fail: it tries others.
//
// database/sql would cancel a commit with the context that its transaction
// began with, and nobody could say what became of it. So that context is a
// longer one; the caller's bounds the wait for a connection and every
// statement, and Update asks it before the commit.
func (d *database) begin(ctx context.Context, db *sql.DB, options *sql.TxOptions) (*transaction, error) {
	for n := 1; ; n++ {
		tx, err := d.beginOnce(ctx, db, options)
		if err == nil {
			return tx, nil
		}
		d.dropped(err)
		if ctx.Err() != nil {
			return nil, because(ctx, err)
		}
		if n == d.attempts || !d.lost(err) && !d.collided(err) || errors.Is(err, errNoConnection) {
			return nil, err
		}
		if err := pause(ctx, n); err != nil {
			return nil, err
		}
	}
}

// errNoConnection means that there is none to be had.
var errNoConnection = errors.New("no connection to the store")

func (d *database) beginOnce(ctx context.Context, db *sql.DB, options *sql.TxOptions) (*transaction, error) {
	// Nothing is left open by the end of a view.
	longer := ctx
	if !options.ReadOnly {
		longer = context.WithoutCancel(ctx)
	}
	whole, cancel := context.WithTimeout(longer, maxUpdate+maxCommit)
	first, begun := d.step(ctx)
	defer begun()
	conn, err := db.Conn(first)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", errNoConnection, err)
	}
	stop := context.AfterFunc(first, cancel)
	sqlTx, err := conn.BeginTx(whole, options)
	if err == nil && !stop() {
		err = first.Err()
		_ = sqlTx.Rollback()
	}
	if err != nil {
		if ended := first.Err(); ended != nil {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		_ = conn.Close()
		cancel()
		return nil, err
	}
	return &transaction{
		statements: &d.statements, ctx: ctx, sql: sqlTx, readOnly: options.ReadOnly, step: d.step,
		release: func() { _ = conn.Close(); cancel() },
	}, nil
}

// step bounds what is asked at a time.
func (d *database) step(ctx context.Context) (context.Context, context.CancelFunc) {
	if !d.remote {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, maxStatement)
}

// Sweep implements identity.Store.
func (d *database) Sweep(ctx context.Context, now time.Time) (int, error) {
	swept := 0
	err := d.Update(ctx, func(tx identity.Tx) error {
		var err error
		swept, err = tx.(*transaction).sweepExpired(now)
		return err
	})
	if err != nil {
		return 0, err
	}
	return swept, nil
}

// pause waits before attempt n+1, twice as long as before it and by chance up
// to twice as long again, so that what collided does not collide again.
func pause(ctx context.Context, n int) error {
	most := min(minPause<<min(n, 16), maxPause)
	timer := time.NewTimer(most/2 + rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// because prefers the end of a context to what an engine makes of it.
func because(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}
