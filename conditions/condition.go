package conditions

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is what one operator asks of one context key, compiled. It is
// immutable and safe for concurrent use. The zero value is Unknown: an Allow
// statement with it does not apply, a Deny statement does.
type Condition struct {
	operator string
	label    string // the key as written
	key      keyRef
	form     form
	test     test
	// literals is test if that is a short list of plain texts, the usual
	// condition on a row's keys and attributes.
	literals *equals
	// variable is test if that is one policy variable and nothing else, the
	// usual condition on a partition key.
	variable *variable
	custom   *custom // of a custom operator; test is then nil
}

// custom is the right side of a custom operator.
type custom struct {
	predicates []Predicate
	written    []string // policy values
}

// Part names the part of a condition that a Fault is about.
type Part uint8

// The parts of a condition.
const (
	PartOperator Part = iota
	PartKey
	PartValue
)

// Fault is one reason why a condition is refused.
type Fault struct {
	Part Part
	// Index is that of the value, counting from 0, for PartValue.
	Index int
	Err   error
}

var errNoValue = fmt.Errorf("%w: no value", ErrOperator)

// maxLabel bounds the key of a custom operator.
const maxLabel = 128

// Compile compiles one entry of a condition block: operator and key as
// written, values with numbers and booleans as text. variables says whether
// the document's version has policy variables. It reports every fault; with
// any, the condition is not to be used. It keeps values, which must not change.
// Source: iam-semantics §1.7, §1.8, §3.
func (v *Vocabulary) Compile(operator, key string, values []string, variables bool) (Condition, []Fault) {
	c := Condition{operator: operator, label: key}
	var faults []Fault
	add := func(p Part, i int, err error) { faults = append(faults, Fault{p, i, err}) }
	if op, ok := v.custom[operator]; ok {
		return v.compileCustom(op, c, values)
	}
	f, err := parseOperator(operator)
	if err != nil {
		add(PartOperator, 0, err)
	}
	ref, keyErr := v.resolve(key)
	if keyErr != nil {
		add(PartKey, 0, keyErr)
	}
	if len(values) == 0 {
		add(PartKey, 0, errNoValue)
	}
	if err != nil {
		return c, faults
	}
	if keyErr == nil {
		if err := f.check(ref, operator); err != nil {
			add(PartOperator, 0, err)
		}
	}
	c.key, c.form = ref, f
	c.test = v.newTest(f, values, variables, func(i int, err error) { add(PartValue, i, err) })
	if t, ok := c.test.(*equals); ok && t.index == nil && !f.negated {
		switch {
		case t.with == nil:
			c.literals = t
		case len(t.with) == 1 && len(t.literals.texts) == 0 && t.with[0].shape == shapeVariable:
			c.variable = t.with[0].tokens[0].variable
		}
	}
	return c, faults
}

// check refuses operators that could never match the key, and list-typed keys
// without a quantifier, for which a Deny would never deny. Source:
// iam-semantics §1.8, §3.3.
func (f form) check(k keyRef, operator string) error {
	if !f.family.fits(k.kind) {
		return fmt.Errorf("%w: %s cannot read %s, whose kind is %s", ErrOperator, operator, k.name, k.kind)
	}
	if k.list && f.quantifier == noQuantifier && f.family != familyNull {
		return fmt.Errorf("%w: %s is a list: it needs the quantifier ForAllValues or ForAnyValue", ErrOperator, k.name)
	}
	return nil
}

func (v *Vocabulary) compileCustom(op Operator, c Condition, values []string) (Condition, []Fault) {
	var faults []Fault
	if c.label == "" || len(c.label) > maxLabel {
		faults = append(faults, Fault{PartKey, 0, fmt.Errorf("%w: the label of %s takes 1 to %d bytes", ErrKeyName, op.Name, maxLabel)})
	}
	if len(values) == 0 {
		faults = append(faults, Fault{PartKey, 0, errNoValue})
	}
	c.custom = &custom{written: values}
	for i, s := range values {
		p, err := op.Compile(s)
		if err != nil {
			faults = append(faults, Fault{PartValue, i, err})
			continue
		}
		c.custom.predicates = append(c.custom.predicates, p)
	}
	return c, faults
}

// Cost ranks conditions by how long they take, for whoever may test the
// cheapest first. It has no unit.
func (c *Condition) Cost() int {
	if c.test == nil {
		return 1000
	}
	cost := len(c.test.texts())
	if c.literals == nil && c.form.family != familyNull {
		cost++
	}
	return cost
}

// Key describes the key that the condition reads; the zero Key for a custom
// operator.
func (c *Condition) Key() Key { return Key{Name: c.key.name, Kind: c.key.kind, List: c.key.list} }

// Quantified reports whether the operator carries ForAllValues or ForAnyValue.
func (c *Condition) Quantified() bool { return c.form.quantifier != noQuantifier }

// Test answers for one request: three-valued, since a key may be
// indeterminate. A nil context is an empty one. It allocates nothing, custom
// operators and values that cannot be read aside. Source: iam-semantics §3.2 to
// §3.7.
func (c *Condition) Test(x *Context, action, resource string) Truth {
	if c.test == nil {
		t, _ := c.testCustom(x, action, resource)
		return t
	}
	var e *entry
	if x != nil {
		var ambiguous bool
		if e, ambiguous = x.find(&c.key); ambiguous || e != nil && e.bad {
			return Unknown
		}
	}
	if isNull(e, c.key.list) {
		return c.testNull()
	}
	if c.form.family == familyNull {
		return truth(!c.test.(*boolean).want)
	}
	switch c.form.quantifier {
	case forAll:
		if c.literals != nil {
			return truth(c.literals.literals.hasAll(e.values))
		}
		if c.variable != nil {
			return c.variable.equalAll(x, e.values)
		}
		result := True
		for _, v := range e.values {
			if result = result.And(c.one(x, e, v)); result == False {
				break
			}
		}
		return result
	case forAny:
		result := False
		for _, v := range e.values {
			if result = result.Or(c.one(x, e, v)); result == True {
				break
			}
		}
		return result
	case noQuantifier:
	}
	return c.testUnquantified(x, e)
}

// isNull reports whether a key counts as having no value: absent, an empty
// list, or for a list-typed key the single empty text. Source: iam-semantics
// §3.2, §3.6.
func isNull(e *entry, list bool) bool {
	return e == nil || len(e.values) == 0 || list && len(e.values) == 1 && e.values[0] == ""
}

// testNull answers for a key without a value. ForAnyValue with IfExists stays
// false. Source: iam-semantics §3.3; [O] for the last.
func (c *Condition) testNull() Truth {
	switch {
	case c.form.family == familyNull:
		return truth(c.test.(*boolean).want)
	case c.form.quantifier == forAll:
		return True
	case c.form.quantifier == forAny:
		return False
	}
	return truth(c.form.ifExists || c.form.negated)
}

// testUnquantified answers for a key with values and an operator without a
// quantifier: a list is simply not met, negated or not. Source: iam-semantics
// §3.3 [O], §9.2.
func (c *Condition) testUnquantified(x *Context, e *entry) Truth {
	if c.key.list || len(e.values) > 1 {
		return False
	}
	return c.one(x, e, e.values[0])
}

// one is the test of one request value; negation stands inside any quantifier.
func (c *Condition) one(x *Context, e *entry, value string) Truth {
	hit := c.test.hit(x, e, value)
	if c.form.negated {
		return hit.Not()
	}
	return hit
}

func (c *Condition) testCustom(x *Context, action, resource string) (Truth, error) {
	if c.custom == nil {
		return Unknown, nil // the zero Condition
	}
	result := False
	var failed error
	for _, p := range c.custom.predicates {
		ok, err := p.Test(x, action, resource)
		switch {
		case err != nil:
			failed = err
			result = result.Or(Unknown)
		case ok:
			return True, nil
		}
	}
	return result, failed
}

// Report is how one condition fared, with the values on both sides.
type Report struct {
	// Operator is as written; Key is in the registry's spelling, or the label
	// of a custom operator.
	Operator, Key string
	Result        Truth
	// Request holds the values of the key in the context and State how it
	// stands there.
	Request []string
	State   State
	// Policy holds the policy's values as written, Meaning the same with their
	// variables replaced; a value whose variable has no value stays as written
	// and stands in Unresolved as well.
	Policy, Meaning, Unresolved []string
	// Err is the runtime error of a custom operator.
	Err error
}

// Explain answers like Test and says what was compared.
func (c *Condition) Explain(x *Context, action, resource string) Report {
	r := Report{Operator: c.operator, Key: c.key.name, Result: c.Test(x, action, resource)}
	if c.test == nil {
		r.Key = c.label
		r.Result, r.Err = c.testCustom(x, action, resource)
		if c.custom != nil {
			r.Policy, r.Meaning = c.custom.written, c.custom.written
		}
		return r
	}
	if x != nil {
		r.Request, r.State = x.value(&c.key)
	}
	r.Policy = c.test.texts()
	r.Meaning = slices.Clone(r.Policy)
	for _, p := range c.test.patterns() {
		text, ok := p.Expand(x)
		if !ok {
			r.Unresolved = append(r.Unresolved, p.text)
			continue
		}
		if i := slices.Index(r.Meaning, p.text); i >= 0 {
			r.Meaning[i] = text
		}
	}
	return r
}

// Missing appends to keys the names, in the registry's spelling, of the context
// keys that the condition and its variables read and that are absent from x.
func (c *Condition) Missing(keys []string, x *Context) []string {
	if c.test == nil {
		return keys
	}
	keys = missing(keys, &c.key, x)
	for _, p := range c.test.patterns() {
		keys = p.Missing(keys, x)
	}
	return keys
}

// Missing appends to keys the names of the context keys that the pattern's
// variables read and that are absent from x.
func (p *Pattern) Missing(keys []string, x *Context) []string {
	for i := range p.tokens {
		// A list-typed key never gives a variable a value; it is not read.
		if p.tokens[i].kind == reserved && !p.tokens[i].variable.key.list {
			keys = missing(keys, &p.tokens[i].variable.key, x)
		}
	}
	return keys
}

func missing(keys []string, k *keyRef, x *Context) []string {
	if x != nil {
		if e, ambiguous := x.find(k); e != nil || ambiguous {
			return keys
		}
	}
	if slices.ContainsFunc(keys, func(name string) bool { return strings.EqualFold(name, k.name) }) {
		return keys
	}
	return append(keys, k.name)
}
