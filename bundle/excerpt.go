package bundle

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/policy"
)

// excerptLine is a line of a source that is worth showing.
type excerptLine struct {
	number int // from 1
	text   string
}

// maxExcerpt is how many lines of a statement are shown, excerptWidth how much
// of each.
const (
	maxExcerpt   = 5
	excerptWidth = 100
)

// excerpt picks the lines of a statement that name it and its parts. The
// engine says where a statement begins; its parts are found by their names.
func excerpt(src []byte, pos policy.Position, parts []part) []excerptLine {
	body := statementLines(src, pos)
	if len(body) == 0 {
		return nil
	}
	picked := []spot{titled(body)}
	for i := range parts {
		if at, ok := locate(body, parts[i].find); ok {
			picked = append(picked, at)
		}
	}
	slices.SortStableFunc(picked, func(a, b spot) int { return a.line - b.line })
	var out []excerptLine
	last := -1
	for i, at := range picked {
		line := string(body[at.line])
		// Of a line that is too long to show, what failed is worth more than
		// the name, which stands above.
		crowded := i+1 < len(picked) && picked[i+1].line == at.line && len(line) > excerptWidth && at.line != last
		if crowded && i == 0 {
			continue
		}
		if at.line == last || len(out) == maxExcerpt {
			continue
		}
		last = at.line
		out = append(out, excerptLine{int(pos.Line) + at.line, window(line, at.column)})
	}
	return out
}

// statementLines returns the lines of a statement that begins at pos, without
// what stands before and behind it; nil if there is no such place.
func statementLines(src []byte, pos policy.Position) [][]byte {
	lines := bytes.Split(src, []byte("\n"))
	first, column := int(pos.Line)-1, int(pos.Column)-1
	if first < 0 || first >= len(lines) || column < 0 || column >= len(lines[first]) {
		return nil
	}
	line, end := extent(lines, first, column)
	body := slices.Clone(lines[first:line])
	if end >= 0 {
		body[len(body)-1] = body[len(body)-1][:end]
	}
	body[0] = body[0][column:]
	return body
}

// spot is a place in a statement: a line of it, and a byte of the line.
type spot struct{ line, column int }

// titled is the line that names the statement: the one of its Sid, else its
// first.
func titled(body [][]byte) spot {
	if at, ok := locate(body, []string{"Sid"}); ok && at.line <= 3 {
		return at
	}
	return spot{}
}

// locate finds names one after the other, without regard to case; it returns
// the place of the last, which must follow the others.
func locate(body [][]byte, names []string) (spot, bool) {
	var at spot
	for _, name := range names {
		found := false
		for ; at.line < len(body) && !found; at = (spot{at.line + 1, 0}) {
			if i := indexFold(body[at.line][at.column:], name); i >= 0 {
				at.column += i
				found = true
				break
			}
		}
		if !found {
			return spot{}, false
		}
	}
	return at, true
}

// indexFold finds a name in a line, not as a part of a longer one.
func indexFold(line []byte, name string) int {
	from, text := 0, strings.ToLower(string(line))
	if len(text) != len(line) {
		text = string(line) // folding moved the places
	}
	name = strings.ToLower(name)
	for name != "" {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(name)
		if (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			return i
		}
		from = i + 1
	}
	return -1
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// extent returns the line after a statement, and where its last line ends:
// where its braces close, or in block YAML where the indent does; negative
// means the whole line.
func extent(lines [][]byte, first, column int) (line, end int) {
	if lines[first][column] == '{' {
		return closing(lines, first, column)
	}
	for i := first + 1; i < len(lines); i++ {
		text := bytes.TrimLeft(lines[i], " ")
		if len(bytes.TrimSpace(text)) > 0 && len(lines[i])-len(text) < column {
			return i, -1
		}
	}
	return len(lines), -1
}

// closing finds the brace that closes the one at a place.
func closing(lines [][]byte, first, column int) (line, end int) {
	depth, text := 0, byte(0)
	for i := first; i < len(lines); i++ {
		for j := column; j < len(lines[i]); j++ {
			switch c := lines[i][j]; {
			case text != 0 && c == '\\' && text == '"':
				j++
			case text != 0 && c == text:
				text = 0
			case text != 0:
			case c == '"' || c == '\'':
				text = c
			case c == '{':
				depth++
			case c == '}':
				if depth--; depth == 0 {
					return i + 1, j + 1
				}
			}
		}
		column = 0
	}
	return len(lines), -1
}

// window cuts a line around a column, without its indent.
func window(line string, column int) string {
	line = strings.TrimRight(line, " \t\r")
	text := strings.TrimLeft(line, " \t")
	column = max(column-(len(line)-len(text)), 0)
	if utf8.RuneCountInString(text) <= excerptWidth {
		return harmless(text)
	}
	begin := 0
	if column > excerptWidth/3 {
		begin = min(column-excerptWidth/3, len(text))
	}
	end := min(begin+excerptWidth, len(text))
	for begin > 0 && begin < len(text) && !utf8.RuneStart(text[begin]) {
		begin++
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	out := harmless(text[begin:end])
	if begin > 0 {
		out = "…" + out
	}
	if end < len(text) {
		out += "…"
	}
	return out
}
