package conditions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrOpaque means a condition of which nothing can be said before the row is
// known: a custom operator, or a policy variable that reads a key of the row.
var ErrOpaque = errors.New("condition cannot be turned into a filter")

// Residual is what is left of a condition whose key is left open: a Boolean
// function of that key's values in a row. It is immutable and safe for
// concurrent use. The zero value holds for no row.
//
// A value that is not of the key's kind, and several values of a
// single-valued key, are unreadable; the residual does not hold then. Source:
// iam-semantics §3.2 to §3.7.
type Residual struct {
	// Place is that of the key among the Unknowns, Key what it is.
	Place int
	Key   Key
	// Null is the answer for a row in which the key has no value: absent, an
	// empty list, or for a list-typed key the single empty text. A partition
	// key is never without a value; there it is false.
	Null bool
	// Of says how many of several values the test must hold for, and Many,
	// where Of is One, what the answer for several values is.
	Of   Quantity
	Many bool
	Test ValueTest

	list, typed, single, partition bool
}

// Quantity says for how many values a test must hold.
type Quantity uint8

// The quantities. A key that has at most one value has One.
const (
	One Quantity = iota
	Every
	Any
)

// Residual answers for a condition in a context in which the keys of u are left
// open: for which rows it is want, which is True or False. A condition that
// reads none of them is a constant, and open is false. It wraps ErrOpaque.
func (c *Condition) Residual(x *Context, action, resource string, u *Unknowns, want Truth) (r Residual, constant, open bool, err error) {
	if c.custom != nil {
		return r, false, false, fmt.Errorf("%w: %s reads the whole request", ErrOpaque, c.operator)
	}
	if c.test == nil {
		return r, false, false, nil // the zero Condition is Unknown
	}
	for _, p := range c.test.patterns() {
		if name, reads := p.Reads(u); reads {
			return r, false, false, fmt.Errorf("%w: %s of %s: a policy variable reads %s", ErrOpaque, c.operator, c.key.name, name)
		}
	}
	place := u.find(&c.key)
	if place < 0 {
		return r, c.Test(x, action, resource) == want, false, nil
	}
	r, err = c.residual(x, &u.refs[place], want)
	r.Place = place
	return r, false, err == nil, err
}

// Reads reports whether a policy variable of the pattern reads a key that is
// left open, and which.
func (p *Pattern) Reads(u *Unknowns) (name string, reads bool) {
	for i := range p.tokens {
		// A list-typed key never gives a variable a value; it is not read.
		if p.tokens[i].kind == reserved && !p.tokens[i].variable.key.list && u.find(&p.tokens[i].variable.key) >= 0 {
			return p.tokens[i].variable.key.name, true
		}
	}
	return "", false
}

// residual is Residual for a key that is left open. ref is the key as the
// caller named it.
func (c *Condition) residual(x *Context, ref *keyRef, want Truth) (r Residual, err error) {
	r = Residual{
		Key:  Key{Name: ref.name, Kind: ref.kind, List: ref.list},
		Null: c.testNull() == want && !ref.partitionKey(),
		list: ref.list, typed: ref.typed(), single: ref.single(), partition: ref.partitionKey(),
	}
	if c.form.family == familyNull {
		// Every value counts alike.
		r.Many = truth(!c.test.(*boolean).want) == want
		r.Test = ValueTest{Op: Equal, Not: r.Many}
		r.Many = r.Many && !r.single
		return r, nil
	}
	r.Test, err = c.valueTest(x, want)
	switch {
	case r.single:
	case c.form.quantifier == noQuantifier:
		r.Many = want == False
	case (c.form.quantifier == forAll) == (want == True):
		r.Of = Every
	default:
		r.Of = Any
	}
	return r, err
}

// Holds answers for a row's value of the key. It allocates nothing but what
// netip does for text that looks like an address and is none.
func (r *Residual) Holds(v *Value) bool {
	switch v.state {
	case valueText:
		return r.HoldsText(v.text)
	case valueAbsent:
		return r.Null
	case valueList:
		return r.holdsList(v.texts)
	case valueUnreadable:
	}
	return false
}

// HoldsText is Holds for a value that is one text.
func (r *Residual) HoldsText(s string) bool {
	if s == "" && (r.list || r.partition) {
		return r.Null
	}
	return r.Test.Holds(s) && (!r.typed || r.readable(s))
}

// holdsList answers for a list that has not just one value.
func (r *Residual) holdsList(values []string) bool {
	if len(values) == 0 {
		return r.Null
	}
	if r.typed {
		for _, s := range values {
			if !r.readable(s) {
				return false
			}
		}
	}
	switch r.Of {
	case Every:
		for _, s := range values {
			if !r.Test.Holds(s) {
				return false
			}
		}
		return true
	case Any:
		for _, s := range values {
			if r.Test.Holds(s) {
				return true
			}
		}
		return false
	case One:
	}
	return r.Many
}

// readable reports whether a value is of the key's kind.
func (r *Residual) readable(s string) bool {
	var t typed
	return t.parse(r.Key.Kind, s)
}

// String spells the residual for people, and so that two residuals with one
// text hold for the same rows.
func (r *Residual) String() string {
	var b strings.Builder
	quantity := [...]string{One: "", Every: "every ", Any: "any "}[r.Of]
	switch {
	case r.Test.Never() && (r.Null || r.Many):
	case r.Test.Always() && r.Null:
		b.WriteString(quantity + "readable")
	default:
		b.WriteString(quantity + r.Test.String())
	}
	for _, also := range []struct {
		holds bool
		text  string
	}{{r.Null, "absent"}, {r.Many, "a list"}} {
		if !also.holds {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(also.text)
	}
	return r.Key.Name + " " + b.String()
}

// Merge returns the residual that holds where both do, or with either where one
// of them does, if one test of equality can say it: both are about the one
// value of one key.
func (r *Residual) Merge(s *Residual, either bool) (merged Residual, ok bool) {
	if r.Place != s.Place || r.Of != One || s.Of != One || r.Test.Op != Equal || s.Test.Op != Equal || r.Test.never || s.Test.never {
		return Residual{}, false
	}
	out := *r
	out.Null, out.Many = r.Null && s.Null, r.Many && s.Many
	if either {
		out.Null, out.Many = r.Null || s.Null, r.Many || s.Many
	}
	out.Test = mergeEqual(&r.Test, &s.Test, either)
	return out, true
}

// mergeEqual intersects two sets of texts, each given by its members or by what
// it excludes, or with either unites them.
func mergeEqual(a, b *ValueTest, either bool) ValueTest {
	if a.Not && !b.Not {
		a, b = b, a
	}
	in := func(t *ValueTest, want bool) func(string) bool {
		return func(s string) bool { _, found := slices.BinarySearch(t.texts, s); return found != want }
	}
	both := func() []string { return slices.DeleteFunc(slices.Clone(a.texts), in(b, true)) }
	union := func() []string { return slices.Concat(a.texts, b.texts) }
	switch {
	case !a.Not && !b.Not && either, a.Not && b.Not && !either:
		return NewEqual(a.Not, union())
	case a.Not == b.Not:
		return NewEqual(a.Not, both())
	case either: // a's members, or all but b's
		return NewEqual(true, slices.DeleteFunc(slices.Clone(b.texts), in(a, false)))
	}
	return NewEqual(false, slices.DeleteFunc(slices.Clone(a.texts), in(b, false)))
}

// Never reports whether the residual holds for no row.
func (r *Residual) Never() bool { return !r.Null && !r.Many && r.Test.Never() }
