package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// mttr is how soon a server that was killed is to answer again.
const mttr = 2 * time.Second

func killReloadTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(50)
	if err != nil {
		return "", err
	}
	data, err := l.folder()
	if err != nil {
		return "", err
	}
	var c check
	j := w.newJudge()
	var slowest time.Duration
	before, last := 0, 0
	cycles := l.times(12, 50)
	for n := 2; n < 2+cycles; n++ {
		d, err := w.start(ctx, how{data: data})
		if err != nil {
			return fmt.Sprintf("cycle %d", n-1), err
		}
		slowest = max(slowest, time.Since(d.started))
		client, err := d.client()
		if err != nil {
			return "", err
		}
		r, err := j.pair(ctx, client, 1)
		if err != nil {
			return "", err
		}
		c.must(r.n >= last, "revision %d serves after revision %d did", r.n, last)
		last = r.n
		if err := w.publish(n); err != nil {
			return "", err
		}
		during, end := context.WithCancel(ctx)
		var wg sync.WaitGroup
		own := w.newJudge() // a killed server answers with errors
		wg.Go(func() { own.forward(during, client, 16) })
		time.Sleep(rand.N(300 * time.Millisecond))
		if now, _, err := d.describe(ctx); err == nil && now == w.current.Load().digest {
			last = n
		} else {
			before++
		}
		d.kill()
		end()
		wg.Wait()
		c.must(own.wrong() == 0, "before kill %d: %w", n-1, own.first)
	}
	j.clean(&c)
	c.must(slowest <= l.span(5*mttr, mttr), "the slowest start took %v", brief(slowest))
	return fmt.Sprintf("%d kills, %d of them before the new revision was in force; slowest restart %v", cycles, before, brief(slowest)), c.err()
}

// killWriteTarget kills servers that write, to SQLite.
func killWriteTarget(ctx context.Context, l *lab) (string, error) {
	figure, err := l.killWriting(ctx, l.times(6, 50), func(data string) string { return "sqlite:" + filepath.Join(data, "rowan.db") })
	if err != nil {
		return figure, err
	}
	if l.short {
		return "SQLite: " + figure, nil
	}
	p, err := startPostgres()
	if err != nil {
		return "SQLite: " + figure, err
	}
	defer p.stop()
	url, err := p.database(ctx)
	if err != nil {
		return "", err
	}
	other, err := l.killWriting(ctx, 20, func(string) string { return url })
	return "SQLite: " + figure + "; PostgreSQL: " + other, err
}

// acked is what was acknowledged: identities, and sessions that were revoked.
type acked struct {
	mu         sync.Mutex
	identities []string
	revoked    []*rowanv1.DecideRequest
}

func (l *lab) killWriting(ctx context.Context, cycles int, store func(data string) string) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	data, err := l.folder()
	if err != nil {
		return "", err
	}
	all := &acked{}
	var c check
	checked := 0
	for cycle := range cycles {
		d, err := w.start(ctx, how{data: data, store: store(data)})
		if err != nil {
			return "", err
		}
		n, err := all.kept(ctx, d, checked)
		if err != nil {
			return fmt.Sprintf("cycle %d", cycle), err
		}
		checked = n
		all.write(ctx, w, d, cycle)
	}
	d, err := w.start(ctx, how{data: data, store: store(data)})
	if err != nil {
		return "", err
	}
	if _, err = all.kept(ctx, d, 0); err != nil {
		return "", err
	}
	c.must(len(all.identities) > cycles && len(all.revoked) >= cycles, "%d identities and %d revocations are too few", len(all.identities), len(all.revoked))
	return fmt.Sprintf("%d kills, %d identities and %d revocations acknowledged, 0 lost", cycles, len(all.identities), len(all.revoked)), c.err()
}

// write makes identities and revokes sessions until the server is killed in the
// midst of it.
func (a *acked) write(ctx context.Context, w *world, d *daemon, cycle int) {
	var killed atomic.Bool
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			o := d.operator()
			for i := 0; !killed.Load(); i++ {
				if worker > 0 {
					id, err := o.guest(ctx)
					if err != nil {
						return
					}
					a.mu.Lock()
					a.identities = append(a.identities, id)
					a.mu.Unlock()
					continue
				}
				session := fmt.Sprintf("kill-%d-%d", cycle, i)
				s, err := w.lab.mint.session(200_000+1000*cycle+i, session, time.Now().Add(-time.Minute), sessionLife)
				if err != nil || o.revoke(ctx, "", session) != nil {
					return
				}
				a.mu.Lock()
				a.revoked = append(a.revoked, request(s, getItem, "open"))
				a.mu.Unlock()
			}
		})
	}
	time.Sleep(50*time.Millisecond + rand.N(250*time.Millisecond))
	killed.Store(true)
	d.kill()
	wg.Wait()
}

// kept checks what was acknowledged, the identities from a number on. It returns
// how many there are.
func (a *acked) kept(ctx context.Context, d *daemon, from int) (int, error) {
	client, err := d.client()
	if err != nil {
		return 0, err
	}
	for i, q := range a.revoked {
		if out, err := client.Decide(ctx, q); code(err) != codes.Unauthenticated {
			return 0, fmt.Errorf("acknowledged revocation %d is lost: %v %w", i, out.GetAnswer(), errors.Join(err, errWrong))
		}
	}
	o := d.operator()
	for i, id := range a.identities[from:] {
		if err := o.known(ctx, id); err != nil {
			return 0, fmt.Errorf("acknowledged identity %d is lost: %w", from+i, err)
		}
	}
	return len(a.identities), nil
}
