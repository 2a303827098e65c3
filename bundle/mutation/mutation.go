package mutation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Options say how mutants are tried.
type Options struct {
	// Vocabulary is that of the bundle; nil means conditions.AWS.
	Vocabulary *conditions.Vocabulary
	Suites     []*bundle.Suite
	// Now, Select and Guardrail are as for bundle.Run.
	Now       time.Time
	Select    func(name string) bool
	Guardrail func(*engine.Request) string
	// Limits are those of one question of the analysis.
	Limits analysis.Limits
	// Most is how many mutants are tried at most; 0 means 10,000.
	Most int
	// Progress, which may be nil, is told how many of how many are done.
	Progress func(done, of int)
}

const defaultMost = 10_000

// Outcome says what became of a mutant. The zero value is Unknown.
type Outcome string

// The outcomes.
const (
	// Unknown means that no test noticed, and that the analysis cannot tell
	// whether there is anything to notice.
	Unknown Outcome = "unknown"
	// Killed means that a test fails on it.
	Killed Outcome = "killed"
	// Survived means that no test does, though it decides some request
	// otherwise.
	Survived Outcome = "survived"
	// Equivalent means that it decides every request as the bundle does: that is
	// proved.
	Equivalent Outcome = "equivalent"
)

// Mutant is the bundle with one change.
type Mutant struct {
	// Statement is the name of the changed statement, as suites call it; File and
	// Line say where it begins.
	Statement string
	File      string
	Line      int
	// Change says what is otherwise.
	Change  string
	Outcome Outcome
	// KilledBy is the SUITE/TEST/CELL that fails, of Killed.
	KilledBy string
	// Role is one that is affected, and Witness a request of its session that is
	// decided otherwise, of Survived. The mutant allows it, unless Denies says that
	// it denies what the bundle allows. Identity is that of a suite which asks it,
	// empty if none does.
	Role, Identity string
	Witness        *analysis.Witness
	Denies         bool
	// Test is the test to add to the suite TestFile, as YAML: the bundle passes it
	// and the mutant does not. Empty if SameTest names an earlier mutant whose
	// test notices this one too, or if no suite can ask the request.
	Test, TestFile string
	// SameTest counts mutants from 1; 0 means none.
	SameTest int
	// Reason says why it is Unknown, or why there is no test.
	Reason string
}

// Report is how the tests fared.
type Report struct {
	Mutants []Mutant
	// Killed, Survived, Equivalent and Unknown count them; Left were not tried.
	Killed, Survived, Equivalent, Unknown, Left int
}

// Score is the share of mutants that tests noticed of those that there is
// something to notice of, from 0 to 100; 100 if there is none.
func (r *Report) Score() float64 {
	all := r.Killed + r.Survived + r.Unknown + r.Left
	if all == 0 {
		return 100
	}
	return 100 * float64(r.Killed) / float64(all)
}

// FailedError means that the tests do not pass as it is, so that nothing can be
// said of what they notice.
type FailedError struct{ Cell string }

func (e *FailedError) Error() string {
	return fmt.Sprintf("%s fails as it is: mutants are for tests that pass", e.Cell)
}

// ErrNothing means that there is nothing to try: no statement that suites decide
// by, or no cell.
var ErrNothing = errors.New("nothing to try: no test, or no statement that could be weaker")

// runner tries mutants.
type runner struct {
	Options
	bundle *bundle.Bundle
	sieve  *bundle.Sieve
	askers []bundle.Asker
	report *Report
	// added are tests for earlier survivors.
	added []addedTest
}

// addedTest notices mutants that no other test does.
type addedTest struct {
	sieve  *bundle.Sieve
	mutant int // counts from 1
}

// subject is a document with the roles whose requests it decides.
type subject struct {
	document *policy.Document
	roles    []*bundle.Role
}

// Run tries the mutants of a bundle. It ends early when ctx is done, and counts
// what is left. It wraps FailedError and ErrNothing, and ErrInternal of the
// analysis.
func Run(ctx context.Context, b *bundle.Bundle, o Options) (*Report, error) {
	if o.Most == 0 {
		o.Most = defaultMost
	}
	if o.Vocabulary == nil {
		o.Vocabulary = conditions.AWS()
	}
	r := &runner{Options: o, bundle: b, report: &Report{}}
	r.sieve = bundle.NewSieve(b, o.Suites, r.running())
	if cell, failed := r.sieve.Caught(b); failed {
		return nil, &FailedError{cell}
	}
	var err error
	if r.askers, err = b.Askers(o.Suites); err != nil {
		return nil, err
	}
	type planned struct {
		subject *subject
		variant variant
	}
	var all []planned
	known := r.known()
	for _, s := range subjects(b) {
		for _, v := range variants(s.document, known) {
			all = append(all, planned{s, v})
		}
	}
	if len(all) == 0 || r.sieve.Len() == 0 {
		return nil, ErrNothing
	}
	for i, p := range all {
		if i == o.Most || ctx.Err() != nil {
			r.report.Left = len(all) - i
			break
		}
		if err := r.try(ctx, p.subject, &p.variant); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(i+1, len(all))
		}
	}
	if len(r.report.Mutants) == 0 && r.report.Left == 0 {
		return nil, ErrNothing
	}
	return r.report, nil
}

func (r *runner) running() bundle.RunOptions {
	return bundle.RunOptions{Now: r.Now, Select: r.Select, Guardrail: r.Guardrail}
}

// subjects are the documents that suites decide by, in the order of files.
func subjects(b *bundle.Bundle) []*subject {
	found := map[*policy.Document]*subject{}
	note := func(d *policy.Document, r *bundle.Role) {
		if found[d] == nil {
			found[d] = &subject{document: d}
		}
		if !slices.Contains(found[d].roles, r) {
			found[d].roles = append(found[d].roles, r)
		}
	}
	for _, r := range b.Roles {
		identity, boundary := r.Documents()
		for _, d := range slices.Concat(identity, boundary) {
			note(d, r)
		}
		for _, l := range slices.Concat(b.ServiceControl, b.ResourceControl) {
			for _, d := range l.Documents() {
				note(d, r)
			}
		}
		for _, x := range b.Resources {
			note(x.Document(), r)
		}
	}
	var out []*subject
	for _, d := range b.Policies() {
		if s := found[d]; s != nil {
			out = append(out, s)
		}
	}
	return out
}

// known are values of context keys: those that policies want, and those that the
// questions of suites have.
func (r *runner) known() map[string][]string {
	out := map[string][]string{}
	add := func(key, value string) {
		const most = 64
		key = strings.ToLower(key)
		if len(out[key]) < most && !slices.Contains(out[key], value) {
			out[key] = append(out[key], value)
		}
	}
	wanted := map[string]bool{}
	for _, d := range r.bundle.Policies() {
		for i := range d.Statements {
			for _, c := range d.Statements[i].Conditions {
				wanted[strings.ToLower(c.Key.Value)] = true
				for _, v := range c.Values {
					if _, base, _ := operatorParts(c.Operator.Value); base != "Null" && !strings.ContainsAny(v.Value, "$*?") {
						add(c.Key.Value, v.Value)
					}
				}
			}
		}
	}
	for _, s := range r.Suites {
		for _, t := range s.Tests {
			for i := range t.Cells {
				q, err := t.Cells[i].Question(r.Now)
				if err != nil {
					continue
				}
				for key := range wanted {
					values, _ := q.Request.Context.Value(key)
					for _, v := range values {
						add(key, v)
					}
				}
			}
		}
	}
	return out
}

// try says what becomes of one mutant.
func (r *runner) try(ctx context.Context, s *subject, v *variant) error {
	mutated, err := r.bundle.Swap(s.document, v.document)
	if _, faulty := errors.AsType[policy.Errors](err); faulty {
		return nil // what is no policy of its kind is no mutant
	}
	if err != nil {
		return err
	}
	m := Mutant{
		Statement: r.bundle.StatementName(engine.StatementRef{
			Document: s.document.Name, Index: v.statement.Index, Sid: v.statement.Sid.Value, Pos: v.statement.Pos,
		}),
		File: s.document.Name, Line: int(v.statement.Pos.Line), Change: v.change,
	}
	roles := make([]string, len(s.roles))
	for i, x := range s.roles {
		roles[i] = x.Name
	}
	var caught bool
	if m.KilledBy, caught = r.sieve.Caught(mutated, roles...); caught {
		m.Outcome = Killed
	} else if err := r.compare(ctx, s, mutated, &m); err != nil {
		return err
	}
	r.report.Mutants = append(r.report.Mutants, m)
	switch m.Outcome {
	case Killed:
		r.report.Killed++
	case Survived:
		r.report.Survived++
	case Equivalent:
		r.report.Equivalent++
	case Unknown:
		r.report.Unknown++
	}
	return nil
}

// compare asks the analysis what the mutant decides otherwise, role by role.
func (r *runner) compare(ctx context.Context, s *subject, mutated *bundle.Bundle, m *Mutant) error {
	m.Outcome = Equivalent
	for _, denies := range []bool{false, true} {
		for _, role := range s.roles {
			a, err := r.differs(ctx, role, mutated, denies, nil)
			if err != nil {
				return err
			}
			switch a.Verdict {
			case analysis.Found:
				m.Outcome, m.Role, m.Witness, m.Denies, m.Reason = Survived, role.Name, a.Witness, denies, ""
				return r.test(ctx, role, mutated, m)
			case analysis.Unknown:
				m.Outcome, m.Reason = Unknown, a.Reason
			case analysis.Never:
			}
		}
	}
	return nil
}

// differs looks for a request of a role that the mutant allows and the bundle does
// not, or the other way round. Keys are values that are given.
func (r *runner) differs(ctx context.Context, role *bundle.Role, mutated *bundle.Bundle, denies bool, keys map[string][]string) (*analysis.Answer, error) {
	other, ok := mutated.Role(role.Name)
	if !ok {
		return nil, fmt.Errorf("no role %q", role.Name)
	}
	was, err := proof.Policies(r.bundle, role, "")
	if err != nil {
		return nil, err
	}
	is, err := proof.Policies(mutated, other, "")
	if err != nil {
		return nil, err
	}
	q := &analysis.Question{
		Vocabulary: r.Vocabulary, By: is, Not: was, Limits: r.Limits, Actions: bundle.RowActions(),
		Principal: "arn:" + r.bundle.Partition + ":sts::" + r.bundle.Account + ":assumed-role/" + role.Name + "/" + bundle.SessionName,
		Keys:      map[string][]string{"aws:PrincipalArn": {role.ARN}},
	}
	maps.Copy(q.Keys, keys)
	if denies {
		q.By, q.Not = was, is
		return proof.SearchBetween(ctx, r.bundle, mutated, q)
	}
	return proof.SearchBetween(ctx, mutated, r.bundle, q)
}
