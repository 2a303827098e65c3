package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// TestFaults holds every request that cannot be decided to a denial with its
// reason; its neighbour without the fault is allowed.
func TestFaults(t *testing.T) {
	const bucket = "arn:aws:s3:::b/x"
	everything := func() *engine.Evaluator { return &engine.Evaluator{Identity: mustCompile(t, allowAll)} }
	other, err := conditions.AWS().With([]conditions.Key{{Name: "app:color"}})
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		want  engine.Fault
		spoil func(e *engine.Evaluator, r *engine.Request)
	}{
		{"none", engine.NoFault, func(*engine.Evaluator, *engine.Request) {}},
		{"no action", engine.BadAction, func(_ *engine.Evaluator, r *engine.Request) { r.Action = "" }},
		{"a pattern as action", engine.BadAction, func(_ *engine.Evaluator, r *engine.Request) { r.Action = "s3:*" }},
		{"two colons in the action", engine.BadAction, func(_ *engine.Evaluator, r *engine.Request) { r.Action = "s3:Get:Object" }},
		{"no resource", engine.BadResource, func(_ *engine.Evaluator, r *engine.Request) { r.Resource = "" }},
		{"five parts", engine.BadResource, func(_ *engine.Evaluator, r *engine.Request) { r.Resource = "arn:aws:s3:b/x" }},
		{"no ARN", engine.BadResource, func(_ *engine.Evaluator, r *engine.Request) { r.Resource = "urn:aws:s3:::b/x" }},
		{"owner unknown", engine.NoResourceAccount, func(_ *engine.Evaluator, r *engine.Request) { r.ResourceAccount = "" }},
		{"another owner", engine.OtherResourceAccount, func(_ *engine.Evaluator, r *engine.Request) {
			r.Resource = "arn:aws:sqs:us-east-1:444455556666:q"
		}},
		{"no context", engine.NoContext, func(_ *engine.Evaluator, r *engine.Request) { r.Context = nil }},
		{"a context that Reset refused", engine.NoContext, func(_ *engine.Evaluator, r *engine.Request) { r.Context.Reset(other.NewContext()) }},
		{"principal not described", engine.NoPrincipal, func(_ *engine.Evaluator, r *engine.Request) { r.Context = conditions.AWS().NewContext() }},
		{"another vocabulary", engine.WrongSet, func(_ *engine.Evaluator, r *engine.Request) {
			r.Context = other.NewContext()
			require.NoError(t, r.Principal.Describe(r.Context))
		}},
		{"a boundary for identity", engine.WrongSet, func(e *engine.Evaluator, _ *engine.Request) {
			e.Identity = mustCompileKind(t, policy.Boundary, allowAll)
		}},
		{"no set for a level", engine.WrongSet, func(e *engine.Evaluator, _ *engine.Request) { e.ServiceControl = []*engine.Set{nil} }},
		{"a trust policy for a bucket", engine.WrongSet, func(e *engine.Evaluator, _ *engine.Request) {
			e.Resource = mustCompileKind(t, policy.Trust, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, r := everything(), user(t, "s3:GetObject", bucket)
			c.spoil(e, r)
			d := e.Decide(r)
			require.Equal(t, c.want, d.Fault)
			require.Equal(t, c.want, e.Check(r))
			require.Equal(t, c.want == engine.NoFault, d.Allowed())
			x := e.Explain(r)
			require.Equal(t, d.Outcome, x.Decision.Outcome)
			require.Equal(t, c.want == engine.NoFault, len(x.Looked) > 0)
			require.Equal(t, c.want == engine.NoFault, c.want.String() == "")
		})
	}
}
