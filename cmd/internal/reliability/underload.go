package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// What L2 promises, and what others are measured by.
const (
	goodP99  = 10 * time.Millisecond
	goodP999 = 50 * time.Millisecond
	badP99   = 50 * time.Millisecond
	callFor  = 5 * time.Second
	flight   = 256
	conns    = 4
	share    = 0.7
	ownShare = 0.8
	// loose is by how much times may be exceeded in a short run, on a machine
	// that does other things: it is about right and wrong.
	loose     = 200
	maxGC     = 15
	megabyte  = 1 << 20
	cacheRoom = 256 * megabyte
)

// ask is a load of the questions, each of which is judged.
func (j *judge) load(all []rowanv1.AuthorizationServiceClient, rate float64, d time.Duration) load {
	return load{rate, d, flight, func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, callFor)
		defer cancel()
		return j.ask(ctx, all[i%len(all)], i)
	}}
}

// saturate finds out how many calls a second a server answers, once.
func (l *lab) saturate(ctx context.Context) error {
	if l.saturated > 0 {
		return nil
	}
	_, err := saturationOf(ctx, l)
	return err
}

// saturationOf asks as fast as answers come to find a rate to begin with, and
// then on schedules of ever higher rates until one is not held.
func saturationOf(ctx context.Context, l *lab) (held *took, err error) {
	w, err := l.newWorld(0)
	if err != nil {
		return nil, err
	}
	d, err := w.start(ctx, how{})
	if err != nil {
		return nil, err
	}
	defer d.kill()
	all, err := d.clients(conns)
	if err != nil {
		return nil, err
	}
	j := w.newJudge()
	guess := closed(ctx, flight, l.span(time.Second, 3*time.Second), func(ctx context.Context, i int) error { return j.ask(ctx, all[i%len(all)], i) })
	for _, part := range []float64{0.1, 0.3, 0.5, 0.65, 0.8, 0.9, 1, 1.1} {
		t := j.load(all, guess*part, l.span(time.Second, 4*time.Second)).run(ctx)
		if t.at(0.99) > l.span(4*badP99, badP99) || float64(t.other) > float64(t.answered)/1000 || t.persecond() < 0.9*guess*part {
			break
		}
		held = t
	}
	var c check
	j.clean(&c)
	if c.must(held != nil, "no rate was held: a tenth of %.0f/s was too much", guess); held != nil {
		l.saturated = held.persecond()
	}
	return held, c.err()
}

// closed makes calls as fast as they are answered, and returns how many were in
// a second.
func closed(ctx context.Context, flight int, d time.Duration, call func(context.Context, int) error) float64 {
	var next, done atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range flight {
		wg.Go(func() {
			for time.Since(begin) < d && ctx.Err() == nil {
				if call(ctx, int(next.Add(1))) == nil {
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds()
}

func saturationTarget(ctx context.Context, l *lab) (string, error) {
	t, err := saturationOf(ctx, l)
	if err != nil {
		return "", err
	}
	inside, err := insideP99(ctx, l)
	if err != nil {
		return t.String(), err
	}
	var c check
	c.must(inside <= 50*time.Microsecond, "in-process p99 %v", inside)
	return fmt.Sprintf("%v; in-process p99 %v", t, inside), c.err()
}

// watched is what a server took while it was asked.
type watched struct{ memory []float64 }

const lookEvery = 500 * time.Millisecond

// watch looks at a server's memory until stop is called.
func (d *daemon) watch() (stop func() *watched) {
	end, ended := make(chan struct{}), make(chan struct{})
	w := &watched{}
	go func() {
		defer close(ended)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				w.memory = append(w.memory, float64(d.memory())/megabyte)
			}
		}
	}()
	return sync.OnceValue(func() *watched { close(end); <-ended; return w })
}

// growth is the slope of the second half in MB a minute, peak the most there
// was.
func (w *watched) growth() float64 { return slope(w.memory[len(w.memory)/2:], lookEvery) }

func (w *watched) peak() (most float64) {
	for _, m := range w.memory {
		most = max(most, m)
	}
	return most
}

// collector is what GODEBUG=gctrace=1 prints: how much of the time so far the
// garbage collector took, in percent.
var collector = regexp.MustCompile(`gc \d+ @[0-9.]+s (\d+)%:`)

const traceGC = "GODEBUG=gctrace=1"

func (d *daemon) collecting() int {
	all := collector.FindAllStringSubmatch(d.said.String(), -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1][1])
	return n
}

// hold asks a server at 70 % of saturation, with canaries and whatever beside
// does, for which so many revisions are made before.
func (l *lab) hold(ctx context.Context, h how, d time.Duration, revisions int, beside func(context.Context, *world, *daemon) error) (*took, *judge, *watched, *daemon, error) {
	if err := l.saturate(ctx); err != nil {
		return nil, nil, nil, nil, err
	}
	w, err := l.newWorld(0)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if err := w.makeAhead(revisions); err != nil {
		return nil, nil, nil, nil, err
	}
	h.env = []string{traceGC}
	server, err := w.start(ctx, h)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	all, err := server.clients(conns + 1)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	j := w.newJudge()
	during, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var failed error
	if beside != nil {
		wg.Go(func() { failed = beside(during, w, server) })
		wg.Go(func() { j.forward(during, all[conns], 32) })
	}
	stop := server.watch()
	t := j.load(all[:conns], share*l.saturated, d).run(ctx)
	seen := stop()
	end()
	wg.Wait()
	return t, j, seen, server, failed
}

func holdTarget(ctx context.Context, l *lab) (string, error) {
	d := l.span(5*time.Second, 3*time.Minute)
	t, j, seen, server, err := l.hold(ctx, how{}, d, 0, nil)
	if err != nil {
		return "", err
	}
	var c check
	j.clean(&c)
	c.must(t.at(0.99) <= l.span(loose*goodP99, goodP99), "p99 %v", brief(t.at(0.99)))
	c.must(t.at(0.999) <= l.span(loose*goodP99, goodP999), "p99.9 %v", brief(t.at(0.999)))
	if d >= time.Minute { // shorter runs say nothing of it
		c.must(seen.growth() < 1, "memory grows by %.1f MB/min", seen.growth())
	}
	c.must(server.collecting() < maxGC, "GC takes %d %% of the CPU", server.collecting())
	return fmt.Sprintf("%v; %d right, 0 wrong < %.1g; RSS %.0f MB, %+.2f MB/min; GC %d %%", t, j.right.Load(), 3/float64(max(1, j.right.Load())),
		seen.peak(), seen.growth(), server.collecting()), c.err()
}

func reloadTarget(ctx context.Context, l *lab) (string, error) {
	loads := 0
	d := l.span(6*time.Second, 2*time.Minute)
	t, j, seen, _, err := l.hold(ctx, how{}, d, int(d/time.Second)+1, func(ctx context.Context, w *world, d *daemon) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 2; ; n++ {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if err := w.publish(n); err != nil {
				return err
			}
			if err := d.until(ctx, w.current.Load().digest, 5*time.Second); err != nil && ctx.Err() == nil {
				return err
			}
			loads++
		}
	})
	if err != nil {
		return "", err
	}
	var c check
	j.clean(&c)
	c.must(loads > 2, "%d reloads", loads)
	c.must(t.at(0.99) <= l.span(loose*goodP99, 2*goodP99), "p99 %v", brief(t.at(0.99)))
	return fmt.Sprintf("%v; %d reloads, %d right, %d mixed; RSS %.0f MB", t, loads, j.right.Load(), j.mixed.Load(), seen.peak()), c.err()
}
