package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestARNOperators compares ARNs part by part; ArnEquals is ArnLike. Source:
// iam-semantics §2.3, §3.5; choices C5, C12.
func TestARNOperators(t *testing.T) {
	const source = "aws:SourceArn"
	for _, c := range []struct {
		name, pattern, value string
		want                 bool
	}{
		{"§3.5: a wildcard in the last part", "arn:aws:iam::*:role/app-*", "arn:aws:iam::111111111111:role/app-a/b", true},
		{"§3.5: the account cannot be shifted", "arn:aws:sns:*:111111111111:t", "arn:aws:sns:us-east-1:222222222222:x:111111111111:t", false},
		{"§8 #18: nor by a trailing star", "arn:aws:sns:*:111111111111:*", "arn:aws:sns:eu-west-1:222222222222:111111111111:t", false},
		{"its twin", "arn:aws:sns:*:111111111111:*", "arn:aws:sns:eu-west-1:111111111111:t", true},
		{"the last part takes colons", "arn:aws:sns:*:111111111111:*", "arn:aws:sns:eu-west-1:111111111111:a:b", true},
		{"? stays in its part", "arn:aws:sns:u?s:111111111111:t", "arn:aws:sns:u:s:111111111111:t", false},
		{"? takes a colon in the last part", "arn:aws:sns:us:111111111111:a?b", "arn:aws:sns:us:111111111111:a:b", true},
		{"case", "arn:aws:iam::111111111111:role/App", "arn:aws:iam::111111111111:role/app", false},
		{"a wildcard in the partition", "arn:*:iam::111111111111:role/app", "arn:aws-cn:iam::111111111111:role/app", true},
		{"a wildcard in the service", "arn:aws:s*:::b", "arn:aws:s3:::b", true},
		{"every part", "arn:*:*:*:*:*", "arn:aws:s3:::b", true},
		{"a variable for the account", "arn:aws:iam::${app:acct}:role/r", "arn:aws:iam::111111111111:role/r", true},
		{"a variable with colons cannot shift", "arn:aws:iam::${app:colons}:role/r", "arn:aws:iam::1:2:role/r", false},
		{"a variable with colons in the last part", "arn:aws:iam::1:${app:colons}", "arn:aws:iam::1:1:2", true},
		{"a variable's text is literal", "arn:aws:iam::1:role/${app:star}", "arn:aws:iam::1:role/r", false},
		{"a variable's text is literal, and matches itself", "arn:aws:iam::1:role/${app:star}", "arn:aws:iam::1:role/*", true},
		{"late: the whole ARN", "${aws:PrincipalArn}", "arn:aws:iam::111111111111:role/app", true},
		{"late: another ARN", "${aws:PrincipalArn}", "arn:aws:iam::111111111111:role/apple", false},
		{"late: the whole ARN and more", "${aws:PrincipalArn}/*", "arn:aws:iam::111111111111:role/app/x", true},
		{"late: a start and an ARN's end", "arn:aws:${app:rest}", "arn:aws:sqs:us:1:q", true},
		{"late: wildcards before the text", "arn:*:${app:rest}", "arn:aws:sqs:us:1:q", true},
		{"late: a wildcard stays in its part", "arn:*:${app:rest}", "arn:aws:x:sqs:us:1:q", false},
		{"late: a wildcard behind the fifth colon takes colons", "arn:aws:${app:rest}*", "arn:aws:sqs:us:1:q:r", true},
		{"late: ? in a part", "arn:aw?:${app:rest}", "arn:aws:sqs:us:1:q", true},
		{"late: too few parts", "arn:aws:${app:acct}", "arn:aws:111111111111:::x", false},
		{"late: a wildcard for arn", "*${app:late}", "arn:aws:iam::111111111111:role/app", false},
		{"late: not an ARN", "x${aws:PrincipalArn}", "arn:aws:iam::111111111111:role/app", false},
		{"late: unresolved", "${app:none}", "arn:aws:iam::111111111111:role/app", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request(t, []string{source, c.value}, []string{"app:acct", "111111111111"}, []string{"app:colons", "1:2"},
				[]string{"app:star", "*"}, []string{"app:rest", "sqs:us:1:q"}, []string{"app:late", ":aws:iam::111111111111:role/app"},
				[]string{"aws:PrincipalArn", "arn:aws:iam::111111111111:role/app"})
			for _, operator := range []string{"ArnLike", "ArnEquals"} {
				require.Equal(t, truth(c.want), test(t, x, operator, source, c.pattern), operator)
				require.Equal(t, truth(c.want), test(t, x, "ForAnyValue:"+operator+"IfExists", source, c.pattern), operator)
			}
			for _, operator := range []string{"ArnNotLike", "ArnNotEquals"} {
				require.Equal(t, truth(!c.want), test(t, x, operator, source, c.pattern), operator)
			}
		})
	}
}

// TestARNStringTwin shows why there are two families: StringLike sees one text.
func TestARNStringTwin(t *testing.T) {
	x := request(t, []string{"aws:SourceArn", "arn:aws:sns:us-east-1:222222222222:x:111111111111:t"})
	require.Equal(t, conditions.False, test(t, x, "ArnLike", "aws:SourceArn", "arn:aws:sns:*:111111111111:t"))
	require.Equal(t, conditions.True, test(t, x, "StringLike", "aws:SourceArn", "arn:aws:sns:*:111111111111:t"))
	require.Equal(t, conditions.False, test(t, x, "StringEquals", "aws:SourceArn", "arn:aws:sns:*:111111111111:t"))
}

// TestARNValue: what has fewer than six parts, or does not begin with arn, is
// no ARN; comparing it is neither true nor false. Source: choices C1, C5.
func TestARNValue(t *testing.T) {
	for _, value := range []string{"", "arn:aws:s3::b", "arn:aws:s3", "ARN:aws:s3:::b", "xarn:aws:s3:::b", "b", "*"} {
		x := conditions.AWS().NewContext()
		require.ErrorIs(t, x.Set("aws:SourceArn", value), conditions.ErrValue, value)
		require.NoError(t, x.Set("app:arn", value))
		require.NoError(t, x.Set("aws:FederatedProvider", value))
		for _, operator := range []string{"ArnLike", "ArnNotLike", "ForAllValues:ArnLike", "ForAnyValue:ArnNotEquals"} {
			for _, key := range []string{"aws:SourceArn", "app:arn", "aws:FederatedProvider"} {
				require.Equal(t, conditions.Unknown, test(t, x, operator, key, "arn:*:*:*:*:*"), "%s %s %q", operator, key, value)
			}
		}
	}
	require.NoError(t, conditions.AWS().NewContext().Set("aws:SourceArn", "arn:::::"))
}

// TestARNRefused holds the exact text of every refusal of an ARN pattern.
func TestARNRefused(t *testing.T) {
	const pattern = "malformed pattern: "
	for _, c := range []struct{ name, text, want string }{
		{"too few parts", "arn:aws:s3", pattern + `ARN "arn:aws:s3": want six parts, arn:partition:service:region:account:resource`},
		{"a star is no ARN", "*", pattern + `ARN "*": want six parts, arn:partition:service:region:account:resource`},
		{"a short pattern that ends in a star", "arn:aws:s3:*", pattern + `ARN "arn:aws:s3:*": want six parts, arn:partition:service:region:account:resource`},
		{"empty", "", pattern + `ARN "": want six parts, arn:partition:service:region:account:resource`},
		{"first part", "arm:aws:s3:::b", pattern + `ARN "arm:aws:s3:::b": the first part is not arn`},
		{"case of the first part", "ARN:aws:s3:::b", pattern + `ARN "ARN:aws:s3:::b": the first part is not arn`},
		{"a wildcard for the first part", "*:aws:s3:::b", pattern + `ARN "*:aws:s3:::b": the first part is not arn`},
		{"a wildcard in the first part", "arn*:aws:s3:::b", pattern + `ARN "arn*:aws:s3:::b": the first part is not arn`},
		{"a variable for the first part", "${app:k}:aws:s3:::b", pattern + `ARN "${app:k}:aws:s3:::b": the first part is not arn`},
		{"late with too much in it", "${app:k}" + strings.Repeat("*a", 12), pattern + `ARN "${app:k}` + strings.Repeat("*a", 12) + `": more than 24 wildcards and policy variables`},
		{"too long", "arn:aws:s3:::" + strings.Repeat("a", 4096), pattern + "longer than 4096 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, operator := range []string{"ArnLike", "ArnNotEqualsIfExists"} {
				_, faults := conditions.AWS().Compile(operator, "aws:SourceArn", []string{c.text}, true)
				require.Len(t, faults, 1)
				require.EqualError(t, faults[0].Err, c.want)
				require.ErrorIs(t, faults[0].Err, conditions.ErrPattern)
			}
		})
	}
	compile(t, "ArnLike", "aws:SourceArn", "${app:k}"+strings.Repeat("*a", 11)+"*")
}
