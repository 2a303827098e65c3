package conditions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestActionPattern holds the rules of iam-semantics §1.5 and its example A2.
func TestActionPattern(t *testing.T) {
	for _, c := range []struct {
		name, pattern, action string
		want                  bool
	}{
		{"everything", "*", "iam:GetUser", true},
		{"A2: GetItem", "dynamodb:*Item", "dynamodb:GetItem", true},
		{"A2: BatchGetItem", "dynamodb:*Item", "dynamodb:BatchGetItem", true},
		{"A2: ConditionCheckItem", "dynamodb:*Item", "dynamodb:ConditionCheckItem", true},
		{"A2: Query", "dynamodb:*Item", "dynamodb:Query", false},
		{"A2: case of the request", "dynamodb:*Item", "dynamodb:getitem", true},
		{"case of the policy", "DynamoDB:GETITEM", "dynamodb:GetItem", true},
		{"case of the request's prefix", "iam:Get*", "IAM:getuser", true},
		{"one character", "s3:Get?bject", "s3:GetObject", true},
		{"one character is not none", "s3:Get?Object", "s3:GetObject", false},
		{"a star in the middle", "s3:*Object*", "s3:GetObjectTagging", true},
		{"all of a service", "s3:*", "s3:ListBucket", true},
		{"all of a service, not of a longer one", "s3:*", "s3express:ListBucket", false},
		{"all of a service, not of a shorter one", "s3-object-lambda:*", "s3:GetObject", false},
		{"exact", "s3:GetObject", "s3:GetObject", true},
		{"exact is anchored", "s3:GetObject", "s3:GetObjectAcl", false},
		{"a prefix of the name", "s3:Get*", "s3:PutObject", false},
		{"only ASCII letters fold", "s3:Get\u212a", "s3:GetK", false},
		{"a prefix of digits and hyphens", "az09-x:Get*", "AZ09-x:getIt", true},
		{"a star and a question mark", "s3:*?", "s3:", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := conditions.CompileAction(c.pattern)
			require.NoError(t, err)
			require.Equal(t, truth(c.want), p.Match(c.action, nil))
			require.Equal(t, c.pattern, p.String())
		})
	}
}

// TestActionRefused holds the exact text of every refusal of an action.
func TestActionRefused(t *testing.T) {
	const pattern = "malformed pattern: action "
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `"": want prefix:Name or *`},
		{"no colon", "GetObject", `"GetObject": want prefix:Name or *`},
		{"no name", "s3:", `"s3:": want prefix:Name or *`},
		{"no prefix", ":Get", `":Get": want prefix:Name or *`},
		{"two colons", "s3:Get:Object", `"s3:Get:Object": want prefix:Name or *`},
		{"two stars", "**", `"**": want prefix:Name or *`},
		{"a wildcard for the prefix", "*:GetObject", `"*:GetObject": the service prefix takes letters, digits and hyphens, no wildcard`},
		{"a wildcard in the prefix", "s?:GetObject", `"s?:GetObject": the service prefix takes letters, digits and hyphens, no wildcard`},
		{"a blank in the prefix", "s3 :GetObject", `"s3 :GetObject": the service prefix takes letters, digits and hyphens, no wildcard`},
		{"an underscore in the prefix", "s_3:GetObject", `"s_3:GetObject": the service prefix takes letters, digits and hyphens, no wildcard`},
		{"a blank in the name", "s3:Get Object", `"s3:Get Object": white space or comma in the name`},
		{"a tab in the name", "s3:Get\tObject", `"s3:Get\tObject": white space or comma in the name`},
		{"a comma", "s3:Get,s3", `"s3:Get,s3": white space or comma in the name`},
		{"a variable", "s3:${aws!username}", `"s3:${aws!username}": an action takes no policy variable`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := conditions.CompileAction(c.text)
			require.EqualError(t, err, pattern+c.want)
			require.ErrorIs(t, err, conditions.ErrPattern)
		})
	}
}

// TestPatternParts holds what an index reads of a pattern.
func TestPatternParts(t *testing.T) {
	p, err := conditions.CompileAction("DynamoDB:Get*Item?")
	require.NoError(t, err)
	prefix, whole := p.Prefix()
	require.Equal(t, "dynamodb:get", prefix, "folded")
	require.False(t, whole)
	require.Equal(t, []conditions.Piece{{Text: "dynamodb:get", First: true}, {Text: "item"}}, p.Pieces())
	require.False(t, p.Any())

	p, err = conditions.CompileAction("s3:GetObject")
	require.NoError(t, err)
	prefix, whole = p.Prefix()
	require.Equal(t, "s3:getobject", prefix)
	require.True(t, whole)
	require.Equal(t, []conditions.Piece{{Text: "s3:getobject", First: true, Last: true}}, p.Pieces())

	p, err = conditions.AWS().CompileResource("arn:aws:s3:::b/*/raw", true, false)
	require.NoError(t, err)
	require.Equal(t, []conditions.Piece{{Text: "arn:aws:s3:::b/", First: true}, {Text: "/raw", Last: true}}, p.Pieces())

	var zero conditions.Pattern
	require.Equal(t, conditions.True, zero.Match("", nil), "the zero pattern matches the empty text")
	require.Equal(t, conditions.False, zero.Match("a", nil))
}
