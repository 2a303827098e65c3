package policy

import (
	"cmp"
	"fmt"
)

// Limits of what Parse reads. A larger or deeper document is refused.
const (
	// MaxDocumentBytes is the size of the largest document that Parse reads.
	MaxDocumentBytes = 1 << 20
	// MaxDepth is the deepest nesting of objects and arrays that Parse reads;
	// a valid document needs six levels.
	MaxDepth = 32
	// MaxMembers is how many members Parse reads in one object.
	MaxMembers = 256
	// MaxFaults is how many faults one Parse or Validate reports before it
	// stops looking.
	MaxFaults = 100
)

// Position is a place in the source of a document. Line and Column count
// from 1, Column in bytes. The zero value means that the place is unknown.
type Position struct {
	Line, Column uint32
}

// compare orders places as they stand in the source.
func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Effect says what a statement does when it applies. The zero value is no
// effect: a statement that carries it never allows anything.
type Effect uint8

// The two effects of the IAM language. Source: IAM User Guide, "IAM JSON
// policy elements: Effect".
const (
	Allow Effect = iota + 1
	Deny
)

func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	}
	return "no effect"
}

// Document is one policy document as it was written. It is immutable once
// Parse returned it and may then be shared by goroutines.
type Document struct {
	// Name is what the caller named the source in Parse, usually a file name.
	Name string
	// Version is "2012-10-17", "2008-10-17" or "" when the document has none,
	// which means 2008-10-17: no policy variables.
	Version Text
	// ID is the Id member; empty when absent. HasID tells an empty Id from an
	// absent one.
	ID    Text
	HasID bool
	// Statements are in source order; there is at least one.
	Statements []Statement

	size    int // characters of the source
	compact int // the same, white space outside strings aside
}

// Variables says whether the document's version has policy variables.
// Source: IAM User Guide, "IAM JSON policy elements: Version".
func (d *Document) Variables() bool { return d.Version.Value == "2012-10-17" }

// Text is a string of the source, unescaped, with the place where it begins.
type Text struct {
	Value string
	Pos   Position
}

// Statement is one element of Statement.
type Statement struct {
	Pos Position
	// Index counts from 0 within the document.
	Index int
	// Sid is empty when absent; an empty Sid counts as absent.
	Sid    Text
	Effect Effect
	// Principal is nil when the statement has neither Principal nor
	// NotPrincipal.
	Principal *Principal
	// Action holds Action or NotAction; it has at least one value.
	Action Element
	// Resource holds Resource or NotResource. Its Values are empty when the
	// statement has neither, as in a role trust policy.
	Resource Element
	// Conditions are the condition block flattened to one entry for each
	// operator and key, in source order. They are ANDed.
	Conditions []Condition
}

// Element is Action or NotAction, Resource or NotResource.
type Element struct {
	// Pos is the place of the member's name.
	Pos Position
	// Not is true for NotAction and NotResource.
	Not    bool
	Values []Text
}

// PrincipalType is the member name under which a principal is listed.
type PrincipalType uint8

// The members of a Principal object. Source: IAM User Guide, "AWS JSON policy
// elements: Principal".
const (
	PrincipalAWS PrincipalType = iota + 1
	PrincipalFederated
	PrincipalService
	PrincipalCanonicalUser
)

func (t PrincipalType) String() string {
	switch t {
	case PrincipalAWS:
		return "AWS"
	case PrincipalFederated:
		return "Federated"
	case PrincipalService:
		return "Service"
	case PrincipalCanonicalUser:
		return "CanonicalUser"
	}
	return "unknown"
}

// Principal is Principal or NotPrincipal. The string form "*" is one entry of
// type PrincipalAWS with the value "*", to which it is equivalent.
type Principal struct {
	// Pos is the place of the member's name.
	Pos Position
	// Not is true for NotPrincipal.
	Not bool
	// Everyone is true when it was written as the string "*".
	Everyone bool
	// Entries are in source order; there is at least one.
	Entries []PrincipalEntry
}

// PrincipalEntry is one value of a Principal object.
type PrincipalEntry struct {
	Type PrincipalType
	Text
}

// ValueKind is the JSON type of a condition value.
type ValueKind uint8

// The JSON types that a condition value may have.
const (
	StringValue ValueKind = iota
	NumberValue
	BoolValue
)

// Value is one value of a condition. Value.Value is the unescaped string, the
// number as written out without an exponent, or "true" or "false".
type Value struct {
	Text
	Kind ValueKind
}

// Condition is what one operator asks of one context key.
type Condition struct {
	// Operator is as written: optional quantifier, base name, optional
	// IfExists.
	Operator Text
	// Key is as written.
	Key Text
	// Values are ORed; there is at least one.
	Values []Value
}
