package decide_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
)

// TestGuardrailsOfTheBundle: they come with a bundle and go with it, see the
// context of each row, and hold in the bundle's tests.
func TestGuardrailsOfTheBundle(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	allowed := func() (rowanv1.Decision, uint64) {
		out, err := f.Decider.Decide(local(t.Context()), getItem(alice.Session(), alice.IdentityID))
		require.NoError(t, err)
		rows, err := f.Decider.DecideRows(local(t.Context()), rowsOf(alice.Session(), "x", alice.IdentityID))
		require.NoError(t, err)
		return out.GetAnswer().GetDecision(), uint64(rows.GetCount())
	}
	filter := func() error {
		_, err := f.Decider.Filter(local(t.Context()), &rowanv1.FilterRequest{Subject: alice.Session(), Action: "dynamodb:Query", Resource: decidetest.Table, Unknown: []string{"dynamodb:LeadingKeys"}})
		return err
	}
	guarded := func(rule string) {
		f.Use(decidetest.Load(t, fstest.MapFS{"guardrails/g.rego": {Data: []byte("package rowan.guardrails\n\n" + rule)}}))
	}
	d, n := allowed()
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, d)
	require.EqualValues(t, 1, n)
	require.NoError(t, filter())

	guarded(`deny contains "not hers" if input.context["dynamodb:LeadingKeys"][0] == "` + alice.IdentityID + `"`)
	d, n = allowed()
	require.Equal(t, rowanv1.Decision_DECISION_EXPLICIT_DENY, d)
	require.Zero(t, n)
	require.Equal(t, codes.FailedPrecondition, status.Code(filter()))

	guarded(`deny contains "not hers" if input.context["dynamodb:LeadingKeys"][0] == "somebody"`)
	d, n = allowed()
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, d)
	require.EqualValues(t, 1, n)
	tests, err := f.Decider.Test(trusted(t.Context()), &rowanv1.TestRequest{Run: "who may do what"})
	require.NoError(t, err)
	require.True(t, tests.GetPassed(), tests.GetText())

	guarded(`deny contains "nothing today" if startswith(input.action, "dynamodb:")`)
	tests, err = f.Decider.Test(trusted(t.Context()), &rowanv1.TestRequest{Run: "who may do what"})
	require.NoError(t, err)
	require.False(t, tests.GetPassed())
	require.Contains(t, tests.GetText(), "nothing today")
	f.Use(decidetest.Load(t, nil))
	d, _ = allowed()
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, d)
}
