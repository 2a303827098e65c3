package partiql

import (
	"slices"
	"strconv"
	"strings"
)

// function is one that DynamoDB has.
type function struct {
	name string
	args int
	// operand says that it gives a value; the others are conditions.
	operand bool
}

var functions = [...]function{
	{name: "attribute_type", args: 2},
	{name: "begins_with", args: 2},
	{name: "contains", args: 2},
	{name: "size", args: 1, operand: true},
	{name: "list_append", args: 2, operand: true},
	{name: "set_add", args: 2, operand: true},
	{name: "set_delete", args: 2, operand: true},
}

// findFunction finds a function; its name is in any case.
func findFunction(name string) (function, bool) {
	for _, f := range functions {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return function{}, false
}

// condition reports whether n is true or false of a row.
func (n *Node) condition() bool {
	if n.Kind == Call {
		f, ok := findFunction(n.Text)
		return ok && !f.operand
	}
	return n.Kind > Tuple
}

func (n *Node) wantCondition() error {
	if !n.condition() {
		return faultAt(n.At, "want a condition, have a value")
	}
	return nil
}

func (n *Node) wantOperand() error {
	if n.condition() {
		return faultAt(n.At, "want a path, a value or a function, have a condition")
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

// or, and and not read by precedence. They return an operand if nothing makes
// a condition of it, for it may stand in parentheses.
func (p *parser) or() (*Node, error) { return p.chain(Or, "OR", p.and) }

func (p *parser) and() (*Node, error) { return p.chain(And, "AND", p.not) }

func (p *parser) chain(kind Kind, keyword string, read func() (*Node, error)) (*Node, error) {
	first, err := read()
	if err != nil || !p.tok.is(keyword) {
		return first, err
	}
	if err := first.wantCondition(); err != nil {
		return nil, err
	}
	n := &Node{Kind: kind, At: first.At, Args: []*Node{first}}
	for at := p.tok.at; p.skipWord(keyword); at = p.tok.at {
		if err := p.operator(at); err != nil {
			return nil, err
		}
		arg, err := read()
		if err != nil {
			return nil, err
		}
		if err := arg.wantCondition(); err != nil {
			return nil, err
		}
		n.Args = append(n.Args, arg)
	}
	return n, nil
}

func (p *parser) not() (*Node, error) {
	at := p.tok.at
	if !p.skipWord("NOT") {
		return p.test()
	}
	if err := p.operator(at); err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	arg, err := p.not()
	if err != nil {
		return nil, err
	}
	return &Node{Kind: Not, At: at, Args: []*Node{arg}}, arg.wantCondition()
}

// test reads what follows an operand, if it is one.
func (p *parser) test() (*Node, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	n := &Node{At: left.At, Args: []*Node{left}}
	t := p.tok
	switch {
	case t.kind == symbol && slices.Contains([]string{"=", "<>", "!=", "<", "<=", ">", ">="}, t.text):
		n.Kind, n.Text = Compare, t.text
		if t.text == "!=" {
			n.Text = "<>"
		}
		err = p.operands(n, "")
	case t.is("BETWEEN"):
		n.Kind = Between
		err = p.operands(n, "AND")
	case t.is("IN"):
		n.Kind = In
		err = p.among(n)
	case t.is("IS"):
		n.Kind = Is
		err = p.is(n)
	default:
		return left, nil
	}
	if err != nil {
		return nil, err
	}
	if err := p.operator(t.at); err != nil {
		return nil, err
	}
	return n, left.wantOperand()
}

// operands reads one more operand of n, and after the keyword another.
func (p *parser) operands(n *Node, keyword string) error {
	p.advance()
	if err := p.operandOf(n); err != nil || keyword == "" {
		return err
	}
	if err := p.expectWord(keyword); err != nil {
		return err
	}
	return p.operandOf(n)
}

func (p *parser) operandOf(n *Node) error {
	arg, err := p.operand()
	if err == nil {
		n.Args = append(n.Args, arg)
	}
	return err
}

// among reads the list of IN, in brackets or parentheses.
func (p *parser) among(n *Node) error {
	p.advance()
	last := ")"
	if p.skip("[") {
		last = "]"
	} else if err := p.expect("("); err != nil {
		return err
	}
	for {
		if err := p.operandOf(n); err != nil {
			return err
		}
		if len(n.Args)-1 > MaxIn {
			return faultAt(n.At, "IN takes at most %d values", MaxIn)
		}
		if !p.skip(",") {
			return p.expect(last)
		}
	}
}

func (p *parser) is(n *Node) error {
	p.advance()
	if p.skipWord("NOT") {
		n.Text = "NOT "
	}
	switch {
	case p.skipWord("NULL"):
		n.Text += "NULL"
	case p.skipWord("MISSING"):
		n.Text += "MISSING"
	default:
		return faultAt(p.tok.at, "want NULL or MISSING, have %v", p.tok)
	}
	return nil
}

// operand reads a value: a path, a constant, a function, a sum.
func (p *parser) operand() (*Node, error) {
	n, err := p.sum()
	if err != nil {
		return nil, err
	}
	return n, n.wantOperand()
}

func (p *parser) sum() (*Node, error) {
	n, err := p.primary()
	for err == nil && p.tok.kind == symbol && (p.tok.text == "+" || p.tok.text == "-") {
		if err := n.wantOperand(); err != nil {
			return nil, err
		}
		t := p.tok
		if err := p.operator(t.at); err != nil {
			return nil, err
		}
		p.advance()
		var right *Node
		if right, err = p.primary(); err != nil {
			return nil, err
		}
		n = &Node{Kind: Sum, At: n.At, Text: t.text, Args: []*Node{n, right}}
		err = right.wantOperand()
	}
	return n, err
}

// primary reads a path, a constant, a function, or anything in parentheses.
func (p *parser) primary() (*Node, error) {
	t := p.tok
	switch {
	case t.kind == symbol && t.text == "(":
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.advance()
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case t.kind == word && !t.keyword() && p.callFollows():
		return p.call()
	case t.kind == name, t.kind == word && !t.keyword():
		return p.path()
	}
	return p.constant()
}

// callFollows reports whether a parenthesis comes after tok.
func (p *parser) callFollows() bool {
	after, _ := scan(p.text, p.next)
	return after.kind == symbol && after.text == "("
}

func (p *parser) call() (*Node, error) {
	t := p.tok
	f, ok := findFunction(t.text)
	if !ok {
		return nil, faultAt(t.at, "no function %.80q here", t.text)
	}
	if err := p.operator(t.at); err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	n := &Node{Kind: Call, At: t.at, Text: f.name}
	p.advance()
	p.advance()
	for {
		if err := p.operandOf(n); err != nil {
			return nil, err
		}
		if !p.skip(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(n.Args) != f.args {
		return nil, faultAt(t.at, "%s takes %d operands, not %d", f.name, f.args, len(n.Args))
	}
	return n, nil
}

// path reads a document path.
func (p *parser) path() (*Node, error) {
	n := &Node{Kind: Path, At: p.tok.at}
	s, err := p.identifier("an attribute")
	if err != nil {
		return nil, err
	}
	n.Path = []Element{{Name: s}}
	for {
		var e Element
		switch {
		case p.skip("."):
			e.Name, err = p.identifier("an attribute")
		case p.skip("["):
			e, err = p.listIndex()
		default:
			return n, nil
		}
		if err != nil {
			return nil, err
		}
		n.Path = append(n.Path, e)
	}
}

func (p *parser) listIndex() (Element, error) {
	t := p.tok
	i, err := strconv.Atoi(t.text)
	if t.kind != number || err != nil || len(t.text) > maxIndexDigits {
		return Element{}, faultAt(t.at, "want the index of a list, have %v", t)
	}
	p.advance()
	return Element{List: true, Index: i}, p.expect("]")
}

// constant reads a literal, a parameter, or a list, bag or tuple of these.
func (p *parser) constant() (*Node, error) {
	t := p.tok
	n := &Node{At: t.at, Text: t.text}
	switch {
	case t.kind == text:
		n.Kind = Text
	case t.kind == number:
		n.Kind = Number
	case t.is("TRUE"), t.is("FALSE"), t.is("NULL"), t.is("MISSING"):
		n.Kind, n.Text = Word, strings.ToUpper(t.text)
	case p.skip("?"):
		n.Kind, n.Text, n.Index = Parameter, "", p.parameters
		p.parameters++
		return n, nil
	case p.skip("-"), p.skip("+"):
		if p.tok.kind != number {
			return nil, faultAt(p.tok.at, "want a number, have %v", p.tok)
		}
		n.Kind, n.Text = Number, p.tok.text
		if t.text == "-" {
			n.Text = "-" + n.Text
		}
	case t.kind == symbol && (t.text == "[" || t.text == "<<" || t.text == "{"):
		return p.collection()
	default:
		return nil, faultAt(t.at, "want a path or a value, have %v", t)
	}
	p.advance()
	return n, nil
}

// collection reads a list, a bag or a tuple.
func (p *parser) collection() (*Node, error) {
	if p.nesting++; p.nesting > MaxNesting {
		return nil, faultAt(p.tok.at, "values nest deeper than %d", MaxNesting)
	}
	defer func() { p.nesting-- }()
	n := &Node{Kind: List, At: p.tok.at}
	last := "]"
	switch p.tok.text {
	case "<<":
		n.Kind, last = Bag, ">>"
	case "{":
		n.Kind, last = Tuple, "}"
	}
	p.advance()
	if p.skip(last) {
		return n, nil
	}
	seen := map[string]bool{}
	for {
		if n.Kind == Tuple {
			if err := p.memberName(n, seen); err != nil {
				return nil, err
			}
		}
		member, err := p.constant()
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, member)
		if !p.skip(",") {
			return n, p.expect(last)
		}
	}
}

// memberName reads the name of a tuple's member, and its colon.
func (p *parser) memberName(n *Node, seen map[string]bool) error {
	t := p.tok
	if t.kind != text || t.text == "" {
		return faultAt(t.at, "want the name of an attribute as 'text', have %v", t)
	}
	if seen[t.text] {
		return faultAt(t.at, "the attribute %.80q twice", t.text)
	}
	seen[t.text] = true
	n.Names = append(n.Names, t.text)
	p.advance()
	return p.expect(":")
}
