// Package strictjson reads JSON that a stranger wrote: bounded, and with one
// meaning only. What encoding/json forgives is refused here: duplicate member
// names, names that are equal but for case, text that is not UTF-8, unpaired
// surrogates.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits bound a text. A zero field means its default.
type Limits struct {
	// Depth is how deep arrays and objects may nest; the outermost counts as
	// one. The default is 16.
	Depth int
	// Members is how many members all objects may have together. The default
	// is 200.
	Members int
	// Bytes is how long the text may be. The default is 64 KiB.
	Bytes int
}

func (l Limits) orDefaults() Limits {
	if l.Depth == 0 {
		l.Depth = 16
	}
	if l.Members == 0 {
		l.Members = 200
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 10
	}
	return l
}

// Check returns an error unless src is one JSON value within lim, in UTF-8,
// in which no object has two members whose names are equal, after unescaping,
// under case folding.
func Check(src []byte, lim Limits) error {
	lim = lim.orDefaults()
	if len(src) > lim.Bytes {
		return fmt.Errorf("JSON is longer than %d bytes", lim.Bytes)
	}
	if !utf8.Valid(src) {
		return errors.New("JSON is not UTF-8")
	}
	if err := checkDepth(src, lim.Depth); err != nil {
		return err
	}
	if !json.Valid(src) {
		return errors.New("not valid JSON")
	}
	s := scanner{src: src, members: lim.Members}
	return s.value()
}

// Object returns the object that src is. Numbers are json.Number. It refuses
// what Check refuses, and all that is not an object.
func Object(src []byte, lim Limits) (map[string]any, error) {
	if err := Check(src, lim); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, errors.New("JSON is not an object")
	}
	return object, nil
}

// checkDepth comes before any recursion; src need not be valid.
func checkDepth(src []byte, limit int) error {
	depth, quoted := 0, false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("JSON nests deeper than %d", limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// scanner walks over text that json.Valid takes.
type scanner struct {
	src     []byte
	pos     int
	members int // how many may still come
}

func (s *scanner) value() error {
	switch s.next() {
	case '{':
		return s.object()
	case '[':
		return s.array()
	case '"':
		_, err := s.text()
		return err
	}
	for s.pos < len(s.src) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(s.src[s.pos])) {
		s.pos++
	}
	return nil
}

func (s *scanner) object() error {
	s.pos++
	names := make(map[string]struct{})
	for s.next() != '}' {
		if s.members--; s.members < 0 {
			return errors.New("JSON has too many members")
		}
		name, err := s.text()
		if err != nil {
			return err
		}
		folded := fold(name)
		if _, ok := names[folded]; ok {
			return fmt.Errorf("JSON object has the member %q twice", name)
		}
		names[folded] = struct{}{}
		s.next()
		s.pos++ // the colon
		if err := s.value(); err != nil {
			return err
		}
		s.comma()
	}
	s.pos++
	return nil
}

func (s *scanner) array() error {
	s.pos++
	for s.next() != ']' {
		if err := s.value(); err != nil {
			return err
		}
		s.comma()
	}
	s.pos++
	return nil
}

// text reads a string and returns it unescaped.
func (s *scanner) text() (string, error) {
	start := s.pos
	escaped := false
	for s.pos++; s.src[s.pos] != '"'; s.pos++ {
		if s.src[s.pos] == '\\' {
			escaped = true
			s.pos++
		}
	}
	s.pos++
	raw := s.src[start:s.pos]
	if !escaped {
		return string(raw[1 : len(raw)-1]), nil
	}
	if !paired(raw) {
		return "", errors.New("JSON string has an unpaired surrogate")
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", errors.New("not valid JSON")
	}
	return text, nil
}

// paired reports whether each escaped surrogate of a string has its other half.
// encoding/json turns one that has not into U+FFFD, and so makes different
// texts equal.
func paired(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		unit := unit(raw[i+1:])
		i += 4
		switch {
		case unit < 0xD800 || unit > 0xDFFF:
		case unit > 0xDBFF || !bytes.HasPrefix(raw[i+1:], []byte(`\u`)):
			return false
		default:
			if low := unitAt(raw, i+3); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 6
		}
	}
	return true
}

func unitAt(raw []byte, i int) uint64 { return unit(raw[i:]) }

// unit reads four hexadecimal digits; json.Valid has seen them.
func unit(raw []byte) uint64 {
	u, _ := strconv.ParseUint(string(raw[:4]), 16, 16)
	return u
}

func (s *scanner) comma() {
	if s.next() == ',' {
		s.pos++
	}
}

// next skips white space and returns the byte that follows, 0 at the end.
func (s *scanner) next() byte {
	for ; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
		default:
			return s.src[s.pos]
		}
	}
	return 0
}

// fold maps names that strings.EqualFold, and so encoding/json, takes for
// equal to one text.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}
