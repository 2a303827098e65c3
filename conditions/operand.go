package conditions

import (
	"net/netip"
	"strings"
	"time"
)

// Token is a piece of a Pattern, for whoever writes the pattern in another
// language.
type Token struct {
	Kind TokenKind
	// Text is that of TokenText, to be compared byte by byte.
	Text string
	// Part says that a wildcard does not match a colon.
	Part bool
	// Variable is set for TokenVariable.
	Variable *Variable
}

// TokenKind is what a Token matches.
type TokenKind uint8

// The kinds of tokens. A code point is one of UTF-8, or one byte that is none.
const (
	TokenText     TokenKind = iota
	TokenStar               // any number of code points, none included
	TokenOne                // one code point
	TokenVariable           // the text of a policy variable; see Template
)

var tokenKinds = [...]TokenKind{literal: TokenText, star: TokenStar, one: TokenOne, reserved: TokenVariable}

// Tokens returns the pieces of a pattern that holds no policy variable and
// does not ignore case, such as those of a ValueTest; nil for any other.
func (p *Pattern) Tokens() []Token {
	if p.variables || p.fold {
		return nil
	}
	return p.Template()
}

// Numbers returns the values of CompareNumber in canonical form: a sign if they
// are negative, digits without leading zeros, and a fraction, if there is one,
// without trailing zeros.
func (t *ValueTest) Numbers() []string {
	out := make([]string, len(t.numbers))
	for i, n := range t.numbers {
		out[i] = n.String()
	}
	return out
}

// String spells a number in canonical form.
func (n number) String() string {
	var b strings.Builder
	if n.negative {
		b.WriteByte('-')
	}
	if n.whole == "" {
		b.WriteByte('0')
	}
	b.WriteString(n.whole)
	if n.decimal != "" {
		b.WriteString("." + n.decimal)
	}
	return b.String()
}

// Instants returns the values of CompareDate, in UTC.
func (t *ValueTest) Instants() []time.Time {
	out := make([]time.Time, len(t.instants))
	for i, at := range t.instants {
		out[i] = time.Unix(at.seconds, int64(at.nanos)).UTC()
	}
	return out
}

// Truth returns the value of CompareBool.
func (t *ValueTest) Truth() bool { return t.want }

// Prefixes returns the values of InNetwork. A prefix of IPv4-mapped addresses
// stands as one of IPv4.
func (t *ValueTest) Prefixes() []netip.Prefix { return t.prefixes }

// CanonicalNumber returns the canonical form of a number, see Numbers; ok is
// false for a text that Numeric operators cannot read. Source: iam-semantics
// §3.5.
func CanonicalNumber(s string) (text string, ok bool) {
	n, ok := parseNumber(s)
	if !ok {
		return "", false
	}
	return n.String(), true
}

// Single reports whether a row has at most one usable value of the key: several
// are unreadable then, and the residual does not hold.
func (r *Residual) Single() bool { return r.single }
