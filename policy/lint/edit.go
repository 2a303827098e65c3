package lint

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// token returns the JSON string that stands at pos of the source, quotes
// included.
func (l *linter) token(pos policy.Position) (text string, from int, ok bool) {
	from, ok = offset(l.Source, l.lines, pos)
	if !ok || from >= len(l.Source) || l.Source[from] != '"' {
		return "", 0, false
	}
	for i := from + 1; i < len(l.Source); i++ {
		switch l.Source[i] {
		case '\\':
			i++
		case '"':
			return string(l.Source[from : i+1]), from, true
		}
	}
	return "", 0, false
}

// quoted writes a JSON string.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// replace is a fix that writes another string at pos; nil without a source.
func (l *linter) replace(pos policy.Position, text, what string) *Fix {
	old, _, ok := l.token(pos)
	if !ok {
		return nil
	}
	return &Fix{What: what, Edits: []Edit{{pos, old, quoted(text)}}}
}

// before is an edit that puts a member before the one whose name stands at pos,
// on a line of its own if that one has.
func (l *linter) before(pos policy.Position, member, name string) (Edit, bool) {
	old, from, ok := l.token(pos)
	if !ok {
		return Edit{}, false
	}
	return Edit{pos, old, member + "," + l.gap(from) + name}, true
}

// gap is the white space that separates members where one begins at an offset.
func (l *linter) gap(from int) string {
	start := l.lines[0]
	for _, s := range l.lines {
		if s > from {
			break
		}
		start = s
	}
	if indent := string(l.Source[start:from]); strings.Trim(indent, " \t") == "" {
		return "\n" + indent
	}
	return " "
}

// addVersion gives the document its version; nil without a source.
func (l *linter) addVersion() *Fix {
	const what = `add "Version": "2012-10-17"`
	if l.doc.Version.Value != "" {
		return l.replace(l.doc.Version.Pos, "2012-10-17", `write "Version": "2012-10-17"`)
	}
	open := bytes.IndexByte(l.Source, '{')
	if open < 0 {
		return nil
	}
	line, start := 0, 0
	for i, s := range l.lines {
		if s <= open {
			line, start = i, s
		}
	}
	rest := string(l.Source[open+1:])
	blank := rest[:len(rest)-len(strings.TrimLeft(rest, " \t\r\n"))]
	if blank == "" {
		blank = " "
		rest = `"Version": "2012-10-17",`
	} else {
		rest = blank + `"Version": "2012-10-17",`
		blank = ""
	}
	pos := policy.Position{Line: uint32(line) + 1, Column: uint32(open-start) + 1}
	return &Fix{What: what, Edits: []Edit{{pos, "{", "{" + rest + blank}}}
}

// remove is a fix that takes a string out of an array of several; nil without
// a source.
func (l *linter) remove(pos policy.Position) *Fix {
	const what = "leave it out"
	old, from, ok := l.token(pos)
	if !ok {
		return nil
	}
	to := from + len(old)
	after := skip(l.Source, to)
	if after < len(l.Source) && l.Source[after] == ',' {
		to = skip(l.Source, after+1)
		return &Fix{What: what, Edits: []Edit{{pos, string(l.Source[from:to]), ""}}}
	}
	comma := from
	for comma > 0 && strings.IndexByte(" \t\r\n", l.Source[comma-1]) >= 0 {
		comma--
	}
	if comma == 0 || l.Source[comma-1] != ',' {
		return nil // the only one
	}
	comma--
	return &Fix{What: what, Edits: []Edit{{l.position(comma), string(l.Source[comma:to]), ""}}}
}

func skip(src []byte, at int) int {
	for at < len(src) && strings.IndexByte(" \t\r\n", src[at]) >= 0 {
		at++
	}
	return at
}

func (l *linter) position(at int) policy.Position {
	p := policy.Position{Line: 1, Column: 1}
	for i, s := range l.lines {
		if s <= at {
			p = policy.Position{Line: uint32(i) + 1, Column: uint32(at-s) + 1}
		}
	}
	return p
}
