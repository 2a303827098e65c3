package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
	"github.com/rowan-authz/rowan/policy/lint"
)

// found is what Check finds in a document, one finding a line.
func found(doc *policy.Document, kind policy.Kind) (lines []string) {
	for _, f := range lint.Check(doc, kind, lint.Options{}) {
		if f.Severity > lint.Suggestion && f.Code != "invalid" { // the texts below are about other faults
			lines = append(lines, f.Code+": "+f.Error.Error())
		}
	}
	return lines
}

func parse(t *testing.T, text string) *policy.Document {
	t.Helper()
	doc, err := policy.Parse("p.json", []byte(text))
	require.NoError(t, err)
	return doc
}

// TestLint finds lawful writing that does not mean what it says, in source
// order, and lets its neighbours pass.
func TestLint(t *testing.T) {
	require.Equal(t, []string{
		`character: p.json:2:44: /Statement/0/NotAction: character U+0001: IAM stores U+0020 to U+00FF, tab and line ends`,
		`variable-without-version: p.json:2:74: /Statement/0/NotResource: "${" is ordinary text here: policy variables need "Version": "2012-10-17"`,
		`character: p.json:2:95: /Statement/0/NotResource: character U+0100: IAM stores U+0020 to U+00FF, tab and line ends`,
		`variable-without-version: p.json:3:71: /Statement/1/Resource: "${" is ordinary text here: policy variables need "Version": "2012-10-17"`,
	}, found(parse(t, `{"Statement": [
		{"Effect": "Deny", "NotAction": ["s3:*", "a:\u0001b"], "NotResource": ["arn:aws:s3:::${x}", "arn:aws:s3:::\u0100\u0101", "arn:aws:s3:::ÿ\t\n\r"]},
		{"Condition": {"Null": {"aws:username": "true"}}, "Resource": ["*", "${"], "Effect": "Deny", "Action": "s3:${x}"}
	]}`), policy.Identity))

	doc := parse(t, `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
		"StringEquals": {"app:k": "${aws:username}", "aws:username": "a"},
		"ForAllValues:StringEquals": {"aws:username": "a", "aws:TagKeys": ["a", "\u2028"], "idp.example.net:email": "x", "idp.example.net:amr": "y"},
		"Null": {"app:k": "true", "aws:TagKeys": "false"}}}}`)
	require.NoError(t, doc.Validate(policy.Identity, conditions.AWS()))
	require.Equal(t, []string{
		`pass-role-any: p.json:1:62: /Statement/0/Resource: iam:PassRole on every role`,
		`service-linked-role-any: p.json:1:62: /Statement/0/Resource: iam:CreateServiceLinkedRole for every service`,
		`unknown-key: p.json:2:20: /Statement/0/Condition/StringEquals/app:k: context key "app:k" is not known: taken as text`,
		`variable-without-version: p.json:2:29: /Statement/0/Condition/StringEquals/app:k: "${" is ordinary text here: policy variables need "Version": "2012-10-17"`,
		`quantifier-on-single-value: p.json:3:3: /Statement/0/Condition/ForAllValues:StringEquals/aws:username: aws:username has one value: a quantifier makes an absent key pass or fail by itself`,
		`null-guard: p.json:3:3: /Statement/0/Condition/ForAllValues:StringEquals/idp.example.net:amr: a request without idp.example.net:amr passes`,
		`character: p.json:3:75: /Statement/0/Condition/ForAllValues:StringEquals/aws:TagKeys: character U+2028: IAM stores U+0020 to U+00FF, tab and line ends`,
		`unknown-key: p.json:3:86: /Statement/0/Condition/ForAllValues:StringEquals/idp.example.net:email: context key "idp.example.net:email" is not known: taken as text`,
		`unknown-key: p.json:4:12: /Statement/0/Condition/Null/app:k: context key "app:k" is not known: taken as text`,
	}, found(doc, policy.Identity))

	clean := parse(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}/é", "Condition": {
		"StringEquals": {"aws:username": "${aws:userid}"}, "ForAnyValue:StringLike": {"aws:TagKeys": "a*"}}}}`)
	require.Empty(t, found(clean, policy.Identity))
}

// TestLimits compares documents of the very size of each limit, and one
// character more. Source: iam-semantics §1.8.
func TestLimits(t *testing.T) {
	for kind, limit := range map[policy.Kind]int{
		policy.Identity: 6144, policy.Boundary: 6144, policy.Session: 2048, policy.Endpoint: 20480, policy.Resource: 20480,
		policy.Trust: 2048, policy.ServiceControl: 10240, policy.ResourceControl: 5120,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			blanks := kind == policy.Endpoint || kind == policy.ServiceControl || kind == policy.ResourceControl
			counted := "characters without white space"
			if blanks {
				counted = "characters"
			}
			// é has two bytes and is one character; white space in a text counts.
			const start, end = `{"Id":"é `, `","Statement":{"Effect":"Deny","Action":"*"}}`
			fill := strings.Repeat("x", limit-len([]rune(start+end)))
			require.Empty(t, found(parse(t, start+fill+end), kind))
			over := fmt.Sprintf("policy-size: p.json: %d %s: the limit of %s policies is %d", limit+1, counted, kind, limit)
			require.Equal(t, []string{over}, found(parse(t, start+fill+"x"+end), kind))

			spaced := parse(t, start+fill+strings.Replace(end, ":{", ": {", 1))
			if blanks {
				require.Equal(t, []string{over}, found(spaced, kind))
			} else {
				require.Empty(t, found(spaced, kind))
			}
			lines := parse(t, "\r\n\t "+start+fill+end+" \n")
			require.Equal(t, blanks, len(found(lines, kind)) > 0)
		})
	}
}

// TestLintIsBounded reports no more than so many findings.
func TestLintIsBounded(t *testing.T) {
	doc := parse(t, `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": [`+strings.Repeat(`"arn:aws:s3:::${",`, 600)+`"*"]}}`)
	require.Len(t, lint.Check(doc, policy.Identity, lint.Options{}), lint.MaxFindings)
}

// TestLikelyKind: who lints one file does not say what it is attached to.
func TestLikelyKind(t *testing.T) {
	for text, want := range map[string]policy.Kind{
		`{"Statement": [{"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}, {"Sid": "a", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}`: policy.Identity,
		`{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}}`:                                                                         policy.Resource,
		`{"Statement": {"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "sts:AssumeRoleWithWebIdentity"}}`:                             policy.Trust,
	} {
		require.Equal(t, want, lint.LikelyKind(parse(t, text), nil), text)
	}
}
