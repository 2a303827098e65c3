package conditions_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestVariables is the table of results of iam-semantics §2.4, with the
// candidate as s3:prefix. Operator is StringLike unless said.
func TestVariables(t *testing.T) {
	for _, c := range []struct {
		operator, pattern, candidate string
		want                         bool
	}{
		{"", "home/${aws:username}/*", "home/ana/x/y", true},
		{"", "home/${aws:username}/*", "home/bob/x/y", false},
		{"", "home/${AWS:UserName}/*", "home/ana/", true},
		{"", "t/${aws:PrincipalTag/team}", "t/red", false},
		{"", "t/${aws:PrincipalTag/team}", "t/r*d", true},
		{"", "t/${aws:PrincipalTag/TEAM}", "t/r*d", true},
		{"", "s/${aws:PrincipalTag/site}", "s/", false},
		{"", "s/${aws:PrincipalTag/site}", "s/${aws:PrincipalTag/site}", false},
		{"", "s/${aws:PrincipalTag/site, 'hq'}", "s/hq", true},
		{"", "s/${aws:PrincipalTag/site, '*'}", "s/zz", false},
		{"", "s/${aws:PrincipalTag/site, '*'}", "s/*", true},
		{"", "s/${aws:PrincipalTag/site, ''}", "s/", true},
		{"", "s/${aws:PrincipalTag/site, 'a b, c'}", "s/a b, c", true},
		{"", "s/${aws:PrincipalTag/empty, 'hq'}", "s/hq", true},
		{"", "s/${aws:PrincipalTag/empty}", "s/", false},
		{"", "k/${aws:TagKeys}", "k/a", false},
		{"", "k/${aws:TagKeys, 'a'}", "k/a", false},
		{"", "5${*}x", "5*x", true},
		{"", "5${*}x", "5zzx", false},
		{"", "5${?}x", "5?x", true},
		{"", "5${?}x", "5zx", false},
		{"", "cost${$}{x}", "cost${x}", true},
		{"", "a$b", "a$b", true},
		{"StringEquals", "a*", "a*", true},
		{"StringEquals", "a*", "ab", false},
		{"StringEquals", "a${*}", "a*", true},
		{"StringEquals", "${aws:username}", "ana", true},
		{"StringEquals", "${aws:username}", "Ana", false},
		{"StringEquals", "x${aws:username}*", "xana*", true},
		{"StringEqualsIgnoreCase", "x${aws:username}", "XANA", true},
		{"StringEqualsIgnoreCase", "x${aws:username}", "XANB", false},
		{"StringEqualsIgnoreCase", "x${aws:username}", "XANAA", false},
		{"StringEqualsIgnoreCase", "x${aws:username}", "XAN", false},
		{"StringEqualsIgnoreCase", "s${aws:PrincipalTag/site}", "s", false},
		{"StringEqualsIgnoreCase", "s${aws:PrincipalTag/site, ''}X", "Sx", true},
		{"StringNotEquals", "${aws:PrincipalTag/site}", "hq", true},
		{"StringNotEquals", "${aws:username}", "ana", false},
	} {
		operator := c.operator
		if operator == "" {
			operator = "StringLike"
		}
		t.Run(operator+" "+c.pattern+" "+c.candidate, func(t *testing.T) {
			x := request(t, []string{"aws:username", "ana"}, []string{"aws:PrincipalTag/team", "r*d"},
				[]string{"aws:TagKeys", "a", "b"}, []string{"aws:PrincipalTag/empty", ""}, []string{"s3:prefix", c.candidate})
			require.Equal(t, truth(c.want), test(t, x, operator, "s3:prefix", c.pattern))
		})
	}
}

// TestVariableUntyped resolves a variable of an untyped key with exactly one
// value that is not empty. Source: choice C2.
func TestVariableUntyped(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   conditions.Truth
	}{
		{"one value", []string{"v"}, conditions.True},
		{"another", []string{"w"}, conditions.False},
		{"empty", []string{""}, conditions.False},
		{"no value", nil, conditions.False},
		{"two values", []string{"v", "v"}, conditions.False},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request(t, append([]string{"app:k"}, c.values...), []string{"s3:prefix", "v"})
			require.Equal(t, c.want, test(t, x, "StringEquals", "s3:prefix", "${app:k}"))
			require.Equal(t, c.want.Not(), test(t, x, "StringNotEquals", "s3:prefix", "${app:k}"))
			want := c.want
			if c.name == "empty" || c.name == "no value" {
				want = conditions.True
			}
			require.Equal(t, want, test(t, x, "StringEquals", "s3:prefix", "${app:k, 'v'}"), "with a default")
		})
	}
}

// TestVariableIndeterminate makes Unknown of the value that reads the key, and
// lets the entry's other values count. Source: choice C1.
func TestVariableIndeterminate(t *testing.T) {
	x := request(t, []string{"s3:prefix", "a"})
	require.NoError(t, x.SetIndeterminate("aws:username"))
	for _, operator := range []string{"StringEquals", "StringLike", "StringEqualsIgnoreCase"} {
		require.Equal(t, conditions.Unknown, test(t, x, operator, "s3:prefix", "${aws:username}"), operator)
		require.Equal(t, conditions.Unknown, test(t, x, operator, "s3:prefix", "b${aws:username}", "c"), operator)
		require.Equal(t, conditions.True, test(t, x, operator, "s3:prefix", "${aws:username}", "a"), operator)
		require.Equal(t, conditions.Unknown, test(t, x, operator, "s3:prefix", "x${aws:PrincipalTag/no}${aws:username}"),
			"%s: indeterminate wins over unresolved", operator)
		require.Equal(t, conditions.Unknown, test(t, x, operator, "s3:prefix", "x${aws:username}${aws:PrincipalTag/no}"), operator)
	}
	require.Equal(t, conditions.Unknown, test(t, x, "StringNotLike", "s3:prefix", "${aws:username}*"))
	require.NoError(t, x.Set("dynamodb:LeadingKeys", "a", "b"))
	require.Equal(t, conditions.Unknown, test(t, x, "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${aws:username}"))
	require.Equal(t, conditions.False, test(t, x, "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${aws:PrincipalTag/no}"))
	require.Equal(t, conditions.False, test(t, x, "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${s3:prefix}"))
	require.NoError(t, x.Set("dynamodb:LeadingKeys", "a", "a"))
	require.Equal(t, conditions.True, test(t, x, "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${s3:prefix}"))
	require.Equal(t, conditions.False, test(t, x, "StringNotEquals", "s3:prefix", "${aws:username}", "a"))
}

// TestVariableRefused holds the exact text of every malformed variable. Source:
// iam-semantics §1.8, §2.2; choice C11.
func TestVariableRefused(t *testing.T) {
	const (
		name     = ": want ${prefix:name} or ${prefix:name, 'default'}"
		fallback = ": want a default in single quotes after one space"
	)
	for _, c := range []struct{ name, text, want string }{
		{"no closing brace", "a${aws:username", `malformed policy variable "${aws:username": no closing }`},
		{"nothing after the dollar", "${", `malformed policy variable "${": no closing }`},
		{"empty", "${}", "malformed policy variable ${}" + name},
		{"a blank in the name", "${aws:user name}", "malformed policy variable ${aws:user name}" + name},
		{"a blank before the name", "${ aws:username}", "malformed policy variable ${ aws:username}" + name},
		{"no prefix", "${username}", "malformed policy variable ${username}" + name},
		{"two wildcards", "${**}", "malformed policy variable ${**}" + name},
		{"no name", "${, 'x'}", "malformed policy variable ${, 'x'}" + name},
		{"a quote in the name", "${aws:u'}", "malformed policy variable ${aws:u'}" + name},
		{"a default without quotes", "${aws:username, x}", "malformed policy variable ${aws:username, x}" + fallback},
		{"a default without a blank", "${aws:username,'x'}", "malformed policy variable ${aws:username,'x'}" + fallback},
		{"a default after two blanks", "${aws:username,  'x'}", "malformed policy variable ${aws:username,  'x'}" + fallback},
		{"a default in double quotes", `${aws:username, "x"}`, `malformed policy variable ${aws:username, "x"}` + fallback},
		{"an unclosed default", "${aws:username, 'x}", "malformed policy variable ${aws:username, 'x}" + fallback},
		{"one quote for a default", "${aws:username, '}", "malformed policy variable ${aws:username, '}" + fallback},
		{"a quote in the default", "${aws:username, 'x'y'}", "malformed policy variable ${aws:username, 'x'y'}" + fallback},
		{"a comma and no default", "${aws:username,}", "malformed policy variable ${aws:username,}" + fallback},
		{"no nesting", "${aws:PrincipalTag/${aws:username}}", "policy variable ${aws:PrincipalTag/${aws:username}: malformed context key \"aws:PrincipalTag/${aws:username\": a name takes no policy variable"},
		{"an unknown key", "${aws:usernam}", `policy variable ${aws:usernam}: unknown context key "aws:usernam"; did you mean "aws:username"?`},
		{"a family without a tag", "${aws:PrincipalTag/}", `policy variable ${aws:PrincipalTag/}: malformed context key "aws:PrincipalTag/": no tag key, want aws:PrincipalTag/<key>`},
		{"nine of them", strings.Repeat("${aws:username}", 9), "malformed pattern: more than 8 policy variables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, operator := range []string{"StringEquals", "StringLike", "StringNotEqualsIgnoreCase", "ArnLike"} {
				key := "aws:PrincipalArn"
				_, faults := conditions.AWS().Compile(operator, key, []string{"arn:aws:iam::1:user/x", "arn:aws:iam::1:user/" + c.text}, true)
				require.Len(t, faults, 1)
				require.Equal(t, conditions.PartValue, faults[0].Part)
				require.Equal(t, 1, faults[0].Index)
				require.EqualError(t, faults[0].Err, c.want)

				_, faults = conditions.AWS().Compile(operator, key, []string{"arn:aws:iam::1:user/" + c.text}, false)
				require.Empty(t, faults, "without variables ${ is ordinary text")
			}
		})
	}
	_, faults := conditions.AWS().Compile("StringLike", "s3:prefix", []string{strings.Repeat("${aws:username}", 8)}, true)
	require.Empty(t, faults, "eight are accepted")
}

// TestLiteralness: a/${k}/* matches s exactly if s begins with a/, the text of
// k, and a slash. Source: iam-semantics §10.4.
func TestLiteralness(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b", "*", "?", "$", "{", "}", "${*}", "${app:k}", "/", ":", "é", "\x00", "'", ", ", "\xff"}
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	like := compile(t, "StringLike", "app:s", "a/${app:k}/*")
	resource, err := conditions.AWS().CompileResource("arn:aws:s3:::a/${app:k}/*", true, true)
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	hits := 0
	const n = 20_000
	for range n {
		v := text(1 + r.IntN(4))
		s := "a/" + text(r.IntN(4)) + "/" + text(r.IntN(3))
		if r.IntN(2) == 0 {
			s = "a/" + v + "/" + text(r.IntN(3))
		}
		x.Reset(nil)
		require.NoError(t, x.Set("app:k", v))
		require.NoError(t, x.Set("app:s", s))
		want := strings.HasPrefix(s, "a/"+v+"/")
		if want {
			hits++
		}
		require.Equal(t, truth(want), like.Test(x, "", ""), "k %q, s %q", v, s)
		require.Equal(t, truth(want), resource.Match("arn:aws:s3:::"+s, x), "k %q, s %q", v, s)
	}
	require.Greater(t, hits, n/4)
	require.Less(t, hits, n*3/4)
}

// TestExplainValues says what was compared: values as written, what they mean,
// and which have no meaning.
func TestExplainValues(t *testing.T) {
	x := request(t, []string{"aws:username", "ana"}, []string{"s3:prefix", "home/ana"})
	c := compile(t, "StringLike", "S3:Prefix", "home/${aws:username}", "x?*${*}", "t/${aws:PrincipalTag/no}", "n/${aws:username}/?/*${s3:prefix}")
	require.Equal(t, conditions.Report{
		Operator: "StringLike", Key: "s3:prefix", Result: conditions.True,
		Request: []string{"home/ana"}, State: conditions.Present,
		Policy:     []string{"home/${aws:username}", "x?*${*}", "t/${aws:PrincipalTag/no}", "n/${aws:username}/?/*${s3:prefix}"},
		Meaning:    []string{"home/ana", "x?*${*}", "t/${aws:PrincipalTag/no}", "n/ana/?/*home/ana"},
		Unresolved: []string{"t/${aws:PrincipalTag/no}"},
	}, c.Explain(x, "", ""))

	r := c.Explain(nil, "", "")
	require.Equal(t, conditions.False, r.Result)
	require.Equal(t, conditions.Absent, r.State)
	require.Empty(t, r.Request)

	require.Equal(t, []string{"aws:PrincipalTag/no"}, c.Missing(nil, x))
	require.Equal(t, []string{"s3:prefix", "aws:username", "aws:PrincipalTag/no"}, c.Missing(nil, nil))
	require.Equal(t, []string{"AWS:UserName", "s3:prefix", "aws:PrincipalTag/no"}, c.Missing([]string{"AWS:UserName"}, nil), "a name stands once")
	require.Equal(t, []string{"s3:prefix"}, compile(t, "StringLike", "s3:prefix", "${aws:TagKeys}").Missing(nil, nil), "a list is never read by a variable")
}
