package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle/proof"
)

// proofCommand is `rowan prove`.
type proofCommand struct {
	Bundle string        `default:"." placeholder:"DIR" help:"The bundle; without it that of this directory."`
	Role   []string      `placeholder:"ROLE" help:"Prove what is claimed of these roles only."`
	Check  []string      `placeholder:"CHECK" help:"Run these checks only. One of isolation, missing-key, keyless, open-world, index, table-prefix, attributes, whole-rows, returned-values, non-interference, escalation, guests, constants, outsiders, dead-denies, property."`
	Time   time.Duration `default:"10s" placeholder:"DURATION" help:"How long one question may take."`
	moment
	celFlag
}

// Help describes the command.
func (*proofCommand) Help() string {
	return `Proves for every request at once what a bundle's tables and suites claim: that a role reaches only rows of its own identity, that no call goes around partition keys, that no two identities meet in a row, and what the suites say under "properties". What does not hold comes with a request that shows it, which the engine and a second interpreter have decided.

Whose rows are whose stands in a table's file, under "isolation": the identity key, shared partition keys, roles that may reach all rows, protected attributes.

Exit status: 0 all is proved, 1 something is refuted, 2 usage, 3 something is unknown, or the bundle cannot be loaded.

Examples:

    rowan prove --bundle scores
    rowan prove --bundle scores --role Player --check isolation
    rowan prove --bundle scores --format sarif > proof.sarif`
}

// Run proves.
func (p *proofCommand) Run(c *console) error {
	v, err := p.vocabulary()
	if err != nil {
		return err
	}
	b, suites, err := loadBundle(p.Bundle, v)
	if err != nil {
		return c.unloadable(err)
	}
	var refuted, unknown, proved int
	last := ""
	all, err := proof.Prove(context.Background(), b, proof.Options{
		Vocabulary: v, Roles: p.Role, Checks: p.Check, Suites: suites, Limits: analysis.Limits{Time: p.Time, Now: c.now}, At: p.At,
		Progress: func(r proof.Result) {
			switch r.Verdict {
			case proof.Proved:
				proved++
			case proof.Refuted:
				refuted++
			case proof.Unknown:
				unknown++
			}
			if c.format == "text" {
				last = c.printProof(&r, last)
				_ = c.out.Flush() // an error stays: see broken
			}
		},
	})
	if err != nil {
		return err
	}
	if refuted > 0 {
		c.raise(exitUnmet)
	}
	if unknown > 0 {
		c.raise(exitUnloadable)
	}
	switch c.format {
	case "json":
		return c.encode(proofJSON(all))
	case "sarif":
		return proofSARIF(c, v, b, all)
	}
	c.printf("%d proved, %d refuted, %d unknown\n", proved, refuted, unknown)
	return c.broken()
}

// printProof prints a result under its role and table, and returns which that
// is.
func (c *console) printProof(r *proof.Result, last string) string {
	group := "all policies"
	switch {
	case r.Role != "" && r.Table != "":
		group = r.Role + ", " + r.Table
	case r.Role != "" || r.Table != "":
		group = r.Role + r.Table
	}
	if group != last {
		c.printf("%s\n", c.paint(bold, group))
	}
	color := map[proof.Verdict]string{proof.Proved: green, proof.Refuted: red, proof.Unknown: yellow}[r.Verdict]
	c.printf("  %s %-16s %s\n", c.paint(color, fmt.Sprintf("%-8s", r.Verdict)), r.Check, plain(r.Claim))
	if r.Reason != "" {
		c.printf("           %s\n", plain(r.Reason))
	}
	switch {
	case r.Second != nil:
		c.printWitness("one", r.Witness)
		c.printWitness("another", r.Second)
	case r.Witness != nil:
		c.printWitness("but", r.Witness)
	}
	if r.File != "" && r.Verdict != proof.Proved {
		c.printf("           %s:%d\n", r.File, r.Line)
	}
	return group
}

func (c *console) printWitness(word string, w *analysis.Witness) {
	c.printf("           %s may %s\n", word, plain(w.Action+" "+w.Resource))
	c.printKeys("             ", w)
}

func (c *console) printKeys(indent string, w *analysis.Witness) {
	for _, key := range slices.Sorted(maps.Keys(w.Context)) {
		if key != "aws:PrincipalArn" {
			c.printf("%s%s = %s\n", indent, key, plain(quoted(w.Context[key])))
		}
	}
}

func quoted(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(out, ", ")
}

// witnessJSON is a request in the form of a scenario's.
type witnessJSON struct {
	Principal       string              `json:"principal"`
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount,omitempty"`
	Context         map[string][]string `json:"context,omitempty"`
}

func witnessOf(w *analysis.Witness) *witnessJSON {
	if w == nil {
		return nil
	}
	return &witnessJSON{w.Principal, w.Action, w.Resource, w.ResourceAccount, w.Context}
}

// resultJSON is a result of rowan prove.
type resultJSON struct {
	Verdict  proof.Verdict `json:"verdict"`
	Check    string        `json:"check"`
	Role     string        `json:"role,omitempty"`
	Table    string        `json:"table,omitempty"`
	Claim    string        `json:"claim"`
	Reason   string        `json:"reason,omitempty"`
	Request  *witnessJSON  `json:"request,omitempty"`
	Second   *witnessJSON  `json:"second,omitempty"`
	File     string        `json:"file,omitempty"`
	Line     int           `json:"line,omitempty"`
	Property string        `json:"property,omitempty"`
}

func proofJSON(all []proof.Result) []resultJSON {
	out := make([]resultJSON, len(all))
	for i := range all {
		r := &all[i]
		out[i] = resultJSON{r.Verdict, r.Check, r.Role, r.Table, r.Claim, r.Reason, witnessOf(r.Witness), witnessOf(r.Second), r.File, r.Line, r.Property}
	}
	return out
}
