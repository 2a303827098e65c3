package bundle

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

// plainText makes every condition value a text, as a document in YAML has it.
func plainText(d *policy.Document) string {
	for i := range d.Statements {
		for j := range d.Statements[i].Conditions {
			values := d.Statements[i].Conditions[j].Values
			for k := range values {
				values[k].Kind = policy.StringValue
			}
		}
	}
	return string(d.Print())
}

// FuzzDocument reads a text as a policy in JSON and, within a role, in YAML, of which JSON is a part:
// what both accept must mean the same, at the same places.
func FuzzDocument(f *testing.F) {
	f.Add(`{"Version": "2012-10-17", "Statement": [{"Sid": "é", "Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"s3:max-keys": 10}}}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":"iam:*","NotResource":["arn:aws:s3:::b\/\u00e9","*"],"Condition":{"Null":{"aws:username":"true"}}}}`)
	f.Add("{\n \"Id\": \"x\",\n \"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"AWS\": [\"111122223333\"]}, \"Action\": \"sts:AssumeRole\"}\n}")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := policy.Parse("f", []byte(text))
		if err != nil {
			return
		}
		root, ok := parseYAML("f", []byte(text), &faults{})
		if !ok {
			return
		}
		have := root.document("d", policy.Identity)
		require.NotNil(t, have, "%v", root.file.faults.err())
		require.Equal(t, plainText(want), plainText(have.Document))
		for i := range want.Statements {
			require.Equal(t, want.Statements[i].Pos, have.Statements[i].Pos)
			require.Equal(t, want.Statements[i].Effect, have.Statements[i].Effect)
			require.Equal(t, want.Statements[i].Action, have.Statements[i].Action)
			require.Equal(t, want.Statements[i].Resource, have.Statements[i].Resource)
		}
	})
}
