package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// Expr is a Boolean function of a row: constants, tests of one key each, and
// conjunctions and disjunctions of these, flat and in a fixed order. There is
// no negation: it stands within the tests. The zero value is false. An Expr of
// a Filter must not be changed.
type Expr struct {
	Op ExprOp
	// Test is that of ExprTest.
	Test *conditions.Residual
	// Args are those of ExprAnd and ExprOr, two at least.
	Args []Expr

	text string // see String
}

// ExprOp is what an Expr does.
type ExprOp uint8

// The kinds of Expr.
const (
	ExprFalse ExprOp = iota
	ExprTrue
	ExprTest
	ExprAnd
	ExprOr
)

func (x *Expr) keep(row []conditions.Value) bool {
	switch x.Op {
	case ExprTest:
		return x.Test.Holds(&row[x.Test.Place])
	case ExprTrue:
		return true
	case ExprAnd:
		for i := range x.Args {
			if !x.Args[i].keep(row) {
				return false
			}
		}
		return true
	case ExprOr:
		for i := range x.Args {
			if x.Args[i].keep(row) {
				return true
			}
		}
	case ExprFalse:
	}
	return false
}

// String spells the expression; equal texts mean equal expressions.
func (x *Expr) String() string {
	switch x.Op {
	case ExprTrue:
		return "everything"
	case ExprFalse:
		return "nothing"
	case ExprTest, ExprAnd, ExprOr:
	}
	return x.text
}

// Values returns the only values that the key at a place may have for the
// expression to be true, sorted, where these are a finite set; a row in which
// the key has no value, or several, is then never kept.
func (x *Expr) Values(place int) (texts []string, finite bool) {
	switch x.Op {
	case ExprFalse:
		return nil, true
	case ExprTest:
		r := x.Test
		if r.Place == place && r.Of == conditions.One && r.Test.Op == conditions.Equal && !r.Test.Not && !r.Null && !r.Many {
			return slices.Clone(r.Test.Texts()), true
		}
	case ExprAnd:
		for i := range x.Args {
			some, ok := x.Args[i].Values(place)
			switch {
			case ok && finite:
				texts = slices.DeleteFunc(texts, func(s string) bool { _, found := slices.BinarySearch(some, s); return !found })
			case ok:
				texts, finite = some, true
			}
		}
		return texts, finite
	case ExprOr:
		for i := range x.Args {
			some, ok := x.Args[i].Values(place)
			if !ok {
				return nil, false
			}
			texts = append(texts, some...)
		}
		slices.Sort(texts)
		return slices.Compact(texts), true
	case ExprTrue:
	}
	return nil, false
}

func constantExpr(b bool) Expr {
	if b {
		return Expr{Op: ExprTrue}
	}
	return Expr{}
}

// test makes an expression of a residual.
func test(r *conditions.Residual) Expr {
	if r.Never() {
		return Expr{}
	}
	x := *r
	return Expr{Op: ExprTest, Test: &x, text: x.String()}
}

// and is true where all of its parts are; of no parts it is true.
func and(parts ...Expr) Expr { return join(ExprAnd, parts) }

// or is true where one of its parts is; of no parts it is false.
func or(parts ...Expr) Expr { return join(ExprOr, parts) }

// join simplifies: what decides alone decides, what changes nothing goes,
// nested parts of the same kind are taken in, tests for equality of one key
// become one, and a part that another implies is dropped. The order is that of
// the texts, tests first.
func join(op ExprOp, parts []Expr) Expr {
	decides, neutral, other := ExprFalse, ExprTrue, ExprOr
	if op == ExprOr {
		decides, neutral, other = ExprTrue, ExprFalse, ExprAnd
	}
	var args []Expr
	for i := range parts {
		p := &parts[i]
		if p.Op == decides {
			return Expr{Op: decides}
		}
		if p.Op == op {
			args = append(args, p.Args...)
		} else if p.Op != neutral {
			args = append(args, *p)
		}
	}
	args = merge(op, args)
	slices.SortStableFunc(args, func(a, b Expr) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), strings.Compare(a.text, b.text))
	})
	args = slices.CompactFunc(args, func(a, b Expr) bool { return a.Op == b.Op && a.text == b.text })
	args = absorb(args, other)
	switch {
	case slices.ContainsFunc(args, func(x Expr) bool { return x.Op == decides }):
		return Expr{Op: decides}
	case len(args) == 0:
		return Expr{Op: neutral}
	case len(args) == 1:
		return args[0]
	}
	return Expr{Op: op, Args: args, text: spell(op, args)}
}

// merge makes one of the tests for equality that are about one key.
func merge(op ExprOp, args []Expr) []Expr {
	out := args[:0:0]
	for _, x := range args {
		merged := false
		for i := range out {
			if x.Op != ExprTest || out[i].Op != ExprTest {
				continue
			}
			if r, ok := out[i].Test.Merge(x.Test, op == ExprOr); ok {
				out[i], merged = test(&r), true
				break
			}
		}
		if !merged {
			out = append(out, x)
		}
	}
	return out
}

// absorb drops the parts of the other kind that hold one of the parts
// themselves: a or (a and b) is a, and a and (a or b) is a.
func absorb(args []Expr, other ExprOp) []Expr {
	texts := make(map[string]bool, len(args))
	for i := range args {
		texts[args[i].text] = true
	}
	return slices.DeleteFunc(args, func(x Expr) bool {
		return x.Op == other && slices.ContainsFunc(x.Args, func(y Expr) bool { return texts[y.text] })
	})
}

func spell(op ExprOp, args []Expr) string {
	word := " and "
	if op == ExprOr {
		word = " or "
	}
	var b strings.Builder
	for i := range args {
		if i > 0 {
			b.WriteString(word)
		}
		// A test may say "or absent" of itself.
		b.WriteByte('(')
		b.WriteString(args[i].text)
		b.WriteByte(')')
	}
	return b.String()
}
