package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/watch"
	"github.com/rowan-authz/rowan/conditions"
)

// testCommand is `rowan test`.
type testCommand struct {
	Dir       string         `arg:"" optional:"" default:"." help:"A bundle; without one that of this directory."`
	Only      *regexp.Regexp `name:"run" placeholder:"REGEXP" help:"Run only cells whose SUITE/TEST/CELL matches."`
	Coverage  bool           `help:"Count which statements and condition values the tests reach."`
	Threshold float64        `placeholder:"PERCENT" help:"Fail if less than PERCENT is covered."`
	Watch     bool           `help:"Run again whenever a file of the bundle changes."`
	Mutate    bool           `help:"Weaken one statement, condition or value at a time, and show what no test notices, with the test to add."`
	Time      time.Duration  `default:"10s" placeholder:"DURATION" help:"How long one question of --mutate may take."`
	Mutants   int            `default:"10000" placeholder:"N" help:"How many mutants --mutate tries at most."`
	clock
	celFlag
}

// Help describes the command.
func (*testCommand) Help() string {
	return `Whatever a test does not list must be denied. A failure shows what the request has and what the policy wants.

With --mutate the bundle is weakened in one place at a time and the tests run on each variant. Variants that decide every request as before are proved to, and left out; of others that no test notices you see a request that tells them apart, and the test to add.

Exit status: 0 passed, 1 a cell failed or too little is covered, 2 usage, 3 the bundle or a suite cannot be loaded. With --mutate: 0 all is noticed or equivalent, 1 something survived, 2 usage, or tests that fail, 3 something is unknown or was not tried, or the bundle cannot be loaded.

Examples:

    rowan test --coverage --threshold 90 policies/
    rowan test --mutate policies/`
}

// Run runs the tests once, or until it is interrupted.
func (t *testCommand) Run(c *console) error {
	if t.Threshold < 0 || t.Threshold > 100 {
		return fmt.Errorf("--threshold %v: want 0 to 100", t.Threshold)
	}
	v, err := t.vocabulary()
	if err != nil {
		return err
	}
	if t.Mutate {
		return t.mutate(c, v)
	}
	if !t.Watch {
		return t.once(c, v)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	source, err := watch.Open(watch.Options{Source: t.Dir, Poll: pollEvery, Now: c.now})
	if err != nil {
		return err
	}
	c.say("watching %s; end with Ctrl-C", t.Dir)
	return source.Run(ctx, nil, func(context.Context, bool) error {
		c.status = 0 // that of the last run counts
		return errors.Join(t.once(c, v), c.out.Flush())
	})
}

// pollEvery is how often a watched bundle is looked at where nobody tells of
// changes.
const pollEvery = 300 * time.Millisecond

// once runs the tests and raises the exit status by what comes of them.
func (t *testCommand) once(c *console, v *conditions.Vocabulary) error {
	b, guardrails, suites, err := loadGuarded(t.Dir, v)
	if err != nil {
		return c.unloadable(err)
	}
	if len(suites) == 0 {
		return c.unloadable(fmt.Errorf("%s: no tests: want tests/NAME_test.yaml", t.Dir))
	}
	r := bundle.Run(b, suites, bundle.RunOptions{
		Now: t.at(c), Select: t.selects(), Coverage: t.Coverage || t.Threshold > 0, Guardrail: guardrails.Hook(context.Background(), t.at(c)),
	})
	if r.Passed+r.Failed == 0 {
		c.say("no test matches --run %s", t.Only)
		c.raise(exitUsage)
		return nil
	}
	if r.Failed > 0 {
		c.raise(exitUnmet)
	}
	if err := c.printResult(&r); err != nil {
		return err
	}
	if r.Coverage != nil && r.Coverage.Percent() < t.Threshold {
		c.say("coverage %.1f %%: want at least %v %%", r.Coverage.Percent(), t.Threshold)
		c.raise(exitUnmet)
	}
	return nil
}

// selects returns which cells run; nil for all.
func (t *testCommand) selects() func(string) bool {
	if t.Only == nil {
		return nil
	}
	return t.Only.MatchString
}

func (c *console) printResult(r *bundle.Result) error {
	switch c.format {
	case "json":
		return r.WriteJSON(c.out)
	case "junit":
		return r.WriteJUnit(c.out)
	}
	return r.WriteText(c.out, c.color)
}
