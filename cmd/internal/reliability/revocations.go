package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// hammering asks one question over and over on several connections.
const hammers = 4

func revocationTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{})
	if err != nil {
		return "", err
	}
	all, err := d.clients(hammers)
	if err != nil {
		return "", err
	}
	o := d.operator()
	n := l.times(40, 200)
	var c check
	var longest, acked time.Duration
	asked := 0
	for i := range n {
		r, err := w.revokeOne(ctx, o, all, i)
		if err != nil {
			return "", err
		}
		c.must(r.before > 0, "revocation %d: nothing was allowed before it", i)
		c.must(r.after == 0, "revocation %d: %d allowed after the acknowledgement, the last one %v", i, r.after, r.last)
		asked += r.denied
		longest, acked = max(longest, r.last), max(acked, r.acked)
	}
	return fmt.Sprintf("%d revocations, %d questions after them: 0 allowed, slowest acknowledgement %v", n, asked, brief(acked)), c.err()
}

// revoked is what became of one revocation. Before counts what was allowed
// before, after what was allowed of what was asked after the acknowledgement,
// last how late that was; acked is how long the acknowledgement took.
type revoked struct {
	before, after, denied int
	last, acked           time.Duration
}

// revokeOne revokes an identity, or a session in turns, while it is asked for.
func (w *world) revokeOne(ctx context.Context, o *operator, all []rowanv1.AuthorizationServiceClient, i int) (*revoked, error) {
	player := 100_000 + i
	id := fmt.Sprintf("revoked-%d", i)
	s, err := w.lab.mint.session(player, id, time.Now().Add(-10*time.Second), sessionLife)
	if err != nil {
		return nil, err
	}
	type asked struct {
		at      time.Time
		allowed bool
	}
	answers := make([][]asked, len(all))
	failed := make([]error, len(all))
	during, end := context.WithCancel(ctx)
	defer end()
	var wg sync.WaitGroup
	q := request(s, getItem, "open")
	for k, c := range all {
		wg.Go(func() {
			for during.Err() == nil {
				at := time.Now()
				out, err := c.Decide(ctx, q)
				if err != nil && code(err) != codes.Unauthenticated {
					failed[k] = err
					return
				}
				answers[k] = append(answers[k], asked{at, err == nil && out.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED})
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	if i%2 == 0 {
		err = o.revoke(ctx, identityID(player), "")
	} else {
		err = o.revoke(ctx, "", id)
	}
	ack := time.Now()
	time.Sleep(30 * time.Millisecond)
	end()
	wg.Wait()
	if err != nil {
		return nil, err
	}
	r := &revoked{acked: ack.Sub(began)}
	for k := range answers {
		if failed[k] != nil {
			return nil, failed[k]
		}
		for _, a := range answers[k] {
			switch {
			case a.allowed && a.at.After(ack):
				r.after++
				r.last = max(r.last, a.at.Sub(ack))
			case a.allowed:
				r.before++
			case a.at.After(ack):
				r.denied++
			}
		}
	}
	return r, nil
}
