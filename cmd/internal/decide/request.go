package decide

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Bounds of a question.
const (
	maxKeys   = 512
	maxValues = 10_000
	maxName   = 2048 // of a resource, as IAM has it
)

// asking is what all questions have.
type asking struct {
	subject                           *rowanv1.Subject
	action, resource, resourceAccount string
	context                           []*rowanv1.ContextKey
}

// ask makes a request of a question. What it returns is to be freed once nobody
// needs it.
func (x *inForce) ask(ctx context.Context, by *bundle.Service, q *asking, clock *second, now time.Time) (*asked, error) {
	if len(q.action) > maxName || len(q.resource) > maxName {
		return nil, status.Errorf(codes.InvalidArgument, "the action or the resource has more than %d bytes", maxName)
	}
	s, err := x.subject(ctx, by, q.subject, now)
	if err != nil {
		return nil, err
	}
	a, ok := x.requests.Get().(*asked)
	if !ok {
		return nil, status.Error(codes.Internal, "no memory for a question")
	}
	a.subject, a.caller = s, s.caller
	if err := x.fill(a, q, clock); err != nil {
		x.free(a)
		return nil, err
	}
	return a, nil
}

// fill makes the request, its context, and the policies that apply to it.
func (x *inForce) fill(a *asked, q *asking, clock *second) error {
	if a.caller == nil || a.caller.Evaluator == nil || a.caller.Session == nil {
		return status.Error(codes.Internal, "a caller without policies or session")
	}
	owner, err := x.owner(q)
	if err != nil {
		return err
	}
	set, err := x.Bundle.ResourceSet(q.resource)
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	a.evaluator = *a.caller.Evaluator
	a.evaluator.Resource = set
	if owner != x.Account.ID {
		a.evaluator.ResourceControl = nil // those of the account do not speak for others
	}
	a.context.Reset(a.caller.Session)
	a.request = engine.Request{
		Principal: a.caller.Principal, Action: q.action, Resource: q.resource, ResourceAccount: owner, Context: a.context,
	}
	return a.setKeys(q, owner, clock)
}

// owner returns the account of the resource.
func (x *inForce) owner(q *asking) (string, error) {
	owner, known, err := x.Bundle.Owner(q.resource)
	switch {
	case err != nil:
		return "", status.Errorf(codes.InvalidArgument, "%v", err)
	case q.resourceAccount == "" && known:
		return owner, nil
	case q.resourceAccount == "":
		return x.Account.ID, nil
	case known && q.resourceAccount != owner:
		return "", status.Errorf(codes.InvalidArgument, "the resource is of account %.20q, not of %.20q", owner, q.resourceAccount)
	}
	return q.resourceAccount, nil
}

// setKeys fills the context. What it cannot set it refuses: the keys behind it
// would be absent, which is not the same as unknown.
func (a *asked) setKeys(q *asking, owner string, clock *second) error {
	if len(q.context) > maxKeys {
		return status.Errorf(codes.InvalidArgument, "the context has more than %d keys", maxKeys)
	}
	values := 0
	for i, k := range q.context {
		if values += len(k.GetValues()); values > maxValues {
			return status.Errorf(codes.InvalidArgument, "the context has more than %d values", maxValues)
		}
		for _, before := range q.context[:i] {
			if len(before.GetName()) == len(k.GetName()) && strings.EqualFold(before.GetName(), k.GetName()) {
				return status.Errorf(codes.InvalidArgument, "the context names the key %.100q twice", k.GetName())
			}
		}
		if err := a.setKey(k); err != nil {
			return err
		}
	}
	if err := a.context.Set("aws:ResourceAccount", owner); err != nil && !errors.Is(err, conditions.ErrValue) {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	for _, t := range [...]struct {
		key    string
		values []string
	}{{"aws:CurrentTime", clock.current}, {"aws:EpochTime", clock.text}} {
		if _, state := a.context.Value(t.key); state != conditions.Absent {
			continue
		}
		if err := a.context.Set(t.key, t.values...); err != nil {
			return status.Errorf(codes.Internal, "%v", err)
		}
	}
	return nil
}

// setKey sets one key of the question.
func (a *asked) setKey(k *rowanv1.ContextKey) error {
	name := k.GetName()
	switch {
	case engine.SessionKey(name):
		return status.Errorf(codes.InvalidArgument, "the context sets %.100q, which only a session sets", name)
	case strings.EqualFold(name, "aws:ResourceAccount"):
		return status.Error(codes.InvalidArgument, "the context sets aws:ResourceAccount, which resource_account says")
	case strings.HasSuffix(name, "/"):
		return status.Errorf(codes.InvalidArgument, "the context sets %.100q, which is a family of keys", name)
	}
	var err error
	if partitionKey(name) && !filled(k.GetValues()) {
		// A row always has its partition key. Source: design §5.
		err = a.context.SetIndeterminate(name)
	} else {
		err = a.context.Set(name, k.GetValues()...)
	}
	if err != nil && !errors.Is(err, conditions.ErrValue) {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	return nil
}

// partitionKey reports whether a context key holds partition keys of rows.
func partitionKey(name string) bool {
	const prefix = "dynamodb:"
	if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return false
	}
	rest := name[len(prefix):]
	const suffix = "PartitionKeyValues"
	return strings.EqualFold(rest, "LeadingKeys") ||
		len(rest) >= len(suffix) && strings.EqualFold(rest[len(rest)-len(suffix):], suffix)
}

// filled reports whether there is a value, and none is empty.
func filled(values []string) bool {
	for _, v := range values {
		if v == "" {
			return false
		}
	}
	return len(values) > 0
}
