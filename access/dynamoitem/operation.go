package dynamoitem

import (
	"fmt"
	"slices"
)

// shape is which members an object of a request has. A member that is not
// listed is refused: whatever it asks for, nobody checked it. Choice C34.
type shape struct{ required, optional []string }

func (s *shape) has(name string) bool {
	return slices.Contains(s.required, name) || slices.Contains(s.optional, name)
}

// operation is what is known of one.
type operation struct {
	shape
	// action is that of the call itself; empty if its parts have their own.
	action string
	// enclosing says that the checks name the call as EnclosingOperation.
	enclosing bool
	// plain says that the check has no key but its action and resource: the
	// operation is about tables, not about what is in them.
	plain bool
}

var (
	readOptions  = []string{"AttributesToGet", "ConsistentRead", "ReturnConsumedCapacity", "ProjectionExpression", "ExpressionAttributeNames"}
	writeOptions = []string{
		"Expected", "ConditionalOperator", "ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ConditionExpression",
		"ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure",
	}
	searchOptions = []string{
		"IndexName", "Select", "AttributesToGet", "Limit", "ConsistentRead", "ConditionalOperator", "ExclusiveStartKey",
		"ReturnConsumedCapacity", "ProjectionExpression", "FilterExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
	}
)

func with(options []string, more ...string) []string { return append(slices.Clone(options), more...) }

// operations are all that have checks. Source: DynamoDB API Reference;
// iam-semantics §6.2. CreateTable and UpdateTable leave out the members that
// need the permission of further actions or services: Tags, ResourcePolicy,
// SSESpecification, replicas.
var operations = map[string]*operation{
	"GetItem":    {shape: shape{[]string{"TableName", "Key"}, readOptions}, action: "GetItem"},
	"PutItem":    {shape: shape{[]string{"TableName", "Item"}, writeOptions}, action: "PutItem"},
	"UpdateItem": {shape: shape{[]string{"TableName", "Key"}, with(writeOptions, "AttributeUpdates", "UpdateExpression")}, action: "UpdateItem"},
	"DeleteItem": {shape: shape{[]string{"TableName", "Key"}, writeOptions}, action: "DeleteItem"},
	"Query": {
		shape:  shape{[]string{"TableName"}, with(searchOptions, "KeyConditions", "QueryFilter", "ScanIndexForward", "KeyConditionExpression")},
		action: "Query",
	},
	"Scan": {shape: shape{[]string{"TableName"}, with(searchOptions, "ScanFilter", "TotalSegments", "Segment")}, action: "Scan"},

	"BatchGetItem":   {shape: shape{[]string{"RequestItems"}, []string{"ReturnConsumedCapacity"}}},
	"BatchWriteItem": {shape: shape{[]string{"RequestItems"}, []string{"ReturnConsumedCapacity", "ReturnItemCollectionMetrics"}}},
	"TransactGetItems": {
		shape:     shape{[]string{"TransactItems"}, []string{"ReturnConsumedCapacity"}},
		enclosing: true,
	},
	"TransactWriteItems": {
		shape:     shape{[]string{"TransactItems"}, []string{"ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ClientRequestToken"}},
		enclosing: true,
	},

	"ExecuteStatement":      {shape: shape{[]string{"Statement"}, with(statementOptions, "NextToken", "ReturnConsumedCapacity", "Limit")}},
	"BatchExecuteStatement": {shape: shape{[]string{"Statements"}, []string{"ReturnConsumedCapacity"}}},
	"ExecuteTransaction": {
		shape:     shape{[]string{"TransactStatements"}, []string{"ClientRequestToken", "ReturnConsumedCapacity"}},
		enclosing: true,
	},

	"CreateTable": {shape: shape{[]string{"TableName"}, []string{
		"AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "BillingMode", "ProvisionedThroughput",
		"StreamSpecification", "TableClass", "DeletionProtectionEnabled", "WarmThroughput", "OnDemandThroughput",
	}}, action: "CreateTable", plain: true},
	"UpdateTable": {shape: shape{[]string{"TableName"}, []string{
		"AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexUpdates", "StreamSpecification", "TableClass",
		"DeletionProtectionEnabled", "WarmThroughput", "OnDemandThroughput",
	}}, action: "UpdateTable", plain: true},
	"DeleteTable":        {shape: shape{[]string{"TableName"}, nil}, action: "DeleteTable", plain: true},
	"DescribeTable":      {shape: shape{[]string{"TableName"}, nil}, action: "DescribeTable", plain: true},
	"DescribeTimeToLive": {shape: shape{[]string{"TableName"}, nil}, action: "DescribeTimeToLive", plain: true},
	"UpdateTimeToLive":   {shape: shape{[]string{"TableName", "TimeToLiveSpecification"}, nil}, action: "UpdateTimeToLive", plain: true},
	"ListTables":         {shape: shape{nil, []string{"ExclusiveStartTableName", "Limit"}}, action: "ListTables", plain: true},
	"DescribeLimits":     {action: "DescribeLimits", plain: true},
	"DescribeEndpoints":  {action: "DescribeEndpoints", plain: true},
}

var statementOptions = []string{"Parameters", "ConsistentRead", "ReturnValuesOnConditionCheckFailure"}

// The parts of batches and transactions.
var (
	transactWrite = []string{"ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"}

	partShapes = map[string]*operation{
		"KeysAndAttributes": {
			shape:  shape{[]string{"Keys"}, []string{"AttributesToGet", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"}},
			action: "BatchGetItem",
		},
		"Get": {
			shape:  shape{[]string{"Key", "TableName"}, []string{"ProjectionExpression", "ExpressionAttributeNames"}},
			action: "GetItem",
		},
		"Put":            {shape: shape{[]string{"Item", "TableName"}, transactWrite}, action: "PutItem"},
		"Update":         {shape: shape{[]string{"Key", "TableName", "UpdateExpression"}, transactWrite}, action: "UpdateItem"},
		"Delete":         {shape: shape{[]string{"Key", "TableName"}, transactWrite}, action: "DeleteItem"},
		"ConditionCheck": {shape: shape{[]string{"Key", "TableName", "ConditionExpression"}, transactWrite}, action: "ConditionCheckItem"},
		"PutRequest":     {shape: shape{[]string{"Item"}, nil}},
		"DeleteRequest":  {shape: shape{[]string{"Key"}, nil}},

		"Statements":         {shape: shape{[]string{"Statement"}, statementOptions}},
		"TransactStatements": {shape: shape{[]string{"Statement"}, []string{"Parameters", "ReturnValuesOnConditionCheckFailure"}}},
	}
)

// Operation is one call of DynamoDB, read. It is immutable and may be shared.
type Operation struct {
	name  string
	scope Scope
	spec  *operation
	body  []byte
	// parts are what makes checks, in the order of the body.
	parts []*part
	// items is where the value of RequestItems stands in the body.
	items span
}

// span is a part of the body.
type span struct{ start, end int }

// Parse reads the body of a call, as it is on the wire. operation is its name
// without the prefix of X-Amz-Target. Names of tables that are no ARN are of
// scope. The body must not be changed while the Operation is used.
//
// The error is an *Error. It wraps ErrUnknownOperation; with any other the
// body is not one that this package understands, and must not be sent on: a
// part that was not read was not checked.
func Parse(scope Scope, operation string, body []byte) (*Operation, error) {
	spec, ok := operations[operation]
	if !ok {
		return nil, &Error{Err: fmt.Errorf("%w %.80q", ErrUnknownOperation, operation)}
	}
	if !scope.valid() {
		return nil, &Error{Err: fmt.Errorf("the scope has no partition, region or account of 12 digits")}
	}
	d, err := newDecoder(body)
	if err != nil {
		return nil, err
	}
	r := &reader{decoder: d, scope: scope, op: &Operation{name: operation, scope: scope, spec: spec, body: body}}
	top := &part{action: spec.action}
	if err := r.part(top, &spec.shape); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if spec.action != "" || top.statement != nil {
		r.op.parts = []*part{top}
	}
	for _, p := range r.op.parts {
		p.capacity = top.capacity
	}
	return r.op, nil
}

// Name is the operation's, such as "GetItem".
func (o *Operation) Name() string { return o.name }

// Body is what was parsed. It must not be changed.
func (o *Operation) Body() []byte { return o.body }

// Tables returns the ARNs of the tables whose key schema Checks needs, each
// once, in the order of the body. They may be of other accounts and regions
// than the scope's, if the request says so: a store that ignores these must
// not be asked.
func (o *Operation) Tables() []string {
	var arns []string
	for _, p := range o.parts {
		if !o.spec.plain && !slices.Contains(arns, p.table) {
			arns = append(arns, p.table)
		}
	}
	return arns
}

// Checks returns the checks that IAM makes of the call, in the order of the
// body: at least one. The error is an *Error; it wraps ErrUnknownTable,
// ErrUnknownIndex or ErrKeys if it is the schema that the request does not fit.
// The call must then be refused: a check without a key that it should have
// could allow. Source: iam-semantics §6.2 to §6.4.
func (o *Operation) Checks(tables Tables) ([]Check, error) {
	var checks []Check
	for _, p := range o.parts {
		c, err := o.checksOf(p, tables)
		if err != nil {
			return nil, err
		}
		checks = append(checks, c...)
	}
	if len(checks) == 0 {
		return nil, &Error{Err: fmt.Errorf("%s asks for nothing", o.name)}
	}
	return checks, nil
}

func (o *Operation) checksOf(p *part, tables Tables) ([]Check, error) {
	if o.spec.plain {
		c := Check{Action: "dynamodb:" + p.action, Resource: "*"}
		if p.table != "" {
			c.Resource, c.Table = p.table, p.table
		}
		return []Check{c}, nil
	}
	table, err := tables.find(p.table)
	if err != nil {
		return nil, p.fault("TableName", err)
	}
	c := Check{Action: "dynamodb:" + p.action, Resource: p.table, Table: p.table, Index: p.index, Member: p.member}
	if p.index != "" {
		c.Resource += "/index/" + p.index
	}
	if o.spec.enclosing {
		c.EnclosingOperation = o.name
	}
	if p.statement != nil {
		return p.statementChecks(c, &table)
	}
	c.ReturnConsumedCapacity = p.capacity
	if c.ReturnConsumedCapacity == "" {
		c.ReturnConsumedCapacity = "NONE"
	}
	return p.checks(c, &table)
}
