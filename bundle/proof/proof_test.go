package proof_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
)

func TestDemo(t *testing.T) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	all, err := proof.Prove(context.Background(), b, proof.Options{Suites: suites})
	require.NoError(t, err)
	require.Len(t, all, 24)
	for _, r := range all {
		require.Equal(t, proof.Proved, r.Verdict, "%+v", r)
	}
}

const (
	own   = `"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}`
	there = `"Null": {"dynamodb:LeadingKeys": "false"}`
	table = "arn:aws:dynamodb:us-east-1:111122223333:table/Notes"
)

func allow(actions, resources, conditions string) string {
	s := `{"Effect": "Allow", "Action": ` + actions + `, "Resource": ` + resources
	if conditions != "" {
		s += `, "Condition": {` + conditions + `}`
	}
	return s + `}`
}

// load makes a bundle of one role and one table.
func load(t *testing.T, isolation string, statements ...string) (*bundle.Bundle, []*bundle.Suite) {
	t.Helper()
	return loadWith(t, nil, isolation, statements...)
}

// loadWith is load with further files, or others.
func loadWith(t *testing.T, more map[string]string, isolation string, statements ...string) (*bundle.Bundle, []*bundle.Suite) {
	t.Helper()
	files := fstest.MapFS{
		"rowan.yaml":        {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
		"roles/User.yaml":   {Data: []byte("policies: [Own]\n")},
		"policies/Own.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`)},
		"tables/Notes.yaml": {Data: []byte("partitionKey: {name: owner}\nsortKey: {name: at}\nindexes:\n  ByTopic: {partitionKey: {name: topic}}\n  ByTitle: {partitionKey: {name: owner}, sortKey: {name: title}}\n" + isolation)},
		"tests/a_test.yaml": {Data: []byte(suite)},
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(files, "b", conditions.AWS())
	require.NoError(t, err)
	suites, err := b.Suites()
	require.NoError(t, err)
	return b, suites
}

const suite = `suite: notes
identities: {ann: {role: User}}
tests:
  - {name: none, as: ann, request: {action: dynamodb:ListTables, resource: "*"}, expect: {decision: implicitDeny}}
properties:
  - name: writes its own rows alone
    roles: User
    actions: ["dynamodb:PutItem"]
    table: Notes
    only: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}
  - name: deletes nothing by day
    roles: [User]
    actions: dynamodb:DeleteItem
    when: {DateLessThan: {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}
    never: true
`

const protected = "isolation: {protected: [salary]}\n"

// TestEveryAction: a role that is given one more action of DynamoDB on a table
// and what belongs to it is refuted, unless the action only describes the table.
func TestEveryAction(t *testing.T) {
	own := allow(`["dynamodb:GetItem", "dynamodb:PutItem"]`, `"`+table+`"`, own+","+there)
	refuted := func(action string) (checks []string) {
		b, _ := load(t, "", own, allow(`"`+action+`"`, `["`+table+`", "`+table+`/*"]`, ""))
		all, err := proof.Prove(t.Context(), b, proof.Options{})
		require.NoError(t, err)
		for _, r := range all {
			require.NotEqual(t, proof.Unknown, r.Verdict, r.Reason)
			if r.Verdict == proof.Refuted {
				checks = append(checks, r.Check)
			}
		}
		return checks
	}
	for _, a := range slices.Concat(dynamoaction.Reads(), dynamoaction.Writes()) {
		require.Subset(t, refuted(a), []string{"isolation", "missing-key", "non-interference"}, a)
	}
	for _, a := range dynamoaction.Keyless() {
		require.Contains(t, refuted(a), "keyless", a)
	}
	for _, a := range dynamoaction.Changes() {
		require.Equal(t, []string{"escalation"}, refuted(a), a)
	}
	for _, a := range dynamoaction.Describes() {
		require.Empty(t, refuted(a), a)
	}
}

// TestChecks has, for each check, policies that pass and their neighbours that
// differ in one thing and do not.
func TestChecks(t *testing.T) {
	rows := `["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]`
	in := `"` + table + `"`
	good := allow(rows, in, own+","+there)
	named := `"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}", "dynamodb:Attributes": ["owner", "at", "text"]}, "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"}`
	specific := named + `, "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}`
	quiet := specific + `, "StringNotEqualsIfExists": {"dynamodb:ReturnValues": ["ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]}`
	for _, x := range []struct {
		check, isolation string
		proved, refuted  []string
		shows            string // in the witness that refutes
	}{
		{"isolation", "", []string{good}, []string{allow(rows, in, strings.Replace(own, `:sub}"`, `:sub}*"`, 1)+","+there)}, "LeadingKeys"},
		{"isolation", "isolation: {shared: [all]}\n", []string{good, allow(rows, in, `"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "all"}, `+there)}, []string{good, allow(rows, in, `"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "others"}, `+there)}, `"others"`},
		{"isolation", "isolation: {identity: \"aws:PrincipalTag/tenant\"}\n", []string{strings.ReplaceAll(good, "cognito-identity.amazonaws.com:sub", "aws:PrincipalTag/tenant")}, []string{good}, "PrincipalTag"},
		{"missing-key", "", []string{good}, []string{allow(rows, in, own)}, table},
		{"keyless", "", []string{good}, []string{allow(`["dynamodb:GetItem", "dynamodb:Scan"]`, in, own)}, "dynamodb:Scan"},
		{"keyless", "", []string{good}, []string{good, allow(`"dynamodb:RestoreTableFromBackup"`, `"`+table+`/backup/*"`, "")}, "/backup/"},
		{"open-world", "", []string{good}, []string{allow(`"dynamodb:*"`, in, own+","+there)}, "Future"},
		{"index", "", []string{allow(rows, `["`+table+`", "`+table+`/index/ByTitle"]`, own+","+there)}, []string{allow(rows, `["`+table+`", "`+table+`/index/*"]`, own+","+there)}, "/index/ByTopic"},
		{"table-prefix", "", []string{good}, []string{allow(rows, `"`+table+`*"`, own+","+there)}, table},
		{"non-interference", "", []string{good}, []string{allow(rows, in, `"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}*"}, `+there)}, "LeadingKeys"},
		{"escalation", "", []string{good}, []string{good, allow(`"iam:PutRolePolicy"`, `"*"`, "")}, "iam:PutRolePolicy"},
		{"escalation", "", []string{good, allow(`"dynamodb:UpdateTable"`, `"`+table+`Copy"`, "")}, []string{good, allow(`"dynamodb:UpdateTable"`, in, "")}, "dynamodb:UpdateTable"},
		{"escalation", "", []string{good, allow(`"cognito-idp:ListUsers"`, `"*"`, "")}, []string{good, allow(`"cognito-idp:AdminAddUserToGroup"`, `"*"`, "")}, "AdminAddUserToGroup"},
		{"attributes", protected, []string{allow(rows, in, named)}, []string{allow(rows, in, strings.Replace(named, `"text"`, `"text", "salary"`, 1))}, `"salary"`},
		{"whole-rows", protected, []string{allow(rows, in, specific)}, []string{allow(rows, in, strings.Replace(specific, `, "dynamodb:Attributes": "false"`, "", 1))}, "dynamodb:"},
		{"whole-rows", protected, []string{allow(rows, in, specific)}, []string{allow(rows, in, named)}, "Select"},
		{"returned-values", protected, []string{allow(rows, in, quiet)}, []string{allow(rows, in, specific)}, "ReturnValues"},
		{"property", "", []string{good}, []string{allow(rows, in, own)}, "PutItem"},
		{"property", "", []string{good, allow(`"dynamodb:DeleteItem"`, in, `"DateGreaterThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}`)}, []string{good, allow(`"dynamodb:DeleteItem"`, in, `"DateGreaterThan": {"aws:CurrentTime": "2025-06-01T00:00:00Z"}`)}, "DeleteItem"},
	} {
		t.Run(x.check, func(t *testing.T) {
			b, suites := load(t, x.isolation, x.proved...)
			all, err := proof.Prove(context.Background(), b, proof.Options{Checks: []string{x.check}, Suites: suites})
			require.NoError(t, err)
			for _, r := range all {
				require.Equal(t, proof.Proved, r.Verdict, "%s %s %v", r.Property, r.Reason, r.Witness)
			}
			b, suites = load(t, x.isolation, x.refuted...)
			all, err = proof.Prove(context.Background(), b, proof.Options{Checks: []string{x.check}, Suites: suites})
			require.NoError(t, err)
			var shown string
			for _, r := range all {
				if r.Verdict == proof.Refuted {
					shown += r.Witness.String()
				}
			}
			require.Contains(t, shown, x.shows)
		})
	}
}

// TestExcept holds that a role which may see all rows is not asked to be
// isolated, and no other is spared.
func TestExcept(t *testing.T) {
	everything := allow(`"dynamodb:GetItem"`, `"`+table+`"`, "")
	for isolation, want := range map[string]int{"": 3, "isolation: {except: [User]}\n": 0} {
		b, suites := load(t, isolation, everything)
		all, err := proof.Prove(context.Background(), b, proof.Options{Suites: suites})
		require.NoError(t, err)
		refuted := 0
		for _, r := range all {
			if r.Verdict == proof.Refuted {
				refuted++
			}
		}
		require.Equal(t, want, refuted)
	}
}

func TestOptions(t *testing.T) {
	b, suites := load(t, "", allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
	for _, o := range []proof.Options{{Roles: []string{"Nobody"}}, {Checks: []string{"nothing"}}, {Checks: []string{"property"}}} {
		_, err := proof.Prove(context.Background(), b, o)
		require.Error(t, err)
	}
	all, err := proof.Prove(context.Background(), b, proof.Options{Checks: []string{"property"}, Suites: suites})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "b/tests/a_test.yaml", all[0].File)
	require.Equal(t, 6, all[0].Line)
}

// TestDoubt holds that nothing is proved past the policy of a resource.
func TestDoubt(t *testing.T) {
	b, _ := load(t, "", allow(`"dynamodb:GetItem"`, `"`+table+`"`, own+","+there))
	for arn, want := range map[string]proof.Verdict{
		"\"arn:aws:dynamodb:*:111122223333:table/N*\"": proof.Unknown,
		"\"arn:aws:s3:::b*t\"":                         proof.Proved,
	} {
		b.Resources = []*bundle.Resource{resource(t, arn)}
		all, err := proof.Prove(context.Background(), b, proof.Options{Checks: []string{"isolation", "missing-key", "non-interference"}})
		require.NoError(t, err)
		require.Len(t, all, 3)
		for _, r := range all {
			require.Equal(t, want, r.Verdict, "%s of %s", r.Check, arn)
		}
	}
}

// resource loads one resource with a policy.
func resource(t *testing.T, arn string) *bundle.Resource {
	t.Helper()
	b, err := bundle.Load(fstest.MapFS{
		"rowan.yaml":       {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
		"resources/X.yaml": {Data: []byte("arn: " + arn + "\npolicy: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {AWS: \"111122223333\"}, Action: \"*\", Resource: \"*\"}]}\n")},
	}, "x", conditions.AWS())
	require.NoError(t, err)
	require.Len(t, b.Resources, 1)
	return b.Resources[0]
}
