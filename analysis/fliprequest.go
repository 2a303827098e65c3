package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// changeable is one thing of a request that may be another.
type changeable struct {
	names []string // of the key; the first is the one to show. None: the resource
	key   conditions.Key
}

func (c *changeable) isResource() bool { return len(c.names) == 0 }

// requests looks for other requests by the same identity.
func (f *flipper) requests() error { return f.changes(OfRequest, f.sent()) }

// sent are the things of a request that are none of the identity.
func (f *flipper) sent() []changeable {
	var all []changeable
	for _, owner := range []keyOwner{ownedByRequest, ownedByResource, ownedByCircumstance} {
		all = append(all, f.changeables(owner)...)
		if owner == ownedByRequest && f.asked.resource != noResource {
			all = append(all, changeable{})
		}
	}
	return all
}

// identities looks for other sessions with the same request, and where neither
// alone does for other sessions with another request.
func (f *flipper) identities() error {
	own := f.changeables(ownedByIdentity)
	if err := f.changes(OfIdentity, own); err != nil || len(f.out.Proposals) > 0 || len(own) == 0 {
		return err
	}
	return f.changes(OfIdentity, append(own, f.sent()...))
}

// changeables are the keys that statements about the action read and that an
// owner may change.
func (f *flipper) changeables(owner keyOwner) []changeable {
	var out []changeable
	for _, k := range f.keys {
		if ownerOf(k.Name) != owner {
			continue
		}
		i := slices.IndexFunc(out, func(c changeable) bool { return keyName(c.key.Name) == keyName(k.Name) })
		if i < 0 {
			out = append(out, changeable{[]string{k.Name}, k})
			i = len(out) - 1
		}
		if keyName(k.Name) == "dynamodb:leadingkeys" { // the other name of the same values
			for _, twin := range []string{"dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"} {
				if f.asked.values(twin) != nil && !slices.Contains(out[i].names, twin) {
					out[i].names = append(out[i].names, twin)
				}
			}
		}
	}
	return out
}

// changes looks for the smallest sets of things that flip the decision: of one,
// of two, of three. That no smaller one does is proved, or doubted.
func (f *flipper) changes(part ChangedPart, all []changeable) error {
	if len(all) > maxChangeable {
		all = all[:maxChangeable]
		f.doubt(fmt.Sprintf("only %d things of the %s are varied", maxChangeable, part))
	}
	if len(all) == 0 {
		return nil
	}
	_, found, err := f.search(all)
	if err != nil || found == Never {
		return err
	}
	most := 1 // where nothing is known, the likely values are tried
	if found == Found {
		most = min(maxChanged, len(all))
	}
	for size := 1; size <= most; size++ {
		var flips []Proposal
		for chosen := range choices(len(all), size) {
			set := make([]changeable, size)
			for i, n := range chosen {
				set[i] = all[n]
			}
			p, err := f.flip(part, set, found == Found)
			if err != nil {
				return err
			}
			if p != nil && !slices.ContainsFunc(flips, func(q Proposal) bool { return q.String() == p.String() }) {
				flips = append(flips, *p)
			}
		}
		if len(flips) > 0 {
			slices.SortStableFunc(flips, func(a, b Proposal) int { return a.strangeness() - b.strangeness() })
			f.out.Proposals = append(f.out.Proposals, flips[:min(len(flips), f.most())]...)
			return nil
		}
	}
	if found == Found {
		f.doubt(fmt.Sprintf("it takes more than %d changes of the %s", maxChanged, part))
	}
	return nil
}

// choices yields the sets of size out of n.
func choices(n, size int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		chosen := make([]int, size)
		var choose func(at, from int) bool
		choose = func(at, from int) bool {
			if at == size {
				return yield(chosen)
			}
			for i := from; i < n; i++ {
				chosen[at] = i
				if !choose(at+1, i+1) {
					return false
				}
			}
			return true
		}
		choose(0, 0)
	}
}

// flip looks for values of the things that make an allow of the denial: first
// those that policies and the identity name, then any if there may be some.
func (f *flipper) flip(part ChangedPart, set []changeable, search bool) (*Proposal, error) {
	if len(set) == 1 {
		for _, t := range f.tries(&f.asked, &set[0]) {
			if d, ok := f.judge.decide(&t); ok && d.Allowed() {
				return f.propose(part, set, &t)
			}
		}
	}
	if !search {
		return nil, nil
	}
	w, verdict, err := f.search(set)
	if err != nil || verdict != Found {
		return nil, err
	}
	t := f.asked
	for i := range set {
		c := &set[i]
		if c.isResource() {
			t.resource = w.Resource
			continue
		}
		t = t.with(valuesIn(w.Context, c.key.Name), c.names...)
	}
	return f.propose(part, set, f.familiar(set, &t))
}

// valuesIn returns the values of a key, nil if there is none.
func valuesIn(context map[string][]string, name string) []string {
	for have, values := range context {
		if keyName(have) == keyName(name) {
			return values
		}
	}
	return nil
}

// familiar puts values that policies and the identity name in the place of made-up
// ones, where they do as well.
func (f *flipper) familiar(set []changeable, t *trial) *trial {
	for i := range set {
		for _, better := range f.tries(t, &set[i]) {
			if d, ok := f.judge.decide(&better); ok && d.Allowed() {
				t = &better
				break
			}
		}
	}
	return t
}

// propose confirms a trial, undoes what it need not change, and says what is
// left.
func (f *flipper) propose(part ChangedPart, set []changeable, t *trial) (*Proposal, error) {
	for i := range set {
		undone := *t
		if c := &set[i]; c.isResource() {
			undone.resource = f.asked.resource
		} else {
			for _, name := range c.names {
				undone = undone.with(f.asked.values(name), name)
			}
		}
		if d, ok := f.judge.decide(&undone); ok && d.Allowed() {
			t = &undone
		}
	}
	ok, err := f.judge.allows(t)
	if err != nil || !ok {
		if err == nil {
			f.doubt("a change that the model allows is denied")
		}
		return nil, err
	}
	p := &Proposal{Part: part}
	if t.resource != f.asked.resource {
		p.Resource = t.resource
	}
	for i := range set {
		if set[i].isResource() {
			continue
		}
		name := set[i].names[0]
		c := KeyChange{Key: name, Was: f.asked.values(name), Now: t.values(name)}
		if !slices.Equal(c.Was, c.Now) || (c.Was == nil) != (c.Now == nil) {
			if len(c.Now) == 1 && part == OfRequest {
				c.Own = f.own[c.Now[0]]
			}
			p.Keys = append(p.Keys, c)
		}
	}
	p.Size = len(p.Keys)
	if p.Resource != "" {
		p.Size++
	}
	return p, nil
}

// strangeness orders proposals of one size: what is the identity's own, less of
// what was asked, other values, other resources, and what is left out last.
func (p *Proposal) strangeness() int {
	most := 0
	for i := range p.Keys {
		c := &p.Keys[i]
		n := 2
		switch {
		case c.Own != "":
			n = 0
		case c.narrows():
			n = 1
		case c.Now == nil:
			n = 4
		}
		most = max(most, n)
	}
	if p.Resource != "" {
		most = max(most, 3)
	}
	return most
}

// narrows reports whether what is asked is some of what was.
func (c *KeyChange) narrows() bool {
	return len(c.Now) > 0 && len(c.Now) < len(c.Was) && !slices.ContainsFunc(c.Now, func(v string) bool { return !slices.Contains(c.Was, v) })
}

// search asks the analysis for a request that differs in the things alone.
func (f *flipper) search(free []changeable) (*Witness, Verdict, error) {
	l := f.options.Limits
	l.Steps = f.steps
	if !f.until.IsZero() {
		l.Time = f.until.Sub(l.Now())
	}
	if f.steps <= 0 || l.Time < 0 || f.ctx.Err() != nil {
		f.doubt("it takes more than the question may take")
		return nil, Unknown, nil
	}
	meant, err := f.meant(free)
	if err != nil {
		f.doubt(err.Error())
		return nil, Unknown, nil
	}
	keys := map[string][]string{}
	for _, k := range f.keys {
		keys[k.Name] = f.asked.values(k.Name)
	}
	if values := f.asked.values("aws:PrincipalArn"); values != nil {
		keys["aws:PrincipalArn"] = values
	}
	maps.DeleteFunc(keys, func(name string, _ []string) bool {
		return slices.ContainsFunc(free, func(c changeable) bool { return !c.isResource() && keyName(c.key.Name) == keyName(name) })
	})
	s, err := newSearch(f.ctx, &Question{
		Vocabulary: f.vocabulary, By: f.policies, And: []*Policies{meant}, Principal: f.request.Principal.String(), Keys: keys, Limits: l,
	})
	if errors.Is(err, ErrQuestion) {
		f.doubt(err.Error())
		return nil, Unknown, nil
	}
	if err != nil {
		return nil, Unknown, err
	}
	a, err := s.run()
	f.steps = min(s.budget.left, f.steps-1)
	if err != nil {
		return nil, Unknown, err
	}
	if a.Verdict == Unknown {
		f.doubt(a.Reason)
	}
	return a.Witness, a.Verdict, nil
}

// meant allows the action on the resource, or if that is free on another of the
// same service, region and account.
func (f *flipper) meant(free []changeable) (*Policies, error) {
	resource := exactly(f.asked.resource)
	if slices.ContainsFunc(free, func(c changeable) bool { return c.isResource() }) {
		parts := strings.SplitN(f.asked.resource, ":", 6)
		resource = strings.Join(parts[:5], ":") + ":*"
	}
	s := writtenStatement{Effect: "Allow", Action: f.asked.action}
	s.on(f.asked.resource, resource)
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": s})
	if err != nil {
		return nil, err
	}
	d, err := policy.Parse("request", text)
	if err != nil {
		return nil, err
	}
	return &Policies{Identity: []*policy.Document{d}}, nil
}

// tries are requests with other values of one thing, the likeliest first.
func (f *flipper) tries(t *trial, c *changeable) []trial {
	var out []trial
	if c.isResource() {
		for _, arn := range f.likelyResources(t.resource) {
			x := *t
			x.resource = arn
			out = append(out, x)
		}
		return out
	}
	for _, values := range f.likelyValues(t.values(c.key.Name), &c.key) {
		out = append(out, t.with(values, c.names...))
	}
	return out
}

// likelyValues are values of a key: the identity's own, those of a list that some
// statement names, and what statements name.
func (f *flipper) likelyValues(was []string, k *conditions.Key) [][]string {
	var out [][]string
	add := func(values ...string) {
		if !slices.ContainsFunc(out, func(v []string) bool { return slices.Equal(v, values) }) && !slices.Equal(values, was) && len(out) < 64 {
			out = append(out, values)
		}
	}
	if ownerOf(k.Name) == ownedByRequest {
		for _, text := range slices.Sorted(maps.Keys(f.own)) {
			add(text)
		}
	}
	var named []string
	for i := range f.explained.Looked {
		s := &f.explained.Looked[i]
		if s.Effect != policy.Allow || s.Action != conditions.True {
			continue
		}
		for j := range s.Conditions {
			x := &s.Conditions[j]
			if keyName(x.Key) != keyName(k.Name) || strings.Contains(x.Operator, "Not") || strings.HasSuffix(x.Operator, "Null") {
				continue
			}
			if less := among(was, x.Meaning); k.List && len(less) > 0 {
				add(less...)
			}
			named = append(named, x.Meaning...)
		}
	}
	for _, text := range named {
		if !strings.ContainsAny(text, "*?$") {
			add(text)
		}
	}
	return out
}

// among returns the values that stand in a list too.
func among(values, list []string) []string {
	var out []string
	for _, v := range values {
		if slices.Contains(list, v) {
			out = append(out, v)
		}
	}
	return out
}

// likelyResources are ARNs: the one asked for with a part of its path that is the
// identity's, and those that statements name, with its last part where they end
// in a wildcard.
func (f *flipper) likelyResources(was string) []string {
	var out []string
	add := func(arn string) {
		if arn != was && !slices.Contains(out, arn) && len(out) < 64 && strings.Count(arn, ":") >= 5 {
			out = append(out, arn)
		}
	}
	parts := strings.SplitN(was, ":", 6)
	path := strings.Split(parts[len(parts)-1], "/")
	for _, text := range slices.Sorted(maps.Keys(f.own)) {
		for i := range path {
			other := slices.Clone(path)
			other[i] = text
			add(strings.TrimSuffix(was, parts[len(parts)-1]) + strings.Join(other, "/"))
		}
	}
	last := path[len(path)-1]
	for i := range f.explained.Looked {
		s := &f.explained.Looked[i]
		if s.Effect != policy.Allow || s.Action != conditions.True || s.NotResource {
			continue
		}
		for _, p := range s.Meanings {
			if before, wild := strings.CutSuffix(p, "*"); wild {
				p = before + last
			}
			if !strings.ContainsAny(p, "*?$") {
				add(p)
			}
		}
	}
	return out
}
