package playground

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// placed is an error with its place in a text, in bytes.
type placed struct {
	at  int
	err error
}

func (p *placed) Error() string { return p.err.Error() }

func at(offset int, format string, args ...any) *placed {
	return &placed{offset, fmt.Errorf(format, args...)}
}

// position is that of a byte of a text, from 1.
func position(text string, offset int) (line, column uint32) {
	before := text[:max(0, min(offset, len(text)))]
	return uint32(strings.Count(before, "\n")) + 1, uint32(len(before)-strings.LastIndexByte(before, '\n')-1) + 1
}

// value is one JSON value of a text and where it begins.
type value struct {
	raw []byte
	at  int
}

// values returns the JSON values that stand in a text one after another, with
// white space or a comma between them; limit of them at most.
func values(text string, limit int) ([]value, *placed) {
	var out []value
	for pos := skip(text, 0); pos < len(text); {
		if len(out) == limit {
			return nil, at(pos, "more than %d", limit)
		}
		d := json.NewDecoder(strings.NewReader(text[pos:]))
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, syntax(err, pos, len(text))
		}
		out = append(out, value{raw, pos})
		pos = skip(text, pos+int(d.InputOffset()))
	}
	return out, nil
}

// syntax gives an error of encoding/json its place; pos is where the decoder
// began.
func syntax(err error, pos, end int) *placed {
	var s *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return at(end, "invalid JSON: it ends too soon")
	case errors.As(err, &s):
		return at(pos+max(0, int(s.Offset)-1), "invalid JSON: %s", s.Error())
	}
	return at(pos, "invalid JSON: %w", err)
}

// skip returns where the next value begins.
func skip(text string, pos int) int {
	for pos < len(text) && strings.IndexByte(" \t\r\n,", text[pos]) >= 0 {
		pos++
	}
	return pos
}

// kind says what a value is.
func (v value) kind() string {
	switch v.raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// members calls f for each member of an object, in order, until it fails. Two
// members of one name are refused; at is where the name begins.
func (v value) members(f func(name string, nameAt int, member value) *placed) *placed {
	if v.kind() != "an object" {
		return at(v.at, "want an object, have %s", v.kind())
	}
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(v.raw))
	_, _ = d.Token() // the brace
	text := string(v.raw)
	for d.More() {
		nameAt := v.at + skip(text, int(d.InputOffset()))
		token, err := d.Token()
		name, ok := token.(string)
		var raw json.RawMessage
		if err == nil && ok {
			err = d.Decode(&raw)
		}
		if err != nil || len(raw) == 0 {
			return at(nameAt, "invalid JSON")
		}
		if seen[name] {
			return at(nameAt, "a second %q", name)
		}
		seen[name] = true
		if p := f(name, nameAt, value{raw, v.at + int(d.InputOffset()) - len(raw)}); p != nil {
			return p
		}
	}
	return nil
}

// elements are those of an array.
func (v value) elements() []value {
	var out []value
	d := json.NewDecoder(bytes.NewReader(v.raw))
	_, _ = d.Token() // the bracket
	for d.More() {
		var raw json.RawMessage
		if d.Decode(&raw) != nil || len(raw) == 0 {
			return out // which a value that was read is not
		}
		out = append(out, value{raw, v.at + int(d.InputOffset()) - len(raw)})
	}
	return out
}

// scalar is the text of a string, of a number as written, or of a boolean.
func (v value) scalar() (string, *placed) {
	switch v.kind() {
	case "a string":
		var s string
		if err := json.Unmarshal(v.raw, &s); err != nil {
			return "", at(v.at, "invalid JSON: %w", err)
		}
		return s, nil
	case "a number", "a boolean":
		return string(v.raw), nil
	}
	return "", at(v.at, "want a string, a number, a boolean, or an array of these, have %s", v.kind())
}
