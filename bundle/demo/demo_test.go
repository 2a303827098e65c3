package demo_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// TestDemo wants the bundle to load without a finding, its tests to pass, and the matrix that
// `rowan demo` shows to be the one that the guide describes.
func TestDemo(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	require.Empty(t, b.Lint(nil))
	suites, err := b.Suites()
	require.NoError(t, err)
	r := bundle.Run(b, suites, bundle.RunOptions{Now: time.Unix(0, 0)})
	require.Zero(t, r.Failed)
	require.Equal(t, 70, r.Passed)

	var matrix bytes.Buffer
	require.NoError(t, r.Suites[0].Tests[0].WriteMatrix(&matrix, false))
	require.Equal(t, `              GetItem  Query  PutItem  UpdateItem  DeleteItem  Scan
alice/alices  ✓        ✓      ✓        ✓           ·           ✗
alice/bobs    ·        ·      ·        ·           ·           ✗
alice/best    ✓        ✓      ·        ·           ·           ✗
bob/alices    ·        ·      ·        ·           ·           ✗
bob/bobs      ✓        ✓      ✓        ✓           ·           ✗
bob/best      ✓        ✓      ·        ·           ·           ✗
guest/alices  ·        ·      ·        ·           ·           ✗
guest/bobs    ·        ·      ·        ·           ·           ✗
guest/best    ✓        ✓      ·        ·           ·           ✗
`, matrix.String())
}

// TestDemoGuardsMatter wants each guardrail of the demo to be what denies something, so that the
// demo shows it and does not merely carry it.
func TestDemoGuardsMatter(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	decided := map[string]int{}
	for i := range suites[0].Tests[0].Cells {
		q, err := suites[0].Tests[0].Cells[i].Question(time.Unix(0, 0))
		require.NoError(t, err)
		decided[q.Evaluator.Decide(q.Request).By.String()]++
		unguarded := *q.Evaluator
		unguarded.Boundary, unguarded.ServiceControl = nil, nil
		if unguarded.Decide(q.Request).Outcome == engine.Allowed {
			decided["allowed without guards"]++
		}
	}
	require.Equal(t, map[string]int{
		"identity": 39, "permissionsBoundary": 6, "serviceControl": 9, "allowed without guards": 16,
	}, decided)
}
