package dynamoitem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

var (
	home   = dynamoitem.Scope{Partition: "aws", Region: "eu-west-1", Account: "111111111111"}
	orders = dynamoitem.Table{
		Key: dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: "cust", Type: "S"}}, Sort: []dynamoitem.Attribute{{Name: "day", Type: "S"}}},
		Indexes: map[string]dynamoitem.Key{
			"ByShop": {Partition: []dynamoitem.Attribute{{Name: "shop", Type: "S"}}, Sort: []dynamoitem.Attribute{{Name: "day", Type: "S"}}},
		},
	}
)

const ordersARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders"

func ordersOnly(arn string) (dynamoitem.Table, bool) { return orders, arn == ordersARN }

// newCaller is a session of an identity pool whose sub is c1, under a policy
// with these statements.
func newCaller(t interface {
	require.TestingT
	Helper()
}, statements string,
) *engine.Caller {
	t.Helper()
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:sts::111111111111:assumed-role/Shopper/CognitoIdentityCredentials")
	require.NoError(t, err)
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	require.NoError(t, session.Set("cognito-identity.amazonaws.com:sub", "c1"))
	d, err := policy.Parse("policy.json", []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	require.NoError(t, err)
	set, err := engine.Compile(v, policy.Identity, d)
	require.NoError(t, err)
	return &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}}
}

// allowed decides a check.
func allowed(t testing.TB, caller *engine.Caller, c *dynamoitem.Check) bool {
	t.Helper()
	r := caller.NewRequest(c.Action, c.Resource)
	require.NoError(t, c.Fill(r.Context))
	d := caller.Evaluator.Decide(r)
	require.Equal(t, engine.NoFault, d.Fault)
	return d.Allowed()
}

// decide is a call's decision: that of its first check that is not allowed.
func decide(t testing.TB, caller *engine.Caller, operation, body string) string {
	t.Helper()
	op, err := dynamoitem.Parse(home, operation, []byte(body))
	require.NoError(t, err, body)
	checks, err := op.Checks(ordersOnly)
	require.NoError(t, err, body)
	require.NotEmpty(t, checks)
	for i := range checks {
		r := caller.NewRequest(checks[i].Action, checks[i].Resource)
		require.NoError(t, checks[i].Fill(r.Context))
		if d := caller.Evaluator.Decide(r); !d.Allowed() {
			return d.Outcome.String()
		}
	}
	return "allowed"
}

const (
	key11  = `"Key":{"cust":{"S":"c1"},"day":{"S":"d1"}}`
	key21  = `"Key":{"cust":{"S":"c2"},"day":{"S":"d1"}}`
	one    = `"ExpressionAttributeValues":{":n":{"N":"1"}}`
	within = `"TableName":"Orders",`
)

// TestReferencePolicy is the table of iam-semantics §6.7.
func TestReferencePolicy(t *testing.T) {
	caller := newCaller(t, `{
	  "Sid":"OwnRowsSomeColumns","Effect":"Allow",
	  "Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:UpdateItem"],
	  "Resource":"arn:aws:dynamodb:eu-west-1:111111111111:table/Orders",
	  "Condition":{
	    "Null":{"dynamodb:LeadingKeys":"false"},
	    "ForAllValues:StringEquals":{
	      "dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"],
	      "dynamodb:Attributes":["cust","day","total","status"]},
	    "StringEqualsIfExists":{
	      "dynamodb:Select":"SPECIFIC_ATTRIBUTES",
	      "dynamodb:ReturnValues":["NONE","UPDATED_OLD","UPDATED_NEW"]}}}`)
	for _, c := range []struct{ name, operation, body, want string }{
		{"GetItem, projection", "GetItem", within + key11 + `,"ProjectionExpression":"total"`, "allowed"},
		{"GetItem, no projection", "GetItem", within + key11, "implicitDeny"},
		{"GetItem, a column too many", "GetItem", within + key11 + `,"ProjectionExpression":"total, margin"`, "implicitDeny"},
		{"GetItem, a nested path", "GetItem", within + key11 + `,"ProjectionExpression":"#s.code","ExpressionAttributeNames":{"#s":"status"}`, "allowed"},
		{"GetItem, a foreign row", "GetItem", within + key21 + `,"ProjectionExpression":"total"`, "implicitDeny"},
		{
			"BatchGetItem, one foreign key",
			"BatchGetItem", `"RequestItems":{"Orders":{"Keys":[{"cust":{"S":"c1"},"day":{"S":"d1"}},{"cust":{"S":"c2"},"day":{"S":"d1"}}],"ProjectionExpression":"total"}}`,
			"implicitDeny",
		},
		{
			"Query, a filter on a hidden column",
			"Query", within + `"KeyConditionExpression":"cust=:c","ProjectionExpression":"total","FilterExpression":"margin>:c","ExpressionAttributeValues":{":c":{"S":"c1"}}`,
			"implicitDeny",
		},
		{
			"Query, without that filter",
			"Query", within + `"KeyConditionExpression":"cust=:c","ProjectionExpression":"total","ExpressionAttributeValues":{":c":{"S":"c1"}}`, "allowed",
		},
		{
			"Query of an index",
			"Query", within + `"IndexName":"ByShop","KeyConditionExpression":"shop=:c","ProjectionExpression":"total","ExpressionAttributeValues":{":c":{"S":"c1"}}`,
			"implicitDeny",
		},
		{"UpdateItem", "UpdateItem", within + key11 + `,"UpdateExpression":"SET total=:n",` + one, "allowed"},
		{"UpdateItem, all that is new", "UpdateItem", within + key11 + `,"UpdateExpression":"SET total=:n","ReturnValues":"ALL_NEW",` + one, "implicitDeny"},
		{"UpdateItem, a hidden right-hand side", "UpdateItem", within + key11 + `,"UpdateExpression":"SET total = margin"`, "implicitDeny"},
		{"TransactWriteItems", "TransactWriteItems", `"TransactItems":[{"Update":{` + within + key11 + `,"UpdateExpression":"SET total=:n",` + one + `}}]`, "allowed"},
		{
			"TransactWriteItems with a ConditionCheck",
			"TransactWriteItems", `"TransactItems":[{"Update":{` + within + key11 + `,"UpdateExpression":"SET total=:n",` + one + `}},
			  {"ConditionCheck":{` + within + `"Key":{"cust":{"S":"c1"},"day":{"S":"d2"}},"ConditionExpression":"attribute_exists(total)"}}]`,
			"implicitDeny",
		},
		{"Scan", "Scan", `"TableName":"Orders","ProjectionExpression":"total"`, "implicitDeny"},
		{"PartiQL", "ExecuteStatement", `"Statement":"SELECT total FROM Orders WHERE cust='c1'"`, "implicitDeny"},
	} {
		require.Equal(t, c.want, decide(t, caller, c.operation, "{"+c.body+"}"), c.name)
	}
}

// TestEdgeCases are the rows of iam-semantics §8 about DynamoDB, each with the
// request that it speaks of.
func TestEdgeCases(t *testing.T) {
	own := `"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]}}`
	allow := func(actions, resources, condition string) string {
		s := `{"Effect":"Allow","Action":[` + actions + `],"Resource":[` + resources + `]`
		if condition != "" {
			s += "," + condition
		}
		return s + "}"
	}
	table := `"` + ordersARN + `"`
	item := `"Item":{"cust":{"S":"c1"},"day":{"S":"d1"}}`
	put := `{"Put":{` + within + item + `}}`
	batch := func(second string) string {
		return `"RequestItems":{"Orders":{"Keys":[{"cust":{"S":"c1"},"day":{"S":"d1"}},{"cust":{"S":"` + second + `"},"day":{"S":"d2"}}]}}`
	}
	query := `"IndexName":"ByShop","KeyConditionExpression":"shop=:s","ExpressionAttributeValues":{":s":{"S":"%s"}}`
	named := `"Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["cust","day","name"]}}`
	noScans := allow(`"dynamodb:*"`, table, "") + `,{"Effect":"Deny","Action":"dynamodb:*","Resource":"*","Condition":{"Bool":{"dynamodb:FullTableScan":"true"}}}`
	for _, c := range []struct {
		row                           int
		policy, operation, body, want string
	}{
		{33, allow(`"dynamodb:Query","dynamodb:Scan"`, table, own), "Scan", `"TableName":"Orders"`, "allowed"},
		{34, allow(`"dynamodb:BatchGetItem"`, table, own), "BatchGetItem", batch("c2"), "implicitDeny"},
		{34, allow(`"dynamodb:BatchGetItem"`, table, own), "BatchGetItem", batch("c1"), "allowed"},
		{35, allow(`"dynamodb:Query"`, table+`,"`+ordersARN+`/index/*"`, own), "Query", within + strings.Replace(query, "%s", "s1", 1), "implicitDeny"},
		{35, allow(`"dynamodb:Query"`, table+`,"`+ordersARN+`/index/*"`, own), "Query", within + strings.Replace(query, "%s", "c1", 1), "allowed"},
		{36, allow(`"dynamodb:GetItem"`, table, named), "GetItem", within + key11, "allowed"},
		{
			37, allow(`"dynamodb:UpdateItem"`, table, named), "UpdateItem",
			within + key11 + `,"UpdateExpression":"SET #n = secret","ExpressionAttributeNames":{"#n":"name"}`, "implicitDeny",
		},
		{
			37, allow(`"dynamodb:UpdateItem"`, table, named), "UpdateItem",
			within + key11 + `,"UpdateExpression":"SET #n = :n","ExpressionAttributeNames":{"#n":"name"},` + one, "allowed",
		},
		{38, allow(`"dynamodb:PutItem"`, table, ""), "TransactWriteItems", `"TransactItems":[` + put + `]`, "allowed"},
		{
			38, allow(`"dynamodb:PutItem"`, table, ""), "TransactWriteItems",
			`"TransactItems":[` + put + `,{"ConditionCheck":{` + within + key21 + `,"ConditionExpression":"attribute_exists(cust)"}}]`, "implicitDeny",
		},
		{38, allow(`"dynamodb:PutItem"`, table, ""), "BatchWriteItem", `"RequestItems":{"Orders":[{"PutRequest":{` + item + `}}]}`, "implicitDeny"},
		{39, noScans, "ExecuteStatement", `"Statement":"SELECT * FROM Orders"`, "explicitDeny"},
		{39, noScans, "Scan", `"TableName":"Orders"`, "allowed"},
		{39, noScans, "ExecuteStatement", `"Statement":"SELECT * FROM Orders WHERE cust = 'c9'"`, "allowed"},
	} {
		require.Equal(t, c.want, decide(t, newCaller(t, c.policy), c.operation, "{"+c.body+"}"), fmt.Sprintf("row %d: %s", c.row, c.body))
	}
}

// TestTagsAreNotKnown: a policy that reads the tags of a table denies, whatever
// it would say of them.
func TestTagsAreNotKnown(t *testing.T) {
	tagged := func(effect, operator string) string {
		return `{"Effect":"` + effect + `","Action":"dynamodb:*","Resource":"*","Condition":{"` + operator + `":{"aws:ResourceTag/team":"red"}}}`
	}
	all := `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}`
	body := "{" + within + key11 + "}"
	require.Equal(t, "allowed", decide(t, newCaller(t, all), "GetItem", body))
	require.Equal(t, "implicitDeny", decide(t, newCaller(t, tagged("Allow", "StringNotEquals")), "GetItem", body))
	require.Equal(t, "explicitDeny", decide(t, newCaller(t, all+","+tagged("Deny", "StringEquals")), "GetItem", body))
	require.Equal(t, "allowed", decide(t, newCaller(t, all+","+tagged("Deny", "StringEquals")), "ListTables", "{}"))
}
