package mutation_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/bundle/mutation"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

func load(t *testing.T, files fs.FS) (*bundle.Bundle, []*bundle.Suite) {
	t.Helper()
	b, err := bundle.Load(files, "b", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	return b, suites
}

func mutate(t *testing.T, files fs.FS) *mutation.Report {
	t.Helper()
	b, suites := load(t, files)
	r, err := mutation.Run(context.Background(), b, mutation.Options{Suites: suites, Now: time.Unix(0, 0)})
	require.NoError(t, err)
	require.Zero(t, r.Left)
	require.Len(t, r.Mutants, r.Killed+r.Survived+r.Equivalent+r.Unknown)
	return r
}

// TestDemo wants the tests of the demo to notice all that there is to notice.
func TestDemo(t *testing.T) {
	r := mutate(t, demo.FS)
	for _, m := range r.Mutants {
		require.Contains(t, []mutation.Outcome{mutation.Killed, mutation.Equivalent}, m.Outcome, "%+v", m)
	}
	require.Greater(t, r.Killed, 20)
	require.NotZero(t, r.Equivalent)
	require.InDelta(t, 100, r.Score(), 0)
}

const (
	weakPolicy = `{"Version": "2012-10-17", "Statement": [
  {"Sid": "Own", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/Notes",
   "Condition": {
     "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"},
     "StringEquals": {"aws:PrincipalTag/team": ["red", "blue"]}, "IpAddress": {"aws:SourceIp": "10.1.0.0/16"}, "BoolIfExists": {"aws:SecureTransport": "true"}}},
  {"Sid": "Late", "Effect": "Deny", "Action": ["dynamodb:Query", "dynamodb:Scan"], "Resource": "*",
   "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}}]}`
	weakSuite = `suite: notes
identities:
  ann: {role: User, tags: {team: red}, identityId: "us-east-1:aaaa", authenticated: true, context: {aws:SourceIp: 10.1.2.3}}
rows:
  Notes:
    own: {owner: "us-east-1:aaaa"}
tests:
  # The only one.
  - name: own
    as: ann
    on: {Notes: [own]}
    actions: [dynamodb:GetItem]
    expect: {ann/own: {dynamodb:GetItem: allowed}}
properties: []
`
)

func weak(more map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range map[string]string{
		"rowan.yaml": "account: \"111122223333\"\nregion: us-east-1\n", "roles/User.yaml": "policies: [Own]\n",
		"tables/Notes.yaml": "partitionKey: {name: owner}\n", "policies/Own.json": weakPolicy, "tests/notes_test.yaml": weakSuite,
	} {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range more {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// TestPaste adds the tests that are proposed, as a person would, until nothing
// survives: each pastes into its suite, passes, and notices its mutant.
func TestPaste(t *testing.T) {
	files := weak(nil)
	first := mutate(t, files)
	require.Greater(t, first.Survived, 10)
	for round := 0; ; round++ {
		r := mutate(t, files)
		if r.Survived == 0 {
			require.Zero(t, r.Unknown)
			require.NotZero(t, round)
			break
		}
		require.Less(t, round, 3)
		for i, m := range r.Mutants {
			if m.Outcome != mutation.Survived || m.SameTest > 0 {
				continue
			}
			require.NotEmpty(t, m.Test, "%d %s: %s", i+1, m.Change, m.Reason)
			name := strings.TrimPrefix(m.TestFile, "b/")
			text := m.Test
			if old, ok := files[name]; ok {
				require.True(t, strings.HasPrefix(m.Test, "  - name: "), "%s\n%s", m.TestFile, m.Test)
				text = strings.Replace(string(old.Data), "properties:", m.Test+"properties:", 1)
			}
			files[name] = &fstest.MapFile{Data: []byte(text)}
			b, suites := load(t, files)
			ran := bundle.Run(b, suites, bundle.RunOptions{Now: time.Unix(0, 0)})
			require.Zero(t, ran.Failed, m.Test)
		}
	}
}

// TestChanges has what is weakened, by what.
func TestChanges(t *testing.T) {
	got := map[string]mutation.Outcome{}
	for _, m := range mutate(t, weak(nil)).Mutants {
		got[m.Statement+": "+m.Change] = m.Outcome
		require.Equal(t, "b/policies/Own.json", m.File)
	}
	const k, s, e = mutation.Killed, mutation.Survived, mutation.Equivalent
	require.Equal(t, map[string]mutation.Outcome{
		"Own: the condition ForAllValues:StringEquals dynamodb:LeadingKeys is removed":        s,
		"Own: ForAllValues:StringEquals dynamodb:LeadingKeys is ForAnyValue:StringEquals":     s,
		"Own: ForAllValues:StringEquals dynamodb:LeadingKeys is StringLike with * at the end": s,
		`Own: ForAllValues:StringEquals dynamodb:LeadingKeys has "us-east-1:aaaa" too`:        s,
		"Own: the condition Null dynamodb:LeadingKeys is removed":                             s,
		"Own: the condition StringEquals aws:PrincipalTag/team is removed":                    s,
		"Own: StringEquals aws:PrincipalTag/team is StringEqualsIfExists":                     s,
		"Own: StringEquals aws:PrincipalTag/team is StringLike with * at the end":             s,
		"Own: the condition IpAddress aws:SourceIp is removed":                                s,
		"Own: IpAddress aws:SourceIp is IpAddressIfExists":                                    s,
		"Own: IpAddress aws:SourceIp takes networks of twice the size":                        s,
		`Own: IpAddress aws:SourceIp has "10.1.2.3" too`:                                      e,
		"Own: the condition BoolIfExists aws:SecureTransport is removed":                      s,
		`Own: Action is "dynamodb:*"`:                                                         s,
		`Own: Resource is "arn:aws:dynamodb:us-east-1:111122223333:table/Notes*"`:             s,
		`Own: Resource is "*"`:           s,
		"Own: Effect is Deny":            k,
		"Late: the statement is removed": s,
		"Late: DateGreaterThanEquals aws:CurrentTime is DateGreaterThan": s,
		`Late: Action lacks "dynamodb:Query"`:                            s,
		`Late: Action lacks "dynamodb:Scan"`:                             e,
		"Late: Effect is Allow":                                          s,
	}, got)
}

// TestDenied is an allow that no test asks for: its loss is a survivor too.
func TestDenied(t *testing.T) {
	files := weak(map[string]string{
		"policies/Own.json": strings.Replace(weakPolicy, `"Late", "Effect": "Deny"`, `"Late", "Effect": "Allow"`, 1),
	})
	denies := 0
	for _, m := range mutate(t, files).Mutants {
		if m.Denies {
			denies++
			require.Equal(t, "Effect is Deny", m.Change)
			require.Contains(t, m.Test, "expect: {decision: allowed}")
		}
	}
	require.Equal(t, 1, denies)
}

// TestEverywhere changes guardrails, boundaries and policies of resources.
func TestEverywhere(t *testing.T) {
	everything := `{"Version": "2012-10-17", "Statement": {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}}`
	files := weak(map[string]string{
		"guardrails/scp/00-root/All.json": everything,
		"guardrails/scp/00-root/No.json":  `{"Version": "2012-10-17", "Statement": {"Sid": "NoGuard", "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"StringEquals": {"dynamodb:Select": "COUNT"}}}}`,
		"policies/Limit.json":             `{"Version": "2012-10-17", "Statement": {"Sid": "Limit", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}}`,
		"roles/User.yaml":                 "policies: [Own]\nboundary: Limit\n",
		"roles/Other.yaml":                "inline: {Any: {Version: 2012-10-17, Statement: [{Sid: Any, Effect: Allow, Action: \"s3:GetObject\", Resource: \"arn:aws:s3:::shots/*\"}]}}\n",
		"resources/Shots.yaml":            "arn: arn:aws:s3:::shots\npolicy: {Version: 2012-10-17, Statement: [{Sid: Shots, Effect: Deny, Principal: \"*\", Action: [\"s3:GetObject\", \"s3:PutObject\"], Resource: \"arn:aws:s3:::shots/secret/*\"}]}\n",
	})
	found := map[string]mutation.Mutant{}
	for _, m := range mutate(t, files).Mutants {
		found[m.Statement+": "+m.Change] = m
	}
	require.Equal(t, mutation.Killed, found["All: Effect is Deny"].Outcome)
	require.Equal(t, mutation.Survived, found["NoGuard: the statement is removed"].Outcome, found["NoGuard: the statement is removed"].Reason)
	require.Equal(t, mutation.Survived, found[`Limit: Action is "dynamodb:*"`].Outcome)
	shots := found["Shots: the statement is removed"]
	require.Equal(t, mutation.Survived, shots.Outcome, shots.Reason)
	require.Equal(t, "b/tests/mutation_test.yaml", shots.TestFile, "no suite has an identity of the role")
	require.Contains(t, shots.Test, `identities:
  someone: {role: "Other"}`)
	require.Equal(t, mutation.Equivalent, found[`Shots: Action lacks "s3:PutObject"`].Outcome, found[`Shots: Action lacks "s3:PutObject"`].Reason)
	require.Equal(t, mutation.Equivalent, found[`Own: Action is "dynamodb:*"`].Outcome, "the boundary limits it")
}

func TestEnds(t *testing.T) {
	b, suites := load(t, weak(nil))
	run := func(o mutation.Options) (*mutation.Report, error) {
		o.Suites = suites
		return mutation.Run(context.Background(), b, o)
	}
	r, err := run(mutation.Options{Most: 3})
	require.NoError(t, err)
	require.Equal(t, 19, r.Left)
	require.Less(t, r.Score(), 100.0)
	_, err = run(mutation.Options{Select: func(string) bool { return false }})
	require.ErrorIs(t, err, mutation.ErrNothing)
	_, err = run(mutation.Options{Guardrail: func(*engine.Request) string { return "no" }})
	var failed *mutation.FailedError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "notes/own/ann/own dynamodb:GetItem", failed.Cell)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err = mutation.Run(ctx, b, mutation.Options{Suites: suites})
	require.NoError(t, err)
	require.Empty(t, r.Mutants)
	require.Equal(t, 22, r.Left)
	done := 0
	_, err = run(mutation.Options{Progress: func(n, of int) {
		require.Equal(t, 22, of)
		done = n
	}})
	require.NoError(t, err)
	require.Equal(t, 22, done)
}
