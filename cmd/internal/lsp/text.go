package lsp

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/policy"
)

// text is a document's with the places of its lines. Offsets are in bytes.
type text struct {
	string
	lines []int // where they begin
}

func newText(s string) text {
	t := text{s, []int{0}}
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// line returns a line, from 0, without its end.
func (t *text) line(n int) string {
	end := len(t.string)
	if n+1 < len(t.lines) {
		end = t.lines[n+1]
	}
	return strings.TrimRight(t.string[t.lines[n]:end], "\r\n")
}

// offset returns where a position is. One behind the end of its line means that
// end, and one behind the last line the end of the text. Source: Language Server
// Protocol Specification, "Position".
func (t *text) offset(p Position) int {
	if uint64(p.Line) >= uint64(len(t.lines)) {
		return len(t.string)
	}
	at := t.lines[p.Line]
	units := uint32(0)
	for _, r := range t.line(int(p.Line)) {
		n := uint32(1)
		if r > 0xffff {
			n = 2
		}
		if units+n > p.Character {
			break
		}
		units += n
		at += utf8.RuneLen(r)
	}
	return at
}

// position returns the position of an offset.
func (t *text) position(at int) Position {
	at = min(max(at, 0), len(t.string))
	line := sort.SearchInts(t.lines, at+1) - 1
	units := 0
	for _, r := range t.string[t.lines[line]:at] {
		if units++; r > 0xffff {
			units++
		}
	}
	return Position{uint32(line), uint32(units)}
}

func (t *text) span(from, to int) Range { return Range{t.position(from), t.position(to)} }

// at returns the offset of a place in a policy, which counts bytes; ok is false
// for one that is not known or not in the text.
func (t *text) at(p policy.Position) (offset int, ok bool) {
	if p.Line == 0 || p.Column == 0 || uint64(p.Line) > uint64(len(t.lines)) {
		return 0, false
	}
	line := int(p.Line) - 1
	at := uint64(t.lines[line]) + uint64(p.Column) - 1
	if at > uint64(len(t.string)) {
		return 0, false
	}
	return int(at), true
}

// token is the range of what begins at a place: a string with its quotes, a
// bracket, or a word of YAML. Of a place that is not known it is the first line.
func (t *text) token(p policy.Position) Range {
	from, ok := t.at(p)
	if !ok {
		return t.span(0, len(t.line(0)))
	}
	n := int(t.position(from).Line)
	end := t.lines[n] + len(t.line(n))
	if from >= end {
		return t.span(end, end)
	}
	return t.span(from, from+tokenLength(t.string[from:end]))
}

// tokenLength is how many bytes of a line are its first token.
func tokenLength(line string) int {
	if line == "" {
		return 0
	}
	switch c := line[0]; c {
	case '"':
		for i := 1; i < len(line); i++ {
			switch line[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(line)
	case '\'':
		if i := strings.IndexByte(line[1:], '\''); i >= 0 {
			return i + 2
		}
		return len(line)
	case '{', '[', '}', ']', ',':
		return 1
	}
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == ',' || line[i] == '}' && !strings.Contains(line[:i], "${") || line[i] == ']':
			return i
		case line[i] == ':' && (i+1 == len(line) || line[i+1] == ' '):
			return i
		case line[i] == '#' && line[i-1] == ' ':
			return len(strings.TrimRight(line[:i], " "))
		}
	}
	return len(strings.TrimRight(line, " \t"))
}
