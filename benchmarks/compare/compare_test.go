package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/benchmarks/internal/subject"
	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

func TestMedian(t *testing.T) {
	require.InDelta(t, 2.0, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 1.5, median([]float64{2, 1}), 0)
	require.Zero(t, median(nil))
}

func TestQuotientsPairRounds(t *testing.T) {
	require.Equal(t, []float64{2, 2}, quotients([]float64{2, 20, 7}, []float64{1, 10}))
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		ns   float64
		want string
	}{{9.994, "9.99 ns"}, {28.4, "28.4 ns"}, {109.4, "109 ns"}, {999.6, "1.00 µs"}, {4_700, "4.70 µs"}, {3e6, "3.00 ms"}, {2e9, "2.00 s"}} {
		require.Equal(t, c.want, duration(c.ns))
	}
}

func TestThousands(t *testing.T) {
	require.Equal(t, "1", thousands(1))
	require.Equal(t, "999", thousands(999))
	require.Equal(t, "10,000", thousands(10_000))
	require.Equal(t, "1,234,567", thousands(1_234_567))
}

// A course must not report the time of decisions that went wrong.
func TestCourseRefusesChangedAnswer(t *testing.T) {
	answers := 0
	c := &course{requests: 1, allowed: true, batch: 1, deciders: []subject.Decider{func(int) (bool, error) {
		answers++
		return answers < 10, nil
	}}}
	_, err := c.run(9)
	require.NoError(t, err)
	_, err = c.run(9)
	require.ErrorIs(t, err, errAnswer)
}

func TestCourseReportsFault(t *testing.T) {
	fault := errors.New("no decision")
	ok := func(int) (bool, error) { return false, nil }
	c := &course{requests: 1, batch: 1, deciders: []subject.Decider{ok, func(int) (bool, error) { return false, fault }}}
	_, err := c.run(3)
	require.ErrorIs(t, err, fault)
}

func TestCalibrateKeepsBatchesWhole(t *testing.T) {
	c := &course{requests: 1, batch: 8, deciders: []subject.Decider{func(int) (bool, error) { return false, nil }}}
	ops, err := c.calibrate(time.Millisecond, time.Second)
	require.NoError(t, err)
	require.Positive(t, ops)
	require.Zero(t, ops%8)
}

func TestCalibrateGivesUpOnSlow(t *testing.T) {
	c := &course{requests: 1, batch: 1, deciders: []subject.Decider{func(int) (bool, error) {
		time.Sleep(2 * time.Millisecond)
		return false, nil
	}}}
	ops, err := c.calibrate(time.Millisecond, time.Millisecond)
	require.NoError(t, err)
	require.Zero(t, ops)
}

func TestChart(t *testing.T) {
	var results Results
	sizes := []int{1, 10_000}
	for _, e := range subject.Entries() {
		for i, n := range sizes {
			results = append(results, Result{NS: 100 * float64(i+1), Key: Key{
				Phase: peersPhase, Subject: e.Name, Resources: workload.Exact.String(), N: n, Effect: allow,
				Context: subject.Prepared.String(), Requests: workload.Varied.String(), Goroutines: 1,
			}})
		}
	}
	svg := chart(results, sizes)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	for _, e := range subject.Entries() {
		require.Contains(t, svg, ">"+e.Name+"</text>")
		require.Contains(t, strokes, e.Name, "a line needs a colour")
	}
	require.Contains(t, svg, ">10,000</text>")
	require.NotContains(t, chart(nil, sizes), "circle")
}

func TestFlags(t *testing.T) {
	folder := t.TempDir()
	s, err := parseFlags([]string{"-out", folder, "-count", "2"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 2, s.rounds)
	require.Equal(t, []int{1, 10, 100, 1_000, 10_000}, s.sizes)
	s, err = parseFlags([]string{"-quick"}, io.Discard)
	require.NoError(t, err)
	require.Empty(t, s.out, "a quick run must not replace the results")
	s, err = parseFlags([]string{"-goals", "-count", "2"}, io.Discard)
	require.NoError(t, err)
	require.True(t, s.goals)
	require.Empty(t, s.out)
	for _, args := range [][]string{{"-out", folder, "-count", "-1"}, {"-out", filepath.Join(folder, "none")}, {"-quick", "more"}, {"-unknown"}} {
		_, err = parseFlags(args, io.Discard)
		require.Error(t, err, args)
	}
}

// TestRun measures for a moment and reads what was written.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	var out strings.Builder
	require.NoError(t, compare(settings{rounds: 1, out: folder, sizes: []int{1, 2}, target: 50 * time.Microsecond, policies: 20}, &out, io.Discard))
	for _, e := range subject.Entries() {
		require.Contains(t, out.String(), "| "+e.Name+" ")
	}
	text, err := os.ReadFile(filepath.Join(folder, "latest.md"))
	require.NoError(t, err)
	require.Equal(t, out.String(), string(text))
	data, err := os.ReadFile(filepath.Join(folder, "latest.json"))
	require.NoError(t, err)
	var report Report
	require.NoError(t, json.Unmarshal(data, &report))
	require.NotEmpty(t, report.Goals)
	goals := 2*8*2*2*2 + 2*2*2*2    // resources, forms, effects, sizes, subjects; and shared patterns
	peers := 2 * 4 * 2 * (2*10 + 1) // cel has one size
	require.Equal(t, goals+peers, len(report.Results))
	for _, r := range report.Results {
		require.True(t, r.NS > 0 || r.Over > 0, "%+v", r.Key)
	}
	require.FileExists(t, filepath.Join(folder, "decide.svg"))
}
