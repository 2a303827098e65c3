package bundle

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// maxReread bounds how many bytes of YAML are read again to see what fixes of a
// document do.
const maxReread = 4 << 20

// check looks at a document of the bundle. One within a YAML file is looked at as
// the JSON that it is read as, and its fixes are then written as YAML.
func (b *Bundle) check(d *document, o lint.Options) []lint.Finding {
	if d.path == "" {
		o.Source = b.Source(d.Name)
		return lint.Check(d.Document, d.kind, o)
	}
	y, ok := newEmbedded(d.Name, b.Source(d.Name), d.path)
	if !ok {
		return lint.Check(d.Document, d.kind, o)
	}
	doc, err := policy.Parse(d.Name, y.Bytes())
	if err != nil {
		return lint.Check(d.Document, d.kind, o)
	}
	o.Source = y.Bytes()
	findings := lint.Check(doc, d.kind, o)
	left := maxReread
	for i := range findings {
		f := &findings[i]
		if f.Fix != nil && left > 0 {
			left -= len(y.src)
			f.Fix = y.fix(f.Fix)
		} else {
			f.Fix = nil // where there are so many, an author has others to begin with
		}
		if f.Pos.Line > 0 {
			f.Pos = y.place(f.Pos)
		}
	}
	return findings
}

// embedded is a document within a YAML file, with the JSON that it is read as: one
// token a line.
type embedded struct {
	renderer
	src     []byte
	path    string
	parents map[*yaml.Node]*yaml.Node
	first   *yaml.Node // the first name of the document
}

// newEmbedded finds the document at a JSON pointer of a file.
func newEmbedded(name string, src []byte, pointer string) (*embedded, bool) {
	root, ok := parseYAML(name, src, &faults{})
	if !ok {
		return nil, false
	}
	n := descend(root.Node, pointer)
	if n == nil || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return nil, false
	}
	y := &embedded{renderer: renderer{file: root.file}, src: src, path: pointer, parents: map[*yaml.Node]*yaml.Node{}, first: n.Content[0]}
	y.node(n)
	y.adopt(n)
	return y, true
}

// descend follows a JSON pointer; nil if it leads nowhere. Source: RFC 6901 §4.
func descend(n *yaml.Node, pointer string) *yaml.Node {
	for n != nil && pointer != "" {
		var name string
		name, pointer, _ = strings.Cut(pointer[1:], "/")
		if pointer != "" {
			pointer = "/" + pointer
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		n = child(n, name)
	}
	return n
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (y *embedded) adopt(n *yaml.Node) {
	for _, c := range n.Content {
		y.parents[c] = n
		y.adopt(c)
	}
}

// fix writes a fix of the JSON as one of the file. It is nil unless the file then
// holds just what the fix makes of the JSON.
func (y *embedded) fix(f *lint.Fix) *lint.Fix {
	out := &lint.Fix{What: f.What}
	for _, e := range f.Edits {
		edit, ok := y.edit(e)
		if !ok {
			return nil
		}
		out.Edits = append(out.Edits, edit)
	}
	want, _, err := lint.Apply(y.Bytes(), []*lint.Fix{f})
	if err != nil {
		return nil
	}
	src, _, err := lint.Apply(y.src, []*lint.Fix{out})
	if err != nil {
		return nil
	}
	got, ok := newEmbedded(y.file.name, src, y.path)
	if !ok || !sameJSON(got.Bytes(), want) {
		return nil
	}
	return out
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// edit writes an edit of the JSON as one of the file. The edits of package lint
// put another text in the place of one, a member before another, or take a text
// out of a list.
func (y *embedded) edit(e lint.Edit) (lint.Edit, bool) {
	line := int(e.Pos.Line)
	if line < 1 || line > len(y.nodes) {
		return lint.Edit{}, false
	}
	comma := strings.LastIndex(e.New, ",\n")
	switch {
	case strings.HasPrefix(e.Old, ",\n") && line < len(y.nodes):
		return y.without(y.nodes[line])
	case strings.HasSuffix(e.Old, ",\n"):
		return y.without(y.nodes[line-1])
	case e.Old == "{":
		return y.before(y.first, strings.Trim(e.New, "{,\n"), quote(y.first.Value))
	case comma >= 0:
		return y.before(y.nodes[line-1], e.New[:comma], e.New[comma+2:])
	}
	old, pos, ok := y.scalar(y.nodes[line-1])
	return lint.Edit{Pos: pos, Old: old, New: e.New}, ok
}

// scalar is the text of a scalar as it stands in the file, on one line.
func (y *embedded) scalar(n *yaml.Node) (text string, pos policy.Position, ok bool) {
	pos = y.file.at(n)
	text = n.Value
	if n.Style == yaml.DoubleQuotedStyle {
		text = quote(n.Value)
	}
	if n.Style == yaml.SingleQuotedStyle {
		text = "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
	}
	if n.Style&^(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		return "", pos, false
	}
	return text, pos, n.Kind == yaml.ScalarNode && text != "" && bytes.HasPrefix(y.src[y.offset(pos):], []byte(text))
}

func (y *embedded) offset(p policy.Position) int {
	at := 0
	for range p.Line - 1 {
		at += bytes.IndexByte(y.src[at:], '\n') + 1
	}
	return at + int(p.Column) - 1
}

// before puts a member before the one of a name, which may be renamed.
func (y *embedded) before(key *yaml.Node, member, name string) (lint.Edit, bool) {
	old, pos, ok := y.scalar(key)
	of := y.parents[key]
	if !ok || of == nil {
		return lint.Edit{}, false
	}
	if name == quote(key.Value) {
		name = old
	}
	if of.Style&yaml.FlowStyle != 0 {
		return lint.Edit{Pos: pos, Old: old, New: member + ", " + name}, true
	}
	indent := strings.Repeat(" ", int(pos.Column)-1)
	return lint.Edit{Pos: pos, Old: old, New: member + "\n" + indent + name}, true
}

// without takes a scalar out of a list of several.
func (y *embedded) without(n *yaml.Node) (lint.Edit, bool) {
	of := y.parents[n]
	text, pos, ok := y.scalar(n)
	if !ok || of == nil || of.Kind != yaml.SequenceNode || len(of.Content) < 2 {
		return lint.Edit{}, false
	}
	from := y.offset(pos)
	to := from + len(text)
	if of.Style&yaml.FlowStyle == 0 {
		start := bytes.LastIndexByte(y.src[:from], '\n') + 1
		end := bytes.IndexByte(y.src[to:], '\n')
		if end < 0 || strings.TrimSpace(string(y.src[start:from])) != "-" || strings.TrimSpace(string(y.src[to:to+end])) != "" {
			return lint.Edit{}, false
		}
		return lint.Edit{Pos: policy.Position{Line: pos.Line, Column: 1}, Old: string(y.src[start : to+end+1])}, true
	}
	for i, x := range of.Content {
		switch {
		case x != n:
		case i+1 < len(of.Content):
			return lint.Edit{Pos: pos, Old: string(y.src[from:y.offset(y.file.at(of.Content[i+1]))])}, true
		default:
			last, begin, known := y.scalar(of.Content[i-1])
			begin.Column += uint32(len(last))
			return lint.Edit{Pos: begin, Old: string(y.src[y.offset(begin):to])}, known
		}
	}
	return lint.Edit{}, false
}
