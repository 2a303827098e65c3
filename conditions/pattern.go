package conditions

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrPattern means a malformed action, resource or ARN pattern.
var ErrPattern = errors.New("malformed pattern")

// Limits of one pattern.
const (
	maxPattern   = 4096 // bytes of its text
	maxVariables = 8    // policy variables in it
)

type tokenKind uint8

const (
	literal  tokenKind = iota
	star               // *
	one                // ?
	reserved           // ${key}
)

// token is one piece of a pattern. The text of a variable takes part in
// matching as a literal: it is never read for wildcards or variables.
type token struct {
	kind tokenKind
	// segment keeps a wildcard, or a variable's text, from crossing a colon.
	segment  bool
	count    int32  // of code points, of one
	text     string // of a literal
	variable *variable
}

// shape picks the cheapest way to match.
type shape uint8

const (
	shapeTokens   shape = iota
	shapeExact          // one literal
	shapePrefix         // a literal, then a free star
	shapeAny            // a free star
	shapeVariable       // one variable
)

// Pattern is a compiled text with wildcards and policy variables. It is
// immutable and safe for concurrent use. The zero value matches the empty text
// alone. Matching takes at most tokens × length steps and no memory.
type Pattern struct {
	text   string
	prefix string // the literal text before the first wildcard or variable
	tokens []token
	shape  shape
	fold   bool // ASCII letters compare without case; literals are lower case
	// variables says that a token is a variable.
	variables bool
	// resource marks an entry of Resource or NotResource; see possible.
	resource bool
	// late marks an ARN pattern whose parts are known only when its variables
	// are; see matchLate.
	late bool
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// Prefix returns the literal text with which every match begins, in lower case
// if the pattern ignores case, and whether it is the whole pattern.
func (p *Pattern) Prefix() (text string, whole bool) { return p.prefix, p.shape == shapeExact }

// Any reports whether the pattern matches every text.
func (p *Pattern) Any() bool { return p.shape == shapeAny }

// HasVariables reports whether the pattern holds a policy variable.
func (p *Pattern) HasVariables() bool { return p.variables }

// Piece is a literal part of a pattern that every match must contain.
type Piece struct {
	Text string
	// First and Last say that the pattern begins or ends with it.
	First, Last bool
}

// Pieces returns the literal parts in order. A pattern that ignores case gives
// them in lower case.
func (p *Pattern) Pieces() []Piece {
	if p.shape == shapeExact {
		return []Piece{{p.prefix, true, true}}
	}
	var out []Piece
	for i := range p.tokens {
		if t := &p.tokens[i]; t.kind == literal {
			out = append(out, Piece{t.text, i == 0, i == len(p.tokens)-1})
		}
	}
	return out
}

// scan cuts text into tokens. Without wildcards * and ? are ordinary, without
// variables ${ is. Source: iam-semantics §2.1 to §2.3.
func (v *Vocabulary) scan(text string, wildcards, variables bool) ([]token, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrPattern, maxPattern)
	}
	if !strings.ContainsAny(text, "*?$") {
		return []token{{kind: literal, text: text}}, nil
	}
	var tokens []token
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			tokens = append(tokens, token{kind: literal, text: lit.String()})
			lit.Reset()
		}
	}
	count := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case wildcards && c == '*':
			flush()
			if n := len(tokens); n == 0 || tokens[n-1].kind != star {
				tokens = append(tokens, token{kind: star})
			}
		case wildcards && c == '?':
			flush()
			if n := len(tokens); n > 0 && tokens[n-1].kind == one {
				tokens[n-1].count++
			} else {
				tokens = append(tokens, token{kind: one, count: 1})
			}
		case variables && c == '$' && strings.HasPrefix(text[i:], "${"):
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("%w %q: no closing }", ErrVariable, text[i:])
			}
			body := text[i+2 : i+end]
			i += end
			if body == "*" || body == "?" || body == "$" {
				lit.WriteString(body)
				continue
			}
			x, err := v.parseVariable(body)
			if err != nil {
				return nil, err
			}
			if count++; count > maxVariables {
				return nil, fmt.Errorf("%w: more than %d policy variables", ErrPattern, maxVariables)
			}
			flush()
			tokens = append(tokens, token{kind: reserved, variable: x})
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return tokens, nil
}

// newPattern chooses the shape.
func newPattern(text string, tokens []token) Pattern {
	p := Pattern{text: text, tokens: tokens}
	for i := range tokens {
		p.variables = p.variables || tokens[i].kind == reserved
	}
	if len(tokens) > 0 && tokens[0].kind == literal {
		p.prefix = tokens[0].text
	}
	free := len(tokens) > 0 && tokens[len(tokens)-1].kind == star && !tokens[len(tokens)-1].segment
	switch {
	case len(tokens) == 0, len(tokens) == 1 && tokens[0].kind == literal:
		p.shape, p.tokens = shapeExact, nil
	case len(tokens) == 1 && free:
		p.shape = shapeAny
	case len(tokens) == 2 && tokens[0].kind == literal && free:
		p.shape = shapePrefix
	case len(tokens) == 1 && tokens[0].kind == reserved:
		p.shape = shapeVariable
	}
	return p
}

// CompileAction compiles an entry of Action or NotAction: "*" or
// prefix:Name, where * and ? are active in the name. Case is ignored. Source:
// iam-semantics §1.5.
func CompileAction(text string) (Pattern, error) {
	if text == "*" {
		return newPattern(text, []token{{kind: star}}), nil
	}
	prefix, name, ok := strings.Cut(text, ":")
	switch {
	case !ok || prefix == "" || name == "" || strings.Contains(name, ":"):
		return Pattern{}, fmt.Errorf("%w: action %q: want prefix:Name or *", ErrPattern, text)
	case strings.Contains(text, "${"):
		return Pattern{}, fmt.Errorf("%w: action %q: an action takes no policy variable", ErrPattern, text)
	case strings.ContainsAny(name, " \t\r\n,"):
		return Pattern{}, fmt.Errorf("%w: action %q: white space or comma in the name", ErrPattern, text)
	}
	for i := 0; i < len(prefix); i++ {
		if c := lowerASCII(prefix[i]); (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return Pattern{}, fmt.Errorf("%w: action %q: the service prefix takes letters, digits and hyphens, no wildcard", ErrPattern, text)
		}
	}
	tokens, err := (*Vocabulary)(nil).scan(lowerText(text), true, false)
	if err != nil {
		return Pattern{}, err
	}
	p := newPattern(text, tokens)
	p.fold = true
	return p, nil
}

// lowerText lowers the ASCII letters of s.
func lowerText(s string) string {
	for i := 0; i < len(s); i++ {
		if lowerASCII(s[i]) != s[i] {
			out := []byte(s)
			for j := i; j < len(out); j++ {
				out[j] = lowerASCII(out[j])
			}
			return string(out)
		}
	}
	return s
}

// Match reports whether s matches. It is False when a variable has no value,
// Unknown when a variable reads an indeterminate key; a resource pattern is
// then still False for what it could not match whatever its variables were. A
// nil context is an empty one.
func (p *Pattern) Match(s string, c *Context) Truth {
	switch p.shape {
	case shapeAny:
		return True
	case shapeExact:
		return truth(len(s) == len(p.prefix) && p.hasText(s, p.prefix))
	case shapePrefix:
		return truth(p.hasText(s, p.prefix))
	case shapeVariable:
		text, r := p.tokens[0].variable.resolve(c)
		if r == indeterminate {
			return Unknown
		}
		return truth(r == resolved && s == text)
	case shapeTokens:
	}
	if !p.variables {
		return truth(p.glob(s, nil))
	}
	var texts [maxVariables]string
	switch p.expand(c, &texts) {
	case unresolved:
		return False
	case indeterminate:
		if p.resource && !p.possible(s) {
			return False
		}
		return Unknown
	case resolved:
	}
	if p.late {
		return truth(p.matchLate(s, &texts))
	}
	return truth(p.glob(s, &texts))
}

// possible reports whether s would match if every variable matched anything.
func (p *Pattern) possible(s string) bool {
	var room [maxLateTokens]token
	tokens := append(room[:0], p.tokens...)
	for i := range tokens {
		if tokens[i].kind == reserved {
			tokens[i] = token{kind: star}
		}
	}
	q := Pattern{tokens: tokens}
	return q.glob(s, nil)
}

// Expandable says whether every variable of the pattern has a value: True,
// False when one has none, Unknown when one reads an indeterminate key.
func (p *Pattern) Expandable(c *Context) Truth {
	if !p.variables {
		return True
	}
	var texts [maxVariables]string
	return [...]Truth{unresolved: False, resolved: True, indeterminate: Unknown}[p.expand(c, &texts)]
}

// expand collects the texts of the variables in order. Indeterminate wins over
// unresolved, so that a Deny still sees that it does not know.
func (p *Pattern) expand(c *Context, texts *[maxVariables]string) resolution {
	n, result := 0, resolved
	for i := range p.tokens {
		if p.tokens[i].kind != reserved {
			continue
		}
		text, r := p.tokens[i].variable.resolve(c)
		texts[n] = text
		n++
		if r == indeterminate || r == unresolved && result == resolved {
			result = r
		}
	}
	return result
}

// Expand returns the pattern with its variables replaced, for people to read;
// ok is false if one has no value.
func (p *Pattern) Expand(c *Context) (text string, ok bool) {
	if !p.variables {
		return p.text, true
	}
	var texts [maxVariables]string
	if p.expand(c, &texts) != resolved {
		return p.text, false
	}
	var b strings.Builder
	n := 0
	for i := range p.tokens {
		switch t := &p.tokens[i]; t.kind {
		case star:
			b.WriteByte('*')
		case one:
			b.WriteString(strings.Repeat("?", int(t.count)))
		case literal:
			b.WriteString(t.text)
		case reserved:
			b.WriteString(texts[n])
			n++
		}
	}
	return b.String(), true
}

// hasText reports whether s begins with text.
func (p *Pattern) hasText(s, text string) bool {
	if !p.fold {
		return strings.HasPrefix(s, text)
	}
	if len(s) < len(text) {
		return false
	}
	for i := 0; i < len(text); i++ {
		if s[i] != text[i] && lowerASCII(s[i]) != text[i] {
			return false
		}
	}
	return true
}

// glob matches the tokens against all of s. Two backtrack points suffice: the
// last star that may cross colons, and after it the last that may not. A
// match found further right leaves later tokens no more room, so earlier
// stars never need another try.
func (p *Pattern) glob(s string, texts *[maxVariables]string) bool {
	var (
		at, ti, vi      int // position, token, variable
		free, freeVar   = -1, 0
		freeAt          int
		inner, innerVar = -1, 0
		innerAt         int
		tokens          = p.tokens
		ascii           letters
	)
	for {
		if ti == len(tokens) {
			if at == len(s) {
				return true
			}
		} else if t := &tokens[ti]; t.kind == star {
			ti++
			if t.segment {
				inner, innerVar, innerAt = ti, vi, at
				continue
			}
			if ti == len(tokens) {
				return true
			}
			if at = p.skip(s, at, ti); at < 0 {
				return false
			}
			free, freeVar, freeAt, inner = ti, vi, at, -1
			continue
		} else if n := p.step(t, s, at, vi, texts, &ascii); n >= 0 {
			at += n
			ti++
			if t.kind == reserved {
				vi++
			}
			continue
		}
		switch {
		case inner >= 0 && innerAt < len(s) && s[innerAt] != ':':
			innerAt += runeLen(s, innerAt)
			at, ti, vi = innerAt, inner, innerVar
		case free >= 0 && freeAt < len(s):
			freeAt += runeLen(s, freeAt)
			if freeAt = p.skip(s, freeAt, free); freeAt < 0 {
				return false
			}
			at, ti, vi, inner = freeAt, free, freeVar, -1
		default:
			return false
		}
	}
}

// skip returns the next position from at where the literal token ti begins,
// negative if there is none; at itself if the token is no literal.
func (p *Pattern) skip(s string, at, ti int) int {
	if p.fold || p.tokens[ti].kind != literal {
		return at
	}
	i := strings.Index(s[at:], p.tokens[ti].text)
	if i < 0 {
		return -1
	}
	return at + i
}

// step returns how many bytes of s at position at the token takes, negative if
// it does not match there.
func (p *Pattern) step(t *token, s string, at, vi int, texts *[maxVariables]string, ascii *letters) int {
	switch t.kind {
	case one:
		return t.codePoints(s, at, ascii)
	case literal:
		if p.hasText(s[at:], t.text) {
			return len(t.text)
		}
	case reserved:
		text := texts[vi]
		if strings.HasPrefix(s[at:], text) && (!t.segment || strings.IndexByte(text, ':') < 0) {
			return len(text)
		}
	case star:
	}
	return -1
}

// letters says whether a text is all ASCII, once somebody asked.
type letters uint8

const (
	lettersUnknown letters = iota
	lettersASCII
	lettersOther
)

func (l *letters) ascii(s string) bool {
	if *l == lettersUnknown {
		*l = lettersASCII
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				*l = lettersOther
				break
			}
		}
	}
	return *l == lettersASCII
}

// codePoints returns how many bytes of s at position at the token's code points
// take, negative if there are not so many. A run of them behind a star is tried at
// every position, so that a long one must not be walked each time.
func (t *token) codePoints(s string, at int, ascii *letters) int {
	count := int(t.count)
	switch {
	case len(s)-at < count:
		return -1
	case count > 8 && ascii.ascii(s):
		if t.segment && strings.IndexByte(s[at:at+count], ':') >= 0 {
			return -1
		}
		return count
	}
	end := at
	for range count {
		if end >= len(s) || t.segment && s[end] == ':' {
			return -1
		}
		end += runeLen(s, end)
	}
	return end - at
}

// runeLen is the length of the code point at s[at]; a byte that is not UTF-8
// counts as one.
func runeLen(s string, at int) int {
	if s[at] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[at:])
	return n
}

// StarEnds reports whether the pattern is one literal part and then a * that
// matches whatever follows.
func (p *Pattern) StarEnds() bool { return p.shape == shapePrefix && !p.fold }
