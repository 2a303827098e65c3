package awssdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/engine"
)

// The wire of DynamoDB. Source: DynamoDB Developer Guide, "DynamoDB low-level
// API".
const (
	targetHeader = "X-Amz-Target"
	targetPrefix = "DynamoDB_20120810."
	contentType  = "application/x-amz-json-1.0"
)

// DynamoDB guards a client; it is to be the last of its options:
//
//	client := dynamodb.NewFromConfig(cfg, guard.DynamoDB)
//
// The client's tables are those of the account and of the region that a call
// goes to: one of another account or region is refused.
func (g *Guard) DynamoDB(o *dynamodb.Options) {
	c := &tableClient{Guard: g, schemas: newSchemas(g.options.Tables, g.options.Now)}
	o.HTTPClient = &transport{o.HTTPClient}
	o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
		// All that comes after knows of endpoints, retries and signatures, and
		// nothing of the request's meaning.
		return stack.Build.Add(c, middleware.After)
	})
}

// tableClient guards one client of DynamoDB.
type tableClient struct {
	*Guard
	schemas *schemas
}

// ID is the middleware's.
func (c *tableClient) ID() string { return "RowanGuard" }

// HandleBuild decides a call when it is serialized, and before it is tried.
func (c *tableClient) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
	out middleware.BuildOutput, md middleware.Metadata, err error,
) {
	x, err := c.read(ctx, in, next)
	if err != nil {
		return out, md, err
	}
	if err := x.learn(); err != nil {
		return out, md, err
	}
	err = x.decide()
	var denied *DeniedError
	switch {
	case err == nil:
		return x.send(x.op)
	case c.options.Narrow && errors.As(err, &denied):
		return x.narrowed(denied)
	}
	return out, md, err
}

// call is one call of DynamoDB that is being decided.
type call struct {
	*tableClient
	asker
	request *smithyhttp.Request
	next    middleware.BuildHandler
	scope   dynamoitem.Scope
	op      *dynamoitem.Operation
	// tables are the schemas that all of the call is decided by.
	tables map[string]dynamoitem.Table
}

// read reads the serialized request.
func (c *tableClient) read(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (*call, error) {
	caller, ok := engine.CallerFrom(ctx)
	if !ok {
		return nil, ErrNoCaller
	}
	r, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return nil, fmt.Errorf("a request of the type %T is not understood", in.Request)
	}
	targets := r.Header.Values(targetHeader)
	if len(targets) != 1 || !strings.HasPrefix(targets[0], targetPrefix) || r.Header.Get("Content-Type") != contentType {
		return nil, fmt.Errorf("the client does not speak %s", contentType)
	}
	var body []byte
	if stream := r.GetStream(); stream != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(stream, dynamoitem.MaxBody+1)); err != nil {
			return nil, err
		}
		if err := r.RewindStream(); err != nil {
			return nil, err
		}
	}
	region := awsmiddleware.GetRegion(ctx)
	x := &call{
		tableClient: c, asker: asker{Guard: c.Guard, ctx: ctx, caller: caller, region: region},
		request: r, next: next, tables: map[string]dynamoitem.Table{},
		scope: dynamoitem.Scope{Partition: c.options.Partition, Region: region, Account: c.options.Account},
	}
	var err error
	x.op, err = dynamoitem.Parse(x.scope, strings.TrimPrefix(targets[0], targetPrefix), body)
	return x, err
}

// find is a dynamoitem.Tables.
func (x *call) find(arn string) (dynamoitem.Table, bool) {
	t, ok := x.tables[arn]
	return t, ok
}

// learn finds the schemas of the call's tables.
func (x *call) learn() error {
	home := "arn:" + x.scope.Partition + ":dynamodb:" + x.scope.Region + ":" + x.scope.Account + ":table/"
	for _, arn := range x.op.Tables() {
		name, ok := strings.CutPrefix(arn, home)
		if !ok {
			// A store that knows names alone would take its own table.
			return fmt.Errorf("%s is of another account or region than the client", arn)
		}
		t, err := x.schemas.learn(x.ctx, arn, func(ctx context.Context) (dynamoitem.Table, error) { return x.describe(ctx, name) })
		if err != nil {
			return fmt.Errorf("the key schema of %s: %w", arn, err)
		}
		x.tables[arn] = t
	}
	return nil
}

// describe asks the store for the keys of a table, by the endpoint and the
// credentials of the call itself. The SDK makes nothing of the answer, whose
// type is that of another operation.
func (x *call) describe(ctx context.Context, name string) (dynamoitem.Table, error) {
	body, err := json.Marshal(map[string]string{"TableName": name})
	if err != nil {
		return dynamoitem.Table{}, err
	}
	op, err := dynamoitem.Parse(x.scope, "DescribeTable", body)
	if err != nil {
		return dynamoitem.Table{}, err
	}
	var answer bytes.Buffer
	if _, _, err := x.forward(ctx, op, &answer); err != nil {
		return dynamoitem.Table{}, err
	}
	return dynamoitem.ParseTable(answer.Bytes())
}

// question asks a check.
func (x *call) question(c *dynamoitem.Check) *question {
	return &question{action: c.Action, resource: c.Resource, member: c.Member, fill: c.Fill}
}

// decide decides all checks of the call.
func (x *call) decide() error {
	checks, err := x.op.Checks(x.find)
	if err != nil {
		return err
	}
	for i := range checks {
		if err := x.asker.decide(x.question(&checks[i])); err != nil {
			return err
		}
	}
	return nil
}

// send sends an operation that is allowed.
func (x *call) send(op *dynamoitem.Operation) (middleware.BuildOutput, middleware.Metadata, error) {
	out, md, err := x.forward(x.ctx, op, nil)
	switch op.Name() {
	case "CreateTable", "UpdateTable", "DeleteTable":
		x.schemas.forgetAll()
	}
	var of smithy.APIError
	if errors.As(err, &of) && of.ErrorCode() == "ValidationException" {
		x.schemas.forget(op.Tables()...) // the keys may be others now
	}
	return out, md, err
}

// forward gives a request to the rest of the stack, with the pass to leave.
func (x *call) forward(ctx context.Context, op *dynamoitem.Operation, answer *bytes.Buffer) (
	out middleware.BuildOutput, md middleware.Metadata, err error,
) {
	r := x.request
	if op != x.op {
		if r, err = r.SetStream(bytes.NewReader(op.Body())); err != nil {
			return out, md, err
		}
		r.Header.Set(targetHeader, targetPrefix+op.Name())
	}
	ctx = withPass(ctx, &pass{holds: holdsCall(op), answer: answer})
	return x.next.HandleBuild(ctx, middleware.BuildInput{Request: r})
}

// holdsCall says whether a request is a call and has its bytes.
func holdsCall(op *dynamoitem.Operation) func(*http.Request) error {
	return func(r *http.Request) error {
		targets := r.Header.Values(targetHeader)
		if r.Method != http.MethodPost || len(targets) != 1 || targets[0] != targetPrefix+op.Name() ||
			r.Header.Get("Content-Type") != contentType || r.Header.Get("Content-Encoding") != "" {
			return errors.New("its headers are others")
		}
		same, err := hasBody(r, op.Body())
		if err == nil && !same {
			err = errors.New("its body is another")
		}
		return err
	}
}
