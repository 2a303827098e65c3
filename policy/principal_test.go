package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// TestPrincipals holds the forms of iam-semantics §1.4, and neighbours of each
// that could never be a requester.
func TestPrincipals(t *testing.T) {
	hex := strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ valid, refused string }{
		"AWS": {
			valid: `* 111111111111 arn:aws:iam::111111111111:root arn:aws-us-gov:iam::111111111111:root
				arn:aws:iam::111111111111:user/ana arn:aws:iam::111111111111:user/ops/ana arn:aws:iam::111111111111:role/svc/reader
				arn:aws:sts::111111111111:assumed-role/reader/job-7 arn:aws:sts::111111111111:federated-user/kiosk
				AROAEXAMPLEID AIDAEXAMPLEID1234567`,
			refused: `11111111111 1111111111111 11111111111a ** *1 arn:aws:iam::111111111111:* arn:aws:iam::*:root arn:*:iam::111111111111:root
				arn::iam::111111111111:root arn:aws:iam::11111111111:root arn:aws:iam:x:111111111111:root arn:aws:iam::111111111111:rootx
				arn:aws:iam::111111111111:root/ arn:aws:iam::111111111111:user arn:aws:iam::111111111111:user/ arn:aws:iam::111111111111:user/a/
				arn:aws:iam::111111111111:group/g arn:aws:iam::111111111111:instance-profile/x arn:aws:sts::111111111111:role/r
				arn:aws:iam::111111111111:assumed-role/r/s arn:aws:sts::111111111111:assumed-role/r arn:aws:sts::111111111111:assumed-role//s
				arn:aws:sts::111111111111:assumed-role/r/ arn:aws:sts::111111111111:assumed-role/r/s/t arn:aws:sts::111111111111:federated-user/
				arn:aws:sts::111111111111:federated-user/a/b ARN:aws:iam::111111111111:root arn:aws:iam::111111111111:user/${aws:username}
				lambda.amazonaws.com ana AROA AROAEXAMPLEid BROAEXAMPLEID12 arn:aws:iam::111111111111:user/an?`,
		},
		"Service": {
			valid:   `lambda.amazonaws.com s3.eu-west-1.amazonaws.com LAMBDA.amazonaws.com delivery.logs.amazonaws.com`,
			refused: `* lambda *.amazonaws.com lambda.* .amazonaws.com lambda. a..b lambda_x.amazonaws.com https://a.b 111111111111 ${a.b:c}`,
		},
		"Federated": {
			valid: `cognito-identity.amazonaws.com accounts.google.com www.amazon.com graph.facebook.com idp.example.net
				arn:aws:iam::111111111111:saml-provider/Corp arn:aws:iam::111111111111:oidc-provider/idp.example.net/id/AB12`,
			refused: `* google arn:aws:iam::111111111111:saml-provider arn:aws:iam::111111111111:saml-provider/* arn:aws:iam::1:saml-provider/Corp
				arn:aws:sts::111111111111:saml-provider/Corp arn:aws:iam::111111111111:user/ana arn:aws:iam::111111111111:oidc-provider/${x}
				arn:aws:iam::111111111111:oidc-provider/a? 111111111111`,
		},
		"CanonicalUser": {
			valid:   hex + " " + strings.ToUpper(hex),
			refused: hex[1:] + " " + hex + "0 " + hex[1:] + "g * 111111111111",
		},
	} {
		try := func(value string) error {
			doc := parse(t, `{"Statement": {"Effect": "Allow", "Principal": {"`+name+`": "`+value+`"}, "Action": "sts:AssumeRole"}}`)
			return doc.Validate(policy.Trust, conditions.AWS())
		}
		for _, value := range strings.Fields(c.valid) {
			require.NoError(t, try(value), "%s %s", name, value)
		}
		for _, value := range strings.Fields(c.refused) {
			require.Error(t, try(value), "%s %s", name, value)
		}
		require.Error(t, try(""), name)
		require.Error(t, try(strings.Repeat("a.", 200)+"b"), name)
	}
}

// TestUniqueID tells an identifier of AWS from a name. Source: IAM User Guide,
// "IAM identifiers".
func TestUniqueID(t *testing.T) {
	for s, want := range map[string]bool{
		"AROAEXAMPLEID": true, "AIDA12345678": true, "AROAEXAMPLEI": true, "AROAEXAMPLE": false, "AROAEXAMPLEid": false, "BROAEXAMPLEID": false,
		"AROA-EXAMPLE-ID": false, "": false, "A" + strings.Repeat("A", 127): true, "A" + strings.Repeat("A", 128): false, "AROAEXAMPLEÉD": false,
	} {
		require.Equal(t, want, policy.UniqueID(s), s)
	}
}
