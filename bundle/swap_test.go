package bundle_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// TestSwap holds that a bundle with one document swapped decides as one that was
// loaded with it, and that the bundle itself stays as it was.
func TestSwap(t *testing.T) {
	const start = `{"Version": "2012-10-17", "Statement": {"Sid": "S", "Effect": "Allow", "Action": "*", "Resource": "*"}}`
	files := map[string]string{
		"rowan.yaml":                      "account: \"111122223333\"\nregion: us-east-1\n",
		"policies/Get.json":               `{"Version": "2012-10-17", "Statement": {"Sid": "Get", "Effect": "Allow", "Action": ["dynamodb:GetItem", "s3:GetObject"], "Resource": "*"}}`,
		"policies/Limit.json":             start,
		"roles/A.yaml":                    "policies: [Get]\nboundary: Limit\n",
		"roles/B.yaml":                    "policies: [Get]\n",
		"guardrails/scp/00-root/All.json": start,
		"resources/T.yaml":                "arn: arn:aws:dynamodb:us-east-1:111122223333:table/Tab\npolicy: {Version: 2012-10-17, Statement: [{Sid: T, Effect: Deny, Principal: \"*\", Action: \"dynamodb:PutItem\", Resource: \"*\"}]}\n",
		"tables/Tab.yaml":                 "partitionKey: {name: k}\n",
		"tests/a_test.yaml": `suite: a
identities: {a: {role: A}, b: {role: B}}
rows: {Tab: {r: {k: x}}}
tests:
  - {name: t, as: [a, b], on: {Tab: [r]}, actions: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query], expect: {a/r: {dynamodb:GetItem: allowed, dynamodb:PutItem: {explicitDeny: [T]}}, b/r: {dynamodb:GetItem: allowed, dynamodb:PutItem: explicitDeny}}}
`,
	}
	load := func(change, text string) (*bundle.Bundle, []*bundle.Suite) {
		fsys := fstest.MapFS{}
		for name, x := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(x)}
		}
		if change != "" {
			fsys[change] = &fstest.MapFile{Data: []byte(text)}
		}
		b, err := bundle.Load(fsys, "b", conditions.AWS())
		require.NoError(t, err)
		suites, err := b.Suites()
		require.NoError(t, err)
		return b, suites
	}
	outcomes := func(b *bundle.Bundle, suites []*bundle.Suite) (out []string) {
		for _, c := range bundle.Run(b, suites, bundle.RunOptions{Now: time.Unix(0, 0)}).Suites[0].Tests[0].Cells {
			out = append(out, c.Name+" "+c.Got.String())
		}
		return out
	}
	b, suites := load("", "")
	before := outcomes(b, suites)
	sieve := bundle.NewSieve(b, suites, bundle.RunOptions{Now: time.Unix(0, 0)})
	require.Equal(t, 6, sieve.Len())
	_, caught := sieve.Caught(b)
	require.False(t, caught)
	narrow := `{"Version": "2012-10-17", "Statement": {"Sid": "S", "Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*"}}`
	for name, roles := range map[string][]string{"policies/Get.json": {"A", "B"}, "policies/Limit.json": {"A"}, "guardrails/scp/00-root/All.json": {"A", "B"}} {
		now, err := policy.Parse("b/"+name, []byte(narrow))
		require.NoError(t, err)
		var old *policy.Document
		for _, d := range b.Policies() {
			if d.Name == now.Name {
				old = d
			}
		}
		swapped, err := b.Swap(old, now)
		require.NoError(t, err)
		loaded, _ := load(name, narrow)
		require.Equal(t, outcomes(loaded, suites), outcomes(swapped, suites), name)
		require.NotEqual(t, before, outcomes(swapped, suites), name)
		require.Equal(t, before, outcomes(b, suites), name)
		cell, caught := sieve.Caught(swapped)
		require.True(t, caught)
		require.Contains(t, cell, "a/t/")
		_, caught = sieve.Caught(swapped, "B")
		require.Equal(t, len(roles) == 2, caught, "only cells of the roles")
	}
	old := b.Resources[0].Document()
	open, err := policy.Parse(old.Name, []byte(`{"Version": "2012-10-17", "Statement": {"Sid": "T", "Effect": "Deny", "Principal": "*", "Action": "dynamodb:Query", "Resource": "*"}}`))
	require.NoError(t, err)
	swapped, err := b.Swap(old, open)
	require.NoError(t, err)
	require.NotEqual(t, before, outcomes(swapped, suites))
	_, err = b.Swap(old, b.Policies()[0])
	require.Error(t, err, "it names no principal")
	_, err = b.Swap(open, old)
	require.Error(t, err, "it is none of the bundle's")
}

// TestParseSuite reads a suite that is no file of the bundle.
func TestParseSuite(t *testing.T) {
	b, err := bundle.Load(fstest.MapFS{
		"rowan.yaml":   {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
		"roles/A.yaml": {Data: []byte("inline: {Any: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: \"s3:*\", Resource: \"*\"}]}}\n")},
	}, "b", conditions.AWS())
	require.NoError(t, err)
	text := "suite: a\nidentities: {a: {role: A, context: {aws:SourceIp: 192.0.2.1}}}\ntests: [{name: t, as: a, request: {action: s3:ListAllMyBuckets, resource: \"*\"}, expect: {decision: allowed}}]\n"
	s, err := b.ParseSuite("x.yaml", []byte(text))
	require.NoError(t, err)
	require.Equal(t, 1, bundle.Run(b, []*bundle.Suite{s}, bundle.RunOptions{}).Passed)
	askers, err := b.Askers([]*bundle.Suite{s})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"aws:SourceIp": {"192.0.2.1"}}, askers[0].Keys())
	for _, bad := range []string{"", "suite: [", "suite: a\nidentities: {}\ntests: []\n"} {
		_, err := b.ParseSuite("x.yaml", []byte(bad))
		require.ErrorAs(t, err, &policy.Errors{})
	}
}
