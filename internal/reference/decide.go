package reference

import (
	"strings"
	"time"

	"github.com/rowan-authz/rowan/policy"
)

// Question is one request and the policies that it is decided by: one check
// in the words of the specification.
type Question struct {
	Principal Principal
	// Action is service:Name. Resource is an ARN, or "*" for an action that
	// has no resource.
	Action, Resource string
	// ResourceAccount owns the resource; it may be empty when the resource's
	// ARN tells, or the resource is "*".
	ResourceAccount string
	// Context holds the values by key. A key without values is present.
	Context map[string][]string
	// Now fills aws:CurrentTime and aws:EpochTime unless Context has them or
	// it is zero.
	Now      time.Time
	Policies Policies
}

// Policies are the documents of a question. Nil means that there is none of
// the kind; empty and not nil, that there is one and it allows nothing.
type Policies struct {
	Identity, Boundary, Session, Endpoint []*policy.Document
	// Resource is the resource's policy; of a role, its trust policy.
	Resource *policy.Document
	// ServiceControl and ResourceControl are levels, root first. The policy
	// RCPFullAWSAccess is implied at every level of the latter.
	ServiceControl, ResourceControl [][]*policy.Document
}

// Answer is a decision and what it came from, as a scenario's answer has it.
type Answer struct {
	// Decision is "allowed", "explicitDeny" or "implicitDeny".
	Decision string
	// DecidedBy is the kind of policy that decided, or "root".
	DecidedBy string
	// Statements are every Deny, or every Allow of the deciding kind, that
	// applied; none for an implicit deny.
	Statements []Ref
	// MissingContext are the absent keys that were read, sorted.
	MissingContext []string
}

// Ref is a statement. Policy is KIND[i], KIND[level][i] or "resource"; Index
// counts from 0 and Line from 1.
type Ref struct {
	Policy, Sid string
	Index, Line int
}

// The decisions, and what decides beside the kinds of policies.
const (
	allowed      = "allowed"
	explicitDeny = "explicitDeny"
	implicitDeny = "implicitDeny"

	byRoot = "root"
)

// request is a question while it is decided.
type request struct {
	q       *Question
	context contextValues
	// account owns the resource; empty when nothing says who does.
	account string
	// roleARN is that of the requester's role, with its path if it is known.
	roleARN string
	sets    []set
}

// Decide answers a question. A malformed action or resource is denied (C21).
func Decide(q Question) Answer {
	if !validAction(q.Action) || !validResource(q.Resource) {
		return Answer{Decision: implicitDeny}
	}
	r := &request{q: &q, account: resourceAccount(&q)}
	r.context = buildContext(&q, r.account)
	r.roleARN = r.findRoleARN()
	r.sets = r.applicableSets()
	for i := range r.sets {
		r.scan(&r.sets[i])
	}
	answer := r.authorize()
	answer.MissingContext = r.missingContext()
	return answer
}

func validAction(action string) bool {
	_, _, ok := cutAction(action)
	return ok && !strings.ContainsAny(action, "*?")
}

func validResource(resource string) bool {
	_, ok := splitARN(resource)
	return ok || resource == "*"
}

// resourceAccount is the account that owns the resource: the one given, that
// of the ARN, or the caller's for "*". Section 4.4 and C20.
func resourceAccount(q *Question) string {
	parts, ok := splitARN(q.Resource)
	switch {
	case !ok && q.ResourceAccount == "":
		return q.Principal.account
	case !ok || parts[4] == "":
		return q.ResourceAccount
	case q.ResourceAccount != "" && q.ResourceAccount != parts[4]:
		refuse("resource %q is not of account %q", q.Resource, q.ResourceAccount)
	}
	return parts[4]
}

// crossAccount says whether the resource is of another account than the
// requester. C20: nobody's resource counts as the requester's own unless it
// has a policy.
func (r *request) crossAccount() bool {
	if r.account == "" {
		if r.q.Policies.Resource != nil {
			refuse("resource %q has a policy and no account", r.q.Resource)
		}
		return false
	}
	return r.account != r.q.Principal.account
}

// findRoleARN is the ARN of the requester's role: aws:PrincipalArn tells the
// path, which a session's ARN does not hold. Section 5.2 and C29.
func (r *request) findRoleARN() string {
	p := r.q.Principal
	if p.is != roleSession {
		return ""
	}
	values, _ := r.context.lookup("aws:PrincipalArn")
	if len(values) != 1 {
		return p.roleARN()
	}
	role, err := ParsePrincipal(values[0])
	if err != nil || role.is != roleSession || role.session != "" || role.account != p.account || role.name != p.name {
		refuse("aws:PrincipalArn %q is not the role of %q", values[0], p.arn)
	}
	return values[0]
}

// authorize is the decision procedure of section 4.4, in its order.
func (r *request) authorize() Answer {
	// A. Explicit deny anywhere.
	if denies := r.denies(); len(denies) > 0 {
		return Answer{Decision: explicitDeny, DecidedBy: kindOf(denies[0]), Statements: denies}
	}

	// B. Guardrails that need an Allow. That of resource control is implied.
	for _, kind := range []string{serviceControl, endpoint} {
		if !r.allowsOrNone(kind) {
			return Answer{Decision: implicitDeny, DecidedBy: kind}
		}
	}

	g := r.strongestGrant()
	switch r.q.Principal.is {
	// C. Principals without identity policies.
	case anonymous, service:
		return r.allowOr(g.alone(), resource, resource)
	case webIdentity:
		return r.allowOr(g == direct, resource, resource)
	case root, iamUser, roleSession, federatedUser:
	}

	isRoot := r.q.Principal.is == root
	idOK := isRoot || r.allows(identity)
	pbOK := r.allowsOrNone(permissionsBoundary)
	spOK := r.allowsOrNone(session)
	if !r.has(session) {
		spOK = r.q.Principal.is != federatedUser
	}
	bothOK := pbOK && spOK

	// What is missing, should nothing allow.
	missing := resource
	switch {
	case !pbOK:
		missing = permissionsBoundary
	case !spOK:
		missing = session
	case !idOK:
		missing = identity
	}
	own := identity
	if isRoot {
		own = byRoot
	}

	switch {
	// D. Cross-account.
	case r.crossAccount():
		return r.allowOr(g != none && idOK && bothOK, own, missing)
	// E. Same account.
	case g.alone(), (g == roleOfSession || g == userOfFederated) && bothOK:
		return r.allowOr(true, resource, missing)
	case r.requiresResourcePolicy():
		return r.allowOr(g == account && idOK && bothOK, own, missing)
	}
	return r.allowOr(idOK && bothOK, own, missing)
}

// allowOr allows by one kind or denies for want of an Allow of another.
func (r *request) allowOr(ok bool, by, missing string) Answer {
	if !ok {
		return Answer{Decision: implicitDeny, DecidedBy: missing}
	}
	return Answer{Decision: allowed, DecidedBy: by, Statements: r.allowing(by)}
}

// requiresResourcePolicy says whether the resource is of a kind whose own
// policy must allow: a role that is to be assumed, or a KMS key. Sections 4.4
// and 4.8, C22.
func (r *request) requiresResourcePolicy() bool {
	parts, ok := splitARN(r.q.Resource)
	if !ok {
		return false
	}
	serviceOfAction, _, _ := cutAction(r.q.Action)
	switch serviceOfAction {
	case "sts":
		return parts[2] == "iam" && strings.HasPrefix(parts[5], "role/")
	case "kms":
		return parts[2] == "kms" && strings.HasPrefix(parts[5], "key/")
	}
	return false
}
