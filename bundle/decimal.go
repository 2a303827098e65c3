package bundle

import (
	"strconv"
	"strings"
)

// canonicalNumber writes a number as DynamoDB's key values are compared: no
// exponent, no plus, no zeros that say nothing, and -0 is 0. Source:
// iam-semantics §6.4.1 [U].
func canonicalNumber(s string) (text string, ok bool) {
	digits, minus := strings.CutPrefix(s, "-")
	if !minus {
		digits = strings.TrimPrefix(digits, "+")
	}
	exponent := 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		n, err := strconv.Atoi(digits[i+1:])
		if err != nil || n > 130 || n < -130 {
			return "", false
		}
		digits, exponent = digits[:i], n
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	if digits == "" || len(digits) > 64 || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	// The point stands behind so many digits.
	point := len(whole) + exponent
	if point < 0 {
		digits, point = strings.Repeat("0", -point)+digits, 0
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole, fraction = strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	switch {
	case whole == "" && fraction == "":
		return "0", true
	case whole == "":
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if minus {
		whole = "-" + whole
	}
	return whole, true
}
