package lint

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// MaxFindings is how many findings one Check reports before it stops looking.
const MaxFindings = 500

// Options say what Check knows beside the document.
type Options struct {
	// Vocabulary is conditions.AWS() if it is nil.
	Vocabulary *conditions.Vocabulary
	// Catalogue knows the services of AWS; nil leaves its rules out.
	Catalogue Catalogue
	// Tables are those whose keys are known.
	Tables []Table
	// Source is the text that the document was parsed from; nil leaves fixes
	// out. It must not be given for a document within another file.
	Source []byte
}

// Table is what is known of a table.
type Table struct {
	// ARN is the table's, without an index.
	ARN string
	// PartitionKey and SortKey are names of attributes, SortKey may be empty.
	PartitionKey, SortKey string
	Indexes               []Index
}

// Index is a secondary index of a Table.
type Index struct{ Name, PartitionKey, SortKey string }

// Parse reads a document and checks it, like Check. A text that is no document
// is a finding too, and the document is then nil.
func Parse(name string, src []byte, kind policy.Kind, o Options) (*policy.Document, []Finding) {
	doc, err := policy.Parse(name, src)
	if err != nil {
		return nil, faults(name, err)
	}
	o.Source = src
	return doc, Check(doc, kind, o)
}

// LikelyKind returns the kind that a document is most likely meant as: Identity
// if no statement has a principal, else the kind as which it has the fewest
// faults, such as Resource or Trust. The vocabulary is conditions.AWS() if it is
// nil.
func LikelyKind(d *policy.Document, v *conditions.Vocabulary) policy.Kind {
	if !slices.ContainsFunc(d.Statements, func(s policy.Statement) bool { return s.Principal != nil }) {
		return policy.Identity
	}
	if v == nil {
		v = conditions.AWS()
	}
	best, fewest := policy.Kind(0), 0
	for _, kind := range []policy.Kind{policy.Resource, policy.Trust, policy.Endpoint, policy.ResourceControl} {
		n := 0
		if err := d.Validate(kind, v); err != nil {
			n = len(faults(d.Name, err))
		}
		if best == 0 || n < fewest {
			best, fewest = kind, n
		}
	}
	return best
}

// faults makes findings of the errors of policy.
func faults(name string, err error) []Finding {
	var found policy.Errors
	if !errors.As(err, &found) {
		return []Finding{New("invalid", name, policy.Position{}, "", "%w", err)}
	}
	out := make([]Finding, len(found))
	for i, e := range found {
		out[i] = Finding{Code: "invalid", Severity: Error, Error: *e}
	}
	return out
}

// Check reports what a reviewer should see in a document of a kind, in source
// order. The document need not be valid: why it is not is among the findings.
// The zero Kind, and any other that is none, is reported as invalid alone.
func Check(d *policy.Document, kind policy.Kind, o Options) []Finding {
	if o.Vocabulary == nil {
		o.Vocabulary = conditions.AWS()
	}
	err := d.Validate(kind, o.Vocabulary)
	if kind < policy.Identity || kind > policy.ResourceControl {
		return faults(d.Name, err)
	}
	l := &linter{Options: o, doc: d, kind: kind, lines: lineStarts(o.Source), patterns: map[string]*conditions.Pattern{}, sids: map[string]bool{}}
	l.document()
	if err != nil {
		for _, f := range faults(d.Name, err) {
			if !slices.ContainsFunc(l.findings, func(other Finding) bool {
				return other.Pos == f.Pos && (other.Refused() || other.Code == "leading-keys-quantifier")
			}) {
				l.findings = append(l.findings, f)
			}
		}
	}
	slices.SortStableFunc(l.findings, Compare)
	return l.findings[:min(len(l.findings), MaxFindings)]
}

type linter struct {
	Options
	doc      *policy.Document
	kind     policy.Kind
	lines    []int
	path     string
	findings []Finding
	// patterns are the compiled actions, by their text; nil for those that are
	// refused.
	patterns map[string]*conditions.Pattern
	sids     map[string]bool // of the statements before
}

// find notes a finding at the place that is being looked at.
func (l *linter) find(code string, pos policy.Position, format string, args ...any) {
	l.findFix(nil, code, pos, format, args...)
}

// findFix notes a finding with a fix, which may be nil.
func (l *linter) findFix(fix *Fix, code string, pos policy.Position, format string, args ...any) {
	if len(l.findings) < MaxFindings {
		f := New(code, l.doc.Name, pos, l.path, format, args...)
		f.Fix = fix
		l.findings = append(l.findings, f)
	}
}

// in runs f with a longer path.
func (l *linter) in(name string, f func()) {
	before := l.path
	l.path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	f()
	l.path = before
}

func (l *linter) document() {
	l.size()
	l.version()
	l.in("Statement", func() {
		for i := range l.doc.Statements {
			s := l.statementOf(i)
			l.in(strconv.Itoa(i), func() { l.statement(s) })
		}
		l.repeated()
		l.scans()
	})
}

// statement is a policy.Statement with its operators taken apart.
type statement struct {
	*policy.Statement
	conditions []condition
}

// condition is a policy.Condition with its operator taken apart.
type condition struct {
	*policy.Condition
	// quantifier is "ForAllValues", "ForAnyValue" or empty.
	quantifier, base string
	ifExists         bool
	key              string // in lower case
}

func (l *linter) statementOf(i int) *statement {
	s := &statement{Statement: &l.doc.Statements[i]}
	for j := range s.Conditions {
		c := condition{Condition: &s.Conditions[j]}
		c.base = c.Operator.Value
		if before, after, ok := strings.Cut(c.base, ":"); ok {
			c.quantifier, c.base = before, after
		}
		c.base, c.ifExists = strings.CutSuffix(c.base, "IfExists")
		c.key = strings.ToLower(c.Key.Value)
		s.conditions = append(s.conditions, c)
	}
	return s
}

// negated reports whether the operator holds for an absent key.
func (c *condition) negated() bool { return strings.Contains(c.base, "Not") }

// null reports whether the condition is Null with nothing but the value.
func (c *condition) null(value string) bool {
	return c.base == "Null" && !slices.ContainsFunc(c.Values, func(v policy.Value) bool { return !strings.EqualFold(v.Value, value) })
}

// reads reports whether a condition of the statement reads the key, given in
// lower case.
func (s *statement) reads(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.key == key })
}

// within runs f with the path of a condition.
func (l *linter) within(c *condition, f func()) {
	l.in("Condition", func() {
		l.in(c.Operator.Value, func() { l.in(c.Key.Value, f) })
	})
}

func (l *linter) statement(s *statement) {
	l.texts(s)
	l.sid(s)
	l.principals(s)
	for i := range s.conditions {
		c := &s.conditions[i]
		l.within(c, func() {
			l.vocabularyOf(s, c)
			l.values(c)
			l.compared(s, c)
			l.rowCondition(s, c)
		})
	}
	l.elements(s)
	l.attributes(s)
	l.arns(s)
	l.roles(s)
	if l.Catalogue != nil {
		l.places(s)
		l.services(s)
	}
}

// name is Action or NotAction, Resource or NotResource.
func name(member string, e *policy.Element) string {
	if e.Not {
		return "Not" + member
	}
	return member
}

// action compiles an entry of Action; nil if it is refused.
func (l *linter) action(text string) *conditions.Pattern {
	p, ok := l.patterns[text]
	if !ok {
		if compiled, err := conditions.CompileAction(text); err == nil {
			p = &compiled
		}
		l.patterns[text] = p
	}
	return p
}

// covers reports whether the statement's Action or NotAction matches an action.
func (l *linter) covers(s *statement, action string) bool {
	matched := slices.ContainsFunc(s.Action.Values, func(t policy.Text) bool {
		p := l.action(t.Value)
		return p != nil && p.Match(action, nil) == conditions.True
	})
	return matched != s.Action.Not
}
