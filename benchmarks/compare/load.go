package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
	"github.com/rowan-authz/rowan/engine"
)

// loadGoals measures how long Rowan takes from bytes to a compiled set, beside json.Unmarshal into
// any of the same bytes in the same round, and what the set then holds of memory.
func (r *runner) loadGoals(n int) ([]Goal, error) {
	r.say("loading %d policies", n)
	documents, err := encode(n)
	if err != nil {
		return nil, err
	}
	var ours, theirs []float64
	for range r.rounds {
		spent, err := timed(func() error {
			_, err := subject.LoadRowan(documents)
			return err
		})
		if err != nil {
			return nil, err
		}
		ours = append(ours, spent)
		spent, err = timed(func() error { return unmarshalAll(documents) })
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, spent)
	}
	took := worst{median(quotients(ours, theirs)), fmt.Sprintf("%s policies in %s, json.Unmarshal %s", thousands(n), duration(median(ours)), duration(median(theirs)))}
	size, err := weigh(n)
	if err != nil {
		return nil, err
	}
	return []Goal{
		atMost("load by json.Unmarshal into any", 3, " ×", took),
		atMost("memory of a policy", 2, " KiB", worst{size / 1024, fmt.Sprintf("%s policies, of %d bytes of JSON each", thousands(n), averageBytes(n))}),
	}, nil
}

// timed begins with a clean heap, so that neither side sweeps up after the other.
func timed(work func() error) (float64, error) {
	runtime.GC()
	start := time.Now()
	err := work()
	return float64(time.Since(start).Nanoseconds()), err
}

func encode(n int) ([][]byte, error) {
	documents := make([][]byte, n)
	for i, p := range workload.New(n, workload.Exact).Policies {
		text, err := p.JSON()
		if err != nil {
			return nil, err
		}
		documents[i] = text
	}
	return documents, nil
}

func unmarshalAll(documents [][]byte) error {
	for _, d := range documents {
		var value any
		if err := json.Unmarshal(d, &value); err != nil {
			return err
		}
	}
	return nil
}

// weigh is how many bytes of heap a compiled policy keeps, its source text included if it is kept.
func weigh(n int) (float64, error) {
	before := heap()
	set, err := load(n)
	if err != nil {
		return 0, err
	}
	after := heap()
	runtime.KeepAlive(set)
	return (float64(after) - float64(before)) / float64(n), nil
}

// load drops the source texts: what is kept of them is the set's own.
func load(n int) (*engine.Evaluator, error) {
	documents, err := encode(n)
	if err != nil {
		return nil, err
	}
	return subject.LoadRowan(documents)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // the second empties what pools kept through the first
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func averageBytes(n int) int {
	documents, err := encode(min(n, 100))
	if err != nil {
		return 0
	}
	var total int
	for _, d := range documents {
		total += len(d)
	}
	return total / len(documents)
}
