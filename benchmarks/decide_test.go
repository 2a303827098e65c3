package benchmarks

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// form is what one family of benchmarks holds fixed; the zero value is the classic check.
type form struct {
	resources workload.Resources
	context   subject.Context
	variety   workload.Variety
	parallel  bool
}

// BenchmarkDecide is the classic check: exact resources, context prepared, one request repeated.
func BenchmarkDecide(b *testing.B) { benchmarkDecide(b, form{}) }

// BenchmarkDecideVaried cycles through 1,024 different requests.
func BenchmarkDecideVaried(b *testing.B) { benchmarkDecide(b, form{variety: workload.Varied}) }

// BenchmarkDecideBuilt makes each context from plain strings.
func BenchmarkDecideBuilt(b *testing.B) {
	benchmarkDecide(b, form{variety: workload.Varied, context: subject.Built})
}

// BenchmarkDecideWildcard has patterns for resources in every policy.
func BenchmarkDecideWildcard(b *testing.B) { benchmarkDecide(b, form{resources: workload.Wildcard}) }

// BenchmarkDecideWildcardVaried has patterns for resources and 1,024 different requests.
func BenchmarkDecideWildcardVaried(b *testing.B) {
	benchmarkDecide(b, form{resources: workload.Wildcard, variety: workload.Varied})
}

// BenchmarkDecideParallel decides in GOMAXPROCS goroutines.
func BenchmarkDecideParallel(b *testing.B) {
	benchmarkDecide(b, form{variety: workload.Varied, parallel: true})
}

func benchmarkDecide(b *testing.B, f form) {
	for _, n := range []int{1, 10, 100, 1_000, 10_000} {
		w := workload.New(n, f.resources)
		for _, allowed := range []bool{true, false} {
			effect := "deny"
			if allowed {
				effect = "allow"
			}
			for _, entry := range subject.Entries() {
				if entry.Single && n > 1 {
					continue
				}
				b.Run(fmt.Sprintf("N=%d/%s/%s", n, effect, entry.Name), func(b *testing.B) {
					benchmarkSubject(b, f, entry, w, allowed)
				})
			}
		}
	}
}

func benchmarkSubject(b *testing.B, f form, entry subject.Entry, w *workload.Workload, allowed bool) {
	s, err := entry.New(w)
	require.NoError(b, err)
	if entry.Batch > 1 && f.variety == workload.Varied {
		f.variety = workload.OneTable
	}
	requests := w.Requests(f.variety, allowed)
	first, err := s.Decider(requests, f.context)
	require.NoError(b, err)
	got, err := first(0)
	require.NoError(b, err)
	require.Equal(b, allowed, got)
	runtime.GC()
	b.ReportAllocs()
	if f.parallel {
		benchmarkParallel(b, s, requests, f.context)
		return
	}
	decide, err := s.Decider(requests, f.context)
	require.NoError(b, err)
	for i := 0; b.Loop(); i++ {
		if _, err := decide(i & (len(requests) - 1)); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkParallel makes the deciders before the clock starts, one for each goroutine.
func benchmarkParallel(b *testing.B, s subject.Subject, requests []workload.Request, context subject.Context) {
	deciders := make(chan subject.Decider, runtime.GOMAXPROCS(0))
	for range cap(deciders) {
		decide, err := s.Decider(requests, context)
		require.NoError(b, err)
		deciders <- decide
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		decide := <-deciders
		for i := 0; pb.Next(); i++ {
			if _, err := decide(i & (len(requests) - 1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
