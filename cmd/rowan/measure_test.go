package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMeasure counts rounds by a clock that a round moves by 10 ns and looking
// by nothing.
func TestMeasure(t *testing.T) {
	var clock time.Time
	now := func() time.Time { return clock }
	var rounds []int
	m := measure(time.Millisecond, now, func(n int) {
		rounds = append(rounds, n)
		clock = clock.Add(time.Duration(n) * 10)
	})
	require.InDelta(t, 10, m.nanoseconds(), 1e-9)
	require.GreaterOrEqual(t, m.took, time.Millisecond)
	require.Equal(t, []int{1, 100, 10_000, 120_000}, rounds)
	require.Equal(t, 120_000, m.n)
}

func TestMeasureCountsMemory(t *testing.T) {
	var sink []byte
	m := measure(time.Millisecond, time.Now, func(n int) {
		for range n {
			sink = make([]byte, 512)
		}
	})
	require.NotNil(t, sink)
	require.InEpsilon(t, float64(m.n), float64(m.allocs), 0.1)
	require.InEpsilon(t, 512*float64(m.n), float64(m.bytes), 0.1)
}

// TestMeasureEnds even when the clock stands still.
func TestMeasureEnds(t *testing.T) {
	m := measure(time.Millisecond, func() time.Time { return time.Time{} }, func(int) {})
	require.Positive(t, m.n)
}
