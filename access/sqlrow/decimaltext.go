package sqlrow

import (
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// decimalText is a text taken for a decimal number: an optional sign, digits,
// and a fraction if there is one, 64 bytes at most. PostgreSQL has exact numbers
// that are wide enough. For the others a number is compared by its sign, how
// many digits it has before the point, these, and those behind it, without the
// zeros that say nothing. Source: iam-semantics §3.5; choice C6.
type decimalText struct {
	x text
	// text is what is read, unsigned the same without a sign; whole and
	// fraction are the digits before and behind the point that say something.
	text, unsigned, whole, fraction string
}

func (x text) decimal() decimalText {
	n := decimalText{x: x, text: x.exact()}
	s := n.text
	switch x.e.dialect {
	case MySQL:
		n.unsigned = "SUBSTRING(" + s + ", 1 + (LEFT(" + s + ", 1) IN ('+', '-')))"
		n.whole = "TRIM(LEADING '0' FROM SUBSTRING_INDEX(" + n.unsigned + ", '.', 1))"
		n.fraction = "TRIM(TRAILING '0' FROM IF(LOCATE('.', " + n.unsigned + ") = 0, '', SUBSTRING_INDEX(" + n.unsigned + ", '.', -1)))"
	case SQLite:
		n.text = x.raw
		n.unsigned = "substr(" + n.text + ", 1 + (substr(" + n.text + ", 1, 1) IN ('+', '-')))"
		n.whole = "ltrim(substr(" + n.unsigned + ", 1, instr(" + n.unsigned + " || '.', '.') - 1), '0')"
		n.fraction = "rtrim(substr(" + n.unsigned + ", instr(" + n.unsigned + " || '.', '.') + 1), '0')"
	case PostgreSQL:
	}
	return n
}

// maxNumber is how long the text of a number may be.
const maxNumber = 64

// valid is whether the text is a number.
func (n decimalText) valid() string {
	u := n.unsigned
	switch n.x.e.dialect {
	case PostgreSQL:
		return allOf(n.text+" ~ '^[+-]?[0-9]+([.][0-9]+)?$'", fmt.Sprintf("octet_length(%s) <= %d", n.x.plain(), maxNumber))
	case MySQL:
		return allOf(fmt.Sprintf("LENGTH(%s) <= %d", n.text, maxNumber), u+" NOT REGEXP '[^0-9.]'",
			"LEFT("+u+", 1) BETWEEN '0' AND '9'", "RIGHT("+u+", 1) BETWEEN '0' AND '9'",
			"LENGTH("+u+") - LENGTH(REPLACE("+u+", '.', '')) <= 1")
	case SQLite:
	}
	bytes := n.x.blob()
	return allOf(fmt.Sprintf("length(%s) <= %d", bytes, maxNumber), "instr("+bytes+", x'00') = 0", // GLOB stops at a NUL
		u+" NOT GLOB '*[^0-9.]*'", u+" GLOB '[0-9]*'", u+" GLOB '*[0-9]'", u+" NOT GLOB '*.*.*'")
}

// test is whether the text is a number that passes.
func (n decimalText) test(t *conditions.ValueTest) string {
	var hits []string
	for _, value := range t.Numbers() {
		if n.x.e.dialect == PostgreSQL {
			hits = append(hits, n.x.plain()+"::numeric"+comparisons[t.Comparison]+n.x.e.arg(argDecimal, value))
		} else {
			hits = append(hits, n.compare(t.Comparison, value))
		}
	}
	holds := anyOf(hits...)
	if t.Not {
		holds = not(holds)
	}
	if n.x.e.dialect == PostgreSQL { // which may read a number before it asks whether it is one
		return "CASE WHEN " + n.valid() + " THEN " + holds + " ELSE " + never + " END"
	}
	return allOf(n.valid(), holds)
}

// comparisons are the SQL of an order.
var comparisons = [...]string{
	conditions.Same: " = ", conditions.Less: " < ", conditions.LessOrEqual: " <= ",
	conditions.Greater: " > ", conditions.GreaterOrEqual: " >= ",
}

// turned is the order of the negatives of two numbers in an order.
var turned = [...]conditions.Comparison{
	conditions.Same: conditions.Same, conditions.Less: conditions.Greater, conditions.LessOrEqual: conditions.GreaterOrEqual,
	conditions.Greater: conditions.Less, conditions.GreaterOrEqual: conditions.LessOrEqual,
}

// compare is whether a text that is a number stands in an order to a value in
// canonical form.
func (n decimalText) compare(order conditions.Comparison, value string) string {
	digits, negative := strings.CutPrefix(value, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	whole = strings.TrimLeft(whole, "0")
	e := n.x.e
	magnitude := func(order conditions.Comparison) string {
		return fmt.Sprintf("(length(%s), %s, %s)%s(%d, %s, %s)", n.whole, n.whole, n.fraction,
			comparisons[order], len(whole), e.arg(argText, whole), e.arg(argText, fraction))
	}
	below := allOf("substr("+n.text+", 1, 1) = '-'", anyOf(n.whole+" <> ''", n.fraction+" <> ''"))
	less := order == conditions.Less || order == conditions.LessOrEqual
	switch {
	case negative && (less || order == conditions.Same):
		return allOf(below, magnitude(turned[order]))
	case negative:
		return anyOf(not(below), magnitude(turned[order]))
	case less:
		return anyOf(below, magnitude(order))
	}
	return allOf(not(below), magnitude(order))
}
