package sqlrow

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/conditions"
)

// like is whether the text matches one of some patterns.
func (x text) like(patterns []conditions.Pattern) (string, error) {
	parts := make([]string, len(patterns))
	for i := range patterns {
		var err error
		if parts[i], err = x.glob(patterns[i].Tokens()); err != nil {
			return "", err
		}
	}
	return anyOf(parts...), nil
}

// glob is whether the text matches tokens, whose wildcards cross colons.
func (x text) glob(tokens []conditions.Token) (string, error) {
	var plain strings.Builder
	wild := false
	for _, t := range tokens {
		if t.Kind != conditions.TokenText {
			wild = true
			continue
		}
		plain.WriteString(t.Text)
	}
	switch d := x.e.dialect; {
	case tokens == nil:
		return "", reasonError("a pattern of another kind")
	case !wild:
		return x.in([]string{plain.String()}), nil
	case len(tokens) == 1 && tokens[0].Kind == conditions.TokenStar:
		return always, nil
	case d == SQLite:
		return x.globBytes(tokens)
	case !utf8.ValidString(plain.String()):
		return "", reasonError("a pattern that is no UTF-8") // a * may end within a code point
	case !d.storable(plain.String()):
		return never, nil
	}
	return x.exact() + " LIKE " + x.e.arg(argPattern, likePattern(tokens)) + " ESCAPE '|'", nil
}

// likePattern writes tokens as LIKE has them; its _ is one code point.
func likePattern(tokens []conditions.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		switch t.Kind {
		case conditions.TokenStar:
			b.WriteByte('%')
		case conditions.TokenOne:
			b.WriteByte('_')
		case conditions.TokenText:
			b.WriteString(likeEscape.Replace(t.Text))
		case conditions.TokenVariable: // Tokens has none
		}
	}
	return b.String()
}

// likeEscape uses a character that is ordinary in the string literals of every
// dialect, as the backslash is not.
var likeEscape = strings.NewReplacer("|", "||", "%", "|%", "_", "|_")

// maxMiddle is how many texts may stand between stars for SQLite: each doubles
// the expression.
const maxMiddle = 3

// globBytes is glob on bytes, for SQLite: its LIKE does not tell case apart, and
// GLOB stops at a NUL and reads bytes that are no UTF-8 as code points. So does
// what counts code points, which a ? would need.
func (x text) globBytes(tokens []conditions.Token) (string, error) {
	var first, last string
	var middle []string
	for i, t := range tokens {
		switch {
		case t.Kind == conditions.TokenOne:
			return "", reasonError("? in a pattern: nothing here counts the code points of any text")
		case t.Kind == conditions.TokenStar:
		case i == 0:
			first = t.Text
		case i == len(tokens)-1:
			last = t.Text
		default:
			middle = append(middle, t.Text)
		}
	}
	if len(middle) > maxMiddle {
		return "", reasonError("too many wildcards in a pattern")
	}
	bytes := x.blob()
	var parts []string
	if n := len(first) + len(last); n > 0 { // also, substr of no bytes is NULL
		parts = append(parts, fmt.Sprintf("length(%s) >= %d", bytes, n))
	}
	if first != "" {
		parts = append(parts, fmt.Sprintf("substr(%s, 1, %d) = %s", bytes, len(first), x.e.arg(argBytes, []byte(first))))
	}
	if last != "" {
		parts = append(parts, fmt.Sprintf("substr(%s, -%d) = %s", bytes, len(last), x.e.arg(argBytes, []byte(last))))
	}
	if len(middle) == 0 {
		return allOf(parts...), nil
	}
	rest := bytes
	if n := len(first) + len(last); n > 0 {
		rest = fmt.Sprintf("substr(%s, %d, length(%s) - %d)", bytes, len(first)+1, bytes, n)
	}
	for _, m := range middle {
		at := fmt.Sprintf("instr(%s, %s)", rest, x.e.arg(argBytes, []byte(m)))
		parts = append(parts, at+" > 0")
		rest = fmt.Sprintf("substr(%s, %s + %d)", rest, at, len(m))
	}
	return allOf(parts...), nil
}

// arnParts is how many parts an ARN has; the last may hold colons.
const arnParts = 6

// isARN is whether the text begins with arn: and has six parts at least.
func (x text) isARN() string {
	if x.e.dialect != SQLite {
		return x.exact() + " LIKE 'arn:%:%:%:%:%'"
	}
	bytes := x.blob()
	return allOf("substr("+bytes+", 1, 4) = "+x.e.arg(argBytes, []byte("arn:")),
		"length("+bytes+") - length(CAST(replace("+x.raw+", ':', '') AS BLOB)) >= 5")
}

// likeARN is whether a text that is an ARN matches one of some patterns part by
// part. The first five colons of either delimit, and no wildcard before the
// fifth matches one, so that each part matches by itself.
func (x text) likeARN(patterns []conditions.Pattern) (string, error) {
	found := make([]string, len(patterns))
	for i := range patterns {
		parts, ok := splitARN(patterns[i].Tokens())
		if !ok {
			return "", reasonError("an ARN pattern without six parts")
		}
		var err error
		if x.e.dialect == SQLite {
			found[i], err = x.globPlainARN(patterns[i].Tokens())
		} else {
			found[i], err = x.globParts(parts)
		}
		if err != nil {
			return "", err
		}
	}
	return anyOf(found...), nil
}

// globPlainARN is for a pattern whose wildcards stand in the last part.
func (x text) globPlainARN(tokens []conditions.Token) (string, error) {
	for _, t := range tokens {
		if t.Part {
			return "", reasonError("a wildcard before the last part of an ARN")
		}
	}
	return x.glob(tokens)
}

// globParts matches each part of the text with its part of a pattern.
func (x text) globParts(parts [arnParts][]conditions.Token) (string, error) {
	all := make([]string, arnParts)
	for i, tokens := range parts {
		part := text{e: x.e, made: true}
		switch {
		case x.e.dialect == MySQL && i < arnParts-1:
			part.raw = fmt.Sprintf("SUBSTRING_INDEX(SUBSTRING_INDEX(%s, ':', %d), ':', -1)", x.exact(), i+1)
		case x.e.dialect == MySQL:
			part.raw = fmt.Sprintf("SUBSTRING(%s, CHAR_LENGTH(SUBSTRING_INDEX(%s, ':', %d)) + 2)", x.exact(), x.exact(), i)
		case i < arnParts-1:
			part.raw = fmt.Sprintf("split_part(%s, ':', %d)", x.exact(), i+1)
		default:
			part.raw = fmt.Sprintf("substring(%s FROM '^(?:[^:]*:){%d}(.*)$')", x.exact(), i)
		}
		var err error
		if all[i], err = part.glob(tokens); err != nil {
			return "", err
		}
	}
	return allOf(all...), nil
}

// splitARN cuts the tokens of an ARN pattern at the first five colons.
func splitARN(tokens []conditions.Token) (parts [arnParts][]conditions.Token, ok bool) {
	at := 0
	for _, t := range tokens {
		for t.Kind == conditions.TokenText && at < arnParts-1 {
			before, after, found := strings.Cut(t.Text, ":")
			if !found {
				break
			}
			if before != "" || len(parts[at]) == 0 {
				parts[at] = append(parts[at], conditions.Token{Text: before})
			}
			at++
			t.Text = after
		}
		if t.Kind != conditions.TokenText || t.Text != "" {
			parts[at] = append(parts[at], t)
		}
	}
	if parts[at] == nil { // it ends in a colon
		parts[at] = []conditions.Token{{}}
	}
	return parts, at == arnParts-1
}
