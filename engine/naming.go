package engine

import (
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Naming says how a Principal element names a requester, from weakest to
// strongest. Source: iam-semantics §4.4, §4.5.
type Naming uint8

// The ways to name a requester.
const (
	NotNamed        = Naming(classNone)
	NamedByAccount  = Naming(classAccount)
	NamedByParent   = Naming(classParent) // the session's role, or the user behind a federated user
	NamedByEveryone = Naming(classEveryone)
	NamedDirectly   = Naming(classDirect)
)

// NamedBy says how an Allow with the element names p, and whether a Deny with it
// is meant for p; bounded says that p has a permissions boundary.
func (p *Principal) NamedBy(x *policy.Principal, bounded bool) (grant Naming, denied conditions.Truth) {
	compiled := compilePrincipal(x)
	denied = compiled.denied(p, bounded)
	if compiled.not {
		return NotNamed, denied
	}
	return Naming(compiled.class(p)), denied
}
