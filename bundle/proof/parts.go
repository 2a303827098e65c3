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
	return search(ctx, b, q, nil)
}

// search is Search; each, if it is not nil, says more of what is asked of a part.
func search(ctx context.Context, b *bundle.Bundle, q *analysis.Question, each func(*analysis.Question)) (*analysis.Answer, error) {
	m, err := eachPart(ctx, b, q, func(part *analysis.Question) (*analysis.Meeting, error) {
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
	return eachPart(ctx, b, q, func(part *analysis.Question) (*analysis.Meeting, error) { return analysis.Meet(ctx, part, keys) })
}

// eachPart asks about resources without policies, and about those of every set
// of policies: together these are all requests.
func eachPart(ctx context.Context, b *bundle.Bundle, q *analysis.Question, ask func(*analysis.Question) (*analysis.Meeting, error)) (*analysis.Meeting, error) {
	parts, doubt, err := split(ctx, b, q)
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

// filed is a policy of resources/, and the patterns of the ARNs that it is of.
type filed struct {
	*bundle.Resource
	patterns []string
}

// split returns the parts of a question, and why to have asked them all proves
// nothing; empty if it does.
func split(ctx context.Context, b *bundle.Bundle, q *analysis.Question) (parts []*analysis.Question, doubt string, err error) {
	var all []filed
	for _, x := range b.Resources {
		patterns, ok := covered(b, x)
		if !ok {
			asked, err := touches(ctx, q, x.ARN)
			if err != nil {
				return nil, "", err
			}
			if asked {
				doubt = "the policy of resources/" + x.Name + ".yaml is not looked at here"
			}
			continue
		}
		all = append(all, filed{x, patterns})
	}
	sets := [][]filed{nil}
	for i := range all {
		for _, s := range sets {
			if !slices.ContainsFunc(s, func(y filed) bool { return !all[i].overlaps(y) }) {
				sets = append(sets, append(slices.Clip(s), all[i]))
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
// wildcards that an Allow and a Deny read differently, and for what is another
// account's and does not say so in its ARN. Source: iam-semantics §1.6 R5, §6.1,
// §7.1.
func covered(b *bundle.Bundle, x *bundle.Resource) (patterns []string, ok bool) {
	part := strings.SplitN(x.ARN, ":", 6)
	if len(part) < 6 || strings.ContainsAny(strings.TrimSuffix(x.ARN, "*"), "*?") || part[4] == "" && x.Account != b.Account {
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

func (x filed) overlaps(y filed) bool {
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
func part(q *analysis.Question, of, all []filed) (*analysis.Question, error) {
	out, by := *q, *q.By
	out.By, out.And = &by, slices.Clip(q.And)
	where := func(statements string) error {
		d, err := parse(statements)
		out.And = append(out.And, &analysis.Policies{Identity: []*policy.Document{d}})
		return err
	}
	everywhere := statement("Allow", []string{"*"}, []string{"*"}, nil)
	for _, x := range all {
		var err error
		if !slices.ContainsFunc(of, func(y filed) bool { return y.Resource == x.Resource }) {
			err = where(everywhere + "," + statement("Deny", []string{"*"}, x.patterns, nil))
		} else if by.Resource, err = joined(by.Resource, x.Document()); err == nil {
			err = where(statement("Allow", []string{"*"}, x.patterns, condition{"StringEquals": {"aws:ResourceAccount": x.Account}}))
		}
		if err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// joined is the policies of one resource as one; either may be nil.
func joined(a, b *policy.Document) (*policy.Document, error) {
	if a == nil {
		return b, nil
	}
	if a.Version.Value != b.Version.Value {
		return nil, fmt.Errorf("%s and %s: the policies of one resource are of two versions", a.Name, b.Name)
	}
	both := *a
	both.Statements = slices.Concat(a.Statements, b.Statements)
	return &both, nil
}
