package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestResourcePattern is the table of results and the rules R1 to R10 of
// iam-semantics §1.6. Wide is the reading of a Deny, narrow that of an Allow.
func TestResourcePattern(t *testing.T) {
	const (
		both = iota
		wideOnly
		neither
	)
	for _, c := range []struct {
		name, pattern, candidate string
		want                     int
	}{
		{"the table: a segment star", "arn:aws:dynamodb:*:111111111111:table/Orders", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders", both},
		{"the table: anchored at the end", "arn:aws:dynamodb:*:111111111111:table/Orders", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders/index/ByDay", neither},
		{"the table: slash is ordinary", "arn:aws:dynamodb:*:*:table/Ord*", "arn:aws:dynamodb:eu-west-1:111111111111:table/Orders/index/ByDay", both},
		{"the table: a star takes nothing", "arn:aws:s3:::img/*/raw/*", "arn:aws:s3:::img//raw/", both},
		{"the table: both slashes are wanted", "arn:aws:s3:::img/*/raw/*", "arn:aws:s3:::img/raw/a", neither},
		{"the table: R4, an inner star stays in its segment", "arn:aws:sqs:us-*-1:111111111111:q", "arn:aws:sqs:us-a:b-1:111111111111:q", neither},
		{"R4, its twin within the segment", "arn:aws:sqs:us-*-1:111111111111:q", "arn:aws:sqs:us-a-b-1:111111111111:q", both},
		{"the table: R5, a star at the end of its segment", "arn:aws:sns:us-east-1:*:t", "arn:aws:sns:us-east-1:111111111111:a:t", wideOnly},
		{"R5, its twin within the segment", "arn:aws:sns:us-east-1:*:t", "arn:aws:sns:us-east-1:111111111111:t", both},
		{"the table: case of the resource", "arn:aws:iam::111111111111:user/Bo?", "arn:aws:iam::111111111111:user/bob", neither},
		{"the twin in the right case", "arn:aws:iam::111111111111:user/Bo?", "arn:aws:iam::111111111111:user/Bob", both},

		{"R1: * matches any resource", "*", "arn:aws:s3:::b/k", both},
		{"R1: * matches a request without resource", "*", "*", both},
		{"R2: a wildcard in the partition", "arn:*:s3:::b", "arn:aws-cn:s3:::b", both},
		{"R2: ? in the account", "arn:aws:iam::11111111111?:root", "arn:aws:iam::111111111119:root", both},
		{"R3: a star in the resource takes colons", "arn:aws:sns:us-east-1:111111111111:*t", "arn:aws:sns:us-east-1:111111111111:a:b:t", both},
		{"R3: ? in the resource takes a colon", "arn:aws:sns:us-east-1:111111111111:a?t", "arn:aws:sns:us-east-1:111111111111:a:t", both},
		{"R4: ? in a segment takes no colon", "arn:aws:sqs:u?s:111111111111:q", "arn:aws:sqs:u:s:111111111111:q", neither},
		{"R4: ? in the account takes no colon", "arn:aws:iam::1?1:x", "arn:aws:iam::1:1:x", neither},
		{"R5: a star before the fifth colon", "arn:aws:sqs:us-east-1:*:jobs", "arn:aws:sqs:us-east-1:111111111111:x:jobs", wideOnly},
		{"R5: a star in the partition may run on", "arn:*:s3:::b", "arn:aws:x:s3:::b", wideOnly},
		{"R5: an inner star never runs on", "arn:aws:sqs:us-*1:111111111111:q", "arn:aws:sqs:us-a:1:111111111111:q", neither},
		{"R5: each star by itself", "arn:aws:x:*:*:r", "arn:aws:x:a:b:c:r", wideOnly},
		{"R6: case of the service", "arn:aws:S3:::b", "arn:aws:s3:::b", neither},
		{"R6: case of the region", "arn:aws:sqs:US-EAST-1:111111111111:q", "arn:aws:sqs:us-east-1:111111111111:q", neither},
		{"R7: a wildcard for the resource type is tolerated", "arn:aws:iam::111111111111:*/ana", "arn:aws:iam::111111111111:user/ana", both},
		{"R9: missing parts are *", "arn:aws:s3:*", "arn:aws:s3:::b/k", both},
		{"R9: missing parts are *, of another service", "arn:aws:s3:*", "arn:aws:sqs:::b/k", neither},
		{"R9: missing parts are * behind an account", "arn:aws:dynamodb:us-east-1:11*", "arn:aws:dynamodb:us-east-1:111111111111:table/T", both},
		{"R10: an ARN does not match a request without resource", "arn:aws:s3:::*", "*", neither},
		{"R10: any ARN does not match a request without resource", "arn:*", "*", neither},
		{"choice C13: a leading * is one text", "*:table/T", "arn:aws:dynamodb:us-east-1:111111111111:table/T", both},
		{"choice C13: a leading * is anchored at the end", "*:table/T", "arn:aws:dynamodb:us-east-1:111111111111:table/T2", neither},
		{"nothing else is special", `arn:aws:s3:::b/[a]{b}\.^$`, `arn:aws:s3:::b/[a]{b}\.^$`, both},
		{"a class is no wildcard", "arn:aws:s3:::b/[a]", "arn:aws:s3:::b/a", neither},
		{"? is one code point", "arn:aws:s3:::b/?", "arn:aws:s3:::b/é", both},
		{"? is not two", "arn:aws:s3:::b/?", "arn:aws:s3:::b/ab", neither},
		{"? takes an invalid byte", "arn:aws:s3:::b/?", "arn:aws:s3:::b/\xff", both},
		{"anchored at the start", "arn:aws:s3:::b", "xarn:aws:s3:::b", neither},
		{"empty parts match empty parts", "arn:aws:s3:::b", "arn:aws:s3:us-east-1::b", neither},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				p, err := conditions.AWS().CompileResource(c.pattern, true, wide)
				require.NoError(t, err)
				want := c.want == both || c.want == wideOnly && wide
				require.Equal(t, truth(want), p.Match(c.candidate, nil), "%s wide %v: %s", c.pattern, wide, c.candidate)
				require.Equal(t, c.pattern, p.String())
			}
		})
	}
}

// TestTrailingStarCrossesColons holds the reading that allows less on each
// side: wide in the Resource of a Deny and the NotResource of an Allow.
func TestTrailingStarCrossesColons(t *testing.T) {
	require.False(t, conditions.TrailingStarCrossesColons(false, false), "Resource of an Allow")
	require.True(t, conditions.TrailingStarCrossesColons(true, false), "Resource of a Deny")
	require.True(t, conditions.TrailingStarCrossesColons(false, true), "NotResource of an Allow")
	require.False(t, conditions.TrailingStarCrossesColons(true, true), "NotResource of a Deny")
}

// TestResourceRefused holds the exact text of every refusal of a resource.
func TestResourceRefused(t *testing.T) {
	const pattern, variable = "malformed pattern: ", "malformed policy variable"
	long := "arn:aws:s3:::" + strings.Repeat("a", 4096-len("arn:aws:s3:::"))
	for _, c := range []struct {
		name, text, want string
		err              error
	}{
		{"no ARN", "table/T", pattern + `resource "table/T": want * or arn:partition:service:region:account:resource`, conditions.ErrPattern},
		{"empty", "", pattern + `resource "": want * or arn:partition:service:region:account:resource`, conditions.ErrPattern},
		{"a wildcard first, but no *", "?rn:aws:s3:::b", pattern + `resource "?rn:aws:s3:::b": want * or arn:partition:service:region:account:resource`, conditions.ErrPattern},
		{"R7: a star for the service", "arn:aws:*:::b", pattern + `resource "arn:aws:*:::b": a wildcard in the service part`, conditions.ErrPattern},
		{"R7: a wildcard in the service", "arn:aws:s?:::b", pattern + `resource "arn:aws:s?:::b": a wildcard in the service part`, conditions.ErrPattern},
		{"R7: in a short pattern", "arn:aws:s*", pattern + `resource "arn:aws:s*": a wildcard in the service part`, conditions.ErrPattern},
		{"R8: a variable for the account", "arn:aws:s3::${aws:PrincipalAccount}:b", pattern + `resource "arn:aws:s3::${aws:PrincipalAccount}:b": a policy variable before the fifth colon`, conditions.ErrPattern},
		{"R8: a variable for the region", "arn:aws:s3:${aws:RequestedRegion}:*:b", pattern + `resource "arn:aws:s3:${aws:RequestedRegion}:*:b": a policy variable before the fifth colon`, conditions.ErrPattern},
		{"choice C14: before the first colon of a pattern that starts with *", "*${aws:username}:b", pattern + `resource "*${aws:username}:b": a policy variable before the first colon`, conditions.ErrPattern},
		{"choice C14: with a text before it", "*a${aws:username}:b", pattern + `resource "*a${aws:username}:b": a policy variable before the first colon`, conditions.ErrPattern},
		{"choice C14: and without a colon", "*${aws:username}", pattern + `resource "*${aws:username}": a policy variable before the first colon`, conditions.ErrPattern},
		{"R9: five parts", "arn:aws:s3::b", pattern + `resource "arn:aws:s3::b": fewer than six parts and no * at the end`, conditions.ErrPattern},
		{"R9: a wildcard, but not at the end", "arn:aws:s3:*:b", pattern + `resource "arn:aws:s3:*:b": fewer than six parts and no * at the end`, conditions.ErrPattern},
		{"R9: ? at the end", "arn:aws:s3:?", pattern + `resource "arn:aws:s3:?": fewer than six parts and no * at the end`, conditions.ErrPattern},
		{"a malformed variable", "arn:aws:s3:::b/${aws:username", variable + ` "${aws:username": no closing }`, conditions.ErrVariable},
		{"an unknown key", "arn:aws:s3:::b/${aws:usernam}", `policy variable ${aws:usernam}: unknown context key "aws:usernam"; did you mean "aws:username"?`, conditions.ErrUnknownKey},
		{"too long", long + "a", pattern + "longer than 4096 bytes", conditions.ErrPattern},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				_, err := conditions.AWS().CompileResource(c.text, true, wide)
				require.EqualError(t, err, c.want)
				require.ErrorIs(t, err, c.err)
			}
		})
	}
	_, err := conditions.AWS().CompileResource(long, true, false)
	require.NoError(t, err, "the limit itself is accepted")
}

// TestResourceVariable shows a variable in a resource: literal, unresolved,
// indeterminate. Source: iam-semantics §1.6 R12, §2.5; choice C14.
func TestResourceVariable(t *testing.T) {
	p, err := conditions.AWS().CompileResource("arn:aws:s3:::b/${aws:PrincipalTag/team}/*", true, false)
	require.NoError(t, err)
	require.True(t, p.HasVariables())
	star := request(t, []string{"aws:PrincipalTag/team", "*"})
	require.Equal(t, conditions.True, p.Match("arn:aws:s3:::b/*/x", star))
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::b/red/x", star), "the text of a variable is literal")

	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::b//x", request(t)), "unresolved matches nothing")
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::b/${aws:PrincipalTag/team}/x", request(t)), "nor does its text stay")
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::b//x", nil), "a nil context is an empty one")

	two := request(t, []string{"aws:PrincipalTag/Team", "red"}, []string{"aws:PrincipalTag/TEAM", "blue"})
	require.Equal(t, conditions.Unknown, p.Match("arn:aws:s3:::b/red/x", two), "two tags that differ by case alone")
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::c/red/x", two), "no value could make this match")

	for _, c := range []struct {
		context *conditions.Context
		want    conditions.Truth
	}{{star, conditions.True}, {request(t), conditions.False}, {two, conditions.Unknown}} {
		require.Equal(t, c.want, p.Expandable(c.context))
	}
	free, err := conditions.AWS().CompileResource("*", true, false)
	require.NoError(t, err)
	require.Equal(t, conditions.True, free.Expandable(nil))
	require.True(t, free.Any())
}

// TestResourceWithoutVariables reads ${ as ordinary text in a document of the
// older version, with its wildcards. Source: iam-semantics §1.2.
func TestResourceWithoutVariables(t *testing.T) {
	p, err := conditions.AWS().CompileResource("arn:aws:s3:::notes/${aws:username}/*", false, false)
	require.NoError(t, err)
	ana := request(t, []string{"aws:username", "ana"})
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::notes/ana/x", ana))
	require.Equal(t, conditions.True, p.Match("arn:aws:s3:::notes/${aws:username}/x", ana))
	require.False(t, p.HasVariables())

	p, err = conditions.AWS().CompileResource("arn:aws:s3:::${*}", false, false)
	require.NoError(t, err)
	require.Equal(t, conditions.True, p.Match("arn:aws:s3:::${anything}", nil), "the * inside still is a wildcard")
	require.Equal(t, conditions.False, p.Match("arn:aws:s3:::*", nil))
}
