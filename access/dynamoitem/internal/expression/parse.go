package expression

import (
	"strconv"
)

// parser reads by recursive descent: one token ahead, and no way back.
type parser struct {
	text      string
	next      int // where the token after tok begins
	tok       token
	depth     int
	operators int
	update    bool
}

func newParser(text string) (*parser, error) {
	if len(text) > MaxBytes {
		return nil, faultAt(0, "an expression has at most %d bytes, not %d", MaxBytes, len(text))
	}
	p := &parser{text: text}
	p.advance()
	if p.tok.kind == end {
		return nil, faultAt(0, "the expression is empty")
	}
	return p, nil
}

func (p *parser) advance() { p.tok, p.next = scan(p.text, p.next) }

// skip goes past the symbol s if it comes next.
func (p *parser) skip(s string) bool {
	if p.tok.kind != symbol || p.tok.text != s {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(s string) error {
	if !p.skip(s) {
		return faultAt(p.tok.at, "want %q, have %v", s, p.tok)
	}
	return nil
}

// skipWord goes past the keyword k if it comes next.
func (p *parser) skipWord(k string) bool {
	if !p.tok.is(k) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) finish() error {
	if p.tok.kind != end {
		return faultAt(p.tok.at, "want the end, have %v", p.tok)
	}
	return nil
}

// enter counts a level; leave takes it back.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return faultAt(p.tok.at, "nests deeper than %d", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// operator counts one.
func (p *parser) operator(at int) error {
	if p.operators++; p.operators > MaxOperators {
		return faultAt(at, "more than %d operators and functions", MaxOperators)
	}
	return nil
}

// Projection reads a ProjectionExpression: paths with commas between.
func Projection(text string) ([]*Node, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var paths []*Node
	for {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
		if !p.skip(",") {
			return paths, p.finish()
		}
	}
}

// path reads a document path.
func (p *parser) path() (*Node, error) {
	n := &Node{Kind: Path, At: p.tok.at}
	e, err := p.element()
	for err == nil {
		n.Path = append(n.Path, e)
		switch {
		case p.skip("."):
			e, err = p.element()
		case p.skip("["):
			e, err = p.listIndex()
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) element() (Element, error) {
	t := p.tok
	switch {
	case t.kind == word && !t.keyword():
	case t.kind == name && len(t.text) <= MaxPlaceholder:
	case t.kind == name:
		return Element{}, faultAt(t.at, "a placeholder has at most %d bytes", MaxPlaceholder)
	default:
		return Element{}, faultAt(t.at, "want the name of an attribute, have %v", t)
	}
	p.advance()
	return Element{Name: t.text}, nil
}

func (p *parser) listIndex() (Element, error) {
	t := p.tok
	if t.kind != index || len(t.text) > maxIndexDigits || len(t.text) > 1 && t.text[0] == '0' {
		return Element{}, faultAt(t.at, "want the index of a list, have %v", t)
	}
	i, err := strconv.Atoi(t.text)
	if err != nil {
		return Element{}, faultAt(t.at, "want the index of a list, have %v", t)
	}
	p.advance()
	return Element{Index: i}, p.expect("]")
}

// placeholder reads the placeholder of a value.
func (p *parser) placeholder() (*Node, error) {
	t := p.tok
	if t.kind != value {
		return nil, faultAt(t.at, "want a :value, have %v", t)
	}
	if len(t.text) > MaxPlaceholder {
		return nil, faultAt(t.at, "a placeholder has at most %d bytes", MaxPlaceholder)
	}
	p.advance()
	return &Node{Kind: Value, At: t.at, Text: t.text}, nil
}

// function is what may be called where.
type function struct {
	name string
	args int
	// path says that the first argument must be one.
	path bool
	// operand says that the function gives a value; the others are conditions.
	operand bool
	update  bool
}

var functions = [...]function{
	{name: "attribute_exists", args: 1, path: true},
	{name: "attribute_not_exists", args: 1, path: true},
	{name: "attribute_type", args: 2},
	{name: "begins_with", args: 2},
	{name: "contains", args: 2},
	{name: "size", args: 1, operand: true},
	{name: "if_not_exists", args: 2, path: true, operand: true, update: true},
	{name: "list_append", args: 2, operand: true, update: true},
}

// call reads the arguments of the function that tok names; the parenthesis
// comes next.
func (p *parser) call(t token) (*Node, error) {
	var f function
	for _, known := range functions {
		if known.name == t.text && known.update == p.update {
			f = known
		}
	}
	if f.name == "" {
		return nil, faultAt(t.at, "no function %.80q here", t.text)
	}
	if err := p.operator(t.at); err != nil {
		return nil, err
	}
	n := &Node{Kind: Call, At: t.at, Text: f.name}
	for {
		p.advance()
		arg, err := p.argument(&f)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, arg)
		if p.tok.kind != symbol || p.tok.text != "," {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(n.Args) != f.args {
		return nil, faultAt(t.at, "%s takes %d operands, not %d", f.name, f.args, len(n.Args))
	}
	if f.path && n.Args[0].Kind != Path {
		return nil, faultAt(n.Args[0].At, "%s takes a path first", f.name)
	}
	return n, nil
}

// argument reads an operand of f: in an update, functions nest.
func (p *parser) argument(f *function) (*Node, error) {
	if f.update {
		return p.updateOperand(false)
	}
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	if n.Kind != Path && n.Kind != Value {
		return nil, faultAt(n.At, "%s takes paths and values", f.name)
	}
	return n, nil
}
