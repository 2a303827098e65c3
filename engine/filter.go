package engine

import (
	"errors"
	"fmt"

	"github.com/rowan-authz/rowan/conditions"
)

// Filter is what is left of the policies when the row is not known: it keeps a
// row if and only if Decide allows the request for that row. It is immutable
// and safe for concurrent use. The zero value keeps nothing.
//
// A row has one value for each key that was left open, in the order in which
// they were named. A row always has its partition key: where a value of
// dynamodb:LeadingKeys (or of First…FourthPartitionKeyValues) is absent, empty
// or a list, the key is indeterminate and never absent, or ForAllValues would
// show the row to everyone.
//
// A Filter is good for the request that it was made for, time of day included.
type Filter struct {
	unknown *conditions.Unknowns
	root    Expr
	// width is how many values a row has.
	width int
}

// Scope says in a word what a filter keeps.
type Scope uint8

// The scopes. The zero value is Nothing.
const (
	Nothing Scope = iota
	Partly
	Everything
)

func (s Scope) String() string {
	switch s {
	case Everything:
		return "everything"
	case Partly:
		return "partly"
	case Nothing:
	}
	return "nothing"
}

// ErrUndecidable means a request that Decide could not decide for any row; the
// text names the Fault.
var ErrUndecidable = errors.New("request cannot be decided")

// FilterError says which condition or resource of which statement cannot be
// turned into a filter. It wraps conditions.ErrOpaque.
type FilterError struct {
	Authority Authority
	Statement StatementRef
	Err       error
}

func (e *FilterError) Error() string {
	name := e.Statement.Sid
	if name == "" {
		name = fmt.Sprintf("statement %d", e.Statement.Index)
	}
	return fmt.Sprintf("%s, %s: %v", e.Statement.Document, name, e.Err)
}

// Unwrap returns what is the matter with the condition.
func (e *FilterError) Unwrap() error { return e.Err }

// Filter answers a request for all rows at once. The request is one for
// Decide but for the keys named as unknown, which its context must not have
// and which belong to rows: a key that a session determines is refused. It
// looks at every statement, so whoever asks often keeps the answer.
//
// It wraps conditions.ErrUnknownKey, ErrKeyName and ErrUnknowns for the names,
// ErrUndecidable for a request that Decide could not decide, and conditions.
// ErrOpaque, as a *FilterError, for a condition that it cannot turn into a
// function of the row alone: then nobody may assume any row to be allowed.
// Source: iam-semantics §3, §4.4.
func (e *Evaluator) Filter(r *Request, unknown ...string) (Filter, error) {
	var q query
	fault := e.begin(r, &q)
	if fault == NoFault {
		fault = q.fault(r)
	}
	if fault != NoFault {
		return Filter{}, fmt.Errorf("%w: %v", ErrUndecidable, fault)
	}
	for _, name := range unknown {
		if SessionKey(name) {
			return Filter{}, fmt.Errorf("%w: %s is of the session", conditions.ErrUnknowns, name)
		}
	}
	u, err := r.Context.Vocabulary().Unknowns(unknown...)
	if err != nil {
		return Filter{}, err
	}
	if err := u.Check(r.Context); err != nil {
		return Filter{}, err
	}
	b := residue{evaluator: e, query: &q, unknown: u, same: q.sameAccount(r)}
	root := b.allowed()
	if b.err != nil {
		return Filter{}, b.err
	}
	return Filter{unknown: u, root: root, width: u.Len()}, nil
}

// Unknown returns the keys of a row, in order; nil for the zero Filter.
func (f *Filter) Unknown() *conditions.Unknowns { return f.unknown }

// Scope says whether the filter keeps no row, every row, or may keep some.
func (f *Filter) Scope() Scope {
	switch f.root.Op {
	case ExprTrue:
		return Everything
	case ExprFalse:
		return Nothing
	case ExprTest, ExprAnd, ExprOr:
	}
	return Partly
}

// Root returns the filter as an expression, simplified and in one order: two
// filters whose expressions have the same text keep the same rows.
func (f *Filter) Root() *Expr { return &f.root }

func (f *Filter) String() string { return f.root.String() }

// Keep reports whether the filter keeps a row. A row of another width than the
// filter's is not kept.
func (f *Filter) Keep(row []conditions.Value) bool {
	return len(row) == f.width && f.root.keep(row)
}

// KeepColumn sets keep[i] to whether the filter keeps the row whose only open
// key has the text column[i]. It is for filters of one key; those of more, and
// slices of different lengths, keep nothing.
func (f *Filter) KeepColumn(column []string, keep []bool) {
	if f.width != 1 || len(column) != len(keep) {
		clear(keep)
		return
	}
	if r := f.root.Test; f.root.Op == ExprTest {
		for i, s := range column {
			keep[i] = r.HoldsText(s)
		}
		return
	}
	var row [1]conditions.Value
	for i, s := range column {
		row[0] = conditions.Text(s)
		keep[i] = f.root.keep(row[:])
	}
}

// residue builds the expression that is left of an evaluator's policies. It
// mirrors Decide: what Decide asks of a request this asks of every row.
type residue struct {
	evaluator *Evaluator
	query     *query
	unknown   *conditions.Unknowns
	same      bool // resource and principal are of one account
	err       error
}

// allowed is for which rows nothing denies and what must allow does. Source:
// iam-semantics §4.4.
func (b *residue) allowed() Expr {
	e, q := b.evaluator, b.query
	var all []Expr
	e.each(q, func(by Authority, _ int, s *Set) { all = append(all, b.notDenied(by, s)) })
	if q.serviceControl {
		for _, s := range e.ServiceControl {
			all = append(all, b.granted(ByServiceControl, s, classAccount))
		}
	}
	if q.endpoint && e.Endpoint != nil {
		all = append(all, b.granted(ByEndpoint, e.Endpoint, classAccount))
	}
	return and(append(all, b.grant())...)
}

// grant mirrors Evaluator.grant after the guardrails.
func (b *residue) grant() Expr {
	resource := func(least class) Expr {
		if b.evaluator.Resource == nil {
			return Expr{}
		}
		return b.granted(ByResource, b.evaluator.Resource, least)
	}
	switch b.query.principal.kind {
	case Anonymous, Service:
		return resource(classEveryone)
	case WebIdentity:
		return resource(classDirect)
	case Root, User, RoleSession, FederatedUser:
	}
	limits := b.limits()
	own := and(limits, b.identity())
	if !b.same {
		return and(own, resource(classAccount))
	}
	if needsPolicy(b.query) {
		own = and(own, resource(classAccount))
	}
	return or(resource(classEveryone), and(limits, resource(classParent)), own)
}

// limits mirrors Evaluator.limits.
func (b *residue) limits() Expr {
	e := b.evaluator
	out := Expr{Op: ExprTrue}
	if !b.query.own {
		return out
	}
	if e.Boundary != nil {
		out = b.granted(ByBoundary, e.Boundary, classAccount)
	}
	if e.Session != nil {
		return and(out, b.granted(BySession, e.Session, classAccount))
	}
	if b.query.principal.kind == FederatedUser {
		return Expr{}
	}
	return out
}

// identity mirrors Evaluator.identity.
func (b *residue) identity() Expr {
	switch {
	case b.query.principal.kind == Root:
		return Expr{Op: ExprTrue}
	case b.evaluator.Identity == nil:
		return Expr{}
	}
	return b.granted(ByIdentity, b.evaluator.Identity, classAccount)
}

// granted is for which rows an Allow applies that matches the principal at
// least so closely.
func (b *residue) granted(by Authority, s *Set, least class) Expr {
	var any []Expr
	for i := range s.statements {
		if st := &s.statements[i]; !st.deny {
			any = append(any, b.allows(by, st, least))
		}
	}
	return or(any...)
}

// notDenied is for which rows no Deny applies.
func (b *residue) notDenied(by Authority, s *Set) Expr {
	all := []Expr{{Op: ExprTrue}}
	if s.hasDeny() {
		for i := range s.statements {
			if st := &s.statements[i]; st.deny {
				all = append(all, b.spares(by, st))
			}
		}
	}
	return and(all...)
}

// allows mirrors statement.allows.
func (b *residue) allows(by Authority, s *statement, least class) Expr {
	if !s.matchesAction(b.query) || s.principals != nil && (s.principals.not || s.principals.class(b.query.principal) < least) {
		return Expr{}
	}
	resource, err := b.resource(s)
	if err == nil && resource != conditions.True {
		return Expr{}
	}
	all, opaque := b.conditions(s, conditions.True)
	out := and(all...)
	if err == nil {
		err = opaque
	}
	if err != nil && out.Op != ExprFalse {
		b.fail(by, s, err)
	}
	return out
}

// spares is for which rows a Deny does not apply. It mirrors
// statement.denies.
func (b *residue) spares(by Authority, s *statement) Expr {
	never := Expr{Op: ExprTrue}
	if !s.matchesAction(b.query) || s.principals != nil && s.principals.denied(b.query.principal, b.query.bounded) == conditions.False {
		return never
	}
	resource, err := b.resource(s)
	if err == nil && resource == conditions.False {
		return never
	}
	any, opaque := b.conditions(s, conditions.False)
	out := or(any...)
	if err == nil {
		err = opaque
	}
	if err != nil && out.Op != ExprTrue {
		b.fail(by, s, err)
	}
	return out
}

// resource is statement.matchesResource, unless it depends on the row.
func (b *residue) resource(s *statement) (conditions.Truth, error) {
	if s.resources != nil {
		for i := range s.resources.patterns {
			p := &s.resources.patterns[i]
			if name, reads := p.Reads(b.unknown); reads {
				return conditions.Unknown, fmt.Errorf("%w: the resource %s reads %s", conditions.ErrOpaque, p.String(), name)
			}
		}
	}
	return s.matchesResource(b.query), nil
}

// conditions is for which rows each condition of a statement is want. The
// error is that of one which cannot tell; it stands for no row then.
func (b *residue) conditions(s *statement, want conditions.Truth) (out []Expr, err error) {
	for _, c := range s.conditions {
		r, constant, open, fault := c.Residual(b.query.context, b.query.action, b.query.resource, b.unknown, want)
		switch {
		case fault != nil:
			err = fault
			if want == conditions.True { // what it is does not matter if another is false
				out = append(out, Expr{Op: ExprTrue})
			}
		case open:
			out = append(out, test(&r))
		default:
			out = append(out, constantExpr(constant))
		}
	}
	return out, err
}

func (b *residue) fail(by Authority, s *statement, err error) {
	if b.err == nil {
		b.err = &FilterError{Authority: by, Statement: s.ref(), Err: err}
	}
}
