package sqlrow

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// maxEpoch is the last second of the year 9999, the last that a text of digits
// can be as a date. Source: iam-semantics §3.5; choice C7.
const maxEpoch = 253402300799

// fits refuses a key in a column of values whose text is not of the key's kind:
// it has to take any text, or be of the kind that is given.
func fits(r *conditions.Residual, values string, kind conditions.Kind) error {
	if slices.Contains([]conditions.Kind{conditions.String, conditions.StringOrARN, conditions.Untyped, kind}, r.Key.Kind) {
		return nil
	}
	return reasonError("a key of kind " + r.Key.Kind.String() + " in a column of " + values)
}

// integer writes a residual's test of a whole number.
func (e *emitter) integer(r *conditions.Residual, name string) (present, value string, err error) {
	present = name + " IS NOT NULL"
	switch e.dialect {
	case SQLite:
		present = "typeof(" + name + ") = 'integer'"
	case MySQL: // an unsigned number may be larger
		present = allOf(present, name+" <= "+strconv.FormatInt(math.MaxInt64, 10))
	case PostgreSQL:
	}
	readable := always
	if r.Key.Kind == conditions.Date { // digits are seconds
		readable = fmt.Sprintf("%s BETWEEN 0 AND %d", name, maxEpoch)
	} else if err := fits(r, "integers", conditions.Number); err != nil {
		return "", "", err
	}
	t := &r.Test
	switch t.Op {
	case conditions.Equal:
		value = e.equalIntegers(r, name)
	case conditions.CompareNumber:
		value = e.orders(t, t.Numbers(), func(order conditions.Comparison, n string) string { return e.integerOrder(name, order, n) })
	case conditions.CompareDate:
		readable = fmt.Sprintf("%s BETWEEN 0 AND %d", name, maxEpoch)
		var seconds []string
		for _, at := range t.Instants() {
			seconds = append(seconds, new(big.Rat).SetFrac(nanoseconds(at), big.NewInt(1e9)).FloatString(9))
		}
		value = e.orders(t, seconds, func(order conditions.Comparison, n string) string { return e.integerOrder(name, order, n) })
	case conditions.EqualFold, conditions.Like:
		spelt := "CAST(" + name + " AS TEXT)"
		if e.dialect == MySQL {
			spelt = "CAST(" + name + " AS CHAR)"
		}
		value, err = text{e: e, raw: spelt, made: true}.operator(t)
	case conditions.LikeARN, conditions.CompareBool, conditions.InNetwork: // no number is one of these
		value = never
	default:
		err = reasonError("the operator, in a column of integers")
	}
	return allOf(present, readable), value, err
}

// orders is whether a value stands in a test's order to one of some numbers, or
// to none if the test is negated.
func (e *emitter) orders(t *conditions.ValueTest, numbers []string, compare func(conditions.Comparison, string) string) string {
	hits := make([]string, len(numbers))
	for i, n := range numbers {
		hits[i] = compare(t.Comparison, n)
	}
	if t.Not {
		return not(anyOf(hits...))
	}
	return anyOf(hits...)
}

// equalIntegers is a test for equality of texts, of which only whole numbers in
// canonical form can be in a column of integers.
func (e *emitter) equalIntegers(r *conditions.Residual, name string) string {
	var args []string
	for _, s := range r.Test.Texts() {
		n, err := strconv.ParseInt(s, 10, 64)
		if err == nil && strconv.FormatInt(n, 10) == s {
			args = append(args, e.arg(argInteger, n))
		}
	}
	return equality(&r.Test, name, args)
}

// equality is whether a column has one of some values, or none.
func equality(t *conditions.ValueTest, name string, args []string) string {
	holds := never
	if len(args) > 0 && !t.Never() {
		holds = name + equal(args)
	}
	if t.Not && !t.Never() {
		return not(holds)
	}
	return holds
}

// integerOrder compares whole numbers with a decimal number.
func (e *emitter) integerOrder(name string, order conditions.Comparison, n string) string {
	exact, ok := new(big.Rat).SetString(n)
	if !ok {
		return never // Numbers returns numbers
	}
	floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean, and the denominator is positive
	switch {
	case exact.IsInt():
	case order == conditions.Same:
		return never
	case order == conditions.Less: // below a fraction is at most its floor
		order = conditions.LessOrEqual
	case order == conditions.GreaterOrEqual:
		order = conditions.Greater
	}
	if !floor.IsInt64() {
		// All numbers of the column are on one side of it.
		below := floor.Sign() > 0
		return constant(below && (order == conditions.Less || order == conditions.LessOrEqual) ||
			!below && (order == conditions.Greater || order == conditions.GreaterOrEqual))
	}
	return name + comparisons[order] + e.arg(argInteger, floor.Int64())
}

// maxDigits is how many digits a number in a Decimal column may have before and
// behind the point. Source: the widest numbers that MySQL has of both.
const maxDigits = 30

// decimal writes a residual's test of an exact number.
func (e *emitter) decimal(r *conditions.Residual, name string) (present, value string, err error) {
	limit := "1" + strings.Repeat("0", maxDigits)
	switch e.dialect {
	case PostgreSQL: // NaN is greater than any number
		present = fmt.Sprintf("(abs(%s) < %s AND scale(trim_scale(%s)) <= %d)", name, limit, name, maxDigits)
	case MySQL:
		present = fmt.Sprintf("(ABS(%s) < %s AND TRUNCATE(%s, %d) = %s)", name, limit, name, maxDigits, name)
	case SQLite:
		return "", "", reasonError("a column of decimals: the numbers of SQLite are binary")
	}
	present = allOf(name+" IS NOT NULL", present)
	if err := fits(r, "decimals", conditions.Number); err != nil {
		return "", "", err
	}
	t := &r.Test
	switch t.Op {
	case conditions.Equal:
		var args []string
		for _, s := range t.Texts() {
			if text, ok := readDecimal(s); ok && text == s {
				args = append(args, e.arg(argDecimal, s))
			}
		}
		return present, equality(t, name, args), nil
	case conditions.CompareNumber:
		if slices.ContainsFunc(t.Numbers(), func(n string) bool { _, ok := readDecimal(n); return !ok }) {
			return "", "", reasonError("a number of more than 30 digits before or behind the point")
		}
		value = e.orders(t, t.Numbers(), func(order conditions.Comparison, n string) string {
			return name + comparisons[order] + e.arg(argDecimal, n)
		})
		return present, value, nil
	case conditions.EqualFold, conditions.Like, conditions.LikeARN, conditions.CompareDate, conditions.CompareBool, conditions.InNetwork:
	}
	return "", "", reasonError("the operator, in a column of decimals")
}

// readDecimal is the canonical text of a number that a Decimal column may have.
func readDecimal(s string) (text string, ok bool) {
	if whole, fraction, point := strings.Cut(s, "."); point {
		s = whole + "." + strings.TrimRight(fraction, "0")
		s = strings.TrimSuffix(s, ".")
	}
	text, ok = conditions.CanonicalNumber(s)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return text, ok && len(whole) <= maxDigits && len(fraction) <= maxDigits
}

// boolean writes a residual's test of a truth value: there are only two, so both
// are asked here.
func (e *emitter) boolean(r *conditions.Residual, name string) (present, value string, err error) {
	yes, no := r.HoldsText("true"), r.HoldsText("false")
	present = name + " IN (0, 1)"
	spelt := [2]string{name + " = 0", name + " = 1"}
	switch e.dialect {
	case PostgreSQL:
		present = name + " IS NOT NULL"
		spelt = [2]string{"NOT " + name, name}
	case SQLite:
		present = allOf("typeof("+name+") = 'integer'", present)
	case MySQL:
		present = allOf(name+" IS NOT NULL", present)
	}
	switch {
	case yes && no:
		return present, always, nil
	case yes:
		return present, spelt[1], nil
	case no:
		return present, spelt[0], nil
	}
	return present, never, nil
}

// bytes writes a residual's test of bytes.
func (e *emitter) bytes(r *conditions.Residual, name string) (present, value string, err error) {
	if r.Key.Kind != conditions.Binary && r.Key.Kind != conditions.Untyped {
		return "", "", reasonError("a key of kind " + r.Key.Kind.String() + " in a column of bytes")
	}
	if r.Test.Op != conditions.Equal {
		return "", "", reasonError("the operator, in a column of bytes")
	}
	present = name + " IS NOT NULL"
	if e.dialect == SQLite {
		present = "typeof(" + name + ") = 'blob'"
	}
	args := make([]string, len(r.Test.Texts()))
	for i, s := range r.Test.Texts() {
		args[i] = e.arg(argBytes, []byte(s))
	}
	return present, equality(&r.Test, name, args), nil
}

// uuid writes a residual's test of a UUID, whose text is in lower case.
func (e *emitter) uuid(r *conditions.Residual, name string) (string, error) {
	if e.dialect != PostgreSQL {
		return "", reasonError("a column of UUIDs")
	}
	if err := fits(r, "UUIDs", conditions.String); err != nil {
		return "", err
	}
	if r.Test.Op != conditions.Equal {
		return text{e: e, raw: name, made: true}.operator(&r.Test)
	}
	var args []string
	for _, s := range r.Test.Texts() {
		if isUUID(s) {
			args = append(args, e.arg(argUUID, s))
		}
	}
	return equality(&r.Test, name, args), nil
}

// isUUID reports whether s is a UUID as PostgreSQL writes it.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
