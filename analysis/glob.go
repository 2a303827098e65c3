package analysis

import (
	"encoding/binary"
	"errors"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/conditions"
)

// element is one piece of a glob: it takes one code point, or with star any
// number of them.
type element struct {
	kind elementKind
	r    rune
	part bool // a wildcard that takes no colon
}

type elementKind uint8

const (
	takesRune elementKind = iota
	takesFolded
	takesDigit
	takesOne
	takesStar
)

// glob is a pattern without variables.
type glob []element

var errText = errors.New("a text that is no UTF-8")

// appendText appends a text that is compared rune by rune.
func (g glob) appendText(s string, kind elementKind) (glob, error) {
	if !utf8.ValidString(s) {
		return nil, errText
	}
	for _, r := range s {
		g = append(g, element{kind: kind, r: r})
	}
	return g, nil
}

// appendTokens appends tokens without variables; fold makes texts those of
// actions, which compare without case and stand in lower case.
func (g glob) appendTokens(tokens []conditions.Token) (glob, error) {
	var err error
	for _, t := range tokens {
		switch t.Kind {
		case conditions.TokenText:
			if g, err = g.appendText(t.Text, takesRune); err != nil {
				return nil, err
			}
		case conditions.TokenStar:
			g = append(g, element{kind: takesStar, part: t.Part})
		case conditions.TokenOne:
			g = append(g, element{kind: takesOne, part: t.Part})
		case conditions.TokenVariable:
			return nil, errors.New("a variable that is not bound")
		}
	}
	return g, nil
}

// wildcards compiles a text in which * and ? are wildcards and # is a digit.
func wildcards(s string) glob {
	var g glob
	for _, r := range s {
		switch r {
		case '*':
			g = append(g, element{kind: takesStar})
		case '?':
			g = append(g, element{kind: takesOne})
		case '#':
			g = append(g, element{kind: takesDigit})
		default:
			g = append(g, element{kind: takesRune, r: r})
		}
	}
	return g
}

// partly keeps every wildcard of the first five parts of an ARN from crossing a
// colon.
func (g glob) partly() glob {
	colons := 0
	for i := range g {
		if g[i].kind == takesRune && g[i].r == ':' {
			colons++
		}
		g[i].part = g[i].kind >= takesOne && colons < 5
	}
	return g
}

// automaton reads texts and tells which of its globs match: deterministic, made
// as it is used. State 0 is the beginning. Source: analysis A4.2.
type automaton struct {
	globs []glob
	// required is how many of the first globs a text must be able to match one
	// of; others lead nowhere. 0 requires nothing.
	required int
	// letters are runes for texts, in order of preference.
	letters string
	states  []dfaState
	index   map[string]int32
	budget  *budget
}

// dfaState is where some globs stand.
type dfaState struct {
	active  []uint32 // glob<<16 | position, sorted
	accepts []int32  // globs, sorted
	symbols []rune   // those that do not do what all others do, sorted
	targets []int32
	other   int32
	done    bool
}

// dead is the state from which no required glob can match.
const dead int32 = -1

const (
	maxGlobs    = 1 << 16
	maxElements = 1<<16 - 2
)

func newAutomaton(b *budget, globs []glob, required int, letters string) (*automaton, error) {
	if len(globs) > maxGlobs {
		return nil, errBudget
	}
	a := &automaton{globs: globs, required: required, letters: letters, index: map[string]int32{}, budget: b}
	var begin []uint32
	for i, g := range globs {
		if len(g) > maxElements {
			return nil, errBudget
		}
		begin = append(begin, uint32(i)<<16)
	}
	if a.intern(begin) == dead {
		return nil, errors.New("nothing can match")
	}
	return a, nil
}

// intern returns the state of some positions, which it completes with those
// behind a star.
func (a *automaton) intern(positions []uint32) int32 {
	for i := 0; i < len(positions); i++ {
		p := positions[i]
		if g := a.globs[p>>16]; int(p&0xffff) < len(g) && g[p&0xffff].kind == takesStar {
			positions = append(positions, p+1)
		}
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	positions = a.dominate(positions)
	if a.required > 0 && (len(positions) == 0 || int(positions[0]>>16) >= a.required) {
		return dead
	}
	key := make([]byte, 0, 4*len(positions))
	for _, p := range positions {
		key = binary.LittleEndian.AppendUint32(key, p)
	}
	if s, ok := a.index[string(key)]; ok {
		return s
	}
	s := int32(len(a.states))
	a.index[string(key)] = s
	st := dfaState{active: slices.Clip(positions)}
	for _, p := range positions {
		if int(p&0xffff) == len(a.globs[p>>16]) {
			st.accepts = append(st.accepts, int32(p>>16))
		}
	}
	a.states = append(a.states, st)
	return s
}

// dominate drops the positions of a glob before its last free star: what matches
// from there matches from the star too.
func (a *automaton) dominate(positions []uint32) []uint32 {
	out := positions[:0]
	for i := 0; i < len(positions); {
		g, end, least := positions[i]>>16, i, i
		for end < len(positions) && positions[end]>>16 == g {
			if at := int(positions[end] & 0xffff); at < len(a.globs[g]) && a.globs[g][at].kind == takesStar && !a.globs[g][at].part {
				least = end
			}
			end++
		}
		out = append(out, positions[least:end]...)
		i = end
	}
	return out
}

// expand fills in where a state leads.
func (a *automaton) expand(s int32) error {
	if a.states[s].done {
		return nil
	}
	if !a.budget.spend(1 + len(a.states[s].active)/8) {
		return errBudget
	}
	var anything, noColon, digits []uint32
	texts := map[rune][]uint32{}
	for _, p := range a.states[s].active {
		g := a.globs[p>>16]
		if int(p&0xffff) == len(g) {
			continue
		}
		e := g[p&0xffff]
		next := p + 1
		if e.kind == takesStar {
			next = p
		}
		switch {
		case e.kind == takesRune:
			texts[e.r] = append(texts[e.r], next)
		case e.kind == takesFolded:
			for _, r := range orbit(e.r) {
				texts[r] = append(texts[r], next)
			}
		case e.kind == takesDigit:
			digits = append(digits, next)
		case e.part:
			noColon = append(noColon, next)
		default:
			anything = append(anything, next)
		}
	}
	if len(noColon) > 0 && texts[':'] == nil {
		texts[':'] = []uint32{}
	}
	if len(digits) > 0 {
		for r := '0'; r <= '9'; r++ {
			texts[r] = append(texts[r], digits...)
		}
	}
	symbols := make([]rune, 0, len(texts))
	for r := range texts {
		symbols = append(symbols, r)
	}
	slices.Sort(symbols)
	targets := make([]int32, len(symbols))
	for i, r := range symbols {
		next := slices.Concat(texts[r], anything)
		if r != ':' {
			next = append(next, noColon...)
		}
		targets[i] = a.intern(next)
	}
	other := a.intern(slices.Concat(anything, noColon))
	st := &a.states[s]
	st.symbols, st.targets, st.other, st.done = symbols, targets, other, true
	return nil
}

// orbit returns the runes that equal r without regard to case.
func orbit(r rune) []rune {
	out := []rune{r}
	for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
		out = append(out, n)
	}
	return out
}

// next returns the state after one rune more. The state must be expanded.
func (a *automaton) next(s int32, r rune) int32 {
	st := &a.states[s]
	if i, ok := slices.BinarySearch(st.symbols, r); ok {
		return st.targets[i]
	}
	return st.other
}

// read returns the state after a text.
func (a *automaton) read(s int32, text string) (int32, error) {
	for _, r := range text {
		if s == dead {
			return dead, nil
		}
		if err := a.expand(s); err != nil {
			return dead, err
		}
		s = a.next(s, r)
	}
	return s, nil
}

// Letters for witnesses, in order of preference. Actions compare without case.
const (
	anyLetters    = "xyzabcdefghijklmnopqrstuvw0123456789XYZABCDEFGHIJKLMNOPQRSTUVW-_"
	actionLetters = "xyzabcdefghijklmnopqrstuvw0123456789-_"
)

// others returns n runes that are none of the symbols.
func others(letters string, symbols []rune, n int) []rune {
	var out []rune
	take := func(r rune) {
		if _, found := slices.BinarySearch(symbols, r); !found && len(out) < n {
			out = append(out, r)
		}
	}
	for _, r := range letters {
		take(r)
	}
	for r := rune(0xe0); len(out) < n; r++ {
		if unicode.IsLower(r) {
			take(r)
		}
	}
	return out
}

// word is a text as the last of its runes and the word before it.
type word struct {
	state  int32
	before int32 // index of the word, negative at the beginning
	r      rune
	length int
}

// atoms returns the classes of texts that no glob tells apart, each with a
// shortest text: sigs are the globs that match it.
func (a *automaton) atoms(skip func(accepts []int32) bool) (texts []string, sigs [][]int32, err error) {
	seen := map[string]int{}
	words := []word{{state: 0, before: -1}}
	visited := map[int32]bool{} // the beginning may be come back to
	for i := 0; i < len(words); i++ {
		s := words[i].state
		accepts := a.states[s].accepts
		key := sigKey(accepts)
		if at, found := seen[key]; !found {
			seen[key] = len(texts)
			if !skip(accepts) {
				texts = append(texts, spell(words, i))
				sigs = append(sigs, accepts)
			}
		} else if at < len(texts) && texts[at] == "" && i > 0 && !skip(accepts) {
			texts[at] = spell(words, i) // the empty text counts as no value in places
		}
		if err := a.expand(s); err != nil {
			return nil, nil, err
		}
		st := &a.states[s]
		step := func(r rune, to int32) {
			if to != dead && !visited[to] {
				visited[to] = true
				words = append(words, word{to, int32(i), r, words[i].length + 1})
			}
		}
		step(others(a.letters, st.symbols, 1)[0], st.other)
		for j, r := range st.symbols {
			step(r, st.targets[j])
		}
	}
	return texts, sigs, nil
}

func sigKey(accepts []int32) string {
	out := make([]byte, 0, 4*len(accepts))
	for _, g := range accepts {
		out = binary.LittleEndian.AppendUint32(out, uint32(g))
	}
	return string(out)
}

// spell returns the text of a word.
func spell(words []word, i int) string {
	out := make([]rune, words[i].length)
	for at := int32(i); words[at].before >= 0; at = words[at].before {
		out[words[at].length-1] = words[at].r
	}
	return string(out)
}
