package main

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// answer is what came of one scenario: an explanation or an error.
type answer struct {
	name string
	line int
	// want is what the scenario expects, empty if nothing; met says whether
	// that came.
	want        string
	met         bool
	request     *engine.Request
	policies    *bundle.Policies
	explanation engine.Explanation
	err         *bundle.ScenarioError
}

// asker decides the scenarios of files.
type asker struct {
	vocabulary *conditions.Vocabulary
	now        time.Time
}

func newAsker(c *console, k clock, f celFlag) (*asker, error) {
	v, err := f.vocabulary()
	if err != nil {
		return nil, err
	}
	return &asker{v, k.at(c)}, nil
}

// ask decides every scenario of s in turn and raises the exit status by what
// comes of it. An error of each ends it.
func (a *asker) ask(c *console, s source, each func(*answer) error) error {
	for scenario, err := range bundle.Scenarios(s.name, &eagerReader{s, c.out}) {
		var bad *bundle.ScenarioError
		if err != nil && !errors.As(err, &bad) {
			c.complain(s.name, err)
			return nil
		}
		x := &answer{err: bad}
		if err == nil {
			x = a.answer(scenario)
		} else {
			x.name = bad.Scenario
		}
		if x.want != "" && !x.met {
			c.raise(exitUnmet)
		}
		if x.err != nil {
			c.raise(exitUsage)
		}
		if err := errors.Join(each(x), c.broken()); err != nil {
			return err
		}
	}
	return nil
}

// answer decides one scenario.
func (a *asker) answer(s *bundle.Scenario) *answer {
	x := &answer{name: s.Name, line: s.Line, want: s.Expect}
	q, err := s.Question(a.vocabulary, a.now)
	if err != nil {
		x.met = x.want == "refused" && errors.As(err, new(policy.Errors))
		if !errors.As(err, &x.err) {
			x.err = &bundle.ScenarioError{Line: s.Line, Scenario: s.Name, Err: err}
		}
		return x
	}
	x.request, x.policies = q.Request, q.Policies
	x.explanation = q.Evaluator.Explain(q.Request)
	x.met = x.want == x.explanation.Decision.Outcome.String()
	return x
}

// eagerReader lets nobody wait: before it waits for more input it hands on
// what there is of output.
type eagerReader struct {
	io.Reader
	out *bufio.Writer
}

func (r *eagerReader) Read(b []byte) (int, error) {
	_ = r.out.Flush() // an error stays: see broken
	return r.Reader.Read(b)
}

// failure is the JSON of a scenario that could not be decided.
type failure struct {
	Name  string `json:"name"`
	Error string `json:"error"`
	Line  int    `json:"line"`
}

func (x *answer) failure() failure {
	return failure{x.name, x.err.Err.Error(), x.err.Line}
}

// kind says what sort of error x has.
func (x *answer) kind() string {
	if errors.As(x.err, new(policy.Errors)) {
		return "refused"
	}
	return "error"
}

// faults says what is wrong: one line a fault.
func (x *answer) faults() []string {
	var faults policy.Errors
	if errors.As(x.err, &faults) {
		return faultLines(faults)
	}
	return []string{plain(x.err.Err.Error())}
}

// faultLines returns every fault as a line that is safe to print.
func faultLines(faults policy.Errors) []string {
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = plain(f.Error())
	}
	return lines
}

// plain makes text of strangers safe to print on one line of a terminal.
func plain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
