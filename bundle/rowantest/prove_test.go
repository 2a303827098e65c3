package rowantest_test

import (
	"testing"

	"github.com/rowan-authz/rowan/bundle/rowantest"
	"github.com/rowan-authz/rowan/bundle/rowproof"
)

func TestProveFilter(t *testing.T) {
	rowantest.ProveFilter(t, "../../testdata/bundles/full", rowproof.Options{Seed: 1})
}
