package expression

// ParseUpdate reads an UpdateExpression. Each clause stands in it at most
// once.
func ParseUpdate(text string) (*Update, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	p.update = true
	u := new(Update)
	for p.tok.kind != end {
		if err := p.clause(u); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (p *parser) clause(u *Update) error {
	t := p.tok
	var changes *[]Change
	read := p.addition
	switch {
	case t.is("SET"):
		changes, read = &u.Set, p.assignment
	case t.is("REMOVE"):
		changes, read = &u.Remove, p.removal
	case t.is("ADD"):
		changes = &u.Add
	case t.is("DELETE"):
		changes = &u.Delete
	default:
		return faultAt(t.at, "want SET, REMOVE, ADD or DELETE, have %v", t)
	}
	if *changes != nil {
		return faultAt(t.at, "a second %s", t.text)
	}
	p.advance()
	for {
		path, err := p.path()
		if err != nil {
			return err
		}
		c := Change{Path: path}
		if c.Value, err = read(); err != nil {
			return err
		}
		*changes = append(*changes, c)
		if !p.skip(",") {
			return nil
		}
	}
}

// removal has nothing after its path.
func (p *parser) removal() (*Node, error) { return nil, nil }

func (p *parser) addition() (*Node, error) { return p.placeholder() }

func (p *parser) assignment() (*Node, error) {
	if err := p.expect("="); err != nil {
		return nil, err
	}
	return p.sum()
}

// sum reads operands with + and - between.
func (p *parser) sum() (*Node, error) {
	n, err := p.updateOperand(true)
	for err == nil && p.tok.kind == symbol && (p.tok.text == "+" || p.tok.text == "-") {
		t := p.tok
		if err := p.operator(t.at); err != nil {
			return nil, err
		}
		p.advance()
		var right *Node
		if right, err = p.updateOperand(true); err == nil {
			n = &Node{Kind: Sum, At: n.At, Text: t.text, Args: []*Node{n, right}}
		}
	}
	return n, err
}

// updateOperand reads a path, a value, a function or an operand in
// parentheses; a sum in these where sums may be.
func (p *parser) updateOperand(sums bool) (*Node, error) {
	t := p.tok
	call := t.kind == word && !t.keyword() && p.callFollows()
	switch {
	case t.kind == value:
		return p.placeholder()
	case !call && (t.kind != symbol || t.text != "("):
		return p.path()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.advance()
	if call {
		return p.call(t)
	}
	read := func() (*Node, error) { return p.updateOperand(false) }
	if sums {
		read = p.sum
	}
	n, err := read()
	if err != nil {
		return nil, err
	}
	return n, p.expect(")")
}
