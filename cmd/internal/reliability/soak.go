package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// soakTarget is no row of the table.
var soakTarget = target{
	"soak", "70 % of saturation with reloads, revocations and clients that come and go",
	"0 wrong, 0 errors, memory, descriptors and threads flat", false, soak,
}

// soaking is what went on during a soak.
type soaking struct {
	mu                          sync.Mutex
	loads, revocations, clients int
	err                         error
}

func (s *soaking) count(n *int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
	s.err = errors.Join(s.err, err)
}

// reloadEvery is how often a soak reloads.
const reloadEvery = 5 * time.Second

func soak(ctx context.Context, l *lab) (string, error) {
	s := &soaking{}
	var before, after [2]int
	t, j, seen, d, err := l.hold(ctx, l.soak, int(l.soak/reloadEvery)+1, func(ctx context.Context, w *world, d *daemon) error {
		time.Sleep(time.Second)
		before = [2]int{d.descriptors(), int(d.threads())}
		var wg sync.WaitGroup
		wg.Go(func() { s.every(ctx, reloadEvery, func(n int) { s.reload(ctx, w, d, n+2) }) })
		wg.Go(func() { s.every(ctx, 500*time.Millisecond, func(n int) { s.revoke(ctx, w, d, n) }) })
		wg.Go(func() { s.every(ctx, 200*time.Millisecond, func(n int) { s.churn(ctx, w, d, n) }) })
		wg.Wait()
		return nil
	})
	if err != nil {
		return "", err
	}
	time.Sleep(2 * time.Second)
	after = [2]int{d.descriptors(), int(d.threads())}
	var c check
	j.clean(&c)
	c.try(s.err)
	c.must(seen.growth() < 1, "memory grows by %.1f MB/min", seen.growth())
	c.must(after[0] <= before[0]+16, "descriptors: %d, then %d", before[0], after[0])
	c.must(after[1] <= before[1]+8, "threads: %d, then %d", before[1], after[1])
	return fmt.Sprintf("%v for %v: %d right, %d reloads, %d revocations, %d clients came and went; RSS %.0f MB, %+.2f MB/min; descriptors %d, then %d; threads %d, then %d; GC %d %%; keys are not rotated: that needs a restart",
		t, l.soak, j.right.Load(), s.loads, s.revocations, s.clients, seen.peak(), seen.growth(), before[0], after[0], before[1], after[1], d.collecting()), c.err()
}

// every does something every so often until ctx ends.
func (*soaking) every(ctx context.Context, d time.Duration, do func(int)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(n)
		}
	}
}

func (s *soaking) reload(ctx context.Context, w *world, d *daemon, n int) {
	err := w.publish(n)
	if err == nil {
		err = d.until(ctx, w.current.Load().digest, 10*time.Second)
	}
	if ctx.Err() == nil {
		s.count(&s.loads, err)
	}
}

// revoke revokes a session that was used, which must be refused from then on.
func (s *soaking) revoke(ctx context.Context, w *world, d *daemon, n int) {
	client, err := d.one()
	if err != nil {
		s.count(&s.revocations, err)
		return
	}
	r, err := w.revokeOne(ctx, d.operator(), []rowanv1.AuthorizationServiceClient{client}, n)
	if err == nil && r.after > 0 {
		err = fmt.Errorf("%d allowed after an acknowledgement: %w", r.after, errWrong)
	}
	if ctx.Err() == nil {
		s.count(&s.revocations, err)
	}
}

// churn is a client that comes, asks and goes.
func (s *soaking) churn(ctx context.Context, w *world, d *daemon, n int) {
	conn, err := dialTo(d.target)
	if err == nil {
		j := w.newJudge()
		err = j.ask(ctx, rowanv1.NewAuthorizationServiceClient(conn), n)
		err = errors.Join(err, conn.Close())
	}
	if ctx.Err() == nil {
		s.count(&s.clients, err)
	}
}

// one is a client on the first connection.
func (d *daemon) one() (rowanv1.AuthorizationServiceClient, error) {
	c, err := d.connection()
	return rowanv1.NewAuthorizationServiceClient(c), err
}
