package bundle

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// RenderExplanation writes an explanation for people: who asked what, the
// answer, the statement that decided or came nearest with its place and an
// excerpt, and for each part that failed what the request has and what the
// policy wants. source returns the text of a document as statements name it;
// it may be nil, or return nil, and there is no excerpt then. color is for
// terminals. The context of the request must be the one that was asked with.
func RenderExplanation(w io.Writer, q *engine.Request, x *engine.Explanation, source func(document string) []byte, color bool) {
	e := &explainer{paint: paint(color), request: q, explanation: x, source: source, name: statementName}
	e.printf("who   %s\n", harmless(q.Principal.String()))
	e.printf("asks  %s\n", harmless(q.Action))
	e.printf("on    %s\n", harmless(q.Resource))
	e.answer("")
	_, _ = io.WriteString(w, e.String()) // the writer is the caller's, and so is what it refuses
}

// explainer writes a tree.
type explainer struct {
	strings.Builder
	paint
	request     *engine.Request
	explanation *engine.Explanation
	source      func(document string) []byte
	// name says how people call a statement.
	name func(engine.StatementRef) string
}

// statementName is how a statement is called where there is no bundle.
func statementName(s engine.StatementRef) string {
	if s.Sid != "" {
		return s.Sid
	}
	return fmt.Sprintf("statement %d", s.Index)
}

func (e *explainer) printf(format string, args ...any) { fmt.Fprintf(&e.Builder, format, args...) }

// branch writes a line of the tree and returns the indent of what is below.
func (e *explainer) branch(indent, text string, last bool) string {
	if last {
		e.printf("%s└─ %s\n", indent, text)
		return indent + "   "
	}
	e.printf("%s├─ %s\n", indent, text)
	return indent + "│  "
}

// maxShown is how many statements that decided are written out.
const maxShown = 3

// answer writes the decision and what is below it.
func (e *explainer) answer(indent string) {
	x := e.explanation
	d := x.Decision
	outcome := e.bold(e.bad(d.Outcome.String()))
	if d.Allowed() {
		outcome = e.bold(e.good(d.Outcome.String()))
	}
	indent = e.branch(indent, outcome+": "+reason(d), true)
	shown := x.Statements[:min(len(x.Statements), maxShown)]
	more := len(x.Statements) - len(shown)
	nearest := e.nearest()
	missing := e.missing(nearest)
	for i := range shown {
		e.statement(indent, "by", &shown[i], i == len(shown)-1 && more == 0)
	}
	if more > 0 {
		e.branch(indent, fmt.Sprintf("and by %d more", more), true)
	}
	if d.Outcome != engine.ImplicitDeny || d.Fault != engine.NoFault {
		return
	}
	switch {
	case nearest != nil:
		e.statement(indent, "nearest", nearest, len(missing) == 0)
	case x.Nearest != nil:
		e.branch(indent, "no statement there is about "+harmless(service(e.request.Action)), len(missing) == 0)
	default:
		e.branch(indent, "no statement there allows anything", len(missing) == 0)
	}
	if len(missing) > 0 {
		e.branch(indent, "not in the request: "+strings.Join(missing, ", "), true)
	}
}

// nearest is the statement that came nearest. Of the principal's own policies
// it is one about the service of the request, nil if there is none: what a
// statement about something else wants explains nothing.
func (e *explainer) nearest() *engine.StatementReport {
	x := e.explanation
	if x.Nearest == nil || x.Decision.By != engine.ByIdentity || x.Nearest.Action != conditions.False || e.sameService(x.Nearest) {
		return x.Nearest
	}
	for i := range x.Looked {
		if s := &x.Looked[i]; s.Effect == policy.Allow && s.Authority == x.Nearest.Authority && !s.Applies && e.sameService(s) {
			return s
		}
	}
	return nil
}

// sameService reports whether a statement is about the service of the request.
func (e *explainer) sameService(s *engine.StatementReport) bool {
	for _, a := range s.Actions {
		if a == "*" || s.NotAction || strings.EqualFold(service(a), service(e.request.Action)) {
			return true
		}
	}
	return false
}

func service(action string) string {
	name, _, _ := strings.Cut(action, ":")
	return name
}

// missing are the context keys that the request lacks and that the statement
// shown does not name itself.
func (e *explainer) missing(shown *engine.StatementReport) []string {
	if e.explanation.Decision.Outcome != engine.ImplicitDeny {
		return nil
	}
	var out []string
	for _, key := range e.explanation.MissingContext {
		named := shown != nil && slices.ContainsFunc(shown.Conditions, func(c conditions.Report) bool {
			return c.Key == key && c.Result != conditions.True
		})
		if !named {
			out = append(out, key)
		}
	}
	return out
}

// subjects are the kinds of policy as people call them.
var subjects = map[engine.Authority]string{
	engine.ByResourceControl: "resource control policy",
	engine.ByServiceControl:  "service control policy",
	engine.ByEndpoint:        "endpoint policy",
	engine.ByBoundary:        "permissions boundary",
	engine.BySession:         "session policy",
	engine.ByIdentity:        "identity policy",
	engine.ByResource:        "policy of the resource",
}

// reason says in words what decided.
func reason(d engine.Decision) string {
	subject := subjects[d.By]
	a := "a " + subject
	if d.By == engine.ByIdentity || d.By == engine.ByEndpoint {
		a = "an " + subject
	}
	switch {
	case d.Fault != engine.NoFault:
		return "no decision could be made: " + d.Fault.String()
	case d.By == engine.ByRoot:
		return "the root user has full access"
	case d.Outcome == engine.Allowed:
		return a + " allows it"
	case d.Outcome == engine.ExplicitDeny:
		return a + " denies it"
	case d.By == engine.ByIdentity:
		return "no identity policy allows it"
	case d.By == engine.ByServiceControl, d.By == engine.ByResourceControl:
		return "a level of the " + strings.TrimSuffix(subject, "policy") + "policies does not allow it"
	case subject == "":
		return "nothing allows it"
	}
	return "the " + subject + " does not allow it"
}

// statement writes one statement: its name and place, an excerpt, and how its
// parts fared.
func (e *explainer) statement(indent, how string, s *engine.StatementReport, last bool) {
	place := harmless(s.Document)
	if s.Pos != (policy.Position{}) {
		place = fmt.Sprintf("%s:%d", place, s.Pos.Line)
	}
	indent = e.branch(indent, fmt.Sprintf("%s %s, %s", how, e.bold(harmless(e.name(s.StatementRef))), place), last)
	parts := partsOf(s, e.request)
	e.excerpt(indent, s, parts)
	for i := range parts {
		p := &parts[i]
		e.part(indent, p, i == len(parts)-1)
	}
}

// excerpt writes the lines of the statement that matter.
func (e *explainer) excerpt(indent string, s *engine.StatementReport, parts []part) {
	if e.source == nil {
		return
	}
	shown := parts
	if len(shown) == 0 {
		shown = []part{{find: []string{name("Action", s.NotAction)}}}
	}
	lines := excerpt(e.source(s.Document), s.Pos, shown)
	if len(lines) == 0 {
		return
	}
	bar := "│ "
	if len(parts) == 0 {
		bar = "  "
	}
	width := len(fmt.Sprint(lines[len(lines)-1].number))
	for _, l := range lines {
		e.printf("%s%s%s\n", indent, bar, e.faint(fmt.Sprintf("%*d  %s", width, l.number, l.text)))
	}
}

// part is a part of a statement as the tree shows it.
type part struct {
	truth conditions.Truth
	// find is what names the part in the source: outer first.
	find []string
	text string
	// notes stand below.
	notes []string
}

func (e *explainer) part(indent string, p *part, last bool) {
	mark := e.mark(p.truth == conditions.True)
	if p.truth == conditions.Unknown {
		mark = e.bad("?")
	}
	below := e.branch(indent, mark+" "+p.text, last)
	for _, n := range p.notes {
		e.printf("%s  %s\n", below, e.faint(n))
	}
}

// partsOf returns the parts of a statement that explain the answer: of one that
// applied its conditions, of another those that failed.
func partsOf(s *engine.StatementReport, q *engine.Request) []part {
	var out []part
	if s.Principal != conditions.True {
		out = append(out, principalPart(s, q))
	}
	if s.Action != conditions.True {
		out = append(out, part{
			truth: s.Action, find: []string{name("Action", s.NotAction)},
			text: fmt.Sprintf("%s: request has %s, policy wants %s%s", name("Action", s.NotAction), listed([]string{q.Action}), without(s.NotAction), listed(s.Actions)),
		})
	}
	if s.Resource != conditions.True {
		out = append(out, resourcePart(s, q))
	}
	if s.Action == conditions.False {
		return out // the conditions are about something else
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if s.Applies || c.Result != conditions.True {
			out = append(out, conditionPart(c, s.Effect))
		}
	}
	return out
}

func name(element string, not bool) string {
	if not {
		return "Not" + element
	}
	return element
}

func without(not bool) string {
	if not {
		return "none of "
	}
	return ""
}

func principalPart(s *engine.StatementReport, q *engine.Request) part {
	return part{
		truth: s.Principal, find: []string{"Principal"},
		text: fmt.Sprintf("Principal: request has %s, policy names others", listed([]string{q.Principal.String()})),
	}
}

func resourcePart(s *engine.StatementReport, q *engine.Request) part {
	p := part{
		truth: s.Resource, find: []string{name("Resource", s.NotResource)},
		text: fmt.Sprintf("%s: request has %s, policy wants %s%s",
			name("Resource", s.NotResource), listed([]string{q.Resource}), without(s.NotResource), listed(s.Meanings)),
	}
	for i, written := range s.Resources {
		switch {
		case s.Meanings[i] != written:
			p.notes = append(p.notes, comesFrom(s.Meanings[i], written))
		case strings.Contains(written, "${"):
			p.notes = append(p.notes, matchesNothing(written))
		}
	}
	return p
}

func comesFrom(meaning, written string) string {
	return shown(meaning) + " comes from " + shown(written)
}

func matchesNothing(written string) string {
	return shown(written) + " matches nothing: the request has no value for its variable"
}

// conditionPart says what both sides of a condition have.
func conditionPart(c *conditions.Report, effect policy.Effect) part {
	p := part{truth: c.Result, find: []string{c.Operator, c.Key}}
	quantifier, base := splitOperator(c.Operator)
	wants, known := relation(base, c)
	if !known {
		result := "is " + c.Result.String()
		if c.Err != nil {
			result = "could not be evaluated"
			p.notes = append(p.notes, harmless(c.Err.Error()))
		}
		p.text = fmt.Sprintf("%s %s: %s: %s", c.Operator, shown(c.Key), result, listed(c.Policy))
		return p
	}
	p.text = fmt.Sprintf("%s %s: %s, policy wants %s", c.Operator, harmless(c.Key), has(c), wants)
	for i, written := range c.Policy {
		if i < len(c.Meaning) && c.Meaning[i] != written {
			p.notes = append(p.notes, comesFrom(c.Meaning[i], written))
		}
	}
	for _, written := range c.Unresolved {
		p.notes = append(p.notes, matchesNothing(written))
	}
	if c.Result == conditions.False && quantifier == "ForAllValues" && base == "StringEquals" && len(c.Request) > 1 {
		if foreign := notAmong(c.Request, c.Meaning); len(foreign) > 0 {
			p.notes = append(p.notes, "the request has more than that: "+listed(foreign))
		}
	}
	switch {
	case c.Result != conditions.Unknown:
	case effect == policy.Deny:
		p.notes = append(p.notes, "what is not known does not stop a denial")
	default:
		p.notes = append(p.notes, "what is not known does not allow")
	}
	return p
}

// has says what the request has of a key.
func has(c *conditions.Report) string {
	switch {
	case c.State == conditions.Absent:
		return "request has none"
	case c.State == conditions.Indeterminate && len(c.Request) == 0:
		return "request has a value that is not known"
	case c.State == conditions.Indeterminate:
		return "request has " + listed(c.Request) + ", which cannot be read"
	}
	return "request has " + listed(c.Request)
}

// relations are the words between "policy wants" and its values, by the end of
// the operator; the first that fits holds.
var relations = []struct{ end, number, date string }{
	{"LessThanEquals", "at most ", "at or before "},
	{"LessThan", "less than ", "before "},
	{"GreaterThanEquals", "at least ", "at or after "},
	{"GreaterThan", "more than ", "after "},
}

// families are the beginnings of the operators of the IAM language.
var families = []string{"String", "Numeric", "Date", "Bool", "Binary", "IpAddress", "NotIpAddress", "Arn"}

// relation says what the policy wants; known is false for an operator that is
// none of the IAM language.
func relation(base string, c *conditions.Report) (wants string, known bool) {
	if base == "Null" {
		if len(c.Policy) > 0 && strings.EqualFold(c.Policy[0], "true") {
			return "no value", true
		}
		return "a value", true
	}
	for _, f := range families {
		known = known || strings.HasPrefix(base, f)
	}
	if strings.Contains(base, "Not") {
		return "none of " + listed(c.Meaning), known
	}
	for _, r := range relations {
		if !strings.HasSuffix(base, r.end) {
			continue
		}
		if strings.HasPrefix(base, "Date") {
			return r.date + listed(c.Meaning), known
		}
		return r.number + listed(c.Meaning), known
	}
	return listed(c.Meaning), known
}

// notAmong returns the values that are not in the list.
func notAmong(values, list []string) []string {
	in := map[string]bool{}
	for _, s := range list {
		in[s] = true
	}
	var out []string
	for _, v := range values {
		if !in[v] {
			out = append(out, v)
		}
	}
	return out
}
