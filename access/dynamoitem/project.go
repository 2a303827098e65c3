package dynamoitem

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// projected is a read that asks for all attributes, asking for those that the
// policies name.
func (n *narrower) projected(o *Operation) (*Operation, error) {
	p := o.parts[0]
	c, err := n.checkOf(o, p)
	if err != nil {
		return nil, err
	}
	names, err := n.projection(p, c)
	if err != nil {
		return nil, err
	}
	w := o.rewrite(p)
	w.project(p, names)
	return n.again(o.name, []byte(w.String()))
}

// checkOf is the check of a part that has one.
func (n *narrower) checkOf(o *Operation, p *part) (*Check, error) {
	checks, err := o.checksOf(p, n.tables)
	switch {
	case err != nil:
		return nil, because("%w", err)
	case len(checks) != 1:
		return nil, because("%s has %d checks", o.name, len(checks))
	}
	return &checks[0], nil
}

// projection is the most attributes that p may ask for, where its check is c
// now.
func (n *narrower) projection(p *part, c *Check) ([]string, error) {
	if p.projected() || p.has("Select") {
		return nil, because("it says itself which attributes it wants")
	}
	open := *c
	open.Attributes, open.Select = nil, "SPECIFIC_ATTRIBUTES"
	f, err := n.filter(&open, attributesKey)
	if err != nil {
		return nil, err
	}
	for _, names := range attributeLists(f.Root()) {
		all := append(slices.Clone(c.Attributes), names...)
		slices.Sort(all)
		if f.Keep([]conditions.Value{conditions.List(slices.Compact(all))}) {
			return names, nil
		}
	}
	return nil, because("no list of attributes makes %s of %s allowed", c.Action, c.Resource)
}

const (
	leadingKeys   = "dynamodb:LeadingKeys"
	attributesKey = "dynamodb:Attributes"
)

// project asks for those attributes and no others.
func (w *rewrite) project(p *part, names []string) {
	texts := make([]string, len(names))
	if p.legacy() {
		for i, name := range names {
			texts[i] = quote(name)
		}
		w.set("AttributesToGet", "["+strings.Join(texts, ",")+"]")
		return
	}
	taken := variables{names: map[string]string{}}
	for placeholder := range p.variables.names {
		taken.names[placeholder] = ""
	}
	for i, name := range names {
		texts[i] = taken.fresh("#a")
		taken.names[texts[i]] = name
		w.extend("ExpressionAttributeNames", texts[i], quote(name))
	}
	w.set("ProjectionExpression", quote(strings.Join(texts, ", ")))
}

// legacy reports whether the request is one without expressions.
func (p *part) legacy() bool {
	return slices.ContainsFunc(p.members, func(m member) bool { return slices.Contains(legacyMembers, m.name) })
}

// projectTables is the body of a BatchGetItem whose tables that are denied ask
// for the attributes that find finds.
func (n *narrower) projectTables(o *Operation, find func(*Operation, *part) ([]string, error)) ([]byte, error) {
	tables := map[int]string{}
	for i, p := range o.parts {
		names, err := find(o, p)
		if err != nil {
			return nil, err
		}
		if names != nil {
			w := o.rewrite(p)
			w.project(p, names)
			tables[i] = w.String()
		}
	}
	if len(tables) == 0 {
		return nil, because("no list of attributes helps")
	}
	return o.replace(tables), nil
}

// wholeTable finds a projection with which all keys of a table are allowed, and
// nil if they are without.
func (n *narrower) wholeTable(o *Operation, p *part) ([]string, error) {
	c, err := n.checkOf(o, p)
	if err != nil {
		return nil, err
	}
	if allowed, err := n.allows(c); err != nil || allowed {
		return nil, err
	}
	return n.projection(p, c)
}

// someEntry finds a projection with which a key of a table is allowed, if none
// is without.
func (n *narrower) someEntry(o *Operation, p *part) ([]string, error) {
	var names []string
	for _, e := range p.entries {
		c, err := o.checkOfEntry(p, e, n.tables)
		if err != nil {
			return nil, because("%w", err)
		}
		if allowed, err := n.allows(&c); err != nil || allowed {
			return nil, err
		}
		if names == nil {
			if names, err = n.projection(p, &c); err != nil && !given(err) {
				return nil, err
			}
		}
	}
	return names, nil
}

// maxLists bounds how many lists of attributes are tried.
const maxLists = 64

// attributeLists are the lists of attributes that a filter with the one open
// key dynamodb:Attributes may keep, longest first. Keep is to be asked of each.
func attributeLists(x *engine.Expr) [][]string {
	var out [][]string
	for _, l := range listsOf(x) {
		if !l.not && len(l.names) > 0 {
			out = append(out, l.names)
		}
	}
	slices.SortFunc(out, func(a, b []string) int { return cmp.Or(cmp.Compare(len(b), len(a)), slices.Compare(a, b)) })
	return out
}

// list is a set of names, sorted, or with not all but these.
type list struct {
	names []string
	not   bool
}

// listsOf are sets of which one holds every list that x keeps, as far as that
// can be told.
func listsOf(x *engine.Expr) []list {
	switch x.Op {
	case engine.ExprFalse:
		return nil
	case engine.ExprTest:
		if t := &x.Test.Test; x.Test.Of == conditions.Every && (t.Op == conditions.Equal || t.Op == conditions.EqualFold && !t.Not) {
			names := slices.Clone(t.Texts())
			slices.Sort(names)
			return []list{{slices.Compact(names), t.Not}}
		}
	case engine.ExprOr:
		var out []list
		for i := range x.Args {
			out = append(out, listsOf(&x.Args[i])...)
		}
		return out[:min(len(out), maxLists)]
	case engine.ExprAnd:
		out := []list{{not: true}}
		for i := range x.Args {
			var both []list
			for _, b := range listsOf(&x.Args[i]) {
				for _, a := range out {
					both = append(both, a.and(b))
				}
			}
			out = both[:min(len(both), maxLists)]
		}
		return out
	case engine.ExprTrue:
	}
	return []list{{not: true}}
}

func (l list) has(name string) bool {
	_, found := slices.BinarySearch(l.names, name)
	return found != l.not
}

// and is what is in both.
func (l list) and(m list) list {
	if l.not && m.not {
		all := slices.Concat(l.names, m.names)
		slices.Sort(all)
		return list{slices.Compact(all), true}
	}
	if l.not {
		l, m = m, l
	}
	return list{slices.DeleteFunc(slices.Clone(l.names), func(name string) bool { return !m.has(name) }), false}
}
