package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

// TestPostgresConnectionLostBeforeCommit ends every connection of the store
// while a transaction runs: it is run again on another.
func TestPostgresConnectionLostBeforeCommit(t *testing.T) {
	u := needs.Postgres(t)
	s := open(t, u)
	runs := 0
	require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error {
		if err := count(tx); err != nil {
			return err
		}
		if runs++; runs == 1 {
			endConnections(t, u)
		}
		_, err := tx.Get("k", "n")
		return err
	}))
	require.Equal(t, 2, runs)
	requireCount(t, s, 1)

	// Connections that were lost while nobody used them.
	endConnections(t, u)
	requireCount(t, s, 1)
	endConnections(t, u)
	require.NoError(t, s.Update(t.Context(), count))
	requireCount(t, s, 2)
}

func endConnections(t *testing.T, u string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(),
		`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func requireCount(t *testing.T, s *Store, want int) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error {
		r, err := tx.Get("k", "n")
		require.Len(t, r.Value, want)
		return err
	}))
}

// TestPostgresCommitWithoutAnswer loses the answer of a commit, once after and
// once before the server has seen it. To the store the two are the same.
func TestPostgresCommitWithoutAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		delivered bool
		want      int
	}{"commit arrives": {true, 2}, "commit is lost": {false, 1}} {
		t.Run(name, func(t *testing.T) {
			direct := needs.Postgres(t)
			wire := newWire(t, direct, test.delivered)
			s := open(t, wire.url)
			require.NoError(t, s.Update(t.Context(), count))
			runs := 0
			wire.cut.Store(true)
			err := s.Update(t.Context(), func(tx identity.Tx) error { runs++; return count(tx) })
			wire.cut.Store(false)
			require.ErrorIs(t, err, identity.ErrUncertain)
			require.Equal(t, 1, runs, "it could be there: it is not run again")
			requireCount(t, open(t, direct), test.want)
		})
	}
}

// TestPostgresCancelDuringCommit cancels a context while the server commits:
// the caller hears what became of it.
func TestPostgresCancelDuringCommit(t *testing.T) {
	direct := needs.Postgres(t)
	wire := newWire(t, direct, true)
	s := open(t, wire.url)
	ctx, cancel := context.WithCancel(t.Context())
	wire.onCommit.Store(&cancel)
	require.NoError(t, s.Update(ctx, count))
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	requireCount(t, s, 1)
}

// wire is what lies between a store and its server, and can be cut at a commit.
type wire struct {
	url       string
	delivered bool // a commit is passed on before the cut
	cut       atomic.Bool
	onCommit  atomic.Pointer[context.CancelFunc]
}

func newWire(t *testing.T, direct string, delivered bool) *wire {
	t.Helper()
	u, err := url.Parse(direct)
	require.NoError(t, err)
	q := u.Query()
	server := filepath.Join(q.Get("host"), ".s.PGSQL.5432")
	dir := t.TempDir()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	w := &wire{url: u.String(), delivered: delivered}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			var dialer net.Dialer
			upstream, err := dialer.DialContext(context.Background(), "unix", server)
			if err != nil {
				_ = client.Close()
				return
			}
			go w.answers(client, upstream)
			go w.questions(client, upstream)
		}
	}()
	return w
}

func (w *wire) questions(client, server net.Conn) {
	defer func() { _ = errors.Join(client.Close(), server.Close()) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		commit := bytes.Contains(buffer[:n], []byte("commit"))
		if commit && w.cut.Load() && !w.delivered {
			return
		}
		if cancel := w.onCommit.Swap(nil); commit && cancel != nil {
			(*cancel)()
		} else if cancel != nil {
			w.onCommit.Store(cancel)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if commit && w.cut.Load() {
			// The server closes once it has answered, unheard.
			_, _ = io.Copy(io.Discard, server)
			return
		}
	}
}

func (w *wire) answers(client, server net.Conn) {
	defer func() { _ = errors.Join(client.Close(), server.Close()) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("COMMIT")) && w.cut.Load() {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
