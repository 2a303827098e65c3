package dynamoproof

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/bundle"
)

// Scan hands the partition key of each item of a table that is there to f, as
// the text that dynamodb:LeadingKeys has for it, whoever may see the item. It
// stops after most items; more says that there are others.
func Scan(ctx context.Context, o Options, t *bundle.Table, most int, f func(partitionKey string) error) (more bool, err error) {
	s, key := New(o), t.PartitionKey
	body := map[string]any{
		"TableName": t.Table, "ProjectionExpression": "#p", "ExpressionAttributeNames": map[string]string{"#p": key.Name},
	}
	read := 0
	for {
		var page struct {
			Items            []map[string]map[string]string
			LastEvaluatedKey map[string]json.RawMessage
		}
		if err := s.invoke(ctx, "Scan", body, &page); err != nil {
			return false, err
		}
		for _, x := range page.Items {
			text, ok := x[key.Name][key.Type]
			if key.Type == "N" && ok {
				text, ok = dynamoitem.CanonicalNumber(text)
			}
			if !ok {
				return false, fmt.Errorf("an item of %s without its key %s of type %s", t.Table, key.Name, key.Type)
			}
			if read++; read > most {
				return true, nil
			}
			if err := f(text); err != nil {
				return false, err
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			return false, nil
		}
		body["ExclusiveStartKey"] = page.LastEvaluatedKey
	}
}
