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
	"soak", "70 % of saturation with reloads, a new key, revocations and clients that come and go",
	"0 wrong, 0 errors, sessions of both keys count, memory, descriptors and threads flat", false, soak,
}

// soaking is what went on during a soak.
type soaking struct {
	operator *operator

	mu                          sync.Mutex
	loads, revocations, clients int
	guests                      []*issued
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
	if err := l.saturate(ctx); err != nil {
		return "", err
	}
	s := &soaking{}
	var before, after [2]int
	revisions := int(l.soak/reloadEvery) + 1
	// What is made before the server starts takes a tenth of a second each.
	store, err := l.newKeyAt(ctx, time.Now().Add(l.soak/2+time.Duration(revisions)*100*time.Millisecond))
	if err != nil {
		return "", err
	}
	t, j, seen, d, err := l.hold(ctx, how{store: store}, l.soak, revisions, func(ctx context.Context, w *world, d *daemon) error {
		s.operator = d.operator()
		time.Sleep(time.Second)
		before = [2]int{d.descriptors(), int(d.threads())}
		var wg sync.WaitGroup
		wg.Go(func() { s.every(ctx, reloadEvery, func(n int) { s.reload(ctx, w, d, n+2) }) })
		wg.Go(func() { s.every(ctx, 500*time.Millisecond, func(n int) { s.revoke(ctx, w, d, n) }) })
		wg.Go(func() { s.every(ctx, 200*time.Millisecond, func(n int) { s.churn(ctx, w, d, n) }) })
		wg.Go(func() { s.every(ctx, time.Second, func(int) { s.guest(ctx, d) }) })
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
	keys, err := s.sealed(ctx, d)
	c.try(err)
	c.must(len(keys) == 2, "sessions of %d keys", len(keys))
	c.must(seen.growth() < 1, "memory grows by %.1f MB/min", seen.growth())
	c.must(after[0] <= before[0]+16, "descriptors: %d, then %d", before[0], after[0])
	c.must(after[1] <= before[1]+8, "threads: %d, then %d", before[1], after[1])
	return fmt.Sprintf("%v for %v: %d right, %d reloads, %d revocations, %d clients came and went, %d sessions of %d keys; RSS %.0f MB, %+.2f MB/min; descriptors %d, then %d; threads %d, then %d; GC %d %%",
		t, l.soak, j.right.Load(), s.loads, s.revocations, s.clients, len(s.guests), len(keys), seen.peak(), seen.growth(), before[0], after[0], before[1], after[1], d.collecting()), c.err()
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
	r, err := w.revokeOne(ctx, s.operator, []rowanv1.AuthorizationServiceClient{client}, n)
	if err == nil && r.after > 0 {
		err = fmt.Errorf("%d allowed after an acknowledgement: %w", r.after, errWrong)
	}
	if ctx.Err() == nil {
		s.count(&s.revocations, err)
	}
}

// guest asks with a session that the server has just issued.
func (s *soaking) guest(ctx context.Context, d *daemon) {
	g, err := s.operator.session(ctx)
	if err == nil {
		err = g.ask(ctx, d)
	}
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
	if err == nil {
		s.guests = append(s.guests, g)
	}
}

// ask asks for the row that is open to everybody.
func (g *issued) ask(ctx context.Context, d *daemon) error {
	client, err := d.one()
	if err != nil {
		return err
	}
	out, err := client.Decide(ctx, request(g.subject, getItem, "open"))
	if err == nil && out.GetAnswer().GetDecision() != rowanv1.Decision_DECISION_ALLOWED {
		err = fmt.Errorf("a guest: %v %w", out.GetAnswer(), errWrong)
	}
	return err
}

// sealed asks with all sessions of guests again, and returns the keys that sealed
// them.
func (s *soaking) sealed(ctx context.Context, d *daemon) (map[uint32]bool, error) {
	keys := map[uint32]bool{}
	for _, g := range s.guests {
		if err := g.ask(ctx, d); err != nil {
			return nil, err
		}
		keys[g.key] = true
	}
	return keys, nil
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
