package dynamoitem

import (
	"encoding/json"
	"fmt"
)

// ParseTable reads the key schema of a table from the body of an answer of
// DescribeTable. It is for answers of a store that is trusted: what it reads of
// them decides which values are keys. Source: DynamoDB API Reference,
// DescribeTable.
func ParseTable(answer []byte) (Table, error) {
	var d struct {
		Table struct {
			AttributeDefinitions []struct{ AttributeName, AttributeType string }
			KeySchema            []keyElement
			// Local and global alike.
			GlobalSecondaryIndexes, LocalSecondaryIndexes []struct {
				IndexName string
				KeySchema []keyElement
			}
		}
	}
	if err := json.Unmarshal(answer, &d); err != nil {
		return Table{}, fmt.Errorf("the answer of DescribeTable: %w", err)
	}
	types := map[string]string{}
	for _, a := range d.Table.AttributeDefinitions {
		types[a.AttributeName] = a.AttributeType
	}
	out := Table{Key: keyOf(d.Table.KeySchema, types), Indexes: map[string]Key{}}
	for _, x := range append(d.Table.GlobalSecondaryIndexes, d.Table.LocalSecondaryIndexes...) {
		out.Indexes[x.IndexName] = keyOf(x.KeySchema, types)
	}
	if !out.Key.valid() {
		return Table{}, fmt.Errorf("the answer of DescribeTable has no key schema")
	}
	return out, nil
}

type keyElement struct{ AttributeName, KeyType string }

func keyOf(schema []keyElement, types map[string]string) (out Key) {
	for _, k := range schema {
		a := Attribute{Name: k.AttributeName, Type: types[k.AttributeName]}
		if k.KeyType == "HASH" {
			out.Partition = append(out.Partition, a)
		} else {
			out.Sort = append(out.Sort, a)
		}
	}
	return out
}
