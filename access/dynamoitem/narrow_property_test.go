package dynamoitem_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/access/dynamoitem/internal/expression"
	"github.com/rowan-authz/rowan/engine"
)

var (
	users   = []string{"c1", "a", "b", "c1#x", "é"}
	games   = []string{"go", "gomoku", "chess"}
	columns = []string{"UserId", "GameTitle", "Top", "Secret"}
)

// drawStatement draws a statement about reads whose conditions are such as
// row-level policies have.
func drawStatement(t *rapid.T, effect string) string {
	some := func(label string, all ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID).Draw(t, label)
	}
	conditions := map[string]map[string][]string{}
	add := func(operator, key string, values []string) {
		if conditions[operator] == nil {
			conditions[operator] = map[string][]string{}
		}
		conditions[operator][key] = values
	}
	quantified := []string{"ForAllValues:StringEquals", "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotEquals", "ForAnyValue:StringNotEquals", "ForAllValues:StringLike"}
	if rapid.Bool().Draw(t, "leading") {
		add(rapid.SampledFrom(quantified).Draw(t, "operator"), "dynamodb:LeadingKeys", some("keys", append([]string{"${cognito-identity.amazonaws.com:sub}"}, users...)...))
	}
	if rapid.Bool().Draw(t, "guard") {
		add("Null", "dynamodb:LeadingKeys", []string{"false"})
	}
	if rapid.Bool().Draw(t, "attributes") {
		add(rapid.SampledFrom(quantified).Draw(t, "operator"), "dynamodb:Attributes", some("names", columns...))
	}
	if rapid.Bool().Draw(t, "select") {
		add(rapid.SampledFrom([]string{"StringEquals", "StringEqualsIfExists"}).Draw(t, "operator"), "dynamodb:Select", some("select", "SPECIFIC_ATTRIBUTES", "ALL_ATTRIBUTES"))
	}
	statement := map[string]any{
		"Effect": effect, "Resource": "*",
		"Action": some("actions", "dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Scan"),
	}
	if len(conditions) > 0 {
		statement["Condition"] = conditions
	}
	text, err := json.Marshal(statement)
	require.NoError(t, err)
	return string(text)
}

// drawRead draws a read of the table.
func drawRead(t *rapid.T) (operation, body string) {
	members := []string{`"TableName":"GameScores"`}
	key := func() string {
		return `{"UserId":{"S":"` + rapid.SampledFrom(users).Draw(t, "user") + `"},"GameTitle":{"S":"` + rapid.SampledFrom(games).Draw(t, "game") + `"}}`
	}
	values := map[string]string{}
	value := func(placeholder, text string) string {
		values[placeholder] = text
		return placeholder
	}
	operation = rapid.SampledFrom([]string{"Scan", "Scan", "Query", "GetItem", "BatchGetItem"}).Draw(t, "operation")
	if rapid.Bool().Draw(t, "projected") {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom(columns), 1, 3, rapid.ID).Draw(t, "projection")
		members = append(members, `"ProjectionExpression":"`+strings.Join(names, ", ")+`"`)
	}
	switch operation {
	case "GetItem":
		members = append(members, `"Key":`+key())
	case "BatchGetItem":
		keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return key() }), 1, 4).Draw(t, "keys")
		return operation, `{"RequestItems":{"GameScores":{` + strings.Join(append(members[1:], `"Keys":[`+strings.Join(keys, ",")+`]`), ",") + `}}}`
	case "Query":
		members = append(members, `"KeyConditionExpression":"UserId = `+value(":u", `{"S":"`+rapid.SampledFrom(users).Draw(t, "user")+`"}`)+`"`)
	}
	if operation == "Scan" || operation == "Query" {
		forms := []string{"Top > :t", "(Top = :t OR Secret = :s)", "NOT Top < :t"}
		if operation == "Scan" {
			forms = append(forms, "begins_with(GameTitle, :g)", "GameTitle = :g", ":s = UserId", "Top <> :t AND GameTitle <> :g")
		}
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(forms), 0, 3, rapid.ID).Draw(t, "filter")
		if filter := strings.Join(chosen, " AND "); filter != "" {
			members = append(members, `"FilterExpression":"`+filter+`"`)
			for placeholder, text := range map[string]string{":t": `{"N":"2"}`, ":g": `{"S":"go"}`, ":s": `{"S":"c1"}`} {
				if strings.Contains(filter, placeholder) {
					value(placeholder, text)
				}
			}
		}
	}
	if len(values) > 0 {
		var all []string
		for _, placeholder := range slices.Sorted(maps.Keys(values)) {
			all = append(all, `"`+placeholder+`":`+values[placeholder])
		}
		members = append(members, `"ExpressionAttributeValues":{`+strings.Join(all, ",")+`}`)
	}
	return operation, "{" + strings.Join(members, ",") + "}"
}

// scoreRow is a row of the table by its columns.
type scoreRow map[string]string

func scoreRows() (rows []scoreRow) {
	for i, user := range users {
		for j, game := range games {
			rows = append(rows, scoreRow{"UserId": user, "GameTitle": game, "Top": strconv.Itoa((i + j) % 4), "Secret": users[(i+j)%len(users)]})
		}
	}
	return rows
}

// sent is a read as a store understands it.
type sent struct {
	KeyConditionExpression, FilterExpression, ProjectionExpression string
	ExpressionAttributeNames                                       map[string]string
	ExpressionAttributeValues                                      map[string]map[string]string
	Key                                                            map[string]map[string]string
	Keys                                                           []map[string]map[string]string
	RequestItems                                                   map[string]*sent
}

// run is what the store answers: rows with the columns asked for.
func run(t require.TestingT, o *dynamoitem.Operation) (out []scoreRow) {
	var r sent
	require.NoError(t, json.Unmarshal(o.Body(), &r))
	if inner := r.RequestItems["GameScores"]; inner != nil {
		r = *inner
	}
	if r.Key != nil {
		r.Keys = append(r.Keys, r.Key)
	}
	for _, row := range scoreRows() {
		named := r.Keys == nil
		for _, k := range r.Keys {
			named = named || k["UserId"]["S"] == row["UserId"] && k["GameTitle"]["S"] == row["GameTitle"]
		}
		if !named || !r.holds(t, r.KeyConditionExpression, row) || !r.holds(t, r.FilterExpression, row) {
			continue
		}
		answer := maps.Clone(row)
		if r.ProjectionExpression != "" {
			paths, err := expression.Projection(r.ProjectionExpression)
			require.NoError(t, err)
			answer = scoreRow{}
			for _, p := range paths {
				name := r.name(p)
				answer[name] = row[name]
			}
		}
		answer["row"] = row["UserId"] + "/" + row["GameTitle"]
		out = append(out, answer)
	}
	return out
}

func (r *sent) name(n *expression.Node) string {
	if name, ok := r.ExpressionAttributeNames[n.Path[0].Name]; ok {
		return name
	}
	return n.Path[0].Name
}

func (r *sent) holds(t require.TestingT, text string, row scoreRow) bool {
	if text == "" {
		return true
	}
	n, err := expression.Condition(text)
	require.NoError(t, err)
	return r.condition(t, n, row)
}

func (r *sent) condition(t require.TestingT, n *expression.Node, row scoreRow) bool {
	operand := func(n *expression.Node) string {
		if n.Kind == expression.Value {
			v := r.ExpressionAttributeValues[n.Text]
			return v["S"] + v["N"]
		}
		return row[r.name(n)]
	}
	no := func(a *expression.Node) bool { return !r.condition(t, a, row) }
	if n.Kind == expression.And || n.Kind == expression.Not {
		return slices.ContainsFunc(n.Args, no) == (n.Kind == expression.Not)
	}
	if n.Kind == expression.Or {
		return slices.ContainsFunc(n.Args, func(a *expression.Node) bool { return r.condition(t, a, row) })
	}
	a, b := operand(n.Args[0]), operand(n.Args[1])
	switch n.Text {
	case "=":
		return a == b
	case "<>":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "begins_with":
		return strings.HasPrefix(a, b)
	}
	require.Fail(t, "no such operator", n.Text)
	return false
}

// part reports whether each row is one of all, with no more columns.
func partOf(rows, all []scoreRow) error {
	byKey := map[string]scoreRow{}
	for _, r := range all {
		byKey[r["row"]] = r
	}
	for _, r := range rows {
		whole, ok := byKey[r["row"]]
		if !ok {
			return fmt.Errorf("%s was not asked for", r["row"])
		}
		for name, value := range r {
			if whole[name] != value {
				return fmt.Errorf("%s of %s was not asked for", name, r["row"])
			}
		}
	}
	return nil
}

// narrowedIsPart: what is left of a read is allowed, is a part of what was asked
// for, and is all of it that is allowed.
func narrowedIsPart(t *rapid.T) {
	statements := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawStatement(t, "Allow") }), 1, 3).Draw(t, "allows")
	statements = append(statements, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawStatement(t, "Deny") }), 0, 2).Draw(t, "denies")...)
	caller := newCaller(t, strings.Join(statements, ","))
	operation, body := drawRead(t)
	op, err := dynamoitem.Parse(home, operation, []byte(body))
	require.NoError(t, err, body)
	n, err := op.Narrow(scoresOnly, asks(caller))
	require.NoError(t, err, body)
	require.Equal(t, len(n.Requests) == 0, n.Reason != nil)
	require.Equal(t, n.Denied == nil, mayAll(t, caller, op))
	if n.Denied == nil {
		require.Equal(t, []*dynamoitem.Operation{op}, n.Requests)
		return
	}
	var rows []scoreRow
	for _, r := range n.Requests {
		require.True(t, mayAll(t, caller, r), "%s %s", r.Name(), r.Body())
		rows = append(rows, run(t, r)...)
	}
	require.NoError(t, partOf(rows, run(t, op)))
	switch {
	case operation == "Scan" && !slices.ContainsFunc(n.Requests, func(r *dynamoitem.Operation) bool { return r.Name() == "Scan" }):
		allPartitions(t, caller, op, &n, rows)
	case operation == "BatchGetItem":
		allKeys(t, caller, op, &n)
	}
}

// mayAll decides a call.
func mayAll(t *rapid.T, caller *engine.Caller, o *dynamoitem.Operation) bool {
	checks, err := o.Checks(scoresOnly)
	require.NoError(t, err)
	return !slices.ContainsFunc(checks, func(c dynamoitem.Check) bool { return !may(t, caller, &c) })
}

func may(t require.TestingT, caller *engine.Caller, c *dynamoitem.Check) bool {
	r := caller.NewRequest(c.Action, c.Resource)
	require.NoError(t, c.Fill(r.Context))
	return caller.Evaluator.Decide(r).Allowed()
}

// allPartitions: no partition is missing of which a Query such as those would be
// allowed, or nobody can list them.
func allPartitions(t *rapid.T, caller *engine.Caller, scan *dynamoitem.Operation, n *dynamoitem.Narrowed, rows []scoreRow) {
	var asked sent
	require.NoError(t, json.Unmarshal(scan.Body(), &asked))
	filter := asked.FilterExpression
	if strings.Contains(filter, "UserId") || strings.Contains(filter, "GameTitle <>") || strings.Count(filter, "GameTitle") > 1 {
		return // the last two no Query can say
	}
	checks, err := scan.Checks(scoresOnly)
	require.NoError(t, err)
	c := checks[0]
	c.Action = "dynamodb:Query"
	if !slices.Contains(c.Attributes, "UserId") {
		c.Attributes = append(slices.Clone(c.Attributes), "UserId")
	}
	var want []scoreRow
	for _, user := range users {
		c.PartitionKeys = [][]string{{user}}
		if may(t, caller, &c) {
			all := run(t, scan)
			want = append(want, slices.DeleteFunc(all, func(r scoreRow) bool { return !strings.HasPrefix(r["row"], user+"/") })...)
		}
	}
	switch {
	case len(want) == 0: // fewer attributes may go
	case n.Reason != nil:
		require.ErrorContains(t, n.Reason, "known partition keys")
	default:
		require.ElementsMatch(t, want, rows)
	}
}

// allKeys: no key is missing that alone would be allowed.
func allKeys(t *rapid.T, caller *engine.Caller, batch *dynamoitem.Operation, n *dynamoitem.Narrowed) {
	_, refused, err := batch.Split(scoresOnly, func(c *dynamoitem.Check) bool { return may(t, caller, c) })
	require.NoError(t, err)
	if n.Reason == nil {
		require.LessOrEqual(t, len(n.Refused), len(refused))
	}
}

func TestNarrowedIsPart(t *testing.T) { rapid.Check(t, narrowedIsPart) }

func FuzzNarrowedIsPart(f *testing.F) { f.Fuzz(rapid.MakeFuzz(narrowedIsPart)) }

// FuzzNarrow narrows whatever can be read.
func FuzzNarrow(f *testing.F) {
	for _, body := range []string{
		`{"TableName":"GameScores"}`,
		`{"TableName":"GameScores","IndexName":"ByRank","FilterExpression":"#r = :r AND size(Top) > :r","ExpressionAttributeNames":{"#r":"Rank"},"ExpressionAttributeValues":{":r":{"N":"1"}}}`,
		`{"TableName":"GameScores","ScanFilter":{"Top":{"ComparisonOperator":"NULL"}},"ExclusiveStartKey":{"UserId":{"S":"a"},"GameTitle":{"S":"g"}}}`,
		`{"TableName":"GameScores","KeyConditionExpression":"UserId=:u","ExpressionAttributeValues":{":u":{"S":"c1"}}}`,
		`{"TableName":"GameScores","Key":{"UserId":{"S":"c1"},"GameTitle":{"S":"go"}}}`,
		`{"RequestItems":{"GameScores":{"Keys":` + scoreKeys("c1", "c2") + `}}}`,
	} {
		f.Add(body)
	}
	callers := []*engine.Caller{
		newCaller(f, allow(reads, own)),
		newCaller(f, allow(reads+`,"dynamodb:Scan"`, `"ForAllValues:StringEquals":{"dynamodb:Attributes":["UserId","GameTitle","Top"]},`+specific)),
		newCaller(f, allow(reads, leading(`"7","AAE=","c1"`)+`,"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}`)),
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, name := range []string{"GetItem", "Query", "Scan", "BatchGetItem"} {
			op, err := dynamoitem.Parse(home, name, []byte(body))
			if err != nil {
				continue
			}
			for _, caller := range callers {
				n, err := op.Narrow(scoresOnly, asks(caller))
				if err != nil {
					require.Zero(t, n)
					continue
				}
				require.Equal(t, len(n.Requests) == 0, n.Reason != nil)
				for _, r := range n.Requests {
					checks, err := r.Checks(scoresOnly)
					require.NoError(t, err)
					for i := range checks {
						require.True(t, may(t, caller, &checks[i]), "%s", r.Body())
					}
				}
			}
		}
	})
}
