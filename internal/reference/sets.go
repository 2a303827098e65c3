package reference

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// The kinds of policies, named as in a scenario.
const (
	resourceControl     = "resourceControl"
	serviceControl      = "serviceControl"
	endpoint            = "endpoint"
	permissionsBoundary = "permissionsBoundary"
	session             = "session"
	identity            = "identity"
	resource            = "resource"
)

// set is the documents of one kind, or of one level of a kind, that apply to
// the requester, and what scan found in them.
type set struct {
	kind      string
	name      string // "identity" or "serviceControl[0]"
	documents []*policy.Document

	allows, denies []Ref
	grants         []grant // of the Allows, in their order
	reads          []string
}

// applicableSets are the sets that are looked at for the requester, in the
// order in which answers name them. Section 4.3; C18 and C23.
func (r *request) applicableSets() []set {
	p, is := &r.q.Policies, r.q.Principal.is
	// A service-linked role is above its organisation's guardrails.
	serviceLinked := is == roleSession && strings.Contains(r.roleARN, ":role/aws-service-role/")
	signed := is == root || is == iamUser || is == roleSession || is == federatedUser
	var out []set
	if !serviceLinked {
		out = append(out, levels(resourceControl, p.ResourceControl)...)
	}
	if signed && !serviceLinked {
		out = append(out, levels(serviceControl, p.ServiceControl)...)
	}
	if is != service { // a service does not come through an endpoint
		out = append(out, documents(endpoint, p.Endpoint)...)
	}
	if signed && is != root {
		out = append(out, documents(permissionsBoundary, p.Boundary)...)
		out = append(out, documents(session, p.Session)...)
		out = append(out, documents(identity, p.Identity)...)
	}
	if p.Resource != nil {
		out = append(out, set{kind: resource, name: resource, documents: []*policy.Document{p.Resource}})
	}
	return out
}

func documents(kind string, docs []*policy.Document) []set {
	if docs == nil {
		return nil
	}
	return []set{{kind: kind, name: kind, documents: docs}}
}

func levels(kind string, docs [][]*policy.Document) []set {
	out := make([]set, len(docs))
	for i, level := range docs {
		out[i] = set{kind: kind, name: fmt.Sprintf("%s[%d]", kind, i), documents: level}
	}
	return out
}

// scan looks at every statement of a set. Section 4.2.
func (r *request) scan(s *set) {
	for i, d := range s.documents {
		name := fmt.Sprintf("%s[%d]", s.name, i)
		if s.kind == resource {
			name = resource
		}
		for j := range d.Statements {
			st := &d.Statements[j]
			ref := Ref{Policy: name, Sid: st.Sid.Value, Index: st.Index, Line: int(st.Pos.Line)}
			r.scanStatement(s, d, st, ref)
		}
	}
}

// scanStatement says whether a statement applies: its principal, action,
// resource and condition all match. C1: a Deny applies on unknown too.
func (r *request) scanStatement(s *set, d *policy.Document, st *policy.Statement, ref Ref) {
	principalOK, g := r.principalPart(st)
	if !principalOK || !r.actionPart(st) {
		return
	}
	resourceOK, literally := r.resourcePart(d, st)
	if literally {
		s.reads = append(s.reads, keysRead(d, st)...)
	}
	applies := and(resourceOK, r.conditionPart(d, st))
	switch {
	case st.Effect == policy.Deny && applies != no:
		s.denies = append(s.denies, ref)
	case st.Effect == policy.Allow && applies == yes:
		s.allows = append(s.allows, ref)
		s.grants = append(s.grants, g)
	}
}

// denies are all Deny statements that apply, in the order of the sets.
func (r *request) denies() []Ref {
	var out []Ref
	for _, s := range r.sets {
		out = append(out, s.denies...)
	}
	return out
}

// allowing are the Allow statements of a kind that apply.
func (r *request) allowing(kind string) []Ref {
	var out []Ref
	for _, s := range r.sets {
		if s.kind == kind {
			out = append(out, s.allows...)
		}
	}
	return out
}

// has says whether there are policies of a kind for the requester.
func (r *request) has(kind string) bool {
	for _, s := range r.sets {
		if s.kind == kind {
			return true
		}
	}
	return false
}

// allows says whether there are policies of a kind and every level of them
// allows.
func (r *request) allows(kind string) bool { return r.has(kind) && r.allowsOrNone(kind) }

// allowsOrNone says whether every level of a kind allows, as far as there are
// any. Section 4.2.
func (r *request) allowsOrNone(kind string) bool {
	for _, s := range r.sets {
		if s.kind == kind && len(s.allows) == 0 {
			return false
		}
	}
	return true
}

// strongestGrant is how the resource policy's Allow statements matched the
// requester. Section 4.4.
func (r *request) strongestGrant() grant {
	strongest := none
	for _, s := range r.sets {
		for _, g := range s.grants {
			if s.kind == resource {
				strongest = max(strongest, g)
			}
		}
	}
	return strongest
}

// kindOf is the kind of the policy of a statement.
func kindOf(ref Ref) string {
	kind, _, _ := strings.Cut(ref.Policy, "[")
	return kind
}
