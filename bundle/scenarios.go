package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxScenarioBytes is the size of the largest scenario that Scenarios reads.
const MaxScenarioBytes = 8 << 20

// ScenarioError is why one scenario could not be read or asked. The others of
// the file still can.
type ScenarioError struct {
	// File is the file's name; Line counts from 1; Scenario is its name, empty
	// if that could not be read.
	File     string
	Line     int
	Scenario string
	Err      error
}

func (e *ScenarioError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *ScenarioError) Unwrap() error { return e.Err }

// Scenarios yields the scenarios of r, in order and in constant memory: one
// object, one array of objects, or objects one after another. A scenario that
// cannot be read yields a nil scenario and a *ScenarioError, and reading goes
// on; after a syntax error outside an array, at the next line. file stands in
// messages. An error of r ends the sequence.
func Scenarios(file string, r io.Reader) iter.Seq2[*Scenario, error] {
	return func(yield func(*Scenario, error) bool) {
		s := &splitter{r: bufio.NewReaderSize(r, 64<<10), file: file, line: 1}
		for {
			value, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				var bad *ScenarioError
				if !yield(nil, err) || !errors.As(err, &bad) || s.dead {
					return
				}
				continue
			}
			scenario, err := parseScenario(file, value)
			if err != nil {
				// The text balanced but was no JSON: what follows on its line
				// is not to be trusted.
				if bad := new(ScenarioError); errors.As(err, &bad) && errors.Is(err, errSyntax) {
					s.resume()
				}
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(scenario, nil) {
				return
			}
		}
	}
}

// chunk is the text of one value and where it begins.
type chunk struct {
	text         []byte
	line, column int // from 1
}

// splitter cuts a stream into JSON values by brackets alone.
type splitter struct {
	r     *bufio.Reader
	file  string
	line  int
	at    int // column of the next byte, from 0
	begun bool
	array bool // the stream is one array
	more  bool // in the array: an element has been read
	dead  bool
	buf   []byte
}

var errSyntax = errors.New("invalid JSON")

func (s *splitter) fail(line int, format string, args ...any) error {
	return &ScenarioError{File: s.file, Line: line, Err: fmt.Errorf(format, args...)}
}

// read returns the next byte.
func (s *splitter) read() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		return 0, err
	}
	s.at++
	if c == '\n' {
		s.line++
		s.at = 0
	}
	return c, nil
}

// unread puts back a byte that is no line end.
func (s *splitter) unread() {
	_ = s.r.UnreadByte() // cannot fail right after ReadByte
	s.at--
}

// blank skips white space and returns the next byte.
func (s *splitter) blank() (byte, error) {
	for {
		c, err := s.read()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

// resume skips the rest of the line, or the whole rest of an array.
func (s *splitter) resume() {
	if s.array {
		s.dead = true
		return
	}
	if s.at == 0 {
		return
	}
	for {
		if c, err := s.read(); err != nil || c == '\n' {
			return
		}
	}
}

// next returns the next value; io.EOF at the end.
func (s *splitter) next() (chunk, error) {
	if s.dead {
		return chunk{}, io.EOF
	}
	if !s.begun {
		s.begun = true
		if mark, err := s.r.Peek(3); err == nil && string(mark) == "\ufeff" {
			_, _ = s.r.Discard(3) // was just peeked
		}
		c, err := s.blank()
		if err != nil {
			return chunk{}, err
		}
		if s.array = c == '['; !s.array {
			s.unread()
		}
	}
	c, err := s.blank()
	if s.array {
		c, err = s.separator(c, err)
	}
	if err != nil {
		return chunk{}, err
	}
	if c != '{' {
		line := s.line
		s.resume()
		return chunk{}, s.fail(line, "%w: want a scenario, an object, have %q", errSyntax, c)
	}
	return s.value()
}

// separator reads what stands between the elements of an array.
func (s *splitter) separator(c byte, err error) (byte, error) {
	switch {
	case errors.Is(err, io.EOF):
		s.dead = true
		return 0, s.fail(s.line, "%w: an array without its end", errSyntax)
	case err != nil:
		return 0, err
	case c == ']':
		s.dead = true
		if c, err := s.blank(); err == nil {
			return 0, s.fail(s.line, "%w: %q after the array", errSyntax, c)
		}
		return 0, io.EOF
	case s.more && c != ',':
		s.dead = true
		return 0, s.fail(s.line, "%w: want ',' or ']', have %q", errSyntax, c)
	case s.more:
		return s.blank()
	}
	s.more = true
	return c, nil
}

// value reads an object whose first bracket was read.
func (s *splitter) value() (chunk, error) {
	out := chunk{line: s.line, column: s.at}
	s.buf = append(s.buf[:0], '{')
	open := []byte{'}'}
	last := byte('{') // the last byte that is not white space
	text := false
	for len(open) > 0 {
		c, err := s.read()
		switch {
		case errors.Is(err, io.EOF):
			return chunk{}, s.fail(out.line, "%w: an object without its end", errSyntax)
		case err != nil:
			return chunk{}, err
		case len(s.buf) >= MaxScenarioBytes:
			s.resume()
			return chunk{}, s.fail(out.line, "a scenario larger than %d bytes", MaxScenarioBytes)
		}
		s.buf = append(s.buf, c)
		if text {
			switch {
			case c == '\n':
				s.dead = s.array
				return chunk{}, s.fail(s.line-1, "%w: a string without a closing quote", errSyntax)
			case c == '"' && !escapes(s.buf):
				text = false
			}
			continue
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			text = true
		case '{', '[':
			if s.at == 1 && c == '{' && !takesValue(open, last) {
				// A new object at the start of a line where none may stand:
				// the one before was cut short.
				s.unread()
				s.dead = s.array
				return chunk{}, s.fail(out.line, "%w: an object without its end", errSyntax)
			}
			open = append(open, c+2) // the closing bracket in ASCII
		case '}', ']':
			if c != open[len(open)-1] {
				line := s.line
				s.resume()
				return chunk{}, s.fail(line, "%w: want %q, have %q", errSyntax, open[len(open)-1], c)
			}
			open = open[:len(open)-1]
		}
		last = c
	}
	out.text = bytes.Clone(s.buf)
	return out, nil
}

// escapes reports whether the last byte of b stands behind an odd number of
// backslashes.
func escapes(b []byte) bool {
	n := 0
	for i := len(b) - 2; i >= 0 && b[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// takesValue reports whether a value may follow last inside the innermost of
// the open brackets.
func takesValue(open []byte, last byte) bool {
	if open[len(open)-1] == '}' {
		return last == ':'
	}
	return last == '[' || last == ','
}
