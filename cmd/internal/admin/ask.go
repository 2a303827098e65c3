package admin

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/replay"
	"github.com/rowan-authz/rowan/engine"
)

// Question is what an operator asks: may this principal do that?
type Question struct {
	// Principal is the name or the ARN of a role, or the ARN of a user.
	Principal    string            `json:"principal"`
	SessionName  string            `json:"sessionName"`
	IdentityID   string            `json:"identityId"`
	IdentityPool string            `json:"identityPool"`
	Guest        bool              `json:"guest"`
	Tags         map[string]string `json:"tags"`
	Action       string            `json:"action"`
	Resource     string            `json:"resource"`
	// Context holds context keys and their values.
	Context map[string][]string `json:"context"`
}

// Explanation is an answer with everything that led to it.
type Explanation struct {
	DecisionID     string   `json:"decisionId"`
	Decision       string   `json:"decision"`
	DecidedBy      string   `json:"decidedBy"`
	Fault          string   `json:"fault,omitempty"`
	MissingContext []string `json:"missingContext"`
	// Notes say why this may not be what was decided.
	Notes []string `json:"notes"`
	Text  string   `json:"text"`
	// Statements are those that were looked at, in the order of their kinds.
	Statements []Statement `json:"statements"`
}

// Statement is how one statement fared.
type Statement struct {
	Kind   string `json:"kind"`
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Index  uint32 `json:"index"`
	Line   uint32 `json:"line"`
	Effect string `json:"effect"`
	// Applied says that all of it matched; Unmet says what did not. Decided and
	// Nearest are one of those that decided, and the one that came nearest.
	Applied bool     `json:"applied"`
	Decided bool     `json:"decided"`
	Nearest bool     `json:"nearest"`
	Unmet   []string `json:"unmet"`
}

// Asker explains answers.
type Asker interface {
	Ask(ctx context.Context, q *Question) (*Explanation, error)
}

// Decider asks the bundle in force, as somebody who may vouch for principals and
// see policies. What is asked is recorded like all other questions.
type Decider struct{ *decide.Decider }

// Ask explains the answer to a question.
func (d Decider) Ask(ctx context.Context, q *Question) (*Explanation, error) {
	ctx = decide.WithPeer(ctx, &decide.Peer{Local: true, Trusted: true})
	p := &rowanv1.Principal{
		Principal: q.Principal, SessionName: q.SessionName, IdentityId: q.IdentityID, IdentityPool: q.IdentityPool, Tags: q.Tags,
	}
	if q.Guest {
		p.Amr = []string{"unauthenticated"}
	}
	in := &rowanv1.DecideRequest{
		Subject: &rowanv1.Subject{Subject: &rowanv1.Subject_Principal{Principal: p}}, Action: q.Action, Resource: q.Resource,
	}
	for _, name := range slices.Sorted(maps.Keys(q.Context)) {
		in.Context = append(in.Context, &rowanv1.ContextKey{Name: name, Values: q.Context[name]})
	}
	out, err := d.Explain(ctx, &rowanv1.ExplainRequest{Request: in})
	if err != nil {
		return nil, err
	}
	return explanation(out), nil
}

var decisions = map[rowanv1.Decision]string{
	rowanv1.Decision_DECISION_ALLOWED: "allowed", rowanv1.Decision_DECISION_EXPLICIT_DENY: "explicitDeny", rowanv1.Decision_DECISION_IMPLICIT_DENY: "implicitDeny",
}

func explanation(out *rowanv1.ExplainResponse) *Explanation {
	a := out.GetAnswer()
	x := &Explanation{
		DecisionID: a.GetDecisionId(), Decision: decisions[a.GetDecision()], DecidedBy: a.GetDecidedBy(), Fault: a.GetFault(),
		MissingContext: append([]string{}, a.GetMissingContext()...), Text: out.GetText(), Statements: []Statement{}, Notes: []string{},
	}
	for _, s := range out.GetLooked() {
		r := s.GetStatement()
		same := func(o *rowanv1.Statement) bool {
			return o.GetPolicy() == r.GetPolicy() && o.GetIndex() == r.GetIndex() && o.GetLine() == r.GetLine()
		}
		x.Statements = append(x.Statements, Statement{
			Kind: s.GetKind(), Policy: r.GetPolicy(), Sid: r.GetSid(), Index: r.GetIndex(), Line: r.GetLine(), Effect: s.GetEffect(),
			Applied: s.GetApplied(), Decided: slices.ContainsFunc(a.GetStatements(), same),
			Nearest: out.GetNearest() != nil && same(out.GetNearest().GetStatement()), Unmet: append([]string{}, s.GetUnmet()...),
		})
	}
	return x
}

// replayed is a decision that was made again. What was decided is what the log
// says; the notes tell of a difference.
func replayed(l *replay.Line, again *replay.Replayed, b *bundle.Bundle) *Explanation {
	e := &again.Explanation
	x := &Explanation{
		DecisionID: l.ID, Decision: l.Decision, DecidedBy: l.DecidedBy,
		MissingContext: append([]string{}, e.MissingContext...), Statements: []Statement{}, Notes: append([]string{}, again.Notes...),
	}
	if e.Decision.Fault != engine.NoFault {
		x.Fault = e.Decision.Fault.String()
	}
	var text strings.Builder
	bundle.RenderExplanation(&text, again.Request, e, b.Source, false)
	x.Text = text.String()
	for i := range e.Looked {
		s := &e.Looked[i]
		x.Statements = append(x.Statements, Statement{
			Kind: s.Authority.String(), Policy: strings.TrimPrefix(s.Document, path.Clean(b.Name)+"/"), Sid: s.Sid, Index: uint32(s.Index), Line: s.Pos.Line,
			Effect: s.Effect.String(), Applied: s.Applies, Nearest: e.Nearest != nil && e.Nearest.StatementRef == s.StatementRef,
			Decided: slices.ContainsFunc(e.Statements, func(d engine.StatementReport) bool { return d.StatementRef == s.StatementRef }),
			Unmet:   append([]string{}, decide.Unmet(s)...),
		})
	}
	return x
}
