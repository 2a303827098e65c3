package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Set is a compiled set of policy documents of one kind. It is immutable, safe
// for concurrent use, and swapped whole. A Set of no documents allows nothing.
type Set struct {
	vocabulary *conditions.Vocabulary
	kind       policy.Kind
	statements []statement // in the order of documents and statements
	actions    map[string]int32
	allow      index
	deny       index
	denies     bool // deny is not empty
	schedule   schedule
}

// document is what a statement says of its document.
type document struct {
	name  string
	index int
}

// Kind returns the kind of the set's documents.
func (s *Set) Kind() policy.Kind { return s.kind }

// Len returns the number of statements.
func (s *Set) Len() int { return len(s.statements) }

// Compile validates the documents as policies of the kind and compiles them
// into one set, whole or not at all. The error holds every fault of every
// document, as policy.Errors. The documents may be dropped afterwards.
func Compile(v *conditions.Vocabulary, kind policy.Kind, docs ...*policy.Document) (*Set, error) {
	var faults policy.Errors
	c := compiler{
		set:        &Set{vocabulary: v, kind: kind, actions: map[string]int32{}},
		actions:    map[string]*action{},
		conditions: map[string]*shared{},
		lists:      map[string][]*action{},
		blocks:     map[string]*block{},
	}
	total := 0
	for _, d := range docs {
		if d == nil {
			return nil, errors.New("a nil document")
		}
		total += len(d.Statements)
	}
	c.set.statements = make([]statement, 0, total)
	for i, d := range docs {
		err := d.Validate(kind, v)
		var found policy.Errors
		if errors.As(err, &found) {
			faults = append(faults, found...)
		} else if err != nil {
			return nil, err
		}
		if len(faults) > 0 {
			continue
		}
		if err := c.document(i, d); err != nil {
			return nil, err
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	c.set.allow = newIndex(c.set.statements, false)
	c.set.deny = newIndex(c.set.statements, true)
	c.set.denies = !c.set.deny.empty()
	c.set.schedule.settle()
	return c.set, nil
}

// compiler shares what many statements write alike.
type compiler struct {
	set        *Set
	actions    map[string]*action
	conditions map[string]*shared
	lists      map[string][]*action // by their texts
	blocks     map[string]*block    // by their conditions' keys
	key, list  []byte
}

// shared is a condition that several statements may write; each has a number.
type shared struct {
	conditions.Condition
	number int
}

// block is a condition block in both orders.
type block struct{ source, cheapest []*conditions.Condition }

// document compiles a valid document. An error means that validation let pass
// what cannot be compiled.
func (c *compiler) document(index int, d *policy.Document) error {
	doc := &document{name: d.Name, index: index}
	for i := range d.Statements {
		s, err := c.statement(d, &d.Statements[i])
		if err != nil {
			return &policy.Error{Name: d.Name, Pos: d.Statements[i].Pos, Path: fmt.Sprintf("/Statement/%d", i), Err: err}
		}
		s.document, s.id = doc, int32(len(c.set.statements))
		c.set.statements = append(c.set.statements, s)
	}
	return nil
}

func (c *compiler) statement(d *policy.Document, s *policy.Statement) (statement, error) {
	out := statement{
		index: int32(s.Index), pos: s.Pos, sid: s.Sid.Value,
		deny: s.Effect == policy.Deny, notAction: s.Action.Not,
	}
	if s.Principal != nil {
		out.principals = compilePrincipal(s.Principal)
	}
	var err error
	if out.actions, err = c.actionList(s.Action.Values); err != nil {
		return out, err
	}
	if n := len(s.Resource.Values); n > 0 {
		out.resources = &resources{not: s.Resource.Not, patterns: make([]conditions.Pattern, n)}
		wide := conditions.TrailingStarCrossesColons(out.deny, s.Resource.Not)
		for i, t := range s.Resource.Values {
			p, err := c.set.vocabulary.CompileResource(t.Value, d.Variables(), wide)
			if err != nil {
				return out, err
			}
			out.resources.patterns[i] = p
		}
	}
	b, err := c.block(s.Conditions, d.Variables())
	if err != nil {
		return out, err
	}
	out.conditions, out.cheapest = b.source, b.cheapest
	c.set.schedule.add(s, b.source)
	return out, nil
}

// actionList compiles the entries of Action, or returns those compiled before.
func (c *compiler) actionList(texts []policy.Text) ([]*action, error) {
	key := c.list[:0]
	for _, t := range texts {
		key = appendText(key, t.Value)
	}
	c.list = key
	if done, ok := c.lists[string(key)]; ok {
		return done, nil
	}
	out := make([]*action, len(texts))
	for i, t := range texts {
		a, err := c.action(t.Value)
		if err != nil {
			return nil, err
		}
		out[i] = a
	}
	c.lists[string(key)] = out
	return out, nil
}

// block compiles a condition block, or returns the one compiled before.
func (c *compiler) block(all []policy.Condition, variables bool) (*block, error) {
	if len(all) == 0 {
		return &block{}, nil
	}
	list := c.list[:0]
	b := &block{source: make([]*conditions.Condition, len(all))}
	for i := range all {
		x, err := c.condition(&all[i], variables)
		if err != nil {
			return nil, err
		}
		b.source[i] = &x.Condition
		list = binary.AppendUvarint(list, uint64(x.number))
	}
	c.list = list
	if done, ok := c.blocks[string(list)]; ok {
		return done, nil
	}
	b.cheapest = cheapest(b.source)
	c.blocks[string(list)] = b
	return b, nil
}

// cheapest returns the conditions in the order in which to test them: no
// order changes what they are together.
func cheapest(all []*conditions.Condition) []*conditions.Condition {
	byCost := func(a, b *conditions.Condition) int { return a.Cost() - b.Cost() }
	if slices.IsSortedFunc(all, byCost) {
		return all
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, byCost)
	return out
}

// action compiles an entry, or returns the one compiled before.
func (c *compiler) action(text string) (*action, error) {
	if a, ok := c.actions[text]; ok {
		return a, nil
	}
	p, err := conditions.CompileAction(text)
	if err != nil {
		return nil, err
	}
	a := &action{Pattern: p, text: text}
	if name, whole := p.Prefix(); whole {
		id, ok := c.set.actions[name]
		if !ok {
			id = int32(len(c.actions)) + 1
			c.set.actions[name] = id
		}
		a.id = id
	}
	c.actions[text] = a
	return a, nil
}

// condition compiles an entry, or returns the one compiled before.
func (c *compiler) condition(x *policy.Condition, variables bool) (*shared, error) {
	key := appendText(appendText(c.key[:0], x.Operator.Value), x.Key.Value)
	for i := range x.Values {
		key = appendText(key, x.Values[i].Value)
	}
	if variables {
		key = append(key, 1)
	}
	c.key = key
	if done, ok := c.conditions[string(key)]; ok {
		return done, nil
	}
	compiled, faults := c.set.vocabulary.Compile(x.Operator.Value, x.Key.Value, x.Texts(), variables)
	if len(faults) > 0 {
		return nil, faults[0].Err
	}
	out := &shared{compiled, len(c.conditions)}
	c.conditions[string(key)] = out
	return out, nil
}

// appendText appends s so that no two sequences of texts give the same bytes.
func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// maxActionName bounds an action of a request, such as "dynamodb:GetItem".
const maxActionName = 256

// actionID returns the id of the exact action of the set that name is, 0 if
// there is none.
func (s *Set) actionID(name string) int32 {
	var text [maxActionName]byte
	n := copy(text[:], name)
	for i := range text[:n] {
		text[i] = lower(text[i])
	}
	return s.actions[string(text[:n])]
}
