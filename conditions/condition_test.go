package conditions_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestTruthTable is the table of iam-semantics §3.3, cell by cell, for every
// operator of the catalogue. The key is untyped, which may hold anything.
func TestTruthTable(t *testing.T) {
	const key = "app:k"
	const T, F = conditions.True, conditions.False
	// absent; one value, hit, miss; list: all, some, none hit; empty list
	type row [7]conditions.Truth
	for _, form := range []struct {
		prefix, suffix    string
		positive, negated row
	}{
		{"", "", row{F, T, F, F, F, F, F}, row{T, F, T, F, F, F, T}},
		{"", "IfExists", row{T, T, F, F, F, F, T}, row{T, F, T, F, F, F, T}},
		{"ForAllValues:", "", row{T, T, F, T, F, F, T}, row{T, F, T, F, F, T, T}},
		{"ForAllValues:", "IfExists", row{T, T, F, T, F, F, T}, row{T, F, T, F, F, T, T}},
		{"ForAnyValue:", "", row{F, T, F, T, T, F, F}, row{F, F, T, F, T, T, F}},
		{"ForAnyValue:", "IfExists", row{F, T, F, T, T, F, F}, row{F, F, T, F, T, T, F}},
	} {
		for _, b := range catalogue {
			want := form.positive
			if b.negated {
				want = form.negated
			}
			c := compile(t, form.prefix+b.name+form.suffix, key, b.policy...)
			for i, values := range columns(b.hit, b.miss) {
				x := request(t)
				if i > 0 {
					require.NoError(t, x.Set(key, values...))
				}
				require.Equal(t, want[i], c.Test(x, "", ""), "%s%s%s column %d", form.prefix, b.name, form.suffix, i)
				require.Equal(t, want[i], c.Explain(x, "", "").Result)
			}
			require.Equal(t, want[0], c.Test(nil, "", ""), "a nil context is an empty one")
		}
	}
	for value, want := range map[string]row{"true": {T, F, F, F, F, F, T}, "false": {F, T, T, T, T, T, F}} {
		c := compile(t, "Null", key, value)
		for i, values := range columns([2]string{"a", "b"}, [2]string{"c", ""}) {
			x := request(t)
			if i > 0 {
				require.NoError(t, x.Set(key, values...))
			}
			require.Equal(t, want[i], c.Test(x, "", ""), "Null %s column %d", value, i)
		}
	}
}

// columns are the request values of the seven columns of the table.
func columns(hit, miss [2]string) [7][]string {
	return [7][]string{
		nil, {hit[0]}, {miss[0]}, {hit[0], hit[1]}, {hit[1], miss[0]}, {miss[0], miss[1]}, {},
	}
}

// TestTypedKeys asks the same of keys with a kind: a value is parsed when it is
// set, and both sides of the catalogue still hold.
func TestTypedKeys(t *testing.T) {
	for _, b := range catalogue {
		for _, k := range samples {
			if k.Kind == conditions.Untyped || k.Kind == conditions.Binary || !slices.Contains(b.takes, k.Kind) {
				continue
			}
			c := compile(t, b.name, k.Name, b.policy...)
			for i := range b.hit {
				for value, want := range map[string]bool{b.hit[i]: !b.negated, b.miss[i]: b.negated} {
					x := conditions.AWS().NewContext()
					if x.Set(k.Name, value) != nil {
						require.Equal(t, conditions.Unknown, c.Test(x, "", ""), "%s %s %q", b.name, k.Name, value)
						continue
					}
					require.Equal(t, truth(want), c.Test(x, "", ""), "%s %s %q", b.name, k.Name, value)
				}
			}
		}
	}
}

// TestCoercion is the table of results of iam-semantics §3.5. Where a value is
// not of its key's kind the comparison alone is false; in the engine the key is
// indeterminate.
func TestCoercion(t *testing.T) {
	const U = conditions.Unknown
	for _, c := range []struct {
		operator, key string
		policy        []string
		request       []string
		want          conditions.Truth
	}{
		{"NumericLessThanEquals", "s3:max-keys", []string{"10"}, []string{"10.0"}, conditions.True},
		{"NumericLessThanEquals", "s3:max-keys", []string{"10"}, []string{"abc"}, U},
		{"NumericNotEquals", "s3:max-keys", []string{"10"}, []string{"abc"}, U},
		{"NumericLessThanEqualsIfExists", "s3:max-keys", []string{"10"}, []string{"abc"}, U},
		{"DateGreaterThan", "aws:CurrentTime", []string{"2026-03-01"}, []string{"2026-03-01T00:00:00Z"}, conditions.False},
		{"DateLessThan", "aws:CurrentTime", []string{"2026-03-01T02:00:00+02:00"}, []string{"2026-02-28T23:59:59Z"}, conditions.True},
		{"DateEquals", "aws:EpochTime", []string{"1772323200"}, []string{"2026-03-01T00:00:00Z"}, conditions.True},
		{"NumericEquals", "aws:EpochTime", []string{"1772323200"}, []string{"2026-03-01T00:00:00Z"}, conditions.True},
		{"DateLessThan", "aws:CurrentTime", []string{"2027"}, []string{"2026-03-01T00:00:00Z"}, conditions.False},
		{"IpAddress", "aws:SourceIp", []string{"203.0.113.77/24"}, []string{"203.0.113.1"}, conditions.True},
		{"IpAddress", "aws:SourceIp", []string{"2001:db8::/32"}, []string{"203.0.113.1"}, conditions.False},
		{"IpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, []string{"::ffff:203.0.113.1"}, conditions.True},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24", "2001:db8::/32"}, []string{"2001:db8::9"}, conditions.False},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, nil, conditions.True},
		{"NotIpAddress", "aws:SourceIp", []string{"203.0.113.0/24"}, []string{"somewhere"}, U},
		{"Bool", "aws:SecureTransport", []string{"false"}, nil, conditions.False},
		{"Bool", "aws:SecureTransport", []string{"false"}, []string{"0"}, U},
		{"BinaryEquals", "app:nonce", []string{"AQI="}, []string{"\x01\x02"}, conditions.True},
		{"StringEquals", "aws:PrincipalAccount", []string{"111111111111", "222222222222"}, []string{"222222222222"}, conditions.True},
		{"StringNotEquals", "aws:PrincipalAccount", []string{"111111111111", "222222222222"}, []string{"222222222222"}, conditions.False},
		{"StringNotEquals", "aws:PrincipalAccount", []string{"111111111111", "222222222222"}, []string{"333333333333"}, conditions.True},
		{"StringLike", "s3:prefix", []string{"", "docs/*"}, []string{""}, conditions.True},
		{"StringLike", "s3:prefix", []string{"", "docs/*"}, nil, conditions.False},
		{"StringEquals", "aws:username", []string{"a"}, []string{"a", "b"}, U},
		{"Null", "s3:max-keys", []string{"true"}, []string{"abc"}, U},
		{"Null", "s3:prefix", []string{"true"}, []string{""}, conditions.False},
		{"Null", "aws:TagKeys", []string{"true"}, []string{""}, conditions.True},
		{"ForAllValues:StringEquals", "aws:TagKeys", []string{"a"}, []string{""}, conditions.True},
		{"ForAnyValue:StringNotEquals", "aws:TagKeys", []string{"a"}, []string{""}, conditions.False},
		{"ForAllValues:StringEquals", "aws:TagKeys", []string{"a"}, []string{"", ""}, conditions.False},
		{"ForAllValues:StringEquals", "s3:prefix", []string{"a"}, []string{""}, conditions.False},
	} {
		x := conditions.AWS().NewContext()
		if c.request != nil {
			_ = x.Set(c.key, c.request...) // the error is another test's
		}
		require.Equal(t, c.want, test(t, x, c.operator, c.key, c.policy...), "%s %s %q: %q", c.operator, c.key, c.policy, c.request)
	}
}

// TestUntypedValues: a value of an untyped key that does not parse under the
// operator is Unknown, quantified too. Source: choice C2.
func TestUntypedValues(t *testing.T) {
	for _, c := range []struct{ operator, policy, good, bad string }{
		{"NumericLessThan", "10", "5", "x"},
		{"NumericNotEquals", "10", "5", ""},
		{"DateLessThan", "2026-03-01", "2026-02", "x"},
		{"Bool", "true", "TRUE", "1"},
		{"IpAddress", "10.0.0.0/8", "10.1.1.1", "10.0.0.0/8"},
		{"ArnLike", "arn:aws:s3:::*", "arn:aws:s3:::b", "b"},
	} {
		ask := func(operator string, values ...string) conditions.Truth {
			return test(t, request(t, append([]string{"app:k"}, values...)), operator, "app:k", c.policy)
		}
		require.Equal(t, conditions.True, ask(c.operator, c.good), c.operator)
		require.Equal(t, conditions.Unknown, ask(c.operator, c.bad), c.operator)
		require.Equal(t, conditions.Unknown, ask(c.operator+"IfExists", c.bad), c.operator)
		require.Equal(t, conditions.Unknown, ask("ForAllValues:"+c.operator, c.good, c.bad), c.operator)
		require.Equal(t, conditions.Unknown, ask("ForAllValues:"+c.operator, c.bad, c.good), c.operator)
		require.Equal(t, conditions.True, ask("ForAnyValue:"+c.operator, c.bad, c.good), c.operator)
		require.Equal(t, conditions.Unknown, ask("ForAnyValue:"+c.operator, c.bad, c.bad), c.operator)
		require.Equal(t, conditions.False, ask(c.operator, c.good, c.bad), "%s: several without a quantifier", c.operator)
	}
}

// TestZeroCondition applies in no Allow and in every Deny.
func TestZeroCondition(t *testing.T) {
	var zero conditions.Condition
	require.Equal(t, conditions.Unknown, zero.Test(nil, "", ""))
	require.Equal(t, conditions.Unknown, zero.Explain(request(t), "", "").Result)
	require.Empty(t, zero.Missing(nil, nil))
}

// TestCost ranks a short list of texts before what takes longer.
func TestCost(t *testing.T) {
	null := compile(t, "Null", "aws:TagKeys", "true")
	one := compile(t, "StringEquals", "aws:username", "a")
	like := compile(t, "StringLike", "aws:username", "a*")
	two := compile(t, "StringLike", "aws:username", "a*", "b*")
	v, err := conditions.AWS().With(nil, custom)
	require.NoError(t, err)
	slow, _ := v.Compile("Custom", "x", []string{"yes"}, true)
	require.LessOrEqual(t, null.Cost(), one.Cost())
	require.Less(t, one.Cost(), like.Cost())
	require.Less(t, like.Cost(), two.Cost())
	require.Less(t, two.Cost(), slow.Cost())
}

// TestQuantifierOracle compares the quantified operators with ∀ and ∃ over all
// sets of request values R and policy values P within {a, b, c}, and R absent.
// Source: iam-semantics §3.4, §10.4.
func TestQuantifierOracle(t *testing.T) {
	subsets := func() (out [][]string) {
		for bits := range 8 {
			var s []string
			for i, v := range []string{"a", "b", "c"} {
				if bits>>i&1 == 1 {
					s = append(s, v)
				}
			}
			out = append(out, s)
		}
		return out
	}()
	padding := strings.Split(strings.Repeat("x,", 70)+"x", ",")
	asked := 0
	for _, p := range subsets[1:] {
		forms := [][]string{p, append(slices.Clone(padding), p...), {"${app:none}"}}
		for _, v := range p {
			forms[2] = append(forms[2], "${app:"+v+"}")
		}
		for _, r := range append(subsets, nil) {
			for _, policy := range forms {
				x := request(t, []string{"app:a", "a"}, []string{"app:b", "b"}, []string{"app:c", "c"})
				if r != nil || asked%2 == 0 {
					require.NoError(t, x.Set("dynamodb:LeadingKeys", r...)) // an empty set, or absent
				}
				hits := func(want bool) (n int) {
					for _, v := range r {
						if slices.Contains(p, v) == want {
							n++
						}
					}
					return n
				}
				for _, operator := range []string{"StringEquals", "StringLike", "StringEqualsIgnoreCase"} {
					negated := strings.NewReplacer("Equals", "NotEquals", "Like", "NotLike").Replace(operator)
					for _, suffix := range []string{"", "IfExists"} {
						for form, want := range map[string]bool{
							"ForAllValues:" + operator: hits(false) == 0,
							"ForAllValues:" + negated:  hits(true) == 0,
							"ForAnyValue:" + operator:  hits(true) > 0,
							"ForAnyValue:" + negated:   hits(false) > 0,
						} {
							require.Equal(t, truth(want), test(t, x, form+suffix, "dynamodb:LeadingKeys", policy...), "%s R=%v P=%v", form, r, policy)
							asked++
						}
					}
				}
			}
		}
	}
	require.Equal(t, 7*9*3*3*2*4, asked)
}

// TestCombining is the worked example of iam-semantics §3.8.
func TestCombining(t *testing.T) {
	block := []*conditions.Condition{
		compile(t, "StringEquals", "aws:PrincipalTag/team", "red", "blue"),
		compile(t, "StringEquals", "aws:RequestedRegion", "eu-west-1"),
		compile(t, "BoolIfExists", "aws:MultiFactorAuthPresent", "true"),
		compile(t, "StringNotEquals", "aws:PrincipalAccount", "333333333333", "444444444444"),
	}
	for _, c := range []struct {
		team, region, mfa, account string
		want                       bool
	}{
		{"red", "eu-west-1", "", "111111111111", true},
		{"red", "eu-west-1", "false", "111111111111", false},
		{"blue", "us-east-1", "true", "111111111111", false},
		{"blue", "eu-west-1", "true", "444444444444", false},
		{"", "eu-west-1", "true", "111111111111", false},
	} {
		x := request(t, []string{"aws:RequestedRegion", c.region}, []string{"aws:PrincipalAccount", c.account})
		if c.team != "" {
			require.NoError(t, x.Set("aws:PrincipalTag/team", c.team))
		}
		if c.mfa != "" {
			require.NoError(t, x.Set("aws:MultiFactorAuthPresent", c.mfa))
		}
		got := conditions.True
		for _, condition := range block {
			got = got.And(condition.Test(x, "", ""))
		}
		require.Equal(t, truth(c.want), got)
	}
}
