package dynamoitem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/corpus"
)

// FuzzBody reads any body as any operation. What is accepted must be JSON, and
// its checks must have the keys that a check of their action has.
func FuzzBody(f *testing.F) {
	calls := corpus.Calls(f)
	for _, c := range calls {
		f.Add(c.Operation, c.Body)
	}
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		op, err := dynamoitem.Parse(home, operation, body)
		if err != nil {
			var of *dynamoitem.Error
			require.ErrorAs(t, err, &of)
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, json.Valid(body), "%s", body)
		checks, err := op.Checks(calls[0].Tables)
		if err != nil {
			return
		}
		require.NotEmpty(t, checks)
		for i := range checks {
			holds(t, &checks[i])
		}
	})
}

// holds wants the table of iam-semantics §6.3 of a check, and that no list of
// values is one that counts as none.
func holds(t *testing.T, c *dynamoitem.Check) {
	t.Helper()
	action, ok := strings.CutPrefix(c.Action, "dynamodb:")
	require.True(t, ok)
	require.NoError(t, c.Fill(conditions.AWS().NewContext()))
	present := map[string]bool{}
	for key, values := range c.All() {
		present[strings.TrimPrefix(key, "dynamodb:")] = true
		if key != "dynamodb:Attributes" {
			require.NotEmpty(t, values, key)
			require.NotContains(t, values, "", key)
		}
	}
	item, partiql := strings.HasSuffix(action, "Item"), strings.HasPrefix(action, "PartiQL")
	data := item || partiql || action == "Query" || action == "Scan"
	read := action == "GetItem" || action == "BatchGetItem" || action == "Query" || action == "Scan" || action == "PartiQLSelect"
	require.Equal(t, data && action != "Scan" && c.FullTableScan != "true", present["LeadingKeys"], action)
	require.Equal(t, present["LeadingKeys"], present["FirstPartitionKeyValues"])
	require.Equal(t, data, present["Attributes"], action)
	require.Equal(t, read, present["Select"], action)
	require.Equal(t, data && !read && action != "BatchWriteItem" && action != "PartiQLInsert", present["ReturnValues"], action)
	require.Equal(t, data && !partiql, present["ReturnConsumedCapacity"], action)
	require.Equal(t, action == "PartiQLSelect", present["FullTableScan"], action)
	require.True(t, action != "ConditionCheckItem" || present["EnclosingOperation"])
	require.True(t, !data || c.Table != "")
}

// TestKeysOfActions is the table of iam-semantics §6.3, over the corpus.
func TestKeysOfActions(t *testing.T) {
	for _, c := range corpus.Calls(t) {
		checks, err := checksOf(c)
		if err != nil {
			continue
		}
		for i := range checks {
			holds(t, &checks[i])
		}
	}
}

// TestTables: which schemas a call needs.
func TestTables(t *testing.T) {
	for body, want := range map[string][]string{
		`BatchGetItem {"RequestItems":{"Orders":{"Keys":[{}]},"arn:aws:dynamodb:us-east-1:222222222222:table/Users":{"Keys":[{}]}}}`: {
			ordersARN, "arn:aws:dynamodb:us-east-1:222222222222:table/Users",
		},
		`TransactGetItems {"TransactItems":[{"Get":{"TableName":"Orders","Key":{}}},{"Get":{"TableName":"Orders","Key":{}}}]}`: {ordersARN},
		`ExecuteStatement {"Statement":"DELETE FROM Orders WHERE a = 1"}`:                                                      {ordersARN},
		`DescribeTable {"TableName":"Orders"}`:                                                                                 nil,
		`ListTables {}`:                                                                                                        nil,
	} {
		operation, text, _ := strings.Cut(body, " ")
		op, err := dynamoitem.Parse(home, operation, []byte(text))
		require.NoError(t, err, body)
		require.Equal(t, want, op.Tables(), body)
		require.Equal(t, operation, op.Name())
	}
}

// TestSchemas: what is no key schema is refused, and so is a scope that would
// make ARNs of nothing.
func TestSchemas(t *testing.T) {
	op, err := dynamoitem.Parse(home, "Scan", []byte(`{"TableName":"Orders"}`))
	require.NoError(t, err)
	a := func(names ...string) (out []dynamoitem.Attribute) {
		for _, n := range names {
			out = append(out, dynamoitem.Attribute{Name: n, Type: "S"})
		}
		return out
	}
	for name, key := range map[string]dynamoitem.Key{
		"none":       {},
		"no sort":    {Sort: a("b")},
		"two":        {Partition: a("a", "b")},
		"twice":      {Partition: a("a"), Sort: a("a")},
		"two sorts":  {Partition: a("a"), Sort: a("b", "c")},
		"no name":    {Partition: a("")},
		"other type": {Partition: []dynamoitem.Attribute{{Name: "a", Type: "BOOL"}}},
	} {
		_, err := op.Checks(func(string) (dynamoitem.Table, bool) { return dynamoitem.Table{Key: key}, true })
		require.EqualError(t, err, "TableName: the key schema of "+ordersARN+" is malformed", name)
	}
	_, err = op.Checks(nil)
	require.ErrorIs(t, err, dynamoitem.ErrUnknownTable)
	onIndex, err := dynamoitem.Parse(home, "Scan", []byte(`{"TableName":"Orders","IndexName":"ByX"}`))
	require.NoError(t, err)
	for name, key := range map[string]dynamoitem.Key{"none": {}, "five": {Partition: a("a", "b", "c", "d", "e")}} {
		_, err := onIndex.Checks(func(string) (dynamoitem.Table, bool) {
			return dynamoitem.Table{Key: orders.Key, Indexes: map[string]dynamoitem.Key{"ByX": key}}, true
		})
		require.EqualError(t, err, `IndexName: the key schema of the index "ByX" is malformed`, name)
	}
	for _, s := range []dynamoitem.Scope{
		{},
		{Partition: "aws", Region: "eu-west-1"},
		{Partition: "aws", Account: "111111111111"},
		{Partition: "aws", Region: "*", Account: "111111111111"},
		{Partition: "aws", Region: "eu-west-1", Account: "1111"},
	} {
		_, err := dynamoitem.Parse(s, "ListTables", []byte("{}"))
		require.EqualError(t, err, "the scope has no partition, region or account of 12 digits")
	}
}

// TestLargeBodies: the limits of a body, and that a body within them is read in
// time that grows with its length.
func TestLargeBodies(t *testing.T) {
	_, err := dynamoitem.Parse(home, "ListTables", make([]byte, dynamoitem.MaxBody+1))
	require.EqualError(t, err, "a body has at most 16777216 bytes")
	_, err = dynamoitem.Parse(home, "ListTables", []byte("{\"Limit\xff\":1}"))
	require.EqualError(t, err, "the body is not UTF-8")
	var b strings.Builder
	b.WriteString(`{"TableName":"Orders","Item":{"cust":{"S":"c1"},"day":{"S":"d1"}`)
	const n = 100_000
	for i := range n {
		b.WriteString(`,"a` + big.NewInt(int64(i)).Text(62) + `":{"N":"1"}`)
	}
	b.WriteString(`,"l":{"L":[{"S":""}` + strings.Repeat(`,{"N":"1"}`, n) + `]}}}`)
	op, err := dynamoitem.Parse(home, "PutItem", []byte(b.String()))
	require.NoError(t, err)
	checks, err := op.Checks(ordersOnly)
	require.NoError(t, err)
	require.Len(t, checks[0].Attributes, n+3)
	deep := func(levels int) error {
		_, err := dynamoitem.Parse(home, "PutItem", []byte(`{"TableName":"Orders","Item":{"x":`+
			strings.Repeat(`{"M":{"x":`, levels)+`{"S":""}`+strings.Repeat(`}}`, levels)+`}}`))
		return err
	}
	require.NoError(t, deep(32))
	require.ErrorContains(t, deep(40), "nests too deep")
}

// TestCanonicalNumber holds the text of numbers to their values: equal numbers
// have one text, and it is the plainest.
func TestCanonicalNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) string {
			return rapid.StringMatching(`[+-]?(0{0,3}[0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,9})([eE][+-]?[0-9]{1,2})?`).Draw(t, name)
		}
		a, b := draw("a"), draw("b")
		x, okA := dynamoitem.CanonicalNumber(a)
		y, okB := dynamoitem.CanonicalNumber(b)
		require.True(t, okA && okB, "%s %s", a, b)
		require.Regexp(t, `^(0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$`, x, a)
		require.Equal(t, rat(t, a).Cmp(rat(t, b)) == 0, x == y, "%s %s", a, b)
		require.Zero(t, rat(t, a).Cmp(rat(t, x)), "%s is %s", a, x)
	})
	for s, want := range map[string]string{
		"1e125": "1" + strings.Repeat("0", 125), "1E-130": "0." + strings.Repeat("0", 129) + "1",
		"99999999999999999999999999999999999999e88": strings.Repeat("9", 38) + strings.Repeat("0", 88),
		"000" + strings.Repeat("1", 38) + "000":     strings.Repeat("1", 38) + "000",
		"0e999":                                     "", "0e99": "0", "1.": "1",
	} {
		have, ok := dynamoitem.CanonicalNumber(s)
		require.Equal(t, want, have, s)
		require.Equal(t, want != "", ok, s)
	}
}

func rat(t *rapid.T, s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	require.True(t, ok, s)
	return r
}

// TestErrors: what a caller sees of one.
func TestErrors(t *testing.T) {
	_, err := dynamoitem.Parse(home, "TransactGetItems", []byte(
		`{"TransactItems":[{"Get":{"TableName":"Orders",`+key11+`}},{"Get":{"TableName":"Orders",`+key11+`,"ProjectionExpression":"a, , b"}}]}`))
	var of *dynamoitem.Error
	require.True(t, errors.As(err, &of))
	require.Equal(t, "TransactItems[1].Get.ProjectionExpression", of.Member)
	require.Equal(t, 4, of.At)
	require.EqualError(t, err, `TransactItems[1].Get.ProjectionExpression:4: want the name of an attribute, have ","`)
	_, err = dynamoitem.Parse(home, "ExecuteStatement", []byte(`{"Statement":"SELECT * FROM Orders WHERE a = 'hunter2' 'hunter2'"}`))
	require.EqualError(t, err, "Statement:42: want the end, have a string", "values are not told")
}

// TestMembersTwice: a member is found to be there twice among few and among
// many.
func TestMembersTwice(t *testing.T) {
	for _, n := range []int{1, 2, 15, 16, 17, 18, 40} {
		for _, again := range []int{0, n / 2, n - 1} {
			members := make([]string, n)
			for i := range members {
				members[i] = fmt.Sprintf(`"a%d":{"S":"x"}`, i)
			}
			item := func(members []string) error {
				_, err := dynamoitem.Parse(home, "PutItem", []byte(`{"TableName":"Orders","Item":{`+strings.Join(members, ",")+`}}`))
				return err
			}
			require.NoError(t, item(members))
			require.EqualError(t, item(append(members, members[again])), fmt.Sprintf(`Item: the member "a%d" twice`, again), n)
		}
	}
}

// TestParseTable reads what a store says of a table.
func TestParseTable(t *testing.T) {
	key := func(partition, sort dynamoitem.Attribute) dynamoitem.Key {
		k := dynamoitem.Key{Partition: []dynamoitem.Attribute{partition}}
		if sort.Name != "" {
			k.Sort = []dynamoitem.Attribute{sort}
		}
		return k
	}
	a, b, n := dynamoitem.Attribute{Name: "a", Type: "S"}, dynamoitem.Attribute{Name: "b", Type: "B"}, dynamoitem.Attribute{Name: "n", Type: "N"}
	types := `"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"},{"AttributeName":"b","AttributeType":"B"},{"AttributeName":"n","AttributeType":"N"}]`
	of := func(partition, sort string) string {
		return `"KeySchema":[{"AttributeName":"` + partition + `","KeyType":"HASH"},{"AttributeName":"` + sort + `","KeyType":"RANGE"}]`
	}
	table, err := dynamoitem.ParseTable([]byte(`{"Table":{` + types + `,"TableStatus":"ACTIVE",` + of("a", "b") + `,
	  "GlobalSecondaryIndexes":[{"IndexName":"G","KeySchema":[{"AttributeName":"n","KeyType":"HASH"}]}],"LocalSecondaryIndexes":[{"IndexName":"L",` + of("a", "n") + `}]}}`))
	require.NoError(t, err)
	require.Equal(t, dynamoitem.Table{Key: key(a, b), Indexes: map[string]dynamoitem.Key{"G": key(n, dynamoitem.Attribute{}), "L": key(a, n)}}, table)
	for _, answer := range []string{``, `{}`, `{"Table":{` + types + `}}`, `{"Table":{` + of("a", "b") + `}}`, `{"Table":{` + types + `,` + of("a", "a") + `}}`} {
		_, err := dynamoitem.ParseTable([]byte(answer))
		require.Error(t, err, answer)
	}
}
