package celop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// FuzzCEL: any text is refused or taken; what is taken ends within the cost
// limit, on whatever context, the same way twice, and without a panic.
func FuzzCEL(f *testing.F) {
	for _, text := range []string{
		"request.time.getHours('UTC') < 18 && principal.tags['team'] == context['s3:RequestObjectTag/team'][0]",
		"request.action == 'dynamodb:getitem' || request.resource.startsWith('arn:')",
		"context.exists(k, k.startsWith('aws:') && context[k].all(x, x in ['a', 'b']))",
		"size(principal.tags) > 1 ? principal.tags.team == 'a' : !('team' in principal.tags)",
		"context['dynamodb:Attributes'].map(a, size(a) + 1).filter(n, n > 2) == [3]",
		"int('7') + 1 == 8 && double('1.5') * 2.0 == 3.0 && -1 < 1 - 3 % 2 && string(1) != 'x' && bool('true')",
		"timestamp('2026-11') + duration('1h') > request.time && request.time.getDate('+01:00') == 1",
		"{'a': 1}['a'] == 1 && [1, 2].exists_one(x, x > 1)",
		"principal.userid == 'a' // why\n && true", "'\\u00e9' == \"é\" || r'\\' == '''\n'''",
	} {
		f.Add(text, "aws:PrincipalTag/team", "a", "2026-11-23T05:00:00Z")
	}
	f.Add("true", "aws:SourceIp", "no address", "1")
	c := &compiler{Config: Config{Keys: conditions.AWS(), CostLimit: DefaultCostLimit}}
	var err error
	c.env, err = newEnv(&c.zones)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text, key, value, now string) {
		p, err := c.compile(text)
		if err != nil {
			require.ErrorIs(t, err, ErrExpression)
			require.NotContains(t, err.Error(), "panicked")
			require.Nil(t, p)
			return
		}
		x := conditions.AWS().NewContext()
		for _, set := range []struct {
			key    string
			values []string
		}{{key, []string{value}}, {"aws:CurrentTime", []string{now}}, {"dynamodb:Attributes", []string{value, key, now}}} {
			_ = x.Set(set.key, set.values...) // the fuzzer's values may be of the wrong kind
		}
		ok, err := p.Test(x, value, now)
		again, errAgain := p.Test(x, value, now)
		require.Equal(t, ok, again)
		require.Equal(t, err == nil, errAgain == nil)
		if err != nil {
			require.False(t, ok)
			require.NotContains(t, err.Error(), "internal error", "CEL panicked")
		}
		_, details, err := p.program.Eval(&view{context: x, action: value, resource: now})
		if err == nil {
			require.LessOrEqual(t, *details.ActualCost(), uint64(DefaultCostLimit))
		}
	})
}
