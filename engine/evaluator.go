package engine

import (
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Request is one question: may this principal do this action on this
// resource? The zero value is denied.
type Request struct {
	Principal Principal
	// Action is service:Name, such as "dynamodb:GetItem"; case is ignored.
	Action string
	// Resource is an ARN of six parts, or "*" for an action that has none.
	Resource string
	// ResourceAccount is the account that owns the resource. It may be empty
	// if the ARN names the account, and for "*", which then is the caller's.
	ResourceAccount string
	// Context holds the context keys, those of the principal among them: see
	// Principal.Describe. Decide only reads it.
	Context *conditions.Context
}

// Evaluator combines the policies that apply to a principal and a resource.
// A nil set means that there is none of its kind: no boundary limits the
// principal, no guardrail its account. A set without documents is there and
// allows nothing. Whoever fills an Evaluator must fail when a document that is
// named cannot be found; it never passes nil for it.
//
// An Evaluator is safe for concurrent use while nobody changes it. To change
// policies build a new one and swap the pointer. The zero value denies
// everything but what the root user asks.
//
// ServiceControl and ResourceControl hold one set for each level, root first.
// RCPFullAWSAccess is implied at every level of ResourceControl. Leave both
// nil for a principal or resource of the organisation's management account.
// Source: IAM User Guide, "Policy evaluation logic"; iam-semantics §4.
type Evaluator struct {
	Identity, Resource, Boundary, Session, Endpoint *Set
	ServiceControl, ResourceControl                 []*Set
}

// query is a request with what every statement needs of it.
type query struct {
	principal *Principal
	action    string
	resource  string
	context   *conditions.Context
	// bounded says that the principal has a permissions boundary.
	bounded bool
	// listBuckets says that the action is s3:ListAllMyBuckets.
	listBuckets bool
	sameAccount bool
}

// Decide answers a request. It does no I/O, takes no lock and allocates
// nothing; a request that cannot be decided is denied and says so in Fault.
// Source: iam-semantics §4.4.
func (e *Evaluator) Decide(r *Request) Decision {
	var q query
	if fault := e.query(r, &q); fault != NoFault {
		return Decision{Fault: fault}
	}
	in := e.applying(&r.Principal)
	if d, denied := in.explicitDeny(&q); denied {
		return d
	}
	return in.grant(&q)
}

// Check says why Decide could not decide the request, NoFault if it can.
func (e *Evaluator) Check(r *Request) Fault {
	var q query
	return e.query(r, &q)
}

// query checks the request and fills q.
func (e *Evaluator) query(r *Request, q *query) Fault {
	if r.Context == nil || r.Context.Vocabulary() == nil {
		return NoContext
	}
	if r.Principal.signed() && !r.Context.Has(accountKey) {
		return NoPrincipal
	}
	if !actionName(r.Action) {
		return BadAction
	}
	account, ok := resourceAccount(r.Resource)
	switch {
	case !ok:
		return BadResource
	case account == "" && r.ResourceAccount != "":
		account = r.ResourceAccount
	case r.Resource == "*":
		account = r.Principal.account
	case r.ResourceAccount != "" && r.ResourceAccount != account:
		return OtherResourceAccount
	}
	if account == "" && r.Principal.signed() {
		return NoResourceAccount
	}
	q.principal, q.action, q.resource, q.context = &r.Principal, r.Action, r.Resource, r.Context
	q.bounded = e.Boundary != nil && r.Principal.bounded()
	q.sameAccount = account == r.Principal.account
	q.listBuckets = r.Resource == "*" && strings.EqualFold(r.Action, "s3:ListAllMyBuckets")
	return e.checkSets(r.Context.Vocabulary())
}

// accountKey is present for every signed request.
const accountKey = "aws:PrincipalAccount"

// checkSets refuses a set of another kind or vocabulary.
func (e *Evaluator) checkSets(v *conditions.Vocabulary) Fault {
	for _, x := range [...]struct {
		set  *Set
		kind policy.Kind
	}{
		{e.Identity, policy.Identity}, {e.Boundary, policy.Boundary},
		{e.Session, policy.Session}, {e.Endpoint, policy.Endpoint},
	} {
		if x.set != nil && x.set.kind != x.kind {
			return WrongKind
		}
		if x.set != nil && x.set.vocabulary != v {
			return NoContext
		}
	}
	if s := e.Resource; s != nil {
		if s.kind != policy.Resource && s.kind != policy.Trust {
			return WrongKind
		}
		if s.vocabulary != v {
			return NoContext
		}
	}
	if f := checkLevels(e.ServiceControl, policy.ServiceControl, v); f != NoFault {
		return f
	}
	return checkLevels(e.ResourceControl, policy.ResourceControl, v)
}

func checkLevels(levels []*Set, kind policy.Kind, v *conditions.Vocabulary) Fault {
	for _, s := range levels {
		if s == nil || s.kind != kind {
			return WrongKind
		}
		if s.vocabulary != v {
			return NoContext
		}
	}
	return NoFault
}

// actionName reports whether s is service:Name without wildcards.
func actionName(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 0 && i < len(s)-1 && len(s) <= maxActionName && strings.IndexByte(s[i+1:], ':') < 0 && !strings.ContainsAny(s, "*? \t\r\n,")
}

// resourceAccount returns the account part of an ARN; ok is false for what is
// neither an ARN of six parts nor "*".
func resourceAccount(s string) (account string, ok bool) {
	if s == "*" {
		return "", true
	}
	if !strings.HasPrefix(s, "arn:") {
		return "", false
	}
	rest := s[len("arn:"):]
	for range 3 { // partition, service, region
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			return "", false
		}
		rest = rest[i+1:]
	}
	i := strings.IndexByte(rest, ':')
	if i < 0 {
		return "", false
	}
	return rest[:i], true
}

// applying returns the sets that count for the principal. Source:
// iam-semantics §4.3; choice C18.
func (e *Evaluator) applying(p *Principal) Evaluator {
	in := *e
	if !p.bounded() {
		in.Identity, in.Boundary, in.Session = nil, nil, nil
	}
	switch p.kind {
	case Root:
	case Anonymous, Service, WebIdentity:
		in.ServiceControl = nil
	case RoleSession:
		if p.linked {
			in.ServiceControl, in.ResourceControl = nil, nil
		}
	case User, FederatedUser:
	}
	return in
}

// explicitDeny looks for a Deny in every set. Source: iam-semantics §4.4 A.
func (e *Evaluator) explicitDeny(q *query) (Decision, bool) {
	for _, s := range e.ResourceControl {
		if d := s.denied(q); d != nil {
			return Decision{Outcome: ExplicitDeny, By: ByResourceControl, statement: d}, true
		}
	}
	for _, s := range e.ServiceControl {
		if d := s.denied(q); d != nil {
			return Decision{Outcome: ExplicitDeny, By: ByServiceControl, statement: d}, true
		}
	}
	for _, x := range [...]struct {
		set *Set
		by  Authority
	}{{e.Endpoint, ByEndpoint}, {e.Boundary, ByBoundary}, {e.Session, BySession}, {e.Identity, ByIdentity}, {e.Resource, ByResource}} {
		if x.set == nil {
			continue
		}
		if d := x.set.denied(q); d != nil {
			return Decision{Outcome: ExplicitDeny, By: x.by, statement: d}, true
		}
	}
	return Decision{}, false
}

// grant decides a request that nothing denies. Source: iam-semantics §4.4 B to
// E.
func (e *Evaluator) grant(q *query) Decision {
	for _, s := range e.ServiceControl {
		if s.allowed(q) == nil {
			return Decision{By: ByServiceControl}
		}
	}
	if e.Endpoint != nil && e.Endpoint.allowed(q) == nil {
		return Decision{By: ByEndpoint}
	}
	var how class
	var grant *statement
	if e.Resource != nil {
		grant, how = e.Resource.strongest(q)
	}
	byResource := Decision{Outcome: Allowed, By: ByResource, statement: grant}
	switch q.principal.kind {
	case Anonymous, Service:
		if how >= classEveryone {
			return byResource
		}
		return Decision{By: ByResource}
	case WebIdentity:
		if how == classDirect {
			return byResource
		}
		return Decision{By: ByResource}
	case Root, User, RoleSession, FederatedUser:
	}
	if q.sameAccount && how >= classEveryone {
		return byResource
	}
	if missing := e.limits(q); missing != ByNothing {
		return Decision{By: missing}
	}
	if q.sameAccount && how == classParent {
		return byResource
	}
	d := e.identity(q)
	switch {
	case d.Outcome != Allowed:
		return d
	case how == classNone && (!q.sameAccount || needsPolicy(q)):
		return Decision{By: ByResource}
	}
	return d
}

// limits returns the first of boundary and session policy that does not
// allow. A federated user without a session policy has no permissions of its
// own. Source: iam-semantics §4.3, §4.4.
func (e *Evaluator) limits(q *query) Authority {
	if e.Boundary != nil && e.Boundary.allowed(q) == nil {
		return ByBoundary
	}
	if e.Session == nil {
		if q.principal.kind == FederatedUser {
			return BySession
		}
		return ByNothing
	}
	if e.Session.allowed(q) == nil {
		return BySession
	}
	return ByNothing
}

// identity asks the principal's own policies; the root user has full access.
func (e *Evaluator) identity(q *query) Decision {
	if q.principal.kind == Root {
		return Decision{Outcome: Allowed, By: ByRoot}
	}
	if e.Identity == nil {
		return Decision{By: ByIdentity}
	}
	s := e.Identity.allowed(q)
	if s == nil {
		return Decision{By: ByIdentity}
	}
	return Decision{Outcome: Allowed, By: ByIdentity, statement: s}
}

// needsPolicy reports whether the resource is one that its own policy must
// open, even to its account: a role that is assumed, a KMS key. Source:
// iam-semantics §4.4 E; choice C22.
func needsPolicy(q *query) bool {
	service, _, _ := strings.Cut(q.action, ":")
	parts := func(want, kind string) bool {
		if !strings.EqualFold(service, want) {
			return false
		}
		arn := strings.SplitN(q.resource, ":", 6)
		of := want
		if want == "sts" {
			of = "iam"
		}
		return len(arn) == 6 && arn[2] == of && strings.HasPrefix(arn[5], kind)
	}
	return parts("sts", "role/") || parts("kms", "key/")
}

// denied returns a Deny that applies, or nil.
func (s *Set) denied(q *query) *statement {
	if s.deny.empty() {
		return nil
	}
	x := search{query: q, id: s.actionID(q.action), deny: true}
	s.deny.run(&x)
	return x.found
}

// allowed returns an Allow that applies, or nil.
func (s *Set) allowed(q *query) *statement {
	x := search{query: q, id: s.actionID(q.action)}
	s.allow.run(&x)
	return x.found
}

// strongest returns the Allow that matches the principal most closely.
func (s *Set) strongest(q *query) (*statement, class) {
	x := search{query: q, id: s.actionID(q.action), strongest: true}
	s.allow.run(&x)
	return x.found, x.class
}
