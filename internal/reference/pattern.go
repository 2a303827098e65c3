package reference

import (
	"strings"
	"unicode/utf8"
)

type tokenType uint8

const (
	literalToken tokenType = iota
	starToken
	oneToken
	variableToken
)

// token is one piece of a pattern. Section 2.3.
type token struct {
	is       tokenType
	text     string   // of a literal
	variable variable // of a variable
	// noColon says that a wildcard does not match a colon.
	noColon bool
}

// tokenise cuts the text of a policy into tokens. Without variables, "${" is
// ordinary text (section 1.2); without wildcards, "*" and "?" are (section
// 2.1).
func tokenise(text string, variables, wildcards bool) []token {
	var tokens []token
	var literal strings.Builder
	end := func() {
		if literal.Len() > 0 {
			tokens = append(tokens, token{is: literalToken, text: literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case variables && strings.HasPrefix(text, "${"):
			inside, rest, closed := strings.Cut(text[2:], "}")
			if !closed {
				refuse("no } after %q", text)
			}
			text = rest
			if inside == "*" || inside == "?" || inside == "$" {
				literal.WriteString(inside)
				continue
			}
			end()
			tokens = append(tokens, token{is: variableToken, variable: parseVariable(inside)})
		case wildcards && text[0] == '*':
			end()
			tokens = append(tokens, token{is: starToken})
			text = text[1:]
		case wildcards && text[0] == '?':
			end()
			tokens = append(tokens, token{is: oneToken})
			text = text[1:]
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	end()
	return tokens
}

// hasVariable says whether a token is a variable.
func hasVariable(tokens []token) bool {
	for _, t := range tokens {
		if t.is == variableToken {
			return true
		}
	}
	return false
}

// splitTokens cuts a pattern into the parts of an ARN, at its first five
// colons. Only a colon in a literal is one. Section 2.3.
func splitTokens(tokens []token) [][]token {
	parts := [][]token{nil}
	add := func(t token) { parts[len(parts)-1] = append(parts[len(parts)-1], t) }
	for _, t := range tokens {
		if t.is != literalToken {
			add(t)
			continue
		}
		pieces := strings.SplitN(t.text, ":", arnParts-len(parts)+1)
		for i, piece := range pieces {
			if i > 0 {
				parts = append(parts, nil)
			}
			if piece != "" {
				add(token{is: literalToken, text: piece})
			}
		}
	}
	return parts
}

// glob says whether a pattern without variables matches the whole of s. It
// walks the pattern and keeps every offset of s that can be reached: after
// the last token, the end of s must be among them. Section 2.1: "?" is one
// code point (C10: an invalid byte counts as one).
func glob(pattern []token, s string) bool {
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for _, t := range pattern {
		reached = step(t, s, reached)
	}
	return reached[len(s)]
}

// step returns the offsets that are reached after one token more.
func step(t token, s string, before []bool) []bool {
	after := make([]bool, len(s)+1)
	for i := range after {
		if t.is == starToken && before[i] {
			after[i] = true
		}
		from := before[i]
		if t.is == starToken {
			from = after[i] // one character more, after those already taken
		}
		if !from {
			continue
		}
		if width, ok := taken(t, s[i:]); ok {
			after[i+width] = true
		}
	}
	return after
}

// taken says how many bytes of s a token takes: the text of a literal, one
// code point for a wildcard.
func taken(t token, s string) (int, bool) {
	switch t.is {
	case literalToken:
		return len(t.text), strings.HasPrefix(s, t.text)
	case starToken, oneToken:
		if s == "" || t.noColon && s[0] == ':' {
			return 0, false
		}
		_, width := utf8.DecodeRuneInString(s)
		return width, true
	case variableToken:
		refuse("variable %q was not substituted", t.variable.key)
	}
	return 0, false
}
