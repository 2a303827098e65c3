package main

import (
	"errors"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// review is what validation says of a file or a bundle.
type review struct {
	File  string `json:"file"`
	Valid bool   `json:"valid"`
	// Kinds are those that a document is valid as. If there are none, the
	// findings are those as Nearest, the kind with the fewest faults; none if
	// no kind can read it.
	Kinds    []string  `json:"kinds"`
	Nearest  string    `json:"nearest,omitempty"`
	Findings []finding `json:"findings"`
}

// finding is one fault or warning.
type finding struct {
	File     string `json:"file"`
	Severity string `json:"severity"`
	Line     uint32 `json:"line"`
	Column   uint32 `json:"column"`
	Path     string `json:"path"`
	Message  string `json:"message"`
}

// reviewer validates documents as each of its kinds.
type reviewer struct {
	kinds      []policy.Kind
	vocabulary *conditions.Vocabulary
}

// bundle validates a bundle and its tests.
func (v *reviewer) bundle(c *console, dir string) error {
	b, _, _, err := loadGuarded(dir, v.vocabulary)
	var faults policy.Errors
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	var doubts []lint.Finding
	if b != nil {
		doubts = b.Lint(nil)
	}
	findings := found(faults, doubts)
	return c.printReview(&review{File: dir, Valid: countFaults(findings) == 0, Kinds: []string{}, Findings: findings})
}

// review validates one document. The error is the reader's.
func (v *reviewer) review(s source) (*review, error) {
	r := &review{File: s.name, Kinds: []string{}, Findings: []finding{}}
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
	for _, kind := range v.kinds {
		findings := v.findings(doc, kind)
		n := countFaults(findings)
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

func (v *reviewer) findings(doc *policy.Document, kind policy.Kind) []finding {
	var faults policy.Errors
	if errors.As(doc.Validate(kind, v.vocabulary), &faults) {
		return found(faults, nil)
	}
	return found(nil, lint.Check(doc, kind, lint.Options{Vocabulary: v.vocabulary}))
}

func found(faults policy.Errors, doubts []lint.Finding) []finding {
	findings := make([]finding, 0, len(faults)+len(doubts))
	add := func(severity string, e *policy.Error) {
		findings = append(findings, finding{e.Name, severity, e.Pos.Line, e.Pos.Column, e.Path, e.Err.Error()})
	}
	for _, e := range faults {
		add("error", e)
	}
	for i := range doubts {
		switch f := &doubts[i]; {
		case f.Refused():
			add("error", &f.Error)
		case f.Severity > lint.Suggestion: // the rest is for `rowan lint`
			add("warning", &f.Error)
		}
	}
	return findings
}

func countFaults(findings []finding) int {
	n := 0
	for i := range findings {
		if findings[i].Severity == "error" {
			n++
		}
	}
	return n
}

func allKinds() []policy.Kind {
	var kinds []policy.Kind
	for k := policy.Identity; k <= policy.ResourceControl; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}
