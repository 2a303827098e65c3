package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/cmd/internal/sarif"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// proofSARIF writes what is refuted or unknown; the checks are the rules.
func proofSARIF(c *console, v *conditions.Vocabulary, b *bundle.Bundle, all []proof.Result) error {
	log := sarif.Log{Tool: "rowan prove"}
	for _, name := range proof.Checks() {
		log.Rules = append(log.Rules, sarif.Rule{
			ID: name, Level: sarif.Error, Short: "A role " + proof.Claim(name) + ".",
			Full: "Refuted by a request that the policies allow, which the message shows; a warning says that it is unknown. See docs/prove.md.",
		})
	}
	for i := range all {
		switch r := &all[i]; r.Verdict {
		case proof.Refuted:
			log.Results = append(log.Results, refutedSARIF(v, b, r))
		case proof.Unknown:
			x := sarif.Result{RuleID: r.Check, Level: sarif.Warning, Message: whoseClaim(r) + ": unknown: " + plain(r.Reason)}
			x.File, x.Line = claimedAt(b, r)
			log.Results = append(log.Results, x)
		case proof.Proved:
		}
	}
	return sarif.Write(c.out, log)
}

// refutedSARIF stands at the statement that allows the request, if one does.
func refutedSARIF(v *conditions.Vocabulary, b *bundle.Bundle, r *proof.Result) sarif.Result {
	out := sarif.Result{RuleID: r.Check, Level: sarif.Error, Message: whoseClaim(r) + ": refuted"}
	out.File, out.Line = claimedAt(b, r)
	if r.Reason != "" {
		out.Message += ": " + plain(r.Reason)
	}
	for i, w := range []*analysis.Witness{r.Witness, r.Second} {
		if w == nil {
			continue
		}
		out.Message += ": " + [...]string{"", "and another identity: "}[i] + inWords(w)
		by := statementsBy(v, roleDecider(b, r.Role), w)
		if len(by) == 0 {
			continue
		}
		out.Message += ", by " + byStatements(by)
		if i == 0 {
			at(&out, &by[0])
		}
	}
	if r.File != "" {
		out.Message += fmt.Sprintf("; claimed at %s:%d", plain(r.File), r.Line)
	}
	return out
}

// at says that a result is about a statement.
func at(x *sarif.Result, s *engine.StatementReport) {
	x.File, x.Line, x.Column, x.Path = s.Document, s.Pos.Line, s.Pos.Column, ""
}

// whoseClaim says what is claimed of whom.
func whoseClaim(r *proof.Result) string {
	who := strings.Trim(r.Role+", "+r.Table, ", ")
	if who == "" {
		return plain(r.Claim)
	}
	return plain(who + ": " + r.Claim)
}

// claimedAt is where a claim is made: by a property, or by the file of a table.
func claimedAt(b *bundle.Bundle, r *proof.Result) (file string, line uint32) {
	if r.File != "" {
		return r.File, uint32(max(r.Line, 0))
	}
	if r.Table != "" {
		return path.Join(b.Name, "tables", r.Table+".yaml"), 0
	}
	return "", 0
}
