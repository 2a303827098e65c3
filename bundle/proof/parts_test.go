package proof_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
)

// TestResourcePolicies: a policy of a resource counts where it is one, and
// nowhere else. Each case has neighbours that differ in one thing.
func TestResourcePolicies(t *testing.T) {
	const (
		own     = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `", Condition: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}`
		all     = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `"}`
		objects = `{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::receipts/*"}`
		// what a resource says to the role's sessions
		grant  = `{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/User"}, Action: "*", Resource: "*"}`
		grants = `{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/Other"}, Action: "*", Resource: "*"}`
		guard  = `{Effect: Deny, Principal: "*", Action: "*", Resource: "*", Condition: {"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}}}`
		admin  = `{Effect: Allow, Action: "dynamodb:GetItem", Resource: "` + table + `", Condition: {StringEquals: {"cognito-identity.amazonaws.com:sub": "us-east-1:admin"}}}`
		closed = `{Effect: Deny, Principal: "*", Action: "s3:GetObject", Resource: "*"}`
	)
	for name, x := range map[string]struct {
		identity  string
		resources map[string]string // ARN and statement
		check     string
		want      proof.Verdict
	}{
		"nothing else":                      {own, nil, "isolation", proof.Proved},
		"the table grants it":               {own, map[string]string{table: grant}, "isolation", proof.Refuted},
		"the table grants it to others":     {own, map[string]string{table: grants}, "isolation", proof.Proved},
		"another table grants it":           {own, map[string]string{table + "Old": grant}, "isolation", proof.Proved},
		"tables of a prefix grant it":       {own, map[string]string{"arn:aws:dynamodb:us-east-1:111122223333:table/N*": grant}, "isolation", proof.Refuted},
		"of another prefix":                 {own, map[string]string{"arn:aws:dynamodb:us-east-1:111122223333:table/O*": grant}, "isolation", proof.Proved},
		"a wildcard that is not at the end": {own, map[string]string{"arn:aws:dynamodb:*:111122223333:table/N*": grant}, "isolation", proof.Unknown},
		"and nothing of the table":          {own, map[string]string{"arn:aws:dynamodb:*:111122223333:table/O*": grant}, "isolation", proof.Proved},
		"no guard":                          {all, nil, "isolation", proof.Refuted},
		"the table guards":                  {all, map[string]string{table: guard}, "isolation", proof.Proved},
		"another table guards":              {all, map[string]string{table + "Old": guard}, "isolation", proof.Refuted},
		"one grants, another guards":        {all, map[string]string{table: guard, "arn:aws:dynamodb:us-east-1:111122223333:table/N*": grant}, "isolation", proof.Proved},
		"two identities of one row":         {own, map[string]string{table: grant}, "non-interference", proof.Refuted},
		"one identity":                      {own, map[string]string{table + "Old": grant}, "non-interference", proof.Proved},
		"nobody is named":                   {own, map[string]string{table: grant}, "constants", proof.Proved},
		"somebody is named":                 {own + ", " + admin, map[string]string{table: grants}, "constants", proof.Refuted},
		"objects":                           {objects, nil, "property", proof.Refuted},
		"objects of a bucket that is shut":  {objects, map[string]string{"arn:aws:s3:::receipts": closed}, "property", proof.Proved},
		"of another bucket":                 {objects, map[string]string{"arn:aws:s3:::receipt": closed}, "property", proof.Refuted},
	} {
		files := fstest.MapFS{
			"rowan.yaml":        {Data: []byte("account: \"111122223333\"\nregion: us-east-1\n")},
			"roles/User.yaml":   {Data: []byte("inline: {P: {Version: 2012-10-17, Statement: [" + x.identity + "]}}\n")},
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
		for arn, statement := range x.resources {
			file := "resources/R" + string(rune('A'+len(files))) + ".yaml"
			files[file] = &fstest.MapFile{Data: []byte("arn: \"" + arn + "\"\npolicy: {Version: 2012-10-17, Statement: [" + statement + "]}\n")}
		}
		b, err := bundle.Load(files, "b", conditions.AWS())
		require.NoError(t, err, name)
		suites, err := b.Suites()
		require.NoError(t, err, name)
		all, err := proof.Prove(context.Background(), b, proof.Options{Roles: []string{"User"}, Checks: []string{x.check}, Suites: suites})
		require.NoError(t, err, name)
		require.Len(t, all, 1, name)
		require.Equal(t, x.want, all[0].Verdict, "%s: %s %s %v", name, all[0].Claim, all[0].Reason, all[0].Witness)
	}
}
