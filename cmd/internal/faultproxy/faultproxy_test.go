package faultproxy_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/faultproxy"
)

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// TestNetwork takes a connection, and a new one, through every state.
func TestNetwork(t *testing.T) {
	p, err := faultproxy.New(context.Background(), "tcp", echo(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	dial := func() net.Conn {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	// ask returns how long an echo took, or what came instead of it.
	ask := func(c net.Conn) (time.Duration, error) {
		began := time.Now()
		require.NoError(t, c.SetDeadline(began.Add(300*time.Millisecond)))
		if _, err := io.WriteString(c, "x"); err != nil {
			return 0, err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return time.Since(began), err
	}
	good := dial()
	_, err = ask(good)
	require.NoError(t, err)
	p.SetDelay(50 * time.Millisecond)
	took, err := ask(good)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 100*time.Millisecond)
	p.SetDelay(0)

	p.Set(faultproxy.Swallow)
	inside := dial()
	for _, c := range []net.Conn{good, inside} {
		_, err = ask(c)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	p.Set(faultproxy.Pass)
	for _, c := range []net.Conn{good, inside} {
		_, err = ask(c)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "dead also when the network is well")
	}
	fresh := dial()
	_, err = ask(fresh)
	require.NoError(t, err)

	p.Set(faultproxy.Refuse)
	_, err = ask(fresh)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	refused, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr().String())
	if err == nil { // it may be reset before it is there
		defer func() { _ = refused.Close() }()
		_, err = ask(refused)
	}
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	p.Set(faultproxy.Pass)
	_, err = ask(dial())
	require.NoError(t, err)
}

// TestHalfClosed lets a client say that it is done and hear the rest.
func TestHalfClosed(t *testing.T) {
	p, err := faultproxy.New(context.Background(), "tcp", echo(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(c, "all of it")
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "all of it", string(got))
}
