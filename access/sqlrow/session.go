package sqlrow

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// symbols are texts that stand for the values of context keys which only a
// session of the database knows. A symbol is a text of its own kind, so that it
// passes through the evaluation of one condition as any other text would; where
// an operator looks into a text, or compares two of them, a symbol is no answer
// and is refused.
type symbols []symbol

type symbol struct {
	key, text string
	// setting is the session's variable.
	setting string
}

// symbolMark is a private character with which every symbol begins; no policy
// may have it.
const symbolMark = "\ue0f0"

func newSymbols(keys, settings []string) symbols {
	out := make(symbols, len(keys))
	for i, key := range keys {
		out[i] = symbol{key: key, text: symbolMark + strconv.Itoa(i) + "\ue0f1", setting: settings[i]}
	}
	return out
}

func (s symbols) in(texts []string) bool {
	return len(s) > 0 && slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, symbolMark) })
}

// symbolic writes a test that compares with what a session knows. The key takes
// any text, and the operator asks for equality or a pattern, or nothing could be
// said of the text.
func (e *emitter) symbolic(c *Column, r *conditions.Residual, name string) (present, value string, err error) {
	if err := fits(r, "this type, compared with a policy variable", conditions.String); err != nil {
		return "", "", err
	}
	if r.Test.Op != conditions.Equal && r.Test.Op != conditions.Like {
		return "", "", reasonError("the operator, with a policy variable of the session")
	}
	present = name + " IS NOT NULL"
	x := text{e: e, raw: name, made: true}
	switch c.Type {
	case Text:
		x.made = false
	case Integer, UUID:
	case Decimal:
		if present, _, err = e.decimal(&conditions.Residual{Key: r.Key}, name); err != nil {
			return "", "", err
		}
		x.raw = "trim_scale(" + name + ")"
	case TextArray:
		value, err = e.array(r, name)
		return present, value, err
	case Bool, Bytes, Timestamp, TimestampTZ:
		return "", "", reasonError("a policy variable of the session, in a column of type " + c.Type.String())
	}
	value, err = e.text(x, r, r.HoldsText(""))
	return present, value, err
}

// literal writes an argument into the statement, for statements that take none.
func (e *emitter) literal(a argument) string {
	switch v := a.value.(type) {
	case string:
		if a.kind == argText || a.kind == argPattern {
			return e.symbols.concatenation(v, a.kind == argPattern)
		}
		return quoteText(v) + "::" + postgresTypes[a.kind]
	case int64:
		return "(" + strconv.FormatInt(v, 10) + ")::bigint"
	case []byte:
		const digits = "0123456789abcdef"
		hex := make([]byte, 0, 2*len(v))
		for _, c := range v {
			hex = append(hex, digits[c>>4], digits[c&15])
		}
		return "decode('" + string(hex) + "', 'hex')"
	}
	return "NULL" // no argument is of another type
}

// concatenation writes a text with the session's values in the places of their
// symbols, in which nothing is a wildcard.
func (s symbols) concatenation(v string, pattern bool) string {
	var parts []string
	for rest := v; rest != ""; {
		before, _, found := strings.Cut(rest, symbolMark)
		if before != "" {
			parts = append(parts, quoteText(before))
		}
		if !found {
			break
		}
		rest = rest[len(before):]
		for _, x := range s {
			if after, ok := strings.CutPrefix(rest, x.text); ok {
				parts, rest = append(parts, x.value(pattern)), after
				break
			}
		}
		if strings.HasPrefix(rest, symbolMark) {
			return "NULL" // no such symbol is made
		}
	}
	switch len(parts) {
	case 0:
		return "''::text"
	case 1:
		return parts[0] + "::text"
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// value reads what the session knows; in a pattern its characters are literal.
func (x symbol) value(pattern bool) string {
	v := "current_setting('" + x.setting + "', true)"
	if pattern {
		for _, c := range []string{"|", "%", "_"} {
			v = "replace(" + v + ", '" + c + "', '|" + c + "')"
		}
	}
	return v
}

// quoteText writes a text as a literal, whatever standard_conforming_strings
// says.
func quoteText(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return "E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}
