package store

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// announced is the channel of notifications. Databases have their own.
const announced = "rowan_changes"

// Bounds of the connection that hears them.
const (
	// quiet is how long it may be silent before it is asked whether it lives.
	quiet = 15 * time.Second
	// again is how long after a failure another is opened, at first and at last.
	againFirst, againLast = 100 * time.Millisecond, 2 * time.Second
)

// announcements are the notifications of a PostgreSQL server.
type announcements struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

// notifies reports whether the server can notify. CockroachDB and YugabyteDB
// refuse to listen.
func notifies(ctx context.Context, pool *pgxpool.Pool) bool {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return false
	}
	defer conn.Release()
	for _, statement := range []string{"LISTEN " + announced, "UNLISTEN " + announced} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return false
		}
	}
	return true
}

// Announcements implements identity.Announcer. On engines that cannot notify,
// nothing ever comes.
func (s *Store) Announcements(ctx context.Context) <-chan struct{} {
	if s.announcements == nil {
		return nil
	}
	heard := make(chan struct{}, 1)
	go s.announcements.follow(ctx, heard)
	return heard
}

// follow listens until ctx ends, on a connection of its own.
func (a *announcements) follow(ctx context.Context, heard chan<- struct{}) {
	wait := againFirst
	for ctx.Err() == nil {
		listened, err := a.listen(ctx, heard)
		if ctx.Err() != nil {
			return
		}
		a.log.WarnContext(ctx, "the store's notifications are not heard: changes are polled for", "error", err)
		if listened {
			wait = againFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, againLast)
	}
}

// listen hears notifications until the connection is lost, and reports whether
// there was one.
func (a *announcements) listen(ctx context.Context, heard chan<- struct{}) (listened bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, a.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ending)
	}()
	if err := within(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "LISTEN "+announced)
		return err
	}); err != nil {
		return false, err
	}
	for {
		select {
		case heard <- struct{}{}: // at first, too: who knows what was missed
		default:
		}
		if err := a.wait(ctx, conn); err != nil {
			return true, err
		}
	}
}

// wait returns when a notification has come.
func (a *announcements) wait(ctx context.Context, conn *pgx.Conn) error {
	for {
		some, cancel := context.WithTimeout(ctx, quiet)
		_, err := conn.WaitForNotification(some)
		late := some.Err() != nil
		cancel()
		if err == nil {
			return nil
		}
		if !late || ctx.Err() != nil || conn.IsClosed() {
			return err
		}
		if err := within(ctx, conn.Ping); err != nil {
			return err
		}
	}
}

// within bounds one question to the server.
func within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxStatement)
	defer cancel()
	return f(ctx)
}
