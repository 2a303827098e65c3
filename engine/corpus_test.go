package engine_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/corpus"
	"github.com/rowan-authz/rowan/policy"
)

// TestCorpus decides every case of testdata/decisions.
func TestCorpus(t *testing.T) {
	cases := corpus.Decisions(t)
	names := map[string]string{}
	for _, c := range cases {
		require.NotContains(t, names, c.Name, "two cases of one name")
		names[c.Name] = c.Expect
	}
	for _, c := range cases {
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			require.NotEmpty(t, c.Why)
			require.NotEmpty(t, c.Source)
			q, err := c.Question(conditions.AWS(), corpus.Now)
			if c.Expect == "refused" {
				var faults policy.Errors
				require.True(t, errors.As(err, &faults), "want a refusal, have %v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.Expect, q.Evaluator.Decide(q.Request).Outcome.String(), "%s: %s", c.Source, c.Why)
			x := q.Evaluator.Explain(q.Request)
			require.Equal(t, c.Expect, x.Decision.Outcome.String())
			require.Equal(t, x.Decision.Outcome != engine.ImplicitDeny && x.Decision.By != engine.ByRoot, len(x.Statements) > 0)
		})
	}
	t.Logf("%d cases", len(cases))
}

// TestCorpusTwins holds every allowed case to a neighbour that is not.
func TestCorpusTwins(t *testing.T) {
	cases := corpus.Decisions(t)
	byName := map[string]corpus.Case{}
	for _, c := range cases {
		byName[c.Name] = c
	}
	for _, c := range cases {
		if c.Expect != engine.Allowed.String() {
			continue
		}
		twin, ok := byName[c.Twin]
		require.True(t, ok, "%s: %s: no twin %q", c.File, c.Name, c.Twin)
		require.NotEqual(t, c.Expect, twin.Expect, "%s: %s: its twin is allowed too", c.File, c.Name)
	}
}
