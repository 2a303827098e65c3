package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// evaluation is a request of the Authorization API. Members that it does not
// know are left alone. Source: AuthZEN Authorization API 1.0; identity-protocol
// §5.6.
type evaluation struct {
	Subject  *entity                    `json:"subject"`
	Action   *authzenAction             `json:"action"`
	Resource *entity                    `json:"resource"`
	Context  map[string]json.RawMessage `json:"context"`
}

// entity is a subject or a resource.
type entity struct {
	Type       string                     `json:"type"`
	ID         string                     `json:"id"`
	Properties map[string]json.RawMessage `json:"properties"`
}

type authzenAction struct {
	Name string `json:"name"`
}

// authzenAnswer is the answer to an evaluation.
type authzenAnswer struct {
	Decision bool           `json:"decision"`
	Context  map[string]any `json:"context,omitempty"`
}

// complete refuses what lacks a member that must be there.
func (e *evaluation) complete() error {
	var missing string
	switch {
	case e.Subject == nil || e.Subject.Type == "":
		missing = "subject.type"
	case e.Subject.ID == "":
		missing = "subject.id"
	case e.Action == nil || e.Action.Name == "":
		missing = "action.name"
	case e.Resource == nil || e.Resource.Type == "":
		missing = "resource.type"
	case e.Resource.ID == "":
		missing = "resource.id"
	default:
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "no %s", missing)
}

// property returns a property that is a text, empty without one.
func (e *entity) property(name string) string {
	text, _ := scalar(e.Properties[name])
	return text
}

// message makes the question of an evaluation: see docs/http.md for the terms.
func (x *exchange) authzenQuestion(e *evaluation) (*rowanv1.DecideRequest, error) {
	if err := e.complete(); err != nil {
		return nil, err
	}
	of, err := e.Subject.subject()
	if err != nil {
		return nil, err
	}
	keys := map[string]json.RawMessage{}
	for _, from := range []map[string]json.RawMessage{e.Resource.Properties, e.Context} {
		for name, value := range from {
			// Names without a colon are none of IAM's, and mean nothing here.
			if strings.Contains(name, ":") {
				keys[name] = value
			}
		}
	}
	context, err := contextKeys(keys)
	if err != nil {
		return nil, err
	}
	action, resource := e.Action.Name, e.Resource.ID
	if !strings.Contains(action, ":") {
		action = e.Resource.Type + ":" + action
	}
	if !strings.HasPrefix(resource, "arn:") {
		a := x.options.Decider.Account()
		resource = strings.Join([]string{"arn", a.Partition, e.Resource.Type, a.Region, a.ID, resource}, ":")
	}
	return &rowanv1.DecideRequest{Subject: of, Action: action, Resource: resource, Context: context}, nil
}

// subject makes the subject of an entity by its type.
func (e *entity) subject() (*rowanv1.Subject, error) {
	switch e.Type {
	case "session":
		return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: e.ID, Token: e.property("token")}}}, nil
	case "id_token":
		return &rowanv1.Subject{Subject: &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{
			Provider: e.ID, Token: e.property("token"), IdentityPool: e.property("identity_pool"),
		}}}, nil
	case "identity":
		return vouched(&rowanv1.Principal{Principal: e.property("role"), IdentityId: e.ID, IdentityPool: e.property("identity_pool")}), nil
	case "role", "user":
		return vouched(&rowanv1.Principal{Principal: e.ID}), nil
	}
	return nil, status.Errorf(codes.InvalidArgument, "a subject's type is session, id_token, identity, role or user, not %.100q", e.Type)
}

func vouched(p *rowanv1.Principal) *rowanv1.Subject {
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: p}}
}

// evaluate answers one evaluation.
func (x *exchange) evaluate(e *evaluation) (authzenAnswer, error) {
	q, err := x.authzenQuestion(e)
	if err != nil {
		return authzenAnswer{}, err
	}
	out, err := x.options.Decider.Decide(x.r.Context(), q)
	if err != nil {
		return authzenAnswer{}, err
	}
	a := out.GetAnswer()
	return authzenAnswer{
		Decision: a.GetDecision() == rowanv1.Decision_DECISION_ALLOWED,
		Context: map[string]any{
			"id": a.GetDecisionId(), "decision": word(a.GetDecision()), "decided_by": a.GetDecidedBy(), "valid_until": moment(a.GetValidUntil()),
		},
	}, nil
}

// evaluation answers an access evaluation.
func (x *exchange) evaluation() error {
	var in evaluation
	if err := x.read(&in, false); err != nil {
		return err
	}
	out, err := x.evaluate(&in)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, out)
}

// maxEvaluations is how many evaluations one request asks for.
const maxEvaluations = 1024

// evaluations answers several access evaluations.
func (x *exchange) evaluations() error {
	var in struct {
		evaluation
		Evaluations []evaluation `json:"evaluations"`
		Options     struct {
			Semantic string `json:"evaluations_semantic"`
		} `json:"options"`
	}
	if err := x.read(&in, false); err != nil {
		return err
	}
	if len(in.Evaluations) == 0 { // it is one evaluation then
		out, err := x.evaluate(&in.evaluation)
		if err != nil {
			return err
		}
		return x.reply(http.StatusOK, out)
	}
	if len(in.Evaluations) > maxEvaluations {
		return status.Errorf(codes.InvalidArgument, "more than %d evaluations", maxEvaluations)
	}
	ends, err := endsAt(in.Options.Semantic)
	if err != nil {
		return err
	}
	answers := []authzenAnswer{}
	for i := range in.Evaluations {
		one := in.Evaluations[i].or(&in.evaluation)
		out, err := x.evaluate(one)
		if code := status.Code(err); code == codes.Unavailable || code == codes.Internal || code == codes.ResourceExhausted {
			return err // it is no denial of this one alone
		}
		if err != nil {
			s := status.Convert(err)
			out = authzenAnswer{Context: map[string]any{"error": map[string]any{"status": httpStatus(s.Code()), "message": s.Message()}}}
		}
		answers = append(answers, out)
		if ends(out.Decision) {
			break
		}
	}
	return x.reply(http.StatusOK, map[string]any{"evaluations": answers})
}

// endsAt returns after which decision evaluations end.
func endsAt(semantic string) (func(bool) bool, error) {
	switch semantic {
	case "", "execute_all":
		return func(bool) bool { return false }, nil
	case "deny_on_first_deny":
		return func(permitted bool) bool { return !permitted }, nil
	case "permit_on_first_permit":
		return func(permitted bool) bool { return permitted }, nil
	}
	return nil, status.Errorf(codes.InvalidArgument, "no evaluations_semantic %.100q", semantic)
}

// or returns an evaluation whose absent members are those of the whole.
func (e *evaluation) or(whole *evaluation) *evaluation {
	out := *e
	if out.Subject == nil {
		out.Subject = whole.Subject
	}
	if out.Action == nil {
		out.Action = whole.Action
	}
	if out.Resource == nil {
		out.Resource = whole.Resource
	}
	if out.Context == nil {
		out.Context = whole.Context
	}
	return &out
}

// authzenMetadata says what of the Authorization API is here. Searches are not:
// who and what there is, only the stores know.
func (x *exchange) authzenMetadata() error {
	base := "http://" + x.r.Host
	if x.r.TLS != nil {
		base = "https://" + x.r.Host
	}
	return x.reply(http.StatusOK, map[string]string{
		"policy_decision_point":       base,
		"access_evaluation_endpoint":  base + "/access/v1/evaluation",
		"access_evaluations_endpoint": base + "/access/v1/evaluations",
	})
}
