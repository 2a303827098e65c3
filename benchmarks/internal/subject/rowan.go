package subject

import (
	"fmt"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// rowan decides with the policies themselves, as identity policies of one role.
type rowan struct {
	evaluator *engine.Evaluator
	principal engine.Principal
}

// role is whose session every identity of the pool uses.
const role = "arn:aws:sts::" + workload.Account + ":assumed-role/Player/CognitoIdentityCredentials"

// The context keys of the check.
const (
	keySub         = "cognito-identity.amazonaws.com:sub"
	keyLeadingKeys = "dynamodb:LeadingKeys"
	keyAttributes  = "dynamodb:Attributes"
)

func newRowan(w *workload.Workload) (Subject, error) {
	documents := make([][]byte, w.N())
	for i, p := range w.Policies {
		text, err := p.JSON()
		if err != nil {
			return nil, err
		}
		documents[i] = text
	}
	evaluator, err := LoadRowan(documents)
	if err != nil {
		return nil, err
	}
	principal, err := engine.ParsePrincipal(role)
	if err != nil {
		return nil, err
	}
	return &rowan{evaluator: evaluator, principal: principal}, nil
}

// LoadRowan parses, validates and compiles identity policies.
func LoadRowan(texts [][]byte) (*engine.Evaluator, error) {
	documents := make([]*policy.Document, len(texts))
	for i, text := range texts {
		d, err := policy.Parse(fmt.Sprintf("policy%05d.json", i), text)
		if err != nil {
			return nil, err
		}
		documents[i] = d
	}
	set, err := engine.Compile(conditions.AWS(), policy.Identity, documents...)
	if err != nil {
		return nil, err
	}
	return &engine.Evaluator{Identity: set}, nil
}

// Decider keeps what the role's session determines in a base context, which is made once. Built
// sets all that a request brings, the identity included, in one context that is used again.
func (r *rowan) Decider(requests []workload.Request, context Context) (Decider, error) {
	session := conditions.AWS().NewContext()
	if err := r.principal.Describe(session); err != nil {
		return nil, err
	}
	if context == Built {
		request := engine.Request{Principal: r.principal, Context: conditions.AWS().NewContext()}
		return func(i int) (bool, error) {
			if err := fillRowan(&request, session, &requests[i]); err != nil {
				return false, err
			}
			return r.decide(&request)
		}, nil
	}
	prepared := make([]engine.Request, len(requests))
	for i := range requests {
		prepared[i] = engine.Request{Principal: r.principal, Context: conditions.AWS().NewContext()}
		if err := fillRowan(&prepared[i], session, &requests[i]); err != nil {
			return nil, err
		}
	}
	return func(i int) (bool, error) { return r.decide(&prepared[i]) }, nil
}

func fillRowan(to *engine.Request, session *conditions.Context, from *workload.Request) error {
	to.Action, to.Resource = from.Action, from.Resource
	to.Context.Reset(session)
	if err := to.Context.Set(keySub, from.Identity); err != nil {
		return err
	}
	if err := to.Context.Set(keyLeadingKeys, from.LeadingKeys...); err != nil {
		return err
	}
	return to.Context.Set(keyAttributes, from.Attributes...)
}

func (r *rowan) decide(request *engine.Request) (bool, error) {
	d := r.evaluator.Decide(request)
	if d.Fault != engine.NoFault {
		return false, fmt.Errorf("rowan: %v", d.Fault)
	}
	return d.Allowed(), nil
}
