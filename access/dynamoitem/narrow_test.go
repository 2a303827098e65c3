package dynamoitem_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// asks is how a caller's policies are asked, and asks nothing else.
func asks(caller *engine.Caller) dynamoitem.Ask {
	return func(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
		r := caller.NewRequest(c.Action, c.Resource)
		return caller.Evaluator, r, c.Fill(r.Context)
	}
}

// scores is a table with one index of each sort.
var scores = dynamoitem.Table{
	Key: dynamoitem.Key{Partition: []dynamoitem.Attribute{{Name: "UserId", Type: "S"}}, Sort: []dynamoitem.Attribute{{Name: "GameTitle", Type: "S"}}},
	Indexes: map[string]dynamoitem.Key{
		"ByRank": {Partition: []dynamoitem.Attribute{{Name: "Rank", Type: "N"}}},
		"ByTeam": {Partition: []dynamoitem.Attribute{{Name: "Team", Type: "S"}, {Name: "Year", Type: "N"}}},
		"ByHash": {Partition: []dynamoitem.Attribute{{Name: "Hash", Type: "B"}}},
		"TopScoreDateTimeIndex": {
			Partition: []dynamoitem.Attribute{{Name: "TopScoreDateTime", Type: "S"}}, Sort: []dynamoitem.Attribute{{Name: "GameTitle", Type: "S"}},
		},
	},
}

func scoresOnly(arn string) (dynamoitem.Table, bool) {
	return scores, strings.HasSuffix(arn, ":table/GameScores")
}

const (
	own      = `"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]}`
	guard    = `"Null":{"dynamodb:LeadingKeys":"false"}`
	specific = `"StringEqualsIfExists":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}`
)

// allow is an Allow of actions on the table and its indexes.
func allow(actions, conditions string) string {
	return `{"Effect":"Allow","Action":[` + actions + `],"Resource":"arn:aws:dynamodb:*:*:table/GameScores*","Condition":{` + conditions + `}}`
}

// leading wants one of these partition keys.
func leading(keys string) string {
	return `"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":[` + keys + `]},` + guard
}

const reads = `"dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query"`

func narrow(t testing.TB, caller *engine.Caller, operation, body string) dynamoitem.Narrowed {
	t.Helper()
	op, err := dynamoitem.Parse(home, operation, []byte(body))
	require.NoError(t, err, body)
	n, err := op.Narrow(scoresOnly, asks(caller))
	require.NoError(t, err, body)
	require.Equal(t, len(n.Requests) == 0, n.Reason != nil, body)
	for _, r := range n.Requests {
		checks, err := r.Checks(scoresOnly)
		require.NoError(t, err)
		for i := range checks {
			require.True(t, allowed(t, caller, &checks[i]), "%s %s", r.Name(), r.Body())
		}
	}
	return n
}

func TestNarrow(t *testing.T) {
	const within = `"TableName":"GameScores"`
	query := func(rest string) string { return `Query {` + within + `,` + rest + `}` }
	whole := allow(reads, own)
	public := allow(reads+`,"dynamodb:Scan"`, `"ForAllValues:StringEquals":{"dynamodb:Attributes":["UserId","GameTitle","Top"]},`+specific)
	for _, c := range []struct {
		name, policy, operation, body string
		// want are the requests, or the reason why there is none.
		want []string
		why  string
	}{
		{name: "an allowed call stays", policy: whole, operation: "Query", body: `{` + within + `, "KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c1"}}}`, want: []string{`Query {` + within + `, "KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c1"}}}`}},
		{name: "so does a Scan that the letter of a policy allows", policy: allow(reads+`,"dynamodb:Scan"`, own), operation: "Scan", body: `{` + within + `}`, want: []string{`Scan {` + within + `}`}},
		{name: "a foreign partition", policy: whole, operation: "Query", body: `{` + within + `,"KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}}}`, why: "no list of attributes"},
		{name: "a write", policy: whole, operation: "DeleteItem", body: `{` + within + `,"Key":{"UserId":{"S":"c1"},"GameTitle":{"S":"go"}}}`, why: "a DeleteItem is not narrowed"},

		{name: "own rows", policy: whole, operation: "Scan", body: `{` + within + `}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c1"}}`),
		}},
		{name: "options stay", policy: whole, operation: "Scan", body: `{"TableName":"GameScores","Limit":5,"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL","ProjectionExpression":"#k0","ExpressionAttributeNames":{"#k0":"Top"},"Select":"SPECIFIC_ATTRIBUTES"}`, want: []string{
			`Query {"TableName":"GameScores","Limit":5,"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL","ProjectionExpression":"#k0","ExpressionAttributeNames":{"#k1":"UserId","#k0":"Top"},"Select":"SPECIFIC_ATTRIBUTES","ExpressionAttributeValues":{":k0":{"S":"c1"}},"KeyConditionExpression":"#k1 = :k0"}`,
		}},
		{name: "several partitions, in the order of their texts", policy: whole + "," + allow(reads, leading(`"team","all","<&>"`)), operation: "Scan", body: `{` + within + `}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"<&>"}}`),
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"all"}}`),
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c1"}}`),
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"team"}}`),
		}},
		{name: "a Deny takes partitions out", policy: allow(reads, leading(`"a","b"`)) + `,{"Effect":"Deny","Action":"dynamodb:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":"a"}}}`, operation: "Scan", body: `{` + within + `}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"b"}}`),
		}},
		{name: "a value that another condition does not want is no partition", policy: allow(reads, `"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a","b#1"]},"ForAnyValue:StringLike":{"dynamodb:LeadingKeys":"b#*"}`), operation: "Scan", body: `{` + within + `}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"b#1"}}`),
		}},
		{name: "an index of numbers, without those that no number is", policy: allow(reads, leading(`"7","07","x",""`)), operation: "Scan", body: `{` + within + `,"IndexName":"ByRank"}`, want: []string{
			query(`"IndexName":"ByRank","KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"Rank"},"ExpressionAttributeValues":{":k0":{"N":"7"}}`),
		}},
		{name: "an index of bytes", policy: allow(reads, leading(`"AAE=","AAF="`)), operation: "Scan", body: `{` + within + `,"IndexName":"ByHash"}`, want: []string{
			query(`"IndexName":"ByHash","KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"Hash"},"ExpressionAttributeValues":{":k0":{"B":"AAE="}}`),
		}},
		{name: "a filter stays, and its conditions on the key move", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"Top > :t AND begins_with(GameTitle, :g) AND (Lost = :t OR Won = :t)","ExpressionAttributeValues":{":t":{"N":"3"},":g":{"S":"go"}}}`, want: []string{
			query(`"FilterExpression":"Top > :t AND (Lost = :t OR Won = :t)","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c1"},":t":{"N":"3"},":g":{"S":"go"}},"KeyConditionExpression":"#k0 = :k0 AND begins_with(GameTitle, :g)"`),
		}},
		{name: "a filter on the own partition", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"#u = :u","ExpressionAttributeNames":{"#u":"UserId"},"ExpressionAttributeValues":{":u":{"S":"c1"}}}`, want: []string{
			query(`"ExpressionAttributeNames":{"#u":"UserId"},"ExpressionAttributeValues":{":u":{"S":"c1"}},"KeyConditionExpression":"#u = :u"`),
		}},
		{name: "a filter on a foreign partition", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}}}`, why: "no list of attributes makes dynamodb:Query"},
		{name: "a filter that no key condition says", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"GameTitle <> :g","ExpressionAttributeValues":{":g":{"S":"c2"}}}`, why: `the key attribute "GameTitle"`},
		{name: "a filter on the key among alternatives", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"Top = :g OR UserId = :g","ExpressionAttributeValues":{":g":{"S":"c1"}}}`, why: `the key attribute "UserId"`},
		{name: "a range of the partition key", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"UserId > :g","ExpressionAttributeValues":{":g":{"S":"c1"}}}`, why: `no condition on "UserId"`},
		{name: "two conditions on the sort key", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"GameTitle > :g AND GameTitle < :g","ExpressionAttributeValues":{":g":{"S":"c1"}}}`, why: `"GameTitle" has two conditions`},
		{name: "a filter of another type than the key", policy: whole, operation: "Scan", body: `{` + within + `,"FilterExpression":"UserId = :g","ExpressionAttributeValues":{":g":{"N":"1"}}}`, why: `the filter's value of "UserId"`},
		{name: "without expressions", policy: whole, operation: "Scan", body: `{` + within + `,"ScanFilter":{"Top":{"ComparisonOperator":"NOT_NULL"}},"AttributesToGet":["Top"],"ConditionalOperator":"AND"}`, want: []string{
			query(`"QueryFilter":{"Top":{"ComparisonOperator":"NOT_NULL"}},"AttributesToGet":["Top"],"ConditionalOperator":"AND","KeyConditions":{"UserId":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"c1"}]}}`),
		}},
		{name: "a legacy filter on the key", policy: whole, operation: "Scan", body: `{` + within + `,"ScanFilter":{"UserId":{"ComparisonOperator":"NOT_NULL"}}}`, why: `the key attribute "UserId"`},
		{name: "segments", policy: whole, operation: "Scan", body: `{` + within + `,"Segment":0,"TotalSegments":2}`, why: "no segments"},
		{name: "a partition key of two attributes", policy: whole, operation: "Scan", body: `{` + within + `,"IndexName":"ByTeam"}`, why: "several attributes"},
		{name: "every partition", policy: allow(reads, `"StringEquals":{"aws:PrincipalAccount":"111111111111"}`), operation: "Scan", body: `{` + within + `}`, why: "known partition keys: everything"},
		{name: "partitions by a prefix", policy: allow(reads, `"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"c1#*"}`), operation: "Scan", body: `{` + within + `}`, why: `known partition keys: dynamodb:LeadingKeys like "c1#*"`},
		{name: "no partition", policy: allow(`"dynamodb:PutItem"`, own), operation: "Scan", body: `{` + within + `}`, why: "no partition that it asks for"},
		{name: "more partitions than sense", policy: allow(reads, leading(`"0"`+manyKeys(101))), operation: "Scan", body: `{` + within + `}`, why: "102 partition keys"},
		{name: "a filter that cannot be told", policy: allow(reads, own+`,"StringEquals":{"aws:PrincipalAccount":"${dynamodb:EnclosingOperation}"}`), operation: "Scan", body: `{` + within + `}`, why: "no partition"},
		{name: "goes on where it stopped", policy: allow(reads, leading(`"a","b","c"`)), operation: "Scan", body: `{` + within + `,"ExclusiveStartKey":{"UserId":{"S":"b"},"GameTitle":{"S":"go"}}}`, want: []string{
			query(`"ExclusiveStartKey":{"UserId":{"S":"b"},"GameTitle":{"S":"go"}},"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"b"}}`),
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c"}}`),
		}},
		{name: "goes on in a foreign partition", policy: allow(reads, leading(`"a","c"`)), operation: "Scan", body: `{` + within + `,"ExclusiveStartKey":{"UserId":{"S":"b"},"GameTitle":{"S":"go"}}}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c"}}`),
		}},
		{name: "goes on behind all", policy: whole, operation: "Scan", body: `{` + within + `,"ExclusiveStartKey":{"UserId":{"S":"d"},"GameTitle":{"S":"go"}}}`, why: "no partition that it asks for"},

		{name: "a missing projection", policy: public, operation: "Scan", body: `{` + within + `,"FilterExpression":"#a0 > :t","ExpressionAttributeNames":{"#a0":"Top"},"ExpressionAttributeValues":{":t":{"N":"3"}}}`, want: []string{
			`Scan {` + within + `,"FilterExpression":"#a0 > :t","ExpressionAttributeNames":{"#a3":"UserId","#a2":"Top","#a1":"GameTitle","#a0":"Top"},"ExpressionAttributeValues":{":t":{"N":"3"}},"ProjectionExpression":"#a1, #a2, #a3"}`,
		}},
		{name: "a missing projection of a GetItem", policy: public, operation: "GetItem", body: `{` + within + `,"Key":{"UserId":{"S":"c2"},"GameTitle":{"S":"go"}}}`, want: []string{
			`GetItem {` + within + `,"Key":{"UserId":{"S":"c2"},"GameTitle":{"S":"go"}},"ExpressionAttributeNames":{"#a2":"UserId","#a1":"Top","#a0":"GameTitle"},"ProjectionExpression":"#a0, #a1, #a2"}`,
		}},
		{name: "without expressions, a missing projection", policy: public, operation: "Query", body: `{` + within + `,"KeyConditions":{"UserId":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"c2"}]}}}`, want: []string{
			query(`"KeyConditions":{"UserId":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"c2"}]}},"AttributesToGet":["GameTitle","Top","UserId"]`),
		}},
		{name: "a projection of too much stays denied", policy: public, operation: "Query", body: `{` + within + `,"ProjectionExpression":"Secret","KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}}}`, why: "it says itself"},
		{name: "and so does a filter on what is hidden", policy: public, operation: "Query", body: `{` + within + `,"FilterExpression":"Secret = :u","KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}}}`, why: "no list of attributes"},
		{name: "a Deny takes attributes out", policy: public + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"dynamodb:Attributes":"Top"}}}`, operation: "Query", body: `{` + within + `,"KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}}}`, want: []string{
			query(`"KeyConditionExpression":"UserId = :u","ExpressionAttributeValues":{":u":{"S":"c2"}},"ExpressionAttributeNames":{"#a1":"UserId","#a0":"GameTitle"},"ProjectionExpression":"#a0, #a1"`),
		}},
		{name: "a Scan of own rows and some attributes", policy: allow(reads, `"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${cognito-identity.amazonaws.com:sub}","dynamodb:Attributes":["UserId","GameTitle"]},`+specific), operation: "Scan", body: `{` + within + `}`, want: []string{
			query(`"KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#a1":"UserId","#a0":"GameTitle","#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"c1"}},"ProjectionExpression":"#a0, #a1"`),
		}},
		{name: "counting is no projection", policy: public, operation: "Scan", body: `{` + within + `,"Select":"COUNT"}`, why: "no partition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := narrow(t, newCaller(t, c.policy), c.operation, c.body)
			if c.want == nil {
				require.ErrorContains(t, n.Reason, c.why)
				require.NotNil(t, n.Denied)
				return
			}
			require.NoError(t, n.Reason)
			require.Len(t, n.Requests, len(c.want))
			for i, r := range n.Requests {
				name, body, _ := strings.Cut(c.want[i], " ")
				require.Equal(t, name, r.Name())
				require.JSONEq(t, body, string(r.Body()))
			}
		})
	}
}

// manyKeys are n more texts.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%03d"`, i)
	}
	return b.String()
}

// Two lists of attributes: the longest one that the call can have.
func TestNarrowTakesTheLongestList(t *testing.T) {
	list := func(names, more string) string {
		return allow(reads, `"ForAllValues:StringEquals":{"dynamodb:Attributes":["UserId","GameTitle",`+names+`]},`+specific+more)
	}
	caller := newCaller(t, list(`"Top"`, "")+","+list(`"Top","Wins"`, `,"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":"c1"}`))
	for user, want := range map[string]string{"c1": `["GameTitle","Top","UserId","Wins"]`, "c2": `["GameTitle","Top","UserId"]`} {
		n := narrow(t, caller, "Query", `{"TableName":"GameScores","KeyConditions":{"UserId":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"`+user+`"}]}}}`)
		require.NoError(t, n.Reason)
		require.Contains(t, string(n.Requests[0].Body()), want)
	}
}

func scoreKeys(users ...string) string {
	texts := make([]string, len(users))
	for i, u := range users {
		texts[i] = `{"UserId":{"S":"` + u + `"},"GameTitle":{"S":"go"}}`
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func TestNarrowBatch(t *testing.T) {
	whole := allow(reads, own)
	columns := `"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${cognito-identity.amazonaws.com:sub}","dynamodb:Attributes":["UserId","GameTitle"]},` + specific
	board := allow(reads, `"ForAllValues:StringEquals":{"dynamodb:Attributes":["UserId","GameTitle"]},`+specific)
	const projection = `,"ExpressionAttributeNames":{"#a1":"UserId","#a0":"GameTitle"},"ProjectionExpression":"#a0, #a1"`
	for _, c := range []struct {
		name, policy, table string
		want                string
		refused             []string
		why                 string
	}{
		{"own keys stay", whole, `{"Keys":` + scoreKeys("c1", "c1") + `}`, `{"Keys":` + scoreKeys("c1", "c1") + `}`, nil, ""},
		{"a foreign key goes", whole, `{"Keys":` + scoreKeys("c2", "c1", "c3") + `,"ConsistentRead":true}`, `{"Keys":` + scoreKeys("c1") + `,"ConsistentRead":true}`, []string{"c2", "c3"}, ""},
		{"foreign keys alone", whole, `{"Keys":` + scoreKeys("c2") + `}`, "", []string{"c2"}, "none of its keys"},
		{"all keys, fewer attributes", board, `{"Keys":` + scoreKeys("c1", "c2") + `}`, `{"Keys":` + scoreKeys("c1", "c2") + projection + `}`, nil, ""},
		{"fewer keys and attributes", allow(reads, columns), `{"Keys":` + scoreKeys("c2", "c1") + `}`, `{"Keys":` + scoreKeys("c1") + projection + `}`, []string{"c2"}, ""},
		{"keys that pass one by one and not together", whole + "," + allow(reads, leading(`"c2"`)), `{"Keys":` + scoreKeys("c2", "c1") + `}`, "", nil, "not allowed either"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrap := func(table string) string {
				return `{"RequestItems":{"GameScores":` + table + `},"ReturnConsumedCapacity":"NONE"}`
			}
			n := narrow(t, newCaller(t, c.policy), "BatchGetItem", wrap(c.table))
			require.Len(t, n.Refused, len(c.refused))
			for i, user := range c.refused {
				require.Contains(t, string(n.Refused[i].Request), `"`+user+`"`)
			}
			if c.want == "" {
				require.ErrorContains(t, n.Reason, c.why)
				return
			}
			require.NoError(t, n.Reason)
			require.JSONEq(t, wrap(c.want), string(n.Requests[0].Body()))
		})
	}
}

// Two tables are narrowed each for itself.
func TestNarrowBatchOfTables(t *testing.T) {
	caller := newCaller(t, allow(reads, own)+`,{"Effect":"Allow","Action":"dynamodb:BatchGetItem","Resource":"*:table/Orders","Condition":{"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"},"ForAllValues:StringEquals":{"dynamodb:Attributes":["cust","day"]}}}`)
	op, err := dynamoitem.Parse(home, "BatchGetItem", []byte(`{"RequestItems":{"GameScores":{"Keys":`+scoreKeys("c1")+`},"Orders":{"Keys":[{"cust":{"S":"c9"},"day":{"S":"d1"}}]}}}`))
	require.NoError(t, err)
	n, err := op.Narrow(func(arn string) (dynamoitem.Table, bool) {
		if arn == ordersARN {
			return orders, true
		}
		return scoresOnly(arn)
	}, asks(caller))
	require.NoError(t, err)
	require.NoError(t, n.Reason)
	require.JSONEq(t, `{"RequestItems":{"GameScores":{"Keys":`+scoreKeys("c1")+`},"Orders":{"Keys":[{"cust":{"S":"c9"},"day":{"S":"d1"}}],"ExpressionAttributeNames":{"#a0":"cust","#a1":"day"},"ProjectionExpression":"#a0, #a1"}}}`, string(n.Requests[0].Body()))
}

// What cannot be decided is an error and no denial.
func TestNarrowErrors(t *testing.T) {
	op, err := dynamoitem.Parse(home, "Scan", []byte(`{"TableName":"GameScores"}`))
	require.NoError(t, err)
	n, err := op.Narrow(ordersOnly, asks(newCaller(t, allow(reads, own))))
	require.ErrorIs(t, err, dynamoitem.ErrUnknownTable)
	require.Zero(t, n)
	down := errors.New("the policies cannot be reached")
	for _, ask := range []dynamoitem.Ask{
		func(*dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) { return nil, nil, down },
		func(*dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) { return nil, nil, nil },
	} {
		n, err = op.Narrow(scoresOnly, ask)
		require.Error(t, err)
		require.Zero(t, n)
	}
	// Also if it fails on the way.
	caller := newCaller(t, allow(reads, own))
	for fails := range 5 {
		asked := 0
		n, err = op.Narrow(scoresOnly, func(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
			if asked++; asked > fails {
				return nil, nil, down
			}
			return asks(caller)(c)
		})
		if asked > fails {
			require.ErrorIs(t, err, down)
			require.Zero(t, n)
		} else {
			require.Len(t, n.Requests, 1)
		}
	}
}

func TestLimit(t *testing.T) {
	for body, want := range map[string]struct {
		limit int
		with  string
	}{
		`Scan {"TableName":"GameScores"}`:                            {0, `{"TableName":"GameScores","Limit":3}`},
		`Scan {"Limit":7,"TableName":"GameScores"}`:                  {7, `{"Limit":3,"TableName":"GameScores"}`},
		`Scan {"Limit":-7,"TableName":"GameScores"}`:                 {0, `{"Limit":3,"TableName":"GameScores"}`},
		`ListTables {"Limit":7}`:                                     {0, `{"Limit":7}`},
		`BatchGetItem {"RequestItems":{"GameScores":{"Keys":[{}]}}}`: {0, `{"RequestItems":{"GameScores":{"Keys":[{}]}}}`},
	} {
		name, body, _ := strings.Cut(body, " ")
		op, err := dynamoitem.Parse(home, name, []byte(body))
		require.NoError(t, err)
		require.Equal(t, want.limit, op.Limit(), body)
		op, err = op.WithLimit(3)
		require.NoError(t, err)
		require.Equal(t, want.with, string(op.Body()))
	}
}

// documented loads the policies of the DynamoDB Developer Guide, by source, if
// they lie beside the repository.
func documented(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		f, err := os.Open(filepath.Join(dir, "shared", "corpus", "aws-docs-policies.jsonl"))
		if err != nil {
			continue
		}
		defer func() { _ = f.Close() }()
		out := map[string]json.RawMessage{}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct {
				Source string
				Policy json.RawMessage
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
			out[line.Source] = line.Policy
		}
		require.NoError(t, lines.Err())
		return out
	}
	t.Skip("no folder shared/corpus beside the repository")
	return nil
}

// TestNarrowDocumentedExamples narrows calls under each fine-grained policy of
// the guide. Source: DynamoDB Developer Guide, "Using IAM policy conditions for
// fine-grained access control", "Using web identity federation".
func TestNarrowDocumentedExamples(t *testing.T) {
	policies := documented(t)
	guide := dynamoitem.Scope{Partition: "aws", Region: "us-west-2", Account: "123456789012"}
	const ownQuery = `{"TableName":"GameScores","KeyConditionExpression":"#k0 = :k0","ExpressionAttributeNames":{"#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"u1"}}}`
	query := func(index, key, value, rest string) string {
		return `{"TableName":"GameScores",` + index + `"KeyConditionExpression":"` + key + ` = :k","ExpressionAttributeValues":{":k":{"S":"` + value + `"}}` + rest + `}`
	}
	const index = `"IndexName":"TopScoreDateTimeIndex",`
	const columns = `,"ExpressionAttributeNames":{"#a0":"Attempts","#a1":"GameTitle","#a2":"Losses","#a3":"TopScoreDateTime","#a4":"Wins"},"ProjectionExpression":"#a0, #a1, #a2, #a3, #a4"`
	for _, c := range []struct {
		source, operation, body, want, why string
	}{
		{"dynamodb/specifying-conditions#1", "Scan", `{"TableName":"GameScores"}`, "Query " + ownQuery, ""},
		{"dynamodb/specifying-conditions#1", "Query", query("", "UserId", "u1", ""), "Query " + query("", "UserId", "u1", ""), ""},
		{"dynamodb/specifying-conditions#1", "Query", query("", "UserId", "u2", ""), "", "no list"},
		{"dynamodb/specifying-conditions#1", "Query", query(index, "TopScoreDateTime", "u1", ""), "", "no list"},
		{"dynamodb/specifying-conditions#1", "BatchGetItem", `{"RequestItems":{"GameScores":{"Keys":` + scoreKeys("u1", "u2") + `}}}`, `BatchGetItem {"RequestItems":{"GameScores":{"Keys":` + scoreKeys("u1") + `}}}`, ""},
		{"dynamodb/specifying-conditions#2", "Scan", `{"TableName":"GameScores"}`, "Query " + ownQuery, ""},
		// No projection may name what keys the rows, so that nothing but the two can come back.
		{"dynamodb/specifying-conditions#3", "Scan", `{"TableName":"GameScores"}`, `Scan {"TableName":"GameScores","ExpressionAttributeNames":{"#a0":"TopScore","#a1":"UserId"},"ProjectionExpression":"#a0, #a1"}`, ""},
		{"dynamodb/specifying-conditions#3", "Query", query("", "UserId", "u2", ""), "Query " + query("", "UserId", "u2", `,"ExpressionAttributeNames":{"#a0":"TopScore","#a1":"UserId"},"ProjectionExpression":"#a0, #a1"`), ""},
		{"dynamodb/specifying-conditions#3", "GetItem", `{"TableName":"GameScores","Key":{"UserId":{"S":"u1"},"GameTitle":{"S":"go"}}}`, "", "no list"}, // GameTitle is not listed
		{"dynamodb/specifying-conditions#4", "Scan", `{"TableName":"GameScores"}`, "", "no partition"},
		{"dynamodb/specifying-conditions#5", "Query", query(index, "TopScoreDateTime", "t", ""), "Query " + query(index, "TopScoreDateTime", "t", columns), ""},
		{"dynamodb/specifying-conditions#5", "Query", query(index, "TopScoreDateTime", "t", `,"Select":"ALL_ATTRIBUTES"`), "", "itself"},
		{"dynamodb/specifying-conditions#5", "Scan", `{"TableName":"GameScores","IndexName":"TopScoreDateTimeIndex"}`, "", "known partition keys"},
		{"dynamodb/specifying-conditions#6", "Query", query(index, "TopScoreDateTime", "t", ""), "Query " + query(index, "TopScoreDateTime", "t", ""), ""},
		{"dynamodb/specifying-conditions#6", "Query", query("", "UserId", "u1", ""), "", "no list"},
		// The sample does not list the keys, and so authorises nothing.
		{"dynamodb/specifying-conditions#7", "Query", query("", "UserId", "u1", ""), "", "no list"},
		{"dynamodb/WIF#0", "Scan", `{"TableName":"GameScores"}`, `Query {"TableName":"GameScores","ExpressionAttributeNames":{"#a0":"GameTitle","#a1":"Losses","#a2":"TopScore","#a3":"TopScoreDateTime","#a4":"UserId","#a5":"Wins","#k0":"UserId"},"ExpressionAttributeValues":{":k0":{"S":"u1"}},"KeyConditionExpression":"#k0 = :k0","ProjectionExpression":"#a0, #a1, #a2, #a3, #a4, #a5"}`, ""},
		{"dynamodb/WIF#0", "Query", query("", "UserId", "u2", ""), "", "no list"},
	} {
		t.Run(c.source+" "+c.operation, func(t *testing.T) {
			d, err := policy.Parse(c.source, policies[c.source])
			require.NoError(t, err)
			set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
			require.NoError(t, err)
			p, err := engine.ParsePrincipal("arn:aws:sts::123456789012:assumed-role/Player/s")
			require.NoError(t, err)
			session := conditions.AWS().NewContext()
			require.NoError(t, p.Describe(session))
			for _, key := range []string{"www.amazon.com:user_id", "graph.facebook.com:id"} {
				require.NoError(t, session.Set(key, "u1"))
			}
			caller := &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}}
			op, err := dynamoitem.Parse(guide, c.operation, []byte(c.body))
			require.NoError(t, err)
			n, err := op.Narrow(scoresOnly, asks(caller))
			require.NoError(t, err)
			if c.want == "" {
				require.ErrorContains(t, n.Reason, c.why)
				return
			}
			require.NoError(t, n.Reason)
			require.Len(t, n.Requests, 1)
			name, body, _ := strings.Cut(c.want, " ")
			require.Equal(t, name, n.Requests[0].Name())
			require.JSONEq(t, body, string(n.Requests[0].Body()))
		})
	}
}
