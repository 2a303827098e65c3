package mail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/userpool"
)

// slow is a mail server that takes a second for each message, and refuses some.
type slow struct {
	mu   sync.Mutex
	sent []string
	fail error
}

func (s *slow) Send(ctx context.Context, m userpool.Message) error {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, m.To)
	return s.fail
}

// TestThreatUserEnumerationByDelivery: only for a user that exists is there a
// mail server to wait for, so nobody waits.
func TestThreatUserEnumerationByDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slow{}
		q := NewQueue(server, slog.New(slog.DiscardHandler))
		began := time.Now()
		for range 10 {
			require.NoError(t, q.Send(t.Context(), message))
		}
		require.Zero(t, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the client has gone, and gets its mail
		require.NoError(t, q.Send(ctx, message))
		require.Zero(t, q.Close(t.Context()))
		require.Len(t, server.sent, 11)
		require.Equal(t, 3*time.Second, time.Since(began), "four at a time")
		require.ErrorIs(t, q.Send(t.Context(), message), errClosed)
		require.Zero(t, q.Close(t.Context()))
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(&slow{}, slog.New(slog.DiscardHandler))
		synctest.Wait()
		taken := 0
		for range 2 * maxWaiting {
			if err := q.Send(t.Context(), message); err != nil {
				require.ErrorIs(t, err, errFull)
				continue
			}
			taken++
			synctest.Wait()
		}
		require.Equal(t, maxWaiting+couriers, taken)
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		require.Equal(t, maxWaiting-2*couriers, q.Close(ctx), "it ends in time")
	})
}

func TestQueueTellsTheLogOfFailures(t *testing.T) {
	var log bytes.Buffer
	q := NewQueue(&slow{fail: errors.New("mailbox is full")}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, q.Send(t.Context(), message))
	require.Zero(t, q.Close(t.Context()))
	require.Contains(t, log.String(), "mailbox is full")
	for _, hidden := range []string{string(message.Code), message.To, message.Username} {
		require.NotContains(t, log.String(), hidden)
	}
}
