package engine

import (
	"fmt"

	"github.com/rowan-authz/rowan/policy"
)

// Outcome is the answer to a request. The zero value denies.
type Outcome uint8

// The three outcomes, in the words of the IAM policy simulator.
const (
	ImplicitDeny Outcome = iota
	ExplicitDeny
	Allowed
)

func (o Outcome) String() string {
	switch o {
	case Allowed:
		return "allowed"
	case ExplicitDeny:
		return "explicitDeny"
	case ImplicitDeny:
	}
	return "implicitDeny"
}

// ParseOutcome reads what String returns.
func ParseOutcome(s string) (Outcome, bool) {
	for _, o := range []Outcome{ImplicitDeny, ExplicitDeny, Allowed} {
		if o.String() == s {
			return o, true
		}
	}
	return ImplicitDeny, false
}

// Authority is what kind of policy decided. The zero value is none: the
// request had a Fault.
type Authority uint8

// What decides. ByRoot is the root user's full access; the others are named
// for kinds of policy.
const (
	ByNothing Authority = iota
	ByResourceControl
	ByServiceControl
	ByEndpoint
	ByBoundary
	BySession
	ByIdentity
	ByResource
	ByRoot
)

var authorityNames = [...]string{
	"", "resourceControl", "serviceControl", "endpoint", "permissionsBoundary",
	"session", "identity", "resource", "root",
}

// String returns the name that scenarios use.
func (a Authority) String() string {
	if int(a) < len(authorityNames) {
		return authorityNames[a]
	}
	return fmt.Sprintf("Authority(%d)", a)
}

// Fault says why a request could not be decided; it is then denied. The zero
// value is no fault.
type Fault uint8

// The faults of a request.
const (
	NoFault Fault = iota
	// BadAction means an action that is not service:Name.
	BadAction
	// BadResource means a resource that is neither "*" nor an ARN of six
	// parts.
	BadResource
	// NoResourceAccount means an ARN without an account, as S3's are, and no
	// ResourceAccount: a cross-account call must not pass for another.
	NoResourceAccount
	// OtherResourceAccount means a ResourceAccount that is not the ARN's.
	OtherResourceAccount
	// NoContext means a request without a context.
	NoContext
	// NoPrincipal means a context that does not say of which account the
	// principal is: see Principal.Describe.
	NoPrincipal
	// WrongSet means an evaluator with a set in the wrong place, or compiled
	// with another vocabulary than the context's.
	WrongSet
)

var faultTexts = [...]string{
	"", "the action is not service:Name", "the resource is neither * nor an ARN of six parts",
	"the resource's ARN names no account and the request gives none",
	"the resource's account is not the one of its ARN",
	"the request has no context",
	"the request's context does not describe its principal",
	"the evaluator holds a set in the wrong place or of another vocabulary",
}

func (f Fault) String() string {
	if int(f) < len(faultTexts) {
		return faultTexts[f]
	}
	return fmt.Sprintf("Fault(%d)", f)
}

// Decision is the answer to a request, with what decided. The zero value is an
// implicit deny. It is a small value without pointers into the request.
type Decision struct {
	Outcome Outcome
	// By is the kind of policy that decided: of the first Deny found, of the
	// Allow that sufficed, or the first that lacked an Allow.
	By Authority
	// Fault says why the request could not be decided, if it could not.
	Fault Fault

	statement *statement
}

// Allowed reports whether the request may go ahead.
func (d Decision) Allowed() bool { return d.Outcome == Allowed }

// Statement returns the statement that decided: one Deny that applied, or one
// Allow that sufficed. ok is false for an implicit deny and for the root user.
// Where several applied, which one is returned is not specified; Explain names
// them all.
func (d Decision) Statement() (ref StatementRef, ok bool) {
	if d.statement == nil {
		return StatementRef{}, false
	}
	return d.statement.ref(), true
}

// StatementRef names a statement of a set.
type StatementRef struct {
	// Document is the name that the document was parsed under; DocumentIndex
	// is its place in Compile's arguments.
	Document      string
	DocumentIndex int
	// Index counts the statements of the document from 0. Sid is empty when
	// the statement has none.
	Index int
	Sid   string
	Pos   policy.Position
	// Effect is that of the statement.
	Effect policy.Effect
}
