package bundle

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// document is a policy document of a bundle.
type document struct {
	*policy.Document
	// name is how suites call it; see Bundle.StatementName.
	name string
	// path is the JSON pointer of the document in its file, empty if it is the
	// file.
	path string
	kind policy.Kind
	// number tells the documents of a bundle apart.
	number int
	size   int // characters without white space, of a document within YAML
}

// validate notes the faults that d has as a policy of the kind.
func (d *document) validate(kind policy.Kind, v *conditions.Vocabulary, f *faults) {
	f.document(d.Validate(kind, v), d.path)
}

// document reads a policy document that stands in a YAML file; nil if it
// cannot be read. It is read as JSON, one token a line, so that the policy
// reader's one set of checks holds for it; place turns the line of a token
// back into its place in the file.
func (n node) document(name string, kind policy.Kind) *document {
	r := renderer{file: n.file}
	r.node(n.Node)
	doc, err := policy.ParseAt(n.file.name, r.Bytes(), r.place)
	if !n.file.faults.document(err, n.path) {
		return nil
	}
	size := utf8.RuneCount(r.Bytes()) - bytes.Count(r.Bytes(), []byte("\n"))
	return &document{Document: doc, name: name, path: n.path, kind: kind, size: size}
}

// renderer writes a YAML tree as JSON.
type renderer struct {
	bytes.Buffer
	file   *yamlFile
	places []policy.Position // of the lines
	nodes  []*yaml.Node      // that they are of
}

func (r *renderer) place(p policy.Position) policy.Position {
	if int(p.Line) > len(r.places) {
		return r.places[len(r.places)-1]
	}
	return r.places[p.Line-1]
}

// line writes a token as a line of its own.
func (r *renderer) line(n *yaml.Node, token string) {
	r.WriteString(token)
	r.WriteByte('\n')
	r.places = append(r.places, r.file.at(n))
	r.nodes = append(r.nodes, n)
}

func (r *renderer) node(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		r.line(n, "{")
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				r.line(n.Content[i], ",")
			}
			// A name is its text: Null, an operator, is no null here.
			r.line(n.Content[i], quote(n.Content[i].Value))
			r.line(n.Content[i], ":")
			r.node(n.Content[i+1])
		}
		r.line(n, "}")
		return
	}
	if n.Kind == yaml.SequenceNode {
		r.line(n, "[")
		for i, c := range n.Content {
			if i > 0 {
				r.line(c, ",")
			}
			r.node(c)
		}
		r.line(n, "]")
		return
	}
	// Source text, whatever YAML takes it for: 2012-10-17 is no date,
	// 012345678901 no octal number. Nothing at all stays nothing, which the
	// policy reader refuses.
	if (node{Node: n}).null() {
		r.line(n, "null")
		return
	}
	r.line(n, quote(n.Value))
}

// quote writes a JSON string; unlike json.Marshal it leaves <, > and & alone,
// so that a document keeps its size.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
