package bundle

import (
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Coverage says what of a bundle's policies the cells of suites met: every
// statement but those of trust policies and of administrators alone, and every value of their conditions.
type Coverage struct {
	// Statements are in the order of files and places.
	Statements []StatementCoverage

	places map[place]int // indexes into Statements
}

// StatementCoverage counts the cells that met one statement.
type StatementCoverage struct {
	// Name is as Bundle.StatementName has it.
	Name string
	// File and Line, from 1, are where the statement begins.
	File   string
	Line   int
	Effect policy.Effect
	// Decided counts the cells that the statement decided, Matched those in
	// which it applied and another decided, as an Allow of a boundary does.
	Decided, Matched int
	Values           []ValueCoverage
}

// ValueCoverage counts what one value of a condition met, in the cells whose
// principal, action and resource the statement matches.
type ValueCoverage struct {
	Operator, Key, Value string
	Line                 int
	// True counts the cells in which the request has the value, whatever a
	// negated operator makes of that; False the others.
	True, False int

	probe conditions.Condition
}

// Reached says how far the cells came: "decided", "matched" or "never".
func (s *StatementCoverage) Reached() string {
	switch {
	case s.Decided > 0:
		return "decided"
	case s.Matched > 0:
		return "matched"
	}
	return "never"
}

// Count returns how many things there are to cover and how many were: one for
// a statement that applied, one each for a value that was hit and missed.
func (c *Coverage) Count() (covered, total int) {
	one := func(met bool) {
		total++
		if met {
			covered++
		}
	}
	for i := range c.Statements {
		s := &c.Statements[i]
		one(s.Decided+s.Matched > 0)
		for _, v := range s.Values {
			one(v.True > 0)
			one(v.False > 0)
		}
	}
	return covered, total
}

// Percent returns the share that was covered, from 0 to 100. Nothing to cover
// is covered whole.
func (c *Coverage) Percent() float64 {
	covered, total := c.Count()
	if total == 0 {
		return 100
	}
	return 100 * float64(covered) / float64(total)
}

func newCoverage(b *Bundle) *Coverage {
	c := &Coverage{places: map[place]int{}}
	beyond := b.beyondSuites()
	for _, d := range b.documents {
		if d.kind == policy.Trust || d.kind == policy.Session || beyond[d] {
			continue // suites evaluate no trust policy; the guests' is written by the loader
		}
		for i := range d.Statements {
			s := &d.Statements[i]
			ref := engine.StatementRef{Document: d.Name, Index: s.Index, Sid: s.Sid.Value, Pos: s.Pos}
			c.places[place{ref.Document, ref.Pos}] = len(c.Statements)
			c.Statements = append(c.Statements, StatementCoverage{
				Name: b.StatementName(ref), File: ref.Document, Line: int(s.Pos.Line), Effect: s.Effect,
				Values: valuesOf(b.vocabulary, d.Document, s),
			})
		}
	}
	return c
}

// beyondSuites returns the documents of administrators that no role has: in
// suites sessions of roles ask.
func (b *Bundle) beyondSuites() map[*document]bool {
	out := map[*document]bool{}
	mark := func(a *attached, beyond bool) {
		for _, d := range a.policies {
			out[d] = beyond
		}
		if a.limit != nil {
			out[a.limit] = beyond
		}
	}
	for _, a := range b.Administrators {
		mark(&a.attached, true)
	}
	for _, r := range b.Roles {
		mark(&r.attached, false)
	}
	return out
}

// valuesOf lists the condition values of a statement, each with a condition
// that asks for it alone.
func valuesOf(v *conditions.Vocabulary, d *policy.Document, s *policy.Statement) []ValueCoverage {
	var out []ValueCoverage
	for i := range s.Conditions {
		x := &s.Conditions[i]
		for _, value := range x.Values {
			probe, faults := v.Compile(positive(v, x), x.Key.Value, []string{value.Value}, d.Variables())
			if len(faults) > 0 {
				probe, faults = v.Compile(x.Operator.Value, x.Key.Value, []string{value.Value}, d.Variables())
			}
			if len(faults) > 0 {
				continue // unreachable: the document is valid
			}
			out = append(out, ValueCoverage{
				Operator: x.Operator.Value, Key: x.Key.Value, Value: value.Value, Line: int(value.Pos.Line), probe: probe,
			})
		}
	}
	return out
}

// positive is the operator that asks whether a request has a value: without
// negation, and true if some value of the request is it.
func positive(v *conditions.Vocabulary, x *policy.Condition) string {
	quantifier, base := splitOperator(x.Operator.Value)
	base = strings.Replace(base, "Not", "", 1)
	k, err := v.Key(x.Key.Value)
	if quantifier != "" || err == nil && k.List && base != "Null" {
		return "ForAnyValue:" + base
	}
	return base
}

// splitOperator takes an operator apart; IfExists is dropped.
func splitOperator(operator string) (quantifier, base string) {
	if i := strings.IndexByte(operator, ':'); i >= 0 {
		quantifier, operator = operator[:i], operator[i+1:]
	}
	return quantifier, strings.TrimSuffix(operator, "IfExists")
}

// count notes what one cell met. A nil Coverage notes nothing.
func (c *Coverage) count(q *engine.Request, x *engine.Explanation) {
	if c == nil {
		return
	}
	decided := map[place]bool{}
	for i := range x.Statements {
		decided[place{x.Statements[i].Document, x.Statements[i].Pos}] = true
	}
	for i := range x.Looked {
		r := &x.Looked[i]
		at := place{r.Document, r.Pos}
		n, ok := c.places[at]
		if !ok {
			continue
		}
		s := &c.Statements[n]
		switch {
		case !r.Applies:
		case decided[at]:
			s.Decided++
		default:
			s.Matched++
		}
		if r.Principal == conditions.False || r.Action == conditions.False || r.Resource == conditions.False {
			continue
		}
		for j := range s.Values {
			if v := &s.Values[j]; v.probe.Test(q.Context, q.Action, q.Resource) == conditions.True {
				v.True++
			} else {
				v.False++
			}
		}
	}
}
