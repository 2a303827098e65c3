package main

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
)

// evalCommand is `rowan eval`.
type evalCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Scenarios; - or none reads standard input."`
	clock
	celFlag
}

// Help describes the command.
func (*evalCommand) Help() string {
	return `A file holds one scenario, an array of scenarios, or one after another (JSON Lines) of any number. A bad one is answered with an error, the others are still decided.

Exit status: 0 all decided, 1 a scenario's "expect" was not met, 2 an error.

Example:

    rowan eval --format json scenarios.jsonl`
}

// Run answers the scenarios of the files in order.
func (e *evalCommand) Run(c *console) error {
	a, err := newAsker(c, e.clock, e.celFlag)
	if err != nil {
		return err
	}
	var n tally
	for s := range c.sources(e.Files) {
		err := a.ask(c, s, func(x *answer) error {
			n.count(x)
			return c.print(x)
		})
		if err != nil {
			return err
		}
	}
	if c.format == "text" {
		c.printf("%s\n", n)
	}
	return nil
}

// print prints one answer as one line.
func (c *console) print(x *answer) error {
	if c.format == "json" {
		if x.err != nil {
			return c.encode(x.failure())
		}
		return c.encode(bundle.NewAnswer(x.name, &x.explanation))
	}
	var decision, detail string
	if x.err != nil {
		decision, detail = x.kind(), fmt.Sprintf("line %d: %s", x.err.Line, strings.Join(x.faults(), "; "))
	} else {
		decision, detail = x.explanation.Decision.Outcome.String(), reason(&x.explanation)
	}
	mark := "     "
	switch {
	case x.want != "" && x.met:
		mark = c.paint(green, "ok   ")
	case x.want != "":
		mark = c.paint(red, "FAIL ")
		detail = "want " + x.want + "; " + detail
	}
	c.printf("%s %-12s  %-32s  %s\n", mark, decision, plain(x.name), detail)
	return nil
}

// reason says in a few words what decided.
func reason(x *engine.Explanation) string {
	var parts []string
	for i := range x.Statements {
		s := &x.Statements[i]
		name := s.Sid
		if name == "" {
			name = fmt.Sprintf("statement %d", s.Index)
		}
		parts = append(parts, fmt.Sprintf("%s %s (line %d)", bundle.PolicyName(s), plain(name), s.Pos.Line))
	}
	switch {
	case len(parts) > 0:
	case x.Decision.Allowed():
		parts = append(parts, "the account's root user")
	default:
		parts = append(parts, "nothing in "+x.Decision.By.String()+" allows it")
	}
	text := strings.Join(parts, ", ")
	if len(x.MissingContext) > 0 {
		text += "; absent: " + plain(strings.Join(x.MissingContext, ", "))
	}
	return text
}

// tally counts answers.
type tally struct{ scenarios, errors, expected, met int }

func (n *tally) count(x *answer) {
	n.scenarios++
	if x.err != nil {
		n.errors++
	}
	if x.want != "" {
		n.expected++
	}
	if x.met {
		n.met++
	}
}

func (n tally) String() string {
	text := fmt.Sprintf("%d decided", n.scenarios-n.errors)
	if n.errors > 0 {
		text += fmt.Sprintf(", %d in error", n.errors)
	}
	if n.expected > 0 {
		text += fmt.Sprintf("; %d of %d as expected", n.met, n.expected)
	}
	return text
}
