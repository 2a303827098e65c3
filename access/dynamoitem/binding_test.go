package dynamoitem_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

// where is a condition of PartiQL with what it means for a row.
type where struct {
	text  string
	holds func(cust, other string) bool
}

// drawWhere draws a condition over cust, the partition key, and other.
func drawWhere(t *rapid.T, depth int) where {
	values := []string{"c1", "c2", "it's", "z"}
	v := rapid.SampledFrom(values).Draw(t, "v")
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	forms := []string{"eq", "eqMirrored", "in", "ne", "less", "other", "self", "prefix", "between"}
	if depth < 4 {
		forms = append(forms, "and", "and", "or", "or", "not")
	}
	switch rapid.SampledFrom(forms).Draw(t, "form") {
	case "eq":
		return where{"cust = " + literal(v), func(c, _ string) bool { return c == v }}
	case "eqMirrored":
		return where{literal(v) + ` = ("cust")`, func(c, _ string) bool { return c == v }}
	case "in":
		vs := rapid.SliceOfN(rapid.SampledFrom(values), 1, 3).Draw(t, "in")
		var texts []string
		for _, x := range vs {
			texts = append(texts, literal(x))
		}
		open, shut := "[", "]"
		if rapid.Bool().Draw(t, "parentheses") {
			open, shut = "(", ")"
		}
		return where{"cust IN " + open + strings.Join(texts, ", ") + shut, func(c, _ string) bool { return slices.Contains(vs, c) }}
	case "ne":
		return where{"cust <> " + literal(v), func(c, _ string) bool { return c != v }}
	case "less":
		return where{"cust < " + literal(v), func(c, _ string) bool { return c < v }}
	case "other":
		return where{"other = " + literal(v), func(_, o string) bool { return o == v }}
	case "self":
		return where{"cust = other", func(c, o string) bool { return c == o }}
	case "prefix":
		return where{"begins_with(cust, " + literal(v) + ")", func(c, _ string) bool { return strings.HasPrefix(c, v) }}
	case "between":
		return where{"cust BETWEEN 'a' AND " + literal(v), func(c, _ string) bool { return c >= "a" && c <= v }}
	case "not":
		a := drawWhere(t, depth+1)
		return where{"NOT (" + a.text + ")", func(c, o string) bool { return !a.holds(c, o) }}
	case "and":
		a, b := drawWhere(t, depth+1), drawWhere(t, depth+1)
		return where{"(" + a.text + ") AND (" + b.text + ")", func(c, o string) bool { return a.holds(c, o) && b.holds(c, o) }}
	}
	a, b := drawWhere(t, depth+1), drawWhere(t, depth+1)
	return where{"(" + a.text + ") OR (" + b.text + ")", func(c, o string) bool { return a.holds(c, o) || b.holds(c, o) }}
}

// TestSelectBindsWhatItReads: a SELECT that is no full scan returns rows of its
// leading keys alone, whatever its WHERE.
func TestSelectBindsWhatItReads(t *testing.T) {
	bound, scans := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWhere(t, 0)
		body, err := json.Marshal(map[string]string{"Statement": "SELECT * FROM Orders WHERE " + w.text})
		require.NoError(t, err)
		op, err := dynamoitem.Parse(home, "ExecuteStatement", body)
		require.NoError(t, err, w.text)
		checks, err := op.Checks(ordersOnly)
		require.NoError(t, err, w.text)
		c := checks[0]
		if c.FullTableScan == "true" {
			scans++
			require.Nil(t, c.PartitionKeys, w.text)
			return
		}
		bound++
		require.Equal(t, "false", c.FullTableScan)
		for _, cust := range []string{"", "a", "c1", "c2", "c3", "it's", "z", "zz"} {
			for _, other := range []string{"", "a", "c1", "c2", "it's", "z"} {
				if w.holds(cust, other) {
					require.Contains(t, c.PartitionKeys[0], cust, w.text)
				}
			}
		}
	})
	require.Positive(t, bound)
	require.Positive(t, scans)
}

// drawBatch draws the body of a batch over two tables, and how many entries it
// has.
func drawBatch(t *rapid.T) (operation string, body []byte, entries int) {
	operation = rapid.SampledFrom([]string{"BatchGetItem", "BatchWriteItem"}).Draw(t, "operation")
	items := map[string]any{}
	for _, table := range []string{"Orders", "Others"} {
		if table == "Others" && rapid.Bool().Draw(t, "one table") {
			continue
		}
		var list []any
		for range rapid.IntRange(1, 6).Draw(t, "entries") {
			entries++
			key := map[string]any{
				"cust": map[string]string{"S": rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "cust")},
				"day":  map[string]string{"S": fmt.Sprint("d", entries)},
			}
			switch {
			case operation == "BatchGetItem":
				list = append(list, key)
			case rapid.Bool().Draw(t, "put"):
				key[rapid.SampledFrom([]string{"total", "secret"}).Draw(t, "attribute")] = map[string]string{"N": "1"}
				list = append(list, map[string]any{"PutRequest": map[string]any{"Item": key}})
			default:
				list = append(list, map[string]any{"DeleteRequest": map[string]any{"Key": key}})
			}
		}
		items[table] = list
		if operation == "BatchGetItem" {
			items[table] = map[string]any{"ConsistentRead": true, "Keys": list, "ProjectionExpression": "total"}
		}
	}
	body, err := json.MarshalIndent(map[string]any{"ReturnConsumedCapacity": "TOTAL", "RequestItems": items}, " ", "\t")
	require.NoError(t, err)
	return operation, body, entries
}

func anyTable(string) (dynamoitem.Table, bool) { return orders, true }

// TestBatchIsItsItems: under an Allow by ForAllValues a batch is allowed if and
// only if every item is, and what Split keeps is allowed as a batch and has
// every item that alone is.
func TestBatchIsItsItems(t *testing.T) {
	caller := newCaller(t, `{"Effect":"Allow","Action":["dynamodb:BatchGetItem","dynamodb:BatchWriteItem"],"Resource":"*",
	  "Condition":{"Null":{"dynamodb:LeadingKeys":"false"},"ForAllValues:StringEquals":{
	    "dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"],"dynamodb:Attributes":["cust","day","total"]}}}`)
	whole := func(t require.TestingT, operation string, body []byte) (yes bool, entries int) {
		op, err := dynamoitem.Parse(home, operation, body)
		require.NoError(t, err, "%s", body)
		checks, err := op.Checks(anyTable)
		require.NoError(t, err)
		yes = true
		for i := range checks {
			r := caller.NewRequest(checks[i].Action, checks[i].Resource)
			require.NoError(t, checks[i].Fill(r.Context))
			yes = yes && caller.Evaluator.Decide(r).Allowed()
		}
		_, _, err = op.Split(anyTable, func(*dynamoitem.Check) bool { entries++; return true })
		require.NoError(t, err)
		return yes, entries
	}
	rapid.Check(t, func(rt *rapid.T) {
		operation, body, entries := drawBatch(rt)
		op, err := dynamoitem.Parse(home, operation, body)
		require.NoError(rt, err)
		kept, refused, err := op.Split(anyTable, func(c *dynamoitem.Check) bool { return allowed(t, caller, c) })
		require.NoError(rt, err)
		yes, all := whole(rt, operation, body)
		require.Equal(rt, entries, all)
		require.Equal(rt, yes, len(refused) == 0, "%s", body)
		switch {
		case len(refused) == 0:
			require.Equal(rt, string(body), string(kept))
		case len(refused) == entries:
			require.Nil(rt, kept)
		default:
			yes, rest := whole(rt, operation, kept)
			require.True(rt, yes, "%s", kept)
			require.Equal(rt, entries-len(refused), rest)
		}
	})
}

// TestSplitKeepsBytes: what is kept is as it was, in its order.
func TestSplitKeepsBytes(t *testing.T) {
	body := `{ "ReturnConsumedCapacity" : "TOTAL", "RequestItems":{"Others":{"Keys":[{"day":{"S":"x"},"cust":{"S":"c2"}}]},
	  "Ord\u0065rs" : { "ConsistentRead" : true ,
	  "Keys" : [ {"cust":{"S":"c2"},"day":{"S":"1"}}, {"day" : {"S":"2"},"cust":{"S":"c1"}} ,{"cust":{"S":"c\u0031"},"day":{"S":"3"}}
	  ], "ProjectionExpression":"a" } } }`
	op, err := dynamoitem.Parse(home, "BatchGetItem", []byte(body))
	require.NoError(t, err)
	var members []string
	kept, refused, err := op.Split(anyTable, func(c *dynamoitem.Check) bool {
		members = append(members, c.Member)
		return c.PartitionKeys[0][0] == "c1"
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		"RequestItems.Others.Keys[0]", "RequestItems.Orders.Keys[0]", "RequestItems.Orders.Keys[1]", "RequestItems.Orders.Keys[2]",
	}, members)
	require.Equal(t, `{ "ReturnConsumedCapacity" : "TOTAL", "RequestItems":{"Orders":{ "ConsistentRead" : true ,
	  "Keys" : [{"day" : {"S":"2"},"cust":{"S":"c1"}},{"cust":{"S":"c\u0031"},"day":{"S":"3"}}], "ProjectionExpression":"a" }} }`, string(kept))
	require.Len(t, refused, 2)
	require.Equal(t, `{"day":{"S":"x"},"cust":{"S":"c2"}}`, string(refused[0].Request))
	require.Equal(t, "arn:aws:dynamodb:eu-west-1:111111111111:table/Others", refused[0].Check.Table)
	require.Equal(t, `{"cust":{"S":"c2"},"day":{"S":"1"}}`, string(refused[1].Request))

	_, _, err = op.Split(ordersOnly, func(*dynamoitem.Check) bool { return true })
	require.ErrorIs(t, err, dynamoitem.ErrUnknownTable)
	op, err = dynamoitem.Parse(home, "GetItem", []byte("{"+within+key11+"}"))
	require.NoError(t, err)
	_, _, err = op.Split(ordersOnly, func(*dynamoitem.Check) bool { return true })
	require.EqualError(t, err, "GetItem is no batch of items")
}
