package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is a schedule: so many calls a second for so long, whatever becomes of
// those before. No more than flight are under way.
type load struct {
	rate   float64
	d      time.Duration
	flight int
	// call makes call i, and says whether it was answered.
	call func(ctx context.Context, i int) error
}

// took is what came of a load. Times are of calls that were answered, each from
// when it was due, sorted.
type took struct {
	times    []time.Duration
	answered int
	other    int
	d        time.Duration
}

// run makes the calls. It ends early with ctx.
func (l load) run(ctx context.Context) *took {
	n := int(l.rate * l.d.Seconds())
	times := make([]time.Duration, n)
	var next, other atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range min(l.flight, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				due := begin.Add(time.Duration(float64(i) / l.rate * float64(time.Second)))
				if d := time.Until(due); d > 0 {
					time.Sleep(d)
				}
				if l.call(ctx, i) == nil {
					times[i] = max(time.Since(due), 1)
				} else {
					other.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t := &took{times: slices.DeleteFunc(times, func(d time.Duration) bool { return d == 0 }), other: int(other.Load()), d: time.Since(begin)}
	t.answered = len(t.times)
	slices.Sort(t.times)
	return t
}

// at returns a percentile, such as 0.99; a day if there were no answers.
func (t *took) at(p float64) time.Duration {
	if len(t.times) == 0 {
		return 24 * time.Hour
	}
	return t.times[max(0, int(math.Ceil(p*float64(len(t.times))))-1)]
}

// persecond is how many were answered.
func (t *took) persecond() float64 { return float64(t.answered) / t.d.Seconds() }

func (t *took) String() string {
	return fmt.Sprintf("%.0f/s, p50 %v, p99 %v, p99.9 %v", t.persecond(), brief(t.at(0.5)), brief(t.at(0.99)), brief(t.at(0.999)))
}

func brief(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// slope is by how much figures grow in a minute that were taken every so often,
// by least squares.
func slope(figures []float64, every time.Duration) float64 {
	n := float64(len(figures))
	if n < 2 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i, y := range figures {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx) * float64(time.Minute) / float64(every)
}
