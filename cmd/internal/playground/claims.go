package playground

import "encoding/json"

// claim is a question about a table: it is refuted by a request that the
// policies allow and that every one of asked describes.
type claim struct {
	name, text string
	asked      []string // statements; they are ANDed
	meet       bool     // two identities must reach one row
}

// Actions of rows. Source: iam-semantics §6.2, §6.3.
var (
	rowActions = []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect",
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
		"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
	}
	// keylessActions reach rows without naming a partition key.
	keylessActions = []string{
		"dynamodb:Scan", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ExportTableToPointInTime", "dynamodb:CreateBackup",
		"dynamodb:RestoreTableFromBackup", "dynamodb:RestoreTableToPointInTime", "dynamodb:EnableKinesisStreamingDestination",
	}
)

type keyed = map[string]map[string]any

// claims are what rowan prove claims of a table that no suite describes, those
// about the table's own indexes aside. A test compares the two. Source:
// bundle/proof, which a browser would have to load a user pool for.
func claims(table, owner string) []claim {
	tables, indexes, streams := []string{table}, []string{table, table + "/index/*"}, []string{table, table + "/index/*", table + "/stream/*"}
	return []claim{
		{
			name: "isolation", text: "reaches only rows whose partition key is ${" + owner + "}",
			asked: []string{allow([]string{"dynamodb:*"}, tables, keyed{"ForAnyValue:StringNotEquals": {leadingKeys: "${" + owner + "}"}})},
		},
		{
			name: "missing-key", text: "reaches no row without a partition key in the request",
			asked: []string{allow(rowActions, indexes, keyed{"Null": {leadingKeys: "true"}})},
		},
		{
			name: "keyless", text: "makes no call that goes around partition keys, such as Scan",
			asked: []string{allow(keylessActions, streams, nil)},
		},
		{
			name: "open-world", text: "is granted no operation that DynamoDB does not have yet",
			asked: []string{allow([]string{"dynamodb:AnOperationOfTheFuture"}, streams, nil)},
		},
		{
			name: "table-prefix", text: "reaches no table whose name goes on where this one's ends",
			asked: []string{allow(rowActions, []string{table + "?*"}, nil) + "," + statementText("Deny", []string{"*"}, []string{table + "/*"}, nil)},
		},
		{
			name: "non-interference", text: "no two identities reach one row", meet: true,
			asked: []string{allow(rowActions, tables, keyed{"Null": {leadingKeys: "false"}})},
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
