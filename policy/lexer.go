package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// lexer reads strict JSON and remembers where it is. A syntax error ends the
// reading; anything else is noted and reading goes on, so that one pass finds
// every fault.
type lexer struct {
	name      string
	src       string
	at        int
	line      uint32
	lineStart int
	blanks    int // white space outside strings
	depth     int
	path      []segment
	faults    Errors
	broken    bool // a syntax error was met
	place     func(Position) Position
}

// segment is a step of a JSON pointer: an index, or with a negative index a
// member's name.
type segment struct {
	name  string
	index int
}

func (l *lexer) position() Position {
	p := Position{Line: l.line, Column: uint32(l.at-l.lineStart) + 1}
	if l.place != nil {
		return l.place(p)
	}
	return p
}

// pointer renders the path. Source: RFC 6901.
func (l *lexer) pointer() string { return pointer(l.path) }

// maxName is how many bytes of a member's name a pointer shows. A stranger
// chooses the names, and every fault beneath one repeats it.
const maxName = 128

// escapeName is made once: it takes six kilobytes.
var escapeName = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(path []segment) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		if s.index >= 0 {
			b.WriteString(strconv.Itoa(s.index))
			continue
		}
		name := s.name
		if len(name) > maxName {
			name = strings.ToValidUTF8(name[:maxName], "") + "…"
		}
		b.WriteString(escapeName.Replace(name))
	}
	return b.String()
}

func (l *lexer) push(name string, index int) { l.path = append(l.path, segment{name, index}) }
func (l *lexer) pop()                        { l.path = l.path[:len(l.path)-1] }

// fault notes what is wrong at pos, within the current node.
func (l *lexer) fault(pos Position, format string, args ...any) {
	if len(l.faults) < MaxFaults {
		l.faults = append(l.faults, &Error{Name: l.name, Pos: pos, Path: l.pointer(), Err: fmt.Errorf(format, args...)})
	}
}

var errSyntax = errors.New("invalid JSON")

// syntax notes a fault after which the rest cannot be read.
func (l *lexer) syntax(format string, args ...any) {
	if !l.broken {
		l.broken = true
		l.fault(l.position(), "%w: %s", errSyntax, fmt.Sprintf(format, args...))
	}
	l.at = len(l.src)
}

// peek skips white space and returns the next byte, 0 at the end.
func (l *lexer) peek() byte {
	for ; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '\n':
			l.line++
			l.lineStart = l.at + 1
			l.blanks++
		case ' ', '\t', '\r':
			l.blanks++
		default:
			return l.src[l.at]
		}
	}
	return 0
}

func (l *lexer) expect(c byte) bool {
	if got := l.peek(); got != c || l.at >= len(l.src) {
		l.syntax("want %q, have %s", c, l.here())
		return false
	}
	l.at++
	return true
}

// here names what stands at the current place.
func (l *lexer) here() string {
	if l.at >= len(l.src) {
		return "the end of the text"
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	return strconv.QuoteRune(r)
}

// text reads a string.
func (l *lexer) text() Text {
	l.peek()
	t := Text{Pos: l.position()}
	if !l.expect('"') {
		return t
	}
	start := l.at
	for ; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; {
		case c == '"':
			t.Value = l.src[start:l.at]
			l.at++
			return t
		case c == '\\':
			t.Value = l.escaped(start)
			return t
		case c < ' ':
			l.syntax("control character %U in a string", c)
			return t
		}
	}
	l.syntax("a string without a closing quote")
	return t
}

// escaped goes on with a string that holds an escape.
func (l *lexer) escaped(start int) string {
	b := []byte(l.src[start:l.at])
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == '"':
			l.at++
			return string(b)
		case c < ' ':
			l.syntax("control character %U in a string", c)
			return ""
		case c != '\\':
			b = append(b, c)
			l.at++
		default:
			r, n := l.escape(l.src[l.at:])
			if n == 0 {
				return ""
			}
			b = utf8.AppendRune(b, r)
			l.at += n
		}
	}
	l.syntax("a string without a closing quote")
	return ""
}

var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape at the start of s; n is 0 if it is malformed.
func (l *lexer) escape(s string) (r rune, n int) {
	if len(s) >= 2 && s[1] != 'u' {
		if r, ok := simpleEscapes[s[1]]; ok {
			return r, 2
		}
	}
	r, ok := hex4(s)
	if !ok {
		l.syntax("malformed escape in a string")
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	l.syntax("unpaired surrogate in a string")
	return 0, 0
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	// ParseUint takes no sign; an underscore only with base 0.
	return rune(n), err == nil
}

// object reads an object and hands every member to member, which must read its
// value. It refuses a name that stands twice, and returns how many members it
// read.
func (l *lexer) object(member func(name Text)) (count int) {
	if !l.open('{') {
		return 0
	}
	defer func() { l.depth-- }()
	if l.peek() == '}' {
		l.at++
		return 0
	}
	var room [12]string
	names := room[:0]
	for !l.broken {
		name := l.text()
		if l.broken || !l.expect(':') {
			return len(names)
		}
		if slices.Contains(names, name.Value) {
			l.push(name.Value, -1)
			l.fault(name.Pos, "duplicate member %.100q", name.Value)
			l.pop()
		}
		if names = append(names, name.Value); len(names) > MaxMembers {
			l.syntax("more than %d members in one object", MaxMembers)
			return len(names)
		}
		member(name)
		if !l.more('}') {
			break
		}
	}
	return len(names)
}

// array reads an array and calls element, which must read one value. It
// returns how many there were.
func (l *lexer) array(element func(i int)) (count int) {
	if !l.open('[') {
		return 0
	}
	defer func() { l.depth-- }()
	if l.peek() == ']' {
		l.at++
		return 0
	}
	for !l.broken {
		element(count)
		count++
		if !l.more(']') {
			break
		}
	}
	return count
}

// open enters an object or array; the caller leaves it by lowering depth.
func (l *lexer) open(c byte) bool {
	if !l.expect(c) {
		return false
	}
	if l.depth++; l.depth > MaxDepth {
		l.syntax("nested deeper than %d levels", MaxDepth)
		l.depth--
		return false
	}
	return true
}

// more reads a comma, and is true then, or the end.
func (l *lexer) more(end byte) bool {
	if l.broken {
		return false
	}
	switch l.peek() {
	case ',':
		l.at++
		return true
	case end:
		l.at++
		return false
	}
	l.syntax("want ',' or %q, have %s", end, l.here())
	return false
}

// skip reads any value and says what it was.
func (l *lexer) skip() (what string) {
	switch c := l.peek(); {
	case c == '{':
		l.object(func(Text) { l.skip() })
		return "an object"
	case c == '[':
		l.array(func(int) { l.skip() })
		return "an array"
	case c == '"':
		l.text()
		return "a string"
	case c == '-' || '0' <= c && c <= '9':
		l.number()
		return "a number"
	}
	return l.word()
}

// word reads true, false or null.
func (l *lexer) word() string {
	for _, w := range []string{"true", "false", "null"} {
		if strings.HasPrefix(l.src[l.at:], w) {
			l.at += len(w)
			return w
		}
	}
	l.syntax("want a value, have %s", l.here())
	return ""
}

// number reads a number and returns its text. Source: RFC 8259 §6.
func (l *lexer) number() string {
	start := l.at
	if l.take("-"); !l.take("0") && l.run() == 0 {
		l.syntax("malformed number")
		return ""
	}
	if l.take(".") && l.run() == 0 {
		l.syntax("malformed number")
		return ""
	}
	if l.take("eE") {
		if l.take("+-"); l.run() == 0 {
			l.syntax("malformed number")
			return ""
		}
	}
	return l.src[start:l.at]
}

// take reads one byte if it is among set.
func (l *lexer) take(set string) bool {
	if l.at < len(l.src) && strings.IndexByte(set, l.src[l.at]) >= 0 {
		l.at++
		return true
	}
	return false
}

// run reads digits and counts them.
func (l *lexer) run() int {
	n := 0
	for l.take("0123456789") {
		n++
	}
	return n
}

// Limits of a number that is written with an exponent.
const (
	maxExponent = 100
	maxDigits   = 64
)

// PlainNumber writes a JSON number out as a decimal without an exponent. It
// refuses more than 64 digits and exponents beyond ±100: unbounded, they are a
// memory bomb. Source: iam-semantics §3.5, §10.1.
func PlainNumber(number string) (string, error) {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(number), "e")
	if !ok {
		if len(number) > maxDigits {
			return "", fmt.Errorf("a number of more than %d characters", maxDigits)
		}
		return number, nil
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil || shift > maxExponent || shift < -maxExponent {
		return "", fmt.Errorf("an exponent beyond ±%d", maxExponent)
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, decimals, _ := strings.Cut(mantissa, ".")
	digits := whole + decimals
	point := len(whole) + shift
	if point <= 0 {
		digits = strings.Repeat("0", 1-point) + digits
		point = 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	out := sign + strings.TrimLeft(digits[:point-1], "0") + digits[point-1:point]
	if rest := strings.TrimRight(digits[point:], "0"); rest != "" {
		out += "." + rest
	}
	if len(out) > maxDigits {
		return "", fmt.Errorf("a number of more than %d characters", maxDigits)
	}
	return out, nil
}
