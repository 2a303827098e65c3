package engine

import (
	"cmp"
	"slices"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Explanation is a decision with everything that led to it.
type Explanation struct {
	Decision Decision
	// Statements are those that decided, in the order of policies, documents
	// and statements: for an explicit deny every Deny that applied, for an
	// allow every Allow of the deciding kind that applied.
	Statements []StatementReport
	// Looked holds every statement of every policy that counts for the
	// principal, in the same order.
	Looked []StatementReport
	// Nearest is the Allow statement that came nearest to allowing what an
	// implicit deny denied, among those of the kind that lacked one; nil if
	// there is no such statement.
	Nearest *StatementReport
	// MissingContext names the context keys, sorted, in the registry's
	// spelling, that are absent and that conditions or variables read, of
	// statements whose principal, action and resource match.
	MissingContext []string
}

// StatementReport says how one statement fared.
type StatementReport struct {
	StatementRef
	// Authority is the kind of policy; Level is that of a guardrail, root
	// first, else 0.
	Authority Authority
	Level     int
	// Applies says whether the statement had its effect. An unknown part
	// keeps an Allow from applying, not a Deny.
	Applies bool
	// How the parts fared. Principal is True for kinds that have none.
	Principal, Action, Resource conditions.Truth
	// Conditions are in source order, all of them, whatever the other parts.
	Conditions []conditions.Report
	// Actions and Resources are the patterns as written, Meanings the resource
	// patterns with their variables replaced where they have a value.
	Actions, Resources, Meanings []string
	// NotAction and NotResource say that the lists exclude.
	NotAction, NotResource bool
}

// Explain answers like Decide and says how every statement fared. It costs as
// much as there are statements: it is for people, not for the hot path.
func (e *Evaluator) Explain(r *Request) Explanation {
	x := Explanation{Decision: e.Decide(r)}
	var q query
	if x.Decision.Fault != NoFault || e.begin(r, &q) != NoFault {
		return x
	}
	e.each(&q, func(by Authority, level int, s *Set) {
		for i := range s.statements {
			report, keys := s.statements[i].report(&q, x.MissingContext)
			report.Authority, report.Level = by, level
			x.MissingContext = keys
			x.Looked = append(x.Looked, report)
		}
	})
	slices.Sort(x.MissingContext)
	for i := range x.Looked {
		if s := &x.Looked[i]; x.decided(s) {
			x.Statements = append(x.Statements, *s)
		}
	}
	if x.Decision.Outcome == ImplicitDeny {
		x.Nearest = x.nearest()
	}
	return x
}

// each calls f for every set that counts, in the order in which policies are
// reported.
func (e *Evaluator) each(q *query, f func(by Authority, level int, s *Set)) {
	if q.resourceControl {
		for i, s := range e.ResourceControl {
			f(ByResourceControl, i, s)
		}
	}
	if q.serviceControl {
		for i, s := range e.ServiceControl {
			f(ByServiceControl, i, s)
		}
	}
	for _, x := range []struct {
		set    *Set
		by     Authority
		counts bool
	}{
		{e.Endpoint, ByEndpoint, q.endpoint},
		{e.Boundary, ByBoundary, q.own},
		{e.Session, BySession, q.own},
		{e.Identity, ByIdentity, q.own},
		{e.Resource, ByResource, true},
	} {
		if x.set != nil && x.counts {
			f(x.by, 0, x.set)
		}
	}
}

// decided reports whether a statement is one of those that decided.
func (x *Explanation) decided(s *StatementReport) bool {
	switch x.Decision.Outcome {
	case ExplicitDeny:
		return s.Applies && s.Effect == policy.Deny
	case Allowed:
		return s.Applies && s.Effect == policy.Allow && s.Authority == x.Decision.By
	case ImplicitDeny:
	}
	return false
}

// nearest finds the Allow that failed least: first those about the action,
// then about the resource, then of the principal, then with the fewest failed
// conditions; of equals the first.
func (x *Explanation) nearest() *StatementReport {
	var best *StatementReport
	for i := range x.Looked {
		s := &x.Looked[i]
		if s.Effect != policy.Allow || s.Authority != x.Decision.By || s.Applies && s.Authority != ByResource {
			continue
		}
		if best == nil || s.nearer(best) {
			best = s
		}
	}
	return best
}

func (s *StatementReport) nearer(t *StatementReport) bool {
	return cmp.Or(
		cmp.Compare(t.Action, s.Action), cmp.Compare(t.Resource, s.Resource),
		cmp.Compare(t.Principal, s.Principal), cmp.Compare(s.failed(), t.failed()),
	) < 0
}

// failed counts the conditions that are not true.
func (s *StatementReport) failed() int {
	n := 0
	for i := range s.Conditions {
		if s.Conditions[i].Result != conditions.True {
			n++
		}
	}
	return n
}

// report looks at every part of a statement and appends to missing the absent
// keys that it reads.
func (s *statement) report(q *query, missing []string) (StatementReport, []string) {
	r := StatementReport{
		StatementRef: s.ref(), Principal: conditions.True, NotAction: s.notAction,
		Resource: s.matchesResource(q),
	}
	if s.matchesAction(q) {
		r.Action = conditions.True
	}
	switch {
	case s.principals == nil:
	case s.deny:
		r.Principal = s.principals.denied(q.principal, q.bounded)
	case s.principals.not || s.principals.class(q.principal) == classNone:
		r.Principal = conditions.False
	}
	for _, a := range s.actions {
		r.Actions = append(r.Actions, a.String())
	}
	if s.resources != nil {
		r.NotResource = s.resources.not
		for i := range s.resources.patterns {
			p := &s.resources.patterns[i]
			text, _ := p.Expand(q.context)
			r.Resources, r.Meanings = append(r.Resources, p.String()), append(r.Meanings, text)
		}
	}
	reads := s.reads(&r)
	if reads && s.resources != nil {
		for i := range s.resources.patterns {
			missing = s.resources.patterns[i].Missing(missing, q.context)
		}
	}
	all := r.Principal.And(r.Action).And(r.Resource)
	for _, c := range s.conditions {
		report := c.Explain(q.context, q.action, q.resource)
		r.Conditions = append(r.Conditions, report)
		all = all.And(report.Result)
		if reads {
			missing = c.Missing(missing, q.context)
		}
	}
	r.Applies = s.effective(all)
	return r, missing
}

// reads reports whether a statement is about the request, so that the context
// keys it reads matter. An entry of NotResource whose variable has no value
// excludes nothing (iam-semantics §1.6 R12).
func (s *statement) reads(r *StatementReport) bool {
	about := r.Resource == conditions.True || r.NotResource && r.Resource == conditions.Unknown
	return about && r.Action == conditions.True && s.effective(r.Principal)
}

// effective reports whether a statement takes t for true: what is not known
// counts against the requester.
func (s *statement) effective(t conditions.Truth) bool {
	return t == conditions.True || t == conditions.Unknown && s.deny
}
