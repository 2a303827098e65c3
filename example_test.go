package rowan_test

import (
	"fmt"
	"log"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

const players = `{
  "Version": "2012-10-17",
  "Statement": {
    "Sid": "OwnRows",
    "Effect": "Allow",
    "Action": ["dynamodb:GetItem", "dynamodb:Query"],
    "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores",
    "Condition": {
      "Null": {"dynamodb:LeadingKeys": "false"},
      "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}
    }
  }
}`

// A player reads her own row of a table and nobody else's.
func Example() {
	vocabulary := conditions.AWS()
	document, err := policy.Parse("players.json", []byte(players))
	if err != nil {
		log.Fatal(err) // every fault, with its line and column
	}
	identity, err := engine.Compile(vocabulary, policy.Identity, document)
	if err != nil {
		log.Fatal(err)
	}
	evaluator := &engine.Evaluator{Identity: identity}

	// Once for a session: who asks.
	player, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/Player/CognitoIdentityCredentials")
	if err != nil {
		log.Fatal(err)
	}
	session := vocabulary.NewContext()
	if err := player.Describe(session); err != nil {
		log.Fatal(err)
	}
	if err := session.Set("cognito-identity.amazonaws.com:sub", "us-east-1:alice"); err != nil {
		log.Fatal(err)
	}

	// For each request: which row.
	context := vocabulary.NewContext()
	for _, row := range []string{"us-east-1:alice", "us-east-1:bob"} {
		context.Reset(session)
		if err := context.Set("dynamodb:LeadingKeys", row); err != nil {
			log.Fatal(err)
		}
		decision := evaluator.Decide(&engine.Request{
			Principal: player,
			Action:    "dynamodb:GetItem",
			Resource:  "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores",
			Context:   context,
		})
		fmt.Println(row, decision.Outcome)
	}
	// Output:
	// us-east-1:alice allowed
	// us-east-1:bob implicitDeny
}
