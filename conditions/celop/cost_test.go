package celop_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
)

func repeated(n int, value string) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = value
	}
	return values
}

// TestCostOverrun: a request larger than the estimate assumed is met by the
// limit that holds while the expression runs. An Allow does not apply, a Deny
// does.
func TestCostOverrun(t *testing.T) {
	v := vocabulary(t, celop.Config{CostLimit: 2000})
	const expression = "context['dynamodb:Attributes'].all(a, a.startsWith('a'))"
	allow := mustCompile(t, v, statement("Allow", object{"a": expression}))
	deny := mustCompile(t, v, allowAll, statement("Deny", object{"a": "!" + expression}))

	small := request(t, v, keys{"dynamodb:Attributes": repeated(100, "a")})
	require.Equal(t, engine.Allowed, allow.Decide(small).Outcome)
	require.Equal(t, engine.Allowed, deny.Decide(small).Outcome)

	large := request(t, v, keys{"dynamodb:Attributes": repeated(1000, "a")})
	require.Equal(t, engine.ImplicitDeny, allow.Decide(large).Outcome)
	require.Equal(t, engine.ExplicitDeny, deny.Decide(large).Outcome)
	report := allow.Explain(large).Looked[0].Conditions[0]
	require.ErrorIs(t, report.Err, celop.ErrCostLimit)
	require.EqualError(t, report.Err, "cost limit exceeded: more than 2000")
}

// TestEstimate: the same expression is refused under a limit that it may
// exceed and taken under one that it may not.
func TestEstimate(t *testing.T) {
	const expression = "context.all(k, context[k].all(x, x != ''))"
	_, err := compile(t, vocabulary(t, celop.Config{CostLimit: 1000}), statement("Allow", object{"a": expression}))
	require.ErrorIs(t, err, celop.ErrExpression)
	require.ErrorContains(t, err, "the limit is 1000")
	_, err = compile(t, vocabulary(t, celop.Config{}), statement("Allow", object{"a": expression}))
	require.NoError(t, err)
}

// TestLongInputs: what a requester sends is bounded before it is read.
func TestLongInputs(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	fits := keys{"aws:PrincipalTag/team": {strings.Repeat("x", 16<<10)}, "dynamodb:LeadingKeys": repeated(1000, "x")}
	for _, expression := range []string{
		"principal.tags.team == ''", "!('aws:PrincipalTag/team' in context)", "!('team' in principal.tags)", "size(principal.tags) == 0", "principal.tags.team in ['a', 'b']",
		"context['dynamodb:LeadingKeys'] == ['x']",
	} {
		require.NoError(t, errOf(t, v, expression, fits), expression)
	}
	tooLong := keys{"aws:PrincipalTag/team": {strings.Repeat("x", 16<<10+1)}}
	for _, expression := range []string{
		"principal.tags.team == ''", "!('aws:PrincipalTag/team' in context)", "!('team' in principal.tags)", "size(principal.tags) == 0", "size(context) == 0",
	} {
		require.ErrorContains(t, errOf(t, v, expression, tooLong), "a text of more than 16384 bytes", expression)
	}
	tooMany := keys{"dynamodb:LeadingKeys": repeated(1001, "x")}
	require.ErrorContains(t, errOf(t, v, "context['dynamodb:LeadingKeys'] == ['x']", tooMany), "more than 1000 values")
	require.ErrorContains(t, errOf(t, v, "size(context) == 0", tooMany), "more than 1000 values")

	op, err := celop.New(celop.Config{})
	require.NoError(t, err)
	p, err := op.Compile("request.resource != '' && request.action != ''")
	require.NoError(t, err)
	_, err = p.Test(v.NewContext(), "a:b", strings.Repeat("r", 16<<10+1))
	require.Error(t, err)
	_, err = p.Test(v.NewContext(), "a:"+strings.Repeat("b", 16<<10), "*")
	require.Error(t, err)
	ok, err := p.Test(v.NewContext(), "a:b", "*")
	require.NoError(t, err)
	require.True(t, ok)
}

// TestTimeIsBounded: no request makes an expression that was taken run long.
// The limit is high so that some of these are taken at all.
func TestTimeIsBounded(t *testing.T) {
	v := vocabulary(t, celop.Config{CostLimit: 5 * celop.DefaultCostLimit})
	distinct := make([]string, 1000)
	for i := range distinct {
		distinct[i] = "a" + strconv.Itoa(i)
	}
	for _, expression := range []string{
		"context['dynamodb:Attributes'].all(x, x == 'a' || true)",
		"context['dynamodb:Attributes'].all(x, !(x in context) || true)",
		"context['dynamodb:Attributes'].all(x, !(x in principal.tags) || true)",
		"context['dynamodb:Attributes'].all(x, size(x) >= 0)",
		"context['dynamodb:Attributes'].all(x, !x.contains('zzzzzzzzzzzz'))",
		"context['dynamodb:Attributes'].all(x, context['dynamodb:Attributes'].all(y, x == y || true))",
		"context['dynamodb:Attributes'].map(x, x + x + x) != []",
		"context['dynamodb:Attributes'].map(x, x + x).map(x, x + x).map(x, x + x).filter(x, x != x) == []",
		"context['dynamodb:Attributes'].all(x, context['dynamodb:LeadingKeys'] == context['dynamodb:Attributes'])",
		"context['dynamodb:Attributes'].all(x, request.time.getHours('Europe/Berlin') == 6)",
		"context['dynamodb:Attributes'].all(x, int(x) > 0 || true)",
	} {
		e := mustCompile(t, v, allowAll, statement("Deny", object{"a": "!" + "(" + expression + ")"}))
		for _, values := range [][]string{repeated(1000, strings.Repeat("é", 8<<10)), repeated(1000, "aws:PrincipalIsAWSServicf"), distinct} {
			r := request(t, v, keys{"aws:CurrentTime": {"2026-11-23T05:00:00Z"}, "dynamodb:Attributes": values, "dynamodb:LeadingKeys": values})
			begin := time.Now()
			e.Decide(r)
			require.Less(t, time.Since(begin), 30*time.Second, expression)
		}
	}
}
