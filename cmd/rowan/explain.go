package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
)

// explainCommand is `rowan explain`.
type explainCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Scenarios, as for rowan eval; - or none reads standard input."`

	DecisionID string   `name:"decision-id" placeholder:"ID" help:"Explain a decision that a server made, by the decision log instead of scenarios."`
	Log        []string `name:"log" placeholder:"FILE" help:"The decision log, - for standard input; may be repeated for the files that were put away."`
	Bundle     []string `name:"bundle" placeholder:"DIR|FILE|URL" help:"Bundles that may be the one of that day, or a folder of tar.gz; may be repeated. The one whose digest the decision has is taken, also that which is built in."`

	Changes bool `default:"true" negatable:"" help:"Say what would make a denial an allow: the smallest change of the request, of the identity, and of the policies."`

	clock
	celFlag
}

// Help describes the command.
func (*explainCommand) Help() string {
	return `Says who asks what, the answer, which statement decided or came nearest, and for each condition that failed what the request has and what the policy wants. With --format json every statement that was looked at is listed.

Below a denial stands what would make it an allow: the fewest things of the request, or of the identity, that would have to be others, and the statement that would have to be added, which allows this request and nothing else. Each was decided again before it is shown. What is marked as safe to tell says nothing of policies, of other identities or of what there is.

With --decision-id it says the same of a decision that a server made, as far as the decision log knows: what is masked there nobody knows. The bundle that decided must be at hand, and is found by its digest; if it is not, what the log has is printed. Whether the log is whole says rowan audit verify.

Exit status: 0 all decided, 1 a scenario's "expect" was not met, or with --decision-id the decision is not in the log, cannot be explained again or came out otherwise; 2 an error.

Examples:

    rowan explain scenarios.jsonl
    rowan explain --decision-id 7df97b46079b9e5a0000000000000002 --log audit.jsonl --bundle archives/`
}

// Run explains the scenarios of the files in order.
func (e *explainCommand) Run(c *console) error {
	switch {
	case e.DecisionID != "" && len(e.Log) > 0 && len(e.Files) == 0:
		return e.decision(c)
	case e.DecisionID != "" || len(e.Log) > 0 || len(e.Bundle) > 0:
		return errors.New("--decision-id and --log come together, and without scenarios")
	}
	a, err := newAsker(c, e.clock, e.celFlag)
	if err != nil {
		return err
	}
	first := true
	for s := range c.sources(e.Files) {
		kept := &keptText{}
		s.Reader = io.TeeReader(s.Reader, kept)
		err := a.ask(c, s, func(x *answer) error {
			f, err := e.flips(c, x)
			if err != nil {
				return err
			}
			if c.format == "json" {
				return c.encodeExplained(x, f)
			}
			if !first {
				c.printf("\n")
			}
			first = false
			c.explain(s.name, x, kept)
			if f != nil {
				c.printChanges(f)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// flips finds what would make the denial of a scenario an allow; nil if that is
// not asked for, or nothing.
func (e *explainCommand) flips(c *console, x *answer) (*analysis.Flips, error) {
	if !e.Changes || x.err != nil {
		return nil, nil
	}
	return c.changes((*analysis.Policies)(x.policies), x.request)
}

func (c *console) encodeExplained(x *answer, f *analysis.Flips) error {
	if x.err != nil {
		return c.encode(x.failure())
	}
	out := newExplained(x)
	if f != nil {
		out.Changes = newChanges(f)
	}
	return c.encode(out)
}

// explain prints one answer for people.
func (c *console) explain(file string, x *answer, kept *keptText) {
	line := x.line
	if x.err != nil {
		line = x.err.Line
	}
	title := c.paint(bold, fmt.Sprintf("%s:%d", file, line))
	if x.name != "" {
		title += " " + plain(x.name)
	}
	c.printf("%s%s\n", title, c.verdictOf(x))
	if x.err != nil {
		c.printf("└─ %s: %s\n", c.paint(red, x.kind()), strings.Join(x.faults(), "\n   "))
		return
	}
	source := func(document string) []byte {
		if document != file || kept.over {
			return nil
		}
		return kept.text
	}
	bundle.RenderExplanation(c.out, x.request, &x.explanation, source, c.color)
}

// verdictOf says whether the answer is what the scenario wants.
func (c *console) verdictOf(x *answer) string {
	switch {
	case x.want == "":
		return ""
	case x.met:
		return c.paint(green, " (as expected)")
	}
	return c.paint(red, " (want "+x.want+")")
}

// keptText keeps what was read of a file, for excerpts, unless that is much.
type keptText struct {
	text []byte
	over bool
}

// maxKept is small enough to look lines up in it for each scenario.
const maxKept = 1 << 20

func (k *keptText) Write(b []byte) (int, error) {
	if k.over = k.over || len(k.text)+len(b) > maxKept; k.over {
		k.text = nil
	} else {
		k.text = append(k.text, b...)
	}
	return len(b), nil
}
