package conditions

import (
	"math/bits"
	"slices"
)

// textSet is a set of a few texts that is asked about other texts of the same
// kind: attribute names, identity ids, names of keys. It is a hash table
// without collisions, found when it is made, so that asking takes no loop. The
// zero value is empty.
type textSet struct {
	texts []string
	slots []uint8 // 1 + place in texts, 0 for none; a power of two of them
	seed  uint64
	shift uint8
}

const (
	maxTexts = 255 // how many texts a textSet holds
	maxSeeds = 64  // how many seeds it tries
)

// newTextSet makes a set of texts in the order in which they come, each once.
// ok is false for too many of them and for texts that no seed tells apart, as
// long ones that differ only in the middle; a map must serve then.
func newTextSet(texts []string) (t textSet, ok bool) {
	for _, s := range texts {
		if len(t.texts) > maxTexts {
			return textSet{}, false
		}
		if !slices.Contains(t.texts, s) {
			t.texts = append(t.texts, s)
		}
	}
	n := len(t.texts)
	if n == 0 || n > maxTexts {
		return textSet{}, n == 0
	}
	width := max(1, bits.Len(uint(n*n/2)))
	t.slots = make([]uint8, 1<<width)
	t.shift = uint8(64 - width)
	t.seed = 0xD6E8FEB86659FD93
	for range maxSeeds {
		if t.fill() {
			return t, true
		}
		clear(t.slots)
		t.seed = t.seed*0x5851F42D4C957F2D + 0x14057B7EF767814E // odd stays odd
	}
	return textSet{}, false
}

// fill puts every text into its slot, unless two share one.
func (t *textSet) fill() bool {
	for i, s := range t.texts {
		slot := &t.slots[t.slot(s)]
		if *slot != 0 {
			return false
		}
		*slot = uint8(i) + 1
	}
	return true
}

// slot mixes the length of s with its first, middle and last bytes, which for
// up to 24 of them are all.
func (t *textSet) slot(s string) uint64 {
	var a, b uint64
	switch n := len(s); {
	case n >= 8:
		a, b = load64(s)^bits.RotateLeft64(load64(s[n/2-4:]), 13), load64(s[n-8:])
	case n >= 4:
		a, b = load32(s), load32(s[n-4:])
	case n > 0:
		a, b = uint64(s[0])|uint64(s[n/2])<<8, uint64(s[n-1])
	}
	return (a ^ bits.RotateLeft64(b, 29) ^ uint64(len(s))*0x9E3779B97F4A7C15) * t.seed >> (t.shift & 63)
}

func load64(s string) uint64 {
	s = s[:8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32(s string) uint64 {
	s = s[:4]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func (t *textSet) has(s string) bool { return t.find(s) >= 0 }

// hasAll reports whether every one of values is in the set.
func (t *textSet) hasAll(values []string) bool {
	if len(t.slots) == 0 {
		return len(values) == 0
	}
	for _, s := range values {
		if i := t.slots[t.slot(s)]; i == 0 || t.texts[i-1] != s {
			return false
		}
	}
	return true
}

// find returns the place of s in texts, negative if it is not there.
func (t *textSet) find(s string) int {
	if len(t.slots) == 0 {
		return -1
	}
	i := int(t.slots[t.slot(s)]) - 1
	if i >= 0 && t.texts[i] == s {
		return i
	}
	return -1
}
