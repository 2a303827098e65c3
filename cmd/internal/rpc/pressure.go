package rpc

import (
	"context"
	"math/bits"
	"sync/atomic"
	"time"
)

// How many calls can wait and still be answered in time depends on what is
// asked, how fast the machine is, and what else it does. So that nobody has to
// guess, the bound on those that wait follows from how long those before did: if
// half of them did for longer than tooLong, there is more to do than can be done.
const (
	pressureEvery = 50 * time.Millisecond
	tooLong       = 100 * time.Millisecond
	// A bound shrinks by a quarter, and grows by a part of the most it may be.
	shrinkNumerator, shrinkDenominator = 3, 4
	growBy                             = 64
)

// waits counts how long calls waited, by powers of two of a millisecond. It may
// be shared.
type waits [16]atomic.Uint32

func (w *waits) add(d time.Duration) {
	w[min(bits.Len64(uint64(max(0, d)/time.Millisecond)), len(w)-1)].Add(1)
}

// median is that of the waits since the last call, at most; ok is false if there
// were none.
func (w *waits) median() (d time.Duration, ok bool) {
	var counts [len(w)]uint32
	var all, seen uint32
	for i := range w {
		counts[i] = w[i].Swap(0)
		all += counts[i]
	}
	if all == 0 {
		return 0, false
	}
	for i, n := range counts {
		if seen += n; 2*seen >= all {
			return time.Millisecond << i, true
		}
	}
	return 0, false
}

// adapt changes a bound after a median: never below least, and to no more than
// it was at first.
func (a *admission) adapt(median time.Duration) {
	limit := a.limit.Load()
	if median > tooLong {
		limit = max(a.least, limit*shrinkNumerator/shrinkDenominator)
	} else {
		limit = min(a.most, limit+max(1, a.most/growBy))
	}
	a.limit.Store(limit)
}

// relieve adapts the bound on calls that wait, until ctx ends.
func (s *Server) relieve(ctx context.Context) {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if median, ok := s.waits.median(); ok {
				s.waiting.adapt(median)
			}
		}
	}
}
