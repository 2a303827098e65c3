package lsp

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// holder stands for the word under the cursor while a text is read.
const holder = "zzRowanCursor"

// scanYAML finds the place of an offset in YAML that need not be complete: the word
// under the cursor gives way to a holder, and the text is read as it is, with a
// colon behind, and cut off behind the cursor, until one reading is YAML. ok is
// false if none is.
func scanYAML(text string, at int) (p place, ok bool) {
	from, to, quote := yamlWord(text, at)
	at = min(at, to) // behind a carriage return there is no word
	before, after := text[:from], text[to:]
	closed := quote != 0 && strings.HasPrefix(after, string(quote))
	end := ""
	if quote != 0 && !closed {
		end = string(quote)
	}
	cut := end + closers(before)
	if closed {
		cut = string(quote) + closers(before)
	}
	for _, try := range []string{
		before + holder + end + after,
		before + holder + end + ":" + after,
		before + holder + cut,
		before + holder + end + colon(quote, closed) + closers(before),
	} {
		var root yaml.Node
		if yaml.Unmarshal([]byte(try), &root) != nil || len(root.Content) != 1 {
			continue
		}
		r := yamlReader{out: place{from: from, to: to, quoted: quote != 0}}
		r.read(root.Content[0], nil)
		if !r.found {
			continue
		}
		head, tail, _ := strings.Cut(r.out.scalar, holder)
		r.out.scalar = head + text[from:to] + tail
		r.out.caret = len(head) + at - from
		rest := after
		if closed {
			rest = after[1:]
		}
		r.out.ended = r.out.key && strings.HasPrefix(strings.TrimLeft(rest, " "), ":")
		return r.out, true
	}
	return place{}, false
}

// colon is what makes a word the name of a member that has nothing.
func colon(quote byte, closed bool) string {
	if closed {
		return string(quote) + ":"
	}
	return ":"
}

// yamlWord is the word around an offset, and the quote that it stands in, 0 if
// in none.
func yamlWord(text string, at int) (from, to int, quote byte) {
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	line := text[begin:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = strings.TrimSuffix(line, "\r")
	c := min(at-begin, len(line))
	quote, open := quoteAt(line[:c])
	if quote != 0 {
		end := len(line)
		if i := strings.IndexByte(line[c:], quote); i >= 0 {
			end = c + i
		}
		return begin + open + 1, begin + end, quote
	}
	from, to = c, c
	for from > 0 && !yamlBreak(line, from-1) {
		from--
	}
	for to < len(line) && !yamlBreak(line, to) {
		to++
	}
	return begin + from, begin + to, 0
}

// yamlBreak reports whether no word goes on over a byte of a line.
func yamlBreak(line string, i int) bool {
	if strings.IndexByte(" \t{}[],\"'", line[i]) >= 0 {
		return true
	}
	return line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ')
}

// quoteAt is the quote that is open at the end of the beginning of a line, and where it
// opened.
func quoteAt(line string) (quote byte, at int) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '"' && c == '\\':
			i++
		case quote == 0 && (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" \t{[,:", line[i-1]) >= 0):
			quote, at = c, i
		case quote == 0 && c == '#' && (i == 0 || line[i-1] == ' '):
			return 0, 0
		}
	}
	return quote, at
}

// closers close the brackets that are open at the end of a text, quotes and
// comments aside.
func closers(text string) string {
	var open []byte
	for line := range strings.SplitSeq(text, "\n") {
		quote := byte(0)
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				if i == 0 || strings.IndexByte(" \t{[,:", line[i-1]) >= 0 {
					quote = c
				}
			case c == '#' && (i == 0 || line[i-1] == ' '):
				i = len(line)
			case (c == '{' || c == '[') && (i == 0 || strings.IndexByte(" \t{[,", line[i-1]) >= 0):
				open = append(open, c+2) // '}' and ']' in ASCII
			case (c == '}' || c == ']') && len(open) > 0 && open[len(open)-1] == c:
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) > maxScanDepth {
		return ""
	}
	for i, j := 0, len(open)-1; i < j; i, j = i+1, j-1 {
		open[i], open[j] = open[j], open[i]
	}
	return string(open)
}

// yamlReader finds the holder in a tree.
type yamlReader struct {
	out   place
	found bool
}

func (r *yamlReader) read(n *yaml.Node, path []string) {
	if len(path) > maxScanDepth {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		r.mapping(n, path)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			r.read(c, slices.Concat(path, []string{strconv.Itoa(i)}))
		}
	case yaml.DocumentNode, yaml.AliasNode: // nothing is below an alias that is not elsewhere
	case yaml.ScalarNode:
		if strings.Contains(n.Value, holder) {
			r.note(n.Value, path, false)
			return
		}
		r.out.strings = append(r.out.strings, stringAt{strings.Join(path, "/"), n.Value})
	}
}

func (r *yamlReader) mapping(n *yaml.Node, path []string) {
	var names []string
	here := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		below := slices.Concat(path, []string{name})
		if strings.Contains(name, holder) {
			r.note(name, path, true)
			here = true
			continue
		}
		names = append(names, name)
		was := r.found
		r.read(n.Content[i+1], below)
		here = here || !was && r.found && len(r.out.path) == len(below)
	}
	if here {
		r.out.members = names
	}
}

func (r *yamlReader) note(scalar string, path []string, key bool) {
	r.found = true
	r.out.scalar, r.out.path, r.out.key = scalar, path, key
}
