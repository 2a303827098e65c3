package bundle

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Asker is one who asks about rows: an identity of a suite, or a session of a
// role that no suite has.
type Asker struct {
	// Suite and Name are as the tests call them; without a suite, Name is the
	// role's.
	Suite, Name, Role string

	bundle   *Bundle
	identity *suiteIdentity
}

// strangerID is the identity of a session that no suite describes.
const strangerID = "us-east-1:00000000-0000-4000-8000-000000000000"

// Askers returns every identity of the suites, and one session of each role
// that none of them has, with the role's tags and an identity id.
func (b *Bundle) Askers(suites []*Suite) ([]Asker, error) {
	var out []Asker
	seen := map[string]bool{}
	for _, s := range suites {
		for _, id := range s.identities {
			out = append(out, Asker{Suite: s.Name, Name: id.name, Role: id.role, bundle: b, identity: id})
			seen[id.role] = true
		}
	}
	for _, r := range b.Roles {
		if seen[r.Name] {
			continue
		}
		a, err := b.RoleAsker(r.Name, map[string][]string{"cognito-identity.amazonaws.com:sub": {strangerID}})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// AskersUnder returns the identities of the suites of b as sessions under the
// policies of another bundle: of its roles, with their tags, and of its pools.
// Left out is whoever cannot be there, for want of the role, say; nothing is
// allowed to them. The order is that of Askers.
func (b *Bundle) AskersUnder(other *Bundle) []Asker {
	var out []Asker
	for _, s := range b.sources {
		if !strings.HasPrefix(s.path, "tests/") {
			continue
		}
		root, ok := parseYAML(path.Join(b.Name, s.path), s.text, &faults{})
		if !ok {
			continue
		}
		out = append(out, other.askersOf(root)...)
	}
	return out
}

// askersOf reads the identities of a suite, and leaves out those that have a
// fault here.
func (b *Bundle) askersOf(root node) []Asker {
	r := &suiteReader{bundle: b, suite: &Suite{}, root: root}
	found := map[string]*suiteIdentity{}
	root.members(func(member, x node) {
		switch member.Value {
		case "suite":
			r.suite.Name = x.name()
		case "identities":
			x.named(true, func(name string, x node) {
				root.file.faults = &faults{}
				if id := r.identity(name, x); root.file.faults.err() == nil {
					found[name] = id
				}
			})
		}
	})
	out := make([]Asker, 0, len(found))
	for _, id := range byName(found) {
		out = append(out, Asker{Suite: r.suite.Name, Name: id.name, Role: id.role, bundle: b, identity: id})
	}
	return out
}

// RoleAsker returns a session of a role, with the role's tags and those context
// keys, which it checks.
func (b *Bundle) RoleAsker(role string, context map[string][]string) (Asker, error) {
	r, ok := b.Role(role)
	if !ok {
		return Asker{}, fmt.Errorf("no role %q", role)
	}
	p, err := b.Principal(role, SessionName)
	if err != nil {
		return Asker{}, err
	}
	id := &suiteIdentity{name: role, role: role, principal: p}
	for _, t := range r.Tags {
		id.settings = append(id.settings, setting{key: "aws:PrincipalTag/" + t.Key, values: []string{t.Value}})
	}
	a := Asker{Name: role, Role: role, bundle: b, identity: id}
	return a.With(context)
}

// With returns the asker with further context keys, or with other values of
// them. It checks that they are of their keys' kinds.
func (a Asker) With(context map[string][]string) (Asker, error) {
	id := *a.identity
	id.settings = slices.Clone(id.settings)
	x := a.bundle.vocabulary.NewContext()
	for _, key := range slices.Sorted(maps.Keys(context)) {
		s := setting{key: key, values: context[key]}
		if err := x.Set(key, s.values...); err != nil {
			return Asker{}, err
		}
		id.settings = append(id.settings, s)
	}
	a.identity = &id
	return a, nil
}

// Caller is the asker for a guard of a table: its session and its policies.
func (a *Asker) Caller(t *Table) (*engine.Caller, error) {
	e, err := a.bundle.Evaluator(a.identity.role, t.ARN, a.identity.session)
	if err != nil {
		return nil, err
	}
	x, err := a.Session()
	if err != nil {
		return nil, err
	}
	return &engine.Caller{Principal: a.identity.principal, Evaluator: e, Session: x}, nil
}

// Session returns the context keys that the asker's session determines, in a
// context of the caller's own.
func (a *Asker) Session() (*conditions.Context, error) {
	x := a.bundle.vocabulary.NewContext()
	if err := a.identity.principal.Describe(x); err != nil {
		return nil, err
	}
	for _, s := range a.identity.settings {
		if err := s.apply(x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// Question is the asker's for an action on a table, without the keys that a row
// brings. action is one of RowActions.
func (a *Asker) Question(t *Table, action string, now time.Time) (*Question, error) {
	x, _ := findRowAction(action)
	c := Cell{
		Action: action, Resource: t.ARN, bundle: a.bundle, identity: a.identity, owner: a.bundle.Account,
		settings: x.settings(nil, t.PartitionKey, t.SortKey, false),
	}
	if x.keys { // the call names them
		c.settings = append(c.settings, setting{key: "dynamodb:Attributes", values: keys(t.PartitionKey, t.SortKey)})
	}
	return c.Question(now)
}

// Keys returns the context keys of the asker's session, beside those that the
// principal determines. What nobody knows of them is left out.
func (a *Asker) Keys() map[string][]string {
	out := make(map[string][]string, len(a.identity.settings))
	for _, s := range a.identity.settings {
		delete(out, s.key)
		if !s.unknown {
			out[s.key] = s.values
		}
	}
	return out
}

// RowActions returns the actions that are about rows of a table.
func RowActions() []string {
	out := make([]string, len(rowActions))
	for i, a := range rowActions {
		out[i] = a.name
	}
	return out
}

// Policies returns the policy documents of all kinds, those within other files
// among them. They must not be changed.
func (b *Bundle) Policies() []*policy.Document { return plainDocuments(b.documents) }

// byName returns the identities of a suite in the order of their names.
func byName(all map[string]*suiteIdentity) []*suiteIdentity {
	out := make([]*suiteIdentity, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name])
	}
	return out
}
