package expression

import (
	"fmt"
	"strings"
)

// Limits of an expression. Source: DynamoDB Developer Guide, "Service quotas":
// 4 KB a text, 255 bytes a placeholder, 300 operators and functions, 100
// operands of IN. The last two are ours: AWS refuses redundant parentheses, so
// that nothing nests deeper than it has operators, and a list index of more
// digits is of no list.
const (
	MaxBytes       = 4096
	MaxPlaceholder = 255
	MaxOperators   = 300
	MaxIn          = 100
	maxDepth       = 300
	maxIndexDigits = 9
)

type tokenKind uint8

const (
	end       tokenKind = iota
	word                // an identifier or a keyword
	name                // #placeholder
	value               // :placeholder
	index               // digits
	symbol              // = <> < <= > >= + - ( ) [ ] . ,
	malformed           // what no token begins with
)

type token struct {
	kind tokenKind
	text string
	at   int // from 1
}

func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%.80q", t.text)
}

// is reports whether t is the keyword k, in any case.
func (t token) is(k string) bool { return t.kind == word && strings.EqualFold(t.text, k) }

// keywords are no identifiers, in none of the grammars. Source: the token
// list of DynamoDB's grammar as its accelerator's clients carry it.
func (t token) keyword() bool {
	for _, k := range [...]string{"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "ADD", "DELETE", "REMOVE"} {
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
	length, kind := 1, malformed
	switch c := s[i]; {
	case letter(c):
		length, kind = run(s[i:], 1), word
	case c == '#' || c == ':':
		if length = run(s[i:], 1); length > 1 {
			kind = name
			if c == ':' {
				kind = value
			}
		}
	case digit(c):
		for i+length < len(s) && digit(s[i+length]) {
			length++
		}
		kind = index
	case c == '<' && i+1 < len(s) && (s[i+1] == '>' || s[i+1] == '='), c == '>' && i+1 < len(s) && s[i+1] == '=':
		length, kind = 2, symbol
	case strings.IndexByte("=<>+-()[].,", c) >= 0:
		kind = symbol
	}
	return token{kind, s[i : i+length], i + 1}, i + length
}

// run counts the bytes of s that go on with a name; the first n do.
func run(s string, n int) int {
	for n < len(s) && (letter(s[n]) || digit(s[n])) {
		n++
	}
	return n
}
