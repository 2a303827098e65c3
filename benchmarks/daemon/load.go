package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// rounds asks the servers in turns.
func rounds(ctx context.Context, s settings, servers []*subjectServer, progress io.Writer) ([]*row, error) {
	var rows []*row
	for i, k := range servers[0].kinds {
		r := &row{kind: k.name, unit: k.unit, rates: map[string][]float64{}, cpus: map[string][]float64{}, tails: map[string][]float64{}}
		rows = append(rows, r)
		for n := range s.rounds {
			_, _ = fmt.Fprintf(progress, "%s: round %d of %d\n", k.name, n+1, s.rounds)
			for _, x := range asked(servers, i) {
				rate, cpu, err := saturate(ctx, x, &x.kinds[i], s.each)
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w", x.name, k.name, err)
				}
				r.rates[x.name] = append(r.rates[x.name], rate)
				r.cpus[x.name] = append(r.cpus[x.name], cpu)
			}
			if !k.tail {
				continue
			}
			half := median(r.rates[servers[0].name]) / 2
			for _, x := range asked(servers, i) {
				rate := half
				if own := median(r.rates[x.name]); own < half { // which would only queue
					rate = own / 2
				}
				tail, err := paced(ctx, x, &x.kinds[i], rate, s.each)
				if err != nil {
					return nil, fmt.Errorf("%s: %s at half load: %w", x.name, k.name, err)
				}
				r.tails[x.name] = append(r.tails[x.name], tail)
			}
		}
	}
	return rows, nil
}

// asked are the servers that can be asked a kind of question.
func asked(servers []*subjectServer, kind int) []*subjectServer {
	return slices.DeleteFunc(slices.Clone(servers), func(x *subjectServer) bool { return kind >= len(x.kinds) })
}

// saturate keeps as many calls under way as the kind says. It returns decisions
// a second, and the microseconds of CPU that the server took for each.
func saturate(ctx context.Context, x *subjectServer, k *kind, d time.Duration) (rate, cpu float64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, err := x.cpu()
	if err != nil {
		return 0, 0, err
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range k.flight {
		wg.Go(func() {
			for time.Since(begin) < d && ctx.Err() == nil {
				if err := k.ask(ctx, x.client); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := context.Cause(ctx); err != nil {
		return 0, 0, err
	}
	after, err := x.cpu()
	if err != nil {
		return 0, 0, err
	}
	n := float64(done.Load()) * float64(k.each)
	return n / took.Seconds(), float64((after - before).Microseconds()) / n, nil
}

// paced asks at a rate, whatever the answers take, and counts the time of each
// from when it should have been asked. It returns the 99th percentile in
// microseconds.
func paced(ctx context.Context, x *subjectServer, k *kind, rate float64, d time.Duration) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := int(rate * d.Seconds())
	if n < 100 {
		return 0, fmt.Errorf("%d questions are too few to say anything of", n)
	}
	times := make([]float64, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range k.flight {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
				time.Sleep(time.Until(due))
				if err := k.ask(ctx, x.client); err != nil {
					cancel(err)
					return
				}
				times[i] = float64(time.Since(due).Nanoseconds()) / 1000
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	slices.Sort(times)
	return times[int(math.Ceil(0.99*float64(n)))-1], nil
}
