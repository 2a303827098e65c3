package engine

import "math/bits"

// arnColons is how many colons delimit the six parts of an ARN.
const arnColons = 5

// colon returns the place of the nth colon of s, negative if there are fewer.
func colon(s string, n int) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		found := zeroBytes(word8(s, i) ^ allColons)
		count := bits.OnesCount64(found)
		if count < n {
			n -= count
			continue
		}
		for ; n > 1; n-- {
			found &= found - 1
		}
		return i + bits.TrailingZeros64(found)/8
	}
	for ; i < len(s); i++ {
		if s[i] == ':' {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// word8 returns the eight bytes of s from i as a number.
func word8(s string, i int) uint64 {
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
