package engine

import (
	"slices"

	"github.com/rowan-authz/rowan/conditions"
)

// index finds the statements of one effect that may be about a request
// without looking at the others: first by resource pattern, then, where many
// statements share one, by action.
//
// A resource pattern that is a plain text is found by a hash. Any other is
// filed under the rarest thing that every match of it must show: the text it
// begins with, a whole word between ':' and '/', or four bytes in a row. Only
// a pattern that shows nothing is tried on every request.
type index struct {
	exact  exactTable
	prefix trie
	words  words
	grams  grams
	// patterns says that prefix, words or grams hold something.
	patterns bool
	// always holds statements to be tried on every request: Resource "*" and
	// arn:aws:s3:::*, NotResource, no resource at all. Unanchored are the
	// patterns that show nothing.
	always     bucket
	unanchored []*bucket
}

// candidate is a statement with the entry of its resources under which it was
// filed, or one of the two below.
type candidate struct {
	statement *statement
	entry     int32
}

const (
	wholeElement = -1 // the whole Resource or NotResource element counts
	exactEntry   = -2 // whoever is found matches
)

// resource answers for the part under which the candidate was filed, which is
// not exactEntry.
func (c *candidate) resource(q *query) conditions.Truth {
	if c.entry == wholeElement {
		return c.statement.matchesResource(q)
	}
	return c.statement.resources.matches(int(c.entry), q)
}

// newIndex files the statements of one effect.
func newIndex(statements []statement, deny bool) index {
	var x index
	buckets := map[patternKey]*filed{}
	var order []*filed
	for i := range statements {
		s := &statements[i]
		if s.deny != deny {
			continue
		}
		if s.resources == nil || s.resources.not {
			x.always.add(candidate{s, wholeElement})
			continue
		}
		for e := range s.resources.patterns {
			p := &s.resources.patterns[e]
			if p.Any() || allBuckets(p.String()) {
				x.always.add(candidate{s, int32(e)})
				continue
			}
			prefix, whole := p.Prefix()
			key := patternKey{p.String(), prefix, p.HasVariables()}
			if whole {
				key = patternKey{prefix: prefix} // two spellings of one plain text
			}
			f, ok := buckets[key]
			if !ok {
				f = &filed{pattern: p, bucket: &bucket{}}
				buckets[key] = f
				order = append(order, f)
			}
			if whole {
				f.bucket.add(candidate{s, exactEntry})
			} else {
				f.bucket.add(candidate{s, int32(e)})
			}
		}
	}
	for _, f := range order {
		f.bucket.finish()
	}
	x.file(order)
	x.patterns = !x.prefix.empty() || !x.words.empty() || !x.grams.empty()
	x.always.finish()
	return x
}

// patternKey tells patterns apart: one text may mean two, since ${ is ordinary
// in documents of the older version.
type patternKey struct {
	text, prefix string
	variables    bool
}

// filed is a resource pattern and its statements, on the way into the index.
type filed struct {
	pattern *conditions.Pattern
	bucket  *bucket
	words   []string
}

// crowd is how many patterns may share an anchor before a pattern looks for
// another.
const crowd = 8

// file puts every pattern where it is found fastest.
func (x *index) file(order []*filed) {
	shared := map[string]int{} // how many patterns show a prefix or a word
	for _, f := range order {
		prefix, whole := f.pattern.Prefix()
		if whole {
			continue
		}
		f.words = wordsOf(f.pattern)
		shared["^"+prefix]++
		for _, w := range f.words {
			shared[w]++
		}
	}
	var crowded []*filed
	var exact []exactText
	for _, f := range order {
		prefix, whole := f.pattern.Prefix()
		if whole {
			account, _ := resourceAccount(prefix)
			exact = append(exact, exactText{prefix, *f.bucket, account})
			continue
		}
		word, count := "", len(order)+1
		for _, w := range f.words {
			if n := shared[w]; n < count || n == count && len(w) > len(word) {
				word, count = w, n
			}
		}
		byPrefix := shared["^"+prefix]
		switch {
		case prefix != "" && byPrefix <= count && byPrefix <= crowd:
			x.prefix.add(prefix, f.bucket)
		case word != "" && count <= crowd:
			x.words.add(word, f.bucket)
		default:
			crowded = append(crowded, f)
		}
	}
	x.exact = newExactTable(exact)
	x.fileCrowded(crowded)
}

// fileCrowded files the patterns whose prefix and words many others show.
func (x *index) fileCrowded(crowded []*filed) {
	shared := map[gram]int{}
	for _, f := range crowded {
		for _, g := range gramsOf(f.pattern) {
			shared[g]++
		}
	}
	for _, f := range crowded {
		best, count := gram(0), crowd+1
		for _, g := range gramsOf(f.pattern) {
			if n := shared[g]; n < count || n == count && g < best {
				best, count = g, n
			}
		}
		switch prefix, _ := f.pattern.Prefix(); {
		case count <= crowd:
			x.grams.add(best, f.bucket)
		case prefix != "":
			x.prefix.add(prefix, f.bucket)
		default:
			x.unanchored = append(x.unanchored, f.bucket)
		}
	}
	x.grams.finish()
}

// empty reports whether no statement is filed.
func (x *index) empty() bool {
	return x.exact.empty() && x.always.empty() && len(x.unanchored) == 0 && !x.patterns
}

// bucket holds the statements that share a resource pattern.
type bucket struct {
	// one is the only candidate if more is nil.
	one  candidate
	more *crowded
}

// crowded is a bucket of several candidates.
type crowded struct {
	candidates []candidate
	// byAction replaces candidates when there are many.
	byAction map[int32][]candidate
	// patterns are the candidates with an action pattern, by the pattern's
	// prefix, when there are many.
	patterns trie
}

func (b *bucket) empty() bool { return b.one.statement == nil && b.more == nil }

func (b *bucket) add(c candidate) {
	switch {
	case b.empty():
		b.one = c
	case b.more == nil:
		b.more = &crowded{candidates: []candidate{b.one, c}}
		b.one = candidate{}
	default:
		b.more.candidates = append(b.more.candidates, c)
	}
}

// manyCandidates is how many statements a bucket tries one by one.
const manyCandidates = 12

// finish divides a large bucket by action. Statements with NotAction or the
// action "*" stay in candidates.
func (b *bucket) finish() {
	if b.more == nil || len(b.more.candidates) <= manyCandidates {
		return
	}
	m := b.more
	rest := m.candidates[:0:0]
	m.byAction = map[int32][]candidate{}
	m.patterns.fold = true
	subs := map[string]*bucket{}
	for _, c := range m.candidates {
		if c.statement.notAction || slices.ContainsFunc(c.statement.actions, func(a *action) bool { return a.Any() }) {
			rest = append(rest, c)
			continue
		}
		m.divide(c, subs)
	}
	m.candidates = rest
}

// divide files a candidate under each of its actions.
func (m *crowded) divide(c candidate, subs map[string]*bucket) {
	seen := map[string]bool{}
	for _, a := range c.statement.actions {
		if a.id != 0 {
			if list := m.byAction[a.id]; len(list) == 0 || list[len(list)-1] != c {
				m.byAction[a.id] = append(list, c)
			}
			continue
		}
		prefix, _ := a.Prefix()
		if seen[prefix] {
			continue
		}
		seen[prefix] = true
		sub, ok := subs[prefix]
		if !ok {
			sub = &bucket{}
			subs[prefix] = sub
			m.patterns.add(prefix, sub)
		}
		sub.add(c)
	}
}

// search looks through the index of one effect. What it finds is kept by
// number: a pointer would move the query to the heap.
type search struct {
	*query
	set  *Set
	deny bool
	// strongest goes on after a grant, since a resource policy can match the
	// principal in several ways.
	strongest bool

	found int32 // 1 + the place of the statement, 0 for none
	class class
}

// run tries every statement that may be about the request, until it need not
// go on.
func (x *index) run(s *search) {
	if !x.always.empty() && x.always.run(s) {
		return
	}
	if !x.exact.empty() {
		if e := x.exact.find(s.resource); e != nil {
			s.account, s.knownAccount = e.account, true
			if e.bucket.run(s) {
				return
			}
		}
	}
	for _, b := range x.unanchored {
		if b.run(s) {
			return
		}
	}
	if x.patterns {
		_ = x.prefix.run(s, s.resource) || x.words.run(s, s.resource) || x.grams.run(s, s.resource)
	}
}

// run tries the statements of a bucket.
func (b *bucket) run(s *search) (done bool) {
	if b.more == nil {
		return b.one.statement != nil && s.try(&b.one)
	}
	return b.more.run(s)
}

func (m *crowded) run(s *search) (done bool) {
	for i := range m.candidates {
		if s.try(&m.candidates[i]) {
			return true
		}
	}
	if m.byAction == nil {
		return false
	}
	if id := s.set.actionID(s.action); id != 0 {
		list := m.byAction[id]
		for i := range list {
			if s.try(&list[i]) {
				return true
			}
		}
	}
	return m.patterns.run(s, s.action)
}

// try tests one statement and reports whether the search is over.
func (s *search) try(c *candidate) (done bool) {
	if !c.statement.matchesAction(s.query) {
		return false
	}
	resource := conditions.True
	if c.entry != exactEntry {
		resource = c.resource(s.query)
	}
	if s.deny {
		if !c.statement.denies(s.query, resource) {
			return false
		}
		s.found = c.statement.id + 1
		return true
	}
	how := c.statement.allows(s.query, resource)
	if how > s.class {
		s.class, s.found = how, c.statement.id+1
	}
	return how == classDirect || how != classNone && !s.strongest
}
