package conditions

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// test is the right side of a condition: the policy's values, ORed. Each
// family of operators has one. Its values are compiled once.
type test interface {
	// hit says whether the request's value satisfies the positive form of the
	// operator against some policy value. e may hold the value parsed.
	hit(c *Context, e *entry, value string) Truth
	// texts returns the policy values as written.
	texts() []string
	// patterns returns those values that hold policy variables.
	patterns() []Pattern
}

// values is the plain text of policy values.
type values []string

func (v values) texts() []string   { return v }
func (values) patterns() []Pattern { return nil }

// equals is StringEquals: literals, and values with variables.
type equals struct {
	values
	literals textSet
	index    map[string]struct{} // instead of literals, where a textSet cannot serve
	with     []Pattern
}

func (t *equals) hit(c *Context, _ *entry, value string) Truth {
	if t.literals.has(value) {
		return True
	}
	if t.index != nil {
		if _, ok := t.index[value]; ok {
			return True
		}
	}
	if t.with == nil {
		return False
	}
	return anyPattern(t.with, c, value)
}

func (t *equals) patterns() []Pattern { return t.with }

func anyPattern(patterns []Pattern, c *Context, value string) Truth {
	result := False
	for i := range patterns {
		if result = result.Or(patterns[i].Match(value, c)); result == True {
			break
		}
	}
	return result
}

// equalsFold is StringEqualsIgnoreCase: under Unicode simple folding, since AWS
// names none. A value with variables is compared after substitution. Source:
// iam-semantics §3.1; choice C10.
type equalsFold struct {
	values
	literals []string
	with     []Pattern
}

func (t *equalsFold) hit(c *Context, _ *entry, value string) Truth {
	for _, s := range t.literals {
		if equalFold(value, s) {
			return True
		}
	}
	result := False
	for i := range t.with {
		if result = result.Or(t.with[i].matchFold(value, c)); result == True {
			break
		}
	}
	return result
}

func (t *equalsFold) patterns() []Pattern { return t.with }

// matchFold compares s without regard to case with a pattern of literals and
// variables. Folding may change lengths, so pieces are compared rune by rune.
func (p *Pattern) matchFold(s string, c *Context) Truth {
	var texts [maxVariables]string
	switch p.expand(c, &texts) {
	case unresolved:
		return False
	case indeterminate:
		return Unknown
	case resolved:
	}
	if slices.ContainsFunc(texts[:], func(text string) bool { return !utf8.ValidString(text) }) {
		return truth(equalFold(s, p.joined(&texts))) // two pieces may make up one rune
	}
	vi := 0
	for i := range p.tokens {
		text := p.tokens[i].text
		if p.tokens[i].kind == reserved {
			text = texts[vi]
			vi++
		}
		n := foldPrefix(s, text)
		if n < 0 {
			return False
		}
		s = s[n:]
	}
	return truth(s == "")
}

// joined is the pattern's text with that of its variables.
func (p *Pattern) joined(texts *[maxVariables]string) string {
	var b strings.Builder
	vi := 0
	for i := range p.tokens {
		if p.tokens[i].kind == reserved {
			b.WriteString(texts[vi])
			vi++
		} else {
			b.WriteString(p.tokens[i].text)
		}
	}
	return b.String()
}

// foldPrefix returns the length of the prefix of s that equals text without
// regard to case, negative if there is none.
func foldPrefix(s, text string) int {
	at := 0
	for i := 0; i < len(text); {
		if at >= len(s) {
			return -1
		}
		n, m := runeLen(s, at), runeLen(text, i)
		if !equalFold(s[at:at+n], text[i:i+m]) {
			return -1
		}
		at += n
		i += m
	}
	return at
}

// like is StringLike, and ArnLike with arn set.
type like struct {
	values
	all  []Pattern
	with []Pattern
	arn  bool
}

func (t *like) hit(c *Context, _ *entry, value string) Truth {
	if t.arn && !isARN(value) {
		return Unknown
	}
	return anyPattern(t.all, c, value)
}

func (t *like) patterns() []Pattern { return t.with }

type numeric struct {
	values
	comparison comparison
	numbers    []number
}

func (t *numeric) hit(_ *Context, e *entry, value string) Truth {
	n, ok := e.number(value)
	if !ok {
		return unreadable
	}
	for i := range t.numbers {
		if t.comparison.holds(n.compare(t.numbers[i])) {
			return True
		}
	}
	return False
}

// unreadable is the result for a value that does not parse under the
// operator's type, as an untyped key's may not. Taken as False it would open a Deny. Source:
// iam-semantics §3.5; choice C2.
const unreadable = Unknown

type date struct {
	values
	comparison comparison
	instants   []instant
}

func (t *date) hit(_ *Context, e *entry, value string) Truth {
	at, ok := e.instant(value)
	if !ok {
		return unreadable
	}
	for i := range t.instants {
		if t.comparison.holds(at.compare(t.instants[i])) {
			return True
		}
	}
	return False
}

type boolean struct {
	values
	want bool
}

func (t *boolean) hit(_ *Context, e *entry, value string) Truth {
	b, ok := e.bool(value)
	if !ok {
		return unreadable
	}
	return truth(b == t.want)
}

// binary compares the bytes of the context's text with the decoded policy
// value. Source: iam-semantics §3.5; choice C3.
type binary struct {
	values
	bytes []string
}

func (t *binary) hit(_ *Context, _ *entry, value string) Truth {
	for _, b := range t.bytes {
		if b == value {
			return True
		}
	}
	return False
}

type network struct {
	values
	prefixes []netip.Prefix
}

func (t *network) hit(_ *Context, e *entry, value string) Truth {
	a, ok := e.address(value)
	if !ok {
		return unreadable
	}
	for i := range t.prefixes {
		if t.prefixes[i].Contains(a) {
			return True
		}
	}
	return False
}

// newTest compiles the policy values of a family. fault is called with the
// index of a value that does not compile.
func (v *Vocabulary) newTest(f form, texts []string, variables bool, fault func(i int, err error)) test {
	switch f.family {
	case familyString:
		return v.newEquals(texts, variables, fault)
	case familyStringFold:
		literals, with := v.plainTexts(texts, variables, fault)
		return &equalsFold{texts, literals, with}
	case familyLike, familyARN:
		return v.newLike(f.family == familyARN, texts, variables, fault)
	case familyNumber:
		t := &numeric{values: texts, comparison: f.comparison}
		t.numbers = compileEach(texts, parseNumber, "is no number", fault)
		return t
	case familyDate:
		t := &date{values: texts, comparison: f.comparison}
		t.instants = compileEach(texts, parseDate, "is no date (YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or epoch seconds)", fault)
		return t
	case familyBool, familyNull:
		return newBoolean(texts, fault)
	case familyBinary:
		t := &binary{values: texts}
		t.bytes = compileEach(texts, decodeBase64, "is no standard base64 with padding", fault)
		return t
	case familyIP:
		t := &network{values: texts}
		t.prefixes = compileEach(texts, func(s string) (netip.Prefix, bool) {
			p, err := parsePrefix(s)
			return p, err == nil
		}, "is no IP address or CIDR", fault)
		return t
	}
	fault(0, fmt.Errorf("%w: no test for it", ErrOperator)) // unreachable while the catalogue is whole; fails closed
	return &binary{}
}

func decodeBase64(s string) (string, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return string(b), err == nil && !strings.ContainsAny(s, "\r\n")
}

// compileEach parses the values of a family that takes no policy variables.
func compileEach[T any](texts []string, parse func(string) (T, bool), what string, fault func(int, error)) []T {
	out := make([]T, 0, len(texts))
	for i, s := range texts {
		x, ok := parse(s)
		switch {
		case ok:
			out = append(out, x)
		case strings.Contains(s, "${"):
			fault(i, fmt.Errorf("%w: %.100q: only String and Arn operators take policy variables", ErrOperator, s))
		default:
			fault(i, fmt.Errorf("%.100q %s", s, what))
		}
	}
	return out
}

func newBoolean(texts []string, fault func(int, error)) test {
	t := &boolean{values: texts}
	want := compileEach(texts, parseBool, "is neither true nor false", fault)
	if len(texts) > 1 {
		fault(1, fmt.Errorf("%w: one value, true or false, not %d", ErrOperator, len(texts)))
	}
	if len(want) > 0 {
		t.want = want[0]
	}
	return t
}

// plainTexts separates literals, unescaped, from values with variables.
func (v *Vocabulary) plainTexts(texts []string, variables bool, fault func(int, error)) (literals []string, with []Pattern) {
	if !variables || !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "${") }) {
		return texts, nil
	}
	for i, s := range texts {
		tokens, err := v.scan(s, false, true)
		if err != nil {
			fault(i, err)
			continue
		}
		if p := newPattern(s, tokens); p.variables {
			with = append(with, p)
		} else {
			literals = append(literals, p.prefix)
		}
	}
	return literals, with
}

func (v *Vocabulary) newEquals(texts []string, variables bool, fault func(int, error)) *equals {
	t := &equals{values: texts}
	var literals []string
	literals, t.with = v.plainTexts(texts, variables, fault)
	var ok bool
	if t.literals, ok = newTextSet(literals); !ok {
		t.index = make(map[string]struct{}, len(literals))
		for _, s := range literals {
			t.index[s] = struct{}{}
		}
	}
	return t
}

func (v *Vocabulary) newLike(arn bool, texts []string, variables bool, fault func(int, error)) *like {
	t := &like{values: texts, arn: arn, all: make([]Pattern, 0, len(texts))}
	for i, s := range texts {
		var p Pattern
		var err error
		if arn {
			p, err = v.compileARN(s, variables)
		} else {
			var tokens []token
			tokens, err = v.scan(s, true, variables)
			p = newPattern(s, tokens)
		}
		if err != nil {
			fault(i, err)
			continue
		}
		t.all = append(t.all, p)
		if p.variables {
			t.with = append(t.with, p)
		}
	}
	return t
}
