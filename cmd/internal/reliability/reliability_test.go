package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFaultsFit: each seeded fault has its place in the source, in which it
// compiles, and a target.
func TestFaultsFit(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	file, err := overlay(root, t.TempDir(), faults())
	require.NoError(t, err)
	build := []string{"build", "-overlay", file}
	for _, f := range faults() {
		for _, c := range f.changes {
			build = append(build, filepath.Join(root, filepath.Dir(c.file)))
		}
	}
	said, err := exec.CommandContext(t.Context(), "go", build...).CombinedOutput()
	require.NoError(t, err, "%s", said)
	known := map[string]bool{}
	for _, x := range targets() {
		known[x.id] = false
	}
	for _, f := range faults() {
		require.Contains(t, known, f.target, f.name)
		known[f.target] = true
	}
	for id, has := range known {
		require.True(t, has || id == "L1", "%s has no fault", id) // L1 is a measurement
	}
	_, err = overlay(root, t.TempDir(), []fault{{"none", "L1", []change{{"go.mod", "what is not there", ""}}}})
	require.Error(t, err)
}

// TestServerHasNoFaults: what is built without an overlay knows of no faults.
func TestServerHasNoFaults(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../rowan").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "rowan/cmd/internal/rpc")
	require.NotContains(t, string(out), faultPath)
}

// TestNothingChosenIsAnError: a gate that matches nothing fails.
func TestNothingChosenIsAnError(t *testing.T) {
	_, err := choose(&settings{only: "L2,L99"})
	require.Error(t, err)
	_, err = chosenFaults(&settings{faults: "none"})
	require.Error(t, err)
	require.Error(t, report(&bytes.Buffer{}, false, nil))
	short, err := choose(&settings{short: true})
	require.NoError(t, err)
	require.NotEmpty(t, short)
}

// TestReport: whatever is not met is an error, and what is not built is not met.
func TestReport(t *testing.T) {
	ran := func(err error) error {
		var out bytes.Buffer
		l := &lab{progress: &bytes.Buffer{}}
		err = report(&out, false, measureAll(t.Context(), l, []target{{id: "T", run: func(context.Context, *lab) (string, error) { return "a figure", err }}}))
		require.Contains(t, out.String(), "a figure")
		return err
	}
	require.NoError(t, ran(nil))
	require.ErrorIs(t, ran(errNotBuilt), errMissed)
	require.ErrorIs(t, ran(errors.New("x")), errMissed)
}

// TestRevisionsDiffer: the questions have every answer, and canaries are of one
// revision each.
func TestRevisionsDiffer(t *testing.T) {
	one, err := newRevision(1, 2, questions())
	require.NoError(t, err)
	two, err := newRevision(2, 2, questions())
	require.NoError(t, err)
	require.NotEqual(t, one.digest, two.digest)
	require.NotEqual(t, one.decisions, two.decisions)
	all := strings.Join(one.decisions, " ")
	for _, d := range []string{"allowed", "explicitDeny", "implicitDeny"} {
		require.Contains(t, all, d)
	}
	r, err := newReference(revisionFiles(7, 0))
	require.NoError(t, err)
	require.Equal(t, "allowed", r.decide(getItem, canary("A", 7), identityID(1)))
	require.Equal(t, "allowed", r.decide(getItem, canary("B", 7), identityID(1)))
	require.Equal(t, "implicitDeny", r.decide(getItem, canary("B", 8), identityID(1)))
}

func TestFigures(t *testing.T) {
	require.InDelta(t, 60, slope([]float64{1, 2, 3, 4}, time.Second), 0.001)
	require.Zero(t, slope([]float64{1}, time.Second))
	l := load{1000, 100 * time.Millisecond, 8, func(_ context.Context, i int) error {
		if i%2 == 0 {
			return errors.New("refused")
		}
		return nil
	}}
	came := l.run(t.Context())
	require.Equal(t, 50, came.answered)
	require.Equal(t, 50, came.other)
	require.Less(t, came.at(0.5), came.at(1)+1)
	require.Equal(t, 24*time.Hour, (&took{}).at(0.99))
}
