package conditions

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Op is what a ValueTest compares with.
type Op uint8

// The comparisons of one text with the values of a policy.
const (
	// Equal compares bytes.
	Equal Op = iota
	// EqualFold compares under Unicode simple folding.
	EqualFold
	// Like matches wildcard patterns without policy variables.
	Like
	// LikeARN matches patterns part by part; what is no ARN is unreadable.
	LikeARN
	// Number, Date and Bool compare what the text says; what says nothing is
	// unreadable.
	CompareNumber
	CompareDate
	CompareBool
	// InNetwork looks for an address in prefixes; what is no address is
	// unreadable.
	InNetwork
)

// Comparison is the order in which a value stands to the policy's value.
type Comparison = comparison

// The orders; only numbers and dates know more than Same.
const (
	Same           Comparison = equal
	Less                      = less
	LessOrEqual               = lessEqual
	Greater                   = greater
	GreaterOrEqual            = greaterEqual
)

// ValueTest is a set of texts: those that are readable under its operator and
// compare with one of the values, or with none of them if Not is set. The zero
// value holds for nothing.
type ValueTest struct {
	Op  Op
	Not bool
	// Comparison is that of numbers and dates.
	Comparison Comparison

	texts    []string // of Equal sorted and each once, else as the policy has them
	one      string   // the only text of a positive Equal
	only     bool     // one counts
	set      textSet
	index    map[string]struct{} // instead of set, where a textSet cannot serve
	patterns []Pattern
	numbers  []number
	instants []instant
	want     bool
	prefixes []netip.Prefix
	never    bool
}

// Texts returns the values compared with, variables replaced. Numbers, dates
// and networks stand as the policy wrote them; see Numbers, Instants, Prefixes.
func (t *ValueTest) Texts() []string { return t.texts }

// Patterns returns the patterns of Like and LikeARN; they hold no variables.
func (t *ValueTest) Patterns() []Pattern { return t.patterns }

// Never reports whether no text passes.
func (t *ValueTest) Never() bool {
	return t.never || !t.Not && len(t.texts) == 0
}

// Always reports whether every text passes.
func (t *ValueTest) Always() bool {
	if t.never || !t.Not || len(t.texts) > 0 {
		return false
	}
	switch t.Op {
	case Equal, EqualFold, Like:
		return true
	case LikeARN, CompareNumber, CompareDate, CompareBool, InNetwork:
	}
	return false
}

// NewEqual returns the test for being one of the texts, or none of them.
func NewEqual(not bool, texts []string) ValueTest {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	t := ValueTest{Not: not, texts: slices.Compact(texts)}
	if len(t.texts) == 1 && !not {
		t.one, t.only = t.texts[0], true
	}
	var ok bool
	if t.set, ok = newTextSet(t.texts); !ok {
		t.index = make(map[string]struct{}, len(t.texts))
		for _, s := range t.texts {
			t.index[s] = struct{}{}
		}
	}
	return t
}

// valueTest returns the texts for which one value's test, negation included, is
// want.
func (c *Condition) valueTest(x *Context, want Truth) (ValueTest, error) {
	not := (want == True) == c.form.negated
	bound, unreadable := bind(c.test.patterns(), x)
	if not && unreadable {
		return ValueTest{never: true}, nil // the test is Unknown where it is not True
	}
	out := ValueTest{Not: not, texts: c.test.texts()}
	switch t := c.test.(type) {
	case *equals:
		texts := append(slices.Clone(t.literals.texts), plain(bound)...)
		return NewEqual(not, slices.AppendSeq(texts, maps.Keys(t.index))), nil
	case *equalsFold:
		out.Op, out.texts = EqualFold, append(slices.Clone(t.literals), plain(bound)...)
		if i := slices.IndexFunc(out.texts, func(s string) bool { return !utf8.ValidString(s) }); i >= 0 {
			// Its pieces fold one by one, which their concatenation need not.
			return out, fmt.Errorf("%w: %s of %s: the value %.100q is no UTF-8", ErrOpaque, c.operator, c.key.name, out.texts[i])
		}
	case *like:
		out.Op = Like
		if t.arn {
			out.Op = LikeARN
		}
		out.patterns = bound
		for _, p := range t.all {
			if !p.variables {
				p.text = p.spelling()
				out.patterns = append(out.patterns, p)
			}
		}
		if !t.arn {
			return likeTest(out), nil
		}
		out.texts = patternTexts(out.patterns)
	case *numeric:
		out.Op, out.Comparison, out.numbers = CompareNumber, t.comparison, t.numbers
	case *date:
		out.Op, out.Comparison, out.instants = CompareDate, t.comparison, t.instants
	case *boolean:
		out.Op, out.want = CompareBool, t.want
	case *binary:
		return NewEqual(not, t.bytes), nil
	case *network:
		out.Op, out.prefixes = InNetwork, t.prefixes
	default:
		return ValueTest{never: true}, fmt.Errorf("%w: %s", ErrOpaque, c.operator)
	}
	return out, nil
}

// likeTest simplifies the patterns of a Like: one that matches all makes the
// others moot, and patterns without wildcards are plain texts.
func likeTest(t ValueTest) ValueTest {
	whole := true
	for i := range t.patterns {
		p := &t.patterns[i]
		if p.Any() {
			return NewEqual(!t.Not, nil)
		}
		whole = whole && p.shape == shapeExact
	}
	if whole {
		return NewEqual(t.Not, plain(t.patterns))
	}
	slices.SortFunc(t.patterns, func(a, b Pattern) int { return strings.Compare(a.text, b.text) })
	t.patterns = slices.CompactFunc(t.patterns, func(a, b Pattern) bool { return a.text == b.text })
	t.texts = patternTexts(t.patterns)
	return t
}

// patternTexts spells patterns so that equal texts mean the same.
func patternTexts(patterns []Pattern) []string {
	out := make([]string, len(patterns))
	for i := range patterns {
		out[i] = patterns[i].text
	}
	return out
}

// bind replaces the variables of patterns. One without a value is dropped,
// since it matches nothing; unreadable says that one reads an indeterminate
// key.
func bind(patterns []Pattern, x *Context) (bound []Pattern, unreadable bool) {
	for i := range patterns {
		p, r := patterns[i].bind(x)
		switch r {
		case resolved:
			bound = append(bound, p)
		case indeterminate:
			unreadable = true
		case unresolved:
		}
	}
	return bound, unreadable
}

// bind returns the pattern with its variables replaced by their literal texts,
// under a spelling that means it. What cannot match any more counts as
// unresolved.
func (p *Pattern) bind(x *Context) (Pattern, resolution) {
	var texts [maxVariables]string
	if r := p.expand(x, &texts); r != resolved {
		return Pattern{}, r
	}
	var tokens []token
	n, colons := 0, 0
	for _, t := range p.tokens {
		switch t.kind {
		case reserved:
			if t.segment && !p.late && strings.Contains(texts[n], ":") {
				return Pattern{}, unresolved // it would shift the parts: no match
			}
			t = token{kind: literal, text: texts[n]}
			n++
		case star, one:
			if p.late {
				if colons == 0 {
					return Pattern{}, unresolved
				}
				t.segment = colons < arnColons
			}
		case literal:
		}
		if t.kind == literal {
			colons += strings.Count(t.text, ":")
		}
		tokens = append(tokens, t)
	}
	if p.late && colons < arnColons {
		return Pattern{}, unresolved
	}
	tokens = join(tokens)
	return newPattern(written(tokens), tokens), resolved
}

// spelling is how a policy with variables writes the pattern; the text of one
// in an older document may mean something else there.
func (p *Pattern) spelling() string {
	if p.shape == shapeExact {
		return written([]token{{kind: literal, text: p.prefix}})
	}
	return written(p.tokens)
}

// written spells tokens as a policy does.
func written(tokens []token) string {
	var b strings.Builder
	for i := range tokens {
		switch t := &tokens[i]; t.kind {
		case star:
			b.WriteByte('*')
		case one:
			b.WriteString(strings.Repeat("?", int(t.count)))
		case literal, reserved:
			for j := 0; j < len(t.text); j++ {
				switch c := t.text[j]; c {
				case '*', '?':
					b.WriteString("${" + string(c) + "}")
				case '$':
					if strings.HasPrefix(t.text[j:], "${") {
						b.WriteString("${$}")
						continue
					}
					b.WriteByte(c)
				default:
					b.WriteByte(c)
				}
			}
		}
	}
	return b.String()
}

// plain returns the texts of patterns without wildcards.
func plain(patterns []Pattern) []string {
	out := make([]string, 0, len(patterns))
	for i := range patterns {
		out = append(out, patterns[i].prefix)
	}
	return out
}

// Holds reports whether a text passes.
func (t *ValueTest) Holds(s string) bool {
	if t.only {
		return s == t.one
	}
	return t.holds(s)
}

func (t *ValueTest) holds(s string) bool {
	if t.never {
		return false
	}
	hit, readable := t.hit(s)
	return readable && hit != t.Not
}

// hit compares a text with the values; readable is false for what the operator
// cannot read.
func (t *ValueTest) hit(s string) (hit, readable bool) {
	switch t.Op {
	case Equal:
		if t.index != nil {
			_, hit = t.index[s]
			return hit, true
		}
		return t.set.has(s), true
	case EqualFold:
		return slices.ContainsFunc(t.texts, func(text string) bool { return equalFold(s, text) }), true
	case Like:
		return t.like(s), true
	case LikeARN:
		return t.like(s), isARN(s)
	case CompareNumber:
		n, ok := parseNumber(s)
		for i := range t.numbers {
			hit = hit || t.Comparison.holds(n.compare(t.numbers[i]))
		}
		return hit, ok
	case CompareDate:
		at, ok := parseDate(s)
		for i := range t.instants {
			hit = hit || t.Comparison.holds(at.compare(t.instants[i]))
		}
		return hit, ok
	case CompareBool:
		b, ok := parseBool(s)
		return b == t.want, ok
	case InNetwork:
		a, ok := parseAddress(s)
		for i := range t.prefixes {
			hit = hit || t.prefixes[i].Contains(a)
		}
		return hit, ok
	}
	return false, false
}

func (t *ValueTest) like(s string) bool {
	for i := range t.patterns {
		if t.patterns[i].Match(s, nil) == True {
			return true
		}
	}
	return false
}

// opNames are how String spells an operator, plain and negated.
var opNames = [...][2]string{
	Equal: {"in", "not in"}, EqualFold: {"in, ignoring case,", "not in, ignoring case,"}, Like: {"like", "not like"},
	LikeARN: {"like ARN", "not like ARN"}, CompareNumber: {"number", "not number"}, CompareDate: {"date", "not date"},
	CompareBool: {"is", "is not"}, InNetwork: {"in network", "not in network"},
}

var comparisonNames = [...]string{Same: "=", Less: "<", LessOrEqual: "<=", Greater: ">", GreaterOrEqual: ">="}

// String spells the test for people, and so that two tests with one text hold
// for the same values.
func (t *ValueTest) String() string {
	switch {
	case t.Never():
		return "is impossible"
	case t.Always():
		return "is present"
	}
	name := opNames[t.Op][0]
	if t.Not {
		name = opNames[t.Op][1]
	}
	switch {
	case t.Op == CompareNumber, t.Op == CompareDate:
		name += " " + comparisonNames[t.Comparison]
	case t.Op == Equal && len(t.texts) == 1:
		name = "="
		if t.Not {
			name = "!="
		}
	}
	if len(t.texts) == 1 {
		return name + " " + strconv.Quote(t.texts[0])
	}
	var b strings.Builder
	b.WriteString(name + " (")
	for i, s := range t.texts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(s))
	}
	return b.String() + ")"
}
