package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Lens is what a login comes to: whose it is, which role it gets and why, and
// what policies will see. It is for operators: it holds claims and subjects.
type Lens struct {
	Pool string `json:"pool"`
	// IdentityID is the identity of the logins; empty if there is none yet.
	IdentityID string `json:"identityId,omitempty"`
	// New says that GetId would make an identity; an id of zeros stands for it
	// in Context.
	New bool `json:"new,omitempty"`
	// Links are the logins that are new to the identity; Merges are the
	// identities that GetId would merge into it.
	Links         []string `json:"links,omitempty"`
	Merges        []string `json:"merges,omitempty"`
	Authenticated bool     `json:"authenticated"`
	// Logins are sorted by provider.
	Logins []LensLogin `json:"logins,omitempty"`
	// Role is the ARN of the chosen role, empty if none was; Reason says what
	// chose it.
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Tags are the session's tags and those that were left out.
	Tags []TagTrace `json:"tags,omitempty"`
	// Trust holds what the role's trust policy says, one for each action.
	Trust []LensTrust `json:"trust,omitempty"`
	// Context holds every context key of the session, sorted; those with one
	// value are policy variables too.
	Context []ContextKey `json:"context,omitempty"`
	// SessionPolicies limit the session; nil if there are none.
	SessionPolicies []string `json:"sessionPolicies,omitempty"`
	// Refusal is why the login gets no credentials; nil if it does.
	Refusal *Error `json:"refusal,omitempty"`
	// Cause is what the client is not told of it.
	Cause string `json:"cause,omitempty"`
}

// LensLogin is one login as the pool reads it.
type LensLogin struct {
	Provider string       `json:"provider"`
	Kind     ProviderKind `json:"kind"`
	Subject  string       `json:"subject"`
	Audience string       `json:"audience,omitempty"`
	Issuer   string       `json:"issuer,omitempty"`
	Expires  Epoch        `json:"expires"`
	// Claims are those that role rules and tags read, present or not.
	Claims []LensClaim `json:"claims,omitempty"`
	// Mapping says how the provider's role mapping fared; nil if it has none.
	Mapping *MappingTrace `json:"mapping,omitempty"`
}

// LensClaim is a claim; Values are as rules see them.
type LensClaim struct {
	Name    string   `json:"name"`
	Present bool     `json:"present"`
	Values  []string `json:"values,omitempty"`
}

// LensTrust is a decision of a trust policy.
type LensTrust struct {
	Action  string `json:"action"`
	Allowed bool   `json:"allowed"`
	// Fault says why the question could not be asked.
	Fault string `json:"fault,omitempty"`
	// Why names the statements that decided, or the one that came nearest to
	// allowing it with the conditions that do not hold.
	Why []string `json:"why,omitempty"`
	// Explanation is the whole of it.
	Explanation engine.Explanation `json:"-"`
}

// Lens shows what GetId and GetCredentialsForIdentity would make of logins, by
// the same code, and changes nothing. A token that is not valid is an error; a
// login that gets no credentials is a Lens with a Refusal.
func (p *Pools) Lens(ctx context.Context, poolID string, logins map[string]string) (*Lens, error) {
	out, err := p.lens(ctx, poolID, logins)
	if err != nil {
		return nil, p.failed(ctx, "Lens", err)
	}
	return out, nil
}

// unborn stands for the id of an identity that does not exist yet.
const unborn = "00000000-0000-0000-0000-000000000000"

func (p *Pools) lens(ctx context.Context, poolID string, logins map[string]string) (*Lens, error) {
	var f faults
	f.required("identityPoolId", poolID, idRule)
	f.logins(logins, false)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	pool, err := p.pool(poolID)
	if err != nil {
		return nil, err
	}
	now := p.now()
	proofs, err := p.verifyLogins(ctx, pool, logins)
	if err != nil {
		return nil, err
	}
	out := &Lens{Pool: pool.ID, Authenticated: len(proofs) > 0}
	region, _, _ := strings.Cut(pool.ID, ":")
	id, err := out.resolve(ctx, p.options.Store, &question{pool: pool, proofs: proofs, now: now, fresh: region + ":" + unborn})
	if err != nil {
		return nil, err
	}
	plan, refusal := p.plan(ctx, pool, id, proofs, "", now)
	var e *Error
	switch {
	case errors.As(refusal, &e):
		out.refuse(e)
	case refusal != nil:
		return nil, refusal
	}
	for i := range proofs {
		out.Logins = append(out.Logins, lensLogin(&proofs[i], plan.choice.mapping(i)))
	}
	out.Role, out.Reason, out.Tags = plan.choice.role, plan.choice.reason, plan.tags
	return out, p.sessionLens(ctx, out, plan, now)
}

// resolve finds the identity as GetId would, without writing.
func (l *Lens) resolve(ctx context.Context, store Store, q *question) (id string, err error) {
	if len(q.proofs) == 0 {
		l.New = true
		if q.pool.Unauthenticated == "" {
			l.refuse(noGuests())
		}
		return q.fresh, nil
	}
	var r *resolution
	err = store.View(ctx, func(tx Tx) (err error) {
		r, err = q.resolve(tx)
		return err
	})
	var e *Error
	if errors.As(err, &e) { // two identities that cannot be merged, say
		l.New = true
		l.refuse(e)
		return q.fresh, nil
	}
	if err != nil {
		return "", err
	}
	l.New, l.Links = r.created, providerNames(r.linked)
	for _, gone := range r.merged {
		l.Merges = append(l.Merges, gone.ID)
	}
	if !r.created {
		l.IdentityID = r.identity.ID
	}
	return r.identity.ID, nil
}

// refuse notes the first refusal.
func (l *Lens) refuse(e *Error) {
	if l.Refusal != nil {
		return
	}
	l.Refusal = e
	if cause := e.Unwrap(); cause != nil {
		l.Cause = cause.Error()
	}
}

// sessionLens adds what the trust policy says and what policies will see. They
// are shown although the session was refused, as far as it got.
func (p *Pools) sessionLens(ctx context.Context, l *Lens, x *plan, now time.Time) error {
	if x.session == nil {
		return nil
	}
	for _, action := range x.assumption.actions() {
		trust := LensTrust{Action: action}
		e, r, err := p.trustRequest(ctx, x.assumption, action, now)
		if err != nil {
			trust.Fault = err.Error()
		} else {
			trust.Explanation = e.Explain(r)
			trust.Allowed = trust.Explanation.Decision.Allowed()
			trust.Why = whyTrusted(&trust.Explanation)
		}
		l.Trust = append(l.Trust, trust)
	}
	caller, err := p.options.Account.Caller(x.session, now)
	if err != nil {
		return err
	}
	for name, values := range caller.Session.All() {
		l.Context = append(l.Context, ContextKey{name, slices.Clone(values)})
	}
	slices.SortFunc(l.Context, func(a, b ContextKey) int { return strings.Compare(a.Name, b.Name) })
	l.SessionPolicies = x.session.Policies
	return nil
}

// whyTrusted puts an explanation of a trust policy into words.
func whyTrusted(x *engine.Explanation) []string {
	var out []string
	for i := range x.Statements {
		effect := "allows it"
		if x.Decision.Outcome == engine.ExplicitDeny {
			effect = "denies it"
		}
		out = append(out, statementName(&x.Statements[i])+" "+effect)
	}
	switch {
	case len(out) > 0:
		return out
	case x.Nearest == nil:
		return []string{"no statement could allow it"}
	}
	out = append(out, statementName(x.Nearest)+" comes nearest")
	if x.Nearest.Principal != conditions.True {
		out = append(out, "it is for another principal")
	}
	if x.Nearest.Action != conditions.True {
		out = append(out, "it is for other actions")
	}
	for _, c := range x.Nearest.Conditions {
		if c.Result != conditions.True {
			out = append(out, fmt.Sprintf("%s %s wants %q, the login has %q", c.Operator, c.Key, c.Meaning, c.Request))
		}
	}
	return out
}

func statementName(s *engine.StatementReport) string {
	name := fmt.Sprintf("statement %d", s.Index)
	if s.Sid != "" {
		name += " (" + s.Sid + ")"
	}
	return fmt.Sprintf("%s of %s at %s", name, s.Document, s.Pos)
}

func lensLogin(f *proof, mapping *MappingTrace) LensLogin {
	out := LensLogin{
		Provider: f.name(), Kind: f.kind, Subject: f.login.Subject, Audience: f.login.Audience, Issuer: f.login.Issuer,
		Expires: Epoch(f.login.Expires), Mapping: mapping,
	}
	for _, name := range claimsRead(f) {
		values, _, ok := claimValues(f.login.Claims, name)
		out.Claims = append(out.Claims, LensClaim{Name: name, Present: ok, Values: values})
	}
	return out
}

// claimsRead names the claims that the role mapping and the tags of a login's
// provider read, sorted.
func claimsRead(f *proof) []string {
	if f.provider == nil {
		return nil
	}
	var out []string
	if f.provider.Roles.Type == mappingToken {
		out = append(out, "cognito:preferred_role", "cognito:roles")
	}
	for _, r := range f.provider.Roles.Rules {
		out = append(out, r.Claim)
	}
	for _, t := range f.provider.PrincipalTags.claims(f.kind) {
		out = append(out, t.Claim)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
