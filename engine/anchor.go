package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
)

// trie files buckets by a text with which every match begins. With fold it
// ignores the case of ASCII letters; what is filed must then be lower case.
type trie struct {
	root *node
	fold bool
}

type node struct {
	label    string // follows the parent's
	firsts   string // the first byte of each child's label
	children []*node
	buckets  []*bucket
}

func (t *trie) empty() bool { return t.root == nil }

func (t *trie) add(prefix string, b *bucket) {
	if t.root == nil {
		t.root = &node{}
	}
	n := t.root
	for prefix != "" {
		i := strings.IndexByte(n.firsts, prefix[0])
		if i < 0 {
			leaf := &node{label: prefix}
			n.firsts += prefix[:1]
			n.children = append(n.children, leaf)
			n = leaf
			break
		}
		child := n.children[i]
		common := commonPrefix(child.label, prefix)
		if common < len(child.label) {
			// Split the edge where the texts part.
			upper := &node{label: child.label[:common], firsts: child.label[common : common+1], children: []*node{child}}
			child.label = child.label[common:]
			n.children[i] = upper
			child = upper
		}
		n, prefix = child, prefix[common:]
	}
	n.buckets = append(n.buckets, b)
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// run tries every bucket whose text begins text.
func (t *trie) run(s *search, text string) (done bool) {
	for n := t.root; n != nil; {
		for _, b := range n.buckets {
			if b.run(s) {
				return true
			}
		}
		if text == "" {
			return false
		}
		first := text[0]
		if t.fold {
			first = lower(first)
		}
		i := strings.IndexByte(n.firsts, first)
		if i < 0 {
			return false
		}
		n = n.children[i]
		if !t.begins(text, n.label) {
			return false
		}
		text = text[len(n.label):]
	}
	return false
}

func (t *trie) begins(text, label string) bool {
	if !t.fold {
		return strings.HasPrefix(text, label)
	}
	if len(text) < len(label) {
		return false
	}
	for i := range len(label) {
		if lower(text[i]) != label[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// words files buckets by a word that every match holds between ':' and '/' or
// its ends.
type words struct {
	buckets map[string][]*bucket
	// filter has a bit for each shape of word, since most words of a request
	// are in no pattern.
	filter [4]uint64
}

func shapeOf(word string) byte {
	return word[0] ^ word[len(word)-1]<<3 ^ byte(len(word))<<1
}

func (w *words) empty() bool { return w.buckets == nil }

func (w *words) add(word string, b *bucket) {
	if w.buckets == nil {
		w.buckets = map[string][]*bucket{}
	}
	w.buckets[word] = append(w.buckets[word], b)
	shape := shapeOf(word)
	w.filter[shape>>6] |= 1 << (shape & 63)
}

// run tries every bucket filed under a word of text.
func (w *words) run(s *search, text string) (done bool) {
	if w.buckets == nil {
		return false
	}
	start, i := 0, 0
	for ; i+8 <= len(text); i += 8 {
		x := word8(text, i)
		for found := zeroBytes(x^allColons) | zeroBytes(x^allSlashes); found != 0; found &= found - 1 {
			end := i + bits.TrailingZeros64(found)/8
			if w.try(s, text[start:end]) {
				return true
			}
			start = end + 1
		}
	}
	for ; i < len(text); i++ {
		if text[i] == ':' || text[i] == '/' {
			if w.try(s, text[start:i]) {
				return true
			}
			start = i + 1
		}
	}
	return w.try(s, text[start:])
}

// try tries the buckets filed under one word.
func (w *words) try(s *search, word string) (done bool) {
	if word == "" {
		return false
	}
	if shape := shapeOf(word); w.filter[shape>>6]&(1<<(shape&63)) == 0 {
		return false
	}
	for _, b := range w.buckets[word] {
		if b.run(s) {
			return true
		}
	}
	return false
}

// wordsOf returns the words that every match of the pattern holds whole.
func wordsOf(p *conditions.Pattern) []string {
	var out []string
	for _, piece := range p.Pieces() {
		text := piece.Text
		if !piece.First { // what stands before it may run into its first word
			text = text[strings.IndexAny(text, ":/")+1:]
			if len(text) == len(piece.Text) {
				continue
			}
		}
		if !piece.Last {
			text = text[:max(0, strings.LastIndexAny(text, ":/"))]
		}
		out = append(out, strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '/' })...)
	}
	return out
}

// gram is four bytes in a row.
type gram uint32

const gramLen = 4

// grams files buckets by four bytes that every match holds.
type grams struct {
	buckets map[gram][]*bucket
	filter  []uint64 // a bloom filter of one hash; its size is a power of two
}

func (g *grams) empty() bool { return g.buckets == nil }

func (g *grams) add(key gram, b *bucket) {
	if g.buckets == nil {
		g.buckets = map[gram][]*bucket{}
	}
	g.buckets[key] = append(g.buckets[key], b)
}

// finish builds the filter, 16 bits for each gram.
func (g *grams) finish() {
	if g.buckets == nil {
		return
	}
	n := 1
	for n*64 < 16*len(g.buckets) {
		n *= 2
	}
	g.filter = make([]uint64, n)
	for key := range g.buckets {
		word, bit := g.place(key)
		g.filter[word] |= bit
	}
}

func (g *grams) place(key gram) (word int, bit uint64) {
	h := uint32(key) * 0x9E3779B1
	return int(h>>6) & (len(g.filter) - 1), 1 << (h & 63)
}

// run tries every bucket filed under a gram of text.
func (g *grams) run(s *search, text string) (done bool) {
	if g.buckets == nil {
		return false
	}
	var key gram
	for i := 0; i < len(text); i++ {
		key = key<<8 | gram(text[i])
		if i < gramLen-1 {
			continue
		}
		if word, bit := g.place(key); g.filter[word]&bit == 0 {
			continue
		}
		for _, b := range g.buckets[key] {
			if b.run(s) {
				return true
			}
		}
	}
	return false
}

// gramsOf returns the grams of the pattern's literals, each once, in order of
// their value.
func gramsOf(p *conditions.Pattern) []gram {
	var out []gram
	for _, piece := range p.Pieces() {
		for i := 0; i+gramLen <= len(piece.Text); i++ {
			t := piece.Text[i:]
			out = append(out, gram(t[0])<<24|gram(t[1])<<16|gram(t[2])<<8|gram(t[3]))
		}
	}
	slices.SortFunc(out, cmp.Compare[gram])
	return slices.Compact(out)
}
