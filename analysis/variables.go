package analysis

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/rowan-authz/rowan/conditions"
)

// place is where a policy variable stands: in a pattern that is compared with
// target, between what comes before and after it.
type place struct {
	target        string // a key, or resourceTarget
	variable      string
	before, after glob
	name          string
	folded, late  bool
	part          bool // its text must have no colon
	others        int  // further variables in the pattern
	fallback      string
	hasDefault    bool
}

const resourceTarget = ""

// whole reports whether the variable is the pattern.
func (p *place) whole() bool { return len(p.before) == 0 && len(p.after) == 0 }

// plain reports whether there is no wildcard beside the variable.
func (p *place) plain() bool {
	wild := func(e element) bool { return e.kind >= takesOne }
	return !slices.ContainsFunc(p.before, wild) && !slices.ContainsFunc(p.after, wild)
}

// reads returns the keys that policy variables read, in a fixed order.
func (s *search) reads() []string {
	found := map[string]bool{}
	s.eachTemplate(func(_ string, p *conditions.Pattern, _ bool) {
		for _, t := range p.Template() {
			if t.Kind == conditions.TokenVariable && !t.Variable.Key.List {
				found[keyName(t.Variable.Key.Name)] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(found))
}

// eachTemplate calls f with every pattern that holds variables.
func (s *search) eachTemplate(f func(target string, p *conditions.Pattern, folded bool)) {
	for _, st := range s.statements {
		for i := range st.resources {
			if st.resources[i].HasVariables() {
				f(resourceTarget, &st.resources[i], false)
			}
		}
		for i := range st.conditions {
			c := &st.conditions[i]
			templates := c.Templates()
			for j := range templates {
				f(keyName(c.Key().Name), &templates[j], c.Folded())
			}
		}
	}
}

// plan says which values of the keys that variables read stand for all others.
type plan struct {
	keys       []string
	candidates [][]candidate
	inexact    []string
}

// candidate is a value of a key, or its absence.
type candidate struct {
	text   string
	absent bool
}

// assignments yields every combination.
func (p *plan) assignments() iter.Seq[assignment] {
	return func(yield func(assignment) bool) {
		values := assignment{}
		var choose func(i int) bool
		choose = func(i int) bool {
			if i == len(p.keys) {
				return yield(maps.Clone(values))
			}
			for _, c := range p.candidates[i] {
				delete(values, p.keys[i])
				if !c.absent {
					values[p.keys[i]] = c.text
				}
				if !choose(i + 1) {
					return false
				}
			}
			delete(values, p.keys[i])
			return true
		}
		choose(0)
	}
}

// plan finds the candidates of a world. Source: analysis A4.7, A5.
func (s *search) plan(w *world) (*plan, error) {
	out := &plan{}
	for _, name := range s.reads() {
		if _, fixed := w.fixed[name]; !fixed {
			out.keys = append(out.keys, name)
		}
	}
	if len(out.keys) == 0 {
		return out, nil
	}
	places := s.places(w)
	f, err := s.constants(w)
	if err != nil {
		return nil, err
	}
	out.inexact = f.doubts(places, out.keys)
	for _, name := range out.keys {
		t := &typing{search: s, frame: f, world: w, name: name, keep: len(out.keys) + 1}
		all, err := t.candidates(places)
		if err != nil {
			return nil, err
		}
		out.candidates = append(out.candidates, all)
	}
	shareWhole(out, places, w)
	out.collide(places, w)
	return out, nil
}

// collide adds values of one variable that hold a value of another and what
// comes after it: with "/*" after both, "x" and "x/" reach one text.
func (p *plan) collide(places []*place, w *world) {
	const few = 3
	for _, x := range places {
		for _, y := range places {
			a, b := slices.Index(p.keys, x.variable), slices.Index(p.keys, y.variable)
			if x.target != y.target || a == b || a < 0 || b < 0 || separate(x, y) {
				continue
			}
			for _, c := range p.candidates[a][:min(few, len(p.candidates[a]))] {
				if c.absent {
					continue
				}
				p.offer(b, c.text+x.after.shortest(), w)
			}
		}
	}
}

// offer adds a value of a key, if the key may have it.
func (p *plan) offer(key int, text string, w *world) {
	runes := []rune(text)
	if g, ok := w.formats[p.keys[key]]; ok && !g.ends(runes)[len(runes)] {
		return
	}
	if c := (candidate{text: text}); !slices.Contains(p.candidates[key], c) {
		p.candidates[key] = append(p.candidates[key], c)
	}
}

// shortest returns a shortest text that the glob matches.
func (g glob) shortest() string {
	var out []rune
	for _, e := range g {
		switch e.kind {
		case takesRune, takesFolded:
			out = append(out, e.r)
		case takesDigit:
			out = append(out, '0')
		case takesOne:
			out = append(out, 'x')
		case takesStar:
		}
	}
	return string(out)
}

// shareWhole gives keys that are compared with each other each other's values.
func shareWhole(p *plan, places []*place, w *world) {
	for _, x := range places {
		a, b := slices.Index(p.keys, x.target), slices.Index(p.keys, x.variable)
		if a < 0 || b < 0 {
			continue
		}
		for _, to := range [][2]int{{a, b}, {b, a}} {
			for _, c := range p.candidates[to[1]] {
				if !c.absent {
					p.offer(to[0], c.text, w)
				}
			}
		}
	}
}

// places returns where variables stand that are not fixed, each once.
func (s *search) places(w *world) []*place {
	var out []*place
	seen := map[string]bool{}
	s.eachTemplate(func(target string, p *conditions.Pattern, folded bool) {
		tokens := p.Template()
		for i, t := range tokens {
			if t.Kind != conditions.TokenVariable || t.Variable.Key.List {
				continue
			}
			if _, fixed := w.fixed[keyName(t.Variable.Key.Name)]; fixed {
				continue
			}
			x := &place{target: target, variable: keyName(t.Variable.Key.Name), folded: folded, late: p.Late(), part: t.Part}
			x.fallback, x.hasDefault = t.Variable.Default, t.Variable.HasDefault
			x.before, x.others = beside(tokens[:i], w)
			var more int
			x.after, more = beside(tokens[i+1:], w)
			x.others += more
			x.name = fmt.Sprintf("%q %q %v %v %v %q", target, x.variable, x.before, x.after, folded, x.fallback)
			if !seen[x.name] {
				seen[x.name] = true
				out = append(out, x)
			}
		}
	})
	return out
}

// beside compiles what stands on one side of a variable; another variable counts
// as any text, unless its value is given.
func beside(tokens []conditions.Token, w *world) (g glob, others int) {
	for _, t := range tokens {
		if t.Kind == conditions.TokenVariable {
			if values, fixed := w.fixed[keyName(t.Variable.Key.Name)]; fixed && len(values) == 1 && values[0] != "" {
				t = conditions.Token{Text: values[0]}
			} else {
				others++
				t = conditions.Token{Kind: conditions.TokenStar}
			}
		}
		if more, err := g.appendTokens([]conditions.Token{t}); err == nil {
			g = more
		}
	}
	return g, others
}

// doubts says why the candidates may not stand for all values. Source: analysis
// A5.
func (f *frame) doubts(places []*place, keys []string) []string {
	var out []string
	for i, p := range places {
		if why := f.doubtful(p, places, places[:i], keys); why != "" {
			name := p.target
			if name == resourceTarget {
				name = "the resource"
			}
			out = append(out, fmt.Sprintf("${%s} in %s: %s", p.variable, name, why))
		}
	}
	return out
}

func (f *frame) doubtful(p *place, all, before []*place, keys []string) string {
	_, pinned := slices.BinarySearch(keys, p.target)
	switch {
	case p.others > 0:
		return "two variables in one value"
	case p.folded && (!p.whole() || !f.alone(p, all)):
		return "it is compared without case"
	case p.late && !p.whole():
		return "an ARN whose parts are known only with the variable"
	case pinned && !p.whole():
		return "a key that is read by a variable itself"
	case !p.plain() && entangled(p, all):
		return "wildcards beside one of several variables"
	}
	for _, q := range before {
		if q.target == p.target && !apart(p, q) && !nested(p, q) {
			return "different values overlap"
		}
	}
	return ""
}

// nested reports whether two places differ in what comes after the variable
// alone: what they can tell of its value is where it leads.
func nested(p, q *place) bool {
	plain := !slices.ContainsFunc(p.before, func(e element) bool { return e.kind >= takesOne })
	return p.variable == q.variable && plain && slices.Equal(p.before, q.before)
}

// alone reports whether a key is compared with nothing but one variable.
func (f *frame) alone(p *place, all []*place) bool {
	for _, q := range all {
		if q.target == p.target && (q.variable != p.variable || !q.whole() || !q.folded) || q.target == p.variable {
			return false
		}
	}
	for _, t := range f.tests[p.target] {
		if len(t.Texts()) > 0 {
			return false
		}
	}
	return true
}

// entangled reports whether the value of another variable can matter to one that
// has wildcards beside it.
func entangled(p *place, all []*place) bool {
	for _, q := range all {
		if q.variable != p.variable && (q.target == p.target && !separate(p, q) || q.target == p.variable) {
			return true
		}
	}
	return false
}

// separate reports whether two places never match one text together, whatever
// the variables are.
func separate(p, q *place) bool {
	return disjoint(p.before, q.before) || disjoint(reversed(p.after), reversed(q.after))
}

// apart reports whether two places are the same but for the variable, or never
// match one text together.
func apart(p, q *place) bool {
	if slices.Equal(p.before, q.before) && slices.Equal(p.after, q.after) || separate(p, q) {
		return true
	}
	if p.variable != q.variable {
		return false
	}
	pLeast, pOpen := length(p)
	qLeast, qOpen := length(q)
	return !pOpen && qLeast > pLeast || !qOpen && pLeast > qLeast
}

func reversed(g glob) glob {
	out := slices.Clone(g)
	slices.Reverse(out)
	return out
}

// disjoint reports whether two globs begin with texts that exclude each other.
// Wildcards that take no colon end at the next one in both.
func disjoint(a, b glob) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].kind == takesRune && b[0].kind == takesRune:
			if a[0].r != b[0].r {
				return true
			}
			a, b = a[1:], b[1:]
		case a[0].untilColon() && b[0].untilColon():
			a, b = a.fromColon(), b.fromColon()
		default:
			return false
		}
	}
	return false
}

// untilColon reports whether an element takes no colon but as itself.
func (e element) untilColon() bool {
	return e.part || e.kind == takesRune && e.r != ':'
}

// fromColon returns a glob from its next colon on, or nothing where something
// else may take one.
func (g glob) fromColon() glob {
	for i, e := range g {
		if e.kind == takesRune && e.r == ':' {
			return g[i:]
		}
		if !e.untilColon() {
			return nil
		}
	}
	return nil
}

// length is how many code points a place takes beside its variable, and whether
// it may take more.
func length(p *place) (least int, open bool) {
	for _, e := range slices.Concat(p.before, p.after) {
		if e.kind == takesStar {
			open = true
		} else {
			least++
		}
	}
	return least, open
}

// constants reads all statements with every variable absent: what is left are
// the patterns that do not depend on one. The values of keys that are given are
// such too: a variable may have to be one of them.
func (s *search) constants(w *world) (*frame, error) {
	f, err := newFrame(s.budget, s.vocabulary, w, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, st := range s.statements {
		if err := f.read(st); err != nil {
			return nil, err
		}
	}
	for name, values := range w.fixed {
		if len(values) > 0 {
			given := conditions.NewEqual(false, values)
			f.tests[name] = append(f.tests[name], &given)
		}
	}
	return f, nil
}

// typing sorts the values of one key into types that no policy tells apart.
type typing struct {
	*search
	frame *frame
	world *world
	name  string
	keep  int // how many values of each type
	views []*view
}

// view is what a place sees of a value: the states of the target's automaton in
// which the value can begin, and what can be told at the end.
type view struct {
	*place
	target *automaton
	begin  []int32
	ends   map[int32][]string // by state: what the rest can come to
	// fine says that values which lead to different states are of different
	// types: another place tells more of them.
	fine bool
}

func (t *typing) candidates(places []*place) ([]candidate, error) {
	texts, err := t.own()
	if err != nil {
		return nil, err
	}
	if texts == nil { // of text
		texts, err = t.words(places)
		if err != nil {
			return nil, err
		}
	}
	var out []candidate
	add := func(c candidate) {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for _, s := range texts {
		add(candidate{text: s})
	}
	for _, p := range places {
		if p.hasDefault && p.variable == t.name && p.fallback != "" && t.fits(p.fallback) {
			add(candidate{text: p.fallback})
		}
	}
	if t.fits("") {
		add(candidate{text: ""})
	}
	if !t.world.needed[t.name] {
		add(candidate{absent: true})
	}
	return out, nil
}

// fits reports whether the key may have a text as its value.
func (t *typing) fits(text string) bool {
	key, err := t.vocabulary.Key(t.name)
	if err != nil {
		return false
	}
	switch key.Kind {
	case conditions.Number, conditions.Date, conditions.Epoch, conditions.Bool, conditions.IP, conditions.StringOrIP:
		return text != ""
	case conditions.String, conditions.StringOrARN, conditions.ARN, conditions.Binary, conditions.Untyped:
	}
	if key.Kind == conditions.ARN || t.world.formats[t.name] != nil {
		a, err := newAutomaton(t.budget, []glob{t.space(key)}, 1, anyLetters)
		if err != nil {
			return false
		}
		s, err := a.read(0, text)
		return err == nil && s != dead && len(a.states[s].accepts) > 0
	}
	return true
}

// space is the format of the key's values, nil for any text.
func (t *typing) space(key conditions.Key) glob {
	if g, ok := t.world.formats[t.name]; ok {
		return g
	}
	if key.Kind == conditions.ARN {
		return wildcards(arnUnit)
	}
	return nil
}

// own returns the values of a key that is no text, nil for one that is.
func (t *typing) own() ([]string, error) {
	key, err := t.vocabulary.Key(t.name)
	if err != nil {
		return nil, err
	}
	switch key.Kind {
	case conditions.String, conditions.StringOrARN, conditions.ARN, conditions.Untyped, conditions.Binary:
		return nil, nil
	case conditions.Number, conditions.Date, conditions.Epoch, conditions.Bool, conditions.IP, conditions.StringOrIP:
	}
	t.doubt(fmt.Sprintf("${%s} is %s", t.name, key.Kind))
	d, err := newValueDimension(t.budget, t.name, key.Kind, t.frame.tests[t.name])
	if err != nil {
		return nil, err
	}
	return d.atoms, nil
}

// words finds values of every type, the shortest first.
func (t *typing) words(places []*place) ([]string, error) {
	key, err := t.vocabulary.Key(t.name)
	if err != nil {
		return nil, err
	}
	var u units
	for _, test := range t.frame.tests[t.name] {
		if err := u.addTest(test); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	var globs []glob
	required := 0
	if g := t.space(key); g != nil {
		globs, required = append(globs, g), 1
	}
	for _, x := range u.all {
		globs = append(globs, x.glob)
	}
	own, err := newAutomaton(t.budget, globs, required, anyLetters)
	if err != nil {
		return nil, err
	}
	var extra []string
	for _, p := range places {
		if p.variable != t.name {
			continue
		}
		v, factors, err := t.view(p)
		if err != nil {
			return nil, err
		}
		for _, q := range places {
			v.fine = v.fine || q != p && q.target == p.target && nested(p, q) && !separate(p, q)
		}
		t.views = append(t.views, v)
		extra = append(extra, factors...)
	}
	out, err := t.explore(own, required)
	if err != nil {
		return nil, err
	}
	for _, s := range extra {
		if s != "" && t.fits(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, nil
}

// view makes the view of a place; factors are the parts of the target's shortest
// texts, which a value must be for all of a class to match.
func (t *typing) view(p *place) (v *view, factors []string, err error) {
	globs, err := t.targetGlobs(p)
	if err != nil {
		return nil, nil, err
	}
	a, err := newAutomaton(t.budget, globs, 0, anyLetters)
	if err != nil {
		return nil, nil, err
	}
	v = &view{place: p, target: a, ends: map[int32][]string{}}
	if v.begin, err = a.reach(0, p.before); err != nil {
		return nil, nil, err
	}
	texts, _, err := a.atoms(func([]int32) bool { return false })
	for _, s := range texts {
		for _, f := range partsBetween(p.before, p.after, s) {
			if len(factors) < maxFactors && !slices.Contains(factors, f) {
				factors = append(factors, f)
			}
		}
	}
	if len(factors) == maxFactors {
		t.doubt("too many parts of values to try")
	}
	return v, factors, err
}

const maxFactors = 1000

// partsBetween returns the parts of a text before which what is there matches
// one glob, and behind which another.
func partsBetween(before, after glob, text string) []string {
	runes := []rune(text)
	begins, ends := before.ends(runes), reversed(after).ends(reversedRunes(runes))
	var out []string
	for i, ok := range begins {
		for j := i + 1; ok && j <= len(runes); j++ {
			if ends[len(runes)-j] {
				out = append(out, string(runes[i:j]))
			}
		}
	}
	return out
}

func reversedRunes(r []rune) []rune {
	out := slices.Clone(r)
	slices.Reverse(out)
	return out
}

// ends tells for each length whether the glob matches so much of a text.
func (g glob) ends(text []rune) []bool {
	at := make([]bool, len(text)+1)
	at[0] = true
	for _, e := range g {
		next := make([]bool, len(text)+1)
		for i, here := range at {
			from := here
			if e.kind == takesStar {
				next[i] = next[i] || here
				from = next[i]
			}
			if from && i < len(text) && e.takes(text[i]) {
				next[i+1] = true
			}
		}
		at = next
	}
	return at
}

// takes reports whether an element takes a rune.
func (e element) takes(r rune) bool {
	switch e.kind {
	case takesRune:
		return r == e.r
	case takesFolded:
		return slices.Contains(orbit(e.r), r)
	case takesDigit:
		return '0' <= r && r <= '9'
	case takesOne, takesStar:
	}
	return !e.part || r != ':'
}

// targetGlobs are the patterns that a place's target is compared with beside it.
func (t *typing) targetGlobs(p *place) ([]glob, error) {
	u := t.frame.resources
	if p.target != resourceTarget {
		u = units{}
		for _, test := range t.frame.tests[p.target] {
			if err := u.addTest(test); err != nil {
				return nil, fmt.Errorf("%s: %w", p.target, err)
			}
		}
	} else {
		u.all = append(slices.Clip(u.all), unit{"owned", owned(t.world.owner)}, unit{"of no account", noAccount})
	}
	var out []glob
	for _, x := range u.all {
		out = append(out, x.glob)
	}
	return out, nil
}

// reach returns the states that texts of a glob lead to from a state, sorted.
func (a *automaton) reach(from int32, g glob) ([]int32, error) {
	type at struct {
		position int
		state    int32
	}
	found := map[int32]bool{}
	seen := map[at]bool{}
	queue := []at{{0, from}}
	push := func(x at) {
		if x.state != dead && !seen[x] {
			seen[x] = true
			queue = append(queue, x)
		}
	}
	seen[queue[0]] = true
	for len(queue) > 0 {
		x := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if x.position == len(g) {
			found[x.state] = true
			continue
		}
		if err := a.expand(x.state); err != nil {
			return nil, err
		}
		e := g[x.position]
		next := x.position + 1
		if e.kind == takesStar {
			push(at{next, x.state})
			next = x.position
		}
		if e.kind == takesRune {
			push(at{next, a.next(x.state, e.r)})
			continue
		}
		st := &a.states[x.state]
		for i, r := range st.symbols {
			if !e.part || r != ':' {
				push(at{next, st.targets[i]})
			}
		}
		push(at{next, st.other})
		if !e.part {
			push(at{next, a.next(x.state, ':')})
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// tells returns what a place can tell of a value that leads to states.
func (v *view) tells(states []int32) (string, error) {
	var all []string
	for _, s := range states {
		if s == dead {
			continue
		}
		ends, ok := v.ends[s]
		if !ok {
			last, err := v.target.reach(s, v.after)
			if err != nil {
				return "", err
			}
			for _, e := range last {
				ends = append(ends, sigKey(v.target.states[e].accepts))
			}
			slices.Sort(ends)
			ends = slices.Compact(ends)
			v.ends[s] = ends
		}
		all = append(all, ends...)
	}
	slices.Sort(all)
	out := []byte{}
	for _, e := range slices.Compact(all) {
		out = binary.AppendUvarint(out, uint64(len(e)))
		out = append(out, e...)
	}
	return string(out), nil
}

// valueState is where a value leads, in the key's own automaton and in each view.
type valueState struct {
	own   int32
	views [][]int32
	colon bool
}

func (x *valueState) key() string {
	out := binary.AppendVarint(nil, int64(x.own))
	if x.colon {
		out = append(out, 1)
	}
	for _, v := range x.views {
		out = binary.AppendUvarint(out, uint64(len(v)))
		for _, s := range v {
			out = binary.AppendVarint(out, int64(s))
		}
	}
	return string(out)
}

// explore reads ever longer values and keeps some of each type.
func (t *typing) explore(own *automaton, required int) ([]string, error) {
	begin := valueState{own: 0}
	for _, v := range t.views {
		begin.views = append(begin.views, v.begin)
	}
	type step struct {
		valueState
		text string
	}
	visits := map[string]int{begin.key(): 1}
	kept := map[string]int{}
	var out []string
	queue := []step{{begin, ""}}
	for len(queue) > 0 {
		x := queue[0]
		queue = queue[1:]
		if !t.budget.spend(1 + len(t.views)) {
			return nil, errBudget
		}
		if x.text != "" && (required == 0 || len(own.states[x.own].accepts) > 0 && own.states[x.own].accepts[0] == 0) {
			kind, err := t.kind(own, &x.valueState)
			if err != nil {
				return nil, err
			}
			if kept[kind]++; kept[kind] <= t.keep {
				out = append(out, x.text)
			}
		}
		symbols, err := t.symbols(own, &x.valueState)
		if err != nil {
			return nil, err
		}
		for _, r := range symbols {
			next, ok := t.advance(own, &x.valueState, r)
			if !ok {
				continue
			}
			key := next.key()
			if visits[key]++; visits[key] <= t.keep {
				queue = append(queue, step{next, x.text + string(r)})
			}
		}
	}
	return out, nil
}

// kind is the type of a value.
func (t *typing) kind(own *automaton, x *valueState) (string, error) {
	out := []byte(sigKey(own.states[x.own].accepts))
	if x.colon {
		out = append(out, ':')
	}
	for i, v := range t.views {
		if v.fine {
			for _, s := range x.views[i] {
				out = binary.AppendUvarint(out, uint64(s)+1)
			}
			out = append(out, 0)
			continue
		}
		told, err := v.tells(x.views[i])
		if err != nil {
			return "", err
		}
		out = binary.AppendUvarint(out, uint64(len(told)))
		out = append(out, told...)
	}
	return string(out), nil
}

// symbols are the runes to go on with: those that some automaton knows, and as
// many others as values of a type are kept.
func (t *typing) symbols(own *automaton, x *valueState) ([]rune, error) {
	if err := own.expand(x.own); err != nil {
		return nil, err
	}
	all := append([]rune{':'}, own.states[x.own].symbols...)
	for i, v := range t.views {
		for _, s := range x.views[i] {
			if err := v.target.expand(s); err != nil {
				return nil, err
			}
			all = append(all, v.target.states[s].symbols...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return append(others(anyLetters, all, t.keep), all...), nil
}

// advance reads one rune more; ok is false where no value leads on.
func (t *typing) advance(own *automaton, x *valueState, r rune) (next valueState, ok bool) {
	next.own = own.next(x.own, r)
	if next.own == dead {
		return next, false
	}
	next.colon = x.colon || r == ':'
	for i, v := range t.views {
		states := make([]int32, 0, len(x.views[i]))
		for _, s := range x.views[i] {
			if to := v.target.next(s, r); to != dead {
				states = append(states, to)
			}
		}
		slices.Sort(states)
		next.views = append(next.views, slices.Compact(states))
	}
	return next, true
}
