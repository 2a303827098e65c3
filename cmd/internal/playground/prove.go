package playground

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// Bounds of proofs: of one question and of all together.
const (
	proofSteps       = 1_000_000
	proofAssignments = 2_000
	oneProof         = 2 * time.Second
	allProofs        = 6 * time.Second
	maxWitnesses     = 3
)

const principalARN = "aws:PrincipalArn"

// comparison says how Other relates to Policy.
type comparison struct {
	// Relation is equal, broader, narrower, incomparable or undecided; Other
	// allows more than Policy if it is broader.
	Relation string    `json:"relation"`
	Gained   direction `json:"gained"`
	Lost     direction `json:"lost"`
	Error    string    `json:"error,omitempty"`
}

// direction are requests that one policy allows and the other does not.
type direction struct {
	// Verdict is found, never, which is a proof that there are none, or unknown
	// for a reason. Complete says that no other action has any.
	Verdict   string    `json:"verdict"`
	Reason    string    `json:"reason,omitempty"`
	Witnesses []witness `json:"witnesses"`
	Complete  bool      `json:"complete"`
}

// isolation says whether rows stay with their owners.
type isolation struct {
	// Table is an ARN, empty if the resource is no table: there is nothing to
	// prove then.
	Table  string   `json:"table"`
	Checks []proved `json:"checks"`
	Error  string   `json:"error,omitempty"`
}

// proved is a claim and what became of it.
type proved struct {
	Name  string `json:"name"`
	Claim string `json:"claim"`
	// Verdict is proved, refuted or unknown for a reason.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	// Witness is a request that refutes the claim, Second that of another
	// identity where it takes two.
	Witness *witness `json:"witness,omitempty"`
	Second  *witness `json:"second,omitempty"`
}

// witness is a request, as members of a question.
type witness struct {
	Principal string `json:"principal"`
	Session   string `json:"session"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Context   string `json:"context"`
}

// prover answers questions about all requests until its time is up.
type prover struct {
	*asker
	ctx   context.Context
	until time.Time
}

// prove compares the policies and asks whether rows stay with their owners.
func (a *asker) prove(ctx context.Context) {
	if a.failed(partPolicy, partBoundary, partServiceControl, partPrincipal) {
		return
	}
	p := &prover{a, ctx, a.now().Add(allProofs)}
	if a.read.other != nil && !a.failed(partOther) {
		a.answer.Comparison = p.compare()
	}
	if !a.failed(partResource, partOwner) {
		a.answer.Isolation = p.isolate()
	}
}

// policies are those that limit a request when d is the policy.
func (p *prover) policies(d *policy.Document) *analysis.Policies {
	out := &analysis.Policies{Identity: []*policy.Document{d}}
	if p.read.boundary != nil {
		out.Boundary = []*policy.Document{p.read.boundary}
	}
	if p.read.serviceControl != nil {
		out.ServiceControl = [][]*policy.Document{{p.read.serviceControl}}
	}
	return out
}

// question asks about what d allows the principal.
func (p *prover) question(d *policy.Document) *analysis.Question {
	q := &analysis.Question{
		Vocabulary: p.vocabulary, By: p.policies(d), Principal: p.Principal,
		Limits: analysis.Limits{Steps: proofSteps, Assignments: proofAssignments, Time: max(1, min(oneProof, p.until.Sub(p.now()))), Now: p.now},
	}
	for _, k := range p.read.session {
		if strings.EqualFold(k.name, principalARN) && len(k.values) == 1 {
			q.Keys = map[string][]string{principalARN: k.values} // which has the path of a role
		}
	}
	return q
}

func (p *prover) compare() *comparison {
	q := p.question(p.read.other)
	q.Not = p.policies(p.read.policy)
	d, err := analysis.Diff(p.ctx, q, maxWitnesses)
	if err != nil {
		return &comparison{Relation: string(analysis.Undecided), Error: short(err.Error(), maxShownText)}
	}
	return &comparison{Relation: string(d.Relation()), Gained: p.direction(&d.Gained), Lost: p.direction(&d.Lost)}
}

func (p *prover) direction(d *analysis.Direction) direction {
	out := direction{Verdict: d.Verdict.String(), Reason: short(d.Reason, maxShownText), Witnesses: []witness{}, Complete: d.Complete}
	for _, w := range d.Witnesses {
		out.Witnesses = append(out.Witnesses, *p.witness(w))
	}
	return out
}

// witness makes a request that the page can ask: the keys of the session apart
// from those of the request, without those that the principal determines.
func (p *prover) witness(w *analysis.Witness) *witness {
	session, own := map[string][]string{}, map[string][]string{}
	determined := map[string]bool{}
	if who, err := engine.ParsePrincipal(w.Principal); err == nil {
		c := p.vocabulary.NewContext()
		if who.Describe(c) == nil {
			for name, values := range c.All() {
				determined[name] = slices.Equal(values, w.Context[name])
			}
		}
	}
	for name, values := range w.Context {
		switch {
		case determined[name]:
		case engine.SessionKey(name):
			session[name] = values
		default:
			own[name] = values
		}
	}
	return &witness{Principal: w.Principal, Session: keysText(session), Action: w.Action, Resource: w.Resource, Context: keysText(own)}
}

// keysText writes context keys as people would: one value without a list.
func keysText(keys map[string][]string) string {
	if len(keys) == 0 {
		return ""
	}
	out := make(map[string]any, len(keys))
	for name, values := range keys {
		out[name] = values
		if len(values) == 1 {
			out[name] = values[0]
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// isolate proves or refutes each claim.
func (p *prover) isolate() *isolation {
	table, ok := tableOf(p.Resource)
	out := &isolation{Table: table, Checks: []proved{}}
	if !ok || p.Owner == "" {
		return out
	}
	for _, c := range claims(table, p.Owner) {
		x, err := p.claim(c)
		if err != nil {
			out.Error = short(c.name+": "+err.Error(), maxShownText)
			return out
		}
		out.Checks = append(out.Checks, x)
	}
	return out
}

func (p *prover) claim(c claim) (proved, error) {
	out := proved{Name: c.name, Claim: c.text, Verdict: "unknown"}
	if !p.now().Before(p.until) {
		out.Reason = "the others have used up the time"
		return out, nil
	}
	q := p.question(p.read.policy)
	q.Needed = []string{p.Owner}
	for _, s := range c.asked {
		d, err := policy.Parse(c.name, []byte(`{"Version": "2012-10-17", "Statement": [`+s+`]}`))
		if err != nil {
			return out, err
		}
		q.And = append(q.And, &analysis.Policies{Identity: []*policy.Document{d}})
	}
	var a *analysis.Answer
	var err error
	var second *analysis.Witness
	if c.meet {
		m, failed := analysis.Meet(p.ctx, q, []string{p.Owner})
		if err = failed; err == nil {
			a, second = &m.Answer, m.Second
			a.Witness = m.First
		}
	} else {
		a, err = analysis.Search(p.ctx, q)
	}
	if err != nil {
		return out, err
	}
	switch a.Verdict {
	case analysis.Never:
		out.Verdict = "proved"
	case analysis.Found:
		out.Verdict, out.Witness = "refuted", p.witness(a.Witness)
		if second != nil {
			out.Second = p.witness(second)
		}
	case analysis.Unknown:
		out.Reason = short(a.Reason, maxShownText)
	}
	return out, nil
}
