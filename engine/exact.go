package engine

import "math/bits"

// exactTable finds the bucket of a plain text. It is an open hash table whose
// hash is made while the resource's ARN is read, once for all sets.
type exactTable struct {
	slots   []int32 // 1 + place in entries, 0 for none; a power of two of them
	entries []exactText
	// spill holds texts that have too many neighbours, which only somebody who
	// looks for texts of one hash brings about.
	spill map[string]int32
}

type exactText struct {
	text   string
	bucket bucket
}

// maxProbes bounds the slots that one search looks at.
const maxProbes = 16

func newExactTable(entries []exactText) exactTable {
	t := exactTable{entries: entries}
	if len(entries) == 0 {
		return t
	}
	n := 1 << bits.Len(uint(2*len(entries)))
	t.slots = make([]int32, n)
	for i := range entries {
		hash, _, _ := scanResource(entries[i].text)
		if !t.put(hash, int32(i)+1) {
			if t.spill == nil {
				t.spill = map[string]int32{}
			}
			t.spill[entries[i].text] = int32(i)
		}
	}
	return t
}

func (t *exactTable) put(hash uint64, place int32) bool {
	for i := range uint64(maxProbes) {
		if slot := (hash + i) & uint64(len(t.slots)-1); t.slots[slot] == 0 {
			t.slots[slot] = place
			return true
		}
	}
	return false
}

// find returns the bucket of text, nil if there is none.
func (t *exactTable) find(text string, hash uint64) *bucket {
	if len(t.slots) == 0 {
		return nil
	}
	for i := range uint64(maxProbes) {
		place := t.slots[(hash+i)&uint64(len(t.slots)-1)]
		if place == 0 {
			return nil
		}
		if e := &t.entries[place-1]; e.text == text {
			return &e.bucket
		}
	}
	if place, ok := t.spill[text]; ok {
		return &t.entries[place].bucket
	}
	return nil
}

// word returns the eight bytes of s from i as a number.
func word(s string, i int) uint64 {
	w := s[i : i+8]
	return uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
		uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
}

const (
	allColons  = 0x3A3A3A3A3A3A3A3A
	allSlashes = 0x2F2F2F2F2F2F2F2F
	lowBits    = 0x7F7F7F7F7F7F7F7F
)

// zeroBytes sets the high bit of each byte of x that is zero, and no other.
func zeroBytes(x uint64) uint64 { return ^((x&lowBits + lowBits) | x | lowBits) }

// scanResource reads a resource once: its hash, and the account part of an ARN
// of six parts. ok is false for what is neither such an ARN nor "*".
func scanResource(s string) (hash uint64, account string, ok bool) {
	const multiplier = 0x9E3779B97F4A7C15
	hash = uint64(len(s))
	colons, start, end, i := 0, 0, 0, 0
	for ; i+8 <= len(s); i += 8 {
		w := word(s, i)
		hash = (hash ^ w) * multiplier
		hash ^= hash >> 32
		if colons >= arnColons {
			continue
		}
		for found := zeroBytes(w ^ allColons); found != 0; found &= found - 1 {
			switch colons++; colons {
			case arnColons - 1:
				start = i + bits.TrailingZeros64(found)/8 + 1
			case arnColons:
				end = i + bits.TrailingZeros64(found)/8
			}
		}
	}
	for ; i < len(s); i++ {
		hash = (hash ^ uint64(s[i])) * multiplier
		if s[i] == ':' {
			switch colons++; colons {
			case arnColons - 1:
				start = i + 1
			case arnColons:
				end = i
			}
		}
	}
	hash ^= hash >> 32
	if colons < arnColons || s[:4] != "arn:" {
		return hash, "", s == "*"
	}
	return hash, s[start:end], true
}

// arnColons is how many colons delimit the six parts of an ARN.
const arnColons = 5
