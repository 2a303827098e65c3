package generate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/internal/reference"
)

// at is the case with a number.
func at(i int) Case { return Question(rand.New(rand.NewPCG(1, uint64(i)))) }

// decide answers a case; an invalid document is refused.
func decide(c *Case) (answer reference.Answer, refused any) {
	q, err := c.Reference()
	if err != nil {
		return answer, err
	}
	defer func() { refused = recover() }()
	return reference.Decide(q), nil
}

// Each decision is common enough to be tested by, and few cases are lost.
func TestDecisionsAreMixed(t *testing.T) {
	const n = 20_000
	decisions, by, refused := map[string]int{}, map[string]int{}, 0
	for i := range n {
		c := at(i)
		answer, fault := decide(&c)
		if fault != nil {
			refused++
			continue
		}
		decisions[answer.Decision]++
		by[answer.Decision+" by "+answer.DecidedBy]++
	}
	t.Log(decisions, by, refused)
	for _, decision := range []string{"allowed", "explicitDeny", "implicitDeny"} {
		require.Greater(t, decisions[decision], n*15/100, decision)
	}
	require.Less(t, refused, n*5/100)
	for _, kind := range []string{"allowed by identity", "allowed by resource", "allowed by root"} {
		require.NotZero(t, by[kind], kind)
	}
	for _, kind := range []string{"serviceControl", "endpoint", "permissionsBoundary", "session", "identity", "resource"} {
		require.NotZero(t, by["implicitDeny by "+kind], kind)
		require.NotZero(t, by["explicitDeny by "+kind], kind)
	}
	require.NotZero(t, by["explicitDeny by resourceControl"])
}

// A case depends on its number and on nothing else.
func TestCasesAreRepeatable(t *testing.T) {
	for i := range 200 {
		require.Equal(t, fmt.Sprint(at(i)), fmt.Sprint(at(i)))
	}
}

// A case that is regular can be saved.
func TestScenarios(t *testing.T) {
	saved := 0
	for i := range 500 {
		c := at(i)
		text, err := c.Scenario("random", "")
		require.Equal(t, c.Irregular, err != nil)
		if err == nil {
			require.Contains(t, string(text), `"policies"`)
			saved++
		}
	}
	require.Greater(t, saved, 300)
}

func BenchmarkQuestion(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := at(i)
		decide(&c)
	}
}
