package expression

import "slices"

// Condition reads a ConditionExpression or FilterExpression.
func Condition(text string) (*Node, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return n, n.wantCondition()
}

// operand reports whether n gives a value.
func (n *Node) operand() bool {
	return n.Kind == Path || n.Kind == Value || n.Kind == Call && n.Text == "size"
}

func (n *Node) wantCondition() error {
	if n.operand() {
		return faultAt(n.At, "want a condition, have %.80q", n)
	}
	return nil
}

func (n *Node) wantOperand() error {
	if !n.operand() {
		return faultAt(n.At, "want a path, a value or size, have a condition")
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
	n := &Node{Kind: kind, At: first.At, Args: []*Node{first}}
	if err := first.wantCondition(); err != nil {
		return nil, err
	}
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
		return p.comparison()
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

// comparison reads what follows an operand, if it is one.
func (p *parser) comparison() (*Node, error) {
	left, err := p.primary()
	if err != nil {
		return nil, err
	}
	n := &Node{At: left.At, Args: []*Node{left}}
	t := p.tok
	switch {
	case t.kind == symbol && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.text):
		n.Kind, n.Text = Compare, t.text
		err = p.operands(n, "")
	case t.is("BETWEEN"):
		n.Kind = Between
		err = p.operands(n, "AND")
	case t.is("IN"):
		n.Kind = In
		err = p.among(n)
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
	if !p.skipWord(keyword) {
		return faultAt(p.tok.at, "want %s, have %v", keyword, p.tok)
	}
	return p.operandOf(n)
}

// among reads the list of IN.
func (p *parser) among(n *Node) error {
	p.advance()
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		if err := p.operandOf(n); err != nil {
			return err
		}
		if len(n.Args)-1 > MaxIn {
			return faultAt(n.At, "IN takes at most %d operands", MaxIn)
		}
		if !p.skip(",") {
			return p.expect(")")
		}
	}
}

func (p *parser) operandOf(n *Node) error {
	arg, err := p.primary()
	if err != nil {
		return err
	}
	n.Args = append(n.Args, arg)
	return arg.wantOperand()
}

// primary reads a path, a value, a function, or anything in parentheses.
func (p *parser) primary() (*Node, error) {
	t := p.tok
	switch {
	case t.kind == value:
		return p.placeholder()
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
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.advance()
		return p.call(t)
	}
	return p.path()
}

// callFollows reports whether a parenthesis comes after tok.
func (p *parser) callFollows() bool {
	after, _ := scan(p.text, p.next)
	return after.kind == symbol && after.text == "("
}
