package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// ChangedPart says what a change is one of. The zero value is nothing.
type ChangedPart uint8

// The parts that may change, in the order in which proposals of one size stand.
const (
	// OfRequest is a change of what was asked: another value of a context key,
	// another resource, a key supplied or left out.
	OfRequest ChangedPart = iota + 1
	// OfIdentity is another session: another tag, another identity; where that is
	// not enough, together with another request.
	OfIdentity
	// OfPolicy is another policy.
	OfPolicy
)

func (p ChangedPart) String() string {
	return [...]string{"nothing", OfRequest: "request", OfIdentity: "identity", OfPolicy: "policy"}[p]
}

// Proposal is one change, as small as can be, after which a request that is
// denied is allowed. The engine and the reference interpreter have both decided
// so.
type Proposal struct {
	Part ChangedPart
	// Size counts the things that change.
	Size int
	// Keys are the context keys that change, of OfRequest and OfIdentity.
	Keys []KeyChange
	// Resource is the other resource, empty if it is the same.
	Resource string
	// Additions are statements to add, of OfPolicy: each allows the one action on
	// the one resource, under the conditions of the request and to its identity,
	// and nothing else.
	Additions []Addition
	// Obstacles are Deny statements that apply. They are named, and no text is
	// proposed that would weaken them.
	Obstacles []Ref
}

// KeyChange is another value of a context key.
type KeyChange struct {
	Key string
	// Was and Now are its values; nil means that the request has no such key.
	Was, Now []string
	// Own is the key of the identity whose value Now is, by a policy variable;
	// empty if it is none.
	Own string
}

// Addition is a statement to add to the policies of a kind.
type Addition struct {
	Kind policy.Kind
	// Level is that of a guardrail, root first.
	Level int
	// Document names the document to add to, and Pos is where its first statement
	// begins; empty means a new document.
	Document string
	Pos      policy.Position
	// Statement is JSON.
	Statement string
}

// Flips are what would make a denial an allow.
type Flips struct {
	// Proposals are the smallest changes of the request, then of the identity,
	// then of the policy; those that change fewer things stand first.
	Proposals []Proposal
	// Hint is for who asked: it tells nothing of policies, of other identities
	// and of what there is. Empty if there is nothing that may be said, as after
	// an explicit deny.
	Hint string
	// Reason says why there may be others, or smaller ones; empty if there are
	// none.
	Reason string
}

// FlipOptions bound the search. The zero value means the defaults.
type FlipOptions struct {
	// Most is how many proposals there may be of each part; 0 means 2.
	Most int
	// Limits are those of all questions together, but for Assignments, which are for
	// each. Steps are 400,000 by default, Time a second.
	Limits Limits
}

// Bounds of what Flip looks at.
const (
	defaultProposals = 2
	defaultFlipSteps = 400_000
	defaultFlipTime  = time.Second
	maxChanged       = 3  // things that one proposal changes in a request
	maxChangeable    = 16 // things of a request that are varied
	maxPolicyChanges = 8
)

// Flip looks for the smallest changes of a request, of its identity or of the
// policies that would make its denial an allow. A request that is allowed, or
// that cannot be decided, has none. It wraps ErrInternal if the interpreters do
// not agree. The request's context is only read. Source: field-notes §7 3.
func Flip(ctx context.Context, p *Policies, r *engine.Request, o FlipOptions) (*Flips, error) {
	f := &flipper{ctx: ctx, policies: p, request: r, options: o, out: &Flips{}}
	ok, err := f.begin()
	if err != nil || !ok {
		return f.out, err
	}
	for _, look := range []func() error{f.requests, f.identities, f.policyChange} {
		if err := look(); err != nil {
			return &Flips{}, err
		}
	}
	slices.SortStableFunc(f.out.Proposals, func(a, b Proposal) int { return a.Size - b.Size })
	if f.explained.Decision.Outcome == engine.ImplicitDeny {
		f.out.Hint = f.hint()
	}
	f.out.Reason = strings.Join(f.doubts, "; ")
	return f.out, nil
}

// flipper looks for flips of one denial.
type flipper struct {
	ctx        context.Context
	policies   *Policies
	request    *engine.Request
	options    FlipOptions
	out        *Flips
	vocabulary *conditions.Vocabulary
	judge      *judge
	asked      trial // as it was
	explained  engine.Explanation
	keys       []conditions.Key  // that statements about the action read
	tags       []conditions.Key  // of the identity, that any statement reads
	variables  map[string]bool   // those of them that policy variables read, folded
	own        map[string]string // the key whose value a text is, of variables
	steps      int               // left
	until      time.Time
	doubts     []string
}

// begin decides the request as it is; ok is false if there is nothing to look
// for.
func (f *flipper) begin() (ok bool, err error) {
	r := f.request
	if kind := r.Principal.Kind(); kind != engine.User && kind != engine.RoleSession {
		f.out.Reason = "only requests of users and of role sessions are looked at"
		return false, nil
	}
	if r.Context == nil || r.Context.Vocabulary() == nil {
		f.out.Reason = engine.NoContext.String()
		return false, nil
	}
	if part := strings.SplitN(r.Resource, ":", 6); f.policies.Resource != nil && len(part) == 6 && part[2] == "iam" && strings.HasPrefix(part[5], "role/") {
		f.out.Reason = "trust policies are not looked at"
		return false, nil
	}
	f.vocabulary = r.Context.Vocabulary()
	if f.judge, err = newJudge(f.vocabulary, f.policies, &r.Principal); err != nil {
		return false, err
	}
	f.explained = f.judge.evaluator.Explain(r)
	d := f.explained.Decision
	switch {
	case d.Fault != engine.NoFault:
		f.out.Reason = d.Fault.String()
		return false, nil
	case d.Allowed():
		return false, nil
	}
	if !f.readKeys() {
		return false, nil
	}
	f.asked = trial{action: r.Action, resource: r.Resource, account: r.ResourceAccount, context: map[string][]string{}}
	for name, values := range r.Context.All() {
		f.asked.context[name] = append([]string{}, values...)
	}
	if f.steps = f.options.Limits.Steps; f.steps == 0 {
		f.steps = defaultFlipSteps
	}
	if now := f.options.Limits.Now; now != nil {
		span := f.options.Limits.Time
		if span == 0 {
			span = defaultFlipTime
		}
		f.until = now().Add(span)
	}
	allowed, err := f.judge.allows(&f.asked)
	if allowed && err == nil {
		err = fmt.Errorf("%w: a denial is allowed when its context is read again", ErrInternal)
	}
	return err == nil, err
}

// readKeys finds the keys that statements about the action read. It is false, and
// says why, where a value or a condition cannot be reasoned about.
func (f *flipper) readKeys() bool {
	f.variables, f.own = map[string]bool{}, map[string]string{}
	seen := map[string]bool{}
	for s := range f.policies.each() {
		read, err := s.reads(f.vocabulary)
		if err != nil {
			f.out.Reason = err.Error()
			return false
		}
		for _, k := range read {
			if ownerOf(k.Name) == ownedByIdentity {
				f.tags = append(f.tags, k.Key)
			}
			if !s.isAbout(f.request.Action) {
				continue
			}
			if f.variables[keyName(k.Name)] = f.variables[keyName(k.Name)] || k.variable; !seen[keyName(k.Name)] {
				seen[keyName(k.Name)] = true
				f.keys = append(f.keys, k.Key)
			}
		}
	}
	for _, k := range f.keys {
		values, state := f.request.Context.Value(k.Name)
		if state == conditions.Indeterminate {
			f.out.Reason = "the request has a value of " + k.Name + " that cannot be read"
			return false
		}
		if f.variables[keyName(k.Name)] && ownerOf(k.Name) == ownedByIdentity && len(values) == 1 && values[0] != "" {
			f.own[values[0]] = k.Name
		}
	}
	return true
}

func (f *flipper) doubt(reason string) {
	const most = 4
	if !slices.Contains(f.doubts, reason) && len(f.doubts) < most {
		f.doubts = append(f.doubts, reason)
	}
}

// most is how many proposals there may be of a part.
func (f *flipper) most() int {
	if f.options.Most > 0 {
		return f.options.Most
	}
	return defaultProposals
}
