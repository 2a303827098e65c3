package partiql

import (
	"strings"
	"unicode/utf8"
)

// parser reads by recursive descent: one token ahead, and no way back.
type parser struct {
	text       string
	next       int // where the token after tok begins
	tok        token
	depth      int
	nesting    int
	operators  int
	parameters int
}

// Parse reads one statement.
func Parse(src string) (*Statement, error) {
	if n := utf8.RuneCountInString(src); n > MaxCharacters || len(src) > 4*MaxCharacters {
		return nil, faultAt(0, "a statement has at most %d characters, not %d", MaxCharacters, n)
	}
	p := &parser{text: src}
	p.advance()
	s := new(Statement)
	if err := p.statement(s); err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, faultAt(p.tok.at, "want the end, have %v", p.tok)
	}
	s.Parameters = p.parameters
	return s, s.checkRoots()
}

func (p *parser) statement(s *Statement) error {
	t := p.tok
	switch {
	case p.skipWord("SELECT"):
		s.Verb = Select
		return p.query(s)
	case p.skipWord("EXISTS"):
		return p.exists(s)
	case p.skipWord("INSERT"):
		s.Verb = Insert
		return p.insert(s)
	case p.skipWord("UPDATE"):
		s.Verb = Update
		return p.update(s)
	case p.skipWord("DELETE"):
		s.Verb = Delete
		return p.remove(s)
	}
	return faultAt(t.at, "want SELECT, INSERT, UPDATE, DELETE or EXISTS, have %v", t)
}

// checkRoots refuses a path that begins with the name of the table or index: in
// SQL it would be the row, so that an attribute could hide behind it. Choice
// C34.
func (s *Statement) checkRoots() error {
	var err error
	s.Walk(func(n *Node) {
		if err != nil || n.Kind != Path {
			return
		}
		if root := n.Path[0].Name; strings.EqualFold(root, s.Table) || strings.EqualFold(root, s.Index) {
			err = faultAt(n.At, "%.80q may be the table or an attribute", root)
		}
	})
	return err
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

func (p *parser) expectWord(words ...string) error {
	for _, k := range words {
		if !p.skipWord(k) {
			return faultAt(p.tok.at, "want %s, have %v", k, p.tok)
		}
	}
	return nil
}

// exists reads (SELECT …).
func (p *parser) exists(s *Statement) error {
	s.Verb = Exists
	if err := p.expect("("); err != nil {
		return err
	}
	if err := p.expectWord("SELECT"); err != nil {
		return err
	}
	if err := p.query(s); err != nil {
		return err
	}
	return p.expect(")")
}

// query reads what follows SELECT.
func (p *parser) query(s *Statement) error {
	if !p.skip("*") {
		for {
			column, err := p.operand()
			if err != nil {
				return err
			}
			s.Columns = append(s.Columns, column)
			if !p.skip(",") {
				break
			}
		}
	}
	if err := p.expectWord("FROM"); err != nil {
		return err
	}
	if err := p.source(s, true); err != nil {
		return err
	}
	if err := p.where(s, false); err != nil {
		return err
	}
	if !p.skipWord("ORDER") {
		return nil
	}
	return p.order(s)
}

func (p *parser) order(s *Statement) error {
	if err := p.expectWord("BY"); err != nil {
		return err
	}
	for {
		path, err := p.path()
		if err != nil {
			return err
		}
		o := Order{Path: path}
		switch {
		case p.skipWord("ASC"):
			o.Direction = "ASC"
		case p.skipWord("DESC"):
			o.Direction = "DESC"
		}
		s.Order = append(s.Order, o)
		if !p.skip(",") {
			return nil
		}
	}
}

// source reads a table, and where one may stand an index.
func (p *parser) source(s *Statement, index bool) error {
	var err error
	if s.Table, err = p.identifier("a table"); err != nil || !index || !p.skip(".") {
		return err
	}
	s.Index, err = p.identifier("an index")
	return err
}

// identifier reads a name, with quotes or without.
func (p *parser) identifier(of string) (string, error) {
	t := p.tok
	if t.kind != name && (t.kind != word || t.keyword()) || t.text == "" {
		return "", faultAt(t.at, "want the name of %s, have %v", of, t)
	}
	p.advance()
	return t.text, nil
}

func (p *parser) where(s *Statement, must bool) error {
	if !p.tok.is("WHERE") && !must {
		return nil
	}
	if err := p.expectWord("WHERE"); err != nil {
		return err
	}
	n, err := p.or()
	if err != nil {
		return err
	}
	s.Where = n
	return n.wantCondition()
}

func (p *parser) insert(s *Statement) error {
	if err := p.expectWord("INTO"); err != nil {
		return err
	}
	if err := p.source(s, false); err != nil {
		return err
	}
	if err := p.expectWord("VALUE"); err != nil {
		return err
	}
	if p.tok.kind != symbol || p.tok.text != "{" {
		return faultAt(p.tok.at, "want a tuple, have %v", p.tok)
	}
	var err error
	s.Item, err = p.constant()
	return err
}

func (p *parser) remove(s *Statement) error {
	if err := p.expectWord("FROM"); err != nil {
		return err
	}
	if err := p.source(s, false); err != nil {
		return err
	}
	if err := p.where(s, true); err != nil {
		return err
	}
	return p.returning(s, "ALL OLD")
}

func (p *parser) update(s *Statement) error {
	if err := p.source(s, false); err != nil {
		return err
	}
	for {
		set := p.skipWord("SET")
		if !set && !p.skipWord("REMOVE") {
			break
		}
		if err := p.changes(s, set); err != nil {
			return err
		}
	}
	if len(s.Changes) == 0 {
		return faultAt(p.tok.at, "want SET or REMOVE, have %v", p.tok)
	}
	if err := p.where(s, true); err != nil {
		return err
	}
	return p.returning(s, "ALL OLD", "MODIFIED OLD", "ALL NEW", "MODIFIED NEW")
}

// changes reads what follows SET or REMOVE.
func (p *parser) changes(s *Statement, set bool) error {
	for {
		path, err := p.path()
		if err != nil {
			return err
		}
		c := Change{Path: path}
		if set {
			if err := p.expect("="); err != nil {
				return err
			}
			if c.Value, err = p.operand(); err != nil {
				return err
			}
		}
		s.Changes = append(s.Changes, c)
		if !p.skip(",") {
			return nil
		}
	}
}

func (p *parser) returning(s *Statement, allowed ...string) error {
	if !p.skipWord("RETURNING") {
		return nil
	}
	t := p.tok
	p.advance()
	have := strings.ToUpper(t.text + " " + p.tok.text)
	for _, a := range allowed {
		if a == have && t.kind == word && p.tok.kind == word {
			s.Returning = a
			p.advance()
			return p.expect("*")
		}
	}
	return faultAt(t.at, "want %s *", strings.Join(allowed, " *, "))
}
