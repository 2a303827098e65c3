package conditions_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// FuzzPattern asks the matcher and the naive one of naive_test.go the same
// questions, in every place where patterns stand.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][3]string{
		{"home/${app:k}/*", "home/*/x", "*"},
		{"*a*a*a*a*b", strings.Repeat("a", 40), ""},
		{"arn:aws:sns:us-east-1:*:t", "arn:aws:sns:us-east-1:111111111111:a:t", ""},
		{"arn:aws:sqs:us-*-1:1?1:q*:?", "arn:aws:sqs:us-a:b-1:111:qq:é", ""},
		{"arn:aws:x:*:*:r*", "arn:aws:x:a:b:c:r:r", ""},
		{"arn:aws:s3:*", "arn:aws:s3:::b", ""},
		{"arn:*:${app:k}*", "arn:aws:sqs:us:1:q:r", "sqs:us:1:q"},
		{"arn:aws:iam::${app:k}:role/${app:k}", "arn:aws:iam::1:2:role/1:2", "1:2"},
		{"${app:k}", "arn:aws:iam::1:role/r", "arn:aws:iam::1:role/r"},
		{"*:${app:k, 'x'}?", "a:x\xff", ""},
		{"s3:Get*?ct", "S3:GETobjeCT", ""},
		{"*${app:k}*", "é", "\xa9"},
		{"5${*}${?}${$}{x}*?", "5*?${x}é", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	v := conditions.AWS()
	f.Fuzz(func(t *testing.T, pattern, s, text string) {
		if len(pattern) > 300 || len(s) > 2000 || len(text) > 300 || !utf8.ValidString(pattern) {
			return // the naive matcher is slow, and a parser lets no invalid text pass
		}
		x := v.NewContext()
		require.NoError(t, x.Set("app:k", text))
		require.NoError(t, x.Set("app:s", s))
		value, ok := text, text != ""
		if !ok {
			value = "x" // only of the pattern with a default
		}
		pieces, known := naivePieces(pattern, value)
		known = known && (ok || !strings.Contains(strings.ToLower(strings.ReplaceAll(pattern, "${app:k, 'x'}", "")), "${app:k}"))

		for _, operator := range []string{"StringLike", "ArnLike"} {
			c, faults := v.Compile(operator, "app:s", []string{pattern}, true)
			if got := c.Test(x, "", ""); len(faults) == 0 && known {
				want := truth(naiveMatch(pieces, s))
				if operator == "ArnLike" {
					want = truth(naiveARN(pieces, s))
					if !strings.HasPrefix(s, "arn:") || strings.Count(s, ":") < 5 {
						want = conditions.Unknown
					}
				}
				require.Equal(t, want, got, "%s %q %q %q", operator, pattern, s, text)
			}
		}
		for _, wide := range []bool{false, true} {
			p, err := v.CompileResource(pattern, true, wide)
			if got := p.Match(s, x); err == nil && known {
				require.Equal(t, truth(naiveResource(pieces, s, wide)), got, "wide %v: %q %q %q", wide, pattern, s, text)
			}
		}
		p, err := conditions.CompileAction(pattern)
		if got := p.Match(s, nil); err == nil {
			plain, _ := naivePieces(pattern, "")
			require.Equal(t, truth(naiveAction(plain, s)), got, "action %q %q", pattern, s)
		}
	})
}

// texts returns every text of the alphabet of at most n letters.
func texts(alphabet string, n int) []string {
	out := []string{""}
	for from := 0; n > 0; n-- {
		to := len(out)
		for _, s := range out[from:to] {
			for _, c := range alphabet {
				out = append(out, s+string(c))
			}
		}
		from = to
	}
	return out
}

// TestPatternExhaustive matches every short pattern with every short text.
func TestPatternExhaustive(t *testing.T) {
	v := conditions.AWS()
	candidates := texts("a:", 6)
	x := v.NewContext()
	matched, asked := 0, 0
	for _, tail := range texts("a:*?", 4) {
		pieces, ok := naivePieces(tail, "")
		require.True(t, ok)
		like := compile(t, "StringLike", "app:s", tail)
		pattern := "arn:aws:x:" + tail
		resource, _ := naivePieces(pattern, "")
		var compiled [2]conditions.Pattern
		var refused error
		for i, wide := range []bool{false, true} {
			compiled[i], refused = v.CompileResource(pattern, true, wide)
		}
		require.Equal(t, strings.Count(tail, ":") < 2 && !strings.HasSuffix(tail, "*"), refused != nil, pattern)
		for _, s := range candidates {
			x.Reset(nil)
			require.NoError(t, x.Set("app:s", s))
			want := truth(naiveMatch(pieces, s))
			if want != like.Test(x, "", "") {
				require.Equal(t, want, like.Test(x, "", ""), "StringLike %q %q", tail, s)
			}
			for i := range compiled {
				if refused != nil {
					break
				}
				want, got := truth(naiveResource(resource, "arn:aws:x:"+s, i == 1)), compiled[i].Match("arn:aws:x:"+s, nil)
				if want != got {
					require.Equal(t, want, got, "wide %v: %q %q", i == 1, pattern, s)
				}
				asked++
				if got == conditions.True {
					matched++
				}
			}
		}
	}
	require.Greater(t, matched, 1000)
	require.Greater(t, asked, 2*matched)
}

// TestPatternRandom does the same with longer patterns and variables.
func TestPatternRandom(t *testing.T) {
	v := conditions.AWS()
	r := rand.New(rand.NewPCG(3, 4))
	text := func(n int, pieces ...string) string {
		var b strings.Builder
		for range r.IntN(n + 1) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	x := v.NewContext()
	matched := 0
	const n = 30_000
	for range n {
		k := text(3, "a", ":", "*") + "a"
		tail := text(9, "a", "a", ":", ":", "*", "?", "${app:k}", "é")
		s := text(9, "a", "a", "a", ":", ":", "é", k)
		x.Reset(nil)
		require.NoError(t, x.Set("app:k", k))
		require.NoError(t, x.Set("app:s", "arn:aws:x:"+s))
		pattern := "arn:aws:x:" + tail
		pieces, _ := naivePieces(pattern, k)
		for _, wide := range []bool{false, true} {
			p, err := v.CompileResource(pattern, true, wide)
			if err != nil {
				continue
			}
			want, got := truth(naiveResource(pieces, "arn:aws:x:"+s, wide)), p.Match("arn:aws:x:"+s, x)
			if want != got {
				require.Equal(t, want, got, "wide %v: %q %q %q", wide, pattern, s, k)
			}
			if got == conditions.True {
				matched++
			}
		}
		c, faults := v.Compile("ArnLike", "app:s", []string{pattern}, true)
		if len(faults) > 0 {
			continue
		}
		want := truth(naiveARN(pieces, "arn:aws:x:"+s))
		if strings.Count(s, ":") < 2 {
			want = conditions.Unknown
		}
		if got := c.Test(x, "", ""); want != got {
			require.Equal(t, want, got, "ArnLike %q %q %q", pattern, s, k)
		}
	}
	require.Greater(t, matched, n/100)
}

// TestPatternCost matches what makes careless matchers exponential or cubic
// against 10 kB, with no memory: work is bounded by tokens times length.
func TestPatternCost(t *testing.T) {
	v := conditions.AWS()
	const n = 10_000
	a := strings.Repeat("a", n)
	begin := time.Now()
	for _, c := range []struct{ operator, pattern, value, text string }{
		{"StringLike", "*a*a*a*a*b", a, ""},
		{"StringLike", strings.Repeat("*a", 1000) + "b", a, ""},
		{"StringLike", strings.Repeat("*?", 1000) + "b", a, ""},
		{"StringLike", "*" + strings.Repeat("a", 4000) + "b", a, ""},
		{"StringLike", "*" + strings.Repeat("?", 500) + "b", a, ""},
		{"StringLike", strings.Repeat("*${app:k}", 8) + "b", a, "aa"},
		{"StringLike", "*${app:k}b", a, a[:n/2]},
		{"ArnLike", "arn:aws:s3:::*a*a*a*a*b", "arn:aws:s3:::" + a, ""},
		{"ArnLike", "arn:aws:*a*a*b:*a*a*b:*a*a*b:*b", "arn:aws:" + a + ":" + a + ":" + a + ":" + a, ""},
		{"ArnLike", "${app:k}*a*a*a*b", "arn:aws:s3:::" + a, "arn:aws:s3:::"},
		{"StringEqualsIgnoreCase", "${app:k}${app:k}b", a + a, a},
	} {
		condition, faults := v.Compile(c.operator, "app:s", []string{c.pattern}, true)
		require.Empty(t, faults)
		x := v.NewContext()
		require.NoError(t, x.Set("app:s", c.value))
		require.NoError(t, x.Set("app:k", c.text))
		got := conditions.True
		require.Zero(t, testing.AllocsPerRun(1, func() { got = condition.Test(x, "", "") }), "%s %.40q", c.operator, c.pattern)
		require.Equal(t, conditions.False, got, "%s %.40q", c.operator, c.pattern)
	}
	colons := "arn:aws:x:" + strings.Repeat("a:", n/2)
	for _, pattern := range []string{
		"arn:aws:x:*:*a*:*b", "arn:aws:x:*:*:" + strings.Repeat("*a", 1500) + "b", "arn:*:x:*:*:*a*a*b", "*:*a*:*a*:*a*b",
	} {
		p, err := v.CompileResource(pattern, true, true)
		require.NoError(t, err)
		require.Equal(t, conditions.False, p.Match(colons, nil), "%.40q", pattern)
		require.Zero(t, testing.AllocsPerRun(1, func() { p.Match(colons, nil) }))
	}
	action, err := conditions.CompileAction("s3:" + strings.Repeat("*a", 1000) + "b")
	require.NoError(t, err)
	require.Equal(t, conditions.False, action.Match("s3:"+a, nil))
	require.Less(t, time.Since(begin), 5*time.Second)
}
