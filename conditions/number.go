package conditions

import (
	"strings"
)

// maxNumber bounds the length of a number's text.
const maxNumber = 64

// number is an exact decimal: the digits of its text without leading zeros
// before the point and without trailing zeros after it. Comparing it needs no
// arithmetic and no memory. The zero value is 0.
type number struct {
	negative       bool
	whole, decimal string
}

// parseNumber reads an optional sign, digits and an optional fraction.
// Source: iam-semantics §3.5; choice C6.
func parseNumber(s string) (number, bool) {
	if len(s) > maxNumber {
		return number{}, false
	}
	var n number
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n.negative = s[0] == '-'
		s = s[1:]
	}
	whole, decimal, point := strings.Cut(s, ".")
	if !digits(whole) || point && !digits(decimal) {
		return number{}, false
	}
	n.whole = strings.TrimLeft(whole, "0")
	n.decimal = strings.TrimRight(decimal, "0")
	if n.whole == "" && n.decimal == "" {
		n.negative = false
	}
	return n, true
}

// digits reports whether s is one or more ASCII digits.
func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// compare is negative, zero or positive as n is less than, equal to or greater
// than m.
func (n number) compare(m number) int {
	if n.negative != m.negative {
		if n.negative {
			return -1
		}
		return 1
	}
	c := len(n.whole) - len(m.whole)
	if c == 0 {
		c = strings.Compare(n.whole, m.whole)
	}
	if c == 0 {
		c = strings.Compare(n.decimal, m.decimal)
	}
	if n.negative {
		return -c
	}
	return c
}
