package dynamoitem

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/partiql"
)

var statementActions = map[partiql.Verb]string{
	partiql.Select: "PartiQLSelect", partiql.Exists: "PartiQLSelect", partiql.Insert: "PartiQLInsert",
	partiql.Update: "PartiQLUpdate", partiql.Delete: "PartiQLDelete",
}

// returning are the values of ReturnValues. Source: iam-semantics §6.4.4.
var returning = map[string]string{
	"": "NONE", "ALL OLD": "ALL_OLD", "MODIFIED OLD": "UPDATED_OLD", "ALL NEW": "ALL_NEW", "MODIFIED NEW": "UPDATED_NEW",
}

// statementText reads Statement.
func (r *reader) statementText(p *part) error {
	text, err := r.string()
	if err != nil {
		return err
	}
	s, err := partiql.Parse(text)
	if err != nil {
		var of *partiql.Error
		if errors.As(err, &of) {
			return &Error{Member: r.place(), At: of.At, Err: errors.New(of.Text)}
		}
		return r.fault("%w", err)
	}
	if s.Verb == partiql.Exists && !r.op.spec.enclosing {
		return r.fault("EXISTS stands in a transaction alone")
	}
	if !validName(s.Table) || s.Index != "" && !validName(s.Index) {
		return r.fault("a table or index is called with 3 to 255 letters, digits or _.-")
	}
	if p.table, err = r.scope.tableARN(s.Table); err != nil {
		return r.fault("%w", err)
	}
	p.statement, p.index, p.action = s, s.Index, statementActions[s.Verb]
	return nil
}

// bindParameters holds the parameters to the statement, and refuses to return
// an item where no key tells it to policies: only UPDATE and DELETE have
// ReturnValues. Choice C35.
func (p *part) bindParameters() error {
	if have, want := len(p.parameters), p.statement.Parameters; have != want {
		return p.faultf("Parameters", "the statement has %d parameters, not %d", want, have)
	}
	if p.onFailure == "ALL_OLD" && !writes[p.action] {
		return p.faultf("ReturnValuesOnConditionCheckFailure", "goes with UPDATE and DELETE alone")
	}
	return nil
}

// statementChecks are those of a statement.
func (p *part) statementChecks(c Check, table *Table) ([]Check, error) {
	key, err := table.key(p.index)
	if err != nil {
		return nil, p.fault("Statement", err)
	}
	s := p.statement
	c.Attributes = s.Attributes()
	if c.Attributes == nil {
		c.Attributes = []string{}
	}
	switch s.Verb {
	case partiql.Select, partiql.Exists:
		err = p.selectKeys(&c, &key)
	case partiql.Insert:
		c.PartitionKeys, err = p.insertKeys(&table.Key)
	case partiql.Update, partiql.Delete:
		c.PartitionKeys, err = p.boundKeys(&table.Key)
	}
	if err != nil {
		return nil, err
	}
	for _, change := range s.Changes {
		if name := change.Path.Path[0].Name; table.Key.has(name) {
			return nil, p.keyFault(change.Path.At, "the key attribute %q cannot be updated", name)
		}
	}
	if !writes[p.action] {
		return []Check{c}, nil
	}
	write := part{returnValues: returning[s.Returning], onFailure: p.onFailure}
	return write.withReturnValues(c), nil
}

func (p *part) keyFault(at int, format string, args ...any) error {
	err := fmt.Errorf("%w: %w", ErrKeys, fmt.Errorf(format, args...))
	return &Error{Member: join(p.member, "Statement"), At: at, Err: err}
}

// selectKeys fills in what a SELECT has: the keys that it binds, or that it is
// a full scan. Source: iam-semantics §6.4.3, §6.4.7.
func (p *part) selectKeys(c *Check, key *Key) error {
	switch {
	case len(p.statement.Columns) > 0:
		c.Select = "SPECIFIC_ATTRIBUTES"
	case p.index != "":
		c.Select = "ALL_PROJECTED_ATTRIBUTES"
	default:
		c.Select = "ALL_ATTRIBUTES"
	}
	c.FullTableScan = "true"
	var keys [][]string
	for _, a := range key.Partition {
		values, bound, err := p.bind(p.statement.Where, a)
		if err != nil {
			return err
		}
		if !bound {
			return nil
		}
		keys = append(keys, values)
	}
	c.FullTableScan, c.PartitionKeys = "false", keys
	return nil
}

// bind is which values a condition binds a key attribute to, each once: a row
// for which the condition holds has one of them. Source: iam-semantics §6.4.7.
func (p *part) bind(n *partiql.Node, a Attribute) (values []string, bound bool, err error) {
	if n == nil {
		return nil, false, nil
	}
	switch {
	case n.Kind == partiql.Compare, n.Kind == partiql.In:
		return p.bindTest(n, a)
	case n.Kind != partiql.And && n.Kind != partiql.Or:
		return nil, false, nil
	}
	all := true
	var list nameList
	for _, arg := range n.Args {
		v, ok, err := p.bind(arg, a)
		if err != nil {
			return nil, false, err
		}
		list.add(v...)
		all, bound = all && ok, bound || ok
	}
	if n.Kind == partiql.Or {
		bound = all
	}
	if !bound {
		return nil, false, nil
	}
	return list.list(), true, nil
}

// bindTest is bind for = and IN.
func (p *part) bindTest(n *partiql.Node, a Attribute) (values []string, bound bool, err error) {
	subject, constants := n.Args[0], n.Args[1:]
	if n.Kind == partiql.Compare {
		if n.Text != "=" {
			return nil, false, nil
		}
		if !isAttribute(subject, a.Name) {
			subject, constants = n.Args[1], n.Args[:1]
		}
	}
	if !isAttribute(subject, a.Name) {
		return nil, false, nil
	}
	var list nameList
	for _, c := range constants {
		v, ok := p.constant(c)
		if !ok {
			return nil, false, nil
		}
		text, err := v.keyText(a.Type)
		if err != nil {
			return nil, false, p.keyFault(c.At, "%q: %w", a.Name, err)
		}
		list.add(text)
	}
	return list.list(), true, nil
}

func isAttribute(n *partiql.Node, name string) bool {
	return n.Kind == partiql.Path && len(n.Path) == 1 && n.Path[0].Name == name
}

// constant is the value of a literal or parameter; not ok for anything else.
func (p *part) constant(n *partiql.Node) (value, bool) {
	if n.Kind == partiql.Parameter {
		return p.parameters[n.Index], true
	}
	kind, ok := literals[n.Kind]
	if n.Kind == partiql.Word {
		kind, ok = n.Text, true
	}
	return value{kind, n.Text}, ok
}

// literals are the types of values, as errors tell them if they are no key's.
var literals = map[partiql.Kind]string{
	partiql.Text: "S", partiql.Number: "N", partiql.List: "a list", partiql.Bag: "a set", partiql.Tuple: "a tuple",
}

// insertKeys are the values of the partition key in the tuple of an INSERT.
func (p *part) insertKeys(key *Key) ([][]string, error) {
	item := p.statement.Item
	var keys [][]string
	for i, a := range key.attributes() {
		at := slices.Index(item.Names, a.Name)
		if at < 0 {
			return nil, p.keyFault(item.At, "no %q", a.Name)
		}
		v, _ := p.constant(item.Args[at])
		text, err := v.keyText(a.Type)
		if err != nil {
			return nil, p.keyFault(item.Args[at].At, "%q: %w", a.Name, err)
		}
		if i == 0 {
			keys = append(keys, []string{text})
		}
	}
	return keys, nil
}

// boundKeys are the values of the partition key of an UPDATE or DELETE, whose
// WHERE must name one item: each key attribute once, by = and not under OR or
// NOT. Choice C36.
func (p *part) boundKeys(key *Key) ([][]string, error) {
	where := p.statement.Where
	terms := []*partiql.Node{where}
	for i := 0; i < len(terms); i++ {
		if terms[i].Kind == partiql.And {
			terms = append(terms, terms[i].Args...)
		}
	}
	var keys [][]string
	for i, a := range key.attributes() {
		var found []string
		n := 0
		for _, t := range terms {
			if t.Kind != partiql.Compare {
				continue
			}
			values, bound, err := p.bindTest(t, a)
			if err != nil {
				return nil, err
			}
			if bound {
				found = values
				n++
			}
		}
		if n != 1 {
			return nil, p.keyFault(where.At, "want %q = a value, once", a.Name)
		}
		if i == 0 {
			keys = append(keys, found)
		}
	}
	return keys, nil
}
