package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

// maxParts bounds the parts of a question.
const maxParts = 64

// Search answers a question about what a role of the bundle allows, on whatever
// resource: q.By is Policies of the role and no resource. A policy of resources/
// takes part where it is one of the resource, and nowhere else. Its errors are
// those of analysis.Search.
func Search(ctx context.Context, b *bundle.Bundle, q *analysis.Question) (*analysis.Answer, error) {
	return search(ctx, sides{by: b}, q, nil)
}

// SearchBetween is Search about two bundles: the policies of resources of by
// count for q.By, those of not for q.Not, which has none either.
func SearchBetween(ctx context.Context, by, not *bundle.Bundle, q *analysis.Question) (*analysis.Answer, error) {
	return search(ctx, sides{by, not}, q, nil)
}

// Diff compares what a role may do by two bundles, as analysis.Diff does: q.By are
// the policies of the role in now, q.Not those in old, and neither has one of a
// resource. A bundle without the role is nil: nobody has it there.
func Diff(ctx context.Context, now, old *bundle.Bundle, q *analysis.Question, n int) (*analysis.Difference, error) {
	return diff(ctx, sides{now, old}, q, n, func(*analysis.Question) error { return nil })
}

// diff is Diff; each says more of what is asked of a part.
func diff(ctx context.Context, of sides, q *analysis.Question, n int, each func(*analysis.Question) error) (*analysis.Difference, error) {
	parts, doubt, err := split(ctx, of, q)
	if err != nil {
		return nil, err
	}
	out := unchanged()
	for _, part := range parts {
		if err := each(part); err != nil {
			return nil, err
		}
		d, err := analysis.Diff(ctx, part, n)
		if err != nil {
			return nil, err
		}
		joinBoth(out, d, n)
	}
	if doubt != "" {
		joinBoth(out, doubted(doubt), n)
	}
	return out, nil
}

// unchanged is a difference of which nothing has been found yet.
func unchanged() *analysis.Difference {
	none := analysis.Direction{Verdict: analysis.Never, Complete: true}
	return &analysis.Difference{Gained: none, Lost: none}
}

// doubted is a difference that is not known, for a reason.
func doubted(why string) *analysis.Difference {
	return &analysis.Difference{Gained: analysis.Direction{Reason: why}, Lost: analysis.Direction{Reason: why}}
}

func joinBoth(all, part *analysis.Difference, n int) {
	join(&all.Gained, &part.Gained, n)
	join(&all.Lost, &part.Lost, n)
}

// join adds what was found of a part to what was found of others: no more than n
// witnesses, each of another action.
func join(all, part *analysis.Direction, n int) {
	all.Complete = all.Complete && part.Complete
	for _, w := range part.Witnesses {
		switch {
		case slices.ContainsFunc(all.Witnesses, func(x *analysis.Witness) bool { return x.Action == w.Action }):
		case len(all.Witnesses) == max(n, 1):
			all.Complete = false
		default:
			all.Witnesses = append(all.Witnesses, w)
		}
	}
	if part.Verdict == analysis.Found || part.Verdict == analysis.Unknown && all.Verdict == analysis.Never {
		all.Verdict, all.Reason = part.Verdict, part.Reason
	}
}

// sides are the bundles whose policies of resources count for By and for Not of a
// question; nil has none.
type sides struct{ by, not *bundle.Bundle }

// search is Search; each, if it is not nil, says more of what is asked of a part.
func search(ctx context.Context, of sides, q *analysis.Question, each func(*analysis.Question)) (*analysis.Answer, error) {
	m, err := eachPart(ctx, of, q, func(part *analysis.Question) (*analysis.Meeting, error) {
		if each != nil {
			each(part)
		}
		a, err := analysis.Search(ctx, part)
		if err != nil {
			return nil, err
		}
		return &analysis.Meeting{Answer: *a}, nil
	})
	if err != nil {
		return nil, err
	}
	return &m.Answer, nil
}

// meet is analysis.Meet about a role, as Search is.
func meet(ctx context.Context, b *bundle.Bundle, q *analysis.Question, keys []string) (*analysis.Meeting, error) {
	return eachPart(ctx, sides{by: b}, q, func(part *analysis.Question) (*analysis.Meeting, error) { return analysis.Meet(ctx, part, keys) })
}

// eachPart asks about resources without policies, and about those of every set
// of policies: together these are all requests.
func eachPart(ctx context.Context, of sides, q *analysis.Question, ask func(*analysis.Question) (*analysis.Meeting, error)) (*analysis.Meeting, error) {
	parts, doubt, err := split(ctx, of, q)
	if err != nil {
		return nil, err
	}
	out := &analysis.Meeting{Answer: analysis.Answer{Verdict: analysis.Never}}
	for _, part := range parts {
		m, err := ask(part)
		if err != nil {
			return nil, err
		}
		if m.Verdict == analysis.Found {
			return m, nil
		}
		if m.Verdict == analysis.Unknown && doubt == "" {
			doubt = m.Reason
		}
	}
	if doubt != "" {
		out.Verdict, out.Reason = analysis.Unknown, doubt
	}
	return out, nil
}

// filed is what resources/ say of an ARN, and the patterns of the ARNs that it
// covers.
type filed struct {
	by, not  *policy.Document // nil if a side says nothing
	account  string
	patterns []string
}

// filings returns what both sides say of each ARN, and those that are not
// covered.
func filings(of sides) (all []*filed, odd []*bundle.Resource) {
	buckets := "" // of which account those are whose ARN does not say so
	if of.by == nil || of.not == nil || of.by.Account == of.not.Account {
		for _, b := range []*bundle.Bundle{of.by, of.not} {
			if b != nil {
				buckets = b.Account
			}
		}
	}
	at := map[string]*filed{}
	for i, b := range []*bundle.Bundle{of.by, of.not} {
		if b == nil {
			continue
		}
		for _, x := range b.Resources {
			patterns, ok := covered(buckets, x)
			if !ok {
				odd = append(odd, x)
				continue
			}
			f := at[x.ARN]
			if f == nil {
				f = &filed{account: x.Account, patterns: patterns}
				at[x.ARN] = f
				all = append(all, f)
			}
			if i == 0 {
				f.by = x.Document()
			} else {
				f.not = x.Document()
			}
		}
	}
	return all, odd
}

// split returns the parts of a question, and why to have asked them all proves
// nothing; empty if it does.
func split(ctx context.Context, of sides, q *analysis.Question) (parts []*analysis.Question, doubt string, err error) {
	all, odd := filings(of)
	for _, x := range odd {
		asked, err := touches(ctx, q, x.ARN)
		if err != nil {
			return nil, "", err
		}
		if asked {
			doubt = "the policy of resources/" + x.Name + ".yaml is not looked at here"
		}
	}
	sets := [][]*filed{nil}
	for _, x := range all {
		for _, s := range sets {
			if !slices.ContainsFunc(s, func(y *filed) bool { return !x.overlaps(y) }) {
				sets = append(sets, append(slices.Clip(s), x))
			}
		}
		if len(sets) > maxParts {
			return nil, "more policies of resources overlap than are looked at", nil
		}
	}
	for _, s := range sets {
		one, err := part(q, s, all)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, one)
	}
	return parts, doubt, nil
}

// touches reports whether a question is about resources of a policy, or may be.
func touches(ctx context.Context, q *analysis.Question, arn string) (bool, error) {
	all, err := parse(statement("Allow", []string{"*"}, []string{"*"}, nil))
	if err != nil {
		return true, err
	}
	those, err := parse(statement("Allow", []string{"*"}, []string{arn, arn + "/*"}, nil))
	if err != nil {
		return true, err
	}
	asked := *q
	asked.By, asked.Not = &analysis.Policies{Identity: []*policy.Document{all}}, nil
	asked.And = append(slices.Clip(q.And), &analysis.Policies{Identity: []*policy.Document{those}})
	a, err := analysis.Search(ctx, &asked)
	return err != nil || a.Verdict != analysis.Never, err
}

// covered returns the patterns of the ARNs that a policy is of. It is not ok for
// wildcards that an Allow and a Deny read differently, and for what does not say
// in its ARN whose it is and is not this account's. Source: iam-semantics §1.6
// R5, §6.1, §7.1.
func covered(account string, x *bundle.Resource) (patterns []string, ok bool) {
	part := strings.SplitN(x.ARN, ":", 6)
	if len(part) < 6 || strings.ContainsAny(strings.TrimSuffix(x.ARN, "*"), "*?") || part[4] == "" && x.Account != account {
		return nil, false
	}
	patterns = []string{x.ARN}
	switch {
	case strings.HasSuffix(x.ARN, "*"):
	case part[2] == "dynamodb" && !strings.Contains(part[5], "/index/"):
		patterns = append(patterns, x.ARN+"/index/*")
	case part[2] == "s3" && part[4] == "" && !strings.Contains(part[5], "/"):
		patterns = append(patterns, x.ARN+"/*")
	}
	return patterns, true
}

func (x *filed) overlaps(y *filed) bool {
	return slices.ContainsFunc(x.patterns, func(p string) bool {
		return slices.ContainsFunc(y.patterns, func(q string) bool { return overlap(p, q) })
	})
}

// overlap reports whether a text matches both of two patterns whose one wildcard
// is a * at the end.
func overlap(p, q string) bool {
	before, open := strings.CutSuffix(p, "*")
	other, otherOpen := strings.CutSuffix(q, "*")
	return p == q || open && strings.HasPrefix(other, before) || otherOpen && strings.HasPrefix(before, other)
}

// part is the question about the resources that have these policies and no other.
func part(q *analysis.Question, these, all []*filed) (*analysis.Question, error) {
	out, by := *q, *q.By
	out.By, out.And = &by, slices.Clip(q.And)
	if q.Not != nil {
		not := *q.Not
		out.Not = &not
	}
	where := func(statements string) error {
		d, err := parse(statements)
		out.And = append(out.And, &analysis.Policies{Identity: []*policy.Document{d}})
		return err
	}
	everywhere := statement("Allow", []string{"*"}, []string{"*"}, nil)
	for _, x := range all {
		if !slices.Contains(these, x) {
			if err := where(everywhere + "," + statement("Deny", []string{"*"}, x.patterns, nil)); err != nil {
				return nil, err
			}
			continue
		}
		err := where(statement("Allow", []string{"*"}, x.patterns, condition{"StringEquals": {"aws:ResourceAccount": x.account}}))
		if err == nil {
			out.By.Resource, err = joined(out.By.Resource, x.by)
		}
		if err == nil && out.Not != nil {
			out.Not.Resource, err = joined(out.Not.Resource, x.not)
		}
		if err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// joined is the policies of one resource as one; either may be nil.
func joined(a, b *policy.Document) (*policy.Document, error) {
	switch {
	case a == nil:
		return b, nil
	case b == nil:
		return a, nil
	}
	if a.Version.Value != b.Version.Value {
		return nil, fmt.Errorf("%s and %s: the policies of one resource are of two versions", a.Name, b.Name)
	}
	both := *a
	both.Statements = slices.Concat(a.Statements, b.Statements)
	return &both, nil
}
