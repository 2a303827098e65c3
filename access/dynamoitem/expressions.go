package dynamoitem

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem/internal/expression"
)

// variables are what the placeholders of expressions stand for.
type variables struct {
	names  map[string]string
	values map[string]value
	// declared are the placeholders in the order of the body.
	declared []string
	used     map[string]bool
}

// names reads ExpressionAttributeNames.
func (r *reader) names(v *variables) error {
	v.names = map[string]string{}
	return r.object(func(placeholder string) error {
		if !isPlaceholder(placeholder, '#') {
			return r.fault("want # and letters, digits or _")
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		if name == "" || len(name) > maxAttributeName {
			return r.fault("want the name of an attribute")
		}
		v.names[placeholder] = name
		v.declared = append(v.declared, placeholder)
		return nil
	})
}

// values reads ExpressionAttributeValues.
func (r *reader) values(v *variables) error {
	v.values = map[string]value{}
	return r.object(func(placeholder string) error {
		if !isPlaceholder(placeholder, ':') {
			return r.fault("want : and letters, digits or _")
		}
		x, err := r.value()
		if err != nil {
			return err
		}
		v.values[placeholder] = x
		v.declared = append(v.declared, placeholder)
		return nil
	})
}

func isPlaceholder(s string, first byte) bool {
	return len(s) > 1 && len(s) <= expression.MaxPlaceholder && s[0] == first &&
		placeholderBytes.all(s[1:])
}

// name is the attribute that an element of a path names.
func (v *variables) name(written string) (string, error) {
	if !strings.HasPrefix(written, "#") {
		return written, nil
	}
	name, ok := v.names[written]
	if !ok {
		return "", fmt.Errorf("no %.80s in ExpressionAttributeNames", written)
	}
	v.use(written)
	return name, nil
}

func (v *variables) value(written string) (value, error) {
	x, ok := v.values[written]
	if !ok {
		return value{}, fmt.Errorf("no %.80s in ExpressionAttributeValues", written)
	}
	v.use(written)
	return x, nil
}

func (v *variables) use(placeholder string) {
	if v.used == nil {
		v.used = make(map[string]bool, len(v.declared))
	}
	v.used[placeholder] = true
}

// unused is a placeholder that no expression names, empty if there is none.
func (v *variables) unused() string {
	for _, placeholder := range v.declared {
		if !v.used[placeholder] {
			return placeholder
		}
	}
	return ""
}

func (r *reader) expression(p *part, name string) error {
	text, err := r.string()
	if err != nil {
		return err
	}
	if p.expressions == nil {
		p.expressions = map[string]string{}
	}
	p.expressions[name] = text
	return nil
}

// mention adds the top-level attribute of every path of an expression, and
// wants what every placeholder stands for.
func (p *part) mention(member string, n *expression.Node) error {
	var first error
	fail := func(at int, err error) {
		if first == nil && err != nil {
			first = &Error{Member: join(p.member, member), At: at, Err: err}
		}
	}
	n.Walk(func(n *expression.Node) {
		if n.Kind == expression.Value {
			_, err := p.variables.value(n.Text)
			fail(n.At, err)
		}
		for i, e := range n.Path {
			name, err := p.variables.name(e.Name)
			fail(n.At, err)
			if i == 0 {
				p.mentions = append(p.mentions, name)
			}
		}
	})
	return first
}

// syntax is the error of a parser as one of p's.
func (p *part) syntax(member string, err error) error {
	var of *expression.Error
	if errors.As(err, &of) {
		return &Error{Member: join(p.member, member), At: of.At, Err: errors.New(of.Text)}
	}
	return p.fault(member, err)
}

// readExpressions reads what the expressions mention. The order is that of
// iam-semantics §6.4.2.
func (p *part) readExpressions() error {
	for _, step := range [...]struct {
		member string
		read   func(text string) error
	}{
		{"ProjectionExpression", p.readProjection},
		{"KeyConditionExpression", p.readKeyCondition},
		{"FilterExpression", func(text string) error { return p.readCondition("FilterExpression", text) }},
		{"UpdateExpression", p.readUpdate},
		{"ConditionExpression", func(text string) error { return p.readCondition("ConditionExpression", text) }},
	} {
		text, ok := p.expressions[step.member]
		if !ok {
			continue
		}
		if err := step.read(text); err != nil {
			return err
		}
	}
	if placeholder := p.variables.unused(); placeholder != "" {
		member := "ExpressionAttributeNames"
		if placeholder[0] == ':' {
			member = "ExpressionAttributeValues"
		}
		return p.faultf(member, "no expression uses %.80s", placeholder)
	}
	return nil
}

func (p *part) readProjection(text string) error {
	const member = "ProjectionExpression"
	paths, err := expression.Projection(text)
	if err != nil {
		return p.syntax(member, err)
	}
	for _, path := range paths {
		if err := p.mention(member, path); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) readCondition(member, text string) error {
	n, err := expression.Condition(text)
	if err != nil {
		return p.syntax(member, err)
	}
	return p.mention(member, n)
}

func (p *part) readUpdate(text string) error {
	const member = "UpdateExpression"
	u, err := expression.ParseUpdate(text)
	if err != nil {
		return p.syntax(member, err)
	}
	for _, clause := range [...][]expression.Change{u.Set, u.Remove, u.Add, u.Delete} {
		for _, c := range clause {
			if err := p.mention(member, c.Path); err != nil {
				return err
			}
			target, err := p.variables.name(c.Path.Path[0].Name)
			if err != nil {
				return p.fault(member, err)
			}
			p.targets = append(p.targets, target)
			if c.Value == nil {
				continue
			}
			if err := p.mention(member, c.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyTerm is a condition on a key attribute of a Query.
type keyTerm struct {
	member   string
	name     string
	operator string // = or a comparison that a sort key may have
	values   []value
}

func (p *part) readKeyCondition(text string) error {
	const member = "KeyConditionExpression"
	n, terms, err := expression.KeyCondition(text)
	if err != nil {
		return p.syntax(member, err)
	}
	if err := p.mention(member, n); err != nil {
		return err
	}
	for _, t := range terms {
		term := keyTerm{member: member, operator: t.Operator}
		if term.name, err = p.variables.name(t.Name); err != nil {
			return p.fault(member, err)
		}
		for _, placeholder := range t.Values {
			v, err := p.variables.value(placeholder)
			if err != nil {
				return p.fault(member, err)
			}
			term.values = append(term.values, v)
		}
		p.terms = append(p.terms, term)
	}
	return nil
}

// legacyOperators are those that a key condition may have.
var legacyOperators = map[string]string{
	"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=", "BETWEEN": "BETWEEN", "BEGINS_WITH": "begins_with",
}

// readLegacy reads what the legacy members mention.
func (p *part) readLegacy() error {
	p.mentions = append(p.mentions, p.attributesToGet...)
	for _, c := range p.keyConditions {
		operator, ok := legacyOperators[c.operator]
		if !ok {
			return p.faultf("KeyConditions."+c.name, "%s does not go with a key", c.operator)
		}
		p.terms = append(p.terms, keyTerm{"KeyConditions", c.name, operator, c.values})
		p.mentions = append(p.mentions, c.name)
	}
	for _, set := range [...][]legacyCondition{p.filters, p.attributeUpdates, p.expected} {
		for _, c := range set {
			p.mentions = append(p.mentions, c.name)
		}
	}
	for _, c := range p.attributeUpdates {
		p.targets = append(p.targets, c.name)
	}
	return nil
}

// finish makes of the members what checks need. No schema is known yet.
func (p *part) finish() error {
	if err := p.mixed(); err != nil {
		return err
	}
	if err := p.readExpressions(); err != nil {
		return err
	}
	if err := p.readLegacy(); err != nil {
		return err
	}
	if p.statement != nil {
		return p.bindParameters()
	}
	if p.action == "Query" || p.action == "Scan" {
		return p.finishSelect()
	}
	p.selection = p.defaultSelect("ALL_ATTRIBUTES")
	return nil
}

// projected reports whether the request says which attributes it wants.
func (p *part) projected() bool { return p.has("ProjectionExpression") || p.has("AttributesToGet") }

// defaultSelect is what a request without Select has, which would want all if
// it has no projection. Source: iam-semantics §6.4.3.
func (p *part) defaultSelect(all string) string {
	if p.projected() {
		return "SPECIFIC_ATTRIBUTES"
	}
	return all
}

// finishSelect checks or derives Select of a Query or Scan.
func (p *part) finishSelect() error {
	if p.action == "Query" && len(p.terms) == 0 {
		return p.faultf("KeyConditionExpression", "is missing")
	}
	switch given := p.selection; {
	case given == "" && p.index != "":
		p.selection = p.defaultSelect("ALL_PROJECTED_ATTRIBUTES")
	case given == "":
		p.selection = p.defaultSelect("ALL_ATTRIBUTES")
	case p.projected() && given != "SPECIFIC_ATTRIBUTES":
		return p.faultf("Select", "%s does not go with a projection", given)
	case !p.projected() && given == "SPECIFIC_ATTRIBUTES":
		return p.faultf("Select", "%s needs a projection", given)
	case given == "ALL_PROJECTED_ATTRIBUTES" && p.index == "":
		return p.faultf("Select", "%s needs an index", given)
	}
	return nil
}
