package analysis

import "slices"

// literal is what a part of a statement asks of one dimension: of a key without
// a value it is null, else it holds if every value, or at least one, lies in
// values.
type literal struct {
	dim    int
	values set
	every  bool
	null   bool
	// opaque marks a condition of which nothing is known but which it is.
	opaque bool
}

// not returns the literal that holds exactly where l does not. Source:
// analysis A4.1.
func (l literal) not(universe set) literal {
	return literal{dim: l.dim, values: universe.without(l.values), every: !l.every, null: !l.null, opaque: l.opaque}
}

// clause holds if one of its literals does.
type clause []literal

// cell is what is known of one dimension: whether the key may be without a value
// and whether it may have some; then all of its values lie in all, and each of
// some is met by one of them.
type cell struct {
	absent, present bool
	all             set
	some            []set
}

// state is what is known of a request.
type state []cell

// with returns the state in which l holds as well; ok is false if there is none.
func (s state) with(dims []*dimension, l literal) (out state, ok bool) {
	c := s[l.dim]
	c.absent = c.absent && l.null
	if c.present {
		switch {
		case l.every:
			c.all = c.all.and(l.values)
		case dims[l.dim].list:
			c.some = append(slices.Clip(c.some), l.values)
		default:
			c.all = c.all.and(l.values)
		}
		c.present = c.possible()
	}
	if !c.absent && !c.present {
		return nil, false
	}
	out = slices.Clone(s)
	out[l.dim] = c
	return out, true
}

// possible reports whether the key can have values.
func (c *cell) possible() bool {
	if c.all.empty() {
		return false
	}
	for _, e := range c.some {
		if !e.meets(c.all) {
			return false
		}
	}
	return true
}

// implies reports whether l holds in every request of the state.
func (s state) implies(dims []*dimension, l literal) bool {
	c := &s[l.dim]
	if c.absent && !l.null {
		return false
	}
	if !c.present || c.all.within(l.values) {
		return true
	}
	if l.every || !dims[l.dim].list {
		return false
	}
	for _, e := range c.some {
		if e.and(c.all).within(l.values) {
			return true
		}
	}
	return false
}

// excludes reports whether l holds in no request of the state.
func (s state) excludes(l literal) bool {
	c := &s[l.dim]
	if c.absent && l.null {
		return false
	}
	if !c.present {
		return true
	}
	if !l.values.meets(c.all) {
		return true
	}
	if l.every {
		for _, e := range c.some {
			if !meets3(e, c.all, l.values) {
				return true
			}
		}
	}
	return false
}

func meets3(a, b, c set) bool {
	for i := range a {
		if a[i]&b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}

// assume returns the state in which all of the literals hold as well.
func (s state) assume(dims []*dimension, all []literal) (out state, ok bool) {
	for _, l := range all {
		if s.implies(dims, l) {
			continue
		}
		if s, ok = s.with(dims, l); !ok {
			return nil, false
		}
	}
	return s, true
}

// solve looks for a state in which every clause holds as well: unit propagation
// with branching on the shortest clause. Source: analysis A4.5. It ends early,
// without an answer, when the budget is spent.
func (b *budget) solve(dims []*dimension, s state, clauses []clause) (out state, ok bool) {
	if !b.spend(1) {
		return nil, false
	}
	rest := slices.Clone(clauses)
	for changed := true; changed; {
		changed = false
		kept := rest[:0]
		for _, c := range rest {
			if slices.ContainsFunc(c, func(l literal) bool { return s.implies(dims, l) }) {
				continue
			}
			left := c
			if slices.ContainsFunc(c, func(l literal) bool { return s.excludes(l) }) {
				left = slices.DeleteFunc(slices.Clone(c), func(l literal) bool { return s.excludes(l) })
			}
			switch len(left) {
			case 0:
				return nil, false
			case 1:
				if s, ok = s.with(dims, left[0]); !ok {
					return nil, false
				}
				changed = true
			default:
				kept = append(kept, left)
			}
		}
		rest = kept
	}
	if len(rest) == 0 {
		return s, true
	}
	shortest := 0
	for i := range rest {
		if len(rest[i]) < len(rest[shortest]) {
			shortest = i
		}
	}
	branch := rest[shortest]
	others := append(slices.Clone(rest[:shortest]), rest[shortest+1:]...)
	for _, l := range branch {
		if next, possible := s.with(dims, l); possible {
			if out, ok := b.solve(dims, next, others); ok || b.spent() {
				return out, ok
			}
		}
		if s, ok = s.with(dims, l.not(dims[l.dim].universe)); !ok {
			return nil, false
		}
	}
	return nil, false
}
