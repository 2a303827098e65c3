package main

import (
	"runtime"
	"time"
)

// measurement is how fast a loop ran.
type measurement struct {
	n             int
	took          time.Duration
	bytes, allocs uint64
}

// measure runs loop, which does a thing n times, with ever larger n until it
// takes as long as target. Whatever ran before counts as warming up.
func measure(target time.Duration, now func() time.Time, loop func(n int)) measurement {
	for n := 1; ; {
		m := timed(n, now, loop)
		if m.took >= target || n >= 1e12 {
			return m
		}
		n = larger(m, target)
	}
}

func timed(n int, now func() time.Time, loop func(n int)) measurement {
	runtime.GC() // what came before is not this loop's garbage
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := now()
	loop(n)
	took := now().Sub(begin)
	runtime.ReadMemStats(&after)
	return measurement{n, took, after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs}
}

// larger predicts an n that takes a little longer than target, but does not
// trust a short measurement far.
func larger(m measurement, target time.Duration) int {
	per := max(float64(m.took)/float64(m.n), 0.1)
	return min(max(int(1.2*float64(target)/per), m.n+m.n/2+1), 100*m.n)
}

// nanoseconds returns the time of one round.
func (m measurement) nanoseconds() float64 { return float64(m.took) / float64(m.n) }
