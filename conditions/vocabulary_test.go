package conditions_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// predicate is a custom operator's value made of a function.
type predicate func(c *conditions.Context, action, resource string) (bool, error)

func (p predicate) Test(c *conditions.Context, action, resource string) (bool, error) {
	return p(c, action, resource)
}

var errCustom = errors.New("no answer")

// custom answers by its policy value: yes, no, or fails; reads reads app:tier.
var custom = conditions.Operator{Name: "Custom", Compile: func(value string) (conditions.Predicate, error) {
	switch value {
	case "yes", "no":
		return predicate(func(*conditions.Context, string, string) (bool, error) { return value == "yes", nil }), nil
	case "fails":
		return predicate(func(*conditions.Context, string, string) (bool, error) { return false, errCustom }), nil
	case "reads":
		return predicate(func(c *conditions.Context, action, resource string) (bool, error) {
			values, state := c.Value("app:tier")
			return state == conditions.Present && values[0] == action+resource, nil
		}), nil
	}
	return nil, errCustom
}}

// TestCustomOperator: values are ORed, and an error is Unknown unless another
// value is true.
func TestCustomOperator(t *testing.T) {
	v, err := conditions.AWS().With(nil, custom)
	require.NoError(t, err)
	for _, c := range []struct {
		values []string
		want   conditions.Truth
		fails  bool
	}{
		{[]string{"yes"}, conditions.True, false},
		{[]string{"no"}, conditions.False, false},
		{[]string{"no", "yes"}, conditions.True, false},
		{[]string{"no", "no"}, conditions.False, false},
		{[]string{"fails"}, conditions.Unknown, true},
		{[]string{"fails", "no"}, conditions.Unknown, true},
		{[]string{"no", "fails"}, conditions.Unknown, true},
		{[]string{"fails", "yes"}, conditions.True, false},
	} {
		condition, faults := v.Compile("Custom", "a label, free", c.values, true)
		require.Empty(t, faults)
		require.Equal(t, c.want, condition.Test(nil, "", ""), c.values)
		r := condition.Explain(v.NewContext(), "", "")
		require.Equal(t, c.want, r.Result, c.values)
		require.Equal(t, c.fails, errors.Is(r.Err, errCustom), c.values)
		require.Equal(t, []any{"Custom", "a label, free", c.values, c.values}, []any{r.Operator, r.Key, r.Policy, r.Meaning})
		require.Equal(t, conditions.Key{}, condition.Key())
		require.False(t, condition.Quantified())
		require.Empty(t, condition.Missing(nil, nil))
	}

	condition, faults := v.Compile("Custom", "x", []string{"reads"}, true)
	require.Empty(t, faults)
	x := v.NewContext()
	require.NoError(t, x.Set("app:tier", "s3:Get*"))
	require.Equal(t, conditions.True, condition.Test(x, "s3:Get", "*"))
	require.Equal(t, conditions.False, condition.Test(x, "s3:Get", "b"))
}

// TestCustomOperatorRefused holds what its compilation refuses, all at once.
func TestCustomOperatorRefused(t *testing.T) {
	v, err := conditions.AWS().With(nil, custom)
	require.NoError(t, err)
	_, faults := v.Compile("Custom", "", []string{"what", "yes", "what"}, true)
	require.Len(t, faults, 3)
	require.EqualError(t, faults[0].Err, "malformed context key: the label of Custom takes 1 to 128 bytes")
	require.Equal(t, []conditions.Fault{{Part: conditions.PartValue, Err: errCustom}, {Part: conditions.PartValue, Index: 2, Err: errCustom}}, faults[1:])

	_, faults = v.Compile("Custom", strings.Repeat("x", 129), []string{"yes"}, true)
	require.Len(t, faults, 1)
	require.ErrorIs(t, faults[0].Err, conditions.ErrKeyName)
	_, faults = v.Compile("Custom", strings.Repeat("x", 128), []string{"yes"}, true)
	require.Empty(t, faults)

	_, faults = v.Compile("Custom", "x", nil, true)
	require.Len(t, faults, 1, "a Deny without values would never deny")
	require.EqualError(t, faults[0].Err, "condition operator does not fit: no value")

	for _, name := range []string{"custom", "CustomIfExists", "ForAllValues:Custom", "ForAnyValue:Custom"} {
		_, faults = v.Compile(name, "aws:username", []string{"yes"}, true)
		require.Len(t, faults, 1, name)
		require.ErrorIs(t, faults[0].Err, conditions.ErrUnknownOperator, "it takes neither quantifier nor IfExists")
	}
	_, faults = conditions.AWS().Compile("Custom", "aws:username", []string{"yes"}, true)
	require.Len(t, faults, 1, "the vocabulary that was extended does not know it")
	require.ErrorIs(t, faults[0].Err, conditions.ErrUnknownOperator)
}

// TestWith refuses what is known already and what cannot be.
func TestWith(t *testing.T) {
	v := conditions.AWS()
	compile := custom.Compile
	for want, with := range map[string]struct {
		keys []conditions.Key
		ops  []conditions.Operator
	}{
		`context key "AWS:sourceip" is known already`:                     {keys: []conditions.Key{{Name: "AWS:sourceip"}}},
		`context key "app:a" is known already`:                            {keys: []conditions.Key{{Name: "app:A"}, {Name: "app:a"}}},
		`context key family "aws:principaltag/" is known already`:         {keys: []conditions.Key{{Name: "aws:principaltag/"}}},
		`malformed context key "app": want prefix:name`:                   {keys: []conditions.Key{{Name: "app"}}},
		`malformed context key "": want prefix:name`:                      {keys: []conditions.Key{{}}},
		`malformed context key ":a": want prefix:name`:                    {keys: []conditions.Key{{Name: ":a"}}},
		`malformed context key "app:k": want prefix:name`:                 {keys: []conditions.Key{{Name: "app:k", Kind: conditions.Untyped + 1}}},
		`operator "": want a name and a Compile function`:                 {ops: []conditions.Operator{{Compile: compile}}},
		`operator "X": want a name and a Compile function`:                {ops: []conditions.Operator{{Name: "X"}}},
		`operator "StringEquals" is known already`:                        {ops: []conditions.Operator{{Name: "StringEquals", Compile: compile}}},
		`operator "ForAnyValue:BoolIfExists" is known already`:            {ops: []conditions.Operator{{Name: "ForAnyValue:BoolIfExists", Compile: compile}}},
		`operator "Custom" is known already`:                              {ops: []conditions.Operator{custom, custom}},
		`malformed context key "app:` + long(512) + `": want prefix:name`: {keys: []conditions.Key{{Name: "app:" + long(512)}}},
	} {
		w, err := v.With(with.keys, with.ops...)
		require.EqualError(t, err, want)
		require.Nil(t, w)
	}
}

func long(n int) string { return strings.Repeat("k", n) }

// TestWithKeys uses keys of an embedding program, of every kind.
func TestWithKeys(t *testing.T) {
	v := conditions.AWS()
	w, err := v.With([]conditions.Key{
		{Name: "app:Size", Kind: conditions.Number},
		{Name: "app:Sizes", Kind: conditions.Number, List: true},
		{Name: "app:Hosts", Kind: conditions.IP, List: true},
		{Name: "app:Sources", Kind: conditions.ARN, List: true},
		{Name: "app:Nonce", Kind: conditions.Binary},
		{Name: "app:Label/"},
	})
	require.NoError(t, err)
	require.Len(t, w.Keys(), len(v.Keys())+6)
	k, err := v.Key("app:size")
	require.NoError(t, err)
	require.Equal(t, conditions.Untyped, k.Kind, "the vocabulary that was extended is as it was")
	_, err = v.With([]conditions.Key{{Name: "app:" + long(512-len("app:"))}})
	require.NoError(t, err, "the longest name")
	k, err = w.Key("APP:SIZE")
	require.NoError(t, err)
	require.Equal(t, conditions.Key{Name: "app:Size", Kind: conditions.Number}, k)
	k, err = w.Key("APP:label/Team")
	require.NoError(t, err)
	require.Equal(t, conditions.Key{Name: "app:Label/Team"}, k)
	_, err = w.Key("aws:usernam")
	require.ErrorIs(t, err, conditions.ErrUnknownKey, "prefixes stay owned")

	again, err := w.With([]conditions.Key{{Name: "app:More"}}, custom)
	require.NoError(t, err)
	_, err = again.With(nil, custom)
	require.Error(t, err, "an operator of before is known")

	ask := func(x *conditions.Context, operator, key, value string) conditions.Truth {
		c, faults := w.Compile(operator, key, []string{value}, true)
		require.Empty(t, faults, "%s %s", operator, key)
		return c.Test(x, "", "")
	}
	x := w.NewContext()
	require.NoError(t, x.Set("app:Size", "10"))
	require.NoError(t, x.Set("app:Sizes", "5", "100"))
	require.NoError(t, x.Set("app:Nonce", "\x01\x02"))
	require.Equal(t, conditions.True, ask(x, "NumericEquals", "app:size", "10.0"))
	require.Equal(t, conditions.True, ask(x, "BinaryEquals", "app:nonce", "AQI="))
	require.Equal(t, conditions.False, ask(x, "ForAllValues:NumericLessThan", "app:sizes", "10"))
	require.Equal(t, conditions.True, ask(x, "ForAllValues:NumericLessThan", "app:sizes", "101"))
	require.Equal(t, conditions.True, ask(x, "ForAnyValue:NumericLessThan", "app:sizes", "10"))
	require.Equal(t, conditions.False, ask(x, "ForAnyValue:NumericLessThan", "app:sizes", "5"))
}
