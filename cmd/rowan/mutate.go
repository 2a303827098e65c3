package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle/mutation"
	"github.com/rowan-authz/rowan/conditions"
)

// mutate tries what the tests do not notice.
func (t *testCommand) mutate(c *console, v *conditions.Vocabulary) error {
	switch {
	case t.Watch || t.Coverage || t.Threshold > 0:
		return errors.New("--mutate goes without --watch, --coverage and --threshold")
	case c.format == "junit":
		return errors.New("test --mutate has no --format junit")
	case t.Mutants < 1:
		return fmt.Errorf("--mutants %d: want at least 1", t.Mutants)
	}
	b, guardrails, suites, err := loadGuarded(t.Dir, v)
	if err != nil {
		return c.unloadable(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := mutation.Options{
		Vocabulary: v, Suites: suites, Now: t.at(c), Select: t.selects(), Guardrail: guardrails.Hook(ctx, t.at(c)),
		Limits: analysis.Limits{Time: t.Time, Now: c.now}, Most: t.Mutants,
	}
	shown, clear := func(int) {}, func() {}
	o.Progress = func(done, of int) {
		if done == 1 {
			if show, remove := c.progress("tried", of); show != nil {
				shown, clear = show, remove
			}
		}
		shown(done)
	}
	r, err := mutation.Run(ctx, b, o)
	clear()
	var failed *mutation.FailedError
	switch {
	case errors.As(err, &failed), errors.Is(err, mutation.ErrNothing):
		c.say("%s: %v", t.Dir, err)
		c.raise(exitUsage)
		return nil
	case err != nil:
		return err
	case r.Survived > 0:
		c.raise(exitUnmet)
	case r.Unknown > 0 || r.Left > 0:
		c.raise(exitUnloadable)
	}
	if c.format == "json" {
		return c.encode(mutationJSON(r))
	}
	c.printMutation(r)
	return c.broken()
}

// printMutation prints what survived, what is unknown, and how many there are.
func (c *console) printMutation(r *mutation.Report) {
	for i := range r.Mutants {
		m := &r.Mutants[i]
		switch m.Outcome {
		case mutation.Survived:
			c.printSurvivor(i+1, m)
		case mutation.Unknown:
			c.printf("%s %d %s, %s:%d\n  %s\n  %s\n\n", c.paint(yellow, "unknown"), i+1, c.paint(bold, plain(m.Statement)), plain(m.File), m.Line, plain(m.Change), plain(m.Reason))
		case mutation.Killed, mutation.Equivalent:
		}
	}
	c.printf("%d mutants: %d killed, %d survived, %d equivalent, %d unknown", len(r.Mutants), r.Killed, r.Survived, r.Equivalent, r.Unknown)
	if r.Left > 0 {
		c.printf(", %d not tried", r.Left)
	}
	c.printf("; score %.1f %%\n", r.Score())
}

func (c *console) printSurvivor(n int, m *mutation.Mutant) {
	c.printf("%s %d %s, %s:%d\n  %s: no test notices\n", c.paint(red, "survived"), n, c.paint(bold, plain(m.Statement)), plain(m.File), m.Line, plain(m.Change))
	who, may := m.Role, "may"
	if m.Identity != "" {
		who = m.Identity
	}
	if m.Denies {
		may = "may no longer"
	}
	c.printf("  then %s %s %s\n", plain(who), may, plain(m.Witness.Action+" "+m.Witness.Resource))
	if m.Test == "" {
		c.printKeys("    ", m.Witness)
	}
	switch {
	case m.SameTest > 0:
		c.printf("  the test for %d notices it too\n", m.SameTest)
	case m.Test != "":
		c.printf("  add to %s:\n\n", plain(m.TestFile))
		for line := range strings.Lines(m.Test) {
			c.printf("%s\n", plain(strings.TrimSuffix(line, "\n")))
		}
	default:
		c.printf("  %s\n", plain(m.Reason))
	}
	c.printf("\n")
}

// mutationReport is the JSON of rowan test --mutate.
type mutationReport struct {
	Mutants    []mutantJSON `json:"mutants"`
	Killed     int          `json:"killed"`
	Survived   int          `json:"survived"`
	Equivalent int          `json:"equivalent"`
	Unknown    int          `json:"unknown"`
	Left       int          `json:"left"`
	Score      float64      `json:"score"`
}

type mutantJSON struct {
	Statement string           `json:"statement"`
	File      string           `json:"file"`
	Line      int              `json:"line"`
	Change    string           `json:"change"`
	Outcome   mutation.Outcome `json:"outcome"`
	KilledBy  string           `json:"killedBy,omitempty"`
	Role      string           `json:"role,omitempty"`
	Identity  string           `json:"identity,omitempty"`
	Request   *witnessJSON     `json:"request,omitempty"`
	// Effect is what the mutant makes of the request: "allows" or "denies".
	Effect   string `json:"effect,omitempty"`
	Test     string `json:"test,omitempty"`
	TestFile string `json:"testFile,omitempty"`
	SameTest int    `json:"sameTest,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func mutationJSON(r *mutation.Report) mutationReport {
	out := mutationReport{
		Mutants: make([]mutantJSON, len(r.Mutants)), Killed: r.Killed, Survived: r.Survived, Equivalent: r.Equivalent, Unknown: r.Unknown, Left: r.Left, Score: r.Score(),
	}
	for i := range r.Mutants {
		m := &r.Mutants[i]
		effect := ""
		switch {
		case m.Outcome != mutation.Survived:
		case m.Denies:
			effect = "denies"
		default:
			effect = "allows"
		}
		out.Mutants[i] = mutantJSON{m.Statement, m.File, m.Line, m.Change, m.Outcome, m.KilledBy, m.Role, m.Identity, witnessOf(m.Witness), effect, m.Test, m.TestFile, m.SameTest, m.Reason}
	}
	return out
}
