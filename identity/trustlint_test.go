package identity_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// trustOf is a trust policy for a federated principal with a condition block.
func trustOf(t *testing.T, effect, principal, conditions string) *policy.Document {
	t.Helper()
	if conditions == "" {
		conditions = `"Bool": {"aws:SecureTransport": "true"}`
	}
	d, err := policy.Parse("trust.json", []byte(`{"Version": "2012-10-17", "Statement": [
{"Effect": "Deny", "Principal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
{"Effect": "`+effect+`", "Principal": `+principal+`, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {`+conditions+`}}]}`))
	require.NoError(t, err)
	return d
}

// TestThreatAnyPoolAssumesRole wants an Allow for identity pools refused unless
// it names the pools: each refusal differs in one thing from what is allowed.
func TestThreatAnyPoolAssumesRole(t *testing.T) {
	const pools = `{"Federated": "cognito-identity.amazonaws.com"}`
	const aud = `"cognito-identity.amazonaws.com:aud"`
	for name, c := range map[string]struct {
		effect, principal, conditions string
		sound                         bool
	}{
		"one pool":                            {"Allow", pools, `"StringEquals": {` + aud + `: "us-east-1:1"}`, true},
		"two pools":                           {"Allow", pools, `"StringEquals": {` + aud + `: ["us-east-1:1", "us-east-1:2"]}`, true},
		"like a whole pool":                   {"Allow", pools, `"StringLike": {` + aud + `: "us-east-1:1"}`, true},
		"key in capitals":                     {"Allow", pools, `"StringEquals": {"Cognito-Identity.amazonaws.com:AUD": "us-east-1:1"}`, true},
		"any of its values":                   {"Allow", pools, `"ForAnyValue:StringEquals": {` + aud + `: "us-east-1:1"}`, true},
		"one sound test is enough":            {"Allow", pools, `"StringLike": {` + aud + `: "us-east-1:*"}, "StringEquals": {` + aud + `: "us-east-1:1"}`, true},
		"a denial":                            {"Deny", pools, ``, true},
		"another issuer":                      {"Allow", `{"Federated": "accounts.google.com"}`, ``, true},
		"a role":                              {"Allow", `{"AWS": "111122223333"}`, ``, true},
		"everyone, which is nobody federated": {"Allow", `"*"`, ``, true},

		"nothing":                 {"Allow", pools, ``, false},
		"no audience":             {"Allow", pools, `"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}`, false},
		"wildcard":                {"Allow", pools, `"StringLike": {` + aud + `: "us-east-1:*"}`, false},
		"one wildcard of two":     {"Allow", pools, `"StringLike": {` + aud + `: ["us-east-1:1", "*"]}`, false},
		"question mark":           {"Allow", pools, `"StringLike": {` + aud + `: "us-east-1:?"}`, false},
		"variable":                {"Allow", pools, `"StringEquals": {` + aud + `: "${cognito-identity.amazonaws.com:aud}"}`, false},
		"if it exists":            {"Allow", pools, `"StringEqualsIfExists": {` + aud + `: "us-east-1:1"}`, false},
		"all of its values":       {"Allow", pools, `"ForAllValues:StringEquals": {` + aud + `: "us-east-1:1"}`, false},
		"negated":                 {"Allow", pools, `"StringNotEquals": {` + aud + `: "us-east-1:1"}`, false},
		"audience of another key": {"Allow", pools, `"StringEquals": {"cognito-identity.amazonaws.com:sub": "us-east-1:1"}`, false},
		"empty":                   {"Allow", pools, `"StringEquals": {` + aud + `: ""}`, false},
		"principal in capitals":   {"Allow", `{"Federated": "Cognito-Identity.amazonaws.com"}`, ``, false},
		"one principal of two":    {"Allow", `{"Federated": ["accounts.google.com", "cognito-identity.amazonaws.com"]}`, ``, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := identity.CheckTrust(trustOf(t, c.effect, c.principal, c.conditions))
			if c.sound {
				require.NoError(t, err)
				return
			}
			var faults policy.Errors
			require.True(t, errors.As(err, &faults))
			require.Len(t, faults, 1)
			require.Equal(t, "trust.json:3:1", faults[0].Name+":"+faults[0].Pos.String())
			require.Equal(t, "/Statement/1", faults[0].Path)
		})
	}
	require.NoError(t, identity.CheckTrust(nil))
}
