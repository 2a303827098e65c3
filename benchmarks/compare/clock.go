package main

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
)

// timing is the cost of one decision in one round.
type timing struct {
	ns, allocs, bytes float64
}

// course is what one cell runs: a decider for each goroutine, over the same requests.
type course struct {
	deciders []subject.Decider
	requests int // a power of two
	allowed  bool
	batch    int
}

var errAnswer = errors.New("an answer changed while it was timed")

// calibrate finds how many decisions each goroutine takes for about target. It is 0 if a single
// one takes longer than slowest.
func (c *course) calibrate(target, slowest time.Duration) (int, error) {
	for ops := c.batch; ; ops *= 4 {
		t, err := c.run(ops)
		if err != nil {
			return 0, err
		}
		spent := time.Duration(t.ns * float64(ops*len(c.deciders)))
		if ops == c.batch && time.Duration(t.ns) > slowest {
			if t, err = c.run(ops); err != nil { // the first call may have paid for what is lazy
				return 0, err
			}
			if time.Duration(t.ns) > slowest {
				return 0, nil
			}
		}
		if spent >= target/8 {
			scaled := int(float64(ops) * float64(target) / float64(max(spent, 1)))
			return max(1, scaled/c.batch) * c.batch, nil
		}
	}
}

// run takes ops decisions in each goroutine and times them all.
func (c *course) run(ops int) (timing, error) {
	var before, after runtime.MemStats
	errs := make([]error, len(c.deciders))
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range c.deciders[1:] {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			errs[i+1] = c.decide(c.deciders[i+1], ops)
		})
	}
	ready.Wait()
	runtime.ReadMemStats(&before)
	start := time.Now()
	close(begin)
	errs[0] = c.decide(c.deciders[0], ops)
	done.Wait()
	spent := time.Since(start)
	runtime.ReadMemStats(&after)
	total := float64(ops * len(c.deciders))
	return timing{
		ns:     float64(spent.Nanoseconds()) / total,
		allocs: float64(after.Mallocs-before.Mallocs) / total,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / total,
	}, errors.Join(errs...)
}

func (c *course) decide(decide subject.Decider, ops int) error {
	var allowed int
	for i := range ops {
		ok, err := decide(i & (c.requests - 1))
		if err != nil {
			return err
		}
		if ok {
			allowed++
		}
	}
	if c.allowed && allowed != ops || !c.allowed && allowed != 0 {
		return fmt.Errorf("%w: %d of %d allowed", errAnswer, allowed, ops)
	}
	return nil
}
