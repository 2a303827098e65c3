package main

import (
	"math"
	"slices"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// Key names a cell of the comparison.
type Key struct {
	Phase      string `json:"phase"`
	Subject    string `json:"subject"`
	Resources  string `json:"resources"`
	N          int    `json:"n"`
	Effect     string `json:"effect"`
	Context    string `json:"context"`
	Requests   string `json:"requests"`
	Goroutines int    `json:"goroutines"`
}

const (
	allow = "allow"
	deny  = "deny"
)

// Result is what a cell cost. Times are nanoseconds for one decision; with two goroutines, of the
// wall clock.
type Result struct {
	Key
	Rounds []float64 `json:"nsRounds"`
	NS     float64   `json:"ns"`
	// Ratio is the median over the rounds of this time by the floor's in the same round.
	Ratio  float64 `json:"ratioToFloor"`
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
	// Over is set instead of all these if one decision took longer than so many nanoseconds.
	Over float64 `json:"overNs,omitempty"`
}

// Results is all cells, with the means to find one.
type Results []Result

func (r Results) find(key Key) (Result, bool) {
	i := slices.IndexFunc(r, func(r Result) bool { return r.Key == key })
	if i < 0 {
		return Result{}, false
	}
	return r[i], true
}

// rate fills in the medians and the ratios to the floor.
func (r Results) rate() {
	for i := range r {
		r[i].NS = hundredths(median(r[i].Rounds))
		floor := r[i].Key
		floor.Subject = subject.Floor
		if base, ok := r.find(floor); ok && r[i].Over == 0 {
			r[i].Ratio = hundredths(median(quotients(r[i].Rounds, base.Rounds)))
		}
	}
}

// quotients divides round by round, so that what slowed both cancels out.
func quotients(a, b []float64) []float64 {
	q := make([]float64, min(len(a), len(b)))
	for i := range q {
		q[i] = a[i] / b[i]
	}
	return q
}

// hundredths is v as it is worth keeping.
func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func effect(allowed bool) string {
	if allowed {
		return allow
	}
	return deny
}

// variety is what e is asked where the others are asked v.
func variety(e subject.Entry, v workload.Variety) workload.Variety {
	if v == workload.Varied && e.Batch > 1 {
		return workload.OneTable
	}
	return v
}
