package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

// denying is a Deny of the bundle.
type denying struct {
	document  *policy.Document // of this statement alone
	statement *policy.Statement
	// ofRole says that it holds for sessions of roles; others ask, too, where
	// guardrails and resources have it.
	ofRole bool
}

// deadDenies asks of every Deny of the chosen roles, of guardrails and of
// resources whether a request meets it. Source: analysis A9 M.
func (p *prover) deadDenies(ctx context.Context) error {
	if !p.chosen(deadDenyCheck) {
		return nil
	}
	everything, err := parse(statement("Allow", []string{"*"}, []string{"*"}, nil))
	if err != nil {
		return err
	}
	all := p.denies()
	lively, told := 0, false
	for i := range all {
		d := &all[i]
		a, err := analysis.Search(ctx, &analysis.Question{
			Vocabulary: p.Vocabulary, Limits: p.Limits,
			By:  &analysis.Policies{Identity: []*policy.Document{everything}},
			Not: &analysis.Policies{Identity: []*policy.Document{everything, d.document}},
		})
		if err != nil {
			return err
		}
		if a.Verdict == analysis.Found || a.Verdict == analysis.Never && !d.ofRole && readsPrincipal(d.statement) {
			lively++
			continue
		}
		name := d.statement.Sid.Value
		if name == "" {
			name = fmt.Sprintf("statement %d", d.statement.Index)
		}
		out := Result{Check: deadDenyCheck, Claim: name + " denies something", File: d.document.Name, Line: int(d.statement.Pos.Line)}
		if out.Verdict, out.Reason = Refuted, "no request meets it: it denies nothing"; a.Verdict == analysis.Unknown {
			out.Verdict, out.Reason = Unknown, a.Reason
		}
		p.add(out)
		told = true
	}
	if !told && lively > 0 {
		p.add(Result{Check: deadDenyCheck, Verdict: Proved, Claim: fmt.Sprintf("has no Deny that no request meets, among %d", lively)})
	}
	return nil
}

// denies are those of the chosen roles, and without a choice of guardrails and
// resources too, each once.
func (p *prover) denies() []denying {
	var out []denying
	seen := map[string]bool{}
	add := func(ofRole bool, docs ...*policy.Document) {
		for _, d := range docs {
			for i := range d.Statements {
				s := d.Statements[i]
				if at := fmt.Sprint(d.Name, s.Pos); s.Effect != policy.Deny || seen[at] {
					continue
				} else {
					seen[at] = true
				}
				s.Principal = nil
				one := *d
				one.Statements = []policy.Statement{s}
				out = append(out, denying{&one, &d.Statements[i], ofRole})
			}
		}
	}
	for _, r := range p.bundle.Roles {
		if p.wanted(r) {
			identity, boundary := r.Documents()
			add(true, slices.Concat(identity, boundary)...)
		}
	}
	if len(p.Roles) > 0 {
		return out
	}
	for _, l := range slices.Concat(p.bundle.ServiceControl, p.bundle.ResourceControl) {
		add(false, l.Documents()...)
	}
	for _, r := range p.bundle.Resources {
		add(false, r.Document())
	}
	return out
}

// readsPrincipal reports whether a condition says who asks: the root user,
// services and those who are not known may meet it, about whom nothing is asked.
func readsPrincipal(s *policy.Statement) bool {
	return slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
		key := strings.ToLower(c.Key.Value)
		return strings.HasPrefix(key, "aws:principal") || key == "aws:username" || key == "aws:userid"
	})
}
