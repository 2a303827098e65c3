package main

import (
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// explained is the JSON of one explanation: the answer that eval gives, and
// how every statement fared.
type explained struct {
	bundle.Answer
	Expect  string            `json:"expect,omitempty"`
	Request explainedRequest  `json:"request"`
	Nearest *explainedReport  `json:"nearest"`
	Looked  []explainedReport `json:"looked"`
	Changes *changesJSON      `json:"wouldBeAllowedIf,omitempty"`
}

type explainedRequest struct {
	Principal string              `json:"principal"`
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Context   map[string][]string `json:"context"`
}

// explainedReport says how one statement fared. Its parts are "true", "false"
// or "unknown".
type explainedReport struct {
	bundle.AnswerStatement
	Effect     string               `json:"effect"`
	Applies    bool                 `json:"applies"`
	Principal  string               `json:"principal"`
	Action     string               `json:"action"`
	Resource   string               `json:"resource"`
	Conditions []explainedCondition `json:"conditions"`
}

type explainedCondition struct {
	Operator string `json:"operator"`
	Key      string `json:"key"`
	Result   string `json:"result"`
	// State is "absent", "present" or "indeterminate".
	State   string   `json:"state"`
	Request []string `json:"request"`
	// Policy holds the values as written, Meaning with their variables
	// replaced, Unresolved those whose variables have no value.
	Policy     []string `json:"policy"`
	Meaning    []string `json:"meaning"`
	Unresolved []string `json:"unresolved"`
	Error      string   `json:"error,omitempty"`
}

func newExplained(x *answer) explained {
	out := explained{
		Answer: bundle.NewAnswer(x.name, &x.explanation),
		Expect: x.want,
		Request: explainedRequest{
			Principal: x.request.Principal.String(), Action: x.request.Action, Resource: x.request.Resource,
			Context: map[string][]string{},
		},
		Looked: make([]explainedReport, 0, len(x.explanation.Looked)),
	}
	for key, values := range x.request.Context.All() {
		out.Request.Context[key] = list(values)
	}
	for i := range x.explanation.Looked {
		out.Looked = append(out.Looked, newExplainedReport(&x.explanation.Looked[i]))
	}
	if x.explanation.Nearest != nil {
		nearest := newExplainedReport(x.explanation.Nearest)
		out.Nearest = &nearest
	}
	return out
}

func newExplainedReport(s *engine.StatementReport) explainedReport {
	out := explainedReport{
		AnswerStatement: bundle.AnswerStatement{Policy: bundle.PolicyName(s), Sid: s.Sid, Index: s.Index, Line: int(s.Pos.Line)},
		Effect:          s.Effect.String(),
		Applies:         s.Applies,
		Principal:       s.Principal.String(),
		Action:          s.Action.String(),
		Resource:        s.Resource.String(),
		Conditions:      make([]explainedCondition, 0, len(s.Conditions)),
	}
	for i := range s.Conditions {
		r := &s.Conditions[i]
		c := explainedCondition{
			Operator: r.Operator, Key: r.Key, Result: r.Result.String(), State: state(r.State),
			Request: list(r.Request), Policy: list(r.Policy), Meaning: list(r.Meaning), Unresolved: list(r.Unresolved),
		}
		if r.Err != nil {
			c.Error = r.Err.Error()
		}
		out.Conditions = append(out.Conditions, c)
	}
	return out
}

func state(s conditions.State) string {
	switch s {
	case conditions.Absent:
		return "absent"
	case conditions.Present:
		return "present"
	case conditions.Indeterminate:
	}
	return "indeterminate"
}

// list is never null in JSON.
func list(s []string) []string { return append([]string{}, s...) }
