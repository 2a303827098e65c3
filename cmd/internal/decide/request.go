package decide

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
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
func (s *session) ask(ctx context.Context, q *asking) (*asked, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	of, err := s.subject(ctx, q.subject)
	if err != nil {
		return nil, err
	}
	a, ok := s.force.requests.Get().(*asked)
	if !ok {
		return nil, status.Error(codes.Internal, "no memory for a question")
	}
	a.subject, a.of = of, q.subject
	if err := s.fill(a, q); err != nil {
		s.force.free(a)
		return nil, err
	}
	return a, nil
}

// again makes a the request of another question with the same subject and
// resource.
func (s *session) again(a *asked, q *asking) error {
	if err := q.check(); err != nil {
		return err
	}
	a.context.Truncate(a.shared)
	a.request.Action = q.action
	return a.setKeys(q)
}

// alike reports whether a question is one for again.
func (a *asked) alike(q *asking) bool {
	return a.of == q.subject && a.resource == q.resource && a.account == q.resourceAccount
}

func (q *asking) check() error {
	if len(q.action) > maxName || len(q.resource) > maxName {
		return status.Errorf(codes.InvalidArgument, "the action or the resource has more than %d bytes", maxName)
	}
	return nil
}

// fill makes the request, its context, and the policies that apply to it.
func (s *session) fill(a *asked, q *asking) error {
	x, caller := s.force, a.subject.caller
	if caller == nil || caller.Evaluator == nil || caller.Session == nil {
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
	a.resource, a.account = q.resource, q.resourceAccount
	a.evaluator = *caller.Evaluator
	a.evaluator.Resource = set
	if owner != x.Account.ID {
		a.evaluator.ResourceControl = nil // those of the account do not speak for others
	}
	a.context.Reset(caller.Session)
	a.request = engine.Request{
		Principal: caller.Principal, Action: q.action, Resource: q.resource, ResourceAccount: owner, Context: a.context,
	}
	if err := a.shareKeys(owner, s.clock); err != nil {
		return err
	}
	a.until = timestamppb.New(s.validUntil(a))
	return a.setKeys(q)
}

// shareKeys sets the keys that all questions about a resource have.
func (a *asked) shareKeys(owner string, clock *second) error {
	if err := a.context.Set("aws:ResourceAccount", owner); err != nil && !errors.Is(err, conditions.ErrValue) {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if err := a.context.Set("aws:CurrentTime", clock.current...); err != nil {
		return status.Errorf(codes.Internal, "%v", err)
	}
	if err := a.context.Set("aws:EpochTime", clock.epoch...); err != nil {
		return status.Errorf(codes.Internal, "%v", err)
	}
	a.shared = a.context.Len()
	return nil
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

// setKeys sets the keys of the question. What it cannot set it refuses: the keys
// behind it would be absent, which is not the same as unknown.
func (a *asked) setKeys(q *asking) error {
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
	if strings.EqualFold(name, "aws:CurrentTime") || strings.EqualFold(name, "aws:EpochTime") {
		a.of = nil // what is shared is no more
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
