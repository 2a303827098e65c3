package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/engine"
)

// RunOptions say how Run decides the cells of suites.
type RunOptions struct {
	// Now is the clock of the suites that fix none.
	Now time.Time
	// Select says which cells run, by SUITE/TEST/CELL; nil runs all.
	Select func(name string) bool
	// Coverage asks for Result.Coverage.
	Coverage bool
	// Guardrail is asked about what the policies allow, and returns why it denies,
	// empty if it does not; nil denies nothing. A bundle that LoadWithRego read
	// needs it: all is denied without. The cells that it denies are explicitDeny by the statement
	// "guardrail", and lists fail: no filter holds it.
	Guardrail func(*engine.Request) string
}

// Result is how suites fared. Suites and tests without a cell that ran are left
// out.
type Result struct {
	Suites []SuiteResult
	// Passed and Failed count cells.
	Passed, Failed int
	// Coverage is nil unless RunOptions asked for it.
	Coverage *Coverage
}

// SuiteResult is how one suite fared.
type SuiteResult struct {
	Name, File     string
	Tests          []TestResult
	Passed, Failed int
}

// TestResult is how one test fared.
type TestResult struct {
	Name           string
	Line           int
	Cells          []CellResult
	Passed, Failed int
}

// CellResult is how one cell fared.
type CellResult struct {
	Cell
	Got  engine.Outcome
	Pass bool
	// Problems say what is not as the cell wants it; empty if it passed.
	Problems []string
	// Statements are the names of those that decided, each once.
	Statements []string
	Answer     Answer
	// Rows are those that a list has, sorted, and Filter what lets them pass;
	// nil and empty for a cell that is no list.
	Rows   []string
	Filter string
	// Request and Explanation are nil if the cell passed, and for a list.
	Request     *engine.Request
	Explanation *engine.Explanation

	names   []string // of Answer.Statements
	refusal string   // why a guardrail denied
}

// Run decides the cells of suites, in their order. Bundle.Suites of b read them, or
// of the bundle that b was made of by Swap.
func Run(b *Bundle, suites []*Suite, o RunOptions) Result {
	var out Result
	o.Guardrail = o.guardrailOf(b)
	if o.Coverage {
		out.Coverage = newCoverage(b)
	}
	for _, s := range suites {
		now := o.Now
		if !s.Now.IsZero() {
			now = s.Now
		}
		suite := SuiteResult{Name: s.Name, File: s.File}
		for _, t := range s.Tests {
			test := TestResult{Name: t.Name, Line: t.Line}
			for i := range t.Cells {
				c := t.Cells[i]
				c.bundle = b
				if o.Select != nil && !o.Select(s.Name+"/"+t.Name+"/"+c.Name) {
					continue
				}
				r := c.run(now, out.Coverage, o.Guardrail)
				if r.Pass {
					test.Passed++
				} else {
					test.Failed++
				}
				test.Cells = append(test.Cells, r)
			}
			if len(test.Cells) > 0 {
				suite.Tests = append(suite.Tests, test)
				suite.Passed += test.Passed
				suite.Failed += test.Failed
			}
		}
		if len(suite.Tests) > 0 {
			out.Suites = append(out.Suites, suite)
			out.Passed += suite.Passed
			out.Failed += suite.Failed
		}
	}
	return out
}

// guardrailOf is the guardrail to ask: that of a bundle with guardrails in Rego
// that nobody asks denies.
func (o *RunOptions) guardrailOf(b *Bundle) func(*engine.Request) string {
	if len(b.Rego) > 0 && o.Guardrail == nil {
		return func(*engine.Request) string { return "nobody asks the bundle's guardrails in Rego" }
	}
	return o.Guardrail
}

// run decides one cell.
func (c *Cell) run(now time.Time, coverage *Coverage, guardrail func(*engine.Request) string) CellResult {
	r := CellResult{Cell: *c}
	if c.list != nil && guardrail != nil {
		r.Problems = []string{"the bundle has guardrails in Rego, which no filter holds: ask about single rows"}
		return r
	}
	if c.list != nil {
		r.runList(now, coverage)
		r.Pass = len(r.Problems) == 0
		return r
	}
	q, err := c.Question(now)
	if err != nil {
		r.Problems = []string{"no question: " + err.Error()}
		return r
	}
	x := q.Evaluator.Explain(q.Request)
	coverage.count(q.Request, &x)
	r.Got, r.Answer = x.Decision.Outcome, NewAnswer(c.Name, &x)
	for i := range x.Statements {
		name := c.bundle.StatementName(x.Statements[i].StatementRef)
		r.names = append(r.names, name)
		if !slices.Contains(r.Statements, name) {
			r.Statements = append(r.Statements, name)
		}
	}
	if guardrail != nil && x.Decision.Allowed() {
		if why := guardrail(q.Request); why != "" {
			r.Got, r.Statements, r.names = engine.ExplicitDeny, []string{guardrailName}, nil
			r.Answer.Decision, r.Answer.DecidedBy, r.Answer.Statements = r.Got.String(), guardrailName, []AnswerStatement{}
			r.refusal = why
		}
	}
	r.judge(&x)
	if r.Pass = len(r.Problems) == 0; !r.Pass {
		r.Request, r.Explanation = q.Request, &x
	}
	return r
}

// guardrailName is what decides where a guardrail in Rego denies.
const guardrailName = "guardrail"

// judge compares what the cell got with what it wants.
func (r *CellResult) judge(x *engine.Explanation) {
	if f := x.Decision.Fault; f != engine.NoFault {
		r.Problems = append(r.Problems, "no decision: "+f.String())
		return
	}
	got := slices.Sorted(slices.Values(r.Statements))
	switch {
	case r.Got != r.Want.Outcome || r.Want.Statements != nil && !slices.Equal(got, r.Want.Statements):
		want := by(r.Want.Outcome, r.Want.Statements)
		if !r.Want.Listed {
			want += ", as expect does not list it"
		}
		have := by(r.Got, got)
		if r.refusal != "" {
			have += ": " + r.refusal
		}
		r.Problems = append(r.Problems, "want "+want+"; have "+have)
	case r.Want.MissingContext != nil && !slices.Equal(x.MissingContext, r.Want.MissingContext):
		r.Problems = append(r.Problems, fmt.Sprintf("want missingContext %s; have %s", bracketed(r.Want.MissingContext), bracketed(x.MissingContext)))
	}
}

// by names an outcome and what decided.
func by(o engine.Outcome, statements []string) string {
	if len(statements) == 0 {
		return o.String()
	}
	return o.String() + " by " + strings.Join(statements, ", ")
}

func bracketed(names []string) string { return "[" + strings.Join(names, ", ") + "]" }
