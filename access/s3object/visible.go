package s3object

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// PrefixKey is the context key of the prefix of a listing: leave it open in
// Evaluator.Filter to learn what may be listed.
const PrefixKey = "s3:prefix"

// Prefixes returns the prefixes that a caller may list by, sorted, of a filter
// whose only open key is PrefixKey: listing by one of them, or by a longer text
// that begins with one of those marked open, is allowed. exact is false if the
// filter also allows prefixes that no such list can say; then the list is not
// all of them. A listing without any prefix is allowed if absent is true.
func Prefixes(f *engine.Filter) (all []Prefix, absent, exact bool) {
	if u := f.Unknown(); u == nil || u.Len() != 1 || u.Key(0).Name != PrefixKey {
		return nil, false, false
	}
	absent = f.Keep([]conditions.Value{{}})
	all, exact = prefixes(f.Root())
	slices.SortFunc(all, func(a, b Prefix) int { return strings.Compare(a.Text, b.Text) })
	// The expression may hold alternatives that something else excludes.
	kept := all[:0]
	for i, p := range all {
		if i > 0 && p.Text == all[i-1].Text {
			exact = exact && p == all[i-1]
			continue
		}
		if f.Keep([]conditions.Value{conditions.Text(p.Text)}) {
			kept = append(kept, p)
		}
	}
	return kept, absent, exact
}

// Prefix is a prefix by which a bucket may be listed.
type Prefix struct {
	Text string
	// Open says that every longer text that begins with it is allowed too.
	Open bool
}

func prefixes(x *engine.Expr) (all []Prefix, exact bool) {
	switch x.Op {
	case engine.ExprFalse:
		return nil, true
	case engine.ExprTrue:
		return []Prefix{{"", true}}, true
	case engine.ExprOr:
		exact = true
		for i := range x.Args {
			some, ok := prefixes(&x.Args[i])
			all, exact = append(all, some...), exact && ok
		}
		return all, exact
	case engine.ExprTest:
		return testPrefixes(&x.Test.Test)
	case engine.ExprAnd:
		// Whichever part can be said bounds the others; Prefixes tries each.
		for i := range x.Args {
			if some, ok := prefixes(&x.Args[i]); ok {
				return closed(some), false
			}
		}
	}
	return nil, false
}

// closed forgets that longer texts are allowed.
func closed(all []Prefix) []Prefix {
	for i := range all {
		all[i].Open = false
	}
	return all
}

func testPrefixes(t *conditions.ValueTest) (all []Prefix, exact bool) {
	if t.Always() {
		return []Prefix{{"", true}}, true
	}
	if t.Not {
		return nil, false
	}
	switch t.Op {
	case conditions.Equal:
		for _, s := range t.Texts() {
			all = append(all, Prefix{Text: s})
		}
		return all, true
	case conditions.Like:
		exact = true
		for i := range t.Patterns() {
			p := &t.Patterns()[i]
			text, whole := p.Prefix()
			pieces := p.Pieces()
			switch {
			case whole:
				all = append(all, Prefix{Text: text})
			case len(pieces) == 1 && pieces[0].First && p.StarEnds():
				all = append(all, Prefix{text, true})
			default:
				exact = false
			}
		}
		return all, exact
	case conditions.EqualFold, conditions.LikeARN, conditions.CompareNumber, conditions.CompareDate, conditions.CompareBool, conditions.InNetwork:
	}
	return nil, false
}

// Visible reports whether a listing that the filter allows would show the
// object: whether it allows one by any text that the object's name begins with,
// the empty one and the whole name among them, or one without a prefix. The
// filter is one whose only open key is PrefixKey.
func Visible(f *engine.Filter, object string) bool {
	if f.Keep([]conditions.Value{{}}) {
		return true
	}
	row := make([]conditions.Value, 1)
	for end := 0; end <= len(object); end++ {
		row[0] = conditions.Text(object[:end])
		if f.Keep(row) {
			return true
		}
	}
	return false
}
