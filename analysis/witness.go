package analysis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/policy"
)

// Witness is a request that answers a question.
type Witness struct {
	// Principal is an ARN. Where the question gave none it is made up.
	Principal string
	Action    string
	// Resource is an ARN, or "*" for an action that has none.
	Resource        string
	ResourceAccount string
	// Context holds the context keys by the names that policies use, beside
	// those that the principal determines.
	Context map[string][]string

	atom int // of the action
}

func (w *Witness) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", w.Action, w.Resource)
	for _, key := range slices.Sorted(maps.Keys(w.Context)) {
		fmt.Fprintf(&b, " %s=%q", key, w.Context[key])
	}
	return b.String()
}

// ErrInternal means that the analysis found a request which the interpreters
// decide differently than it says: nothing of it is to be believed.
var ErrInternal = errors.New("internal error of the analysis")

// witness makes a request of a state.
func (h *hunt) witness(s state) *Witness {
	f := h.frame
	w := &Witness{Context: map[string][]string{}, ResourceAccount: f.world.owner}
	w.atom = h.action(s[actionDim].all)
	if w.Action = h.names[w.atom]; w.Action == "" {
		w.Action = h.actions.atoms[w.atom]
	}
	w.Resource = f.dims[resourceDim].atoms[s[resourceDim].all.first()]
	for i := keyDims; i < len(s); i++ {
		d := f.dims[i]
		if d.opaque || !s[i].present || s[i].absent && len(s[i].some) == 0 {
			continue
		}
		if values := s[i].values(d); values != nil {
			h.put(w, d.name, values)
		}
	}
	for name, value := range f.values {
		h.put(w, name, []string{value})
	}
	for name, values := range h.Keys {
		if values != nil {
			h.put(w, keyName(name), values)
		}
	}
	w.Principal = h.Principal
	if w.Principal == "" {
		w.Principal = h.someone(f.world, w)
	}
	return w
}

// action picks an action: one that people know, if there is one.
func (h *hunt) action(all set) int {
	best := -1
	for i := range h.actions.atoms {
		if all.has(i) && h.names[i] != "" && (best < 0 || h.ranks[i] < h.ranks[best]) {
			best = i
		}
	}
	if best >= 0 {
		return best
	}
	return all.first()
}

// some picks a text, not the empty one if there is another.
func (d *dimension) some(from set) string {
	first := from.first()
	if d.atoms[first] == "" {
		rest := from.and(d.universe)
		rest[first/64] &^= 1 << (first % 64)
		if next := rest.first(); next >= 0 {
			return d.atoms[next]
		}
	}
	return d.atoms[first]
}

// values picks one value for each that must be, or any.
func (c *cell) values(d *dimension) []string {
	var out []string
	for _, e := range c.some {
		text := d.some(e.and(c.all))
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		out = append(out, d.some(c.all))
	}
	if d.list && len(out) == 1 && out[0] == "" {
		out = append(out, "") // the empty text alone is no value
	}
	return out
}

// put sets a key under the name of the vocabulary, and under both names of a
// partition key's values.
func (h *hunt) put(w *Witness, name string, values []string) {
	if key, err := h.vocabulary.Key(h.spelled(name)); err == nil {
		name = key.Name
	}
	w.Context[name] = values
	if name == "dynamodb:LeadingKeys" && h.readsFirst() {
		w.Context["dynamodb:FirstPartitionKeyValues"] = values
	}
}

// spelled is a key as policies write it: tags keep their case.
func (h *hunt) spelled(name string) string {
	for _, st := range h.statements {
		for i := range st.conditions {
			if key := st.conditions[i].Key().Name; keyName(key) == name {
				return key
			}
		}
	}
	return name
}

func (h *hunt) readsFirst() bool {
	for _, st := range h.statements {
		for i := range st.conditions {
			if st.conditions[i].Key().Name == "dynamodb:FirstPartitionKeyValues" {
				return true
			}
		}
	}
	return false
}

// someone is a principal that the witness may come from.
func (h *hunt) someone(w *world, x *Witness) string {
	if arn := x.Context["aws:PrincipalArn"]; len(arn) == 1 {
		return arn[0]
	}
	if w.fixed["aws:principaltype"][0] == "User" {
		return "arn:aws:iam::" + w.account + ":user/someone"
	}
	return "arn:aws:iam::" + w.account + ":role/someone"
}

// polish makes what is free of a witness look like what people know.
func (h *hunt) polish(w *Witness) {
	if arn := w.Context["aws:PrincipalArn"]; len(arn) == 1 && h.Principal == "" && strings.HasPrefix(arn[0], "arn:x:") {
		better := *w
		better.Context = maps.Clone(w.Context)
		better.Principal = "arn:aws:" + strings.TrimPrefix(arn[0], "arn:x:")
		better.Context["aws:PrincipalArn"] = []string{better.Principal}
		if ok, err := h.confirm(&better); ok && err == nil {
			*w = better
		}
	}
	parts := strings.SplitN(w.Resource, ":", 6)
	if len(parts) < 6 {
		return
	}
	service, _, _ := strings.Cut(w.Action, ":")
	for i, text := range map[int]string{1: "aws", 2: service, 3: "us-east-1", 4: w.ResourceAccount, 5: "x"} {
		if parts[i] != "" || i == 4 && service == "s3" || i == 3 && service == "s3" {
			continue
		}
		better := *w
		changed := slices.Clone(parts)
		changed[i] = text
		better.Resource = strings.Join(changed, ":")
		if ok, err := h.confirm(&better); ok && err == nil {
			parts, *w = changed, better
		}
	}
}

// replay decides requests with the engine and with the reference interpreter.
type replay struct {
	vocabulary *conditions.Vocabulary
	all        []replayed
}

// replayed are policies and whether they must allow.
type replayed struct {
	evaluator *engine.Evaluator
	asked     *reference.Policies
	want      bool
}

func newReplay(v *conditions.Vocabulary, by, not *Policies, and []*Policies) (*replay, error) {
	r := &replay{vocabulary: v}
	for i, p := range append([]*Policies{not, by}, and...) {
		if p == nil {
			continue
		}
		e, err := evaluator(v, p)
		if err != nil {
			return nil, err
		}
		r.all = append(r.all, replayed{e, interpreted(p), i > 0})
	}
	return r, nil
}

func interpreted(p *Policies) *reference.Policies {
	return &reference.Policies{
		Identity: p.Identity, Boundary: p.Boundary, Session: p.Session, Endpoint: p.Endpoint, Resource: p.Resource,
		ServiceControl: p.ServiceControl, ResourceControl: p.ResourceControl,
	}
}

// evaluator compiles policies for the engine, which validates them.
func evaluator(v *conditions.Vocabulary, p *Policies) (*engine.Evaluator, error) {
	out := &engine.Evaluator{}
	for _, x := range []struct {
		to   **engine.Set
		kind policy.Kind
		docs []*policy.Document
	}{
		{&out.Identity, policy.Identity, p.Identity},
		{&out.Boundary, policy.Boundary, p.Boundary},
		{&out.Session, policy.Session, p.Session},
		{&out.Endpoint, policy.Endpoint, p.Endpoint},
	} {
		if x.docs == nil {
			continue
		}
		s, err := engine.Compile(v, x.kind, x.docs...)
		if err != nil {
			return nil, err
		}
		*x.to = s
	}
	if p.Resource != nil {
		s, err := engine.Compile(v, policy.Resource, p.Resource)
		if err != nil {
			return nil, err
		}
		out.Resource = s
	}
	for _, x := range []struct {
		to     *[]*engine.Set
		kind   policy.Kind
		levels [][]*policy.Document
	}{
		{&out.ServiceControl, policy.ServiceControl, p.ServiceControl},
		{&out.ResourceControl, policy.ResourceControl, p.ResourceControl},
	} {
		for _, level := range x.levels {
			s, err := engine.Compile(v, x.kind, level...)
			if err != nil {
				return nil, err
			}
			*x.to = append(*x.to, s)
		}
	}
	return out, nil
}

// confirm has the interpreters decide a witness. It is false for one that no
// principal can make, and an error where they say otherwise than the analysis.
func (s *search) confirm(w *Witness) (bool, error) {
	for _, x := range s.replay.all {
		got, fault, err := s.replay.engine(x.evaluator, w)
		if err != nil {
			return false, nil //nolint:nilerr // its principal or a value of it cannot be
		}
		if fault != engine.NoFault {
			return false, fmt.Errorf("%w: %s: %s", ErrInternal, fault, w)
		}
		also, err := s.replay.interpreter(x.asked, w)
		if err != nil {
			return false, fmt.Errorf("%w: %w: %s", ErrInternal, err, w)
		}
		if got != x.want || also != x.want {
			return false, fmt.Errorf("%w: should be %v, the engine says %v and the reference %v: %s", ErrInternal, x.want, got, also, w)
		}
	}
	return true, nil
}

func (r *replay) engine(e *engine.Evaluator, w *Witness) (allowed bool, fault engine.Fault, err error) {
	p, err := principalOf(w.Principal, w.Context)
	if err != nil {
		return false, 0, err
	}
	c := r.vocabulary.NewContext()
	if err := p.Describe(c); err != nil {
		return false, 0, err
	}
	for name, values := range w.Context {
		if err := c.Set(name, values...); err != nil {
			return false, 0, err
		}
	}
	if err := c.Set("aws:ResourceAccount", w.ResourceAccount); err != nil {
		return false, 0, err
	}
	d := e.Decide(&engine.Request{Principal: p, Action: w.Action, Resource: w.Resource, ResourceAccount: w.ResourceAccount, Context: c})
	return d.Allowed(), d.Fault, nil
}

// interpreter asks the reference, which panics about what validation should have
// refused.
func (r *replay) interpreter(p *reference.Policies, w *Witness) (allowed bool, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	who, err := reference.ParsePrincipal(w.Principal)
	if err != nil {
		return false, err
	}
	a := reference.Decide(reference.Question{
		Principal: who, Action: w.Action, Resource: w.Resource, ResourceAccount: w.ResourceAccount, Context: w.Context, Policies: *p,
	})
	return a.Decision == "allowed", nil
}
