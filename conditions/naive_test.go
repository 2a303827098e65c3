package conditions_test

import (
	"strings"
	"unicode/utf8"
)

// piece is a part of a pattern as the naive matcher reads it.
type piece struct {
	text string // literal, or of a variable
	star bool
	one  bool
	hole bool // a variable
	// segment keeps the piece from taking a colon.
	segment bool
}

// naivePieces cuts a pattern at its wildcards, its escapes and the variable
// ${app:k}, whose text is v. ok is false for any other use of "${".
func naivePieces(pattern, v string) (pieces []piece, ok bool) {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			pieces, pattern = append(pieces, piece{star: true}), pattern[1:]
		case pattern[0] == '?':
			pieces, pattern = append(pieces, piece{one: true}), pattern[1:]
		case strings.HasPrefix(pattern, "${"):
			body, rest, closed := strings.Cut(pattern[2:], "}")
			if !closed {
				return nil, false
			}
			switch body {
			case "*", "?", "$":
				pieces = append(pieces, piece{text: body})
			case "app:k", "APP:K", "app:k, 'x'":
				pieces = append(pieces, piece{text: v, hole: true})
			default:
				return nil, false
			}
			pattern = rest
		default:
			pieces, pattern = append(pieces, piece{text: pattern[:1]}), pattern[1:]
		}
	}
	return pieces, true
}

// naiveMatch keeps the set of all positions that the pieces so far can reach:
// no backtracking, nothing to be clever about.
func naiveMatch(pieces []piece, s string) bool {
	at := make([]bool, len(s)+1)
	at[0] = true
	for _, p := range pieces {
		next := make([]bool, len(s)+1)
		for i := range at {
			width := 0
			if i < len(s) {
				_, width = utf8.DecodeRuneInString(s[i:])
			}
			stop := width == 0 || p.segment && s[i] == ':'
			switch {
			case p.star:
				// What a star has reached it can leave by one more code point.
				next[i] = next[i] || at[i]
				if next[i] && !stop {
					next[i+width] = true
				}
			case !at[i]:
			case p.one:
				if !stop {
					next[i+width] = true
				}
			case strings.HasPrefix(s[i:], p.text) && (!p.segment || !p.hole || !strings.Contains(p.text, ":")):
				next[i+len(p.text)] = true
			}
		}
		at = next
	}
	return at[len(s)]
}

// parts splits pieces at the first five colons of the text that delimits.
func parts(pieces []piece, holes bool) [][]piece {
	out := [][]piece{nil}
	for _, p := range pieces {
		if p.hole && !holes || p.star || p.one {
			out[len(out)-1] = append(out[len(out)-1], p)
			continue
		}
		for i := range len(p.text) {
			if p.text[i] == ':' && len(out) < 6 {
				out = append(out, nil)
				continue
			}
			out[len(out)-1] = append(out[len(out)-1], piece{text: p.text[i : i+1]})
		}
	}
	return out
}

// naiveARN matches ARNs part by part. Source: iam-semantics §2.3, §3.5.
func naiveARN(pieces []piece, s string) bool {
	values := strings.SplitN(s, ":", 6)
	if len(values) != 6 || values[0] != "arn" {
		return false
	}
	all := parts(pieces, false)
	if len(all) < 6 {
		all = parts(pieces, true)
	}
	if len(all) < 6 {
		return false
	}
	for _, p := range all[0] {
		if p.star || p.one {
			return false
		}
	}
	for i := range all {
		if !naiveMatch(all[i], values[i]) {
			return false
		}
	}
	return true
}

// naiveResource matches a resource pattern without a variable before its fifth
// colon. Source: iam-semantics §1.6.
func naiveResource(pieces []piece, s string, wide bool) bool {
	if len(pieces) > 0 && pieces[0].star {
		return naiveMatch(pieces, s)
	}
	var all []piece
	split := parts(pieces, false)
	for i, part := range split {
		for j, p := range part {
			last := j == len(part)-1
			switch {
			case i == 5, p.star && last && i == len(split)-1:
				// the last part, or the * that stands for the missing ones
			case p.star && last && wide:
			default:
				p.segment = true
			}
			all = append(all, p)
		}
		if i < len(split)-1 {
			all = append(all, piece{text: ":"})
		}
	}
	return naiveMatch(all, s)
}

// naiveAction matches an action in any ASCII case. Source: iam-semantics §1.5.
func naiveAction(pieces []piece, s string) bool {
	lower := func(s string) string {
		out := []byte(s)
		for i, c := range out {
			if 'A' <= c && c <= 'Z' {
				out[i] = c + 'a' - 'A'
			}
		}
		return string(out)
	}
	folded := make([]piece, len(pieces))
	for i, p := range pieces {
		p.text = lower(p.text)
		folded[i] = p
	}
	return naiveMatch(folded, lower(s))
}
