package celop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
)

var benchmarks = []struct{ name, expression string }{
	{"constant", "true"},
	{"tag", "principal.tags['team'] == 'red'"},
	{"hours", "request.time.getHours('Europe/Berlin') < 18"},
	{"sample", "request.time.getHours('UTC') < 18 && principal.tags['team'] == context['s3:RequestObjectTag/team'][0]"},
	{"attributes", "context['dynamodb:Attributes'].all(a, a in ['UserId', 'GameTitle', 'TopScore', 'Wins', 'Losses'])"},
}

// BenchmarkDecide is a decision of a policy with one statement, whose
// condition is an expression.
func BenchmarkDecide(b *testing.B) {
	v := vocabulary(b, celop.Config{})
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			e := mustCompile(b, v, statement("Allow", object{"a": bench.expression}))
			r := request(b, v, morning)
			require.Equal(b, engine.Allowed, e.Decide(r).Outcome)
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(r)
			}
		})
	}
}

// BenchmarkCompile is the time to load an expression.
func BenchmarkCompile(b *testing.B) {
	op, err := celop.New(celop.Config{})
	require.NoError(b, err)
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := op.Compile(bench.expression)
				require.NoError(b, err)
			}
		})
	}
}
