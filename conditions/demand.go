package conditions

import "fmt"

// Demand is what a condition asks of its key once the policy variables are
// bound: a Boolean function of the key's values, for whoever reasons about all
// requests at once. It is about values of the key's kind, one for a
// single-valued key.
type Demand struct {
	Key Key
	// Null is the answer for a key without a value: absent, empty, or for a
	// list-typed key the single empty text.
	Null bool
	// Every says that the test must hold for every value of a list, else for at
	// least one.
	Every bool
	// Quantified says that the operator carries a quantifier.
	Quantified bool
	Test       ValueTest
}

// Demand says for which values the condition is want, True or False, in a
// context that has the keys which policy variables read; one that it lacks has
// no value. It wraps ErrOpaque for a custom operator. Source: iam-semantics §3.2
// to §3.7.
func (c *Condition) Demand(x *Context, want Truth) (Demand, error) {
	if c.test == nil {
		return Demand{}, fmt.Errorf("%w: %s reads the whole request", ErrOpaque, c.operator)
	}
	d := Demand{Key: c.Key(), Null: c.testNull() == want, Quantified: c.Quantified()}
	if c.form.family == familyNull {
		d.Test, d.Every = NewEqual(truth(!c.test.(*boolean).want) == want, nil), true
		return d, nil
	}
	d.Every = (c.form.quantifier == forAll) == (want == True)
	var err error
	d.Test, err = c.valueTest(x, want)
	return d, err
}

// Templates returns the values of the condition that hold policy variables.
func (c *Condition) Templates() []Pattern {
	if c.test == nil {
		return nil
	}
	return c.test.patterns()
}

// Folded reports whether the condition ignores case.
func (c *Condition) Folded() bool { return c.form.family == familyStringFold }

// Variable is a policy variable.
type Variable struct {
	Key Key
	// Default is the text that stands in where the key has no value, if
	// HasDefault is set.
	Default    string
	HasDefault bool
}

// Template returns the pieces of a pattern, policy variables among them; those
// of an ARN pattern whose parts are known only with its variables are not marked
// as Part.
func (p *Pattern) Template() []Token {
	if p.shape == shapeExact {
		return []Token{{Text: p.prefix}}
	}
	out := make([]Token, 0, len(p.tokens))
	for _, t := range p.tokens {
		x := Token{Kind: tokenKinds[t.kind], Text: t.text, Part: t.segment && t.kind != literal}
		if t.kind == reserved {
			x.Variable = &Variable{Key{t.variable.key.name, t.variable.key.kind, t.variable.key.list}, t.variable.fallback, t.variable.hasDefault}
		}
		out = append(out, x)
		for range t.count - 1 {
			out = append(out, x)
		}
	}
	return out
}

// Late reports whether the pattern is one of an ARN whose parts are known only
// with its variables.
func (p *Pattern) Late() bool { return p.late }

// Bind returns the pattern with its variables replaced by their literal texts.
// ok is False if one has no value, or one that it cannot have there, and Unknown
// if one reads an indeterminate key: the pattern then means nothing.
func (p *Pattern) Bind(x *Context) (bound Pattern, ok Truth) {
	if !p.variables {
		return *p, True
	}
	b, r := p.bind(x)
	return b, [...]Truth{unresolved: False, resolved: True, indeterminate: Unknown}[r]
}
