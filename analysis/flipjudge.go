package analysis

import (
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/policy"
)

// trial is a request that is tried out.
type trial struct {
	action, resource, account string
	context                   map[string][]string
}

// with returns the trial with other values of a key, nil for none. Both names of
// a partition key's values change where the request or a policy uses both.
func (t *trial) with(values []string, names ...string) trial {
	out := *t
	out.context = maps.Clone(t.context)
	for _, name := range names {
		for have := range t.context {
			if strings.EqualFold(have, name) {
				delete(out.context, have)
			}
		}
		if values != nil {
			out.context[name] = values
		}
	}
	return out
}

// values returns those of a key, nil if the request has none.
func (t *trial) values(name string) []string {
	if v, ok := t.context[name]; ok {
		return v
	}
	for have, v := range t.context {
		if strings.EqualFold(have, name) {
			return v
		}
	}
	return nil
}

// judge decides requests of one principal with both interpreters.
type judge struct {
	vocabulary *conditions.Vocabulary
	principal  *engine.Principal
	who        reference.Principal
	evaluator  *engine.Evaluator
	asked      *reference.Policies
}

func newJudge(v *conditions.Vocabulary, p *Policies, who *engine.Principal) (*judge, error) {
	e, err := evaluator(v, p)
	if err != nil {
		return nil, err
	}
	j := &judge{vocabulary: v, principal: who, evaluator: e, asked: interpreted(p)}
	if j.who, err = reference.ParsePrincipal(who.String()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInternal, err)
	}
	return j, nil
}

// decide is what the engine says; false for a request that cannot be made.
func (j *judge) decide(t *trial) (engine.Decision, bool) {
	c := j.vocabulary.NewContext()
	for name, values := range t.context {
		if err := c.Set(name, values...); err != nil {
			return engine.Decision{}, false
		}
	}
	d := j.evaluator.Decide(&engine.Request{
		Principal: *j.principal, Action: t.action, Resource: t.resource, ResourceAccount: t.account, Context: c,
	})
	return d, d.Fault == engine.NoFault
}

// allows is what both say. They must agree.
func (j *judge) allows(t *trial) (allowed bool, err error) {
	d, ok := j.decide(t)
	if !ok {
		return false, nil
	}
	defer func() {
		if x := recover(); x != nil {
			allowed, err = false, fmt.Errorf("%w: %v", ErrInternal, x)
		}
	}()
	a := reference.Decide(reference.Question{
		Principal: j.who, Action: t.action, Resource: t.resource, ResourceAccount: t.account, Context: t.context, Policies: *j.asked,
	})
	if (a.Decision == "allowed") != d.Allowed() {
		return false, fmt.Errorf("%w: the engine says %s and the reference %s of %s on %s", ErrInternal, d.Outcome, a.Decision, t.action, t.resource)
	}
	return d.Allowed(), nil
}

// written is a statement with its document and where it stands among policies.
type written struct {
	kind      policy.Kind
	level     int
	document  *policy.Document
	statement *policy.Statement
}

// each yields every statement.
func (p *Policies) each() iter.Seq[*written] {
	return func(yield func(*written) bool) {
		for s := range p.sets() {
			for _, d := range s.documents {
				for i := range d.Statements {
					if !yield(&written{s.kind, s.level, d, &d.Statements[i]}) {
						return
					}
				}
			}
		}
	}
}

// documentSet are the documents of one kind, of one level for guardrails.
type documentSet struct {
	kind      policy.Kind
	level     int
	documents []*policy.Document
}

// sets yields the documents by kind, in the order in which they are reported.
func (p *Policies) sets() iter.Seq[documentSet] {
	all := make([]documentSet, 0, 5+len(p.ServiceControl)+len(p.ResourceControl))
	for i, l := range p.ResourceControl {
		all = append(all, documentSet{policy.ResourceControl, i, l})
	}
	for i, l := range p.ServiceControl {
		all = append(all, documentSet{policy.ServiceControl, i, l})
	}
	all = append(all, documentSet{policy.Endpoint, 0, p.Endpoint}, documentSet{policy.Boundary, 0, p.Boundary},
		documentSet{policy.Session, 0, p.Session}, documentSet{policy.Identity, 0, p.Identity})
	if p.Resource != nil {
		all = append(all, documentSet{policy.Resource, 0, []*policy.Document{p.Resource}})
	}
	return func(yield func(documentSet) bool) {
		for _, s := range all {
			if !yield(s) {
				return
			}
		}
	}
}

// ref names the statement.
func (w *written) ref() Ref {
	return Ref{w.kind, w.level, w.document.Name, w.statement.Index, w.statement.Sid.Value, w.statement.Pos}
}

// isAbout reports whether the statement's action matches; one that cannot be read
// does.
func (w *written) isAbout(action string) bool {
	matches := false
	for _, t := range w.statement.Action.Values {
		p, err := conditions.CompileAction(t.Value)
		matches = matches || err != nil || p.Match(action, nil) == conditions.True
	}
	return matches != w.statement.Action.Not
}

// readKey is a key that a statement reads.
type readKey struct {
	conditions.Key
	variable bool // by a policy variable
}

// reads returns the keys that the statement reads.
func (w *written) reads(v *conditions.Vocabulary) ([]readKey, error) {
	var out []readKey
	variables := func(p *conditions.Pattern) {
		if !p.HasVariables() {
			return
		}
		for _, t := range p.Template() {
			if t.Kind == conditions.TokenVariable {
				out = append(out, readKey{t.Variable.Key, true})
			}
		}
	}
	for i := range w.statement.Conditions {
		x := &w.statement.Conditions[i]
		c, faults := v.Compile(x.Operator.Value, x.Key.Value, x.Texts(), w.document.Variables())
		if len(faults) > 0 {
			return nil, faults[0].Err
		}
		if c.Key().Name == "" {
			return nil, fmt.Errorf("%s of %s reads the whole request", x.Operator.Value, w.ref())
		}
		out = append(out, readKey{c.Key(), false})
		templates := c.Templates()
		for j := range templates {
			variables(&templates[j])
		}
	}
	for _, t := range w.statement.Resource.Values {
		p, err := v.CompileResource(t.Value, w.document.Variables(), false)
		if err != nil {
			return nil, err
		}
		variables(&p)
	}
	return out, nil
}
