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

// query is a request with what every statement needs of it, and which sets
// count for its principal.
type query struct {
	principal *Principal
	action    string
	resource  string
	context   *conditions.Context
	// own says that the principal has policies of its own, which a boundary
	// and a session policy limit.
	own bool
	// bounded says that it has a permissions boundary.
	bounded bool
	// serviceControl, resourceControl and endpoint say that these count.
	serviceControl, resourceControl, endpoint bool
	// knownAction says that some statement names the action in full.
	knownAction bool
	// account is that of the resource's ARN if knownAccount.
	knownAccount bool
	account      string
}

// Decide answers a request. It does no I/O, takes no lock and allocates
// nothing, two cases aside: custom operators, and text with a colon that is no
// address under an IpAddress operator on an untyped key. A request that cannot
// be decided is denied and says so in Fault. Source: iam-semantics §4.4.
func (e *Evaluator) Decide(r *Request) Decision {
	var q query
	if fault := e.begin(r, &q); fault != NoFault {
		return Decision{Fault: fault}
	}
	d, denied := Decision{}, false
	if e.mayDeny() {
		d, denied = e.explicitDeny(&q)
	}
	if !denied {
		d = e.grant(r, &q)
	}
	if fault := q.fault(r); fault != NoFault {
		return Decision{Fault: fault}
	}
	return d
}

// Check says why Decide could not decide the request, NoFault if it can.
func (e *Evaluator) Check(r *Request) Fault {
	var q query
	if fault := e.begin(r, &q); fault != NoFault {
		return fault
	}
	return q.fault(r)
}

// begin fills q, or says why it cannot.
func (e *Evaluator) begin(r *Request, q *query) Fault {
	if r.Context == nil || r.Context.Vocabulary() == nil {
		return NoContext
	}
	if r.Principal.signed() && !r.Context.Described() {
		return NoPrincipal
	}
	q.principal, q.action, q.resource, q.context = &r.Principal, r.Action, r.Resource, r.Context
	q.applying(e.Boundary != nil)
	if e.Resource != nil && e.Resource.kind == policy.Trust && !isResource(r.Resource, "iam", "role/") {
		return WrongSet // its statements name no resource: they speak of their role alone
	}
	return e.checkSets(r.Context.Vocabulary())
}

// fault says what is wrong with the action and the resource. It comes last,
// since an action and a resource that a policy names in full are well formed
// and need no look.
func (q *query) fault(r *Request) Fault {
	if !q.knownAction && !actionName(r.Action) {
		return BadAction
	}
	if !q.findAccount() {
		return BadResource
	}
	switch {
	case q.account == "":
		if r.ResourceAccount == "" && r.Resource != "*" && q.principal.signed() {
			return NoResourceAccount
		}
	case r.ResourceAccount != "" && r.ResourceAccount != q.account:
		return OtherResourceAccount
	}
	return NoFault
}

// findAccount reads the account part of the resource; it is false for what is
// no resource.
func (q *query) findAccount() bool {
	if !q.knownAccount {
		q.account, q.knownAccount = resourceAccount(q.resource)
	}
	return q.knownAccount
}

// sameAccount reports whether the resource is of the principal's account. What
// has no account in its ARN is of the request's ResourceAccount, and "*"
// without one of the caller's. Source: iam-semantics §4.4; choice C20.
func (q *query) sameAccount(r *Request) bool {
	switch {
	case !q.findAccount():
		return false
	case q.account != "":
		return q.account == q.principal.account
	case r.ResourceAccount != "":
		return r.ResourceAccount == q.principal.account
	}
	return r.Resource == "*"
}

// checkSets refuses a set of another kind or vocabulary.
func (e *Evaluator) checkSets(v *conditions.Vocabulary) Fault {
	f := e.Identity.check(policy.Identity, v) | e.Boundary.check(policy.Boundary, v) |
		e.Session.check(policy.Session, v) | e.Endpoint.check(policy.Endpoint, v)
	if e.Resource != nil && e.Resource.kind == policy.Trust {
		f |= e.Resource.check(policy.Trust, v)
	} else {
		f |= e.Resource.check(policy.Resource, v)
	}
	for _, s := range e.ServiceControl {
		f |= s.checkLevel(policy.ServiceControl, v)
	}
	for _, s := range e.ResourceControl {
		f |= s.checkLevel(policy.ResourceControl, v)
	}
	if f != NoFault {
		return WrongSet
	}
	return NoFault
}

// check is a fault if s is there and not of the kind and vocabulary.
func (s *Set) check(kind policy.Kind, v *conditions.Vocabulary) Fault {
	if s != nil && (s.kind != kind || s.vocabulary != v) {
		return WrongSet
	}
	return NoFault
}

// checkLevel is check for a level, which must be there.
func (s *Set) checkLevel(kind policy.Kind, v *conditions.Vocabulary) Fault {
	if s == nil {
		return WrongSet
	}
	return s.check(kind, v)
}

// actionName reports whether s is service:Name without wildcards.
func actionName(s string) bool {
	colon := -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ':':
			if colon >= 0 {
				return false
			}
			colon = i
		case '*', '?', ' ', '\t', '\r', '\n', ',':
			return false
		}
	}
	return colon > 0 && colon < len(s)-1 && len(s) <= maxActionName
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
	start := colon(s, arnColons-1) + 1
	if start == 0 {
		return "", false
	}
	end := strings.IndexByte(s[start:], ':')
	if end < 0 {
		return "", false
	}
	return s[start : start+end], true
}

// applying says which sets count for the principal. Source: iam-semantics
// §4.3; choice C18.
func (q *query) applying(boundary bool) {
	q.endpoint = q.principal.kind != Service
	switch q.principal.kind {
	case User, RoleSession, FederatedUser:
		q.own, q.bounded = true, boundary
		q.serviceControl = !q.principal.linked
		q.resourceControl = !q.principal.linked
	case Root:
		q.serviceControl, q.resourceControl = true, true
	case Anonymous, Service, WebIdentity:
		q.resourceControl = true
	}
}

// mayDeny reports whether any set holds a Deny.
func (e *Evaluator) mayDeny() bool {
	return e.Identity.hasDeny() || e.Boundary.hasDeny() || e.Session.hasDeny() || e.Endpoint.hasDeny() ||
		e.Resource.hasDeny() || len(e.ServiceControl) > 0 || len(e.ResourceControl) > 0
}

func (s *Set) hasDeny() bool { return s != nil && s.denies }

// explicitDeny looks for a Deny in every set. Source: iam-semantics §4.4 A.
func (e *Evaluator) explicitDeny(q *query) (Decision, bool) {
	if q.resourceControl {
		for _, s := range e.ResourceControl {
			if d := s.denied(q); d != nil {
				return explicit(ByResourceControl, d)
			}
		}
	}
	if q.serviceControl {
		for _, s := range e.ServiceControl {
			if d := s.denied(q); d != nil {
				return explicit(ByServiceControl, d)
			}
		}
	}
	if q.endpoint {
		if d := e.Endpoint.denied(q); d != nil {
			return explicit(ByEndpoint, d)
		}
	}
	if q.own {
		if d := e.Boundary.denied(q); d != nil {
			return explicit(ByBoundary, d)
		}
		if d := e.Session.denied(q); d != nil {
			return explicit(BySession, d)
		}
		if d := e.Identity.denied(q); d != nil {
			return explicit(ByIdentity, d)
		}
	}
	if d := e.Resource.denied(q); d != nil {
		return explicit(ByResource, d)
	}
	return Decision{}, false
}

func explicit(by Authority, s *statement) (Decision, bool) {
	return Decision{Outcome: ExplicitDeny, By: by, statement: s}, true
}

// grant decides a request that nothing denies. Source: iam-semantics §4.4 B to
// E.
func (e *Evaluator) grant(r *Request, q *query) Decision {
	if q.serviceControl {
		for _, s := range e.ServiceControl {
			if s.allowed(q) == nil {
				return Decision{By: ByServiceControl}
			}
		}
	}
	if q.endpoint && e.Endpoint != nil && e.Endpoint.allowed(q) == nil {
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
	if how >= classEveryone && q.sameAccount(r) {
		return byResource
	}
	if e.Boundary != nil || e.Session != nil || q.principal.kind == FederatedUser {
		if missing := e.limits(q); missing != ByNothing {
			return Decision{By: missing}
		}
	}
	if how == classParent && q.sameAccount(r) {
		return byResource
	}
	d := e.identity(q)
	switch {
	case d.Outcome != Allowed:
		return d
	case how == classNone && (!q.sameAccount(r) || needsPolicy(q)):
		return Decision{By: ByResource}
	}
	return d
}

// limits returns the first of boundary and session policy that does not
// allow. A federated user without a session policy has no permissions of its
// own. Source: iam-semantics §4.3, §4.4.
func (e *Evaluator) limits(q *query) Authority {
	if !q.own {
		return ByNothing
	}
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
	service := q.action[:max(0, strings.IndexByte(q.action, ':'))]
	return strings.EqualFold(service, "sts") && isResource(q.resource, "iam", "role/") ||
		strings.EqualFold(service, "kms") && isResource(q.resource, "kms", "key/")
}

// isResource reports whether an ARN is of the service and its last part begins
// with kind.
func isResource(arn, service, kind string) bool {
	for i := range arnColons {
		part, rest, ok := strings.Cut(arn, ":")
		if !ok || i == 2 && part != service {
			return false
		}
		arn = rest
	}
	return strings.HasPrefix(arn, kind)
}

// denied returns a Deny that applies, or nil. A nil set denies nothing.
func (s *Set) denied(q *query) *statement {
	if !s.hasDeny() {
		return nil
	}
	x := search{query: q, set: s, deny: true}
	s.deny.run(&x)
	return s.statement(x.found)
}

// allowed returns an Allow that applies, or nil.
func (s *Set) allowed(q *query) *statement {
	x := search{query: q, set: s}
	s.allow.run(&x)
	return s.statement(x.found)
}

// strongest returns the Allow that matches the principal most closely.
func (s *Set) strongest(q *query) (*statement, class) {
	x := search{query: q, set: s, strongest: true}
	s.allow.run(&x)
	return s.statement(x.found), x.class
}

// statement returns what a search found.
func (s *Set) statement(found int32) *statement {
	if found == 0 {
		return nil
	}
	return &s.statements[found-1]
}
