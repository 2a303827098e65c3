package awssdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Options say what a Guard knows beside the policies of callers.
type Options struct {
	// Account is the one that owns the tables and buckets, 12 digits.
	Account string
	// Partition is that of ARNs; empty means aws.
	Partition string
	// Now is the clock.
	Now func() time.Time
	// Tables knows the key schemas of tables by ARN; may be nil. What it does
	// not know the store is asked for by DescribeTable, with the client itself,
	// at most once in 60 s. Until then the guard takes an index that is new for
	// unknown.
	Tables dynamoitem.Tables
	// Resource is the policy of a resource by ARN, nil if it has none; a nil
	// Resource means that no resource has one.
	Resource func(arn string) (*engine.Set, error)
	// Context sets what is known of the request for which a call is made, such
	// as aws:SourceIp. It comes last, and must not set keys that the call
	// determines. May be nil. Without it, or the caller's session, to say
	// otherwise, aws:SourceIp and aws:SecureTransport are indeterminate.
	Context func(ctx context.Context, x *conditions.Context) error
	// Narrow makes of reads of DynamoDB that are denied requests for what of
	// them is allowed: see dynamoitem.Operation.Narrow and NarrowedBy.
	Narrow bool
}

// Guard guards clients. It is immutable and may be shared.
type Guard struct{ options Options }

// New returns a guard, or says what the options lack.
func New(o Options) (*Guard, error) {
	if o.Partition == "" {
		o.Partition = "aws"
	}
	switch {
	case len(o.Account) != 12 || strings.Trim(o.Account, "0123456789") != "":
		return nil, fmt.Errorf("the account %.20q is not 12 digits", o.Account)
	case o.Now == nil:
		return nil, errors.New("no clock")
	}
	return &Guard{options: o}, nil
}

// question is what a check asks.
type question struct {
	action, resource, member string
	fill                     func(*conditions.Context) error
}

// asker puts the questions of one call to the policies of its caller.
type asker struct {
	*Guard
	ctx    context.Context
	caller *engine.Caller
	region string
	// unknown are context keys of the service that nobody knows here.
	unknown []string
}

// assumed are keys that AWS always has, so that none may be absent.
var assumed = []string{"aws:SourceIp", "aws:SecureTransport"}

// ask returns the request of a question and the policies that decide it.
func (a *asker) ask(q *question) (*engine.Evaluator, *engine.Request, error) {
	r := a.caller.NewRequest(q.action, q.resource)
	if r.Context == nil || a.caller.Evaluator == nil {
		return nil, nil, errors.New("a caller without policies or session")
	}
	r.ResourceAccount = a.options.Account
	e := a.caller.Evaluator
	if a.options.Resource != nil {
		set, err := a.options.Resource(q.resource)
		if err != nil {
			return nil, nil, fmt.Errorf("the policy of %s: %w", q.resource, err)
		}
		own := *e
		own.Resource, e = set, &own
	}
	return e, r, a.fill(r.Context, q)
}

// fill sets the context of a question.
func (a *asker) fill(x *conditions.Context, q *question) error {
	now := a.options.Now()
	for _, k := range [...]struct{ name, value string }{
		{"aws:CurrentTime", now.UTC().Format(time.RFC3339)},
		{"aws:EpochTime", strconv.FormatInt(now.Unix(), 10)},
		{"aws:RequestedRegion", a.region},
		{"aws:ResourceAccount", a.options.Account},
		{"aws:ViaAWSService", "false"},
	} {
		if err := x.Set(k.name, k.value); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(a.unknown, assumed) {
		if _, state := x.Value(name); state != conditions.Absent {
			continue
		}
		if err := x.SetIndeterminate(name); err != nil {
			return err
		}
	}
	if err := q.fill(x); err != nil {
		return err
	}
	if a.options.Context == nil {
		return nil
	}
	return a.options.Context(a.ctx, x)
}

// decide returns a *DeniedError for a denial, and another error if there is no
// decision.
func (a *asker) decide(q *question) error {
	e, r, err := a.ask(q)
	if err != nil {
		return err
	}
	d := e.Decide(r)
	if d.Allowed() {
		return nil
	}
	return &DeniedError{Action: q.action, Resource: q.resource, Member: q.member, Decision: d, evaluator: e, request: r}
}
