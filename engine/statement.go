package engine

import (
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// statement is one compiled statement. What several statements write alike is
// compiled once and shared, and what a decision reads stands first: with many
// policies it is memory that takes the time.
type statement struct {
	actions    []*action
	principals *principals             // nil: the kind has none
	cheapest   []*conditions.Condition // in the order in which to test them
	id         int32                   // place in Set.statements
	deny       bool
	notAction  bool
	resources  *resources // nil: a role trust policy, whose resource is the role

	conditions []*conditions.Condition // in source order
	document   *document
	index      int32 // place in the document
	pos        policy.Position
	sid        string
}

// action is an entry of Action or NotAction. An exact one has an id of its
// own, at least 1, the same for every spelling; a pattern has id 0.
type action struct {
	conditions.Pattern
	id   int32
	text string // as written
}

// resources is a Resource or NotResource element.
type resources struct {
	not      bool
	patterns []conditions.Pattern
}

func (s *statement) ref() StatementRef {
	effect := policy.Allow
	if s.deny {
		effect = policy.Deny
	}
	return StatementRef{
		Document: s.document.name, DocumentIndex: s.document.index,
		Index: int(s.index), Sid: s.sid, Pos: s.pos, Effect: effect,
	}
}

// matchesAction reports whether the statement is about the action. Source:
// iam-semantics §1.5.
func (s *statement) matchesAction(q *query) bool {
	for _, a := range s.actions {
		// Requests mostly spell an action as policies do.
		if a.text == q.action {
			q.knownAction = q.knownAction || a.id != 0
			return !s.notAction
		}
	}
	for _, a := range s.actions {
		if a.Match(q.action, nil) == conditions.True {
			return !s.notAction
		}
	}
	return s.notAction
}

// matchesResource says whether the statement is about the resource. Source:
// iam-semantics §1.6.
func (s *statement) matchesResource(q *query) conditions.Truth {
	if s.resources == nil {
		return conditions.True
	}
	result := conditions.False
	for i := range s.resources.patterns {
		result = result.Or(s.resources.matches(i, q))
		if result == conditions.True {
			break
		}
	}
	if s.resources.not {
		return result.Not()
	}
	return result
}

// matches tests one entry. An entry of NotResource whose variable has no value
// is Unknown: an Allow must not grant what it meant to exclude, and a Deny
// must not spare it. Source: iam-semantics §1.6 R10, R12, R13; choice C14.
func (r *resources) matches(i int, q *query) conditions.Truth {
	p := &r.patterns[i]
	if r.not && p.HasVariables() && p.Expandable(q.context) != conditions.True {
		return conditions.Unknown
	}
	if q.resource == "*" {
		if p.String() == "*" || allBuckets(p.String()) && strings.EqualFold(q.action, "s3:ListAllMyBuckets") {
			return conditions.True
		}
		return conditions.False
	}
	return p.Match(q.resource, q.context)
}

// allBuckets reports whether an entry is arn:aws:s3:::*, of whatever
// partition, which AWS's own samples use for s3:ListAllMyBuckets. Source:
// iam-semantics §1.6 R10, §9.1 #11.
func allBuckets(pattern string) bool {
	rest, ok := strings.CutPrefix(pattern, "arn:")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ":")
	return rest == "s3:::*"
}

// denies says whether a Deny statement applies, once its action matched and
// its resource gave resource. What is not known counts against the requester.
func (s *statement) denies(q *query, resource conditions.Truth) bool {
	if resource == conditions.False {
		return false
	}
	if s.principals != nil && s.principals.denied(q.principal, q.bounded) == conditions.False {
		return false
	}
	for _, c := range s.cheapest {
		if c.Test(q.context, q.action, q.resource) == conditions.False {
			return false
		}
	}
	return true
}

// allows says how an Allow statement applies, once its action matched and its
// resource gave resource. Sets without principals answer classDirect.
func (s *statement) allows(q *query, resource conditions.Truth) class {
	if resource != conditions.True {
		return classNone
	}
	how := classDirect
	if s.principals != nil {
		if s.principals.not {
			return classNone // validation refuses it; it grants nothing
		}
		how = s.principals.class(q.principal)
		if how == classNone {
			return classNone
		}
	}
	for _, c := range s.cheapest {
		if c.Test(q.context, q.action, q.resource) != conditions.True {
			return classNone
		}
	}
	return how
}
