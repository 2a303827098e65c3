package reference

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

// match is how a Resource entry of an Allow or Deny matches.
func match(effect policy.Effect, notResource bool, candidate, action string, context map[string][]string, entries ...string) truth {
	r := asking(context)
	r.q.Resource, r.q.Action = candidate, action
	d := &policy.Document{Version: policy.Text{Value: "2012-10-17"}}
	s := &policy.Statement{Effect: effect, Resource: policy.Element{Not: notResource, Values: texts(entries...)}}
	part, _ := r.resourcePart(d, s)
	return part
}

// Section 1.6: the table of results and R1 to R10. Deny differs from Allow
// only by R5.
func TestResources(t *testing.T) {
	for _, row := range []struct {
		pattern, candidate string
		allow, deny        truth
	}{
		{"arn:aws:dynamodb:*:111111111111:table/Orders", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders", yes, yes},
		{"arn:aws:dynamodb:*:111111111111:table/Orders", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders/index/ByDay", no, no},
		{"arn:aws:dynamodb:*:*:table/Ord*", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders/index/ByDay", yes, yes},
		{"arn:aws:s3:::img/*/raw/*", "arn:aws:s3:::img//raw/", yes, yes},
		{"arn:aws:s3:::img/*/raw/*", "arn:aws:s3:::img/raw/a", no, no},
		{"arn:aws:sqs:us-*-1:111111111111:q", "arn:aws:sqs:us-a:b-1:111111111111:q", no, no},
		{"arn:aws:sns:us-east-1:*:t", "arn:aws:sns:us-east-1:111111111111:a:t", no, yes},
		{"arn:aws:sns:us-east-1:*:t", "arn:aws:sns:us-east-1:111111111111:t", yes, yes},
		{"arn:aws:sns:us-east-1:?:t", "arn:aws:sns:us-east-1:1:a:t", no, no},
		{"arn:aws:sns:us-east-1:111111111111:*t", "arn:aws:sns:us-east-1:111111111111:a:t", yes, yes},
		{"arn:aws:iam::111111111111:user/Bo?", "arn:aws:iam::111111111111:user/bob", no, no},
		{"arn:aws:iam::111111111111:user/Bo?", "arn:aws:iam::111111111111:user/Bob", yes, yes},
		{"*", "arn:aws:s3:::b", yes, yes},
		{"*", "*", yes, yes},
		{"arn:aws:s3:::*", "*", no, no},
		{"**", "*", no, no},
		{"arn:aws:s3:*", "arn:aws:s3:::b/k:l", yes, yes},
		{"arn:aws:s3:*", "arn:aws:sqs:::b", no, no},
		{"arn:aws:sqs:us-*", "arn:aws:sqs:us-east-1:111111111111:q", yes, yes},
		{"arn:aws:sqs:us-*", "arn:aws:sqs:eu-west-1:111111111111:q", no, no},
		{"*:table/*/index/*", "arn:aws:dynamodb:eu-west-1:111111111111:table/T/index/I", yes, yes},
		{"*:table/*/index/*", "arn:aws:dynamodb:eu-west-1:111111111111:table/T", no, no},
	} {
		require.Equal(t, row.allow, match(policy.Allow, false, row.candidate, "app:Read", nil, row.pattern), "allow %v", row)
		require.Equal(t, row.deny, match(policy.Deny, false, row.candidate, "app:Read", nil, row.pattern), "deny %v", row)
		// C13: what an Allow does not cover is as wide as what a Deny covers.
		require.Equal(t, not(row.deny), match(policy.Allow, true, row.candidate, "app:Read", nil, row.pattern), "allow but %v", row)
		require.Equal(t, not(row.allow), match(policy.Deny, true, row.candidate, "app:Read", nil, row.pattern), "deny but %v", row)
	}
	require.Equal(t, yes, match(policy.Allow, false, "*", "S3:ListAllMyBuckets", nil, "arn:aws:s3:::*"))
	require.Equal(t, no, match(policy.Allow, false, "*", "s3:ListAllMyBuckets", nil, "arn:aws:s3:::b*"))
}

// R11 to R13 and C14: variables without a value.
func TestResourceVariables(t *testing.T) {
	const own, other, candidate = "arn:aws:s3:::b/${app:v}/*", "arn:aws:s3:::c/*", "arn:aws:s3:::b/x/y"
	absentKey, several := map[string][]string(nil), map[string][]string{"aws:username": {"x", "y"}}
	const unclear = "arn:aws:s3:::b/${aws:username}/*"
	for _, row := range []struct {
		not     bool
		context map[string][]string
		entries []string
		want    truth
	}{
		{false, map[string][]string{"app:v": {"x"}}, []string{own}, yes},
		{false, map[string][]string{"app:v": {"*"}}, []string{own}, no},
		{false, absentKey, []string{own}, no},
		{false, absentKey, []string{own, "*"}, yes},
		{false, several, []string{unclear}, unknown},
		{false, several, []string{unclear, "*"}, yes},
		{true, map[string][]string{"app:v": {"x"}}, []string{own}, no},
		{true, map[string][]string{"app:v": {"z"}}, []string{own}, yes},
		{true, absentKey, []string{own}, unknown},
		{true, absentKey, []string{own, other}, unknown},
		{true, absentKey, []string{own, "arn:aws:s3:::b/*"}, no},
		{true, several, []string{unclear}, unknown},
	} {
		require.Equal(t, row.want, match(policy.Allow, row.not, candidate, "app:Read", row.context, row.entries...), "%v", row)
	}
	for _, invalid := range []string{"arn:aws:s3", "b", "", "arn:aws:s3::${app:v}:x", "arn:aws:s3:::${v}"} {
		require.Panics(t, func() { match(policy.Allow, false, candidate, "app:Read", nil, invalid) }, invalid)
	}
}

// Section 2.3 and C12: what delimits the parts of an ARN pattern.
func TestARNPatterns(t *testing.T) {
	context := map[string][]string{
		"aws:PrincipalArn": {"arn:aws:iam::111111111111:role/a*"},
		"app:account":      {"111111111111"}, "app:two": {"aws:iam"}, "app:none": {},
	}
	const candidate = "arn:aws:iam::111111111111:role/ab"
	for _, row := range []struct {
		pattern, candidate string
		want               truth
	}{
		{"arn:aws:iam::*:role/a?", candidate, yes},
		{"arn:aws:iam::${app:account}:role/*", candidate, yes},
		{"arn:aws:iam::${app:account}:role/*", "arn:aws:iam::222222222222:role/ab", no},
		{"${aws:PrincipalArn}", candidate, no},
		{"${aws:PrincipalArn}", "arn:aws:iam::111111111111:role/a*", yes},
		{"${aws:PrincipalArn}*", "arn:aws:iam::111111111111:role/a*b", yes},
		{"arn:${app:two}::111111111111:role/ab", candidate, yes},
		{"arn:${app:two}::*:111111111111:role/ab", candidate, no},
		{"${app:account}", candidate, no},
		{"${app:none}", candidate, no},
		{"arn:aws:iam:*", candidate, no},
	} {
		context["aws:SourceArn"] = []string{row.candidate}
		r := asking(context)
		require.Equal(t, row.want, r.entry(condition("ArnLike", "aws:SourceArn", row.pattern), true), "%v", row)
	}
	r := asking(context)
	require.Equal(t, yes, r.entry(condition("ArnNotLike", "aws:SourceArn", "${app:none}"), true))
	require.Equal(t, no, r.entry(condition("ArnNotLike", "aws:SourceArn", "arn:aws:iam:*"), true), "no ARN")
}

// Section 1.5: examples A1 and A2.
func TestActions(t *testing.T) {
	for _, row := range []struct {
		entry, action string
		want          bool
	}{
		{"*", "s3:GetObject", true},
		{"iam:*", "IAM:getuser", true},
		{"iam:*", "sts:AssumeRole", false},
		{"dynamodb:*Item", "dynamodb:BatchGetItem", true},
		{"dynamodb:*Item", "dynamodb:Query", false},
		{"DynamoDB:GetItem", "dynamodb:getitem", true},
		{"s3:Get?bject", "s3:GetObject", true},
		{"s3:k", "s3:\u212a", false},
	} {
		require.Equal(t, row.want, matchAction(row.entry, row.action), "%v", row)
	}
	for _, malformed := range []string{"s3", "s3:", ":Get", "s3:Get Object", "s3:Get,s3:Put", "s*:Get", "s3:a:b"} {
		require.Panics(t, func() { matchAction(malformed, "s3:GetObject") }, malformed)
	}
}
