package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Severity says how much a finding weighs.
type Severity uint8

// The severities. A Limit is a fault on AWS, which refuses the document, and
// none here: `rowan validate` reports it as an error.
const (
	Warning Severity = iota
	Limit
)

func (s Severity) String() string {
	if s == Limit {
		return "limit"
	}
	return "warning"
}

// Finding is lawful writing that probably does not mean what its author meant.
type Finding struct {
	Severity Severity
	Error
}

// Lint reports what Validate lets pass and a reviewer should see, in source
// order. The document must be valid.
func Lint(d *Document, kind Kind, v *conditions.Vocabulary) []Finding {
	l := linter{checker: checker{name: d.Name, vocabulary: v, doc: d, kind: kind}}
	if kind < Identity || kind > ResourceControl {
		return nil
	}
	l.limits(grammars[kind])
	l.in("Statement", -1, func() {
		for i := range d.Statements {
			l.in("", i, func() { l.statement(&d.Statements[i]) })
		}
	})
	slices.SortStableFunc(l.findings, func(a, b Finding) int { return a.Pos.compare(b.Pos) })
	return l.findings
}

type linter struct {
	checker
	findings []Finding
}

func (l *linter) find(s Severity, pos Position, format string, args ...any) {
	if len(l.findings) < MaxFaults {
		l.findings = append(l.findings, Finding{s, Error{Name: l.name, Pos: pos, Path: pointer(l.path), Err: fmt.Errorf(format, args...)}})
	}
}

// limits compares with the sizes of iam-semantics §1.8.
func (l *linter) limits(g grammar) {
	size, counted := l.doc.compact, "characters without white space"
	if g.blanks {
		size, counted = l.doc.size, "characters"
	}
	if size > g.limit {
		l.find(Limit, Position{}, "%d %s: the limit of %s policies is %d", size, counted, l.kind, g.limit)
	}
}

var errNoVariables = errors.New(`"${" is ordinary text here: policy variables need "Version": "2012-10-17"`)

func (l *linter) statement(s *Statement) {
	for _, e := range []struct {
		name string
		Element
	}{{"Action", s.Action}, {"Resource", s.Resource}} {
		name := e.name
		if e.Not {
			name = "Not" + name
		}
		l.in(name, -1, func() {
			for _, t := range e.Values {
				l.text(t, e.name == "Resource")
			}
		})
	}
	l.in("Condition", -1, func() {
		for i := range s.Conditions {
			x := &s.Conditions[i]
			l.in(x.Operator.Value, -1, func() {
				l.in(x.Key.Value, -1, func() { l.condition(x) })
			})
		}
	})
}

// text warns of characters that IAM does not store, and of variables that are
// none.
func (l *linter) text(t Text, variables bool) {
	for _, r := range t.Value {
		if r > 0xff || r < ' ' && !strings.ContainsRune("\t\n\r", r) {
			l.find(Limit, t.Pos, "character %U: IAM stores U+0020 to U+00FF, tab and line ends", r)
			break
		}
	}
	if variables && !l.doc.Variables() && strings.Contains(t.Value, "${") {
		l.find(Warning, t.Pos, "%w", errNoVariables)
	}
}

func (l *linter) condition(x *Condition) {
	for _, v := range x.Values {
		l.text(v.Text, true)
	}
	c, faults := l.vocabulary.Compile(x.Operator.Value, x.Key.Value, x.Texts(), l.doc.Variables())
	if len(faults) > 0 {
		return
	}
	switch k := c.Key(); {
	case k.Name == "":
	case k.Kind == conditions.Untyped:
		l.find(Warning, x.Key.Pos, "context key %q is not known: taken as text", x.Key.Value)
	case c.Quantified() && !k.List:
		l.find(Warning, x.Operator.Pos, "%s has one value: a quantifier makes an absent key pass or fail by itself", k.Name)
	}
}
