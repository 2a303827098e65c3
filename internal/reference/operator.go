package reference

import "strings"

// family is the type of the values that an operator compares. Section 3.1.
type family uint8

const (
	stringFamily family = iota
	numericFamily
	dateFamily
	boolFamily
	binaryFamily
	addressFamily
	arnFamily
	nullFamily
)

// relation is the positive test of an operator.
type relation uint8

const (
	equal relation = iota
	equalFolded
	like
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// operator is one row of the catalogue, with what was written around its
// name.
type operator struct {
	family   family
	relation relation
	negated  bool
	// quantifier is "", "ForAllValues" or "ForAnyValue".
	quantifier string
	ifExists   bool
}

// catalogue is the table of section 3.1.
var catalogue = map[string]operator{
	"StringEquals":              {family: stringFamily, relation: equal},
	"StringNotEquals":           {family: stringFamily, relation: equal, negated: true},
	"StringEqualsIgnoreCase":    {family: stringFamily, relation: equalFolded},
	"StringNotEqualsIgnoreCase": {family: stringFamily, relation: equalFolded, negated: true},
	"StringLike":                {family: stringFamily, relation: like},
	"StringNotLike":             {family: stringFamily, relation: like, negated: true},

	"NumericEquals":            {family: numericFamily, relation: equal},
	"NumericNotEquals":         {family: numericFamily, relation: equal, negated: true},
	"NumericLessThan":          {family: numericFamily, relation: less},
	"NumericLessThanEquals":    {family: numericFamily, relation: lessOrEqual},
	"NumericGreaterThan":       {family: numericFamily, relation: greater},
	"NumericGreaterThanEquals": {family: numericFamily, relation: greaterOrEqual},

	"DateEquals":            {family: dateFamily, relation: equal},
	"DateNotEquals":         {family: dateFamily, relation: equal, negated: true},
	"DateLessThan":          {family: dateFamily, relation: less},
	"DateLessThanEquals":    {family: dateFamily, relation: lessOrEqual},
	"DateGreaterThan":       {family: dateFamily, relation: greater},
	"DateGreaterThanEquals": {family: dateFamily, relation: greaterOrEqual},

	"Bool":         {family: boolFamily, relation: equal},
	"BinaryEquals": {family: binaryFamily, relation: equal},
	"IpAddress":    {family: addressFamily, relation: equal},
	"NotIpAddress": {family: addressFamily, relation: equal, negated: true},

	"ArnEquals":    {family: arnFamily, relation: like},
	"ArnLike":      {family: arnFamily, relation: like},
	"ArnNotEquals": {family: arnFamily, relation: like, negated: true},
	"ArnNotLike":   {family: arnFamily, relation: like, negated: true},

	"Null": {family: nullFamily},
}

// parseOperator reads an optional quantifier, a name of the catalogue and an
// optional IfExists. Section 1.7.
func parseOperator(text string) operator {
	quantifier, base, quantified := strings.Cut(text, ":")
	if !quantified {
		quantifier, base = "", text
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	op, known := catalogue[base]
	if !known || quantified && quantifier != "ForAllValues" && quantifier != "ForAnyValue" {
		refuse("unknown condition operator %q", text)
	}
	if op.family == nullFamily && (quantified || ifExists) {
		refuse("condition operator %q", text)
	}
	op.quantifier, op.ifExists = quantifier, ifExists
	return op
}

// holds says whether two values that compare as order (-1, 0, 1) satisfy the
// operator's positive test.
func (op operator) holds(order int) bool {
	switch op.relation {
	case equal, equalFolded, like:
		return order == 0
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterOrEqual:
		return order >= 0
	}
	return false
}

// fits says whether operators of a family take keys of a kind. C4: any other
// pairing never matches (section 3.5) and validation refuses it.
func (f family) fits(k contextKey) bool {
	if k.untyped {
		return true
	}
	switch f {
	case nullFamily:
		return true
	case stringFamily:
		return k.kind == textKind || k.kind == arnKind || k.kind == textOrARNKind || k.kind == textOrAddressKind
	case numericFamily:
		return k.kind == numberKind || k.kind == epochKind
	case dateFamily:
		return k.kind == dateKind || k.kind == epochKind
	case boolFamily:
		return k.kind == boolKind
	case addressFamily:
		return k.kind == addressKind || k.kind == textOrAddressKind
	case arnFamily:
		return k.kind == arnKind || k.kind == textOrARNKind
	case binaryFamily: // no registered key holds bytes
	}
	return false
}
