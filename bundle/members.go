package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/policy"
)

// value is a piece of a JSON text with its place in the file.
type value struct {
	raw json.RawMessage
	pos policy.Position
}

// place returns where the byte at offset of the value stands.
func (v value) place(offset int) policy.Position {
	before := v.raw[:offset]
	if n := bytes.Count(before, []byte("\n")); n > 0 {
		return policy.Position{Line: v.pos.Line + uint32(n), Column: uint32(offset - bytes.LastIndexByte(before, '\n'))}
	}
	return policy.Position{Line: v.pos.Line, Column: v.pos.Column + uint32(offset)}
}

// at turns a position within the value into one within the file.
func (v value) at(p policy.Position) policy.Position {
	if p.Line == 1 {
		p.Column += v.pos.Column - 1
	}
	p.Line += v.pos.Line - 1
	return p
}

// placed is an error with its line.
type placed struct {
	line uint32
	err  error
}

func (e *placed) Error() string { return e.err.Error() }
func (e *placed) Unwrap() error { return e.err }

func (v value) fail(format string, args ...any) error {
	return &placed{v.pos.Line, fmt.Errorf(format, args...)}
}

// walk hands every member of an object, or with a nil name every element of an
// array, to f.
func (v value) walk(open json.Delim, f func(name string, x value) error) error {
	if !utf8.Valid(v.raw) {
		return v.fail("%w: invalid UTF-8", errSyntax)
	}
	d := json.NewDecoder(bytes.NewReader(v.raw))
	fail := func(err error) error {
		offset := int(min(d.InputOffset(), int64(len(v.raw))))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &placed{v.place(offset).Line, fmt.Errorf("%w: %s", errSyntax, strings.TrimPrefix(err.Error(), "json: "))}
	}
	token, err := d.Token()
	if err != nil {
		return fail(err)
	}
	if token != open {
		return v.fail("want %s, have %s", map[json.Delim]string{'{': "an object", '[': "an array"}[open], describe(v.raw))
	}
	seen := map[string]bool{}
	for d.More() {
		name := ""
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return fail(err)
			}
			name, _ = token.(string)
			if seen[name] {
				return &placed{v.place(int(d.InputOffset())).Line, fmt.Errorf("duplicate member %q", name)}
			}
			seen[name] = true
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fail(err)
		}
		x := value{raw, v.place(int(d.InputOffset()) - len(raw))}
		if err := f(name, x); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	return nil
}

// describe names the type of a JSON text.
func describe(raw []byte) string {
	switch c := bytes.TrimSpace(raw)[0]; c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// string reads a string.
func (v value) string(what string) (string, error) {
	var s string
	if describe(v.raw) != "a string" {
		return "", v.fail("%s: want a string, have %s", what, describe(v.raw))
	}
	if err := json.Unmarshal(v.raw, &s); err != nil {
		return "", v.fail("%s: %w", what, err)
	}
	return s, nil
}

// scalar reads a string, number or boolean as text.
func (v value) scalar() (string, error) {
	switch kind := describe(v.raw); kind {
	case "a string":
		return v.string("value")
	case "a number":
		s, err := policy.PlainNumber(string(v.raw))
		if err != nil {
			return "", v.fail("%w", err)
		}
		return s, nil
	case "a boolean":
		return string(v.raw), nil
	default:
		return "", v.fail("want a string, number or boolean, have %s", kind)
	}
}
