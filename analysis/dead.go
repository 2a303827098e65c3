package analysis

import (
	"context"
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/policy"
)

// Effect says what a statement does among others. The zero value is unknown.
type Effect uint8

// The effects of a statement.
const (
	Undetermined Effect = iota
	// Matters means that without it some request is decided otherwise.
	Matters
	// Dead means that no request meets it.
	Dead
	// Shadowed means that others decide all of its requests alike.
	Shadowed
)

func (e Effect) String() string {
	return [...]string{Undetermined: "unknown", Matters: "matters", Dead: "dead", Shadowed: "shadowed"}[e]
}

// Standing is what became of one statement.
type Standing struct {
	Document  int // place among the identity documents
	Statement int
	Sid       string
	Effect    Effect
	// Witness is a request that the statement decides, if it matters.
	Witness *Witness
	// By are statements that suffice to shadow it.
	By     []Ref
	Reason string // of what is unknown
}

// Statements says of each statement of the identity policies of q.By whether it
// matters: whether a request is allowed otherwise without it. The rest of q says
// which requests count; q.Not is not looked at.
func Statements(ctx context.Context, q *Question) ([]Standing, error) {
	var out []Standing
	for i, d := range q.By.Identity {
		for j := range d.Statements {
			x, err := standing(ctx, q, i, j)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
	}
	return out, nil
}

func standing(ctx context.Context, q *Question, i, j int) (Standing, error) {
	st := &q.By.Identity[i].Statements[j]
	out := Standing{Document: i, Statement: j, Sid: st.Sid.Value}
	a, err := q.with(ctx, st.Effect, q.By.Identity, without(q.By.Identity, i, j))
	if err != nil {
		return out, err
	}
	switch a.Verdict {
	case Found:
		out.Effect, out.Witness = Matters, a.Witness
		return out, nil
	case Unknown:
		out.Reason = a.Reason
		return out, nil
	case Never:
	}
	alone := &Policies{Identity: []*policy.Document{only(q.By.Identity[i], j)}}
	var not *Policies
	if st.Effect == policy.Deny { // does it keep anything from who may do everything?
		everything, err := policy.Parse("everything", []byte(`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`))
		if err != nil {
			return out, err
		}
		not = &Policies{Identity: append(alone.Identity, everything)}
		alone = &Policies{Identity: []*policy.Document{everything}}
	}
	a, err = Search(ctx, &Question{
		Vocabulary: q.Vocabulary, By: alone, Not: not, And: q.And, Principal: q.Principal,
		Keys: q.Keys, Needed: q.Needed, Formats: q.Formats, Limits: q.Limits,
	})
	switch {
	case err != nil:
		return out, err
	case a.Verdict == Never:
		out.Effect = Dead
		return out, nil
	case a.Verdict == Unknown:
		out.Reason = a.Reason
		return out, nil
	}
	out.Effect = Shadowed
	out.By, err = q.shadows(ctx, st.Effect, i, j)
	return out, err
}

// with asks what documents allow with a statement and not without it, or the
// other way round for a Deny.
func (q *Question) with(ctx context.Context, effect policy.Effect, all, rest []*policy.Document) (*Answer, error) {
	with, without := *q.By, *q.By
	with.Identity, without.Identity = all, rest
	x := *q
	x.By, x.Not = &with, &without
	if effect == policy.Deny {
		x.By, x.Not = &without, &with
	}
	return Search(ctx, &x)
}

// shadows drops other statements while the one stays shadowed: what is left
// shadows it, and none of it can be spared.
func (q *Question) shadows(ctx context.Context, effect policy.Effect, i, j int) ([]Ref, error) {
	rest := without(q.By.Identity, i, j)
	kept := rest
	for d := len(rest) - 1; d >= 0; d-- {
		for s := len(kept[d].Statements) - 1; s >= 0; s-- {
			fewer := without(kept, d, s)
			all := slices.Clone(fewer)
			all[i] = joined(fewer[i], q.By.Identity[i], j)
			a, err := q.with(ctx, effect, all, fewer)
			if err != nil {
				return nil, err
			}
			if a.Verdict == Never {
				kept = fewer
			}
		}
	}
	var out []Ref
	for _, d := range kept {
		for k := range d.Statements {
			st := &d.Statements[k]
			out = append(out, Ref{Kind: policy.Identity, Document: d.Name, Statement: st.Index, Sid: st.Sid.Value, Pos: st.Pos})
		}
	}
	return out, nil
}

// without returns documents without one statement. A document that has none left
// stays, and allows nothing.
func without(docs []*policy.Document, i, j int) []*policy.Document {
	out := slices.Clone(docs)
	d := *docs[i]
	d.Statements = slices.Delete(slices.Clone(d.Statements), j, j+1)
	out[i] = &d
	return out
}

// joined returns a document with a statement of another added.
func joined(d, from *policy.Document, j int) *policy.Document {
	out := *d
	out.Statements = append(slices.Clone(d.Statements), from.Statements[j])
	return &out
}

// only returns the document with one statement.
func only(d *policy.Document, j int) *policy.Document {
	out := *d
	out.Statements = []policy.Statement{d.Statements[j]}
	return &out
}

// String says what became of a statement.
func (s *Standing) String() string {
	name := s.Sid
	if name == "" {
		name = fmt.Sprintf("statement %d", s.Statement)
	}
	return name + ": " + s.Effect.String()
}
