package dynamoitem

import (
	"fmt"
	"slices"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/partiql"
)

// part is what of a body makes a check, or two: the whole of it, a table of a
// batch, a member of a transaction, a statement.
type part struct {
	// action is the check's, without its prefix.
	action string
	member string
	table  string // ARN
	index  string
	// entries are the items and keys that are named in full.
	entries []entry
	// expressions are the texts of those that are there.
	expressions map[string]string
	variables   variables
	// attributesToGet, expected and so on are the legacy members; nil if they
	// are not there.
	attributesToGet                                    []string
	keyConditions, filters, expected, attributeUpdates []legacyCondition
	selection, returnValues, capacity, onFailure       string
	startKey                                           []attribute
	statement                                          *partiql.Statement
	parameters                                         []value
	// members are those that are there, in the order of the body.
	members []member
	// What finish makes of these:
	mentions []string  // attributes, beside those of entries
	targets  []string  // attributes that an update changes
	terms    []keyTerm // of a Query
	// value and list are where the part of a batch, and its entries, stand in
	// the body, under label in RequestItems.
	label       string
	value, list span
}

// entry is an item or a key.
type entry struct {
	member     string
	attributes []attribute
	// put says that it is an item, which has more attributes than its key.
	put bool
	raw span
}

// member is one of an object of the body.
type member struct {
	name string
	raw  span // its value
}

func (p *part) has(name string) bool { return p.find(name) != nil }

// find is the member of that name, nil if it is not there.
func (p *part) find(name string) *member {
	for i := range p.members {
		if p.members[i].name == name {
			return &p.members[i]
		}
	}
	return nil
}

// fault is an error about a member of p.
func (p *part) fault(member string, err error) *Error {
	return &Error{Member: join(p.member, member), Err: err}
}

func (p *part) faultf(member, format string, args ...any) *Error {
	return p.fault(member, fmt.Errorf(format, args...))
}

func join(place, member string) string {
	if place == "" {
		return member
	}
	return place + "." + member
}

// reader reads the parts of an operation.
type reader struct {
	*decoder
	scope Scope
	op    *Operation
}

// part reads an object of a shape into p. A member that is null is as if it
// were not there, as clients leave it.
func (r *reader) part(p *part, s *shape) error {
	p.member = r.place()
	err := r.object(func(name string) error {
		if !s.has(name) {
			return r.fault("no such member is known here")
		}
		if r.null() {
			return nil
		}
		r.next()
		m := member{name, span{start: r.pos}}
		err := r.read(p, name)
		m.raw.end = r.pos
		p.members = append(p.members, m)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range s.required {
		if !p.has(name) {
			return p.faultf(name, "is missing")
		}
	}
	return p.finish()
}

// read reads the value of a member of p.
func (r *reader) read(p *part, name string) (err error) {
	switch name {
	case "TableName":
		err = r.table(p)
	case "IndexName":
		if p.index, err = r.string(); err == nil && !validName(p.index) {
			err = r.fault("an index is called with 3 to 255 letters, digits or _.-")
		}
	case "Key", "Item":
		err = r.entry(p, name == "Item")
	case "Keys":
		err = r.keys(p)
	case "ExclusiveStartKey":
		p.startKey, err = r.attributes()
	case "RequestItems":
		err = r.requestItems()
	case "TransactItems":
		err = r.array(1, maxTransaction, func(int) error { return r.transactItem() })
	case "Statements":
		err = r.array(1, maxBatchWrite, func(int) error { return r.statementPart(name) })
	case "TransactStatements":
		err = r.array(1, maxTransaction, func(int) error { return r.statementPart(name) })
	case "Statement":
		err = r.statementText(p)
	case "Parameters":
		err = r.array(1, maxParameters, func(int) error {
			v, err := r.value()
			p.parameters = append(p.parameters, v)
			return err
		})
	default:
		err = r.readOption(p, name)
	}
	return err
}

// readOption reads a member that says how.
func (r *reader) readOption(p *part, name string) (err error) {
	switch name {
	case "ProjectionExpression", "KeyConditionExpression", "FilterExpression", "ConditionExpression", "UpdateExpression":
		err = r.expression(p, name)
	case "ExpressionAttributeNames":
		err = r.names(&p.variables)
	case "ExpressionAttributeValues":
		err = r.values(&p.variables)
	case "AttributesToGet", "KeyConditions", "QueryFilter", "ScanFilter", "Expected", "AttributeUpdates", "ConditionalOperator":
		err = r.legacy(p, name)
	case "Select":
		p.selection, err = r.choice("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")
	case "ReturnValues":
		p.returnValues, err = r.returnValues()
	case "ReturnValuesOnConditionCheckFailure":
		p.onFailure, err = r.choice("NONE", "ALL_OLD")
	case "ReturnConsumedCapacity":
		p.capacity, err = r.choice("INDEXES", "TOTAL", "NONE")
	case "ReturnItemCollectionMetrics":
		_, err = r.choice("SIZE", "NONE")
	case "ConsistentRead", "ScanIndexForward":
		err = r.bool()
	case "Limit", "Segment", "TotalSegments":
		err = r.integer()
	case "NextToken", "ClientRequestToken", "ExclusiveStartTableName":
		_, err = r.string()
	case "AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexUpdates", "GlobalSecondaryIndexes",
		"KeySchema", "LocalSecondaryIndexes", "OnDemandThroughput", "ProvisionedThroughput", "StreamSpecification", "TableClass",
		"TimeToLiveSpecification", "WarmThroughput":
		err = r.any() // of operations on tables, which no key describes
	default:
		err = r.fault("the member is not understood")
	}
	return err
}

func (r *reader) choice(allowed ...string) (string, error) {
	s, err := r.string()
	if err == nil && !slices.Contains(allowed, s) {
		err = r.fault("want one of %v", allowed)
	}
	return s, err
}

// returnValues reads ReturnValues: an update has more of them than a Put or
// Delete.
func (r *reader) returnValues() (string, error) {
	if r.op.name == "UpdateItem" {
		return r.choice("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
	}
	return r.choice("NONE", "ALL_OLD")
}

func (r *reader) table(p *part) error {
	name, err := r.string()
	if err != nil {
		return err
	}
	if p.table, err = r.scope.tableARN(name); err != nil {
		return r.fault("%w", err)
	}
	return nil
}

func (r *reader) entry(p *part, put bool) error {
	r.next()
	e := entry{member: r.place(), put: put, raw: span{start: r.pos}}
	var err error
	if e.attributes, err = r.attributes(); err != nil {
		return err
	}
	e.raw.end = r.pos
	p.entries = append(p.entries, e)
	return nil
}
