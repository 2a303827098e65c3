package demo_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
)

func TestDemo(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	r := bundle.Run(b, suites, bundle.RunOptions{Now: time.Unix(0, 0), Coverage: true})
	r.WriteText(os.Stdout, false)
	r.Suites[0].Tests[0].WriteMatrix(os.Stdout, false)
}
