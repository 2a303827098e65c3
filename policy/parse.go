package policy

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads one policy document. It is strict: a duplicate member, an
// unknown one, a wrong type, both or neither of Action and NotAction, trailing
// data, invalid UTF-8 and anything over the limits is refused, all faults at
// once, in source order, as Errors. name stands in messages; it is usually the
// file's name. The document keeps src's text.
//
// What depends on the kind of policy or on the vocabulary is for Validate.
// Source: IAM User Guide, "Grammar of the IAM JSON policy language".
func Parse(name string, src []byte) (*Document, error) { return ParseAt(name, src, nil) }

// ParseAt is Parse for a document that was cut out of a larger file, or
// rewritten from another notation: place turns a position in src into the one
// to report and to keep in the document. A nil place keeps it.
func ParseAt(name string, src []byte, place func(Position) Position) (*Document, error) {
	p := parser{lexer: lexer{name: name, line: 1, place: place}}
	switch at := invalidUTF8(src); {
	case len(src) > MaxDocumentBytes:
		p.fault(Position{}, "larger than %d bytes", MaxDocumentBytes)
	case at >= 0:
		p.src = string(src[:at])
		for p.at < at {
			if p.src[p.at] == '\n' {
				p.line++
				p.lineStart = p.at + 1
			}
			p.at++
		}
		p.fault(p.position(), "invalid UTF-8")
	default:
		p.src = string(src)
		p.document()
	}
	if len(p.faults) > 0 {
		return nil, p.faults.sorted()
	}
	p.doc.size = utf8.RuneCountInString(p.src)
	p.doc.compact = p.doc.size - p.blanks
	return &p.doc, nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, negative
// if there is none.
func invalidUTF8(src []byte) int {
	if utf8.Valid(src) {
		return -1
	}
	for at := 0; at < len(src); {
		r, n := utf8.DecodeRune(src[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int { return a.Pos.compare(b.Pos) })
	return e
}

type parser struct {
	lexer
	doc Document
	// texts is where the values of actions and resources live, so that a
	// document costs few allocations.
	texts []Text
}

func (p *parser) document() {
	p.doc.Name = p.name
	start := p.startOf()
	if p.peek() != '{' {
		what := p.skip()
		if !p.broken {
			p.fault(start, "want an object, have %s", what)
		}
		return
	}
	seen := 0
	p.object(func(name Text) {
		p.push(name.Value, -1)
		defer p.pop()
		switch name.Value {
		case "Version":
			p.doc.Version = p.version()
		case "Id":
			p.doc.ID, p.doc.HasID = p.string(), true
		case "Statement":
			seen++
			p.statements()
		default:
			p.fault(name.Pos, "unknown member %.100q: want Version, Id or Statement", name.Value)
			p.skip()
		}
	})
	if p.broken {
		return
	}
	if p.peek(); p.at < len(p.src) {
		p.fault(p.position(), "data after the document")
	}
	if seen == 0 {
		p.fault(start, "no Statement")
	}
}

// startOf is the place of the next value.
func (p *parser) startOf() Position {
	p.peek()
	return p.position()
}

func (p *parser) version() Text {
	t := p.string()
	if t.Value != "2012-10-17" && t.Value != "2008-10-17" && !p.broken && t.Pos != (Position{}) {
		p.fault(t.Pos, `unknown version %.100q: want "2012-10-17" or "2008-10-17"`, t.Value)
	}
	return t
}

// string reads a string and notes anything else; the zero Text stands for
// that.
func (p *parser) string() Text {
	pos := p.startOf()
	if p.peek() == '"' {
		return p.text()
	}
	if what := p.skip(); !p.broken {
		p.fault(pos, "want a string, have %s", what)
	}
	return Text{}
}

func (p *parser) statements() {
	pos := p.startOf()
	switch p.peek() {
	case '{':
		p.statement(0)
	case '[':
		count := p.array(func(i int) {
			p.push("", i)
			defer p.pop()
			pos := p.startOf()
			if p.peek() == '{' {
				p.statement(i)
			} else if what := p.skip(); !p.broken {
				p.fault(pos, "want an object, have %s", what)
			}
		})
		if count == 0 && !p.broken {
			p.fault(pos, "no statement")
		}
	default:
		if what := p.skip(); !p.broken {
			p.fault(pos, "want an object or an array of objects, have %s", what)
		}
	}
}

func (p *parser) statement(index int) {
	s := Statement{Pos: p.startOf(), Index: index}
	var effect, action, notAction, resource, notResource, principal, notPrincipal bool
	p.object(func(name Text) {
		p.push(name.Value, -1)
		defer p.pop()
		switch name.Value {
		case "Sid":
			s.Sid = p.string()
		case "Effect":
			effect = true
			s.Effect = p.effect()
		case "Principal":
			principal = true
			s.Principal = p.principal(name.Pos, false)
		case "NotPrincipal":
			notPrincipal = true
			s.Principal = p.principal(name.Pos, true)
		case "Action":
			action = true
			s.Action = p.element(name.Pos, false)
		case "NotAction":
			notAction = true
			s.Action = p.element(name.Pos, true)
		case "Resource":
			resource = true
			s.Resource = p.element(name.Pos, false)
		case "NotResource":
			notResource = true
			s.Resource = p.element(name.Pos, true)
		case "Condition":
			s.Conditions = p.conditions()
		default:
			p.fault(name.Pos, "unknown member %.100q", name.Value)
			p.skip()
		}
	})
	if p.broken {
		return
	}
	for _, both := range []struct {
		yes, no bool
		name    string
	}{{principal, notPrincipal, "Principal"}, {action, notAction, "Action"}, {resource, notResource, "Resource"}} {
		if both.yes && both.no {
			p.fault(s.Pos, "both %s and Not%s", both.name, both.name)
		}
	}
	if !effect {
		p.fault(s.Pos, "no Effect")
	}
	if !action && !notAction {
		p.fault(s.Pos, "no Action and no NotAction")
	}
	if len(p.faults) == 0 { // else nobody will read it, and a stranger could ask for a lot of memory
		p.doc.Statements = append(p.doc.Statements, s)
	}
}

func (p *parser) effect() Effect {
	t := p.string()
	switch {
	case t.Value == "Allow":
		return Allow
	case t.Value == "Deny":
		return Deny
	case t.Pos != (Position{}) && !p.broken:
		p.fault(t.Pos, `unknown effect %.100q: want "Allow" or "Deny"`, t.Value)
	}
	return 0
}

func (p *parser) element(pos Position, not bool) Element {
	return Element{Pos: pos, Not: not, Values: p.strings()}
}

// strings reads a string or a non-empty array of strings.
func (p *parser) strings() []Text {
	if p.texts == nil {
		p.texts = make([]Text, 0, strings.Count(p.src[p.at:], `"`)/2)
	}
	pos, first := p.startOf(), len(p.texts)
	switch p.peek() {
	case '"':
		p.texts = append(p.texts, p.text())
	case '[':
		count := p.array(func(i int) {
			p.push("", i)
			defer p.pop()
			if t := p.string(); t.Pos != (Position{}) {
				p.texts = append(p.texts, t)
			}
		})
		if count == 0 && !p.broken {
			p.fault(pos, "an empty array")
		}
	default:
		if what := p.skip(); !p.broken {
			p.fault(pos, "want a string or an array of strings, have %s", what)
		}
	}
	return p.texts[first:len(p.texts):len(p.texts)]
}

func (p *parser) principal(pos Position, not bool) *Principal {
	out := &Principal{Pos: pos, Not: not}
	start := p.startOf()
	switch p.peek() {
	case '"':
		t := p.text()
		if t.Value != "*" && !p.broken {
			p.fault(t.Pos, `principal %.100q: want "*" or an object of AWS, Federated, Service, CanonicalUser`, t.Value)
		}
		out.Everyone = true
		out.Entries = []PrincipalEntry{{PrincipalAWS, t}}
	case '{':
		count := p.object(func(name Text) {
			p.push(name.Value, -1)
			defer p.pop()
			t := principalType(name.Value)
			if t == 0 {
				p.fault(name.Pos, "unknown member %.100q: want AWS, Federated, Service or CanonicalUser", name.Value)
				p.skip()
				return
			}
			for _, entry := range p.strings() {
				out.Entries = append(out.Entries, PrincipalEntry{t, entry})
			}
		})
		if count == 0 && !p.broken {
			p.fault(start, "an empty principal")
		}
	default:
		if what := p.skip(); !p.broken {
			p.fault(start, `want "*" or an object, have %s`, what)
		}
	}
	return out
}

func principalType(name string) PrincipalType {
	for _, t := range []PrincipalType{PrincipalAWS, PrincipalFederated, PrincipalService, PrincipalCanonicalUser} {
		if t.String() == name {
			return t
		}
	}
	return 0
}

// conditions reads the operators of a condition block.
func (p *parser) conditions() []Condition {
	pos := p.startOf()
	if p.peek() != '{' {
		if what := p.skip(); !p.broken {
			p.fault(pos, "want an object, have %s", what)
		}
		return nil
	}
	var out []Condition
	count := p.object(func(operator Text) {
		p.push(operator.Value, -1)
		defer p.pop()
		out = p.keys(out, operator)
	})
	if count == 0 && !p.broken {
		p.fault(pos, "an empty condition")
	}
	return out
}

// keys reads the keys of one operator.
func (p *parser) keys(out []Condition, operator Text) []Condition {
	pos, first := p.startOf(), len(out)
	if p.peek() != '{' {
		if what := p.skip(); !p.broken {
			p.fault(pos, "want an object, have %s", what)
		}
		return out
	}
	count := p.object(func(key Text) {
		p.push(key.Value, -1)
		defer p.pop()
		for _, c := range out[first:] {
			if c.Key.Value != key.Value && strings.EqualFold(c.Key.Value, key.Value) {
				p.fault(key.Pos, "the keys %.100q and %.100q are one key", c.Key.Value, key.Value)
			}
		}
		out = append(out, Condition{Operator: operator, Key: key, Values: p.values()})
	})
	if count == 0 && !p.broken {
		p.fault(pos, "an empty operator")
	}
	return out
}

// values reads a value or a non-empty array of values of one type.
func (p *parser) values() []Value {
	pos := p.startOf()
	if p.peek() != '[' {
		if v, ok := p.value(); ok {
			return []Value{v}
		}
		return nil
	}
	var out []Value
	count := p.array(func(i int) {
		p.push("", i)
		defer p.pop()
		v, ok := p.value()
		if !ok {
			return
		}
		if len(out) > 0 && out[0].Kind != v.Kind {
			p.fault(v.Pos, "values of different types in one array")
		}
		if len(out) == cap(out) && len(out) >= 256 {
			out = slices.Grow(out, len(out)) // append's quarters cost five times the whole
		}
		out = append(out, v)
	})
	if count == 0 && !p.broken {
		p.fault(pos, "an empty array")
	}
	return out
}

var errValueType = errors.New("want a string, a number or a boolean")

func (p *parser) value() (Value, bool) {
	v := Value{Text: Text{Pos: p.startOf()}}
	switch c := p.peek(); {
	case c == '"':
		v.Text = p.text()
	case c == '-' || '0' <= c && c <= '9':
		v.Kind = NumberValue
		text, err := PlainNumber(p.number())
		if err != nil {
			p.fault(v.Pos, "%w", err)
		}
		v.Value = text
	default:
		v.Kind = BoolValue
		if v.Value = p.skip(); v.Value != "true" && v.Value != "false" {
			if !p.broken {
				p.fault(v.Pos, "%w, have %s", errValueType, v.Value)
			}
			return v, false
		}
	}
	return v, !p.broken
}
