package dynamoitem_test

import (
	"errors"
	"fmt"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
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

// A Scan that the policies deny becomes a Query of each partition that they
// allow.
func ExampleOperation_Narrow() {
	caller, err := shopper() // whose id is c1, and whose policy is about own rows
	if err != nil {
		fmt.Println(err)
		return
	}
	op, err := dynamoitem.Parse(home, "Scan", []byte(`{"TableName": "Orders", "Limit": 20}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	narrowed, err := op.Narrow(ordersOnly, func(c *dynamoitem.Check) (*engine.Evaluator, *engine.Request, error) {
		r := caller.NewRequest(c.Action, c.Resource)
		return caller.Evaluator, r, c.Fill(r.Context)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(narrowed.Denied.Action)
	for _, r := range narrowed.Requests {
		fmt.Println(r.Name(), string(r.Body()))
	}
	// Output:
	// dynamodb:Scan
	// Query {"TableName":"Orders","Limit":20,"ExpressionAttributeNames":{"#k0":"cust"},"ExpressionAttributeValues":{":k0":{"S":"c1"}},"KeyConditionExpression":"#k0 = :k0"}
}

// shopper is a session of an identity pool that may query its own rows.
func shopper() (*engine.Caller, error) {
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:sts::111111111111:assumed-role/Shopper/CognitoIdentityCredentials")
	if err != nil {
		return nil, err
	}
	d, err := policy.Parse("policy.json", []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*",
	  "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}}}}`))
	if err != nil {
		return nil, err
	}
	set, err := engine.Compile(v, policy.Identity, d)
	if err != nil {
		return nil, err
	}
	session := v.NewContext()
	return &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}},
		errors.Join(p.Describe(session), session.Set("cognito-identity.amazonaws.com:sub", "c1"))
}
