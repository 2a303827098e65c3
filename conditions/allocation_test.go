package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestNoAllocation holds what a decision does to no memory: a test of every
// operator, a match of every shape of pattern, and a context filled again.
func TestNoAllocation(t *testing.T) {
	v := conditions.AWS()
	x := request(t, []string{"app:k", "a"}, []string{"aws:username", "ana"}, []string{"dynamodb:LeadingKeys", "a", "b"},
		[]string{"aws:PrincipalTag/Team", "red"}, []string{"aws:PrincipalTag/team", "blue"}, []string{"app:late", "arn:aws:s3:::b"})
	zero := func(what string, f func()) {
		t.Helper()
		f()
		require.Zero(t, testing.AllocsPerRun(100, f), what)
	}
	for _, b := range catalogue {
		for _, values := range [][]string{b.hit[:], b.miss[:]} {
			require.NoError(t, x.Set("app:list", values...))
			require.NoError(t, x.Set("app:one", values[0]))
			for _, operator := range []string{b.name, b.name + "IfExists"} {
				c := compile(t, operator, "app:one", b.policy...)
				zero(operator, func() { c.Test(x, "", "") })
			}
			for _, operator := range []string{"ForAllValues:" + b.name, "ForAnyValue:" + b.name} {
				c := compile(t, operator, "app:list", b.policy...)
				zero(operator, func() { c.Test(x, "", "") })
			}
		}
	}
	for _, c := range [][]string{
		{"ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${aws:username}"},
		{"ForAllValues:StringLike", "dynamodb:LeadingKeys", "${aws:username}#*", "${app:k}?*"},
		{"StringEqualsIgnoreCase", "app:k", "${aws:username}"},
		{"StringLike", "app:k", "${aws:PrincipalTag/TEAM}*"},
		{"ArnLike", "app:late", "${app:late}"},
		{"ArnLike", "app:late", "arn:*:${app:k}*"},
		{"Null", "app:k", "true"},
	} {
		condition := compile(t, c[0], c[1], c[2:]...)
		zero(strings.Join(c, " "), func() { condition.Test(x, "", "") })
	}
	for _, pattern := range []string{
		"*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:*", "arn:*:s3:::?/*/x*y",
		"arn:aws:s3:::b/${aws:PrincipalTag/TEAM}/*",
	} {
		p, err := v.CompileResource(pattern, true, true)
		require.NoError(t, err)
		zero(pattern, func() { p.Match("arn:aws:s3:::b/ana/x", x); p.Expandable(x) })
	}
	action, err := conditions.CompileAction("DynamoDB:*Item")
	require.NoError(t, err)
	zero("an action", func() { action.Match("DynamoDB:GetItem", nil) })

	base := request(t, []string{"aws:PrincipalAccount", "111111111111"})
	own := v.NewContext()
	zero("a context", func() {
		own.Reset(base)
		_ = own.Set("aws:username", "ana")
		_ = own.Set("aws:CurrentTime", "2026-03-01T00:00:00Z")
		_ = own.Set("aws:EpochTime", "1772323200")
		_ = own.Set("aws:SourceIp", "203.0.113.1")
		_ = own.Set("aws:SecureTransport", "true")
		_ = own.Set("s3:max-keys", "10")
		_ = own.Set("dynamodb:LeadingKeys", "a", "b", "c")
		_ = own.Set("dynamodb:Attributes")
	})
	require.Len(t, all(own), 9)
}
