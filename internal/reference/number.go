package reference

import (
	"math/big"
	"strings"
)

// longestNumber is how many characters a number may have (C6).
const longestNumber = 64

// parseNumber reads an optional sign, digits and an optional fraction. It is
// exact. Section 3.5.
func parseNumber(s string) (*big.Rat, bool) {
	if len(s) > longestNumber {
		return nil, false
	}
	unsigned := s
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		unsigned = s[1:]
	}
	whole, fraction, hasFraction := strings.Cut(unsigned, ".")
	if !allDigits(whole) || hasFraction && !allDigits(fraction) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// allDigits says whether s is one or more ASCII digits.
func allDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// requestNumber is the number in a context value. A numeric operator sees
// aws:EpochTime in seconds, however it was written. Sections 3.5 and 5.3.
func requestNumber(key contextKey, v string) (*big.Rat, bool) {
	if key.kind != epochKind {
		return parseNumber(v)
	}
	date, ok := parseDate(v)
	return epochSeconds(date), ok
}
