package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// validateCommand is `rowan validate`.
type validateCommand struct {
	Files  []string `arg:"" optional:"" name:"file" help:"Policy documents; - or none reads standard input."`
	Kind   string   `enum:",identity,permissionsBoundary,session,endpoint,resource,trust,serviceControl,resourceControl" default:"" placeholder:"KIND" help:"What kind of policies they are. One of identity, permissionsBoundary, session, endpoint, resource, trust, serviceControl, resourceControl; without it those that fit are found."`
	Bundle string   `placeholder:"DIR" help:"Validate a bundle and its tests instead of single files."`
	celFlag
}

// Help describes the command.
func (*validateCommand) Help() string {
	return `Faults are what keeps a policy from being decided, and sizes that AWS refuses; warnings are lawful writing that probably does not mean what its author meant.

Exit status: 0 valid, 1 a fault, 2 a file that cannot be read.

Examples:

    rowan validate --kind identity policies/*.json
    rowan validate --bundle scores`
}

// Run validates the files one after another, or a bundle.
func (v *validateCommand) Run(c *console) error {
	r := &reviewer{kinds: allKinds()}
	if kind, ok := policy.ParseKind(v.Kind); ok {
		r.kinds = []policy.Kind{kind}
	}
	var err error
	if r.vocabulary, err = v.vocabulary(); err != nil {
		return err
	}
	if v.Bundle != "" {
		if v.Kind != "" || len(v.Files) > 0 {
			return errors.New("validate --bundle: a bundle says itself which files it has and of which kind")
		}
		return r.bundle(c, v.Bundle)
	}
	for s := range c.sources(v.Files) {
		f, err := r.review(s)
		if err != nil {
			c.complain(s.name, err)
			continue
		}
		if err := c.printReview(f); err != nil {
			return err
		}
	}
	return nil
}

func (c *console) printReview(r *review) error {
	if !r.Valid {
		c.raise(exitUnmet)
	}
	if c.format == "json" {
		return c.encode(r)
	}
	for i := range r.Findings {
		c.printf("%s\n", c.findingText(&r.Findings[i]))
	}
	c.printf("%s: %s\n", r.File, c.verdict(r))
	return c.broken()
}

// findingText is file:line:col: /path: what.
func (c *console) findingText(f *finding) string {
	place := f.File + ": "
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	}
	if f.Severity != "error" {
		place += c.paint(yellow, f.Severity) + ": "
	}
	if f.Path != "" {
		place += plain(f.Path) + ": "
	}
	return place + plain(f.Message)
}

func (c *console) verdict(r *review) string {
	verdict, kinds := c.paint(green, "valid"), strings.Join(r.Kinds, ", ")
	if !r.Valid {
		verdict, kinds = c.paint(red, "not valid"), r.Nearest
	}
	if kinds != "" {
		verdict += " as " + kinds
	}
	return verdict
}
