package partiql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a statement. Source: DynamoDB API Reference, ExecuteStatement:
// 8,192 characters; Developer Guide, "PartiQL operators": 100 values of IN;
// "Service quotas": 32 levels of nesting. That operators are as many as in
// other expressions, and that parentheses nest no deeper, is ours.
const (
	MaxCharacters  = 8192
	MaxOperators   = 300
	MaxIn          = 100
	MaxNesting     = 32
	maxDepth       = 300
	maxIndexDigits = 9
)

type tokenKind uint8

const (
	end       tokenKind = iota
	word                // an identifier without quotes, or a keyword
	name                // "an identifier"
	text                // 'a string'
	number              // digits, perhaps a fraction and an exponent
	symbol              // = <> != < <= > >= + - ( ) [ ] { } << >> . , : * ?
	malformed           // what no token begins with
)

type token struct {
	kind tokenKind
	text string // of names and strings without quotes
	at   int    // from 1
}

func (t token) String() string {
	switch {
	case t.kind == end:
		return "the end"
	case t.kind == malformed && t.text == "":
		return "a quote that does not end"
	case t.kind == text: // the value of an attribute, perhaps
		return "a string"
	case t.kind == number:
		return "a number"
	}
	return fmt.Sprintf("%.80q", t.text)
}

// is reports whether t is the keyword k, in any case.
func (t token) is(k string) bool { return t.kind == word && strings.EqualFold(t.text, k) }

// keyword reports whether t is a word of the language. As the name of an
// attribute it needs quotes.
func (t token) keyword() bool {
	for _, k := range [...]string{
		"ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "DELETE", "DESC", "EXISTS", "FALSE", "FROM", "IN", "INSERT", "INTO", "IS",
		"MISSING", "MODIFIED", "NEW", "NOT", "NULL", "OLD", "OR", "ORDER", "REMOVE", "RETURNING", "SELECT", "SET", "TRUE",
		"UPDATE", "VALUE", "VALUES", "WHERE",
	} {
		if t.is(k) {
			return true
		}
	}
	return false
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// scan reads the token that begins at byte i of s, or after the white space
// there, and where it ends.
func scan(s string, i int) (t token, next int) {
	for i < len(s) && strings.IndexByte(" \t\r\n", s[i]) >= 0 {
		i++
	}
	if i == len(s) {
		return token{kind: end, at: i + 1}, i
	}
	length, kind := 1, symbol
	switch c := s[i]; {
	case letter(c):
		for i+length < len(s) && (letter(s[i+length]) || digit(s[i+length])) {
			length++
		}
		kind = word
	case c == '"' || c == '\'':
		return quoted(s, i)
	case digit(c):
		length, kind = numeral(s[i:]), number
	case hasAny(s[i:], "--", "/*"): // a comment
		length, kind = 2, malformed
	case hasAny(s[i:], "<>", "!=", "<=", ">=", "<<", ">>"):
		length = 2
	case strings.IndexByte("=<>+-()[]{}.,:*?", c) < 0:
		_, length = utf8.DecodeRuneInString(s[i:])
		kind = malformed
	}
	return token{kind, s[i : i+length], i + 1}, i + length
}

func hasAny(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// quoted reads a string or a quoted name; its quote doubled stands for one.
func quoted(s string, i int) (t token, next int) {
	quote := s[i]
	kind := text
	if quote == '"' {
		kind = name
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] != quote {
			continue
		}
		if j+1 < len(s) && s[j+1] == quote {
			j++
			continue
		}
		q := string(quote)
		return token{kind, strings.ReplaceAll(s[i+1:j], q+q, q), i + 1}, j + 1
	}
	return token{malformed, "", i + 1}, len(s)
}

// numeral returns how long the number is that s begins with.
func numeral(s string) int {
	run := func(i int) int {
		for i < len(s) && digit(s[i]) {
			i++
		}
		return i
	}
	n := run(0)
	if n+1 < len(s) && s[n] == '.' && digit(s[n+1]) {
		n = run(n + 1)
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		exponent := n + 1
		if exponent < len(s) && (s[exponent] == '+' || s[exponent] == '-') {
			exponent++
		}
		if past := run(exponent); past > exponent {
			n = past
		}
	}
	return n
}
