package decide

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
)

// maxBatch is how many questions a batch has.
const maxBatch = 1024

// session is what a call has: one bundle, one calling service and one moment.
type session struct {
	*Decider
	force *inForce
	by    *bundle.Service
	now   time.Time
	clock *second
}

// begin fixes the bundle, the calling service and the time of a call.
func (d *Decider) begin(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	now := d.options.Now()
	x, err := d.inForce(now)
	if err != nil {
		return nil, err
	}
	by, err := x.services.service(ctx)
	if err != nil {
		return nil, err
	}
	return &session{Decider: d, force: x, by: by, now: now, clock: d.second(now)}, nil
}

// Decide answers one question.
func (d *Decider) Decide(ctx context.Context, in *rowanv1.DecideRequest) (*rowanv1.DecideResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.decide(ctx, in, in.GetSubject())
	if err != nil {
		return nil, err
	}
	return &rowanv1.DecideResponse{Answer: a, Bundle: s.force.name}, nil
}

// DecideBatch answers many questions with one bundle.
func (d *Decider) DecideBatch(ctx context.Context, in *rowanv1.DecideBatchRequest) (*rowanv1.DecideBatchResponse, error) {
	if len(in.GetRequests()) > maxBatch {
		return nil, status.Errorf(codes.InvalidArgument, "the batch has more than %d questions", maxBatch)
	}
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	out := &rowanv1.DecideBatchResponse{Results: make([]*rowanv1.Result, len(in.GetRequests())), Bundle: s.force.name}
	for i, q := range in.GetRequests() {
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
		of := q.GetSubject()
		if of == nil {
			of = in.GetSubject()
		}
		out.Results[i] = result(s.decide(ctx, q, of))
	}
	return out, nil
}

// Next answers the next question of a stream, with the bundle that is then in
// force.
func (d *Decider) Next(ctx context.Context, in *rowanv1.DecideRequest) (*rowanv1.DecideStreamResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	return &rowanv1.DecideStreamResponse{Result: result(s.decide(ctx, in, in.GetSubject())), Bundle: s.force.name}, nil
}

// result is an answer, or why there is none.
func result(a *rowanv1.Answer, err error) *rowanv1.Result {
	if err == nil {
		return &rowanv1.Result{Result: &rowanv1.Result_Answer{Answer: a}}
	}
	p := &rowanv1.Problem{Code: int32(codes.Internal), Message: "the question could not be answered"}
	if s, ok := status.FromError(err); ok {
		p.Code, p.Message = int32(s.Code()), s.Message()
	}
	return &rowanv1.Result{Result: &rowanv1.Result_Problem{Problem: p}}
}

// decide answers a question of a subject.
func (s *session) decide(ctx context.Context, in *rowanv1.DecideRequest, of *rowanv1.Subject) (*rowanv1.Answer, error) {
	x := s.force
	a, err := x.ask(ctx, s.by, &asking{
		subject: of, action: in.GetAction(), resource: in.GetResource(), resourceAccount: in.GetResourceAccount(), context: in.GetContext(),
	}, s.clock, s.now)
	if err != nil {
		return nil, err
	}
	defer x.free(a)
	return s.answer(ctx, a, "decide", in.GetDetails())
}

// answer decides a request, and remembers it.
func (s *session) answer(ctx context.Context, a *asked, kind string, details bool) (*rowanv1.Answer, error) {
	d := a.evaluator.Decide(&a.request)
	refusal := s.guarded(ctx, a, d)
	out := &rowanv1.Answer{
		DecisionId: s.id(), ValidUntil: timestamppb.New(s.validUntil(s.force, &a.evaluator, a.subject, s.now)),
	}
	switch {
	case refusal != "":
		out.Decision, out.DecidedBy = rowanv1.Decision_DECISION_EXPLICIT_DENY, byGuardrail
	default:
		out.Decision, out.DecidedBy = decision(d.Outcome), d.By.String()
		if d.Fault != engine.NoFault {
			out.Fault = d.Fault.String()
		}
		if ref, ok := d.Statement(); ok {
			out.Statements = []*rowanv1.Statement{s.statement(ref)}
		}
	}
	if details {
		s.detail(out, a, refusal)
	}
	return out, s.record(ctx, a, &Record{Kind: kind, ID: out.GetDecisionId(), Decision: d, Guardrail: refusal})
}

// byGuardrail is the DecidedBy of an answer that a guardrail denied.
const byGuardrail = "guardrail"

// guarded asks the guardrails about what is allowed; it returns why they deny,
// empty if they do not.
func (s *session) guarded(ctx context.Context, a *asked, d engine.Decision) string {
	if s.options.Guardrail == nil || !d.Allowed() {
		return ""
	}
	if err := s.options.Guardrail(ctx, s.force.Deployment, &a.request); err != nil {
		return "guardrail: " + err.Error()
	}
	return ""
}

// detail adds every statement that decided, and what was missing.
func (s *session) detail(out *rowanv1.Answer, a *asked, refusal string) {
	x := a.evaluator.Explain(&a.request)
	out.MissingContext = x.MissingContext
	if refusal != "" {
		return // no statement decided
	}
	out.Statements = make([]*rowanv1.Statement, len(x.Statements))
	for i := range x.Statements {
		out.Statements[i] = s.statement(x.Statements[i].StatementRef)
	}
}

// statement names a statement by the file of the bundle that it stands in.
func (s *session) statement(ref engine.StatementRef) *rowanv1.Statement {
	return &rowanv1.Statement{
		Policy: strings.TrimPrefix(ref.Document, s.force.prefix), Sid: ref.Sid, Index: uint32(ref.Index), Line: ref.Pos.Line, Column: ref.Pos.Column,
	}
}

// record tells whoever keeps the decision log.
func (s *session) record(ctx context.Context, a *asked, r *Record) error {
	if s.options.Record == nil {
		return nil
	}
	r.At, r.Took = s.now, s.options.Now().Sub(s.now)
	r.Service, r.Session, r.Identity = s.by.Name, a.subject.session, a.subject.identity
	r.Request, r.Bundle, r.Version = &a.request, s.force.Bundle, s.force.Version
	if err := s.options.Record(ctx, r); err != nil {
		s.options.Log.ErrorContext(ctx, "an answer could not be recorded and was not given", "error", err)
		return status.Error(codes.Unavailable, "the answer could not be recorded, so it is not given")
	}
	return nil
}

func decision(o engine.Outcome) rowanv1.Decision {
	switch o {
	case engine.Allowed:
		return rowanv1.Decision_DECISION_ALLOWED
	case engine.ExplicitDeny:
		return rowanv1.Decision_DECISION_EXPLICIT_DENY
	case engine.ImplicitDeny:
	}
	return rowanv1.Decision_DECISION_IMPLICIT_DENY
}

// Explain answers a question with everything that led to the answer.
func (d *Decider) Explain(ctx context.Context, in *rowanv1.ExplainRequest) (*rowanv1.ExplainResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	if !s.by.Has(bundle.ExplainRight) {
		return nil, lacks(bundle.ExplainRight)
	}
	q := in.GetRequest()
	a, err := s.force.ask(ctx, s.by, &asking{
		subject: q.GetSubject(), action: q.GetAction(), resource: q.GetResource(), resourceAccount: q.GetResourceAccount(), context: q.GetContext(),
	}, s.clock, s.now)
	if err != nil {
		return nil, err
	}
	defer s.force.free(a)
	answer, err := s.answer(ctx, a, "explain", true)
	if err != nil {
		return nil, err
	}
	x := a.evaluator.Explain(&a.request)
	out := &rowanv1.ExplainResponse{Answer: answer, Bundle: s.force.name, Looked: make([]*rowanv1.StatementReport, len(x.Looked))}
	for i := range x.Looked {
		out.Looked[i] = s.report(&x.Looked[i])
	}
	if x.Nearest != nil {
		out.Nearest = s.report(x.Nearest)
	}
	var text strings.Builder
	bundle.RenderExplanation(&text, &a.request, &x, s.force.Bundle.Source, false)
	if answer.GetDecidedBy() == byGuardrail {
		text.WriteString("denied by a guardrail, whatever the policies say\n")
	}
	out.Text = text.String()
	return out, nil
}
