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
	lines := bytes.Split(src, []byte("\n"))
	if pos.Line == 0 || int(pos.Line) > len(lines) {
		return nil
	}
	first, last := int(pos.Line)-1, extent(lines, pos)
	body := lines[first:last]
	picked := []spot{body0(body, int(pos.Column)-1)}
	for i := range parts {
		if at, ok := locate(body, int(pos.Column)-1, parts[i].find); ok {
			picked = append(picked, at)
		}
	}
	slices.SortStableFunc(picked, func(a, b spot) int { return a.line - b.line })
	picked = slices.CompactFunc(picked, func(a, b spot) bool { return a.line == b.line })
	var out []excerptLine
	for _, at := range picked[:min(len(picked), maxExcerpt)] {
		out = append(out, excerptLine{first + at.line + 1, window(string(body[at.line]), at.column)})
	}
	return out
}

// spot is a place in a statement: a line of it, and a byte of the line.
type spot struct{ line, column int }

// body0 is the line that names the statement: the one of its Sid, else its
// first.
func body0(body [][]byte, column int) spot {
	if at, ok := locate(body, column, []string{"Sid"}); ok && at.line <= 3 {
		return at
	}
	return spot{0, column}
}

// locate finds names one after the other, without regard to case, from column
// of the first line on; it returns the place of the last, which must follow
// the others.
func locate(body [][]byte, column int, names []string) (spot, bool) {
	at := spot{0, min(column, len(body[0]))}
	for _, name := range names {
		found := false
		for ; at.line < len(body); at = (spot{at.line + 1, 0}) {
			i := indexFold(body[at.line][at.column:], name)
			if i < 0 {
				continue
			}
			at.column += i
			found = true
			break
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

// extent returns the line after a statement that begins at pos: where its
// braces close, or in block YAML where the indent ends.
func extent(lines [][]byte, pos policy.Position) int {
	first, column := int(pos.Line)-1, int(pos.Column)-1
	if column < len(lines[first]) && lines[first][column] == '{' {
		return closing(lines, first, column)
	}
	for i := first + 1; i < len(lines); i++ {
		text := bytes.TrimLeft(lines[i], " ")
		if indent := len(lines[i]) - len(text); len(bytes.TrimSpace(text)) > 0 && indent < column {
			return i
		}
	}
	return len(lines)
}

// closing finds the line after the brace that closes the one at a place.
func closing(lines [][]byte, first, column int) int {
	depth, text := 0, byte(0)
	for i := first; i < len(lines); i++ {
		line := lines[i]
		for j := column; j < len(line); j++ {
			switch c := line[j]; {
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
					return i + 1
				}
			}
		}
		column = 0
	}
	return len(lines)
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
