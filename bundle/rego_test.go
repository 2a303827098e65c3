package bundle_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// TestRego: guardrails in Rego are read for who says that they hold to them, and
// where nobody asks them nothing is allowed.
func TestRego(t *testing.T) {
	files := fstest.MapFS{
		"rowan.yaml":            {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
		"policies/All.json":     {Data: []byte(`{"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`)},
		"roles/R.yaml":          {Data: []byte("policies: [All]\n")},
		"guardrails/b.rego":     {Data: []byte("package b")},
		"guardrails/a.rego":     {Data: []byte("package a")},
		"tests/allow_test.yaml": {Data: []byte("suite: s\nidentities: {r: {role: R, identityId: \"us-east-1:a\", authenticated: true}}\ntests: [{name: t, as: r, request: {action: s3:GetObject, resource: \"arn:aws:s3:::b/k\"}, expect: {decision: allowed}}]\n")},
	}
	_, err := bundle.Load(files, "b", conditions.AWS())
	require.ErrorContains(t, err, "b/guardrails/a.rego: a Rego guardrail")
	b, err := bundle.LoadWithRego(files, "b", conditions.AWS())
	require.NoError(t, err)
	require.Equal(t, []bundle.Rego{{File: "b/guardrails/a.rego", Text: "package a"}, {File: "b/guardrails/b.rego", Text: "package b"}}, b.Rego)
	suites, err := b.Suites()
	require.NoError(t, err)
	run := func(guardrail func(*engine.Request) string) bundle.Result {
		return bundle.Run(b, suites, bundle.RunOptions{Now: time.Unix(0, 0), Guardrail: guardrail})
	}
	require.Equal(t, 1, run(func(*engine.Request) string { return "" }).Passed)
	for _, guardrail := range []func(*engine.Request) string{nil, func(*engine.Request) string { return "no" }} {
		r := run(guardrail)
		require.Equal(t, 1, r.Failed)
		require.Equal(t, engine.ExplicitDeny, r.Suites[0].Tests[0].Cells[0].Got)
		require.Equal(t, []string{"guardrail"}, r.Suites[0].Tests[0].Cells[0].Statements)
	}
	files["guardrails/no name.rego"] = &fstest.MapFile{}
	_, err = bundle.LoadWithRego(files, "b", conditions.AWS())
	require.ErrorContains(t, err, "NAME has 1 to 128 letters")
	delete(files, "guardrails/no name.rego")
	files["guardrails/sub/x.rego"] = &fstest.MapFile{}
	_, err = bundle.LoadWithRego(files, "b", conditions.AWS())
	require.ErrorContains(t, err, "unknown: want guardrails/")
}
