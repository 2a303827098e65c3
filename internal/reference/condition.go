package reference

import (
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// conditionPart is true when every entry is. A statement without a condition
// is unconditional. Section 3.2.
func (r *request) conditionPart(d *policy.Document, s *policy.Statement) truth {
	result := yes
	for i := range s.Conditions {
		result = and(result, r.entry(&s.Conditions[i], d.Variables()))
	}
	return result
}

// entry evaluates one operator on one key. Sections 3.2, 3.3 and 3.6; C1: an
// entry that reads an indeterminate key is unknown.
func (r *request) entry(c *policy.Condition, variables bool) truth {
	if strings.Contains(c.Key.Value, "${") {
		refuse("variable in the context key %q", c.Key.Value)
	}
	op, key := parseOperator(c.Operator.Value), describe(c.Key.Value)
	if !op.family.fits(key) {
		refuse("condition operator %q on %q", c.Operator.Value, c.Key.Value)
	}
	values, state := r.context.lookup(c.Key.Value)
	if state == indeterminate {
		return unknown
	}
	nullData := state == absent || len(values) == 0 || len(values) == 1 && values[0] == "" && key.list
	if op.family == nullFamily {
		return testNull(c, nullData)
	}
	one := func(v string) truth { return r.one(op, key, v, c, variables) }
	switch {
	case op.quantifier == "ForAllValues":
		result := yes // of no values too
		for i := 0; i < len(values) && !nullData; i++ {
			result = and(result, one(values[i]))
		}
		return result
	case op.quantifier == "ForAnyValue":
		result := no // of no values too, whatever IfExists says
		for i := 0; i < len(values) && !nullData; i++ {
			result = or(result, one(values[i]))
		}
		return result
	case nullData:
		return truthOf(op.ifExists || op.negated)
	case key.list || len(values) > 1:
		return no // negated or not
	}
	return one(values[0])
}

// testNull: "true" wants no value, "false" wants one. Section 3.6.
func testNull(c *policy.Condition, nullData bool) truth {
	result := no
	for _, p := range c.Values {
		wanted, ok := parseBool(p.Value)
		if !ok {
			refuse("value %q of Null", p.Value)
		}
		result = or(result, truthOf(wanted == nullData))
	}
	return result
}

// one tests one value of the request against the values of the policy, which
// are ORed, and negates what comes out. Section 3.2. C2: the value of an
// untyped key that is not of the operator's type is unknown, not false.
func (r *request) one(op operator, key contextKey, v string, c *policy.Condition, variables bool) truth {
	test, ok := r.positiveTest(op, key, v, variables)
	if !ok {
		return unknown
	}
	hit := no
	for _, p := range c.Values {
		result, unparsable := test(p.Value)
		if unparsable && op.negated {
			return no
		}
		hit = or(hit, result)
	}
	if op.negated {
		return not(hit)
	}
	return hit
}

// positiveTest parses a value of the request by the operator's type and
// returns the test of it against one value of the policy. Sections 3.1 and
// 3.5. It is not ok for a value that cannot be parsed.
func (r *request) positiveTest(op operator, key contextKey, v string, variables bool) (test func(p string) (result truth, unparsable bool), ok bool) {
	switch op.family {
	case stringFamily:
		return func(p string) (truth, bool) { return r.testString(op, v, p, variables), false }, true
	case numericFamily:
		number, ok := requestNumber(key, v)
		return func(p string) (truth, bool) {
			return truthOf(op.holds(number.Cmp(must(parseNumber, p)))), false
		}, ok
	case dateFamily:
		date, ok := parseDate(v)
		return func(p string) (truth, bool) {
			return truthOf(op.holds(date.Compare(must(parseDate, p)))), false
		}, ok
	case boolFamily:
		value, ok := parseBool(v)
		return func(p string) (truth, bool) { return truthOf(value == must(parseBool, p)), false }, ok
	case binaryFamily:
		return func(p string) (truth, bool) { return truthOf(v == must(parseBinary, p)), false }, true
	case addressFamily:
		address, ok := parseAddress(v)
		return func(p string) (truth, bool) {
			return truthOf(must(parseNetwork, p).Contains(address)), false
		}, ok
	case arnFamily:
		parts, ok := splitARN(v)
		return func(p string) (truth, bool) { return r.testARN(parts, tokenise(p, variables, true)) }, ok
	case nullFamily:
	}
	return nil, false
}

// must parses a value of the policy.
func must[T any](parse func(string) (T, bool), p string) T {
	parsed, ok := parse(p)
	if !ok {
		refuse("unparsable condition value %q", p)
	}
	return parsed
}

// testString compares two strings, or a string with a pattern. Sections 2.1
// and 3.1. C10: IgnoreCase is Unicode simple
// folding, and a byte that is no UTF-8 equals only itself.
func (r *request) testString(op operator, v, p string, variables bool) truth {
	pattern, became := r.substitute(tokenise(p, variables, op.relation == like))
	if became != resolved {
		return unmatched(became)
	}
	if op.relation == like {
		return truthOf(glob(pattern, v))
	}
	text := ""
	for _, t := range pattern {
		text += t.text
	}
	if op.relation == equalFolded {
		return truthOf(fold(v) == fold(text))
	}
	return truthOf(v == text)
}
