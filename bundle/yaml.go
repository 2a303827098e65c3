package bundle

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/policy"
)

// maxYAMLDepth is the deepest nesting of a YAML file: that of a policy
// document, and what may stand around one.
const maxYAMLDepth = policy.MaxDepth + 8

// yamlFile is a YAML file that is being read.
type yamlFile struct {
	name   string
	lines  [][]byte // of the source, without their ends
	marks  [][]int  // of lines with longer characters: see mark
	faults *faults
	broken bool // its tree has a fault that makes reading on worthless
}

// markEvery is how many code points stand between the marks of a line.
const markEvery = 64

// mark notes where every so many code points of a line begin, so that a column
// is found without reading a long line from its start.
func mark(line []byte) []int {
	var marks []int
	ascii := true
	for i, at := 0, 0; at < len(line); i++ {
		if i%markEvery == 0 {
			marks = append(marks, at)
		}
		_, size := utf8.DecodeRune(line[at:])
		ascii = ascii && size == 1
		at += size
	}
	if ascii {
		return nil
	}
	return marks
}

// parseYAML reads the one document of a file. ok is false if it cannot be
// read; what was wrong is noted. Refused beside what is no YAML: whatever
// makes one text mean something else than it seems to, as are anchors,
// aliases, merge keys, tags, a second document, a member that stands twice.
func parseYAML(name string, src []byte, f *faults) (root node, ok bool) {
	file := &yamlFile{name: name, faults: f}
	if err := file.split(src); err != "" {
		return node{}, false
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	var tree yaml.Node
	if err := d.Decode(&tree); err != nil {
		file.syntax(err)
		return node{}, false
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case err == nil:
		file.fault(file.at(&second), "", "a second document: one file holds one")
		return node{}, false
	case !errors.Is(err, io.EOF):
		file.syntax(err)
		return node{}, false
	}
	root = node{Node: tree.Content[0], file: file}
	root.inspect(0)
	return root, !file.broken
}

// split cuts the source into lines. YAML ends a line at more than line feeds,
// and reads UTF-16; neither an editor's line numbers nor the positions of a
// policy do.
func (y *yamlFile) split(src []byte) (fault string) {
	y.lines = bytes.Split(src, []byte("\n"))
	y.marks = make([][]int, len(y.lines))
	for i, line := range y.lines {
		line = bytes.TrimSuffix(line, []byte("\r"))
		y.lines[i], y.marks[i] = line, mark(line)
		for at := 0; at < len(line) && fault == ""; {
			r, n := utf8.DecodeRune(line[at:])
			switch {
			case r == utf8.RuneError && n == 1:
				fault = "invalid UTF-8"
			case r == '\ufeff':
				fault = "a byte order mark"
			case r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
				fault = "a line end other than a line feed: write it as an escape"
			}
			if fault != "" {
				y.fault(policy.Position{Line: uint32(i) + 1, Column: uint32(at) + 1}, "", "%s", fault)
			}
			at += n
		}
	}
	return fault
}

var yamlErrorLine = regexp.MustCompile(`^line (\d+): `)

// syntax notes an error of the YAML reader, which names a line at most.
func (y *yamlFile) syntax(err error) {
	if errors.Is(err, io.EOF) {
		y.fault(policy.Position{}, "", "an empty file")
		return
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := policy.Position{Line: 1, Column: 1}
	if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.ParseUint(m[1], 10, 32); err == nil {
			pos.Line = min(uint32(n), uint32(len(y.lines)))
		}
		text = text[len(m[0]):]
	}
	y.fault(pos, "", "invalid YAML: %s", text)
}

func (y *yamlFile) fault(pos policy.Position, path, format string, args ...any) {
	y.faults.add(fault(y.name, pos, path, format, args...))
}

// at returns where a node begins. The YAML reader counts columns in code
// points, positions count bytes.
func (y *yamlFile) at(n *yaml.Node) policy.Position {
	if n.Line < 1 || n.Line > len(y.lines) {
		return policy.Position{Line: uint32(len(y.lines)), Column: 1}
	}
	line, marks := y.lines[n.Line-1], y.marks[n.Line-1]
	at := min(max(n.Column-1, 0), len(line))
	if k := (n.Column - 1) / markEvery; k >= 0 && k < len(marks) {
		at = marks[k]
		for range (n.Column - 1) % markEvery {
			_, size := utf8.DecodeRune(line[at:])
			at += size
		}
	}
	return policy.Position{Line: uint32(n.Line), Column: uint32(at) + 1}
}

// inspect refuses, everywhere below n, what no file of a bundle may hold.
func (n node) inspect(depth int) {
	switch {
	case n.Kind == yaml.AliasNode:
		n.breaks("an alias: write it out")
		return
	case depth > maxYAMLDepth:
		n.breaks("nested deeper than %d levels", maxYAMLDepth)
		return
	case n.Anchor != "":
		n.breaks("an anchor: write it out where it is meant")
	case n.Style&yaml.TaggedStyle != 0:
		n.breaks("a tag %s: values are read as their field needs them", n.Tag)
	}
	if n.Kind != yaml.MappingNode {
		for i, c := range n.Content {
			n.child(strconv.Itoa(i), c).inspect(depth + 1)
		}
		return
	}
	names := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := node{Node: n.Content[i], file: n.file, path: n.path}
		if key.Kind != yaml.ScalarNode {
			key.breaks("a member's name is a text")
			continue
		}
		key.inspect(depth)
		x := n.child(key.Value, n.Content[i+1])
		switch {
		case key.Tag == "!!merge":
			key.breaks("a merge key: write it out")
		case names[key.Value]:
			n.file.fault(n.file.at(key.Node), x.path, "duplicate member %q", key.Value)
		}
		names[key.Value] = true
		x.inspect(depth + 1)
	}
}

// breaks notes a fault after which the file is not read any further.
func (n node) breaks(format string, args ...any) {
	n.file.broken = true
	n.fault(format, args...)
}
