package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// clock is a time that a target moves.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration // by how much each reading moves it
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.step)
	return c.at
}

func (c *clock) set(at time.Time, step time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.step = at, step
}

// dated lets rows be read until a moment.
const dated = `{"Version": "2012-10-17", "Statement": [{"Sid": "Dated", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "` + tableARN + `",
  "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "dated"}, "DateLessThan": {"aws:CurrentTime": %q}}}]}`

// clockTarget jumps with the clock of a server in this process.
func clockTarget(ctx context.Context, l *lab) (string, error) {
	begin := time.Now().Truncate(time.Second)
	flips := begin.Add(10 * time.Minute)
	c := &clock{at: begin}
	texts := revisionFiles(1, 0)
	texts[season] = fmt.Sprintf(dated, flips.UTC().Format(time.RFC3339))
	files, err := pack(texts, 1)
	if err != nil {
		return "", err
	}
	x, err := newInside(ctx, l, files, c.now)
	if err != nil {
		return "", err
	}
	s, err := l.mint.session(1, "clock", begin, time.Hour)
	if err != nil {
		return "", err
	}
	var k check
	asked := 0
	ask := func(what string, at time.Time, want codes.Code, refresh bool) {
		asked++
		c.set(at, 0)
		if refresh {
			k.try(x.live.Current().Sessions.Refresh(ctx))
		}
		out, err := x.decider.Decide(local(ctx), request(s, getItem, "open"))
		k.must(code(err) == want, "%s: %v %v, want %v", what, out.GetAnswer().GetDecision(), err, want)
		if until := out.GetAnswer().GetValidUntil().AsTime(); err == nil && until.After(begin.Add(time.Hour)) {
			k.must(false, "%s: the answer is to be kept until %v, after the session", what, until)
		}
	}
	ask("at first", begin, codes.OK, false)
	for range 1000 { // frozen
		ask("while the clock stands still", begin, codes.OK, false)
	}
	ask("a second before the end", begin.Add(time.Hour-time.Second), codes.OK, true)
	ask("at the end, though it is kept open", begin.Add(time.Hour), codes.Unauthenticated, true)
	ask("after it", begin.Add(2*time.Hour), codes.Unauthenticated, true)
	ask("back again, with revocations from the future", begin.Add(time.Minute), codes.Unavailable, false)
	ask("back again", begin.Add(time.Minute), codes.OK, true)
	ask("an hour ahead of the last revocations", begin.Add(time.Minute+59*time.Minute-time.Second), codes.Unavailable, false)
	ask("an hour before it was issued", begin.Add(-time.Hour), codes.Unauthenticated, true)
	ask("within what clocks may differ", begin.Add(-14*time.Second), codes.OK, true)
	batches, err := oneMoment(ctx, x, c, s, flips)
	k.try(err)
	return fmt.Sprintf("%d questions at moved clocks; %d batches across a date that flips, each of one moment", asked, batches), k.err()
}

// oneMoment asks batches while each reading moves the clock by a second: the
// answers of a batch are all of before the date or all of after it.
func oneMoment(ctx context.Context, x *inside, c *clock, s *rowanv1.Subject, flips time.Time) (int, error) {
	in := &rowanv1.DecideBatchRequest{Subject: s}
	const size = 50
	for range size {
		in.Requests = append(in.Requests, request(nil, getItem, "dated"))
	}
	batches, allowed := 0, 0
	for at := flips.Add(-20 * time.Second); at.Before(flips.Add(5 * time.Second)); at = at.Add(time.Second) {
		c.set(at, 0)
		if err := x.live.Current().Sessions.Refresh(ctx); err != nil {
			return 0, err
		}
		c.set(at, time.Second/4)
		out, err := x.decider.DecideBatch(local(ctx), in)
		if err != nil {
			return 0, err
		}
		n := 0
		for _, r := range out.GetResults() {
			if r.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED {
				n++
			}
		}
		if n != 0 && n != size {
			return 0, fmt.Errorf("a batch of two moments: %d of %d allowed", n, size)
		}
		batches++
		allowed += n
	}
	if allowed == 0 || allowed == batches*size {
		return 0, fmt.Errorf("the date did not flip: %d of %d allowed", allowed, batches*size)
	}
	return batches, nil
}
