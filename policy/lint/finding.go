package lint

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// Finding is what a rule has found.
type Finding struct {
	Code     string
	Severity Severity
	// Error has the place, and what is to be seen there.
	policy.Error
	// Fix is nil unless there is one that is certain.
	Fix *Fix
}

// New returns a finding of a rule without a fix. A code that no rule has gives
// a finding of severity Error.
func New(code, name string, pos policy.Position, path, format string, args ...any) Finding {
	f := Finding{Code: code, Severity: Error, Error: policy.Error{Name: name, Pos: pos, Path: path, Err: fmt.Errorf(format, args...)}}
	if r, ok := Find(code); ok {
		f.Severity = r.Severity
	}
	return f
}

// Refused reports whether AWS, or Rowan, does not accept the document.
func (f *Finding) Refused() bool {
	r, ok := Find(f.Code)
	return !ok || r.Refused
}

// Compare orders findings by file and place, those of one place as they came
// if the sort is stable.
func Compare(a, b Finding) int {
	return cmp.Or(
		strings.Compare(a.Name, b.Name),
		cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
	)
}

// Fix is a change of the source that removes a finding. It never lets a policy
// allow what the author did not write down: it narrows, keeps the meaning, or
// gives the document the version that its variables need.
type Fix struct {
	// What says what it does, such as "add a Null guard".
	What string
	// Edits do not overlap.
	Edits []Edit
}

// Edit replaces the text at Pos.
type Edit struct {
	Pos policy.Position
	// Old must stand there, New comes in its place.
	Old, New string
}

// ErrEdit means an edit that does not fit the source.
var ErrEdit = errors.New("edit does not fit the source")

// Apply returns the source with the fixes in it; a fix that touches what an
// earlier one has changed is left out, and applied counts those that are not.
// src is not changed. It wraps ErrEdit.
func Apply(src []byte, fixes []*Fix) (out []byte, applied int, err error) {
	type change struct {
		from, to int
		text     string
	}
	lines := lineStarts(src)
	var changes []change
	for _, f := range fixes {
		var own []change
		fits := true
		for _, e := range f.Edits {
			from, ok := offset(src, lines, e.Pos)
			if !ok || !bytes.HasPrefix(src[from:], []byte(e.Old)) {
				return nil, 0, fmt.Errorf("%w at %s", ErrEdit, e.Pos)
			}
			c := change{from, from + len(e.Old), e.New}
			for _, other := range slices.Concat(changes, own) {
				fits = fits && (c.to <= other.from || other.to <= c.from) && c.from != other.from
			}
			own = append(own, c)
		}
		if fits {
			changes = append(changes, own...)
			applied++
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.from, b.from) })
	at := 0
	for _, c := range changes {
		out = append(append(out, src[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, src[at:]...), applied, nil
}

func lineStarts(src []byte) []int {
	starts := []int{0}
	for i, b := range src {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func offset(src []byte, lines []int, p policy.Position) (int, bool) {
	if p.Line == 0 || p.Column == 0 || uint64(p.Line) > uint64(len(lines)) {
		return 0, false
	}
	at := lines[p.Line-1] + int(p.Column) - 1
	return at, at <= len(src)
}
