// Package rowantest runs the suites of a bundle under `go test`, and proves its
// filters.
//
//	func TestPolicies(t *testing.T) { rowantest.Run(t, "policies") }
package rowantest

import (
	"os"
	"testing"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

// Run loads the bundle in dir and decides every cell of its suites as a subtest
// SUITE/TEST/CELL, which fails with the place of the cell and the reason of the
// decision. It is fatal if the bundle or a suite cannot be loaded, and if there
// is none: a test that looks at nothing must not pass.
func Run(t *testing.T, dir string) {
	t.Helper()
	b, suites := load(t, dir)
	if len(suites) == 0 {
		t.Fatalf("%s has no suites: want tests/NAME_test.yaml", dir)
	}
	r := bundle.Run(b, suites, bundle.RunOptions{Now: now()})
	for i := range r.Suites {
		suite := &r.Suites[i]
		t.Run(suite.Name, func(t *testing.T) {
			for j := range suite.Tests {
				test := &suite.Tests[j]
				t.Run(test.Name, func(t *testing.T) { cells(t, test) })
			}
		})
	}
}

// now is the time: a test begins here.
func now() time.Time { return time.Now() } //nolint:forbidigo // there is nobody to take a clock from

// load reads a bundle and its suites.
func load(t *testing.T, dir string) (*bundle.Bundle, []*bundle.Suite) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() }) // it was only read
	b, err := bundle.Load(root.FS(), dir, conditions.AWS())
	if err != nil {
		t.Fatalf("the bundle cannot be loaded:\n%v", err)
	}
	suites, err := b.Suites()
	if err != nil {
		t.Fatalf("the suites cannot be loaded:\n%v", err)
	}
	return b, suites
}

func cells(t *testing.T, test *bundle.TestResult) {
	for k := range test.Cells {
		c := &test.Cells[k]
		t.Run(c.Name, func(t *testing.T) {
			if !c.Pass {
				t.Error("\n" + c.Failure(false))
			}
		})
	}
}
