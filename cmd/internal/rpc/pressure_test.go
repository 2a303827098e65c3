package rpc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPressure: the bound on calls that wait comes down while those before wait
// for too long, not below what always may, and goes up again.
func TestPressure(t *testing.T) {
	var w waits
	_, ok := w.median()
	require.False(t, ok, "nobody waited, so nothing is known")
	a := newAdmission(1000, nil)
	for range 100 {
		for range 60 {
			w.add(300 * time.Millisecond)
		}
		for range 40 {
			w.add(0)
		}
		median, ok := w.median()
		require.True(t, ok)
		require.Greater(t, median, tooLong)
		a.adapt(median)
	}
	require.EqualValues(t, leastWaiting, a.limit.Load())
	for range leastWaiting {
		require.NoError(t, a.enter(1))
	}
	require.Error(t, a.enter(1))
	for range 100 {
		for range 40 {
			w.add(time.Hour) // fewer than half: those who send slowly
		}
		for range 60 {
			w.add(-time.Second)
		}
		median, ok := w.median()
		require.True(t, ok)
		a.adapt(median)
	}
	require.EqualValues(t, 1000, a.limit.Load())
	require.NoError(t, a.enter(1))
}
