package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/rowan-authz/rowan/identity/userpool"
)

// Queue delivers messages after Send has returned, so that the time of a call
// does not tell whether there was somebody to write to, and no mail server that
// is slow holds up a sign-up. What is lost when a process is killed, or cannot
// be delivered, its user asks for again. It may be shared. Source:
// identity-protocol §6.3, "User enumeration".
type Queue struct {
	next userpool.Sender
	log  *slog.Logger
	stop context.CancelFunc
	busy sync.WaitGroup

	mu      sync.RWMutex
	waiting chan userpool.Message
	closed  bool
}

// Bounds of a queue: how many messages wait, and how many are on their way.
const (
	maxWaiting = 1024
	couriers   = 4
)

var (
	errFull   = errors.New("mail: too many messages wait")
	errClosed = errors.New("mail: the queue is closed")
)

// NewQueue returns a queue for next, which Close must end.
func NewQueue(next userpool.Sender, log *slog.Logger) *Queue {
	ctx, stop := context.WithCancel(context.Background())
	q := &Queue{next: next, log: log, stop: stop, waiting: make(chan userpool.Message, maxWaiting)}
	for range couriers {
		q.busy.Go(func() { q.deliver(ctx) })
	}
	return q
}

func (q *Queue) deliver(ctx context.Context) {
	for m := range q.waiting {
		if err := q.next.Send(ctx, m); err != nil {
			q.log.ErrorContext(ctx, "a message was not delivered", "pool", m.PoolID, "kind", string(m.Kind), "error", err)
		}
	}
}

// Send puts a message into the queue. It fails if that is full or closed.
func (q *Queue) Send(_ context.Context, m userpool.Message) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return errClosed
	}
	select {
	case q.waiting <- m:
		return nil
	default:
		return errFull
	}
}

// Close takes no more messages and delivers those that wait, as long as ctx
// lasts. It returns how many were not even tried.
func (q *Queue) Close(ctx context.Context) (left int) {
	defer q.stop()
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.waiting)
	}
	q.mu.Unlock()
	done := make(chan struct{})
	go func() { defer close(done); q.busy.Wait() }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return len(q.waiting)
}
