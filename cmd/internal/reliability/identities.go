package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

const (
	manyPolicies   = 1000
	manySessions   = 12_000 // more than a server keeps open
	revokedAmong   = 100
	identityFlight = 8
	identityBatch  = 250
)

func identitiesTarget(ctx context.Context, l *lab) (string, error) {
	w, err := l.newWorld(manyPolicies)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{})
	if err != nil {
		return "", err
	}
	all, err := d.clients(conns + 1)
	if err != nil {
		return "", err
	}
	if err := l.saturate(ctx); err != nil {
		return "", err
	}
	n := l.times(50_000, 1_000_000)
	over := l.span(3*time.Second, 2*time.Minute)
	stop := d.watch()
	j := w.newJudge()
	others, err := w.probe(ctx, d, l.saturated/10)
	if err != nil {
		return "", err
	}
	rate, err := j.identities(ctx, all[1:], n, over)
	t, faulty := others.end()
	if err := errors.Join(err, faulty); err != nil {
		return "", err
	}
	opened, err := w.evicted(ctx, d, all[0])
	if err != nil {
		return "", err
	}
	var c check
	j.clean(&c)
	grown := stop().peak() - float64(d.baseline)/megabyte
	c.must(grown <= cacheRoom/megabyte, "memory grew by %.0f MB", grown)
	c.must(t.at(0.99) <= l.span(loose*goodP99, 2*goodP99), "others' p99 %v", brief(t.at(0.99)))
	return fmt.Sprintf("%d identities at %.0f/s, others' %v; RSS %+.0f MB on %.0f MB; %d sessions opened, %d revoked ones stay so", n, rate, t, grown,
		float64(d.baseline)/megabyte, opened, revokedAmong), c.err()
}

// identities asks for n principals that were never seen before, in so much time:
// each reaches its own row and not the next one's. It returns how many a second
// were answered.
func (j *judge) identities(ctx context.Context, all []rowanv1.AuthorizationServiceClient, n int, over time.Duration) (float64, error) {
	var mu sync.Mutex
	var first error
	batches := float64(n / identityBatch)
	t := load{batches / over.Seconds(), over, identityFlight, func(ctx context.Context, i int) error {
		err := j.identityBatch(ctx, all[i%len(all)], i*identityBatch)
		mu.Lock()
		defer mu.Unlock()
		first = cmp.Or(first, err)
		return err
	}}.run(ctx)
	return t.persecond() * identityBatch, first
}

func (j *judge) identityBatch(ctx context.Context, c rowanv1.AuthorizationServiceClient, from int) error {
	in := &rowanv1.DecideBatchRequest{}
	for i := from; i < from+identityBatch; i++ {
		of := &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: &rowanv1.Principal{Principal: "Player", IdentityId: identityID(i + 1000)}}}
		in.Requests = append(in.Requests, request(of, getItem, identityID(i+1000+i%2)))
	}
	out, err := c.DecideBatch(ctx, in)
	if err != nil {
		return err
	}
	for k, x := range out.GetResults() {
		want := "allowed"
		if (from+k)%2 == 1 {
			want = "implicitDeny"
		}
		if err := j.answer(decisionOf(x.GetAnswer().GetDecision()), want, "a new identity"); err != nil {
			return fmt.Errorf("%w: %v", err, x)
		}
	}
	return nil
}

// evicted opens more sessions than are kept open, some of which are revoked:
// those are refused, also after others have pushed them out.
func (w *world) evicted(ctx context.Context, d *daemon, c rowanv1.AuthorizationServiceClient) (int, error) {
	o := d.operator()
	var revoked []*rowanv1.DecideRequest
	opened := 0
	for i := range manySessions {
		id := fmt.Sprintf("evicted-%d", i)
		s, err := w.lab.mint.session(10_000+i, id, time.Now().Add(-time.Minute), sessionLife)
		if err != nil {
			return 0, err
		}
		q := request(s, getItem, "open")
		out, err := c.Decide(ctx, q)
		if err != nil || out.GetAnswer().GetDecision() != rowanv1.Decision_DECISION_ALLOWED {
			return 0, fmt.Errorf("session %d: %v %w", i, out.GetAnswer(), err)
		}
		opened++
		if len(revoked) < revokedAmong {
			if err := o.revoke(ctx, "", id); err != nil {
				return 0, err
			}
			revoked = append(revoked, q)
		}
		if i%1000 != 999 {
			continue
		}
		for k, q := range revoked {
			if _, err := c.Decide(ctx, q); code(err) != codes.Unauthenticated {
				return 0, fmt.Errorf("revoked session %d after %d others: %w", k, i, err)
			}
		}
	}
	return opened, nil
}
