package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/cmd/internal/rego"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// look finds when the statements of a bundle flip.
func (r *horizonRecord) look(v *conditions.Vocabulary, b *bundle.Bundle) {
	seen := map[string]bool{}
	for _, d := range b.Policies() {
		for i := range d.Statements {
			s := &d.Statements[i]
			if at := fmt.Sprint(d.Name, s.Pos); !seen[at] {
				seen[at] = true
				r.statement(v, b, d, s)
			}
		}
	}
	slices.SortFunc(r.Changes, byTime)
	for i := range r.Changes {
		slices.SortStableFunc(r.Changes[i].Statements, byPlace)
	}
	for _, g := range b.Rego {
		if strings.Contains(g.Text, "time.") || strings.Contains(g.Text, "CurrentTime") || strings.Contains(g.Text, "EpochTime") {
			r.Unforeseen = append(r.Unforeseen, unforeseenRecord{Statement: "a guardrail in Rego", File: g.File, Line: 1, Condition: "it may read the time"})
		}
	}
}

// timeCondition is a condition on the time.
type timeCondition struct {
	conditions.Condition
	words string
}

// statement finds when one flips: when its conditions on the time, taken
// together, come to another answer.
func (r *horizonRecord) statement(v *conditions.Vocabulary, b *bundle.Bundle, d *policy.Document, s *policy.Statement) {
	name := b.StatementName(engine.StatementRef{Document: d.Name, Index: s.Index, Sid: s.Sid.Value, Pos: s.Pos})
	unforeseen := func(words string) {
		r.Unforeseen = append(r.Unforeseen, unforeseenRecord{Statement: name, File: d.Name, Line: s.Pos.Line, Condition: words})
	}
	for _, t := range s.Resource.Values {
		if d.Variables() && conditions.NamesTime(t.Value) {
			unforeseen(t.Value)
		}
	}
	var all []timeCondition
	var seconds []int64
	for i := range s.Conditions {
		x := &s.Conditions[i]
		words := fmt.Sprintf("%s %s %q", x.Operator.Value, x.Key.Value, x.Texts())
		compiled, faults := v.Compile(x.Operator.Value, x.Key.Value, x.Texts(), d.Variables())
		if len(faults) > 0 {
			continue // unreachable: the document is valid
		}
		key := strings.ToLower(compiled.Key().Name)
		at, foreseen := compiled.Flips()
		if !foreseen && key == "aws:epochtime" {
			at, foreseen = wholeSeconds(x.Texts())
		}
		switch {
		case key == "aws:multifactorauthage" || slices.ContainsFunc(x.Texts(), func(t string) bool { return d.Variables() && conditions.NamesTime(t) }):
			if key != "aws:multifactorauthage" { // which is of the session
				unforeseen(words)
			}
		case !foreseen:
			unforeseen(words)
		case key == "aws:currenttime" || key == "aws:epochtime":
			all, seconds = append(all, timeCondition{compiled, words}), append(seconds, at...)
		}
	}
	slices.Sort(seconds)
	for _, at := range slices.Compact(seconds) {
		before, after := holdAt(v, all, at-1), holdAt(v, all, at)
		if when := time.Unix(at, 0).UTC(); before != after && when.After(r.From) && (r.Until.IsZero() || !when.After(r.Until)) {
			f := flipRecord{Statement: name, File: d.Name, Line: s.Pos.Line, Column: s.Pos.Column, Effect: s.Effect.String(), Applies: after}
			for i := range all {
				f.Conditions = append(f.Conditions, all[i].words)
			}
			r.add(when, f)
		}
	}
}

func (r *horizonRecord) add(at time.Time, f flipRecord) {
	i := slices.IndexFunc(r.Changes, func(x changeRecord) bool { return x.At.Equal(at) })
	if i < 0 {
		i = len(r.Changes)
		r.Changes = append(r.Changes, changeRecord{At: at})
	}
	r.Changes[i].Statements = append(r.Changes[i].Statements, f)
}

// wholeSeconds are the seconds at which a comparison of seconds with numbers may
// come to another answer.
func wholeSeconds(numbers []string) (seconds []int64, foreseen bool) {
	for _, text := range numbers {
		whole, _, _ := strings.Cut(text, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return nil, false
		}
		seconds = append(seconds, n-1, n, n+1)
	}
	return seconds, true
}

// holdAt reports whether conditions on the time all hold at a second.
func holdAt(v *conditions.Vocabulary, all []timeCondition, second int64) bool {
	x := v.NewContext()
	for key, values := range proof.TimeKeys(time.Unix(second, 0)) {
		if err := x.Set(key, values...); err != nil {
			return false
		}
	}
	for i := range all {
		if all[i].Test(x, "", "") != conditions.True {
			return false
		}
	}
	return true
}

// watcher looks at what changes with the statements.
type watcher struct {
	command    *horizonCommand
	console    *console
	vocabulary *conditions.Vocabulary
	bundle     *bundle.Bundle
	guardrails *rego.Guardrails
	suites     []*bundle.Suite
}

// effects asks the tests and the checks before and after each change. Between
// two of them nothing changes.
func (w *watcher) effects(r *horizonRecord) error {
	anytime := make([]*bundle.Suite, len(w.suites))
	for i, s := range w.suites {
		x := *s
		x.Now = time.Time{} // or it would be asked at its own
		anytime[i] = &x
	}
	w.suites = anytime
	cells := w.cells(r.Changes[0].At.Add(-time.Second))
	checks, err := w.proofs(r.Changes[0].At.Add(-time.Second))
	if err != nil {
		return err
	}
	for i := range r.Changes {
		x := &r.Changes[i]
		if i == maxInstants {
			r.Skipped = len(r.Changes) - i
			break
		}
		was, had := cells, checks
		cells = w.cells(x.At)
		if checks, err = w.proofs(x.At); err != nil {
			return err
		}
		x.Cells, x.Checks = changedCells(was, cells), changedChecks(had, checks)
	}
	return nil
}

// cells runs the tests at a time.
func (w *watcher) cells(at time.Time) bundle.Result {
	return bundle.Run(w.bundle, w.suites, bundle.RunOptions{Now: at, Guardrail: w.guardrails.Hook(context.Background(), at)})
}

// changedCells compares two runs of the same suites.
func changedCells(was, is bundle.Result) []cellRecord {
	var out []cellRecord
	for i := range is.Suites {
		for j := range is.Suites[i].Tests {
			for k := range is.Suites[i].Tests[j].Cells {
				a, b := &was.Suites[i].Tests[j].Cells[k], &is.Suites[i].Tests[j].Cells[k]
				if from, to := cameTo(a), cameTo(b); from != to {
					out = append(out, cellRecord{is.Suites[i].Name, is.Suites[i].Tests[j].Name, b.Name, from, to, !b.Pass})
				}
			}
		}
	}
	return out
}

// cameTo says what a cell came to.
func cameTo(c *bundle.CellResult) string {
	if c.Rows != nil {
		return "[" + strings.Join(c.Rows, ", ") + "]"
	}
	return c.Got.String()
}

// changedChecks compares two proofs of the same bundle.
func changedChecks(was, is []proof.Result) []checkRecord {
	var out []checkRecord
	for i := range is {
		b := &is[i]
		j := slices.IndexFunc(was, func(a proof.Result) bool {
			return a.Check == b.Check && a.Role == b.Role && a.Table == b.Table && a.Claim == b.Claim && a.File == b.File && a.Line == b.Line
		})
		if j >= 0 && was[j].Verdict != b.Verdict {
			out = append(out, checkRecord{b.Check, b.Role, b.Table, b.Claim, was[j].Verdict, b.Verdict})
		}
	}
	return out
}
