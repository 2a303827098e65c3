package analysis

import (
	"fmt"
	"slices"
)

// hunt looks for a request under one assignment.
type hunt struct {
	*search
	frame   *frame
	coupled []clause
	answer  *Answer
	err     error
}

// done reports whether there is nothing left to look for.
func (h *hunt) done() bool { return h.answer != nil || h.err != nil || h.budget.spent() }

// top is the state of every request.
func (h *hunt) top() state {
	s := make(state, len(h.frame.dims))
	for i, d := range h.frame.dims {
		s[i] = cell{absent: !d.needed, present: true, all: d.universe}
	}
	s[actionDim].all = s[actionDim].all.without(h.blocked)
	return s
}

// look tries every way in which By, and each of And, allows. Source: analysis
// A4.5.
func (h *hunt) look() {
	if !h.top()[actionDim].all.empty() {
		h.ways(append([]*side{h.by}, h.and...), nil)
	}
}

func (h *hunt) ways(sides []*side, chosen []layer) {
	if len(sides) == 0 {
		layers := slices.Clone(chosen)
		// The narrowest first: what it leaves is looked through.
		slices.SortStableFunc(layers, func(a, b layer) int { return len(a.allows) - len(b.allows) })
		h.through(h.top(), layers)
		return
	}
	for _, way := range sides[0].ways {
		if h.done() {
			return
		}
		h.ways(sides[1:], append(slices.Clip(chosen), way...))
	}
}

// through chooses an Allow of every layer.
func (h *hunt) through(s state, layers []layer) {
	if len(layers) == 0 {
		h.spared(s)
		return
	}
	for _, a := range layers[0].allows {
		if h.done() || !h.budget.spend(1) {
			return
		}
		b := h.frame.bound[a]
		if b.never {
			continue
		}
		if next, ok := s.assume(h.frame.dims, b.when); ok {
			h.through(next, layers[1:])
		}
	}
}

// spared adds that no Deny of By applies.
func (h *hunt) spared(s state) {
	clauses := slices.Clone(h.coupled)
	denies := slices.Clone(h.by.denies)
	for _, x := range h.and {
		denies = append(denies, x.denies...)
	}
	for _, d := range denies {
		c, must := h.avoid(s, h.frame.bound[d])
		if !must {
			continue
		}
		if len(c) == 0 {
			return
		}
		clauses = append(clauses, c)
	}
	if h.not == nil {
		h.solveAndReport(s, clauses)
		return
	}
	h.failing(s, clauses, h.not.ways)
	for _, d := range h.not.denies {
		if h.done() {
			return
		}
		if b := h.frame.bound[d]; !b.never {
			if next, ok := s.assume(h.frame.dims, b.when); ok {
				h.solveAndReport(next, clauses)
			}
		}
	}
}

// failing adds that every way of Not has a layer of which nothing allows.
func (h *hunt) failing(s state, clauses []clause, ways [][]layer) {
	if h.done() {
		return
	}
	if len(ways) == 0 {
		h.solveAndReport(s, clauses)
		return
	}
	for _, l := range ways[0] {
		all, possible := slices.Clip(clauses), true
		for _, a := range l.allows {
			c, must := h.avoid(s, h.frame.bound[a])
			if must {
				all = append(all, c)
				if possible = len(c) > 0; !possible {
					break
				}
			}
		}
		if possible {
			h.failing(s, all, ways[1:])
		}
		if h.done() {
			return
		}
	}
}

// avoid is the clause that a statement does not apply; must is false where it
// cannot anyway.
func (h *hunt) avoid(s state, b bound) (c clause, must bool) {
	if b.never {
		return nil, false
	}
	dims := h.frame.dims
	for _, l := range b.when {
		if s.excludes(l) {
			return nil, false
		}
	}
	for _, l := range b.when {
		if n := l.not(dims[l.dim].universe); !s.excludes(n) {
			c = append(c, n)
		}
	}
	return c, true
}

func (h *hunt) solveAndReport(s state, clauses []clause) {
	if h.done() {
		return
	}
	found, ok := h.budget.solve(h.frame.dims, s, clauses)
	if !ok {
		return
	}
	for i, d := range h.frame.dims {
		if d.opaque && found[i].all.count() < 2 {
			h.doubt(fmt.Sprintf("it depends on %s, which cannot be analysed", d.name))
			return
		}
	}
	w := h.witness(found)
	ok, err := h.confirm(w)
	if err != nil {
		h.err = err
		return
	}
	if !ok {
		h.doubt("a request that no principal can make")
		return
	}
	h.polish(w)
	h.answer = &Answer{Verdict: Found, Witness: w, Assignments: h.tried, action: w.atom}
}
