package engine

import "math/bits"

// exactText is what is filed under a plain ARN: its statements and the account
// part, so that a resource found here need not be read.
type exactText struct {
	text    string
	bucket  bucket
	account string
}

// exactTable finds plain texts. ARNs are long and differ in a few bytes, mostly
// the last: it hashes sixteen bytes, and those that tell the texts apart best.
type exactTable struct {
	texts []exactText
	slots []int32 // 1 + place in texts, 0 for none; a power of two of them
	skip  int     // how many bytes follow those that are hashed
	// spill holds what has too many neighbours in slots.
	spill map[string]int32
}

// maxProbes bounds the slots that one search looks at.
const maxProbes = 8

func newExactTable(texts []exactText) exactTable {
	var best exactTable
	if len(texts) == 0 {
		return best
	}
	for skip := 0; skip <= 32; skip += 8 {
		t := exactTable{texts: texts, slots: make([]int32, 1<<bits.Len(uint(2*len(texts)))), skip: skip}
		for i := range texts {
			t.put(int32(i))
		}
		if skip == 0 || len(t.spill) < len(best.spill) {
			best = t
		}
		if len(best.spill) == 0 {
			break
		}
	}
	return best
}

func (t *exactTable) put(place int32) {
	text := t.texts[place].text
	h := t.hash(text)
	for i := range uint64(maxProbes) {
		if slot := &t.slots[(h+i)&uint64(len(t.slots)-1)]; *slot == 0 {
			*slot = place + 1
			return
		}
	}
	if t.spill == nil {
		t.spill = map[string]int32{}
	}
	t.spill[text] = place
}

// find returns what is filed under text, nil if there is nothing.
func (t *exactTable) find(text string) *exactText {
	h := t.hash(text)
	for i := range uint64(maxProbes) {
		place := t.slots[(h+i)&uint64(len(t.slots)-1)]
		if place == 0 {
			return nil
		}
		if e := &t.texts[place-1]; e.text == text {
			return e
		}
	}
	if place, ok := t.spill[text]; ok {
		return &t.texts[place]
	}
	return nil
}

func (t *exactTable) empty() bool { return t.texts == nil }

// hash mixes the length of s with sixteen of its bytes, or with all of a
// shorter text.
func (t *exactTable) hash(s string) uint64 {
	const multiplier = 0x9E3779B97F4A7C15
	var a, b uint64
	if end := len(s) - t.skip; end >= 16 {
		a, b = word8(s, end-16), word8(s, end-8)
	} else {
		for i := range min(len(s), 16) {
			a, b = a<<8|b>>56, b<<8|uint64(s[i])
		}
	}
	high, low := bits.Mul64(a^multiplier, b^uint64(len(s))<<32^multiplier>>1)
	return high ^ low
}
