package engine_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference/generate"
)

// drawCase draws a case that validation accepts.
func drawCase(t *rapid.T) generate.Case {
	for {
		c := generate.Question(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 99)))
		if _, _, err := question(&c); err == nil {
			return c
		}
	}
}

func decide(t require.TestingT, c *generate.Case) engine.Decision {
	e, r, err := question(c)
	require.NoError(t, err)
	return e.Decide(r)
}

// TestOrderNeverMatters shuffles documents and levels.
func TestOrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		want := decide(t, &c)
		d := c
		for _, list := range []*[]string{&d.Documents.Identity, &d.Documents.PermissionsBoundary, &d.Documents.Session, &d.Documents.Endpoint} {
			*list = slices.Clone(*list)
			slices.Reverse(*list)
		}
		d.Documents.ServiceControl = slices.Clone(d.Documents.ServiceControl)
		slices.Reverse(d.Documents.ServiceControl)
		got := decide(t, &d)
		require.Equal(t, want.Outcome, got.Outcome, "%s", c)
		require.Equal(t, want.By, got.By, "%s", c)
	})
}

// TestDuplicatesNeverMatter gives every document twice.
func TestDuplicatesNeverMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		want := decide(t, &c)
		d := c
		d.Documents.Identity = append(slices.Clone(c.Documents.Identity), c.Documents.Identity...)
		require.Equal(t, want.Outcome, decide(t, &d).Outcome, "%s", c)
	})
}

// TestDenyNeverAllows adds a Deny, or takes documents away, and never sees a
// denial become an allow.
func TestDenyNeverAllows(t *testing.T) {
	denies := []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"red"}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::${aws:username}/*"}}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		if decide(t, &c).Allowed() {
			return
		}
		d := c
		deny := rapid.SampledFrom(denies).Draw(t, "deny")
		if d.Documents.Identity != nil {
			d.Documents.Identity = append(slices.Clone(d.Documents.Identity), deny)
		}
		if d.Documents.PermissionsBoundary != nil {
			d.Documents.PermissionsBoundary = append(slices.Clone(d.Documents.PermissionsBoundary), deny)
		}
		require.False(t, decide(t, &d).Allowed(), "with %s: %s", deny, c)
	})
}

// TestNothingAllowsNothing: without policies only the root user has access.
func TestNothingAllowsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		c.Documents = generate.Documents{}
		d := decide(t, &c)
		require.True(t, !d.Allowed() || d.By == engine.ByRoot, "%s", c)
	})
}
