package playground

import (
	"encoding/json"
	"slices"

	"github.com/rowan-authz/rowan/access/dynamoaction"
)

// claim is a question about a table: it is refuted by a request that the
// policies allow and that every one of asked describes.
type claim struct {
	name, text string
	asked      []string // statements; they are ANDed
	meet       bool     // two identities must reach one row
}

type keyed = map[string]map[string]any

// claims are what rowan prove claims of a table that no suite describes, those
// about the table's own indexes aside. A test compares the two. Source:
// bundle/proof, which a browser would have to load a user pool for.
func claims(table, owner string) []claim {
	const strange = "dynamodb:AnOperationOfTheFuture"
	tables, indexes, everything := []string{table}, []string{table, table + "/index/*"}, []string{table, table + "/*"}
	rows := slices.Concat(dynamoaction.Reads(), dynamoaction.Writes())
	return []claim{
		{
			name: "isolation", text: "reaches only rows whose partition key is ${" + owner + "}",
			asked: []string{allow(slices.Concat(rows, dynamoaction.Keyless(), []string{strange}), tables, keyed{"ForAnyValue:StringNotEquals": {leadingKeys: "${" + owner + "}"}})},
		},
		{
			name: "missing-key", text: "reaches no row without a partition key in the request",
			asked: []string{allow(rows, indexes, keyed{"Null": {leadingKeys: "true"}})},
		},
		{
			name: "keyless", text: "makes no call that goes around partition keys, such as Scan",
			asked: []string{allow(dynamoaction.Keyless(), everything, nil)},
		},
		{
			name: "open-world", text: "is granted no operation that DynamoDB does not have yet",
			asked: []string{allow([]string{strange}, everything, nil)},
		},
		{
			name: "table-prefix", text: "reaches no table whose name goes on where this one's ends",
			asked: []string{allow(rows, []string{table + "?*"}, nil) + "," + statementText("Deny", []string{"*"}, []string{table + "/*"}, nil)},
		},
		{
			name: "non-interference", text: "no two identities reach one row", meet: true,
			asked: []string{allow(rows, tables, keyed{"Null": {leadingKeys: "false"}})},
		},
	}
}

func allow(actions, resources []string, condition keyed) string {
	return statementText("Allow", actions, resources, condition)
}

func statementText(effect string, actions, resources []string, condition keyed) string {
	s := map[string]any{"Effect": effect, "Action": actions, "Resource": resources}
	if len(condition) > 0 {
		s["Condition"] = condition
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "{}" // which no policy is; texts always encode
	}
	return string(text)
}
