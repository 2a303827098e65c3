package reference

import (
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// grant is how a Principal entry matched the requester, weakest first.
// Section 4.5. Direct and everyone are equally strong.
type grant uint8

const (
	none grant = iota
	account
	roleOfSession
	userOfFederated
	everyone
	direct
)

// alone says whether the grant suffices although identity, boundary and
// session policies do not allow.
func (g grant) alone() bool { return g == direct || g == everyone }

// principalPart says whether a statement's principal part matches, and how.
// Section 1.4. A statement without one matches everybody: that policies which
// need a principal have one is seen to by validation.
func (r *request) principalPart(s *policy.Statement) (bool, grant) {
	switch {
	case s.Principal == nil:
		return true, none
	case s.Principal.Not && s.Effect == policy.Allow:
		refuse("NotPrincipal with Allow at %s", s.Principal.Pos) // C17
	case s.Principal.Not:
		return r.has(permissionsBoundary) || !r.exempt(s.Principal.Entries), none
	}
	strongest, matched := none, false
	for _, e := range s.Principal.Entries {
		if e.Type == policy.PrincipalCanonicalUser {
			matched = matched || s.Effect == policy.Deny // C25: fail closed
			continue
		}
		g := r.entryGrant(e)
		if g == everyone && r.q.Principal.is == webIdentity && s.Effect == policy.Allow {
			continue // C16
		}
		strongest = max(strongest, g)
		matched = matched || g != none
	}
	return matched, strongest
}

// entryGrant is how one entry matches the requester. Sections 1.4 and 4.5.
func (r *request) entryGrant(e policy.PrincipalEntry) grant {
	p := r.q.Principal
	switch e.Type {
	case policy.PrincipalAWS:
		return r.awsGrant(e.Value)
	case policy.PrincipalService:
		if p.is == service && p.name == e.Value {
			return direct
		}
	case policy.PrincipalFederated:
		if p.is == webIdentity && p.name == e.Value {
			return direct
		}
	case policy.PrincipalCanonicalUser:
	default:
		refuse("principal type %s at %s", e.Type, e.Pos)
	}
	return none
}

// awsGrant is how a value of "AWS" matches the requester.
func (r *request) awsGrant(value string) grant {
	p := r.q.Principal
	if value == "*" {
		return everyone
	}
	if id, ok := accountOf(value); ok {
		if p.account == id {
			return account
		}
		return none
	}
	if !strings.Contains(value, ":") {
		return r.idGrant(value)
	}
	if _, err := ParsePrincipal(value); err != nil {
		refuse("%v", err)
	}
	switch {
	case p.is == roleSession && value == r.roleARN:
		return roleOfSession
	case p.is == roleSession && p.session == "":
		return none
	case p.arn == value:
		return direct
	case p.is == federatedUser && value == p.federator:
		return userOfFederated
	}
	return none
}

// accountOf returns the account that an entry names as such: by its id, or by
// the ARN of its root, which means the same.
func accountOf(value string) (string, bool) {
	if isAccount(value) {
		return value, true
	}
	p, err := ParsePrincipal(value)
	return p.account, err == nil && p.is == root
}

// idGrant matches the unique id of a user or role, which stands before the
// colon in aws:userid. Sections 1.4 and 5.2, C25.
func (r *request) idGrant(id string) grant {
	if !strings.HasPrefix(id, "AIDA") && !strings.HasPrefix(id, "AROA") {
		refuse("principal %q is of no known form", id)
	}
	values, _ := r.context.lookup("aws:userid")
	if len(values) != 1 {
		return none
	}
	switch p := r.q.Principal; p.is {
	case iamUser:
		if values[0] == id {
			return direct
		}
	case roleSession:
		if its, _, _ := strings.Cut(values[0], ":"); its == id {
			return roleOfSession
		}
	case anonymous, root, federatedUser, service, webIdentity:
	}
	return none
}

// exempt says whether the entries of a NotPrincipal list every level of the
// requester's chain. Section 1.4 and C17.
func (r *request) exempt(entries []policy.PrincipalEntry) bool {
	listed := map[grant]bool{}
	for _, e := range entries {
		listed[r.entryGrant(e)] = true
	}
	if listed[everyone] {
		return true
	}
	switch p := r.q.Principal; p.is {
	case anonymous:
		return false
	case root:
		return listed[account]
	case iamUser:
		return listed[account] && listed[direct]
	case roleSession:
		return listed[account] && listed[roleOfSession] && (p.session == "" || listed[direct])
	case federatedUser:
		return listed[account] && listed[direct] && (p.federator == "" || listed[userOfFederated])
	case service, webIdentity:
		return listed[direct]
	}
	return false
}
