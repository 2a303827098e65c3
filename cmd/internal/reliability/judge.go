package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// judge compares answers with what they should be, and counts.
type judge struct {
	world *world
	right atomic.Int64
	// wrongAllow and wrongDeny disagree with the reference, mixed are batches
	// that two revisions answered, strange are answers of a revision that was
	// never published, or without a decision, or of an older one than before.
	wrongAllow, wrongDeny, mixed, strange atomic.Int64
	// shed were refused for too many, failed by another error.
	shed, failed atomic.Int64

	mu    sync.Mutex
	first error // that was not right
}

func (w *world) newJudge() *judge { return &judge{world: w} }

// note keeps the first thing that was not right.
func (j *judge) note(n *atomic.Int64, format string, args ...any) error {
	n.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.first == nil {
		j.first = fmt.Errorf(format, args...)
	}
	return errWrong
}

// errWrong is of an answer that is not right.
var errWrong = errors.New("a wrong answer")

// decisionOf is a decision as the reference calls it; empty for none.
func decisionOf(d rowanv1.Decision) string {
	switch d {
	case rowanv1.Decision_DECISION_ALLOWED:
		return "allowed"
	case rowanv1.Decision_DECISION_EXPLICIT_DENY:
		return "explicitDeny"
	case rowanv1.Decision_DECISION_IMPLICIT_DENY:
		return "implicitDeny"
	case rowanv1.Decision_DECISION_UNSPECIFIED:
	}
	return ""
}

// of returns the revision of an answer.
func (j *judge) of(b *rowanv1.BundleVersion) (*revision, error) {
	r, ok := (*j.world.known.Load())[b.GetDigest()]
	if !ok || uint64(r.n) != b.GetVersion() {
		return nil, j.note(&j.strange, "an answer of bundle %.8q, version %d, which was never published", b.GetDigest(), b.GetVersion())
	}
	return r, nil
}

// answer judges one.
func (j *judge) answer(got, want, what string) error {
	switch got {
	case want:
		j.right.Add(1)
		return nil
	case "":
		return j.note(&j.strange, "no decision about %s", what)
	case "allowed":
		return j.note(&j.wrongAllow, "WRONG ALLOW: %s should be %s", what, want)
	}
	return j.note(&j.wrongDeny, "%s is %s and should be %s", what, got, want)
}

// ask asks question i and judges the answer. An error says that there is none,
// or a wrong one.
func (j *judge) ask(ctx context.Context, c rowanv1.AuthorizationServiceClient, i int) error {
	i %= len(j.world.calls)
	out, err := c.Decide(ctx, j.world.calls[i])
	if err != nil {
		return j.refused(ctx, err)
	}
	r, err := j.of(out.GetBundle())
	if err != nil {
		return err
	}
	q := &j.world.lab.asked[i]
	return j.answer(decisionOf(out.GetAnswer().GetDecision()), r.decisions[i], fmt.Sprintf("%s of %s by player %d in revision %d", q.action, q.row, q.player, r.n))
}

// refused counts an error. The client denies.
func (j *judge) refused(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && code(err) == codes.Canceled: // we have hung up
	case code(err) == codes.ResourceExhausted:
		j.shed.Add(1)
	default:
		_ = j.note(&j.failed, "an error: %w", err)
	}
	return err
}

// pair asks both canaries of the newest revision n times in one batch, between
// which nothing may change: the answers are those of one revision. It returns
// that.
func (j *judge) pair(ctx context.Context, c rowanv1.AuthorizationServiceClient, n int) (*revision, error) {
	newest := j.world.current.Load()
	in := &rowanv1.DecideBatchRequest{}
	for i := range n {
		// Two players in turns: each question is opened anew.
		of := j.world.subjects[i%2]
		in.Requests = append(in.Requests, request(of, getItem, canary("A", newest.n)), request(of, getItem, canary("B", newest.n)))
	}
	out, err := c.DecideBatch(ctx, in)
	if err != nil {
		return nil, j.refused(ctx, err)
	}
	r, err := j.of(out.GetBundle())
	if err != nil {
		return nil, err
	}
	if len(out.GetResults()) != 2*n {
		return nil, j.note(&j.strange, "%d answers for %d questions", len(out.GetResults()), 2*n)
	}
	allowed := 0
	for i, x := range out.GetResults() {
		got := decisionOf(x.GetAnswer().GetDecision())
		if got == "allowed" {
			allowed++
		}
		want := "implicitDeny"
		if r.n == newest.n {
			want = "allowed"
		}
		err = errors.Join(err, j.answer(got, want, fmt.Sprintf("canary %d of revision %d in a batch of revision %d", i, newest.n, r.n)))
	}
	if allowed != 0 && allowed != 2*n {
		err = errors.Join(err, j.note(&j.mixed, "a mixed batch: %d of %d canaries of revision %d", allowed, 2*n, newest.n))
	}
	return r, err
}

// forwardEvery is how often canaries are asked: often enough to fall into every
// reload, and no load of their own.
const forwardEvery = 5 * time.Millisecond

// forward asks canaries until ctx ends, on one connection, which no revision
// comes back on.
func (j *judge) forward(ctx context.Context, c rowanv1.AuthorizationServiceClient, n int) {
	tick := time.NewTicker(forwardEvery)
	defer tick.Stop()
	last := 0
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r, err := j.pair(ctx, c, n)
		if err != nil {
			continue
		}
		if r.n < last {
			_ = j.note(&j.strange, "revision %d after revision %d on one connection", r.n, last)
		}
		last = r.n
	}
}

// wrong counts everything that must never be.
func (j *judge) wrong() int64 {
	return j.wrongAllow.Load() + j.wrongDeny.Load() + j.mixed.Load() + j.strange.Load()
}

// clean notes all that must never be, and errors.
func (j *judge) clean(c *check) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c.must(j.wrong() == 0, "%d wrong allows, %d wrong denies, %d mixed, %d strange; first: %w",
		j.wrongAllow.Load(), j.wrongDeny.Load(), j.mixed.Load(), j.strange.Load(), j.first)
	c.must(j.right.Load() > 0, "nothing was answered: %w", j.first)
	c.must(j.failed.Load()+j.shed.Load() == 0, "%d errors, %d refused for too many; first: %w", j.failed.Load(), j.shed.Load(), j.first)
}
