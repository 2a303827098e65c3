package decide

import (
	"context"
	"runtime"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	return s.decide(ctx, in, nil)
}

// decide answers one question, and says in who, if that is not nil, who its
// subject is.
func (s *session) decide(ctx context.Context, in *rowanv1.DecideRequest, who *Who) (*rowanv1.DecideResponse, error) {
	a, err := s.ask(ctx, questionOf(in, in.GetSubject()))
	if err != nil {
		return nil, err
	}
	defer s.force.free(a)
	if who != nil {
		*who = a.who()
	}
	var out struct { // in one piece of memory
		response rowanv1.DecideResponse
		answer   rowanv1.Answer
	}
	out.answer.DecisionId = s.id()
	if err := s.answer(ctx, a, "decide", in.GetDetails(), &out.answer); err != nil {
		return nil, err
	}
	out.response.Answer, out.response.Bundle = &out.answer, s.force.name
	return &out.response, nil
}

func questionOf(in *rowanv1.DecideRequest, of *rowanv1.Subject) *asking {
	return &asking{
		subject: of, action: in.GetAction(), resource: in.GetResource(), resourceAccount: in.GetResourceAccount(), context: in.GetContext(),
	}
}

// turn is how many questions of a batch are answered before others get their
// turn: the runtime alone would let a batch keep a processor for ten
// milliseconds, while those wait who ask one question.
const turn = 32

// DecideBatch answers many questions with one bundle.
func (d *Decider) DecideBatch(ctx context.Context, in *rowanv1.DecideBatchRequest) (*rowanv1.DecideBatchResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	return s.decideBatch(ctx, in)
}

// decideBatch answers many questions.
func (s *session) decideBatch(ctx context.Context, in *rowanv1.DecideBatchRequest) (*rowanv1.DecideBatchResponse, error) {
	n := len(in.GetRequests())
	if n > maxBatch {
		return nil, status.Errorf(codes.InvalidArgument, "the batch has more than %d questions", maxBatch)
	}
	b := &batch{session: s, results: make([]batchResult, n)}
	defer b.free()
	out := &rowanv1.DecideBatchResponse{Results: make([]*rowanv1.Result, n), Bundle: s.force.name}
	ids := s.ids(n)
	for i, q := range in.GetRequests() {
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
		of := q.GetSubject()
		if of == nil {
			of = in.GetSubject()
		}
		r := &b.results[i]
		r.answer.DecisionId = ids[i]
		if err := b.answer(ctx, q, of, &r.answer); err != nil {
			r.result.Result = problem(err)
		} else {
			r.of.Answer = &r.answer
			r.result.Result = &r.of
		}
		out.Results[i] = &r.result
		if i%turn == turn-1 {
			runtime.Gosched()
		}
	}
	return out, nil
}

// batch is what the questions of a batch share.
type batch struct {
	*session
	results []batchResult
	last    *asked // of the question before, nil if there was none
}

// batchResult is a result in one piece of memory.
type batchResult struct {
	result rowanv1.Result
	of     rowanv1.Result_Answer
	answer rowanv1.Answer
}

// answer answers the next question.
func (b *batch) answer(ctx context.Context, in *rowanv1.DecideRequest, of *rowanv1.Subject, out *rowanv1.Answer) error {
	q := questionOf(in, of)
	if b.last != nil && of != nil && b.last.alike(q) {
		if err := b.again(b.last, q); err != nil {
			return err
		}
	} else {
		b.free()
		a, err := b.ask(ctx, q)
		if err != nil {
			return err
		}
		b.last = a
	}
	return b.session.answer(ctx, b.last, "decide", in.GetDetails(), out)
}

func (b *batch) free() {
	if b.last != nil {
		b.force.free(b.last)
		b.last = nil
	}
}

// Next answers the next question of a stream, with the bundle that is then in
// force.
func (d *Decider) Next(ctx context.Context, in *rowanv1.DecideRequest) (*rowanv1.DecideStreamResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	out := &rowanv1.DecideStreamResponse{Result: &rowanv1.Result{}, Bundle: s.force.name}
	answer := &rowanv1.Answer{DecisionId: d.id()}
	a, err := s.ask(ctx, questionOf(in, in.GetSubject()))
	if err == nil {
		defer s.force.free(a)
		err = s.answer(ctx, a, "decide", in.GetDetails(), answer)
	}
	if err != nil {
		out.Result.Result = problem(err)
	} else {
		out.Result.Result = &rowanv1.Result_Answer{Answer: answer}
	}
	return out, nil
}

// problem says why there is no answer.
func problem(err error) *rowanv1.Result_Problem {
	p := &rowanv1.Problem{Code: int32(codes.Internal), Message: "the question could not be answered"}
	if s, ok := status.FromError(err); ok {
		p.Code, p.Message = int32(s.Code()), s.Message()
	}
	return &rowanv1.Result_Problem{Problem: p}
}

// answer decides a request, and remembers it. out has its name; after an error
// it is worth nothing.
func (s *session) answer(ctx context.Context, a *asked, kind string, details bool, out *rowanv1.Answer) error {
	d := a.evaluator.Decide(&a.request)
	refusal := s.guarded(ctx, a, d)
	out.ValidUntil = a.until
	switch {
	case refusal != "":
		out.Decision, out.DecidedBy = rowanv1.Decision_DECISION_EXPLICIT_DENY, byGuardrail
	default:
		out.Decision, out.DecidedBy = decision(d.Outcome), d.By.String()
		if d.Fault != engine.NoFault {
			out.Fault = d.Fault.String()
		}
		out.Statements = s.deciding(a, d)
	}
	if details {
		s.detail(out, a, refusal)
	}
	return s.record(ctx, a, &Record{Kind: kind, ID: out.GetDecisionId(), Decision: d, Guardrail: refusal})
}

// deciding names the statement that decided. Where the one before did, its name
// is used again.
func (s *session) deciding(a *asked, d engine.Decision) []*rowanv1.Statement {
	ref, ok := d.Statement()
	switch {
	case !ok:
		return nil
	case a.statements == nil || a.deciding != ref:
		a.deciding, a.statements = ref, []*rowanv1.Statement{s.statement(ref)}
	}
	return a.statements
}

// byGuardrail is the DecidedBy of an answer that a guardrail denied.
const byGuardrail = "guardrail"

// guarded asks the guardrails about what is allowed; it returns why they deny,
// empty if they do not.
func (s *session) guarded(ctx context.Context, a *asked, d engine.Decision) string {
	if !s.guards() || !d.Allowed() {
		return ""
	}
	if err := s.guardrail(ctx, &a.request); err != nil {
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
	if s.options.Count != nil {
		n := 1
		if r.Kind == "rows" {
			n = r.Rows
		}
		s.options.Count(s.now, n)
	}
	if s.options.Record == nil {
		return nil
	}
	r.At, r.Took = s.now, s.options.Now().Sub(s.now)
	r.Service, r.Session, r.Identity = s.by.Name, a.subject.session, a.subject.identity
	r.Request, r.Bundle, r.Digest, r.Version = &a.request, s.force.Bundle, s.force.Digest, s.force.Version
	r.SessionPolicy = a.evaluator.Session != nil
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
	a, err := s.ask(ctx, questionOf(in.GetRequest(), in.GetRequest().GetSubject()))
	if err != nil {
		return nil, err
	}
	defer s.force.free(a)
	answer := &rowanv1.Answer{DecisionId: s.id()}
	if err := s.answer(ctx, a, "explain", true, answer); err != nil {
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
