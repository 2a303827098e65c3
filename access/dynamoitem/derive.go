package dynamoitem

import (
	"fmt"
)

// reads are the actions that have Select; writes those that have ReturnValues.
// Source: iam-semantics §6.3.
var (
	reads = map[string]bool{
		"GetItem": true, "BatchGetItem": true, "Query": true, "Scan": true, "PartiQLSelect": true,
	}
	writes = map[string]bool{
		"PutItem": true, "UpdateItem": true, "DeleteItem": true, "ConditionCheckItem": true, "PartiQLUpdate": true, "PartiQLDelete": true,
	}
)

// checks are those of a part that is no statement. c has what does not depend
// on the action.
func (p *part) checks(c Check, table *Table) ([]Check, error) {
	key, err := table.key(p.index)
	if err != nil {
		return nil, p.fault("IndexName", err)
	}
	var names nameList
	switch p.action {
	case "Query":
		c.PartitionKeys, err = p.queryKeys(&key, table)
	case "Scan":
		err = p.checkStart(&key, table, nil)
	default:
		c.PartitionKeys, err = p.entryKeys(p.entries, table, &names)
	}
	if err != nil {
		return nil, err
	}
	if err := p.checkTargets(table); err != nil {
		return nil, err
	}
	names.add(p.mentions...)
	c.Attributes = names.list()
	if reads[p.action] {
		c.Select = p.selection
	}
	if !writes[p.action] {
		return []Check{c}, nil
	}
	return p.withReturnValues(c), nil
}

// withReturnValues is the check of a write, or two if a failed condition
// returns more than success. Source: iam-semantics §6.4.4.
func (p *part) withReturnValues(c Check) []Check {
	success, failure := orNone(p.returnValues), orNone(p.onFailure)
	if c.EnclosingOperation == "TransactWriteItems" { // which has the latter alone
		success = failure
	}
	c.ReturnValues = success
	if failure == "NONE" || failure == success {
		return []Check{c}
	}
	second := c
	second.ReturnValues = failure
	return []Check{c, second}
}

func orNone(s string) string {
	if s == "" {
		return "NONE"
	}
	return s
}

// entryKeys are the partition key values of items and keys, which must fit the
// schema. It adds their attributes to names.
func (p *part) entryKeys(entries []entry, table *Table, names *nameList) ([][]string, error) {
	var values nameList
	for i := range entries {
		e := &entries[i]
		text, err := e.partition(&table.Key)
		if err != nil {
			return nil, err
		}
		values.add(text)
		for _, a := range e.attributes {
			names.add(a.name)
		}
	}
	return [][]string{values.list()}, nil
}

// partition is the text of an entry's partition key. A key has the attributes
// of the schema and no others; an item may have more.
func (e *entry) partition(key *Key) (string, error) {
	partition, n := "", 0
	for a := range key.all() {
		v, ok := e.find(a.Name)
		if !ok {
			return "", &Error{Member: e.member, Err: fmt.Errorf("%w: no %q", ErrKeys, a.Name)}
		}
		text, err := v.keyText(a.Type)
		if err != nil {
			return "", &Error{Member: join(e.member, a.Name), Err: fmt.Errorf("%w: %w", ErrKeys, err)}
		}
		if n++; n == 1 {
			partition = text
		}
	}
	if !e.put && len(e.attributes) > n {
		return "", &Error{Member: e.member, Err: fmt.Errorf("%w: more attributes than the key has", ErrKeys)}
	}
	return partition, nil
}

func (e *entry) find(name string) (value, bool) {
	for _, a := range e.attributes {
		if a.name == name {
			return a.value, true
		}
	}
	return value{}, false
}

// checkTargets refuses an update of the key, which would move an item under
// another. Source: DynamoDB API Reference, UpdateItem; choice C36.
func (p *part) checkTargets(table *Table) error {
	for _, name := range p.targets {
		if table.Key.has(name) {
			return &Error{Member: p.member, Err: fmt.Errorf("%w: the key attribute %q cannot be updated", ErrKeys, name)}
		}
	}
	return nil
}

// queryKeys are the values that a Query binds its partition key to: each of
// its attributes once, by =. The other conditions are on sort attributes, from
// the first on, and only the last of them is not by =. Source: iam-semantics
// §6.4.1; DynamoDB Developer Guide, "Multi-attribute keys".
func (p *part) queryKeys(key *Key, table *Table) ([][]string, error) {
	wrong := func(format string, args ...any) error {
		return p.fault(p.terms[0].member, fmt.Errorf("%w: %w", ErrKeys, fmt.Errorf(format, args...)))
	}
	byName := map[string]keyTerm{}
	for _, t := range p.terms {
		if _, twice := byName[t.name]; twice {
			return nil, wrong("%q has two conditions", t.name)
		}
		if !key.has(t.name) {
			return nil, wrong("%q is no key attribute", t.name)
		}
		byName[t.name] = t
	}
	var keys [][]string
	for _, a := range key.Partition {
		t, ok := byName[a.Name]
		if !ok || t.operator != "=" {
			return nil, wrong("want %q = a value", a.Name)
		}
		text, err := t.values[0].keyText(a.Type)
		if err != nil {
			return nil, wrong("%q: %w", a.Name, err)
		}
		keys = append(keys, []string{text})
	}
	open := false
	for _, a := range key.Sort {
		t, ok := byName[a.Name]
		if ok && open {
			return nil, wrong("the condition on %q follows one that leaves a range", a.Name)
		}
		open = !ok || t.operator != "="
		for _, v := range t.values {
			if v.kind != a.Type {
				return nil, wrong("%q: want a value of type %s, have %s", a.Name, a.Type, v.kind)
			}
		}
	}
	return keys, p.checkStart(key, table, keys)
}

// checkStart holds ExclusiveStartKey to the keys of the table and the index; a
// Query begins in the partition that it asks for. Choice C37.
func (p *part) checkStart(key *Key, table *Table, partition [][]string) error {
	if p.startKey == nil {
		return nil
	}
	const member = "ExclusiveStartKey"
	start := entry{member: join(p.member, member), attributes: p.startKey}
	names := nameList{}
	for _, a := range append(table.Key.attributes(), key.attributes()...) {
		names.add(a.Name)
		v, ok := start.find(a.Name)
		if !ok {
			return p.fault(member, fmt.Errorf("%w: no %q", ErrKeys, a.Name))
		}
		text, err := v.keyText(a.Type)
		if err != nil {
			return p.fault(member+"."+a.Name, fmt.Errorf("%w: %w", ErrKeys, err))
		}
		for i := range partition {
			if key.Partition[i].Name == a.Name && partition[i][0] != text {
				return p.fault(member+"."+a.Name, fmt.Errorf("%w: begins in another partition", ErrKeys))
			}
		}
	}
	if len(p.startKey) != len(names.list()) {
		return p.fault(member, fmt.Errorf("%w: more attributes than the keys have", ErrKeys))
	}
	return nil
}

// nameList is a list that holds each text once.
type nameList struct {
	all  []string
	seen nameSet
}

func (l *nameList) add(names ...string) {
	for _, name := range names {
		if l.seen.add(name) {
			l.all = append(l.all, name)
		}
	}
}

// list is never nil.
func (l *nameList) list() []string {
	if l.all == nil {
		return []string{}
	}
	return l.all
}
