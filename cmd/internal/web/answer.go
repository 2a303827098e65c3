package web

import (
	"context"
	"net/http"
	"time"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/internal/strictjson"
)

// answer is an Answer as JSON.
type answer struct {
	Decision       string      `json:"decision"`
	DecidedBy      string      `json:"decidedBy"`
	Statements     []statement `json:"statements"`
	MissingContext []string    `json:"missingContext,omitempty"`
	Fault          string      `json:"fault,omitempty"`
	DecisionID     string      `json:"decisionId"`
	ValidUntil     string      `json:"validUntil"`
}

type statement struct {
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Index  uint32 `json:"index"`
	Line   uint32 `json:"line"`
	Column uint32 `json:"column"`
}

// version names a bundle.
type version struct {
	Digest  string `json:"digest"`
	Version uint64 `json:"version"`
}

func newVersion(b *rowanv1.BundleVersion) version { return version{b.GetDigest(), b.GetVersion()} }

func newStatement(s *rowanv1.Statement) statement {
	return statement{s.GetPolicy(), s.GetSid(), s.GetIndex(), s.GetLine(), s.GetColumn()}
}

func newAnswer(a *rowanv1.Answer) answer {
	out := answer{
		Decision: word(a.GetDecision()), DecidedBy: a.GetDecidedBy(), Statements: []statement{}, MissingContext: a.GetMissingContext(),
		Fault: a.GetFault(), DecisionID: a.GetDecisionId(), ValidUntil: moment(a.GetValidUntil()),
	}
	for _, s := range a.GetStatements() {
		out.Statements = append(out.Statements, newStatement(s))
	}
	return out
}

func moment(t *timestamppb.Timestamp) string { return t.AsTime().UTC().Format(time.RFC3339Nano) }

// word is a decision in the words of AWS's simulator.
func word(d rowanv1.Decision) string {
	switch d {
	case rowanv1.Decision_DECISION_ALLOWED:
		return "allowed"
	case rowanv1.Decision_DECISION_EXPLICIT_DENY:
		return "explicitDeny"
	case rowanv1.Decision_DECISION_IMPLICIT_DENY, rowanv1.Decision_DECISION_UNSPECIFIED:
	}
	return "implicitDeny"
}

// ask reads a question, asks it, and renders the answer.
func ask[In, Out any](x *exchange, limits strictjson.Limits, read func(object) In, ask func(context.Context, In) (Out, error), render func(In, Out) any) error {
	o, err := x.read(limits)
	if err != nil {
		return err
	}
	in := read(o)
	if err := o.done(); err != nil {
		return err
	}
	out, err := ask(x.r.Context(), in)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, render(in, out))
}

// decide answers one question.
func (x *exchange) decide() error {
	return ask(x, oneQuestion, question, x.options.Decider.Decide, func(_ *rowanv1.DecideRequest, out *rowanv1.DecideResponse) any {
		return struct {
			answer
			Bundle version `json:"bundle"`
		}{newAnswer(out.GetAnswer()), newVersion(out.GetBundle())}
	})
}

// decideBatch answers many questions.
func (x *exchange) decideBatch() error {
	return ask(x, manyQuestions, batchQuestion, x.options.Decider.DecideBatch, func(_ *rowanv1.DecideBatchRequest, out *rowanv1.DecideBatchResponse) any {
		results := make([]any, len(out.GetResults()))
		for i, r := range out.GetResults() {
			results[i] = newResult(r)
		}
		return map[string]any{"results": results, "bundle": newVersion(out.GetBundle())}
	})
}

// newResult is an answer of several, or why there is none.
func newResult(r *rowanv1.Result) any {
	if a := r.GetAnswer(); a != nil {
		return newAnswer(a)
	}
	p := status.Convert(problemOf(r))
	return failure{failureText{p.Code().String(), p.Message()}}
}

// problemOf is why a question of several has no answer.
func problemOf(r *rowanv1.Result) error {
	if p := r.GetProblem(); p.GetCode() > 0 {
		return status.ErrorProto(&statuspb.Status{Code: p.GetCode(), Message: p.GetMessage()})
	}
	return status.Error(codes.Internal, "no answer")
}

// decideRows answers one question about many rows.
func (x *exchange) decideRows() error {
	if !x.enter(x.large) {
		return errBusy
	}
	defer func() { <-x.large }()
	return ask(x, largeQuestion, rowsQuestion, x.options.Decider.DecideRows, func(in *rowanv1.DecideRowsRequest, out *rowanv1.DecideRowsResponse) any {
		allowed := make([]bool, in.GetRows())
		for i := range allowed {
			allowed[i] = i/8 < len(out.GetAllowed()) && out.GetAllowed()[i/8]&(1<<(i%8)) != 0
		}
		return map[string]any{
			"allowed": allowed, "count": out.GetCount(), "decisionId": out.GetDecisionId(),
			"validUntil": moment(out.GetValidUntil()), "bundle": newVersion(out.GetBundle()),
		}
	})
}

// report is a StatementReport as JSON.
type report struct {
	statement
	Kind    string   `json:"kind"`
	Effect  string   `json:"effect"`
	Applied bool     `json:"applied"`
	Unmet   []string `json:"unmet,omitempty"`
}

func newReport(r *rowanv1.StatementReport) *report {
	return &report{newStatement(r.GetStatement()), r.GetKind(), r.GetEffect(), r.GetApplied(), r.GetUnmet()}
}

// explain explains an answer.
func (x *exchange) explain() error {
	read := func(o object) *rowanv1.ExplainRequest { return &rowanv1.ExplainRequest{Request: question(o)} }
	return ask(x, oneQuestion, read, x.options.Decider.Explain, func(_ *rowanv1.ExplainRequest, out *rowanv1.ExplainResponse) any {
		looked := make([]*report, 0, len(out.GetLooked()))
		for _, r := range out.GetLooked() {
			looked = append(looked, newReport(r))
		}
		var nearest *report
		if n := out.GetNearest(); n != nil {
			nearest = newReport(n)
		}
		return struct {
			answer
			Looked  []*report `json:"looked"`
			Nearest *report   `json:"nearest,omitempty"`
			Text    string    `json:"text"`
			Bundle  version   `json:"bundle"`
		}{newAnswer(out.GetAnswer()), looked, nearest, out.GetText(), newVersion(out.GetBundle())}
	})
}

// expression is an Expression as JSON.
type expression struct {
	Op   string       `json:"op"`
	Args []expression `json:"args,omitempty"`
	Key  string       `json:"key,omitempty"`
	Test string       `json:"test,omitempty"`
}

func newExpression(x *rowanv1.Expression) expression {
	out := expression{Op: "false", Key: x.GetKey(), Test: x.GetTest()}
	switch x.GetOp() {
	case rowanv1.ExpressionOp_EXPRESSION_OP_TRUE:
		out.Op = "true"
	case rowanv1.ExpressionOp_EXPRESSION_OP_AND:
		out.Op = "and"
	case rowanv1.ExpressionOp_EXPRESSION_OP_OR:
		out.Op = "or"
	case rowanv1.ExpressionOp_EXPRESSION_OP_TEST:
		out.Op = "test"
	case rowanv1.ExpressionOp_EXPRESSION_OP_FALSE, rowanv1.ExpressionOp_EXPRESSION_OP_UNSPECIFIED:
	}
	for _, a := range x.GetArgs() {
		out.Args = append(out.Args, newExpression(a))
	}
	return out
}

// scopeWord is the word for what a filter keeps; what is none keeps nothing.
func scopeWord(s rowanv1.FilterScope) string {
	switch s {
	case rowanv1.FilterScope_FILTER_SCOPE_EVERYTHING:
		return "everything"
	case rowanv1.FilterScope_FILTER_SCOPE_SOME:
		return "some"
	case rowanv1.FilterScope_FILTER_SCOPE_NOTHING, rowanv1.FilterScope_FILTER_SCOPE_UNSPECIFIED:
	}
	return "nothing"
}

// filter says which rows a subject may reach.
func (x *exchange) filter() error {
	type clause struct {
		Where string   `json:"where"`
		Args  []string `json:"args"`
	}
	return ask(x, oneQuestion, filterQuestion, x.options.Decider.Filter, func(_ *rowanv1.FilterRequest, out *rowanv1.FilterResponse) any {
		var sql *clause
		if s := out.GetSql(); s != nil {
			sql = &clause{s.GetWhere(), append([]string{}, s.GetArgs()...)}
		}
		return struct {
			Scope      string     `json:"scope"`
			Filter     string     `json:"filter"`
			Expression expression `json:"expression"`
			SQL        *clause    `json:"sql,omitempty"`
			DecisionID string     `json:"decisionId"`
			ValidUntil string     `json:"validUntil"`
			Bundle     version    `json:"bundle"`
		}{
			scopeWord(out.GetScope()), out.GetText(), newExpression(out.GetExpression()), sql,
			out.GetDecisionId(), moment(out.GetValidUntil()), newVersion(out.GetBundle()),
		}
	})
}
