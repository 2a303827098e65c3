package analysis

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
)

// dimension is one part of a request: its action, its resource, or the values of
// one context key. Its atoms are classes of values that nothing in the policies
// tells apart.
type dimension struct {
	name     string
	list     bool
	needed   bool // the key cannot be without a value
	opaque   bool // it stands for a condition that cannot be read
	atoms    []string
	universe set
	// members holds the atoms that each unit of a text matches, by its name.
	members map[string]set
}

// unit is a text or a pattern that texts are compared with.
type unit struct {
	name string
	glob glob
}

// units are those of one dimension, each once.
type units struct {
	all   []unit
	index map[string]bool
}

func (u *units) add(name string, make func() (glob, error)) error {
	if u.index == nil {
		u.index = map[string]bool{}
	}
	if u.index[name] {
		return nil
	}
	g, err := make()
	if err != nil {
		return err
	}
	u.index[name] = true
	u.all = append(u.all, unit{name, g})
	return nil
}

// arnUnit is what every ARN matches.
const arnUnit = "arn:*:*:*:*:*"

// addTest adds what a test of texts compares with.
func (u *units) addTest(t *conditions.ValueTest) error {
	switch t.Op {
	case conditions.Equal:
		for _, s := range t.Texts() {
			if err := u.add("="+s, func() (glob, error) { return glob(nil).appendText(s, takesRune) }); err != nil {
				return err
			}
		}
		return nil
	case conditions.EqualFold:
		for _, s := range t.Texts() {
			if err := u.add("~"+s, func() (glob, error) { return glob(nil).appendText(s, takesFolded) }); err != nil {
				return err
			}
		}
		return nil
	case conditions.Like, conditions.LikeARN:
		for i := range t.Patterns() {
			if err := u.addPattern(&t.Patterns()[i]); err != nil {
				return err
			}
		}
		if t.Op == conditions.LikeARN {
			return u.add(arnUnit, func() (glob, error) { return wildcards(arnUnit), nil })
		}
		return nil
	case conditions.CompareNumber, conditions.CompareDate, conditions.CompareBool, conditions.InNetwork:
	}
	return fmt.Errorf("%s is compared as text and as %s", t.String(), opName(t.Op))
}

func opName(op conditions.Op) string {
	switch op {
	case conditions.CompareNumber:
		return "a number"
	case conditions.CompareDate:
		return "a date"
	case conditions.CompareBool:
		return "true or false"
	case conditions.InNetwork:
		return "an address"
	case conditions.Equal, conditions.EqualFold, conditions.Like, conditions.LikeARN:
	}
	return "text"
}

func (u *units) addPattern(p *conditions.Pattern) error {
	return u.add(patternName(p), func() (glob, error) { return glob(nil).appendTokens(p.Template()) })
}

// patternName names a bound pattern so that equal names match the same.
func patternName(p *conditions.Pattern) string {
	var b strings.Builder
	b.WriteByte('?')
	for _, t := range p.Template() {
		switch t.Kind {
		case conditions.TokenText:
			fmt.Fprintf(&b, "%q", t.Text)
		case conditions.TokenStar:
			b.WriteByte('*')
		case conditions.TokenOne:
			b.WriteByte('?')
		case conditions.TokenVariable:
			b.WriteByte('$')
		}
		if t.Part {
			b.WriteByte(':')
		}
	}
	return b.String()
}

// textSpace says which texts a dimension is about: those that match one of the
// required globs, or all of them if there is none.
type textSpace struct {
	name     string
	required []glob
	letters  string
}

// newTextDimension finds the atoms of texts.
func newTextDimension(b *budget, name string, space textSpace, u *units) (*dimension, error) {
	globs := slices.Clone(space.required)
	for _, x := range u.all {
		globs = append(globs, x.glob)
	}
	required := len(space.required)
	a, err := newAutomaton(b, globs, required, space.letters)
	if err != nil {
		return nil, err
	}
	outside := func(accepts []int32) bool { return required > 0 && (len(accepts) == 0 || int(accepts[0]) >= required) }
	texts, sigs, err := a.atoms(outside)
	if err != nil {
		return nil, err
	}
	d := &dimension{name: name, atoms: texts, universe: full(len(texts)), members: make(map[string]set, len(u.all))}
	for _, x := range u.all {
		d.members[x.name] = newSet(len(texts))
	}
	for i, sig := range sigs {
		for _, g := range sig {
			if int(g) >= required {
				d.members[u.all[int(g)-required].name].add(i)
			}
		}
	}
	return d, nil
}

// of returns the atoms for which a test holds.
func (d *dimension) of(t *conditions.ValueTest) set {
	out := newSet(len(d.atoms))
	if t.Never() {
		return out
	}
	if d.members == nil {
		for i, text := range d.atoms {
			if t.Holds(text) {
				out.add(i)
			}
		}
		return out
	}
	prefix := "="
	switch t.Op {
	case conditions.EqualFold:
		prefix = "~"
		fallthrough
	case conditions.Equal:
		for _, s := range t.Texts() {
			out.unite(d.members[prefix+s])
		}
	case conditions.Like, conditions.LikeARN:
		for i := range t.Patterns() {
			out.unite(d.members[patternName(&t.Patterns()[i])])
		}
	case conditions.CompareNumber, conditions.CompareDate, conditions.CompareBool, conditions.InNetwork:
	}
	readable := d.universe
	if t.Op == conditions.LikeARN {
		readable = d.members[arnUnit]
	}
	if t.Not {
		return readable.without(out)
	}
	return out.and(readable)
}

// newValueDimension finds the atoms of values that are no text: every value that
// the policies name, one between each two, and one beyond each end.
func newValueDimension(b *budget, name string, kind conditions.Kind, tests []*conditions.ValueTest) (*dimension, error) {
	var texts []string
	switch kind {
	case conditions.Bool:
		texts = []string{"true", "false"}
	case conditions.Number, conditions.Date, conditions.Epoch:
		texts = between(tests, kind)
	case conditions.IP, conditions.StringOrIP:
		texts = addresses(tests)
	case conditions.String, conditions.ARN, conditions.StringOrARN, conditions.Binary, conditions.Untyped:
		return nil, fmt.Errorf("%s has no order", kind)
	}
	if !b.spend(len(texts)*len(tests)/16 + 1) {
		return nil, errBudget
	}
	return &dimension{name: name, atoms: texts, universe: full(len(texts))}, nil
}

func between(tests []*conditions.ValueTest, kind conditions.Kind) []string {
	var points []*big.Rat
	for _, t := range tests {
		for _, s := range t.Numbers() {
			if r, ok := new(big.Rat).SetString(s); ok {
				points = append(points, r)
			}
		}
		for _, at := range t.Instants() {
			r := new(big.Rat).SetInt64(at.Unix())
			points = append(points, r.Add(r, big.NewRat(int64(at.Nanosecond()), int64(time.Second))))
		}
	}
	slices.SortFunc(points, func(a, b *big.Rat) int { return a.Cmp(b) })
	points = slices.CompactFunc(points, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
	if len(points) == 0 {
		points = append(points, new(big.Rat))
	}
	one := big.NewRat(1, 1)
	all := []*big.Rat{new(big.Rat).Sub(points[0], one)}
	for i, p := range points {
		if i > 0 {
			all = append(all, middle(points[i-1], p))
		}
		all = append(all, p)
	}
	all = append(all, new(big.Rat).Add(points[len(points)-1], one))
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = decimal(r, kind)
	}
	return out
}

// middle returns a number between a and b, a whole one if there is one.
func middle(a, b *big.Rat) *big.Rat {
	m := new(big.Rat).Add(a, b)
	m.Quo(m, big.NewRat(2, 1))
	whole := new(big.Rat).SetInt(new(big.Int).Div(m.Num(), m.Denom()))
	if whole.Cmp(a) > 0 {
		return whole
	}
	return m
}

// decimal spells a number whose denominator divides a power of ten; a date, if it
// is a whole second, as people read it.
func decimal(r *big.Rat, kind conditions.Kind) string {
	if kind == conditions.Date && r.IsInt() && r.Num().IsInt64() {
		if at := time.Unix(r.Num().Int64(), 0).UTC(); at.Year() >= 0 && at.Year() <= 9999 {
			return at.Format("2006-01-02T15:04:05Z")
		}
	}
	if r.IsInt() {
		return r.Num().String()
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

func addresses(tests []*conditions.ValueTest) []string {
	points := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for _, t := range tests {
		for _, p := range t.Prefixes() {
			points = append(points, p.Masked().Addr(), last(p).Next())
		}
	}
	slices.SortFunc(points, netip.Addr.Compare)
	var out []string
	for _, a := range slices.Compact(points) {
		if a.IsValid() {
			out = append(out, a.String())
		}
	}
	return out
}

// last returns the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(raw); i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}
