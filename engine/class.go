package engine

import (
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// class says how a Principal element matched the requester, from weakest to
// strongest. Source: iam-semantics §4.4, §4.5.
type class uint8

const (
	classNone    class = iota
	classAccount       // delegation to the requester's account
	classParent        // the session's role, or the user behind a federated user
	classEveryone
	classDirect
)

// form is what an entry of a Principal element names.
type form uint8

const (
	formEveryone form = iota + 1
	formAccount
	formIdentity // a user, a role, or a session, by ARN
	formUniqueID
	formService
	formFederated
	formCanonicalUser
)

// entry is one compiled value of a Principal element.
type entry struct {
	form form
	text string
}

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	not     bool
	entries []entry
}

func compilePrincipal(p *policy.Principal) *principals {
	out := &principals{not: p.Not, entries: make([]entry, 0, len(p.Entries))}
	for _, e := range p.Entries {
		x := entry{text: e.Value}
		switch e.Type {
		case policy.PrincipalService:
			x.form = formService
		case policy.PrincipalFederated:
			x.form = formFederated
		case policy.PrincipalCanonicalUser:
			x.form = formCanonicalUser
		case policy.PrincipalAWS:
			x = awsEntry(e.Value)
		}
		out.entries = append(out.entries, x)
	}
	return out
}

func awsEntry(s string) entry {
	switch {
	case s == "*":
		return entry{formEveryone, s}
	case policy.UniqueID(s):
		return entry{formUniqueID, s}
	case !strings.HasPrefix(s, "arn:"):
		return entry{formAccount, s}
	case strings.HasSuffix(s, ":root"):
		return entry{formAccount, strings.Split(s, ":")[4]}
	}
	return entry{formIdentity, s}
}

// class returns the strongest match of any entry.
func (x *principals) class(p *Principal) class {
	best := classNone
	for i := range x.entries {
		best = max(best, x.entries[i].class(p))
	}
	return best
}

// class compares one entry with the requester, as a grant does. Source:
// iam-semantics §4.5.
func (e *entry) class(p *Principal) class {
	switch e.form {
	case formEveryone:
		if p.kind != WebIdentity {
			return classEveryone
		}
	case formAccount:
		if p.signed() && p.account == e.text {
			return classAccount
		}
	case formIdentity:
		switch {
		case !p.signed():
		case p.arn == e.text && p.arn != p.parent:
			return classDirect
		case p.parent == e.text:
			return classParent
		}
	case formUniqueID:
		if p.uniqueID == e.text && p.kind == User {
			return classDirect
		}
		if p.uniqueID == e.text && p.kind == RoleSession {
			return classParent
		}
	case formService:
		if p.kind == Service && p.arn == e.text {
			return classDirect
		}
	case formFederated:
		if p.kind == WebIdentity && p.arn == e.text {
			return classDirect
		}
	case formCanonicalUser: // nothing here knows canonical ids
	}
	return classNone
}

// denied says whether a Deny with this element is meant for the requester. "*"
// means everyone, federated callers of AssumeRoleWith… too; a canonical user
// may be anybody. Source: iam-semantics §4.7; choices C16, C17, C25.
func (x *principals) denied(p *Principal, bounded bool) conditions.Truth {
	if x.not {
		return x.notListed(p, bounded)
	}
	for i := range x.entries {
		switch e := &x.entries[i]; {
		case e.form == formEveryone, e.class(p) != classNone:
			return conditions.True
		}
	}
	for i := range x.entries {
		if x.entries[i].form == formCanonicalUser {
			return conditions.Unknown
		}
	}
	return conditions.False
}

// notListed implements NotPrincipal with Deny: the requester is exempt only if
// every level of its chain is listed, and never if it has a permissions
// boundary. Source: iam-semantics §1.4; choice C17.
func (x *principals) notListed(p *Principal, bounded bool) conditions.Truth {
	if bounded {
		return conditions.True
	}
	var account, parent, direct bool
	for i := range x.entries {
		e := &x.entries[i]
		if e.form == formEveryone {
			return conditions.False
		}
		switch e.class(p) {
		case classAccount:
			account = true
		case classParent:
			parent = true
		case classDirect:
			direct = true
		case classNone, classEveryone:
		}
	}
	exempt := false
	switch p.kind {
	case Root:
		exempt = account
	case User:
		exempt = account && direct
	case RoleSession:
		// A role without a known session has one level less to list.
		exempt = account && parent && (direct || p.arn == p.parent)
	case FederatedUser:
		exempt = account && direct && (parent || p.parent == "")
	case Service, WebIdentity:
		exempt = direct
	case Anonymous:
	}
	if exempt {
		return conditions.False
	}
	return conditions.True
}
