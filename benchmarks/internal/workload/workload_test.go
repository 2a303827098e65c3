package workload

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestWorkloadIsTheSameEachTime(t *testing.T) {
	require.Equal(t, New(10, Wildcard), New(10, Wildcard))
	require.Equal(t, New(10, Exact).Requests(Varied, true), New(10, Exact).Requests(Varied, true))
	require.NotEqual(t, New(10, Exact).Requests(Varied, true), New(10, Exact).Requests(Varied, false))
}

func TestRequestsReachEveryTable(t *testing.T) {
	for _, n := range []int{1, 10, 1_000} {
		tables := map[string]bool{}
		for _, r := range New(n, Exact).Requests(Varied, true) {
			tables[r.Resource] = true
		}
		require.Equal(t, n, len(tables))
	}
	tables := map[string]bool{}
	for _, r := range New(10_000, Exact).Requests(Varied, true) {
		tables[r.Resource] = true
	}
	require.Equal(t, Many, len(tables))
}

// Equal strings at one address compare for free, which no real request enjoys.
func TestRequestsShareNoStrings(t *testing.T) {
	w := New(1, Exact)
	owned := map[*byte]bool{}
	for _, p := range w.Policies {
		for _, list := range [][]string{p.Attributes, p.Actions, p.Resources} {
			for _, s := range list {
				owned[unsafe.StringData(s)] = true
			}
		}
	}
	for _, allowed := range []bool{true, false} {
		for _, r := range w.Requests(Varied, allowed) {
			require.NotSame(t, unsafe.StringData(r.Identity), unsafe.StringData(r.LeadingKeys[0]))
			for _, s := range append(r.Attributes, r.Action, r.Resource) {
				require.False(t, owned[unsafe.StringData(s)], s)
			}
		}
	}
}

func TestPolicyIsTheSample(t *testing.T) {
	text, err := New(1, Shared).Policies[0].JSON()
	require.NoError(t, err)
	require.Contains(t, string(text), `"Resource":["arn:aws:dynamodb:us-east-1:111122223333:table/Game*","*:table/GameScores/index/*","*:table/*/index/*"]`)
	require.Contains(t, string(text), `"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]`)
}
