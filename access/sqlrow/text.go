package sqlrow

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/conditions"
)

// text is an SQL expression of a text that is not NULL.
type text struct {
	e *emitter
	// raw is the expression as the table has it, which an index may serve.
	raw string
	// made says that it is computed, and that no index serves it.
	made bool
}

// exact is the text under a collation that compares bytes, as its own type.
func (x text) exact() string {
	switch x.e.dialect {
	case PostgreSQL:
		return x.plain() + ` COLLATE "C"`
	case MySQL:
		return "CONVERT(" + x.raw + " USING utf8mb4) COLLATE utf8mb4_bin"
	case SQLite:
	}
	return x.raw + " COLLATE BINARY"
}

// plain is the text under its own collation. PostgreSQL compares char without
// trailing spaces, and citext without case, unless they are text.
func (x text) plain() string {
	if x.e.dialect == PostgreSQL {
		return x.raw + "::text"
	}
	return x.raw
}

// blob is the text's bytes.
func (x text) blob() string {
	if x.e.dialect == MySQL {
		return "CAST(CONVERT(" + x.raw + " USING utf8mb4) AS BINARY)"
	}
	return "CAST(" + x.raw + " AS BLOB)"
}

// in is whether the text is one of some, byte by byte.
func (x text) in(texts []string) string {
	var args []string
	for _, s := range texts {
		if x.e.dialect.storable(s) {
			args = append(args, x.e.arg(argText, s))
		}
	}
	if len(args) == 0 {
		return never
	}
	// Texts of equal bytes are equal under every collation, so that the plain
	// comparison, which an index may serve, loses nothing.
	switch x.e.dialect {
	case PostgreSQL:
		if x.made {
			return x.exact() + equal(args)
		}
		return allOf(x.plain()+equal(args), x.exact()+equal(args))
	case MySQL:
		bytes := make([]string, len(args))
		for i, a := range args {
			bytes[i] = "CAST(" + a + " AS BINARY)"
		}
		// A column of a smaller character set than the text is no match for it.
		if x.made || slices.ContainsFunc(texts, func(s string) bool { return !isASCII(s) }) {
			return x.blob() + equal(bytes)
		}
		return allOf(x.plain()+equal(args), x.blob()+equal(bytes))
	case SQLite:
	}
	return x.exact() + equal(args)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func equal(args []string) string {
	if len(args) == 1 {
		return " = " + args[0]
	}
	return " IN (" + strings.Join(args, ", ") + ")"
}

// notIn is whether the text is none of some.
func (x text) notIn(texts []string) string {
	x.made = true // no index serves it
	return not(x.in(texts))
}

// text writes a residual's test of one text that is not NULL; empty is the
// answer for the empty text.
func (e *emitter) text(x text, r *conditions.Residual, empty bool) (string, error) {
	t := &r.Test
	if t.Op == conditions.Equal && !t.Not || t.Never() {
		return x.in(finite(r, empty)), nil
	}
	readable, err := x.readable(r.Key.Kind)
	if err != nil {
		return "", err
	}
	if t.Op == conditions.Equal {
		excluded := slices.DeleteFunc(slices.Clone(t.Texts()), func(s string) bool { return s == "" })
		if !empty {
			excluded = append([]string{""}, excluded...)
		} else if readable != always {
			return anyOf(x.in([]string{""}), allOf(readable, x.notIn(excluded))), nil
		}
		return allOf(readable, x.notIn(excluded)), nil
	}
	holds, err := x.operator(t)
	if err != nil {
		return "", err
	}
	onEmpty := t.Holds("") && readable == always
	holds = allOf(readable, holds)
	switch {
	case empty == onEmpty:
	case empty:
		holds = anyOf(x.in([]string{""}), holds)
	default:
		holds = allOf(x.notIn([]string{""}), holds)
	}
	return holds, nil
}

// finite returns the texts for which a test for equality holds.
func finite(r *conditions.Residual, empty bool) []string {
	var out []string
	if empty {
		out = append(out, "")
	}
	for _, s := range r.Test.Texts() {
		if s != "" && r.HoldsText(s) {
			out = append(out, s)
		}
	}
	return out
}

// readable is whether a text is of a key's kind.
func (x text) readable(k conditions.Kind) (string, error) {
	switch k {
	case conditions.String, conditions.StringOrARN, conditions.Binary, conditions.Untyped:
		return always, nil
	case conditions.Number:
		return x.decimal().valid(), nil
	case conditions.Bool:
		return x.boolean("true", "false"), nil
	case conditions.ARN:
		return x.isARN(), nil
	case conditions.Date, conditions.Epoch:
		return "", reasonError("a date in a column of text")
	case conditions.IP, conditions.StringOrIP:
		return "", reasonError("an address in a column of text")
	}
	return "", reasonError("keys of kind " + k.String())
}

// operator writes a test other than Equal for a text, negation included; what
// the operator cannot read is false.
func (x text) operator(t *conditions.ValueTest) (string, error) {
	var hit string
	var err error
	readable := always
	switch t.Op {
	case conditions.EqualFold:
		hit, err = x.fold(t.Texts())
	case conditions.Like:
		hit, err = x.like(t.Patterns())
	case conditions.LikeARN:
		readable = x.isARN()
		hit, err = x.likeARN(t.Patterns())
	case conditions.CompareNumber:
		return x.decimal().test(t), nil
	case conditions.CompareBool:
		readable = x.boolean("true", "false")
		hit = x.boolean(strconv.FormatBool(t.Truth()))
		if !t.Not {
			readable = always // the hit is
		}
	case conditions.CompareDate:
		err = reasonError("a date in a column of text")
	case conditions.InNetwork:
		err = reasonError("an address in a column of text")
	case conditions.Equal:
		err = reasonError("equality")
	default:
		err = reasonError("the operator")
	}
	if err != nil {
		return "", err
	}
	if t.Not {
		hit = not(hit)
	}
	return allOf(readable, hit), nil
}

// boolean is whether the text is one of some words of ASCII letters, in any
// case.
func (x text) boolean(words ...string) string {
	letters := strings.Join(words, "")
	var pairs []string
	for _, c := range letters {
		if upper := strings.ToUpper(string(c)); !slices.Contains(pairs, upper) {
			pairs = append(pairs, upper, string(c))
		}
	}
	return x.replaced(pairs).in(words)
}

// maxReplaced is how many characters a comparison without regard to case
// replaces: SQLite's parser has a limit to how deep calls are nested.
const maxReplaced = 60

// replaced is the text with single characters replaced, given by pairs of the
// old and the new one.
func (x text) replaced(pairs []string) text {
	out := text{e: x.e, made: true}
	if x.e.dialect == PostgreSQL {
		var from, to strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			from.WriteString(pairs[i])
			to.WriteString(pairs[i+1])
		}
		out.raw = "translate(" + x.plain() + ", " + x.e.arg(argText, from.String()) + ", " + x.e.arg(argText, to.String()) + ")"
		return out
	}
	out.raw = x.exact()
	if x.e.dialect == SQLite {
		out.raw = x.raw
	}
	for i := 0; i < len(pairs); i += 2 {
		out.raw = "REPLACE(" + out.raw + ", " + x.e.arg(argText, pairs[i]) + ", " + x.e.arg(argText, pairs[i+1]) + ")"
	}
	return out
}

// fold is whether the text equals one of some under Unicode simple folding.
// Every character that folds to one of theirs is replaced by one of its orbit,
// here and there: a text is equal then exactly if it folds alike. No
// database's own lower case is Unicode's simple folding.
func (x text) fold(texts []string) (string, error) {
	least := map[rune]rune{}
	for _, s := range texts {
		for _, r := range s {
			orbit := []rune{r}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				orbit = append(orbit, f)
			}
			for _, f := range orbit {
				least[f] = slices.Min(orbit)
			}
		}
	}
	var old []rune
	for r, to := range least {
		if r != to {
			old = append(old, r)
		}
	}
	slices.Sort(old)
	if len(old) > maxReplaced {
		return "", reasonError("too many letters to compare without regard to case")
	}
	var pairs []string
	for _, r := range old {
		pairs = append(pairs, string(r), string(least[r]))
	}
	folded := make([]string, len(texts))
	for i, s := range texts {
		folded[i] = mapped(s, least)
	}
	slices.Sort(folded)
	if len(pairs) == 0 {
		return x.in(slices.Compact(folded)), nil
	}
	return x.replaced(pairs).in(slices.Compact(folded)), nil
}

// mapped replaces each code point of a text and keeps bytes that are no UTF-8:
// each equals only itself.
func mapped(s string, to map[rune]rune) string {
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError {
			b.WriteString(s[:n])
		} else {
			b.WriteRune(to[r])
		}
		s = s[n:]
	}
	return b.String()
}
