package dynamoitem

import (
	"strconv"
	"strings"
)

// Bounds of a number. Source: DynamoDB Developer Guide, "Service quotas": 38
// digits, from 1E-130 to under 1E+126. A store that rounds what has more could
// take for one key what the check took for another.
const (
	maxDigits   = 38
	maxExponent = 126
	minExponent = -130
	maxNumber   = 512 // bytes, as written
)

// CanonicalNumber writes a number as values of key attributes are compared: no
// exponent, no plus, no zeros that say nothing, and -0 is 0. It is not ok for
// what is no number of DynamoDB. Source: iam-semantics §6.4.1 [U]; choice C33.
func CanonicalNumber(s string) (text string, ok bool) {
	if len(s) > maxNumber {
		return "", false
	}
	digits, minus := strings.CutPrefix(s, "-")
	if !minus {
		digits = strings.TrimPrefix(digits, "+")
	}
	exponent := 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		n, err := strconv.Atoi(digits[i+1:])
		if err != nil || n > maxNumber || n < -maxNumber {
			return "", false
		}
		digits, exponent = digits[:i], n
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	// The value is 0.DIGITS times ten to the power of point.
	point := len(whole) + exponent
	significant := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(significant)
	significant = strings.TrimRight(significant, "0")
	switch {
	case significant == "":
		return "0", true
	case len(significant) > maxDigits, point > maxExponent, point <= minExponent:
		return "", false
	}
	text = plain(significant, point)
	if minus {
		text = "-" + text
	}
	return text, true
}

// plain writes 0.DIGITS times ten to the power of point.
func plain(digits string, point int) string {
	switch {
	case point <= 0:
		return "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits))
	}
	return digits[:point] + "." + digits[point:]
}
