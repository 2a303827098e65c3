package proof_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
)

// The statements of tests: what an identity may do, and what a resource says to
// the role's sessions.
const (
	rowOfOwn = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `", Condition: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}`
	anyRow   = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `"}`
	objects  = `{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::receipts/*"}`

	grant  = `{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/User"}, Action: "*", Resource: "*"}`
	grants = `{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/Other"}, Action: "*", Resource: "*"}`
	guard  = `{Effect: Deny, Principal: "*", Action: "*", Resource: "*", Condition: {"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}}}`
	admin  = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `", Condition: {StringEquals: {"cognito-identity.amazonaws.com:sub": "us-east-1:admin"}}}`
	closed = `{Effect: Deny, Principal: "*", Action: "s3:GetObject", Resource: "*"}`
)

// TestResourcePolicies: a policy of a resource counts where it is one, and
// nowhere else. Each case has neighbours that differ in one thing.
func TestResourcePolicies(t *testing.T) {
	for name, x := range map[string]struct {
		identity  string
		resources map[string]string // ARN and statement
		check     string
		want      proof.Verdict
	}{
		"nothing else":                      {rowOfOwn, nil, "isolation", proof.Proved},
		"the table grants it":               {rowOfOwn, map[string]string{table: grant}, "isolation", proof.Refuted},
		"the table grants it to others":     {rowOfOwn, map[string]string{table: grants}, "isolation", proof.Proved},
		"another table grants it":           {rowOfOwn, map[string]string{table + "Old": grant}, "isolation", proof.Proved},
		"tables of a prefix grant it":       {rowOfOwn, map[string]string{"arn:aws:dynamodb:us-east-1:111122223333:table/N*": grant}, "isolation", proof.Refuted},
		"of another prefix":                 {rowOfOwn, map[string]string{"arn:aws:dynamodb:us-east-1:111122223333:table/O*": grant}, "isolation", proof.Proved},
		"a wildcard that is not at the end": {rowOfOwn, map[string]string{"arn:aws:dynamodb:*:111122223333:table/N*": grant}, "isolation", proof.Unknown},
		"and nothing of the table":          {rowOfOwn, map[string]string{"arn:aws:dynamodb:*:111122223333:table/O*": grant}, "isolation", proof.Proved},
		"no guard":                          {anyRow, nil, "isolation", proof.Refuted},
		"the table guards":                  {anyRow, map[string]string{table: guard}, "isolation", proof.Proved},
		"another table guards":              {anyRow, map[string]string{table + "Old": guard}, "isolation", proof.Refuted},
		"one grants, another guards":        {anyRow, map[string]string{table: guard, "arn:aws:dynamodb:us-east-1:111122223333:table/N*": grant}, "isolation", proof.Proved},
		"two identities of one row":         {rowOfOwn, map[string]string{table: grant}, "non-interference", proof.Refuted},
		"one identity":                      {rowOfOwn, map[string]string{table + "Old": grant}, "non-interference", proof.Proved},
		"nobody is named":                   {rowOfOwn, map[string]string{table: grant}, "constants", proof.Proved},
		"somebody is named":                 {rowOfOwn + ", " + admin, map[string]string{table: grants}, "constants", proof.Refuted},
		"objects":                           {objects, nil, "property", proof.Refuted},
		"objects of a bucket that is shut":  {objects, map[string]string{"arn:aws:s3:::receipts": closed}, "property", proof.Proved},
		"of another bucket":                 {objects, map[string]string{"arn:aws:s3:::receipt": closed}, "property", proof.Refuted},
	} {
		b := withResources(t, x.identity, x.resources)
		suites, err := b.Suites()
		require.NoError(t, err, name)
		all, err := proof.Prove(context.Background(), b, proof.Options{Roles: []string{"User"}, Checks: []string{x.check}, Suites: suites})
		require.NoError(t, err, name)
		require.Len(t, all, 1, name)
		require.Equal(t, x.want, all[0].Verdict, "%s: %s %s %v", name, all[0].Claim, all[0].Reason, all[0].Witness)
	}
}

// withResources is a bundle of a role, a table, and resources with a statement
// each.
func withResources(t *testing.T, identity string, resources map[string]string) *bundle.Bundle {
	t.Helper()
	files := fstest.MapFS{
		"rowan.yaml":        {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
		"roles/User.yaml":   {Data: []byte("inline: {P: {Version: 2012-10-17, Statement: [" + identity + "]}}\n")},
		"roles/Other.yaml":  {Data: []byte("{}\n")},
		"tables/Notes.yaml": {Data: []byte("partitionKey: {name: owner}\n")},
		"tests/a_test.yaml": {Data: []byte(`suite: objects
identities: {ann: {role: User}}
tests:
  - {name: none, as: ann, request: {action: dynamodb:ListTables, resource: "*"}, expect: {decision: implicitDeny}}
properties:
  - {name: reads no receipts, roles: User, actions: "s3:GetObject", resource: "arn:aws:s3:::receipts/*", never: true}
`)},
	}
	for arn, statement := range resources {
		file := "resources/R" + string(rune('A'+len(files))) + ".yaml"
		files[file] = &fstest.MapFile{Data: []byte("arn: \"" + arn + "\"\npolicy: {Version: 2012-10-17, Statement: [" + statement + "]}\n")}
	}
	b, err := bundle.Load(files, "b", conditions.AWS())
	require.NoError(t, err)
	return b
}

// TestDiffOfResources: what a role may do changes with the policies of resources.
// Each case has neighbours that differ in one thing.
func TestDiffOfResources(t *testing.T) {
	const tables = "arn:aws:dynamodb:us-east-1:111122223333:table/N*"
	for name, x := range map[string]struct {
		identity string
		old, now map[string]string // ARN and statement
		want     analysis.Relation
		action   string // of the first witness
	}{
		"nothing":                           {rowOfOwn, nil, nil, analysis.Equal, ""},
		"the table grants it":               {rowOfOwn, nil, map[string]string{table: grant}, analysis.Broader, "dynamodb:"},
		"the table grants it to others":     {rowOfOwn, nil, map[string]string{table: grants}, analysis.Equal, ""},
		"the table grants it as before":     {rowOfOwn, map[string]string{table: grant}, map[string]string{table: grant}, analysis.Equal, ""},
		"and no more":                       {rowOfOwn, map[string]string{table: grant}, map[string]string{table: grants}, analysis.Narrower, "dynamodb:"},
		"by another name":                   {rowOfOwn, map[string]string{table: grant}, map[string]string{table + "*": grant}, analysis.Broader, "dynamodb:"},
		"two that overlap, one goes":        {rowOfOwn, map[string]string{table: grant, tables: guard}, map[string]string{table: grant}, analysis.Broader, "dynamodb:"},
		"both stay":                         {rowOfOwn, map[string]string{table: grant, tables: guard}, map[string]string{table: grant, tables: guard}, analysis.Equal, ""},
		"a bucket is shut":                  {objects, nil, map[string]string{"arn:aws:s3:::receipts": closed}, analysis.Narrower, "s3:GetObject"},
		"it was shut":                       {objects, map[string]string{"arn:aws:s3:::receipts": closed}, map[string]string{"arn:aws:s3:::receipts": closed}, analysis.Equal, ""},
		"another is shut":                   {objects, nil, map[string]string{"arn:aws:s3:::receipt": closed}, analysis.Equal, ""},
		"one opens, another is shut":        {objects, map[string]string{"arn:aws:s3:::receipts": closed}, map[string]string{table: grant}, analysis.Broader, ""},
		"a wildcard that is not at the end": {rowOfOwn, nil, map[string]string{"arn:aws:dynamodb:*:111122223333:table/N*": grants}, analysis.Undecided, ""},
	} {
		t.Run(name, func(t *testing.T) {
			old, now := withResources(t, x.identity, x.old), withResources(t, x.identity, x.now)
			q := &analysis.Question{
				By: policiesOf(t, now), Not: policiesOf(t, old), Actions: bundle.RowActions(),
				Principal: "arn:aws:sts::111122223333:assumed-role/User/" + bundle.SessionName,
				Keys:      map[string][]string{"aws:PrincipalArn": {"arn:aws:iam::111122223333:role/User"}},
			}
			d, err := proof.Diff(context.Background(), now, old, q, 2)
			require.NoError(t, err)
			require.Equal(t, x.want, d.Relation(), "gained %+v, lost %+v", d.Gained, d.Lost)
			all := slices.Concat(d.Gained.Witnesses, d.Lost.Witnesses)
			require.Equal(t, x.want == analysis.Equal || x.want == analysis.Undecided, len(all) == 0)
			if x.action != "" {
				require.True(t, strings.HasPrefix(all[0].Action, x.action), all[0].Action)
			}
			a, err := proof.SearchBetween(context.Background(), now, old, q)
			require.NoError(t, err)
			require.Equal(t, d.Gained.Verdict, a.Verdict)
		})
	}

	// Who has not the role there gains all of it here, and what the resource says.
	now := withResources(t, rowOfOwn, map[string]string{table: grant})
	q := &analysis.Question{By: policiesOf(t, now), Not: &analysis.Policies{}, Principal: "arn:aws:sts::111122223333:assumed-role/User/x"}
	d, err := proof.Diff(context.Background(), now, nil, q, 1)
	require.NoError(t, err)
	require.Equal(t, analysis.Broader, d.Relation())
	require.False(t, d.Gained.Complete)
	require.True(t, d.Lost.Complete)
}

func policiesOf(t *testing.T, b *bundle.Bundle) *analysis.Policies {
	t.Helper()
	r, ok := b.Role("User")
	require.True(t, ok)
	p, err := proof.Policies(b, r, "")
	require.NoError(t, err)
	return p
}

// TestRoleWithPath: a policy of a table names a role with its path, or a session,
// whose ARN lacks it.
func TestRoleWithPath(t *testing.T) {
	for principal, want := range map[string]proof.Verdict{
		"arn:aws:iam::111122223333:role/games/User":                                   proof.Refuted,
		"arn:aws:iam::111122223333:role/User":                                         proof.Proved, // another role
		"arn:aws:sts::111122223333:assumed-role/User/CognitoIdentityCredentials":      proof.Refuted,
		"arn:aws:sts::111122223333:assumed-role/games/CognitoIdentityCredentials":     proof.Proved,
		"arn:aws:iam::111122223333:role/aws-service-role/games.amazonaws.com/AWSUser": proof.Proved,
	} {
		b, _ := loadWith(t, map[string]string{
			"roles/User.yaml":  "path: /games/\npolicies: [Own]\n",
			"resources/x.yaml": "arn: " + table + "\npolicy: {Version: 2012-10-17, Statement: [" + strings.Replace(grant, "arn:aws:iam::111122223333:role/User", principal, 1) + "]}\n",
		}, "", allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
		all, err := proof.Prove(t.Context(), b, proof.Options{Roles: []string{"User"}, Checks: []string{"isolation"}})
		require.NoError(t, err, principal)
		require.Len(t, all, 1)
		require.Equal(t, want, all[0].Verdict, principal)
		if want != proof.Refuted {
			continue
		}
		r, err := proof.Request(conditions.AWS(), all[0].Witness)
		require.NoError(t, err)
		e, err := b.Evaluator("User", r.Resource, nil)
		require.NoError(t, err)
		require.True(t, e.Decide(r).Allowed(), principal)
	}
}
