package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// statementsBy returns the statements that decide the request of a witness, which is
// where a reader should look; none if nobody can say.
func statementsBy(v *conditions.Vocabulary, by decider, w *analysis.Witness) []engine.StatementReport {
	e, err := by(w.Resource)
	if err != nil {
		return nil
	}
	r, err := proof.Request(v, w)
	if err != nil {
		return nil
	}
	return e.Explain(r).Statements
}

// inWords says a request on one line.
func inWords(w *analysis.Witness) string { return plain(witnessOf(w).words(nil)) }

// words says a request on one line, without the keys that are known.
func (w *witnessJSON) words(known map[string][]string) string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(w.Context)) {
		if _, said := known[key]; key != "aws:PrincipalArn" && !said {
			keys = append(keys, key+" = "+quoted(w.Context[key]))
		}
	}
	out := w.Action + " " + w.Resource
	if len(keys) > 0 {
		out += " with " + strings.Join(keys, ", ")
	}
	return out
}

// byStatements names statements, and where they stand.
func byStatements(all []engine.StatementReport) string {
	names := make([]string, len(all))
	for i := range all {
		s := &all[i]
		name := s.Sid
		if name == "" {
			name = fmt.Sprintf("statement %d", s.Index)
		}
		names[i] = fmt.Sprintf("%s (%s:%d)", plain(name), plain(s.Document), s.Pos.Line)
	}
	return strings.Join(names, ", ")
}
