package main

import (
	"context"
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
	return `The bundle has a table of game scores whose rows belong to the player that is their partition key, roles for players, referees and guests, a permissions boundary and a service control policy. Two players sign up, sign in and exchange their tokens for temporary credentials, and each sees their own rows of a table of SQLite. All of it is within this process; nothing is kept.

Examples:

    rowan demo
    rowan demo --write scores && rowan test scores`
}

// Run prints who may do what on whose row, takes the way from a sign-up to
// temporary credentials, and says why one may not have the row of another.
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
	return c.printDemo(b, &r)
}

func (c *console) printDemo(b *bundle.Bundle, r *bundle.Result) error {
	c.printf("%s\n\n", c.paint(bold, "Who may do what on whose row of the table GameScores"))
	if len(r.Suites) > 0 {
		if err := r.Suites[0].Tests[0].WriteMatrix(c.out, c.color); err != nil {
			return err
		}
	}
	c.printf("\n✓ allowed   ✗ explicitly denied   · nothing allows it\nalice/bobs is what alice may do on bob's row; the guest is not signed in.\n")
	if err := c.printLogin(context.Background(), b); err != nil {
		return err
	}
	c.printf("\n%d questions decided as their test wants. Try it on files of your own:\n\n", r.Passed)
	c.printf("    rowan demo --write scores\n    rowan test scores\n")
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
