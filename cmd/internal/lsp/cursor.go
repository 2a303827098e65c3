package lsp

import (
	"fmt"
	"path"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/cmd/internal/bundleschema"
)

// cursor is a place in an open document and what belongs there.
type cursor struct {
	place
	doc *document
	// offset is where the scalar begins in the document, if it is written as it is
	// read.
	offset  int
	project *project // nil for a document of none
	// schema is the name of the file's, root it.
	schema string
	root   *shape
	// policy is where on the path a policy document begins; negative outside of one.
	policy int
	// element and statement are of that document.
	element   element
	statement []string
}

// cursorAt finds what is at a position of a document. The cursor is nil where
// nothing is known.
func (s *Server) cursorAt(p *positionParams) (*cursor, *jsonrpc2.Error) {
	d, problem := s.document(p.TextDocument.URI)
	if problem != nil || d.lost != "" {
		return nil, problem
	}
	all, err := shapes()
	if err != nil {
		return nil, fault(jsonrpc2.CodeInternalError, "%v", err)
	}
	c := &cursor{doc: d, policy: -1}
	var ok bool
	if project, rel, in := s.projectOf(d); in {
		c.project = project
		c.schema, ok = bundleschema.Of(rel)
	} else if c.schema = "policy"; isPolicy(d) || fresh(d) {
		ok = true
	}
	if !ok {
		return nil, nil
	}
	c.root = all[c.schema]
	at := d.text.offset(p.Position)
	if c.schema == "policy" {
		c.place, c.policy = scanJSON(d.text.string, at), 0
	} else {
		if c.place, ok = scanYAML(d.text.string, at); !ok {
			return nil, nil
		}
		c.settle()
	}
	c.offset = at - c.caret
	if c.policy >= 0 {
		c.element, c.statement = elementOf(c.path[c.policy:], c.key)
	}
	return c, nil
}

// fresh reports whether a document is JSON that may become a policy.
func fresh(d *document) bool {
	return d.lost == "" && strings.EqualFold(path.Ext(d.uri), ".json") && len(d.text.string) < 64 &&
		strings.Trim(d.text.string, " \t\r\n{}\"") == ""
}

// settle finds the policy document around a place of YAML. A word that stands
// where an object belongs is the beginning of a member's name.
func (c *cursor) settle() {
	at := spotAt(c.root, c.path)
	c.policy = at.document
	if c.key || len(at.shapes) == 0 {
		return
	}
	for _, x := range at.shapes {
		if x.Properties == nil && x.others == nil && x.Patterns == nil && x.Items == nil {
			return
		}
	}
	c.key, c.members = true, nil
}

// shapesAround are those of the object whose member a name is.
func (c *cursor) shapesAround() []*shape { return spotAt(c.root, c.path).shapes }

// variable returns the name of the policy variable under the cursor, or what there
// is of it, and its offsets in the scalar; ok is false if there is none.
func (c *cursor) variable() (name string, from, to int, ok bool) {
	from = strings.LastIndex(c.scalar[:min(c.caret, len(c.scalar))], "${")
	if from < 0 || c.element != conditionValue && c.element != resourceValue {
		return "", 0, 0, false
	}
	from += 2
	to = len(c.scalar)
	if i := strings.IndexAny(c.scalar[from:], "},\""); i >= 0 {
		to = from + i
	}
	if to < c.caret {
		return "", 0, 0, false
	}
	return c.scalar[from:to], from, to, true
}

// actions are those of the statement around the cursor.
func (c *cursor) actions() []string {
	begin := append(append([]string{}, c.path[:max(c.policy, 0)]...), c.statement...)
	return c.at(append(begin, "Action")...)
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
