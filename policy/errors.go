package policy

import (
	"fmt"
	"strings"
)

// Error is one fault of a document. It prints as
// "name:line:col: /Statement/1/Condition/…: what".
type Error struct {
	// Name is the document's name; empty names print as "policy".
	Name string
	// Pos is where the fault is; its zero value leaves the place out.
	Pos Position
	// Path is the JSON pointer of the faulty node; empty for the document.
	Path string
	// Err says what is wrong.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Name == "" {
		b.WriteString("policy")
	} else {
		b.WriteString(e.Name)
	}
	if e.Pos != (Position{}) {
		fmt.Fprintf(&b, ":%d:%d", e.Pos.Line, e.Pos.Column)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Errors is every fault that was found, in source order. It prints one a line.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single faults, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}
