package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// validateCommand is `rowan validate`.
type validateCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Policy documents; - or none reads standard input."`
	Kind  string   `enum:",identity,permissionsBoundary,session,endpoint,resource,trust,serviceControl,resourceControl" default:"" placeholder:"KIND" help:"What kind of policies they are. One of identity, permissionsBoundary, session, endpoint, resource, trust, serviceControl, resourceControl; without it those that fit are found."`
}

// Help describes the command.
func (*validateCommand) Help() string {
	return `Faults are what keeps a policy from being decided, and sizes that AWS refuses; warnings are lawful writing that probably does not mean what its author meant.

Exit status: 0 valid, 1 a fault, 2 a file that cannot be read.

Example:

    rowan validate --kind identity policies/*.json`
}

// Run validates the files one after another.
func (v *validateCommand) Run(c *console) error {
	kinds := allKinds()
	if kind, ok := policy.ParseKind(v.Kind); ok {
		kinds = []policy.Kind{kind}
	}
	for s := range c.sources(v.Files) {
		r, err := review(s, kinds)
		if err != nil {
			c.complain(s.name, err)
			continue
		}
		if len(r.Kinds) == 0 {
			c.raise(exitUnmet)
		}
		if err := c.printReview(r); err != nil {
			return err
		}
	}
	return nil
}

func allKinds() []policy.Kind {
	var kinds []policy.Kind
	for k := policy.Identity; k <= policy.ResourceControl; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// fileReview is what validation says of one file.
type fileReview struct {
	File  string `json:"file"`
	Valid bool   `json:"valid"`
	// Kinds are those that the document is valid as. If there are none, the
	// findings are those as Nearest, the kind with the fewest faults; no kind
	// if the file is no policy document at all.
	Kinds    []string  `json:"kinds"`
	Nearest  string    `json:"nearest,omitempty"`
	Findings []finding `json:"findings"`
}

// finding is one fault or warning.
type finding struct {
	Severity string `json:"severity"`
	Line     uint32 `json:"line"`
	Column   uint32 `json:"column"`
	Path     string `json:"path"`
	Message  string `json:"message"`
}

// review validates one document as each of the kinds. The error is the
// reader's.
func review(s source, kinds []policy.Kind) (*fileReview, error) {
	r := &fileReview{File: s.name, Kinds: []string{}, Findings: []finding{}}
	_, doc, err := parse(s)
	var faults policy.Errors
	switch {
	case errors.As(err, &faults):
		r.Findings = found(faults, nil)
		return r, nil
	case err != nil:
		return nil, err
	}
	fewest := -1
	for _, kind := range kinds {
		findings := findingsAs(doc, kind)
		n := 0
		for i := range findings {
			if findings[i].Severity == "error" {
				n++
			}
		}
		if n == 0 {
			r.Kinds = append(r.Kinds, kind.String())
		}
		if fewest < 0 || n < fewest {
			fewest, r.Nearest, r.Findings = n, kind.String(), findings
		}
	}
	if r.Valid = len(r.Kinds) > 0; r.Valid {
		r.Nearest = ""
	}
	return r, nil
}

func findingsAs(doc *policy.Document, kind policy.Kind) []finding {
	v := conditions.AWS()
	var faults policy.Errors
	if errors.As(doc.Validate(kind, v), &faults) {
		return found(faults, nil)
	}
	return found(nil, policy.Lint(doc, kind, v))
}

func found(faults policy.Errors, lint []policy.Finding) []finding {
	findings := make([]finding, 0, len(faults)+len(lint))
	add := func(severity string, e *policy.Error) {
		findings = append(findings, finding{severity, e.Pos.Line, e.Pos.Column, e.Path, e.Err.Error()})
	}
	for _, e := range faults {
		add("error", e)
	}
	for i := range lint {
		severity := "warning"
		if lint[i].Severity == policy.Limit { // AWS refuses the document
			severity = "error"
		}
		add(severity, &lint[i].Error)
	}
	return findings
}

func (c *console) printReview(r *fileReview) error {
	if c.format == "json" {
		return c.encode(r)
	}
	for i := range r.Findings {
		c.printf("%s\n", c.findingText(r.File, &r.Findings[i]))
	}
	c.printf("%s: %s\n", r.File, c.verdict(r))
	return c.broken()
}

// findingText is file:line:col: /path: what.
func (c *console) findingText(file string, f *finding) string {
	place := file + ": "
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d: ", file, f.Line, f.Column)
	}
	if f.Severity != "error" {
		place += c.paint(yellow, f.Severity) + ": "
	}
	if f.Path != "" {
		place += plain(f.Path) + ": "
	}
	return place + plain(f.Message)
}

func (c *console) verdict(r *fileReview) string {
	if r.Valid {
		return c.paint(green, "valid") + " as " + strings.Join(r.Kinds, ", ")
	}
	text := c.paint(red, "not valid")
	if r.Nearest != "" {
		text += " as " + r.Nearest
	}
	return text
}
