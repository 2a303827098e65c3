package analysis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// The first two dimensions of every question.
const (
	actionDim = iota
	resourceDim
	keyDims
)

// noResource is the resource of an action that has none.
const noResource = "*"

// world is what a question takes as given: the account, and the context keys
// that are fixed or that a request cannot lack.
type world struct {
	account string              // of the principal
	owner   string              // of the resource
	fixed   map[string][]string // by folded name
	needed  map[string]bool
	formats map[string]glob
}

// assignment gives the keys that policy variables read a value; one without is
// absent.
type assignment map[string]string

// draft is a part of a statement for one assignment, before its atoms are known.
type draft struct {
	key    string
	demand conditions.Demand
	deny   bool
}

// bound is a statement for one assignment: it applies if all of its literals
// hold.
type bound struct {
	never bool
	when  []literal
}

// frame is a question for one assignment.
type frame struct {
	budget     *budget
	vocabulary *conditions.Vocabulary
	world      *world
	values     assignment
	context    *conditions.Context
	pinned     map[string]bool

	resources units
	drafts    map[*statement][]draft
	patterns  map[*statement][]conditions.Pattern
	loose     map[*statement]bool // an entry of NotResource has no meaning
	never     map[*statement]bool
	tests     map[string][]*conditions.ValueTest
	keys      []conditions.Key // in the order in which they were met
	opaque    []string
	inexact   []string // why a proof would prove nothing

	dims  []*dimension
	index map[string]int
	bound map[*statement]bound
}

// newFrame reads what statements ask under an assignment. Keys are those that
// variables read.
func newFrame(b *budget, v *conditions.Vocabulary, w *world, keys []string, values assignment) (*frame, error) {
	f := &frame{
		budget: b, vocabulary: v, world: w, values: values, context: v.NewContext(), pinned: map[string]bool{},
		drafts: map[*statement][]draft{}, patterns: map[*statement][]conditions.Pattern{}, loose: map[*statement]bool{},
		never: map[*statement]bool{}, tests: map[string][]*conditions.ValueTest{}, index: map[string]int{}, bound: map[*statement]bound{},
	}
	for name, all := range w.fixed {
		f.pinned[name] = true
		if all == nil {
			continue
		}
		if err := f.context.Set(name, all...); err != nil {
			return nil, err
		}
	}
	for _, name := range keys {
		f.pinned[name] = true
		if value, ok := values[name]; ok {
			if err := f.context.Set(name, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// keyName is the name by which a key is known here: folded, and one for the two
// names of a partition key's values. Source: iam-semantics §2.6, §6.4.1.
func keyName(name string) string {
	name = strings.ToLower(name)
	if name == "dynamodb:firstpartitionkeyvalues" {
		return "dynamodb:leadingkeys"
	}
	return name
}

// read reads a statement.
func (f *frame) read(s *statement) error {
	if err := f.readResources(s); err != nil {
		return err
	}
	want := conditions.True
	if s.deny {
		want = conditions.False
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		d, err := c.Demand(f.context, want)
		if errors.Is(err, conditions.ErrOpaque) {
			f.readOpaque(s, i)
			continue
		}
		if err != nil {
			return err
		}
		name := keyName(d.Key.Name)
		if f.pinned[name] {
			if t := c.Test(f.context, "", ""); t == conditions.False || t == conditions.Unknown && !s.deny {
				f.never[s] = true
			}
			continue
		}
		if f.tests[name] == nil {
			f.keys = append(f.keys, conditions.Key{Name: name, Kind: d.Key.Kind, List: d.Key.List})
		}
		f.drafts[s] = append(f.drafts[s], draft{name, d, s.deny})
		f.tests[name] = append(f.tests[name], &d.Test)
	}
	return nil
}

// readOpaque takes a condition that cannot be read for one that may be true or
// false.
func (f *frame) readOpaque(s *statement, i int) {
	x := &s.source.Conditions[i]
	name := fmt.Sprintf("%s %s %q", x.Operator.Value, x.Key.Value, x.Texts())
	if !slices.Contains(f.opaque, name) {
		f.opaque = append(f.opaque, name)
	}
	f.drafts[s] = append(f.drafts[s], draft{key: name, deny: s.deny})
}

// readResources binds the entries of Resource or NotResource.
func (f *frame) readResources(s *statement) error {
	for i := range s.resources {
		p, ok := s.resources[i].Bind(f.context)
		if ok != conditions.True {
			f.loose[s] = true
			continue
		}
		f.patterns[s] = append(f.patterns[s], p)
		if p.String() == noResource {
			continue
		}
		if err := f.resources.addPattern(&p); err != nil {
			return err
		}
	}
	return nil
}

// build makes the dimensions and what statements ask of them.
func (f *frame) build(actions *dimension, cache *atomCache, statements []*statement) error {
	f.dims = append(f.dims, actions)
	resource, err := f.resourceDimension(cache)
	if err != nil {
		return err
	}
	f.dims = append(f.dims, resource)
	for _, k := range f.keys {
		d, err := f.keyDimension(cache, k)
		if err != nil {
			return err
		}
		f.index[k.Name] = len(f.dims)
		f.dims = append(f.dims, d)
	}
	for _, name := range f.opaque {
		f.index[name] = len(f.dims)
		f.dims = append(f.dims, &dimension{name: name, opaque: true, needed: true, atoms: []string{"true", "false"}, universe: full(2)})
	}
	for _, s := range statements {
		if !f.budget.spend(4) {
			return errBudget
		}
		f.bound[s] = f.bind(s)
	}
	return nil
}

// noAccount is what ARNs match that name no account.
var noAccount = wildcards("arn:*:*:*::*").partly()

// owned is what ARNs of an account match.
func owned(account string) glob { return wildcards("arn:*:*:*:" + account + ":*").partly() }

// resourceDimension finds the atoms of resources. The last two stand for a
// request without one: of s3:ListAllMyBuckets, and of any other action.
func (f *frame) resourceDimension(cache *atomCache) (*dimension, error) {
	space := textSpace{name: "resource " + f.world.owner, required: []glob{owned(f.world.owner), noAccount}, letters: anyLetters}
	d, err := cache.text(f.budget, space, &f.resources)
	if err != nil {
		return nil, err
	}
	none := *d
	none.name, none.needed = "resource", true
	none.atoms = append(slices.Clip(d.atoms), noResource, noResource)
	none.universe = full(len(none.atoms))
	none.members = make(map[string]set, len(d.members))
	for name, s := range d.members {
		wider := newSet(len(none.atoms))
		wider.unite(s)
		none.members[name] = wider
	}
	return &none, nil
}

func (f *frame) keyDimension(cache *atomCache, k conditions.Key) (*dimension, error) {
	tests := f.tests[k.Name]
	text := 0
	for _, t := range tests {
		if t.Op <= conditions.LikeARN {
			text++
		}
	}
	kind, asText := k.Kind, false
	if k.Kind == conditions.Untyped && text == 0 && slices.ContainsFunc(tests, func(t *conditions.ValueTest) bool { return t.Op != tests[0].Op }) {
		return nil, fmt.Errorf("%s is compared as values of several types", k.Name)
	}
	switch k.Kind {
	case conditions.String, conditions.StringOrARN, conditions.ARN, conditions.Binary:
		asText = true
	case conditions.Untyped, conditions.StringOrIP:
		asText = text > 0
		for _, t := range tests {
			switch t.Op {
			case conditions.CompareNumber:
				kind = conditions.Number
			case conditions.CompareDate:
				kind = conditions.Date
			case conditions.CompareBool:
				kind = conditions.Bool
			case conditions.InNetwork:
				kind = conditions.IP
			case conditions.Equal, conditions.EqualFold, conditions.Like, conditions.LikeARN:
			}
		}
	case conditions.Number, conditions.Date, conditions.Epoch, conditions.Bool, conditions.IP:
	}
	var d *dimension
	var err error
	if asText {
		d, err = f.textDimension(cache, k, tests)
	} else {
		d, err = newValueDimension(f.budget, k.Name, kind, tests)
		if err == nil && k.Kind == conditions.Untyped {
			d.atoms = append(d.atoms, "x") // which no operator of another type can read
			d.universe = full(len(d.atoms))
		}
	}
	if err != nil {
		return nil, err
	}
	d.list = k.List || k.Kind == conditions.Untyped && f.allQuantified(k.Name)
	d.needed = f.world.needed[k.Name]
	return d, nil
}

func (f *frame) textDimension(cache *atomCache, k conditions.Key, tests []*conditions.ValueTest) (*dimension, error) {
	var u units
	for _, t := range tests {
		if err := u.addTest(t); err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
	}
	space := textSpace{name: k.Name, letters: anyLetters}
	if k.Kind == conditions.ARN {
		space.required = []glob{wildcards(arnUnit)}
	}
	if g, ok := f.world.formats[k.Name]; ok {
		space.required = []glob{g}
	}
	d, err := cache.text(f.budget, space, &u)
	if err != nil {
		return nil, err
	}
	own := *d
	return &own, nil
}

// allQuantified reports whether every condition on a key carries a quantifier.
// One that does not is never met by several values.
func (f *frame) allQuantified(name string) bool {
	quantified := 0
	for _, drafts := range f.drafts {
		for i := range drafts {
			if drafts[i].key == name && drafts[i].demand.Quantified {
				quantified++
			}
		}
	}
	if quantified > 0 && quantified < len(f.tests[name]) {
		f.inexact = append(f.inexact, fmt.Sprintf("%s is taken to have one value", name))
	}
	return quantified == len(f.tests[name])
}

// bind says what a statement asks of the dimensions.
func (f *frame) bind(s *statement) bound {
	if f.never[s] || s.account && f.world.owner != f.world.account || !s.deny && s.source != nil && s.source.Resource.Not && f.loose[s] {
		return bound{never: true}
	}
	var out bound
	add := func(l literal) {
		d := f.dims[l.dim]
		if (l.null || d.needed) && d.universe.within(l.values) {
			return // it asks nothing
		}
		out.never = out.never || !l.null && l.values.empty()
		out.when = append(out.when, l)
	}
	if len(s.actions) > 0 {
		add(literal{dim: actionDim, values: f.actionSet(s)})
	}
	if l, ok := f.resourceLiteral(s); ok {
		add(l)
	}
	for i := range f.drafts[s] {
		x := &f.drafts[s][i]
		at := f.index[x.key]
		d := f.dims[at]
		if d.opaque {
			yes := newSet(2)
			yes.add(0)
			add(literal{dim: at, values: yes, opaque: true})
			continue
		}
		l := literal{dim: at, values: d.of(&x.demand.Test), every: x.demand.Every, null: x.demand.Null}
		if x.deny {
			l = l.not(d.universe) // a Deny applies unless it is certain that it does not
		}
		add(l)
	}
	return out
}

func (f *frame) actionSet(s *statement) set {
	d := f.dims[actionDim]
	values := newSet(len(d.atoms))
	for i := range s.actions {
		values.unite(d.members[patternName(&s.actions[i])])
	}
	if s.source.Action.Not {
		return d.universe.without(values)
	}
	return values
}

// resourceLiteral is the resource part of a statement; ok is false if it has
// none.
func (f *frame) resourceLiteral(s *statement) (literal, bool) {
	d := f.dims[resourceDim]
	values := newSet(len(d.atoms))
	if len(s.resources) == 0 {
		return literal{}, false
	}
	for i := range f.patterns[s] {
		p := &f.patterns[s][i]
		if p.String() == noResource {
			values.unite(d.universe)
			continue
		}
		values.unite(d.members[patternName(p)])
		if allBuckets(p.String()) {
			values.add(len(d.atoms) - 2)
		}
	}
	if s.source.Resource.Not {
		values = d.universe.without(values)
	}
	return literal{dim: resourceDim, values: values}, true
}

// listBuckets is the action that arn:aws:s3:::* is granted for without a resource.
const listBuckets = "s3:listallmybuckets"

// coupled are the clauses that every request of the model meets: which resource
// goes with s3:ListAllMyBuckets.
func (f *frame) coupled() []clause {
	act, res := f.dims[actionDim], f.dims[resourceDim]
	listing, none, buckets := act.members["="+listBuckets], newSet(len(res.atoms)), newSet(len(res.atoms))
	buckets.add(len(res.atoms) - 2)
	none.add(len(res.atoms) - 1)
	is := func(dim int, s set) literal { return literal{dim: dim, values: s} }
	return []clause{
		{is(resourceDim, res.universe.without(buckets)), is(actionDim, listing)},
		{is(resourceDim, res.universe.without(none)), is(actionDim, act.universe.without(listing))},
	}
}

// atomCache keeps the atoms of texts, which do not depend on the assignment
// where no variable stands among the patterns.
type atomCache struct{ kept map[string]*dimension }

func (c *atomCache) text(b *budget, space textSpace, u *units) (*dimension, error) {
	var key strings.Builder
	fmt.Fprintf(&key, "%s %v", space.name, space.required) // what a key looks like may depend on the world
	for _, x := range u.all {
		fmt.Fprintf(&key, "\x00%s", x.name)
	}
	if d, ok := c.kept[key.String()]; ok {
		return d, nil
	}
	d, err := newTextDimension(b, space.name, space, u)
	if err != nil {
		return nil, err
	}
	if c.kept == nil {
		c.kept = map[string]*dimension{}
	}
	if len(c.kept) < 256 {
		c.kept[key.String()] = d
	}
	return d, nil
}
