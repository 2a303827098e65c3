package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// retrying asks the one server and then the other.
type retrying struct {
	judge   *judge
	clients [2]rowanv1.AuthorizationServiceClient
	// resets are calls that were under way and got no answer, retries those that
	// a server did not take.
	resets, retries atomic.Int64
}

const (
	retries    = 8
	drainWait  = 12 * time.Second
	retryAfter = 20 * time.Millisecond
	// settled is between two restarts: clients are to find the way back.
	settled = 500 * time.Millisecond
)

func (r *retrying) call(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	var err error
	for try := range retries {
		out, failed := r.clients[(i+try)%2].Decide(ctx, r.judge.world.calls[i%len(r.judge.world.calls)])
		if failed == nil {
			rev, err := r.judge.of(out.GetBundle())
			if err != nil {
				return err
			}
			return r.judge.answer(decisionOf(out.GetAnswer().GetDecision()), rev.decisions[i%len(r.judge.world.calls)], "a question")
		}
		err = failed
		if code(err) != codes.Unavailable {
			break
		}
		if strings.Contains(err.Error(), "refused") {
			r.retries.Add(1)
		} else {
			_ = r.judge.note(&r.resets, "a reset: %w", err)
		}
		time.Sleep(retryAfter)
	}
	return r.judge.refused(ctx, err)
}

func drainTarget(ctx context.Context, l *lab) (string, error) {
	if err := l.saturate(ctx); err != nil {
		return "", err
	}
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	r := &retrying{judge: w.newJudge()}
	var servers [2]*daemon
	for i := range servers {
		if servers[i], err = w.start(ctx, how{}); err != nil {
			return "", err
		}
		c, err := dialTo(servers[i].target)
		if err != nil {
			return "", err
		}
		defer func() { _ = c.Close() }()
		r.clients[i] = rowanv1.NewAuthorizationServiceClient(c)
	}
	during, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { load{share * l.saturated, 10 * time.Minute, flight, r.call}.run(during) })
	var c check
	var slowest time.Duration
	cycles := l.times(4, 20)
	for i := range cycles {
		time.Sleep(settled)
		d := servers[i%2]
		began := time.Now()
		d.hangUp()
		c.try(d.terminate(drainWait))
		slowest = max(slowest, time.Since(began))
		if servers[i%2], err = w.start(ctx, how{grpc: d.target, data: d.how.data}); err != nil {
			break
		}
	}
	end()
	wg.Wait()
	c.try(err)
	r.judge.clean(&c)
	c.must(r.resets.Load() == 0, "%d calls under way were reset: %w", r.resets.Load(), r.judge.first)
	return fmt.Sprintf("%d restarts, %d answered, %d retried, %d reset, %d failed; slowest end %v", cycles, r.judge.right.Load(), r.retries.Load(),
		r.resets.Load(), r.judge.failed.Load(), brief(slowest)), c.err()
}
