package rowantest

import (
	"testing"

	"github.com/rowan-authz/rowan/bundle/rowproof"
)

// defaultPairs is how many pairs ProveFilter asks about.
const defaultPairs = 10_000

// ProveFilter proves on the bundle in dir that filters keep the rows that
// decisions allow, in process and on the stores of o: see package rowproof. The
// test fails with the row on which they differ, and if no pair was proved; what
// could not be asked is logged. It is fatal if the bundle or a suite cannot be
// loaded; suites, whose identities ask, may be missing. Options that are zero
// mean 10,000 pairs and the current time.
func ProveFilter(t *testing.T, dir string, o rowproof.Options) {
	t.Helper()
	b, suites := load(t, dir)
	if o.Pairs == 0 {
		o.Pairs = defaultPairs
	}
	if o.Now.IsZero() {
		o.Now = now()
	}
	p := rowproof.NewProver(o)
	err := p.Bundle(t.Context(), b, suites)
	r := p.Report()
	for _, x := range r.Refusals {
		t.Log(x)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d pairs, of which %d are allowed", r.Cases, r.Pairs, r.Kept)
	for _, s := range r.Stores {
		t.Logf("%s: %d cases, %d pairs, of which %d are kept; %d cases refused", s.Name, s.Cases, s.Pairs, s.Kept, s.Refused)
	}
}
