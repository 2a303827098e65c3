package dynamoitem

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a body. Source: DynamoDB API Reference, BatchGetItem and
// BatchWriteItem: 16 MB; Developer Guide, "Service quotas": attributes nest 32
// levels deep, which in JSON are two each, and a batch wraps them in six more.
const (
	MaxBody  = 16 << 20
	maxDepth = 2*32 + 16
)

// decoder reads JSON with one meaning only: no member twice in an object, no
// text that is not UTF-8, no unpaired surrogates. Unlike internal/strictjson it
// takes names that differ by case alone, since attributes may; it keeps the
// order of members, says which one is wrong, and does not build what nobody
// asks for: an item may hold 400 KB.
type decoder struct {
	src []byte
	// all is src: what is kept of it is a part of all, without a copy each.
	all   string
	pos   int
	depth int
	path  []step
}

// step is a member or an element on the way to where the decoder is.
type step struct {
	name  string
	index int // if name is empty
}

func newDecoder(src []byte) (*decoder, error) {
	switch {
	case len(src) > MaxBody:
		return nil, &Error{Err: fmt.Errorf("a body has at most %d bytes", MaxBody)}
	case !utf8.Valid(src):
		return nil, &Error{Err: fmt.Errorf("the body is not UTF-8")}
	}
	return &decoder{src: src, all: string(src), path: make([]step, 0, 8)}, nil
}

// place says where the decoder is, such as TransactItems[2].Put.Item.
func (d *decoder) place() string {
	var b strings.Builder
	for i, s := range d.path {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// fault is an error about the member that is being read.
func (d *decoder) fault(format string, args ...any) error {
	return &Error{Member: d.place(), Err: fmt.Errorf(format, args...)}
}

// want is a fault of the JSON at the next byte.
func (d *decoder) want(what string) error {
	have := "the end"
	if c := d.next(); c != 0 {
		have = strconv.QuoteRune(rune(c))
	}
	return d.fault("want %s, have %s at byte %d of the body", what, have, d.pos+1)
}

// next skips white space and returns the byte that follows, 0 at the end.
func (d *decoder) next() byte {
	for ; d.pos < len(d.src); d.pos++ {
		switch c := d.src[d.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// skipByte goes past c if it comes next.
func (d *decoder) skipByte(c byte) bool {
	if d.next() != c {
		return false
	}
	d.pos++
	return true
}

// end wants nothing more.
func (d *decoder) end() error {
	if d.next() != 0 || d.pos < len(d.src) {
		return d.want("the end")
	}
	return nil
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return d.fault("nests too deep")
	}
	return nil
}

// object reads an object and calls read at the value of each member, whose
// name it passes. read must read the value.
func (d *decoder) object(read func(name string) error) error {
	if !d.skipByte('{') {
		return d.want("an object")
	}
	if err := d.enter(); err != nil {
		return err
	}
	var names nameSet
	for first := true; !d.skipByte('}'); first = false {
		if !first && !d.skipByte(',') {
			return d.want("a comma or the end of the object")
		}
		name, err := d.string()
		if err != nil {
			return err
		}
		if !names.add(name) {
			return d.fault("the member %.80q twice", name)
		}
		if !d.skipByte(':') {
			return d.want("a colon")
		}
		if err := d.member(name, read); err != nil {
			return err
		}
	}
	d.depth--
	return nil
}

func (d *decoder) member(name string, read func(name string) error) error {
	d.path = append(d.path, step{name: name})
	err := read(name)
	d.path = d.path[:len(d.path)-1]
	return err
}

// array reads an array of at least least and at most most elements and calls
// read at each.
func (d *decoder) array(least, most int, read func(i int) error) error {
	if !d.skipByte('[') {
		return d.want("an array")
	}
	if err := d.enter(); err != nil {
		return err
	}
	n := 0
	for ; !d.skipByte(']'); n++ {
		if n > 0 && !d.skipByte(',') {
			return d.want("a comma or the end of the array")
		}
		if n == most {
			return d.fault("more than %d elements", most)
		}
		d.path = append(d.path, step{index: n})
		err := read(n)
		d.path = d.path[:len(d.path)-1]
		if err != nil {
			return err
		}
	}
	if n < least {
		return d.fault("fewer than %d elements", least)
	}
	d.depth--
	return nil
}

// null goes past a null.
func (d *decoder) null() bool { return d.word("null") }

func (d *decoder) word(w string) bool {
	d.next()
	if !bytes.HasPrefix(d.src[d.pos:], []byte(w)) {
		return false
	}
	d.pos += len(w)
	return true
}

// bool goes past true or false.
func (d *decoder) bool() error {
	if !d.word("true") && !d.word("false") {
		return d.want("true or false")
	}
	return nil
}

// integer goes past a whole number.
func (d *decoder) integer() error {
	start := d.pos
	if d.next() != 0 {
		start = d.pos
	}
	if err := d.number(); err != nil {
		return err
	}
	if _, err := strconv.ParseInt(string(d.src[start:d.pos]), 10, 64); err != nil {
		return d.fault("want a whole number, have %.40s", d.src[start:d.pos])
	}
	return nil
}

// number goes past a number.
func (d *decoder) number() error {
	digits := func() bool {
		start := d.pos
		for d.pos < len(d.src) && d.src[d.pos] >= '0' && d.src[d.pos] <= '9' {
			d.pos++
		}
		return d.pos > start
	}
	at := func(set string) bool { return d.pos < len(d.src) && strings.IndexByte(set, d.src[d.pos]) >= 0 }
	d.skipByte('-')
	zero := at("0")
	start := d.pos
	if !digits() || zero && d.pos > start+1 {
		return d.want("a number")
	}
	if at(".") {
		if d.pos++; !digits() {
			return d.want("a digit")
		}
	}
	if at("eE") {
		if d.pos++; at("+-") {
			d.pos++
		}
		if !digits() {
			return d.want("a digit")
		}
	}
	return nil
}

// string reads a string without its escapes.
func (d *decoder) string() (string, error) {
	if d.next() != '"' {
		return "", d.want("a string")
	}
	for i := d.pos + 1; i < len(d.src); i++ {
		switch c := d.src[i]; {
		case c == '"':
			text := d.all[d.pos+1 : i]
			d.pos = i + 1
			return text, nil
		case c == '\\':
			return d.unescape(i)
		case c < ' ':
			return "", d.wrongText(i)
		}
	}
	return "", d.wrongText(len(d.src))
}

// wrongText is a fault of the byte i of a string.
func (d *decoder) wrongText(i int) error {
	what := "a control character"
	switch {
	case i == len(d.src):
		what = "the end of the body"
	case d.src[i] == '\\':
		what = "an escape that is not known, or half a surrogate pair,"
	}
	return d.fault("%s in a string, at byte %d of the body", what, i+1)
}

// unescape reads the string at pos, whose first escape is at i.
func (d *decoder) unescape(i int) (string, error) {
	out := append([]byte(nil), d.src[d.pos+1:i]...)
	for i < len(d.src) {
		c := d.src[i]
		switch {
		case c == '"':
			d.pos = i + 1
			return string(out), nil
		case c < ' ':
			return "", d.wrongText(i)
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		r, n := escaped(d.src[i:])
		if n == 0 {
			return "", d.wrongText(i)
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return "", d.wrongText(len(d.src))
}

// escaped reads the escape that s begins with and how long it is, 0 for none.
// A surrogate without its other half is none.
func escaped(s []byte) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	high, ok := unit(s)
	switch {
	case !ok || high >= 0xDC00 && high <= 0xDFFF:
		return 0, 0
	case high < 0xD800 || high > 0xDFFF:
		return high, 6
	}
	if low, ok := unit(s[6:]); ok && low >= 0xDC00 && low <= 0xDFFF {
		return (high-0xD800)<<10 + (low - 0xDC00) + 0x10000, 12
	}
	return 0, 0
}

// unit reads \uXXXX.
func unit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(u), err == nil
}

// any goes past a value of any type.
func (d *decoder) any() error {
	switch c := d.next(); {
	case c == '{':
		return d.object(func(string) error { return d.any() })
	case c == '[':
		return d.array(0, len(d.src), func(int) error { return d.any() })
	case c == '"':
		_, err := d.string()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	case d.word("true"), d.word("false"), d.null():
		return nil
	}
	return d.want("a value")
}

// nameSet is a set of names. Most have few, for which it takes no memory of its
// own.
type nameSet struct {
	few  [16]string
	n    int
	many map[string]struct{}
}

// add reports whether name is new.
func (s *nameSet) add(name string) bool {
	if s.many != nil {
		_, there := s.many[name]
		s.many[name] = struct{}{}
		return !there
	}
	for _, known := range s.few[:s.n] {
		if known == name {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	s.many = make(map[string]struct{}, 2*len(s.few))
	for _, known := range s.few {
		s.many[known] = struct{}{}
	}
	s.many[name] = struct{}{}
	return true
}
