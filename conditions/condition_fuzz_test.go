package conditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// opposites are the positive operators that have a negated twin.
var opposites = map[string]string{
	"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
	"NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress",
	"ArnEquals": "ArnNotEquals", "ArnLike": "ArnNotLike",
}

// FuzzCondition asks any operator of any key with any values. Nothing panics,
// and the forms of one operator stand to each other as iam-semantics §3 says.
func FuzzCondition(f *testing.F) {
	for i, b := range catalogue {
		n := uint8(i)
		f.Add(n, "Null", "app:k", b.policy[0], b.policy[len(b.policy)-1], b.hit[0], b.miss[0], "ana", uint8(1))
		f.Add(n, "ForAllValues:"+b.name, "app:k", b.policy[0], b.policy[0], b.hit[0], b.hit[1], "", uint8(2))
		f.Add(n, b.name+"IfExists", "aws:PrincipalTag/k", b.policy[0], "${app:v}", b.miss[0], b.miss[1], b.miss[0], uint8(5))
	}
	f.Add(uint8(0), "StringEqualz", "dynamodb:LeadingKeys", "${app:v}", "${aws:username, 'x'}", "x", "", "x", uint8(2))
	f.Add(uint8(4), "", "aws:SourceIp", "*", "?", "\x00", "\xff", "${", uint8(1))
	f.Add(uint8(6), "Bool", "aws:EpochTime", "1e3", "-0", "1772323200", "2026-03-01", "", uint8(1))
	v := conditions.AWS()
	f.Fuzz(func(t *testing.T, operator uint8, raw, key, p1, p2, c1, c2, other string, shape uint8) {
		x := v.NewContext()
		if x.Set(key, []string{c1, c2}[:min(shape%4, 2)]...) != nil && shape%3 == 0 {
			_ = x.SetIndeterminate(key)
		}
		if shape%4 == 3 {
			x.Reset(nil) // the key is absent
		}
		_ = x.Set("app:v", other)
		q := question{t: t, v: v, x: x, key: key, values: []string{p1, p2}, variables: shape < 128}

		c, faults := v.Compile(raw, key, q.values, q.variables)
		if result := c.Test(x, raw, other); len(faults) == 0 {
			require.Equal(t, result, c.Explain(x, raw, other).Result)
			require.Equal(t, len(c.Missing(nil, x)), len(c.Missing(c.Missing(nil, x), x)), "a name stands once")
		}
		b := catalogue[int(operator)%len(catalogue)]
		if b.name == "Bool" {
			q.values = q.values[:1]
		}
		q.forms(b.name)
		if negated, ok := opposites[b.name]; ok {
			q.negation(b.name, negated)
		}
		q.order("ForAnyValue:"+b.name, b.negated, c1, c2)
	})
}

// question is one key of one request, and values of a policy.
type question struct {
	t         *testing.T
	v         *conditions.Vocabulary
	x         *conditions.Context
	key       string
	values    []string
	variables bool
}

// ask answers an operator; ok is false if it is refused.
func (q *question) ask(operator string, values ...string) (result conditions.Truth, ok bool) {
	c, faults := q.v.Compile(operator, q.key, values, q.variables)
	result = c.Test(q.x, "", "")
	return result, len(faults) == 0
}

// state says whether the key has no value, or one that nobody can tell.
func (q *question) state() (null, indeterminate, known bool) {
	null1, ok := q.ask("Null", "true")
	null2, _ := q.ask("Null", "false")
	require.Equal(q.t, null1, null2.Not(), "Null true and false are opposites")
	return null1 == conditions.True, null1 == conditions.Unknown, ok
}

// forms relates an operator to its forms.
func (q *question) forms(name string) {
	null, indeterminate, known := q.state()
	all, ok := q.ask("ForAllValues:"+name, q.values...)
	if !ok || !known {
		return
	}
	some, _ := q.ask("ForAnyValue:"+name, q.values...)
	exists, unquantified := q.ask(name+"IfExists", q.values...)
	plain, _ := q.ask(name, q.values...)
	values, _ := q.x.Value(q.key)
	all2, _ := q.ask("ForAllValues:"+name+"IfExists", q.values...)
	some2, _ := q.ask("ForAnyValue:"+name+"IfExists", q.values...)
	require.Equal(q.t, []conditions.Truth{all, some}, []conditions.Truth{all2, some2}, "IfExists changes no quantified form")
	switch {
	case indeterminate:
		require.Equal(q.t, conditions.Unknown, all)
		require.Equal(q.t, conditions.Unknown, some)
		require.True(q.t, !unquantified || plain == conditions.Unknown && exists == conditions.Unknown)
	case null:
		require.Equal(q.t, conditions.True, all)
		require.Equal(q.t, conditions.False, some)
		require.True(q.t, !unquantified || exists == conditions.True)
	case unquantified && len(values) == 1:
		require.Equal(q.t, plain, all, "of one value all is one")
		require.Equal(q.t, plain, some)
		require.Equal(q.t, plain, exists)
	case unquantified:
		require.Equal(q.t, conditions.False, plain, "several values need a quantifier")
		require.Equal(q.t, conditions.False, exists)
	default:
		require.GreaterOrEqual(q.t, some, all, "what holds of all holds of some")
	}
}

// negation relates an operator to its negated twin.
func (q *question) negation(positive, negated string) {
	null, _, known := q.state()
	all, ok := q.ask("ForAllValues:"+positive, q.values...)
	if !ok || !known {
		return
	}
	some, _ := q.ask("ForAnyValue:"+positive, q.values...)
	allNot, ok1 := q.ask("ForAllValues:"+negated, q.values...)
	someNot, ok2 := q.ask("ForAnyValue:"+negated, q.values...)
	require.True(q.t, ok1 && ok2)
	require.Equal(q.t, some.Not(), allNot, "no value is one of them: not any is")
	require.Equal(q.t, all.Not(), someNot, "some value is none of them: not all are")
	values, _ := q.x.Value(q.key)
	if plain, ok := q.ask(positive, q.values...); ok && (null || len(values) == 1) {
		not, _ := q.ask(negated, q.values...)
		require.Equal(q.t, plain.Not(), not)
	}
}

// order: the order of values on either side does not matter, and one more
// value of the policy never makes a positive operator less true.
func (q *question) order(operator string, negated bool, c1, c2 string) {
	got, ok := q.ask(operator, q.values...)
	if !ok {
		return
	}
	if len(q.values) == 2 {
		turned, _ := q.ask(operator, q.values[1], q.values[0])
		require.Equal(q.t, got, turned)
		if one, _ := q.ask(operator, q.values[0]); negated {
			require.LessOrEqual(q.t, got, one)
		} else {
			require.GreaterOrEqual(q.t, got, one)
		}
	}
	if values, state := q.x.Value(q.key); state == conditions.Present && len(values) == 2 && !strings.EqualFold(q.key, "app:v") {
		require.NoError(q.t, q.x.Set(q.key, c2, c1))
		turned, _ := q.ask(operator, q.values...)
		require.Equal(q.t, got, turned)
	}
}
