package awssdk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// One option guards a client: what the caller of the context may not do does
// not leave.
func Example() {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("arrived:", r.Header.Get("X-Amz-Target"))
		_, _ = w.Write([]byte(`{"Item":{}}`))
	}))
	defer store.Close()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &store.URL, Credentials: static}

	guard, err := awssdk.New(awssdk.Options{Account: account, Now: time.Now, Tables: scores})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := dynamodb.NewFromConfig(cfg, guard.DynamoDB)

	ann, err := player("ann") // whose policy is about own rows
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := engine.WithCaller(context.Background(), ann)
	for _, user := range []string{"ann", "bob"} {
		_, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key(user, "go")})
		var denied *awssdk.DeniedError
		if errors.As(err, &denied) {
			fmt.Println(denied.Action, denied.Decision.Outcome, denied.Explain().Nearest.Sid)
		}
	}
	_, err = client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key("ann", "go")})
	fmt.Println(errors.Is(err, awssdk.ErrNoCaller))
	// Output:
	// arrived: DynamoDB_20120810.GetItem
	// dynamodb:GetItem implicitDeny OwnRows
	// true
}

// player is a user who may read their own rows.
func player(name string) (*engine.Caller, error) {
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:iam::" + account + ":user/" + name)
	if err != nil {
		return nil, err
	}
	d, err := policy.Parse("rows.json", []byte(`{"Version": "2012-10-17", "Statement": {"Sid": "OwnRows", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*",
	  "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:username}"}}}}`))
	if err != nil {
		return nil, err
	}
	set, err := engine.Compile(v, policy.Identity, d)
	if err != nil {
		return nil, err
	}
	session := v.NewContext()
	return &engine.Caller{Principal: p, Session: session, Evaluator: &engine.Evaluator{Identity: set}},
		errors.Join(p.Describe(session), session.Set("aws:username", name))
}
