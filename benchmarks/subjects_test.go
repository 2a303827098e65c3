package benchmarks

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// TestSubjectsAgree is what gives the times a meaning: every engine answers the same requests
// alike, however its context is made, before any of them is timed.
func TestSubjectsAgree(t *testing.T) {
	for _, c := range []struct {
		n         int
		resources workload.Resources
	}{
		{1, workload.Exact},
		{12, workload.Exact},
		{1, workload.Wildcard},
		{12, workload.Wildcard},
		{3, workload.Shared},
	} {
		w := workload.New(c.n, c.resources)
		for _, entry := range subject.Entries() {
			if entry.Single && c.n > 1 {
				continue
			}
			t.Run(fmt.Sprintf("N=%d/%s/%s", c.n, c.resources, entry.Name), func(t *testing.T) {
				s, err := entry.New(w)
				require.NoError(t, err)
				testCases(t, s, w)
				testRequests(t, s, entry, w)
			})
		}
	}
}

func testCases(t *testing.T, s subject.Subject, w *workload.Workload) {
	for _, c := range w.Cases() {
		for _, context := range []subject.Context{subject.Prepared, subject.Built} {
			decide, err := s.Decider([]workload.Request{c.Request}, context)
			require.NoError(t, err)
			allowed, err := decide(0)
			require.NoError(t, err, c.Name)
			require.Equal(t, c.Allowed, allowed, "%s, context %s", c.Name, context)
		}
	}
}

// testRequests asks what is timed.
func testRequests(t *testing.T, s subject.Subject, entry subject.Entry, w *workload.Workload) {
	variety := workload.Varied
	if entry.Batch > 1 {
		variety = workload.OneTable
	}
	for _, allowed := range []bool{true, false} {
		requests := w.Requests(variety, allowed)
		decide, err := s.Decider(requests, subject.Built)
		require.NoError(t, err)
		for i := range requests {
			got, err := decide(i)
			require.NoError(t, err)
			require.Equal(t, allowed, got, "request %d: %+v", i, requests[i])
		}
	}
}
