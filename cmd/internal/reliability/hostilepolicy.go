package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// hostilePolicy is a policy of statements whose patterns backtrack as much as
// can be, on a text that they nearly match.
func hostilePolicy(pattern string, statements int) string {
	all := make([]string, 0, statements)
	for i := range statements {
		all = append(all, fmt.Sprintf(`{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": %q, "Condition": {"ForAnyValue:StringLike": {%q: "%s%d"}}}`,
			tableARN, leading, pattern, i))
	}
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(all, ",\n") + `]}`
}

const (
	hostileWithin = 10 * time.Millisecond
	longText      = 10_000
	manyStatement = 10_000
)

func hostilePolicyTarget(ctx context.Context, l *lab) (string, error) {
	var c check
	var figures []string
	for _, x := range []struct {
		name, pattern, text string
		statements          int
		within              time.Duration
	}{
		{"*a*a*…b", strings.Repeat("*a", 2000) + "b", strings.Repeat("a", longText), 1, hostileWithin},
		{"*a???…b", "*a" + strings.Repeat("?", 4000) + "b", strings.Repeat("a", longText), 1, hostileWithin},
		{"*a*?*a…", strings.Repeat("*a*?", 1000) + "b", strings.Repeat("a", longText), 1, hostileWithin},
		{"4,000 letters in an infix", "*" + strings.Repeat("a", 4000) + "b*", strings.Repeat("a", longText), 1, hostileWithin},
		{"10,000 statements", "*x*", strings.Repeat("a", 50), manyStatement, hostileWithin},
	} {
		texts := revisionFiles(1, 0)
		for _, file := range []string{season, canaryA, canaryB, "policies/Open.json"} {
			texts[file] = hostilePolicy(x.pattern, max(1, x.statements/4)) // a file has a megabyte at most
		}
		files, err := pack(texts, 1)
		if err != nil {
			return "", err
		}
		began := time.Now()
		inside, err := newInside(ctx, l, files, time.Now)
		if err != nil {
			// What is refused when it is loaded hurts nobody.
			figures = append(figures, fmt.Sprintf("%s: refused at load", x.name))
			continue
		}
		loaded := time.Since(began)
		took, err := slowestOf(ctx, l, inside, x.text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", x.name, err)
		}
		c.must(took <= x.within, "%s: %v", x.name, took)
		c.must(loaded <= 10*time.Second, "%s: loaded in %v", x.name, loaded)
		figures = append(figures, fmt.Sprintf("%s: %v", x.name, brief(took)))
	}
	return strings.Join(figures, "; "), c.err()
}

// slowestOf asks some times and returns how long it took at best: the machine
// does other things too.
func slowestOf(ctx context.Context, l *lab, x *inside, row string) (time.Duration, error) {
	s, err := l.mint.session(1, "hostile", time.Now().Add(-time.Minute), time.Hour)
	if err != nil {
		return 0, err
	}
	q := request(s, getItem, row)
	best := time.Hour
	for range 20 {
		began := time.Now()
		out, err := x.decider.Decide(local(ctx), q)
		if err != nil {
			return 0, err
		}
		if out.GetAnswer().GetDecision() != rowanv1.Decision_DECISION_IMPLICIT_DENY {
			return 0, fmt.Errorf("%v: %w", out, errWrong)
		}
		best = min(best, time.Since(began))
	}
	return best, nil
}
