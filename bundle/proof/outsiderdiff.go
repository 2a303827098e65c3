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
		return []OutsiderChange{{"*", *doubted("the bundles are of two accounts: whom their resources let in is not compared")}}, nil
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
	if o.silent {
		return doubted("what changed for " + o.name + " is not known: nothing is asked as a service, or as somebody who was deleted"), nil
	}
	out := unchanged()
	for _, principal := range o.principals {
		q, err := p.ofBoth(principal)
		if err != nil {
			return nil, err
		}
		d, err := diff(ctx, sides{p.bundle, p.other}, q, n, func(part *analysis.Question) error {
			if accountOf(principal) == p.bundle.Account {
				return nil
			}
			return acrossAccounts(part, p.bundle.Account)
		})
		if err != nil {
			return nil, err
		}
		joinBoth(out, d, n)
	}
	if o.doubt != "" {
		joinBoth(out, doubted(o.doubt), n)
	}
	return out, nil
}

// ofBoth asks what a principal may do by one bundle and not by the other. Its own
// policies are those of its account: none where that is the bundles', and all
// that it wants elsewhere.
func (p *prover) ofBoth(principal string) (*analysis.Question, error) {
	by, err := Policies(p.bundle, &bundle.Role{}, "")
	if err != nil {
		return nil, err
	}
	not, err := Policies(p.other, &bundle.Role{}, "")
	if err != nil {
		return nil, err
	}
	all, err := parse(statement("Allow", []string{"*"}, []string{"*"}, nil))
	if err != nil {
		return nil, err
	}
	if accountOf(principal) != p.bundle.Account {
		for _, side := range []*analysis.Policies{by, not} {
			side.Identity, side.ServiceControl = []*policy.Document{all}, nil
		}
	}
	return &analysis.Question{Vocabulary: p.Vocabulary, Limits: p.Limits, Principal: principal, Keys: TimeKeys(p.At), By: by, Not: not}, nil
}
