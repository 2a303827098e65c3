package proof

import (
	"context"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

// OutsiderChange is how a principal's access changed that is no role of a bundle.
type OutsiderChange struct {
	// Name is the principal as policies have it: an ARN, the id of an account, "*",
	// a service.
	Name       string
	Difference analysis.Difference
}

// DiffOutsiders compares whom the policies of resources of two bundles let in
// besides their roles, each of whom something changed for, or may have. What
// other accounts say is taken to allow everything. n bounds the witnesses of a
// direction; of the options the vocabulary, the limits and the time count. Its
// errors are those of analysis.Diff.
func DiffOutsiders(ctx context.Context, now, old *bundle.Bundle, o Options, n int) ([]OutsiderChange, error) {
	if printed(now) == printed(old) {
		return nil, nil
	}
	if now.Account != old.Account || now.Partition != old.Partition {
		doubt := analysis.Direction{Reason: "the bundles are of two accounts: whom their resources let in is not compared"}
		return []OutsiderChange{{"*", analysis.Difference{Gained: doubt, Lost: doubt}}}, nil
	}
	p := &prover{Options: &o, bundle: now, other: old}
	limits := slices.Concat(guardrails(now), guardrails(old))
	var docs []*policy.Document
	for _, x := range slices.Concat(now.Resources, old.Resources) {
		docs = append(docs, x.Document())
	}
	var out []OutsiderChange
	seen := map[string]bool{}
	for _, who := range p.outsidersIn(docs, limits) {
		if seen[who.name] {
			continue
		}
		seen[who.name] = true
		if said(now, who.name) == said(old, who.name) {
			who.doubt = ""
			if who.silent {
				continue
			}
		}
		d, err := p.diffOutsider(ctx, &who, n)
		if err != nil {
			return nil, err
		}
		if d.Relation() != analysis.Equal {
			out = append(out, OutsiderChange{who.name, *d})
		}
	}
	return out, nil
}

// printed is all that says whom resources let in.
func printed(b *bundle.Bundle) string {
	return b.Account + " " + b.Partition + "\n" + said(b, "")
}

// said is what a bundle says of a principal, and to everybody: the Allows that
// name it, or all if it is empty, every Deny, and the guardrails.
func said(b *bundle.Bundle, name string) string {
	var out strings.Builder
	for _, x := range b.Resources {
		d := *x.Document()
		d.Statements = slices.DeleteFunc(slices.Clone(d.Statements), func(s policy.Statement) bool {
			return name != "" && s.Effect == policy.Allow && s.Principal != nil &&
				!slices.ContainsFunc(s.Principal.Entries, func(e policy.PrincipalEntry) bool { return e.Value == name })
		})
		if len(d.Statements) > 0 {
			out.WriteString(x.ARN + " " + x.Account + " " + string(d.Print()))
		}
	}
	for _, d := range guardrails(b) {
		out.Write(d.Print())
	}
	return out.String()
}

// diffOutsider joins what changed for all for whom a name stands.
func (p *prover) diffOutsider(ctx context.Context, o *outsider, n int) (*analysis.Difference, error) {
	same := analysis.Direction{Verdict: analysis.Never, Complete: true}
	out := &analysis.Difference{Gained: same, Lost: same}
	doubt := o.doubt
	if o.silent {
		doubt = "what changed for " + o.name + " is not known: nothing is asked about services"
	}
	for _, principal := range o.principals {
		q := &analysis.Question{Vocabulary: p.Vocabulary, Limits: p.Limits, Principal: principal, Keys: TimeKeys(p.At)}
		for _, side := range []struct {
			of *bundle.Bundle
			to **analysis.Policies
		}{{p.bundle, &q.By}, {p.other, &q.Not}} {
			policies, err := Policies(side.of, &bundle.Role{}, "")
			if err != nil {
				return nil, err
			}
			*side.to = policies
		}
		foreign := accountOf(principal) != p.bundle.Account
		if foreign {
			all, err := parse(statement("Allow", []string{"*"}, []string{"*"}, nil))
			if err != nil {
				return nil, err
			}
			for _, side := range []*analysis.Policies{q.By, q.Not} {
				side.Identity, side.ServiceControl = []*policy.Document{all}, nil
			}
		}
		parts, reason, err := split(ctx, sides{p.bundle, p.other}, q)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			doubt = reason
		}
		for _, part := range parts {
			if foreign {
				if err := acrossAccounts(part, p.bundle.Account); err != nil {
					return nil, err
				}
			}
			d, err := analysis.Diff(ctx, part, n)
			if err != nil {
				return nil, err
			}
			join(&out.Gained, &d.Gained, n)
			join(&out.Lost, &d.Lost, n)
		}
	}
	if doubt != "" {
		join(&out.Gained, &analysis.Direction{Reason: doubt}, n)
		join(&out.Lost, &analysis.Direction{Reason: doubt}, n)
	}
	return out, nil
}
