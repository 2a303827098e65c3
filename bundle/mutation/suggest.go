package mutation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
)

// newSuite is the file for tests that fit into no suite.
const newSuite = "tests/mutation_test.yaml"

// test finds the test that notices a survivor: one that was found before, else one
// that asks the witness, by an identity of the suites if there is one of the role.
func (r *runner) test(ctx context.Context, role *bundle.Role, mutated *bundle.Bundle, m *Mutant) error {
	for _, t := range r.added {
		if _, caught := t.sieve.Caught(mutated); caught {
			m.SameTest = t.mutant
			return nil
		}
	}
	for i := range r.askers {
		a := &r.askers[i]
		if a.Role != role.Name || a.Suite == "" {
			continue
		}
		w, err := r.of(ctx, role, mutated, m, a)
		if err != nil {
			return err
		}
		if r.inSuite(a, mutated, w, m) {
			m.Witness, m.Identity = w, a.Name
			return nil
		}
	}
	if !r.inNewSuite(role, mutated, m) {
		m.Reason = "a suite cannot ask this request"
	}
	return nil
}

// of is a witness that an identity may ask: as it is, else in other circumstances,
// else as somebody else.
func (r *runner) of(ctx context.Context, role *bundle.Role, mutated *bundle.Bundle, m *Mutant, a *bundle.Asker) (*analysis.Witness, error) {
	all, who := a.Keys(), map[string][]string{}
	for name, values := range all {
		if folded := strings.ToLower(name); strings.HasPrefix(folded, "aws:principaltag/") || strings.HasPrefix(folded, "cognito-identity.") {
			who[name] = values
		}
	}
	for _, keys := range []map[string][]string{all, who} {
		found, err := r.differs(ctx, role, mutated, m.Denies, keys)
		if err != nil {
			return nil, err
		}
		if found.Verdict == analysis.Found {
			return found.Witness, nil
		}
	}
	return m.Witness, nil
}

// inSuite writes the test for the suite of an identity.
func (r *runner) inSuite(a *bundle.Asker, mutated *bundle.Bundle, w *analysis.Witness, m *Mutant) bool {
	i := slices.IndexFunc(r.Suites, func(s *bundle.Suite) bool { return s.Name == a.Suite })
	if i < 0 || len(r.Suites[i].Tests) == 0 {
		return false
	}
	suite := r.Suites[i]
	lines := strings.SplitAfter(string(r.bundle.Source(suite.File)), "\n")
	at := suite.Tests[0].Line - 1
	if at < 0 || at >= len(lines) {
		return false
	}
	indent, rest, ok := strings.Cut(lines[at], "- ")
	if !ok || strings.TrimSpace(indent) != "" || strings.TrimSpace(rest) == "" {
		return false
	}
	name := testName(suite, m)
	write := func(decision string) (item, whole string) {
		item = testYAML(indent, name, a.Name, w, a.Keys(), decision)
		return item, strings.Join(slices.Concat(lines[:at], []string{item}, lines[at:]), "")
	}
	return r.confirm(write, suite.File, name, mutated, m)
}

// inNewSuite writes the test as a suite of its own.
func (r *runner) inNewSuite(role *bundle.Role, mutated *bundle.Bundle, m *Mutant) bool {
	name := testName(nil, m)
	write := func(decision string) (item, whole string) {
		item = fmt.Sprintf("suite: %s\nidentities:\n  someone: {role: %s}\ntests:\n", quote("noticed by mutation: "+m.Statement+", "+m.Change), quote(role.Name)) +
			testYAML("  ", name, "someone", m.Witness, nil, decision)
		return item, item
	}
	return r.confirm(write, path.Join(r.bundle.Name, newSuite), name, mutated, m)
}

// testName is one that no test of the suite has.
func testName(s *bundle.Suite, m *Mutant) string {
	name := m.Statement + ": not if " + m.Change
	if m.Denies {
		name = m.Statement + ": " + m.Change + " would deny it"
	}
	for n := 2; s != nil && slices.ContainsFunc(s.Tests, func(t bundle.Test) bool { return t.Name == name }); n++ {
		name = fmt.Sprintf("%s (%d)", strings.TrimSuffix(name, fmt.Sprintf(" (%d)", n-1)), n)
	}
	return name
}

// confirm writes the test, reads it as a part of its suite, and runs it: the
// bundle must pass it and the mutant must not.
func (r *runner) confirm(write func(decision string) (item, whole string), file, name string, mutated *bundle.Bundle, m *Mutant) bool {
	for _, o := range []engine.Outcome{engine.ImplicitDeny, engine.ExplicitDeny, engine.Allowed} {
		if (o == engine.Allowed) != m.Denies {
			continue
		}
		item, whole := write(o.String())
		suite, err := r.bundle.ParseSuite(file, []byte(whole))
		if err != nil {
			return false
		}
		options := r.running()
		options.Select = func(cell string) bool { return strings.HasPrefix(cell, suite.Name+"/"+name+"/") }
		sieve := bundle.NewSieve(r.bundle, []*bundle.Suite{suite}, options)
		if sieve.Len() == 0 {
			return false
		}
		if _, failed := sieve.Caught(r.bundle); failed {
			continue
		}
		if _, caught := sieve.Caught(mutated); !caught {
			return false
		}
		m.Test, m.TestFile = item, file
		r.added = append(r.added, addedTest{sieve, len(r.report.Mutants) + 1})
		return true
	}
	return false
}

// testYAML writes a test as an element of a list. Keys are those that the identity
// has already.
func testYAML(indent, name, identity string, w *analysis.Witness, keys map[string][]string, decision string) string {
	var b strings.Builder
	line := func(start, format string, args ...any) { fmt.Fprintf(&b, indent+start+format+"\n", args...) }
	line("- ", "name: %s", quote(name))
	line("  ", "as: %s", quote(identity))
	line("  ", "request: {action: %s, resource: %s}", quote(w.Action), quote(w.Resource))
	if context := contextYAML(w, keys); context != "" {
		line("  ", "context: {%s}", context)
	}
	line("  ", "expect: {decision: %s}", decision)
	return b.String()
}

// contextYAML writes the keys of a request that neither the principal nor the
// identity gives.
func contextYAML(w *analysis.Witness, given map[string][]string) string {
	keys := map[string][]string{}
	for name, values := range w.Context {
		same := false
		for have, v := range given {
			same = same || strings.EqualFold(have, name) && slices.Equal(v, values)
		}
		if !same && !determined(name) {
			keys[name] = values
		}
	}
	for have := range given { // which the request has not
		if !slices.ContainsFunc(slices.Collect(maps.Keys(w.Context)), func(name string) bool { return strings.EqualFold(have, name) }) {
			keys[have] = nil
		}
	}
	// A suite asks for rows; what names none says so.
	if _, ok := keys["dynamodb:LeadingKeys"]; !ok && slices.ContainsFunc(bundle.RowActions(), func(a string) bool { return strings.EqualFold(a, w.Action) }) &&
		!strings.EqualFold(w.Action, "dynamodb:Scan") {
		keys["dynamodb:LeadingKeys"] = nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		values := keys[name]
		if len(values) == 1 {
			parts = append(parts, quote(name)+": "+quote(values[0]))
			continue
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = quote(v)
		}
		parts = append(parts, quote(name)+": ["+strings.Join(quoted, ", ")+"]")
	}
	return strings.Join(parts, ", ")
}

// determined reports whether the principal determines a key.
func determined(name string) bool {
	switch strings.ToLower(name) {
	case "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:principalisawsservice", "aws:resourceaccount":
		return true
	}
	return false
}

// quote writes a YAML string as JSON does.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always encodes
	}
	return string(text)
}
