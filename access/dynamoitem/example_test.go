package dynamoitem_test

import (
	"fmt"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

// A transaction is as many questions as it has members, each with the keys that
// row-level policies read.
func Example() {
	body := []byte(`{"TransactItems": [
	  {"Update": {"TableName": "Orders", "Key": {"cust": {"S": "c1"}, "day": {"S": "d1"}},
	    "UpdateExpression": "SET total = total + :n REMOVE #x", "ExpressionAttributeNames": {"#x": "note"},
	    "ExpressionAttributeValues": {":n": {"N": "1"}}}},
	  {"ConditionCheck": {"TableName": "Orders", "Key": {"cust": {"S": "c9"}, "day": {"S": "d1"}},
	    "ConditionExpression": "attribute_exists(paid)"}}]}`)
	op, err := dynamoitem.Parse(home, "TransactWriteItems", body)
	if err != nil {
		fmt.Println(err)
		return
	}
	checks, err := op.Checks(ordersOnly)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range checks {
		fmt.Println(c.Action, c.PartitionKeys[0], c.Attributes, c.ReturnValues)
	}
	// Output:
	// dynamodb:UpdateItem [c1] [cust day total note] NONE
	// dynamodb:ConditionCheckItem [c9] [cust day paid] NONE
}
