package audit

import "sync"

// Recent keeps the last decisions in memory, as they are written: masked, and
// without their place in a chain. It may be shared.
type Recent struct {
	mu   sync.Mutex
	ring [][]byte
	next uint64 // the number of the next one
}

// NewRecent keeps n decisions, at least one.
func NewRecent(n int) *Recent { return &Recent{ring: make([][]byte, max(1, n))} }

func (r *Recent) add(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := &r.ring[r.next%uint64(len(r.ring))]
	*at = append(append((*at)[:0], '{'), body...)
	r.next++
}

// Since returns the decisions from number n on, as far as they are kept, each an
// object of JSON, and the number of the next one. Numbers begin at 0.
func (r *Recent) Since(n uint64) (lines [][]byte, next uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := uint64(len(r.ring)); r.next > kept && n < r.next-kept {
		n = r.next - kept
	}
	for ; n < r.next; n++ {
		lines = append(lines, append([]byte(nil), r.ring[n%uint64(len(r.ring))]...))
	}
	return lines, r.next
}
