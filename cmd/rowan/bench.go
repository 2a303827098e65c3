package main

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"
	"unicode"

	"github.com/rowan-authz/rowan/bundle"
)

// benchCommand is `rowan bench`.
type benchCommand struct {
	Bundle string         `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Only   *regexp.Regexp `name:"run" placeholder:"REGEXP" help:"Measure only tests whose SUITE/TEST matches."`
	Time   time.Duration  `default:"1s" placeholder:"DURATION" help:"How long to measure each test: 1s, 200ms."`
	Count  int            `default:"1" placeholder:"N" help:"How often to measure each test."`
	clock
	celFlag
}

// Help describes the command.
func (*benchCommand) Help() string {
	return `Decides the questions of each test in turn, on one goroutine, with policies compiled and contexts filled. The output is that of Go's benchmarks, for benchstat.

Exit status: 0 measured, 2 usage, 3 the bundle or a suite cannot be loaded.

Example:

    rowan bench --bundle policies/ --count 6 > before.txt`
}

// Run measures every test of the bundle.
func (m *benchCommand) Run(c *console) error {
	if m.Time <= 0 || m.Count < 1 {
		return fmt.Errorf("--time %v --count %d: want both above zero", m.Time, m.Count)
	}
	v, err := m.vocabulary()
	if err != nil {
		return err
	}
	_, suites, err := loadBundle(m.Bundle, v)
	if err != nil {
		return c.unloadable(err)
	}
	c.printf("goos: %s\ngoarch: %s\n", runtime.GOOS, runtime.GOARCH)
	measured := 0
	for _, s := range suites {
		for i := range s.Tests {
			name := s.Name + "/" + s.Tests[i].Name
			if m.Only != nil && !m.Only.MatchString(name) {
				continue
			}
			questions, err := questionsOf(s, &s.Tests[i], m.at(c))
			if err != nil {
				return err
			}
			if len(questions) == 0 {
				continue
			}
			measured++
			for range m.Count {
				c.printf("%s\n", benchmarkLine(name, measure(m.Time, c.now, deciding(questions))))
				if err := c.out.Flush(); err != nil {
					return err
				}
			}
		}
	}
	if measured == 0 {
		return c.unloadable(fmt.Errorf("%s: no tests to measure", m.Bundle))
	}
	return nil
}

// questionsOf returns the questions of a test's cells. A list is no single
// decision, and has none.
func questionsOf(s *bundle.Suite, t *bundle.Test, now time.Time) ([]*bundle.Question, error) {
	if !s.Now.IsZero() {
		now = s.Now
	}
	questions := make([]*bundle.Question, 0, len(t.Cells))
	for i := range t.Cells {
		if t.Cells[i].Want.Rows != nil {
			continue
		}
		q, err := t.Cells[i].Question(now)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", t.Cells[i].File, t.Cells[i].Line, err)
		}
		questions = append(questions, q)
	}
	return questions, nil
}

// deciding decides n questions, one after the other and from the start again.
func deciding(questions []*bundle.Question) func(n int) {
	return func(n int) {
		next := 0
		for range n {
			q := questions[next]
			q.Evaluator.Decide(q.Request)
			if next++; next == len(questions) {
				next = 0
			}
		}
	}
}

// benchmarkLine is a line of the Go benchmark format.
func benchmarkLine(name string, m measurement) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
	if n := runtime.GOMAXPROCS(0); n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	n := uint64(m.n)
	return fmt.Sprintf("BenchmarkDecide/%s\t%10d\t%10.1f ns/op\t%8d B/op\t%8d allocs/op\t%10.0f decisions/s",
		name, m.n, m.nanoseconds(), m.bytes/n, m.allocs/n, 1e9/max(m.nanoseconds(), 1e-3))
}
