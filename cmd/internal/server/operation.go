package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// service is one of the services that speak JSON.
type service struct {
	// name is what its requests are signed for and its actions begin with.
	name string
	// prefix is what X-Amz-Target begins with, without the dot.
	prefix     string
	operations map[string]*operation
	// fixed are operations that the bundle stands for, and missing those that
	// are not offered at all.
	fixed, missing []string
}

// operation is one row of the table of what the server does.
type operation struct {
	// signed says that the caller must sign and be allowed. Anyone may call
	// the others: they prove logins, or carry an access token.
	signed bool
	// member names the member of the request that says which pool is meant;
	// empty means that the action has no resource but "*".
	member string
	// optional says that the member may be left out, which means all pools.
	optional bool
	shape    *shape
	run      func(ctx context.Context, body []byte) (any, error)
}

// public makes an operation that anyone may call.
func public[In, Out any](f func(context.Context, *In) (*Out, error)) *operation {
	return &operation{shape: shapeOf(reflect.TypeFor[In]()), run: func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, misfit(err)
		}
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}}
}

// signed makes an operation whose caller must be allowed it on the pool that
// the member names.
func signed[In, Out any](f func(context.Context, *In) (*Out, error), member string) *operation {
	op := public(f)
	op.signed, op.member = true, member
	return op
}

// requestLimits bound the body of a request: ten logins of 50,000 characters
// are the most that an honest one has.
var requestLimits = strictjson.Limits{Depth: 16, Members: 2000, Bytes: maxBody}

const maxBody = 640 << 10

// read checks that body is a request of op and returns its members.
func (op *operation) read(body []byte) (map[string]any, error) {
	members, err := strictjson.Object(body, requestLimits)
	if err != nil {
		return nil, badRequest("SerializationException", "The body of the request is no JSON object that can be read: %v.", err)
	}
	if err := op.shape.check(members, "the request"); err != nil {
		return nil, badRequest("SerializationException", "%v.", err)
	}
	return members, nil
}

// misfit says which member is of another type than it should be.
func misfit(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return badRequest("SerializationException", "The member %q must not be a JSON %s.", wrong.Field, kindOf(wrong.Value))
	}
	return badRequest("SerializationException", "A member of the request is of the wrong type.")
}

// kindOf drops the number from what encoding/json calls a number.
func kindOf(value string) string {
	kind, _, _ := bytes.Cut([]byte(value), []byte(" "))
	return string(kind)
}
