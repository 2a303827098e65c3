package bundle

import (
	"maps"
	"slices"
	"time"

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
		p, err := b.Principal(r.Name, SessionName)
		if err != nil {
			return nil, err
		}
		id := &suiteIdentity{name: r.Name, role: r.Name, principal: p}
		id.settings = append(id.settings, setting{key: "cognito-identity.amazonaws.com:sub", values: []string{strangerID}})
		for _, t := range r.Tags {
			id.settings = append(id.settings, setting{key: "aws:PrincipalTag/" + t.Key, values: []string{t.Value}})
		}
		out = append(out, Asker{Name: r.Name, Role: r.Name, bundle: b, identity: id})
	}
	return out, nil
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
