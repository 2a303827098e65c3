package dynamoitem

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/expression"
	"github.com/rowan-authz/rowan/conditions"
)

// maxQueries is how many Queries a Scan may become.
const maxQueries = 100

// scan narrows a Scan: to fewer attributes, else to Queries, else to Queries for
// fewer attributes.
func (n *narrower) scan(o *Operation) ([]*Operation, error) {
	narrow, err := n.projected(o)
	if err == nil || !given(err) {
		return []*Operation{narrow}, err
	}
	q, err := n.queries(o)
	if err != nil {
		return nil, err
	}
	texts, err := q.partitions(false)
	if err != nil {
		return nil, err
	}
	if len(texts) > 0 {
		return q.all(texts, func(body []byte) (*Operation, error) { return n.again("Query", body) })
	}
	if texts, err = q.partitions(true); err != nil {
		return nil, err
	}
	if len(texts) > 0 {
		return q.all(texts, q.projectedQuery)
	}
	return nil, because("the policies allow a Query of no partition that it asks for")
}

func (q *queries) projectedQuery(body []byte) (*Operation, error) {
	op, err := Parse(q.scope, "Query", body)
	if err != nil {
		return nil, because("%w", err)
	}
	return q.projected(op)
}

// queries are the Queries of one Scan.
type queries struct {
	*narrower
	scan *part
	key  Key
	// base is the body of each but for its partition key.
	base rewrite
	// bound is the partition key that the Scan's filter wants, with the
	// condition that says so; condition is empty if it wants none.
	bound, condition string
	// sort is the condition on sort attributes, empty if there is none.
	sort string
	// start is the partition key of ExclusiveStartKey, whose value is startKey.
	start, startKey string
}

// queries reads a Scan as Queries would have it.
func (n *narrower) queries(o *Operation) (*queries, error) {
	p := o.parts[0]
	table, err := n.tables.find(p.table)
	if err != nil {
		return nil, err
	}
	key, err := table.key(p.index)
	switch {
	case err != nil:
		return nil, because("%w", err)
	case len(key.Partition) != 1:
		return nil, because("the partition key has several attributes")
	case p.has("Segment") || p.has("TotalSegments"):
		return nil, because("a Query has no segments")
	}
	q := &queries{narrower: n, scan: p, key: key, base: o.rewrite(p)}
	if m := p.find("ExclusiveStartKey"); m != nil {
		q.startKey = string(o.body[m.raw.start:m.raw.end])
		v, _ := (&entry{attributes: p.startKey}).find(key.Partition[0].Name)
		if q.start, err = v.keyText(key.Partition[0].Type); err != nil {
			return nil, because("%w", err)
		}
		q.base.drop("ExclusiveStartKey")
	}
	if err := q.legacyFilter(); err != nil {
		return nil, err
	}
	return q, q.filterExpression()
}

// legacyFilter makes a QueryFilter of the ScanFilter. It cannot be about the
// key. Source: DynamoDB API Reference, Query, QueryFilter.
func (q *queries) legacyFilter() error {
	for _, c := range q.scan.filters {
		if q.key.has(c.name) {
			return because("a QueryFilter has no condition on the key attribute %q", c.name)
		}
	}
	q.base.rename("ScanFilter", "QueryFilter")
	return nil
}

// filterExpression moves conditions on the key out of the filter, where a Query
// does not take them. Source: DynamoDB API Reference, Query, FilterExpression.
func (q *queries) filterExpression() error {
	const member = "FilterExpression"
	text, ok := q.scan.expressions[member]
	if !ok {
		return nil
	}
	filter, err := expression.Condition(text)
	if err != nil {
		return because("%w", err)
	}
	var rest []*expression.Node
	var sort []string
	for _, c := range conjuncts(filter, nil) {
		switch name, err := q.keyOf(c); {
		case err != nil:
			return err
		case name == "":
			rest = append(rest, c)
		case name == q.key.Partition[0].Name:
			if err := q.bind(c); err != nil {
				return err
			}
		default:
			sort = append(sort, c.String())
		}
	}
	q.sort = strings.Join(sort, " AND ")
	switch len(rest) {
	case 0:
		q.base.drop(member)
	case 1:
		q.base.set(member, quote(rest[0].String()))
	default:
		q.base.set(member, quote((&expression.Node{Kind: expression.And, Args: rest}).String()))
	}
	return nil
}

// conjuncts are the conditions that must all hold.
func conjuncts(n *expression.Node, all []*expression.Node) []*expression.Node {
	if n.Kind != expression.And {
		return append(all, n)
	}
	for _, arg := range n.Args {
		all = conjuncts(arg, all)
	}
	return all
}

// keyOf is the key attribute that a condition is about, empty if it is about
// none. One that no Query can have on its key is refused.
func (q *queries) keyOf(n *expression.Node) (string, error) {
	about := ""
	n.Walk(func(n *expression.Node) {
		if n.Kind == expression.Path {
			if name := q.nameOf(n.Path[0].Name); q.key.has(name) {
				about = name
			}
		}
	})
	if about == "" {
		return "", nil
	}
	if _, terms, err := expression.KeyCondition(n.String()); err != nil || len(terms) != 1 {
		return "", because("a Query has no condition on the key attribute %q such as its filter has", about)
	}
	return about, nil
}

// nameOf is the attribute that an element of a path names.
func (q *queries) nameOf(written string) string {
	if name, ok := q.scan.variables.names[written]; ok {
		return name
	}
	return written
}

// bind takes the condition on the partition key.
func (q *queries) bind(n *expression.Node) error {
	attribute := &q.key.Partition[0]
	_, terms, err := expression.KeyCondition(n.String())
	if err != nil || terms[0].Operator != "=" || q.condition != "" {
		return because("a Query has no condition on %q such as its filter has", attribute.Name)
	}
	text, err := q.scan.variables.values[terms[0].Values[0]].keyText(attribute.Type)
	if err != nil {
		return because("the filter's value of %q: %w", attribute.Name, err)
	}
	q.bound, q.condition = text, n.String()
	return nil
}

// partitions are the partition keys of which the policies allow a Query, of
// those that the Scan asks for: as it is, or if projected for some attributes
// alone.
func (q *queries) partitions(projected bool) (texts []string, err error) {
	c, err := q.check()
	switch {
	case err != nil:
		return nil, err
	case projected && (q.scan.projected() || q.scan.has("Select")):
		return nil, nil
	case q.condition == "":
		texts, err = q.allowed(c, projected)
	case projected:
		texts = []string{q.bound} // which is decided with its projection
	default:
		var may bool
		if may, err = q.allows(c); may {
			texts = []string{q.bound}
		}
	}
	if err != nil {
		return nil, err
	}
	texts = slices.DeleteFunc(texts, func(text string) bool {
		_, ok := q.key.Partition[0].value(text)
		return !ok || text < q.start
	})
	if len(texts) > maxQueries {
		return nil, because("the policies allow %d partition keys, more than %d", len(texts), maxQueries)
	}
	return texts, nil
}

// check is that of a Query: of the partition that the filter wants, else of any.
func (q *queries) check() (*Check, error) {
	text := q.bound
	if q.condition == "" {
		text = map[string]string{"S": "-", "N": "0", "B": "AAAA"}[q.key.Partition[0].Type]
	}
	body, _ := q.body(text, "")
	op, err := Parse(q.scope, "Query", body)
	if err != nil {
		return nil, because("%w", err)
	}
	return q.checkOf(op, op.parts[0])
}

// allowed are the partition keys with which a check is allowed.
func (q *queries) allowed(c *Check, projected bool) ([]string, error) {
	open := []string{leadingKeys}
	c.PartitionKeys = nil
	if projected {
		c.Attributes, c.Select = nil, "SPECIFIC_ATTRIBUTES"
		open = append(open, attributesKey)
	}
	f, err := q.filter(c, open...)
	if err != nil {
		return nil, err
	}
	texts, finite := f.Root().Values(0)
	if !finite {
		return nil, because("the policies do not confine %s of %s to known partition keys: %.300s", c.Action, c.Resource, f.String())
	}
	if !projected { // a value that one condition wants, another may not
		texts = slices.DeleteFunc(texts, func(text string) bool { return !f.Keep([]conditions.Value{conditions.Text(text)}) })
	}
	return texts, nil
}

// all are the Queries of the partitions.
func (q *queries) all(texts []string, decide func(body []byte) (*Operation, error)) ([]*Operation, error) {
	var out []*Operation
	for _, text := range texts {
		startKey := ""
		if text == q.start {
			startKey = q.startKey
		}
		body, ok := q.body(text, startKey)
		if !ok {
			return nil, because("no item has the partition key %.100q", text)
		}
		op, err := decide(body)
		if err != nil {
			return nil, err
		}
		out = append(out, op)
	}
	return out, nil
}

// body is the Query of one partition.
func (q *queries) body(text, startKey string) (body []byte, ok bool) {
	attribute := &q.key.Partition[0]
	value, ok := attribute.value(text)
	w := q.base.clone()
	if startKey != "" {
		w.set("ExclusiveStartKey", startKey)
	}
	if q.scan.legacy() {
		w.set("KeyConditions", `{`+quote(attribute.Name)+`:{"ComparisonOperator":"EQ","AttributeValueList":[`+value+`]}}`)
		return []byte(w.String()), ok
	}
	condition := q.condition
	if condition == "" {
		name, placeholder := q.scan.variables.fresh("#k"), q.scan.variables.fresh(":k")
		condition = name + " = " + placeholder
		w.extend("ExpressionAttributeNames", name, quote(attribute.Name))
		w.extend("ExpressionAttributeValues", placeholder, value)
	}
	if q.sort != "" {
		condition += " AND " + q.sort
	}
	w.set("KeyConditionExpression", quote(condition))
	return []byte(w.String()), ok
}
