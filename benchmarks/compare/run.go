package main

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// runner measures phases.
type runner struct {
	rounds   int
	target   time.Duration // of one measurement
	slowest  time.Duration // a decision that takes longer is not timed further
	progress io.Writer
}

// cell is one line of the results while it is measured.
type cell struct {
	course
	ops    int
	allocs []float64
	bytes  []float64
	result Result
}

func (r *runner) phase(p phase) (Results, error) {
	cells, err := r.load(p)
	if err != nil {
		return nil, err
	}
	runtime.GC()
	for _, c := range cells {
		if c.ops, err = c.calibrate(r.target, r.slowest); err != nil {
			return nil, fmt.Errorf("%+v: %w", c.result.Key, err)
		}
		if c.ops == 0 {
			c.result.Over = float64(r.slowest.Nanoseconds())
		}
	}
	for round := range r.rounds {
		r.say("%s: round %d of %d", p, round+1, r.rounds)
		for _, c := range cells {
			if err := c.measure(); err != nil {
				return nil, fmt.Errorf("%+v: %w", c.result.Key, err)
			}
		}
	}
	results := make(Results, len(cells))
	for i, c := range cells {
		results[i] = c.result
		results[i].Allocs, results[i].Bytes = hundredths(median(c.allocs)), hundredths(median(c.bytes))
	}
	return results, nil
}

// load makes the cells of p so that subjects stand side by side, and sizes next.
func (r *runner) load(p phase) ([]*cell, error) {
	var cells []*cell
	for _, resources := range p.resources {
		loaded := make(map[int][]subject.Subject)
		loads := make(map[int]*workload.Workload)
		for _, n := range p.sizes {
			r.say("%s: loading", p)
			loads[n] = workload.New(n, resources)
			subjects, err := loadSubjects(loads[n], p.subjects)
			if err != nil {
				return nil, err
			}
			loaded[n] = subjects
		}
		for _, f := range p.forms {
			for _, allowed := range []bool{true, false} {
				for _, n := range p.sizes {
					more, err := newCells(p, loads[n], loaded[n], f, allowed)
					if err != nil {
						return nil, err
					}
					cells = append(cells, more...)
				}
			}
		}
	}
	return cells, nil
}

// loadSubjects has a nil where an engine has no notion of so many policies.
func loadSubjects(w *workload.Workload, entries []subject.Entry) ([]subject.Subject, error) {
	subjects := make([]subject.Subject, len(entries))
	for i, e := range entries {
		if e.Single && w.N() > 1 {
			continue
		}
		s, err := e.New(w)
		if err != nil {
			return nil, fmt.Errorf("%s, N=%d: %w", e.Name, w.N(), err)
		}
		subjects[i] = s
	}
	return subjects, nil
}

func newCells(p phase, w *workload.Workload, subjects []subject.Subject, f form, allowed bool) ([]*cell, error) {
	asked := make(map[workload.Variety][]workload.Request) // the subjects share them
	var cells []*cell
	for i, e := range p.subjects {
		if subjects[i] == nil {
			continue
		}
		v := variety(e, f.variety)
		if asked[v] == nil {
			asked[v] = w.Requests(v, allowed)
		}
		requests := asked[v]
		c := &cell{
			course: course{requests: len(requests), allowed: allowed, batch: e.Batch},
			result: Result{Key: Key{
				Phase: p.name, Subject: e.Name, Resources: w.Resources.String(), N: w.N(), Effect: effect(allowed),
				Context: f.context.String(), Requests: f.variety.String(), Goroutines: f.goroutines,
			}},
		}
		for range f.goroutines {
			decide, err := subjects[i].Decider(requests, f.context)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
			c.deciders = append(c.deciders, decide)
		}
		cells = append(cells, c)
	}
	return cells, nil
}

func (c *cell) measure() error {
	if c.ops == 0 {
		return nil
	}
	t, err := c.run(c.ops)
	if err != nil {
		return err
	}
	c.result.Rounds = append(c.result.Rounds, hundredths(t.ns))
	c.allocs, c.bytes = append(c.allocs, t.allocs), append(c.bytes, t.bytes)
	return nil
}

func (r *runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, format+"\n", args...) // nothing depends on who watches
}
