package playground

import (
	"fmt"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// decision is an answer of the engine and everything that led to it.
type decision struct {
	// Outcome is allowed, explicitDeny or implicitDeny; By is the kind of policy
	// that decided, Reason says it in words.
	Outcome string `json:"outcome"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	// Statements are those that were looked at, in the order of their kinds; More
	// says how many are left out.
	Statements []statement `json:"statements"`
	More       int         `json:"more"`
	// Missing are context keys that the policies read and the request lacks.
	Missing []string `json:"missing"`
}

// statement is how one statement fared.
type statement struct {
	Kind string `json:"kind"`
	// Part is the member of the question that holds it.
	Part   string `json:"part"`
	Sid    string `json:"sid"`
	Index  int    `json:"index"`
	Line   uint32 `json:"line"`
	Column uint32 `json:"column"`
	Effect string `json:"effect"`
	// Applied says that all of it matched; Decided that it is one of those that
	// decided, Nearest that it came nearest to allowing.
	Applied bool   `json:"applied"`
	Decided bool   `json:"decided"`
	Nearest bool   `json:"nearest"`
	Tests   []test `json:"tests"`
}

// test is how a part of a statement fared: the action, the resource, or one
// condition.
type test struct {
	Name string `json:"name"`
	// Result is true, false or unknown. A part that is not known counts against
	// the requester.
	Result string `json:"result"`
	// Has is what the request has; State is absent, present or indeterminate.
	Has   []string `json:"has"`
	State string   `json:"state"`
	// Wants is what the policy wants, none of it if Not; Written is how the policy
	// says it where that is another text, Unresolved what has no value.
	Wants      []string `json:"wants"`
	Not        bool     `json:"not"`
	Written    []string `json:"written"`
	Unresolved []string `json:"unresolved"`
	Error      string   `json:"error,omitempty"`
}

// maxStatements is how many statements an answer tells of.
const maxStatements = 200

// ready are the parts that a decision needs.
var ready = []string{partPolicy, partBoundary, partServiceControl, partPrincipal, partSession, partAction, partResource, partContext}

// decide answers the request, and which rows are kept.
func (a *asker) decide() {
	if a.failed(ready...) {
		return
	}
	c, ok := a.filled(func(string) bool { return true })
	if !ok {
		return
	}
	r := a.request(c)
	e := a.read.evaluator
	if f := e.Check(r); f != engine.NoFault {
		part := partResource
		if f == engine.BadAction {
			part = partAction
		}
		a.fail(part, 0, 0, "%s", f)
		return
	}
	x := e.Explain(r)
	a.answer.Decision = a.explained(&x)
	if other := a.read.otherEvaluator; other != nil && !a.failed(partOther) {
		a.answer.OtherDecision = other.Decide(r).Outcome.String()
	}
	a.filter()
}

// request is the question for the engine.
func (a *asker) request(c *conditions.Context) *engine.Request {
	return &engine.Request{Principal: a.read.principal, Action: a.Action, Resource: a.Resource, ResourceAccount: a.owner(), Context: c}
}

func (a *asker) explained(x *engine.Explanation) *decision {
	d := x.Decision
	out := &decision{
		Outcome: d.Outcome.String(), By: d.By.String(), Reason: reason(d), Statements: []statement{}, Missing: some(x.MissingContext),
	}
	decided := map[engine.StatementRef]bool{}
	for i := range x.Statements {
		decided[x.Statements[i].StatementRef] = true
	}
	for i := range x.Looked {
		s := &x.Looked[i]
		of := statement{
			Kind: s.Authority.String(), Part: s.Document, Sid: short(s.Sid, maxShownText), Index: s.Index, Line: s.Pos.Line, Column: s.Pos.Column,
			Effect: s.Effect.String(), Applied: s.Applies, Decided: decided[s.StatementRef],
			Nearest: x.Nearest != nil && x.Nearest.StatementRef == s.StatementRef,
		}
		if len(out.Statements) >= maxStatements && !of.Decided && !of.Nearest || len(out.Statements) >= 2*maxStatements {
			out.More++
			continue
		}
		of.Tests = a.tests(s)
		out.Statements = append(out.Statements, of)
	}
	return out
}

// reasons say which policies decided, by what the scenarios call them.
var reasons = map[engine.Authority]string{
	engine.ByIdentity: "policy", engine.ByBoundary: "permissions boundary", engine.ByServiceControl: "service control policy",
}

// reason says in words what decided.
func reason(d engine.Decision) string {
	kind := reasons[d.By]
	switch {
	case d.By == engine.ByRoot:
		return "the root user has full access"
	case kind == "":
		return "nothing allows it"
	case d.Outcome == engine.Allowed:
		return "the " + kind + " allows it"
	case d.Outcome == engine.ExplicitDeny:
		return "the " + kind + " denies it"
	}
	return "the " + kind + " does not allow it"
}

// tests are the parts of a statement. Where the action does not match, the
// conditions are about something else and left out.
func (a *asker) tests(s *engine.StatementReport) []test {
	out := []test{
		{Name: named("Action", s.NotAction), Result: s.Action.String(), Has: some([]string{a.Action}), Wants: some(s.Actions), Not: s.NotAction},
		{
			Name: named("Resource", s.NotResource), Result: s.Resource.String(), Has: some([]string{a.Resource}), Wants: some(s.Meanings), Not: s.NotResource,
			Written: otherwise(s.Resources, s.Meanings),
		},
	}
	for i := range out {
		out[i].State = "present"
	}
	if s.Action == conditions.False {
		return listed(out)
	}
	for i := range s.Conditions {
		if i == maxShown*2 {
			out = append(out, test{Name: fmt.Sprintf("and %d more conditions", len(s.Conditions)-i), Result: "unknown", State: "absent"})
			break
		}
		out = append(out, conditionTest(&s.Conditions[i]))
	}
	return listed(out)
}

func conditionTest(c *conditions.Report) test {
	t := test{
		Name: short(c.Operator+" "+c.Key, maxShownText), Result: c.Result.String(), Has: some(c.Request), State: "indeterminate",
		Wants: some(c.Meaning), Written: otherwise(c.Policy, c.Meaning), Unresolved: some(c.Unresolved),
	}
	if len(c.Meaning) == 0 {
		t.Wants = some(c.Policy)
	}
	switch c.State {
	case conditions.Absent:
		t.State = "absent"
	case conditions.Present:
		t.State = "present"
	case conditions.Indeterminate:
	}
	if c.Err != nil {
		t.Error = short(c.Err.Error(), maxShownText)
	}
	return t
}

// otherwise returns what is written, if it is not what it means.
func otherwise(written, meaning []string) []string {
	if len(written) == len(meaning) {
		same := true
		for i := range written {
			same = same && written[i] == meaning[i]
		}
		if same {
			return nil
		}
	}
	return some(written)
}

// listed has no list be null in JSON.
func listed(tests []test) []test {
	for i := range tests {
		for _, list := range []*[]string{&tests[i].Has, &tests[i].Wants, &tests[i].Written, &tests[i].Unresolved} {
			if *list == nil {
				*list = []string{}
			}
		}
	}
	return tests
}

func named(element string, not bool) string {
	if not {
		return "Not" + element
	}
	return element
}
