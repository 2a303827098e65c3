package celop_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions/celop"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// refused are expressions that no policy may have.
var refused = []string{
	// Not CEL.
	"", " ", "1 +", "a b", "'open", "((true)", "true)", "request.time <", "f(", "\x00", "// only a comment", "true;", "🌳",
	// Not a bool.
	"1", "'true'", "request.time", "principal.tags", "[true]", "true ? 1 : 2",
	// Not there.
	"user == 'x'", "principal.roles == 'x'", "principal == 'x'", "request.ip == 'x'", "request['action'] == 'x'", "context.foo == []", "Context == {}",
	"now() > request.time", "principal.arn.matches('a+')", "has(principal.tags.team)", "dyn(1) == 1", "type(1) == int", "request.time.getHours(1) == 1",
	// Of other types than it seems.
	"1 == 'a'", "principal.tags['a'] == ['a']", "context['aws:username'] == 'ann'", "[1, 'a'] == [1]", "{'a': 1, 'b': 'x'} == {}", "principal.arn && true",
	"null == null", "1u == 1u", "b'a' == b'a'", "1 < 2.0", "int == int",
	"google.protobuf.BoolValue{value: true}", "google.protobuf.Timestamp{seconds: 1} < request.time",
	// Context keys that no request can have.
	"context['aws:SrcIp'][0] == 'x'", "'aws:PrincipalTags/team' in context", "context['username'] == []", "context['aws:PrincipalTag/'] == []", "context['dynamodb:LeadingKey'].all(k, k == 'x')",
	// What could never match.
	"request.action == 'dynamodb:GetItem'", "request.action in ['s3:getobject', 's3:PutObject']", "'Get' in [request.action]", "request.action.startsWith('dynamodb:Get') || request.action.endsWith('Item')",
	"principal.arn == '${aws:PrincipalArn}'", "true ||\n  principal.username == 'a${*}'",
	// Time zones and dates.
	"request.time.getHours('Mars/Olympus') < 18", "request.time.getHours('Local') < 18", "request.time.getHours('') < 18", "request.time.getHours('../UTC') < 18",
	"request.time.getHours('+25:00') < 18", "request.time.getHours('2:00') < 18", "request.time.getHours(principal.tags['zone']) < 18",
	"request.time < timestamp('tomorrow')", "request.time < timestamp(2027)", "request.time - request.time < duration('1 day')",
	// Values that are small to build and endless to compare.
	"[[1]] == [[1]]", "[1].map(x, [x, x]) == []", "{'a': {'b': 1}} == {}", "[1] + [2] == []", "[context] == []", "(true ? context : context) == {}",
	"context == context", "principal.tags == {'team': 'red'}", "{'team': 'red'} != principal.tags",
	// Names that are taken.
	"[1].all(context, context == 1)", "[1].all(request, request == 1)", "['a'].exists(principal, principal == 'a')",
	// Too much.
	strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60),
	"[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, a == e)))))",
	"context.all(a, context.all(b, a == b || context[a] != context[b]))",
	"context['dynamodb:Attributes'].all(a, context['dynamodb:Attributes'].all(b, (a + b).contains(b + a)))",
	"true || " + strings.Repeat(" ", 4096),
	strings.Repeat("1 + ", 300) + "1 == 301",
	strings.Repeat("\u00e9", 2049),
	"'\xff' == ''",
	// Several faults at once, in order.
	"tenant == 'x' &&\n  department == 'y' || request.action == 'A:B'",
	strings.Repeat("@ ", 40),
}

// TestRefused holds the messages to a golden file.
func TestRefused(t *testing.T) {
	op, err := celop.New(celop.Config{})
	require.NoError(t, err)
	var b strings.Builder
	for _, text := range refused {
		_, err := op.Compile(text)
		require.ErrorIs(t, err, celop.ErrExpression, "%.200q", text)
		require.NotContains(t, err.Error(), "\n")
		if len(text) > 200 {
			text = text[:200] + "…"
		}
		fmt.Fprintf(&b, "%+q\n\t%s\n", text, err)
	}
	const golden = "testdata/refused.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

// TestHostileTexts: a text within the limit of size is answered soon, whatever
// it makes of the parser.
func TestHostileTexts(t *testing.T) {
	op, err := celop.New(celop.Config{})
	require.NoError(t, err)
	for _, part := range []string{
		"(", "[", "{", "!", "-", "a?", "a.", "a[", "'", "x.map(y,", "1+", "a?b:", "{1:", "f(", "a&&", "-1-", "--1", "-a.b[-1]",
		"[1].map(x,x+x).map(x,", "\"\"\"", "1 in ", "@", "\\", "\n", "é", "a==b!=", "1-1*1/1%-",
	} {
		text := strings.Repeat(part, celop.MaxExpression/len(part))
		begin := time.Now()
		_, err := op.Compile(text)
		require.ErrorIs(t, err, celop.ErrExpression, "%q", part)
		require.Less(t, time.Since(begin), 30*time.Second, "%q", part)
		require.Less(t, len(err.Error()), 4096)
	}
}

// TestConfig refuses what would take the limits away.
func TestConfig(t *testing.T) {
	_, err := celop.New(celop.Config{CostLimit: celop.MaxCostLimit + 1})
	require.Error(t, err)
	_, err = celop.New(celop.Config{CostLimit: celop.MaxCostLimit})
	require.NoError(t, err)
}
