package conditions

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of operator names.
var (
	// ErrUnknownOperator means a name that is no condition operator.
	ErrUnknownOperator = errors.New("unknown condition operator")
	// ErrOperator means an operator that does not fit its key or its form.
	ErrOperator = errors.New("condition operator does not fit")
)

// Operator is a condition operator that a vocabulary gains with With. It takes
// no quantifier and no IfExists, and its key is a free label.
type Operator struct {
	// Name is what policies write; case-sensitive.
	Name string
	// Compile turns one policy value into a predicate. Its error refuses the
	// policy.
	Compile func(value string) (Predicate, error)
}

// Predicate is one value of a custom operator. Values of one label are ORed.
// It must be safe for concurrent use.
type Predicate interface {
	// Test answers for one request. An error means that an Allow statement
	// does not apply and a Deny statement does; Explain shows it.
	Test(c *Context, action, resource string) (bool, error)
}

type quantifier uint8

const (
	noQuantifier quantifier = iota
	forAll
	forAny
)

type familyOf uint8

const (
	familyNull familyOf = iota
	familyString
	familyStringFold
	familyLike
	familyNumber
	familyDate
	familyBool
	familyBinary
	familyIP
	familyARN
)

// comparison says which order of request value and policy value is a hit.
type comparison uint8

const (
	equal comparison = iota
	less
	lessEqual
	greater
	greaterEqual
)

func (c comparison) holds(order int) bool {
	switch c {
	case equal:
		return order == 0
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	}
	return false
}

// base is one row of the operator catalogue.
type base struct {
	family     familyOf
	comparison comparison
	negated    bool
}

// operators is the catalogue of iam-semantics §3.1. Source: IAM User Guide,
// "IAM JSON policy elements: Condition operators".
var operators = map[string]base{
	"StringEquals":              {family: familyString},
	"StringNotEquals":           {family: familyString, negated: true},
	"StringEqualsIgnoreCase":    {family: familyStringFold},
	"StringNotEqualsIgnoreCase": {family: familyStringFold, negated: true},
	"StringLike":                {family: familyLike},
	"StringNotLike":             {family: familyLike, negated: true},
	"NumericEquals":             {family: familyNumber},
	"NumericNotEquals":          {family: familyNumber, negated: true},
	"NumericLessThan":           {family: familyNumber, comparison: less},
	"NumericLessThanEquals":     {family: familyNumber, comparison: lessEqual},
	"NumericGreaterThan":        {family: familyNumber, comparison: greater},
	"NumericGreaterThanEquals":  {family: familyNumber, comparison: greaterEqual},
	"DateEquals":                {family: familyDate},
	"DateNotEquals":             {family: familyDate, negated: true},
	"DateLessThan":              {family: familyDate, comparison: less},
	"DateLessThanEquals":        {family: familyDate, comparison: lessEqual},
	"DateGreaterThan":           {family: familyDate, comparison: greater},
	"DateGreaterThanEquals":     {family: familyDate, comparison: greaterEqual},
	"Bool":                      {family: familyBool},
	"BinaryEquals":              {family: familyBinary},
	"IpAddress":                 {family: familyIP},
	"NotIpAddress":              {family: familyIP, negated: true},
	"ArnEquals":                 {family: familyARN},
	"ArnLike":                   {family: familyARN},
	"ArnNotEquals":              {family: familyARN, negated: true},
	"ArnNotLike":                {family: familyARN, negated: true},
	"Null":                      {family: familyNull},
}

// form is an operator's name taken apart.
type form struct {
	base
	quantifier quantifier
	ifExists   bool
}

// parseOperator reads an optional quantifier, a base name and an optional
// IfExists. Names are case-sensitive. Source: iam-semantics §1.7, §1.8.
func parseOperator(name string) (form, error) {
	var f form
	rest := name
	if after, ok := strings.CutPrefix(rest, "ForAllValues:"); ok {
		f.quantifier, rest = forAll, after
	} else if after, ok := strings.CutPrefix(rest, "ForAnyValue:"); ok {
		f.quantifier, rest = forAny, after
	}
	rest, f.ifExists = strings.CutSuffix(rest, "IfExists")
	var ok bool
	if f.base, ok = operators[rest]; !ok {
		return form{}, fmt.Errorf("%w %.100q%s", ErrUnknownOperator, name, suggestOperator(name))
	}
	if f.family == familyNull && (f.ifExists || f.quantifier != noQuantifier) {
		return form{}, fmt.Errorf("%w: Null takes neither a quantifier nor IfExists: %q", ErrOperator, name)
	}
	return f, nil
}

// suggestOperator names a base operator that differs little from name.
func suggestOperator(name string) string {
	name = strings.ToLower(name[strings.LastIndexByte(name, ':')+1:])
	best, found := 4, ""
	for op := range operators {
		d := editDistance(name, strings.ToLower(op), best+1)
		if d < best || d == best && op < found {
			best, found = d, op
		}
	}
	if found == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", found)
}

// fits reports whether operators of the family may read keys of the kind. Any
// other pair could never match, so it is refused. Source: iam-semantics §3.5;
// choice C4.
func (f familyOf) fits(k Kind) bool {
	if k == Untyped {
		return true
	}
	switch f {
	case familyNull:
		return true
	case familyString, familyStringFold, familyLike:
		return k == String || k == ARN || k == StringOrARN || k == StringOrIP
	case familyNumber:
		return k == Number || k == Epoch
	case familyDate:
		return k == Date || k == Epoch
	case familyBool:
		return k == Bool
	case familyBinary:
		return k == Binary
	case familyIP:
		return k == IP || k == StringOrIP
	case familyARN:
		return k == ARN || k == StringOrARN
	}
	return false
}
