package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// residualContext knows a user, an account with a colon, an ARN in two parts,
// and a key that nobody can read.
func residualContext(t testing.TB, v *conditions.Vocabulary) *conditions.Context {
	t.Helper()
	x := v.NewContext()
	require.NoError(t, x.Set("aws:username", "ann"))
	require.NoError(t, x.Set("app:account", "111122223333"))
	require.NoError(t, x.Set("app:tricky", "1:2"))
	require.NoError(t, x.Set("app:head", "arn:aws:s3:::bkt"))
	require.NoError(t, x.Set("app:tail", "s3:::bkt"))
	require.NoError(t, x.Set("app:empty", ""))
	require.NoError(t, x.SetIndeterminate("app:dark"))
	return x
}

// TestResidualEqualsTest compares what is left of a condition with the
// condition itself, for values of every sort.
func TestResidualEqualsTest(t *testing.T) {
	v, err := conditions.AWS().With([]conditions.Key{
		{Name: "typed:numbers", Kind: conditions.Number, List: true},
		{Name: "typed:number", Kind: conditions.Number},
		{Name: "typed:ip", Kind: conditions.StringOrIP},
		{Name: "typed:when", Kind: conditions.Date},
		{Name: "typed:arn", Kind: conditions.ARN},
		{Name: "typed:flag", Kind: conditions.Bool},
		{Name: "typed:bytes", Kind: conditions.Binary},
	})
	require.NoError(t, err)
	texts := []string{
		"", "a", "A", "ann", "Ann", "b", "1", "1.0", "01", "true", "False", "10.0.0.1", "::ffff:10.0.0.1", "2026-03-01", "2026-03-01T00:00:00Z",
		"arn:aws:iam::111122223333:role/ann", "arn:aws:iam::111122223333:role/ann/x", "arn:aws:iam::1:2:role/ann", "arn:aws:s3:::bkt:k", "arn:aws:s3:::bkt", "arn:a:b:s3:::bkt", "arn:x", "x*y", "xqy", "${aws:username}", "é", "É", "\xff",
		"annx", "xann", "k\u212A", "kk", "YQ==",
	}
	values := []conditions.Value{{}, conditions.Unreadable(), conditions.List(nil)}
	for _, s := range texts {
		values = append(values, conditions.Text(s))
	}
	for _, pair := range []string{"a,a", "a,b", "1,2", "1,x", "10.0.0.1,10.0.0.2", ",a", "ann,b", "true,true"} {
		values = append(values, conditions.List(strings.Split(pair, ",")))
	}
	stringValues := [][]string{
		{"a"},
		{"a", "b"},
		{"${aws:username}"},
		{"${aws:username}", "a"},
		{"${app:dark}"},
		{"${app:dark}", "a"},
		{"${app:none}"},
		{"${app:none}", "b"},
		{"${app:none, 'b'}"},
		{"${app:empty}"},
		{"*"},
		{"a*", "?"},
		{"x${*}y"},
		{"${aws:username}*"},
		{"*${aws:username}"},
		{"${$}{aws:username}"},
		{"É"},
		{"kk"},
		{"${app:tricky}"},
		{"*", "${app:dark}"},
	}
	arnValues := [][]string{
		{"arn:aws:iam::${app:account}:role/${aws:username}"},
		{"arn:aws:iam::${app:account}:role/*"},
		{"arn:aws:iam::${app:tricky}:role/ann"},
		{"arn:aws:iam::*:role/ann"},
		{"${app:head}:k"},
		{"arn:*:${app:tail}"},
		{"${app:head}*"},
		{"*${app:head}"},
		{"${app:head}"},
		{"${app:none}:k"},
		{"${app:dark}"},
		{"${app:dark}", "arn:aws:s3:::*"},
		{"arn:aws:s3:::bkt", "arn:*:s3:::bkt:?"},
	}
	sets := map[string][][]string{
		"String": stringValues, "Arn": arnValues,
		"Numeric": {{"1"}, {"1", "2"}}, "Date": {{"2026-03-01"}, {"2026"}}, "Bool": {{"true"}, {"false"}}, "Null": {{"true"}, {"false"}},
		"Ip": {{"10.0.0.0/8"}, {"::/0", "10.0.0.1"}}, "Binary": {{"YQ=="}, {"YW5u", "YQ=="}},
	}
	operators := map[string][]string{
		"String":  {"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"},
		"Arn":     {"ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"},
		"Numeric": {"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		"Date":    {"DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals"},
		"Bool":    {"Bool"}, "Null": {"Null"}, "Ip": {"IpAddress", "NotIpAddress"}, "Binary": {"BinaryEquals"},
	}
	keys := []string{
		"app:k", "aws:ResourceTag/owner", "aws:TagKeys", "dynamodb:LeadingKeys", "dynamodb:SecondPartitionKeyValues", "s3:prefix",
		"typed:numbers", "typed:number", "typed:ip", "typed:when", "typed:arn", "typed:flag", "typed:bytes",
	}
	x := residualContext(t, v)
	compared, held := 0, 0
	for family, bases := range operators {
		for _, base := range bases {
			for _, prefix := range []string{"", "ForAllValues:", "ForAnyValue:"} {
				for _, suffix := range []string{"", "IfExists"} {
					for _, key := range keys {
						for _, policyValues := range sets[family] {
							c, faults := v.Compile(prefix+base+suffix, key, policyValues, true)
							if len(faults) > 0 {
								continue
							}
							n, h := compareResidual(t, v, x, &c, prefix+base+suffix, key, policyValues, values)
							compared, held = compared+n, held+h
						}
					}
				}
			}
		}
	}
	require.Greater(t, compared, 100_000)
	require.Greater(t, held, compared/10)
}

func compareResidual(t *testing.T, v *conditions.Vocabulary, base *conditions.Context, c *conditions.Condition, operator, key string, policyValues []string, values []conditions.Value) (compared, held int) {
	t.Helper()
	u, err := v.Unknowns(key)
	require.NoError(t, err)
	for _, want := range []conditions.Truth{conditions.True, conditions.False} {
		r, _, open, err := c.Residual(base, "", "", u, want)
		require.NoError(t, err)
		require.True(t, open)
		never := true
		x := v.NewContext()
		for i := range values {
			x.Reset(base)
			if err := u.Fill(x, values[i:i+1]); err != nil {
				t.Fatal(err)
			}
			is := c.Test(x, "", "") == want
			if is {
				held, never = held+1, false
			}
			compared++
			if got := r.Holds(&values[i]); got != is {
				t.Fatalf("%s %s %q: %s = %v: the condition says %v, the residual %q says %v", operator, key, policyValues, key, values[i], is, r.String(), got)
			}
		}
		if r.Never() {
			require.True(t, never, r.String())
		}
	}
	return compared, held
}

// TestMergeEqualsBoth holds merged residuals to the two that they stand for.
func TestMergeEqualsBoth(t *testing.T) {
	v := conditions.AWS()
	x := residualContext(t, v)
	for _, key := range []string{"app:k", "s3:prefix", "dynamodb:LeadingKeys"} {
		u, err := v.Unknowns(key)
		require.NoError(t, err)
		quantifier := ""
		if key == "dynamodb:LeadingKeys" {
			quantifier = "ForAllValues:"
		}
		var all []conditions.Residual
		for _, c := range []struct {
			operator string
			values   []string
		}{
			{"StringEquals", []string{"a", "b"}},
			{"StringEquals", []string{"b", "c"}},
			{"StringNotEquals", []string{"b"}},
			{"StringNotEquals", []string{"b", "d"}},
			{"StringEqualsIfExists", []string{"a"}},
			{"StringLike", []string{"*"}},
			{"Null", []string{"true"}},
			{"Null", []string{"false"}},
		} {
			operator := quantifier + c.operator
			if c.operator == "Null" {
				operator = c.operator
			}
			condition, faults := v.Compile(operator, key, c.values, true)
			require.Empty(t, faults)
			for _, want := range []conditions.Truth{conditions.True, conditions.False} {
				r, _, _, err := condition.Residual(x, "", "", u, want)
				require.NoError(t, err)
				all = append(all, r)
			}
		}
		values := []conditions.Value{{}, conditions.Unreadable(), conditions.List(nil), conditions.List([]string{"a", "b"})}
		for _, s := range []string{"", "a", "b", "c", "d", "e"} {
			values = append(values, conditions.Text(s))
		}
		merged := 0
		for i := range all {
			for j := range all {
				for _, either := range []bool{false, true} {
					m, ok := all[i].Merge(&all[j], either)
					if !ok {
						continue
					}
					merged++
					for k := range values {
						a, b := all[i].Holds(&values[k]), all[j].Holds(&values[k])
						want := a && b
						if either {
							want = a || b
						}
						require.Equal(t, want, m.Holds(&values[k]), "%s, %s, either %v: %v", all[i].String(), all[j].String(), either, values[k])
					}
				}
			}
		}
		require.Greater(t, merged, 100)
	}
}

// Residuals of one text hold for the same values.
func TestResidualTextTellsApart(t *testing.T) {
	v := conditions.AWS()
	x := v.NewContext()
	u, err := v.Unknowns("app:k")
	require.NoError(t, err)
	texts := []string{"", "a", "b", "1", "1.0", "true", "10.0.0.1", "2026-03-01", "arn:aws:s3:::a", "ab", "A"}
	values := []conditions.Value{{}, conditions.Unreadable(), conditions.List([]string{"a", "b"}), conditions.List([]string{"a", "a"}), conditions.List([]string{"1", "true"})}
	for _, s := range texts {
		values = append(values, conditions.Text(s))
	}
	seen := map[string]string{}
	for _, prefix := range []string{"", "ForAllValues:", "ForAnyValue:"} {
		for _, suffix := range []string{"", "IfExists"} {
			for _, base := range []string{
				"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike", "StringNotLike", "NumericEquals", "NumericNotEquals",
				"NumericLessThan", "DateEquals", "DateLessThan", "Bool", "IpAddress", "NotIpAddress", "ArnLike", "Null", "BinaryEquals",
			} {
				for _, value := range []string{"a", "*", "1", "true", "2026-03-01", "10.0.0.1", "arn:aws:s3:::a", "YQ=="} {
					c, faults := v.Compile(prefix+base+suffix, "app:k", []string{value}, true)
					if len(faults) > 0 {
						continue
					}
					for _, want := range []conditions.Truth{conditions.True, conditions.False} {
						r, _, _, err := c.Residual(x, "", "", u, want)
						require.NoError(t, err)
						var held strings.Builder
						for i := range values {
							if r.Holds(&values[i]) {
								held.WriteByte('1')
							} else {
								held.WriteByte('0')
							}
						}
						if before, ok := seen[r.String()]; ok {
							require.Equal(t, before, held.String(), "%s: %s%s%s %s", r.String(), prefix, base, suffix, value)
						}
						seen[r.String()] = held.String()
					}
				}
			}
		}
	}
	require.Greater(t, len(seen), 80)
}
