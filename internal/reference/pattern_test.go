package reference

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Section 2.4: the table of results.
func TestVariables(t *testing.T) {
	context := map[string][]string{
		"aws:username": {"ana"}, "aws:PrincipalTag/team": {"r*d"}, "aws:TagKeys": {"a", "b"},
		"aws:PrincipalTag/empty": {""},
	}
	for _, row := range []struct {
		operator, pattern, candidate string
		want                         truth
	}{
		{"StringLike", "home/${aws:username}/*", "home/ana/x/y", yes},
		{"StringLike", "home/${AWS:UserName}/*", "home/ana/", yes},
		{"StringLike", "home/${aws:username}/*", "home/bob/", no},
		{"StringLike", "t/${aws:PrincipalTag/team}", "t/red", no},
		{"StringLike", "t/${aws:PrincipalTag/team}", "t/r*d", yes},
		{"StringLike", "t/${aws:PrincipalTag/TEAM}", "t/r*d", yes},
		{"StringLike", "s/${aws:PrincipalTag/site}", "s/", no},
		{"StringLike", "s/${aws:PrincipalTag/site}", "s/${aws:PrincipalTag/site}", no},
		{"StringLike", "s/${aws:PrincipalTag/site, 'hq'}", "s/hq", yes},
		{"StringLike", "s/${aws:PrincipalTag/site, '*'}", "s/zz", no},
		{"StringLike", "s/${aws:PrincipalTag/site, '*'}", "s/*", yes},
		{"StringLike", "s/${aws:PrincipalTag/empty, 'hq'}", "s/hq", yes},
		{"StringLike", "s/${aws:PrincipalTag/empty}", "s/", no},
		{"StringLike", "k/${aws:TagKeys}", "k/a", no},
		{"StringLike", "k/${aws:TagKeys, 'a'}", "k/a", no},
		{"StringLike", "5${*}x", "5*x", yes},
		{"StringLike", "5${*}x", "5zzx", no},
		{"StringLike", "5${?}x", "5?x", yes},
		{"StringLike", "5${?}x", "5zx", no},
		{"StringLike", "cost${$}{x}", "cost${x}", yes},
		{"StringEquals", "a*", "a*", yes},
		{"StringEquals", "a*", "ab", no},
		{"StringEquals", "a${*}", "a*", yes},
		{"StringNotEquals", "${aws:PrincipalTag/site}", "x", yes},
		{"StringEqualsIgnoreCase", "${aws:username}", "ANA", yes},
	} {
		context["app:k"] = []string{row.candidate}
		got := asking(context).entry(condition(row.operator, "app:k", row.pattern), true)
		require.Equal(t, row.want, got, "%s %q: %q", row.operator, row.pattern, row.candidate)
	}
}

// Section 1.2: without the version, "${" is ordinary text.
func TestNoVariables(t *testing.T) {
	r := asking(map[string][]string{"app:k": {"${*}"}, "app:l": {"${zzz}"}, "app:m": {"${aws:username}"}})
	require.Equal(t, yes, r.entry(condition("StringEquals", "app:k", "${*}"), false))
	require.Equal(t, yes, r.entry(condition("StringLike", "app:l", "${*}"), false))
	require.Equal(t, yes, r.entry(condition("StringLike", "app:m", "${aws:username}"), false))
	require.Equal(t, no, r.entry(condition("StringEquals", "app:l", "${*}"), true))
	require.Equal(t, no, r.entry(condition("StringLike", "app:l", "${*}"), true))
}

// Section 2.1 and C10: "?" is one code point, and so is an invalid byte.
func TestGlob(t *testing.T) {
	for _, row := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a:/\x00é", true},
		{"?", "", false},
		{"?", "é", true},
		{"??", "é", false},
		{"*??", "€", false},
		{"?", "\xff", true},
		{"?", "\xff\xfe", false},
		{"a*b*c", "abbcbc", true},
		{"a*b*c", "abbcb", false},
		{"[a]\\", "[a]\\", true},
		{"[a]\\", "a", false},
		{"*a*a*a*b", strings.Repeat("a", 2000), false},
		{"*a*a*a*b", strings.Repeat("a", 2000) + "b", true},
	} {
		require.Equal(t, row.want, glob(tokenise(row.pattern, true, true), row.s), "%q %.20q", row.pattern, row.s)
	}
}

// Section 10.4: substituted text is literal.
func TestSubstitutedTextIsLiteral(t *testing.T) {
	for _, v := range []string{"*", "?", "a*", "${aws:username}", "${*}", "\x00", "é", ":", "/", "\xff"} {
		for _, s := range []string{"a/*/x", "a/?/", "a/a*/", "a/ab/x", "a/${aws:username}/", "a/*/", "a/\x00/", "a/é/", "a/:/", "a///", "a/\xff/", "a/\xfe/"} {
			r := asking(map[string][]string{"app:v": {v}, "app:s": {s}})
			want := truthOf(strings.HasPrefix(s, "a/"+v+"/"))
			require.Equal(t, want, r.entry(condition("StringLike", "app:s", "a/${app:v}/*"), true), "%q %q", v, s)
		}
	}
}
