package subject

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// cedarSubject is cedar-go as its README uses it: one policy set, every policy visited.
type cedarSubject struct {
	policies *cedar.PolicySet
}

func newCedar(w *workload.Workload) (Subject, error) {
	policies, err := cedarPolicies(w, "context")
	if err != nil {
		return nil, err
	}
	return &cedarSubject{policies: policies}, nil
}

// cedarPolicies reads the policies of w, which find what is asked in the record values.
func cedarPolicies(w *workload.Workload, values string) (*cedar.PolicySet, error) {
	var text strings.Builder
	for _, p := range w.Policies {
		if err := writeCedar(&text, w.Resources, p, values); err != nil {
			return nil, err
		}
	}
	return cedar.NewPolicySetFromBytes("workload.cedar", []byte(text.String()))
}

// writeCedar writes p as one Cedar policy. Both quantified conditions become containsAll, which
// is true of an empty set too. A pattern needs the resource's text, which comes in the context
// since an entity's id is not a string in Cedar.
func writeCedar(text *strings.Builder, resources workload.Resources, p workload.Policy, values string) error {
	attributes, err := json.Marshal(p.Attributes)
	if err != nil {
		return err
	}
	var actions []string
	for _, a := range p.Actions {
		actions = append(actions, fmt.Sprintf("Action::%q", a))
	}
	scope := fmt.Sprintf(", resource == Table::%q", p.Resources[0])
	var like string
	if resources != workload.Exact {
		scope = ", resource"
		like = fmt.Sprintf("(context.resource like %q || context.resource like %q) && ", p.Resources[0], p.Resources[1])
	}
	_, err = fmt.Fprintf(text, "permit (principal, action in [%s]%s)\nwhen { %s[%[4]s.sub].containsAll(%[4]s.leadingKeys) && %[5]s.containsAll(%[4]s.attributes) };\n",
		strings.Join(actions, ", "), scope, like, values, attributes)
	return err
}

func (c *cedarSubject) Decider(requests []workload.Request, context Context) (Decider, error) {
	prepared := prepare(requests, cedarRequest)
	return func(i int) (bool, error) {
		if context == Built {
			return cedarDecide(c.policies, cedarRequest(&requests[i]))
		}
		return cedarDecide(c.policies, prepared[i])
	}, nil
}

func cedarDecide(policies cedar.PolicyIterator, request cedar.Request) (bool, error) {
	decision, diagnostic := cedar.Authorize(policies, nil, request)
	if len(diagnostic.Errors) > 0 {
		return false, errors.New(diagnostic.Errors[0].Message)
	}
	return decision == cedar.Allow, nil
}

func cedarRequest(r *workload.Request) cedar.Request {
	return cedar.Request{
		Principal: cedar.NewEntityUID("Identity", types.String(r.Identity)),
		Action:    cedar.NewEntityUID("Action", types.String(r.Action)),
		Resource:  cedar.NewEntityUID("Table", types.String(r.Resource)),
		Context: cedar.NewRecord(cedar.RecordMap{
			"sub":         types.String(r.Identity),
			"resource":    types.String(r.Resource),
			"leadingKeys": cedarSet(r.LeadingKeys),
			"attributes":  cedarSet(r.Attributes),
		}),
	}
}

func cedarSet(values []string) cedar.Set {
	elements := make([]types.Value, len(values))
	for i, v := range values {
		elements[i] = types.String(v)
	}
	return cedar.NewSet(elements...)
}

// cedarIndex is cedar-go with an index of our own before it, which hands it the one policy that
// can match: its strongest form.
type cedarIndex struct {
	tables tableIndex[cedar.PolicySet]
	none   *cedar.PolicySet
}

func newCedarIndex(w *workload.Workload) (Subject, error) {
	c := &cedarIndex{tables: newTableIndex[cedar.PolicySet](w), none: cedar.NewPolicySet()}
	for _, p := range w.Policies {
		one, err := cedarPolicies(&workload.Workload{Resources: w.Resources, Policies: []workload.Policy{p}}, "context")
		if err != nil {
			return nil, err
		}
		c.tables.add(p, one)
	}
	return c, nil
}

func (c *cedarIndex) Decider(requests []workload.Request, context Context) (Decider, error) {
	prepared := prepare(requests, cedarRequest)
	return func(i int) (bool, error) {
		policies := c.tables.find(requests[i].Resource)
		if policies == nil {
			policies = c.none
		}
		if context == Built {
			return cedarDecide(policies, cedarRequest(&requests[i]))
		}
		return cedarDecide(policies, prepared[i])
	}, nil
}

// prepare makes the engine's own form of every request, before the clock starts.
func prepare[T any](requests []workload.Request, form func(*workload.Request) T) []T {
	forms := make([]T, len(requests))
	for i := range requests {
		forms[i] = form(&requests[i])
	}
	return forms
}
