package main

import (
	"fmt"
	"os"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
)

// demoCommand is `rowan demo`.
type demoCommand struct {
	Write string `placeholder:"DIR" help:"Write the bundle to DIR instead, to try the other commands on."`
}

// Help describes the command.
func (*demoCommand) Help() string {
	return `The bundle has a table of game scores whose rows belong to the player that is their partition key, a role for players and one for guests, a permissions boundary and a service control policy.

Examples:

    rowan demo
    rowan demo --write scores && rowan test scores`
}

// The denial that the demo explains: it is the row of another.
const (
	demoIdentity = "alice"
	demoRow      = "bobs"
	demoAction   = "dynamodb:GetItem"
)

// Run prints who may do what on whose row, and why one may not.
func (d *demoCommand) Run(c *console) error {
	if d.Write != "" {
		return d.write(c)
	}
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	if err != nil {
		return err
	}
	suites, err := b.Suites()
	if err != nil {
		return err
	}
	r := bundle.Run(b, suites, bundle.RunOptions{Now: c.now()})
	if r.Failed > 0 {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return r.WriteJSON(c.out)
	}
	return c.printDemo(b, suites, &r)
}

func (c *console) printDemo(b *bundle.Bundle, suites []*bundle.Suite, r *bundle.Result) error {
	c.printf("%s\n\n", c.paint(bold, "Who may do what on whose row of the table GameScores"))
	if len(r.Suites) > 0 {
		if err := r.Suites[0].Tests[0].WriteMatrix(c.out, c.color); err != nil {
			return err
		}
	}
	c.printf("\n✓ allowed   ✗ explicitly denied   · nothing allows it\nalice/bobs is what alice may do on bob's row; the guest is not signed in.\n")
	if err := c.explainDenial(b, suites); err != nil {
		return err
	}
	c.printf("\n%d questions decided as their test wants. Try it on files of your own:\n\n", r.Passed)
	c.printf("    rowan demo --write scores\n    rowan test scores\n")
	return nil
}

// explainDenial explains the denial that the demo is about.
func (c *console) explainDenial(b *bundle.Bundle, suites []*bundle.Suite) error {
	for _, s := range suites {
		for i := range s.Tests {
			for j := range s.Tests[i].Cells {
				cell := &s.Tests[i].Cells[j]
				if cell.Identity != demoIdentity || cell.Row != demoRow || cell.Action != demoAction {
					continue
				}
				q, err := cell.Question(s.Now)
				if err != nil {
					return err
				}
				x := q.Evaluator.Explain(q.Request)
				c.printf("\n%s\n\n", c.paint(bold, fmt.Sprintf("Why may %s not get the row %s?", cell.Identity, cell.Row)))
				bundle.RenderExplanation(c.out, q.Request, &x, b.Source, c.color)
				return nil
			}
		}
	}
	return nil
}

// write writes the bundle to a directory that must not hold its files yet.
func (d *demoCommand) write(c *console) error {
	if err := os.CopyFS(d.Write, demo.FS); err != nil {
		return fmt.Errorf("%s: %w", d.Write, cause(err))
	}
	if c.format == "text" {
		c.printf("wrote %s\n", d.Write)
	}
	return nil
}
