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
	_, err := value(src, lim)
	return err
}

// Object returns the object that src is. Numbers are json.Number. It refuses
// what Check refuses, and all that is not an object.
func Object(src []byte, lim Limits) (map[string]any, error) {
	v, err := value(src, lim)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("JSON is not an object")
	}
	return object, nil
}

// value reads what json.Unmarshal would, with numbers as json.Number.
func value(src []byte, lim Limits) (any, error) {
	lim = lim.orDefaults()
	if len(src) > lim.Bytes {
		return nil, fmt.Errorf("JSON is longer than %d bytes", lim.Bytes)
	}
	if !utf8.Valid(src) {
		return nil, errors.New("JSON is not UTF-8")
	}
	if !json.Valid(src) {
		return nil, errors.New("not valid JSON")
	}
	s := scanner{src: src, depth: lim.Depth, members: lim.Members}
	return s.value()
}

// scanner reads text that json.Valid takes, and so need not look whether it is
// JSON.
type scanner struct {
	src            []byte
	pos            int
	depth, members int // how many may still come
}

func (s *scanner) value() (any, error) {
	switch s.next() {
	case '{':
		return s.object()
	case '[':
		return s.array()
	case '"':
		return s.text()
	}
	start := s.pos
	for s.pos < len(s.src) && !strings.ContainsRune(",]} \t\r\n", rune(s.src[s.pos])) {
		s.pos++
	}
	switch word := string(s.src[start:s.pos]); word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		return json.Number(word), nil
	}
}

func (s *scanner) object() (any, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	object := make(map[string]any)
	var folds map[string]struct{} // of names that are not their own
	for s.next() != '}' {
		if s.members--; s.members < 0 {
			return nil, errors.New("JSON has too many members")
		}
		name, err := s.text()
		if err != nil {
			return nil, err
		}
		folded := Fold(name)
		_, same := object[folded]
		_, equal := folds[folded]
		if same || equal {
			return nil, fmt.Errorf("JSON object has the member %q twice", name)
		}
		if folded != name {
			if folds == nil {
				folds = make(map[string]struct{})
			}
			folds[folded] = struct{}{}
		}
		s.next()
		s.pos++ // the colon
		if object[name], err = s.value(); err != nil {
			return nil, err
		}
		s.comma()
	}
	s.leave()
	return object, nil
}

func (s *scanner) array() (any, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	array := []any{}
	for s.next() != ']' {
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		array = append(array, v)
		s.comma()
	}
	s.leave()
	return array, nil
}

func (s *scanner) enter() error {
	s.pos++
	if s.depth--; s.depth < 0 {
		return errors.New("JSON nests too deep")
	}
	return nil
}

func (s *scanner) leave() {
	s.pos++
	s.depth++
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
		high := unit(raw[i+1:])
		i += 4
		switch {
		case high < 0xD800 || high > 0xDFFF:
		case high > 0xDBFF || !bytes.HasPrefix(raw[i+1:], []byte(`\u`)):
			return false
		default:
			if low := unit(raw[i+3:]); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 6
		}
	}
	return true
}

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

// Fold maps names that strings.EqualFold, and so encoding/json, takes for
// equal to one text: to itself if it is in lower-case ASCII. strings.ToLower
// does not: it leaves the long s as it is.
func Fold(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' }) {
		return name
	}
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least >= 'A' && least <= 'Z' {
			least += 'a' - 'A'
		}
		return least
	}, name)
}
