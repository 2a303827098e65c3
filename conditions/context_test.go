package conditions_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestContextSet holds the states of a key and the exact text of each error.
func TestContextSet(t *testing.T) {
	for _, c := range []struct {
		name, key string
		values    []string
		state     conditions.State
		want      string
	}{
		{"a text", "aws:username", []string{"ana"}, conditions.Present, ""},
		{"the empty text", "s3:prefix", []string{""}, conditions.Present, ""},
		{"no value", "s3:prefix", nil, conditions.Present, ""},
		{"a list", "dynamodb:LeadingKeys", []string{"a", "b"}, conditions.Present, ""},
		{"several of an untyped key", "app:k", []string{"a", "b"}, conditions.Present, ""},
		{"several of a single-valued key", "aws:username", []string{"a", "b"}, conditions.Indeterminate, "aws:username takes one value, not 2"},
		{"several of a tag", "AWS:requesttag/Team", []string{"a", "b"}, conditions.Indeterminate, "aws:RequestTag/Team takes one value, not 2"},
		{"a number", "s3:max-keys", []string{"10.0"}, conditions.Present, ""},
		{"no number", "s3:max-keys", []string{"1e3"}, conditions.Indeterminate, `s3:max-keys: want number, not "1e3"`},
		{"no date", "aws:currenttime", []string{"now"}, conditions.Indeterminate, `aws:CurrentTime: want date, not "now"`},
		{"no epoch", "aws:EpochTime", []string{"-1"}, conditions.Indeterminate, `aws:EpochTime: want date or number, not "-1"`},
		{"no bool", "aws:SecureTransport", []string{"yes"}, conditions.Indeterminate, `aws:SecureTransport: want bool, not "yes"`},
		{"no address", "aws:SourceIp", []string{"10.0.0.1/32"}, conditions.Indeterminate, `aws:SourceIp: want IP address, not "10.0.0.1/32"`},
		{"no address of an instance", "aws:Ec2InstanceSourcePrivateIPv4", []string{"i-1"}, conditions.Indeterminate, `aws:Ec2InstanceSourcePrivateIPv4: want string or IP address, not "i-1"`},
		{"no ARN", "aws:SourceArn", []string{"b"}, conditions.Indeterminate, `aws:SourceArn: want ARN, not "b"`},
		{"a text of an ARN key that takes text", "aws:FederatedProvider", []string{"accounts.google.com"}, conditions.Present, ""},
		{"a long value is cut", "aws:SourceIp", []string{strings.Repeat("é", 200)}, conditions.Indeterminate, `aws:SourceIp: want IP address, not "` + strings.Repeat("é", 100) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := conditions.AWS().NewContext()
			err := x.Set(c.key, c.values...)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, "context value is not of its key's kind: "+c.want)
				require.ErrorIs(t, err, conditions.ErrValue)
			}
			values, state := x.Value(strings.ToUpper(c.key))
			require.Equal(t, c.state, state)
			require.Equal(t, len(c.values), len(values))
			if len(c.values) > 0 {
				require.Equal(t, c.values, values, "what was said is kept, for Explain")
			}

			require.NoError(t, x.Set(c.key), "setting it again replaces it")
			values, state = x.Value(c.key)
			require.Equal(t, conditions.Present, state)
			require.Empty(t, values)
		})
	}
}

// TestListOfWrongKind: one value that is not of its key's kind makes the list
// indeterminate, as it does a single-valued key. Source: choice C1.
func TestListOfWrongKind(t *testing.T) {
	w, err := conditions.AWS().With([]conditions.Key{
		{Name: "app:Number", Kind: conditions.Number, List: true},
		{Name: "app:Date", Kind: conditions.Date, List: true},
		{Name: "app:Bool", Kind: conditions.Bool, List: true},
		{Name: "app:IP", Kind: conditions.IP, List: true},
		{Name: "app:ARN", Kind: conditions.ARN, List: true},
		{Name: "app:Text", List: true},
	})
	require.NoError(t, err)
	for _, c := range []struct{ key, operator, good, bad string }{
		{"app:Number", "ForAllValues:NumericLessThan", "5", "x"},
		{"app:Date", "ForAllValues:DateLessThan", "2026-03-01", "x"},
		{"app:Bool", "ForAllValues:Bool", "true", "x"},
		{"app:IP", "ForAllValues:IpAddress", "203.0.113.1", "x"},
		{"app:ARN", "ForAllValues:StringEquals", "arn:aws:s3:::b", "x"},
	} {
		t.Run(c.key, func(t *testing.T) {
			x := w.NewContext()
			null, faults := w.Compile("Null", c.key, []string{"false"}, true)
			require.Empty(t, faults)
			set, faults := w.Compile(c.operator, c.key, []string{c.good}, true)
			require.Empty(t, faults)

			require.NoError(t, x.Set(c.key, c.good, c.good))
			require.Equal(t, conditions.True, null.Test(x, "", ""))
			require.NotEqual(t, conditions.Unknown, set.Test(x, "", ""))

			require.ErrorIs(t, x.Set(c.key, c.good, c.bad), conditions.ErrValue)
			require.Equal(t, conditions.Unknown, null.Test(x, "", ""))
			require.Equal(t, conditions.Unknown, set.Test(x, "", ""))

			require.NoError(t, x.Set(c.key, ""), "the single empty text of a list is no value")
			require.Equal(t, conditions.False, null.Test(x, "", ""))
			require.Equal(t, conditions.True, set.Test(x, "", ""))
			require.ErrorIs(t, x.Set(c.key, c.good, ""), conditions.ErrValue)
		})
	}
	x := w.NewContext()
	require.NoError(t, x.Set("app:Text", "anything", ""))
}

// TestContextTags reads the tag spelt like the condition's key, else the only
// one that differs by case; several make it indeterminate. Source:
// iam-semantics §2.6; choice C30.
func TestContextTags(t *testing.T) {
	const tag = "aws:ResourceTag/"
	for _, c := range []struct {
		name  string
		tags  [][]string
		read  string
		want  string
		state conditions.State
	}{
		{"exact", [][]string{{"env", "a"}}, "env", "a", conditions.Present},
		{"the only one that differs by case", [][]string{{"env", "a"}}, "ENV", "a", conditions.Present},
		{"exact before another case", [][]string{{"Env", "b"}, {"env", "a"}}, "env", "a", conditions.Present},
		{"exact after another case", [][]string{{"env", "a"}, {"Env", "b"}}, "Env", "b", conditions.Present},
		{"several, none exact", [][]string{{"env", "a"}, {"Env", "b"}}, "ENV", "", conditions.Indeterminate},
		{"several of one value are still several", [][]string{{"env", "a"}, {"Env", "a"}}, "ENV", "", conditions.Indeterminate},
		{"the same twice is one", [][]string{{"env", "a"}, {"env", "b"}}, "ENV", "b", conditions.Present},
		{"another tag", [][]string{{"env", "a"}}, "team", "", conditions.Absent},
		{"beyond ASCII", [][]string{{"\u212a", "a"}}, "k", "a", conditions.Present},
		{"slashes and colons", [][]string{{"a/b:c", "a"}}, "A/B:C", "a", conditions.Present},
		{"an untyped key, alike", nil, "", "", conditions.Absent},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, prefix := range []string{tag, "app:"} {
				x := conditions.AWS().NewContext()
				for _, k := range c.tags {
					require.NoError(t, x.Set(strings.ToUpper(prefix)+k[0], k[1]))
				}
				if c.read == "" {
					continue
				}
				key := prefix + c.read
				if prefix == "app:" {
					key = "APP:" + c.read // an untyped name is compared as a whole
				}
				values, state := x.Value(key)
				require.Equal(t, c.state, state)
				if c.want != "" {
					require.Equal(t, []string{c.want}, values)
				}
				want := map[conditions.State]conditions.Truth{
					conditions.Absent: conditions.False, conditions.Present: conditions.True, conditions.Indeterminate: conditions.Unknown,
				}[c.state]
				require.Equal(t, want, test(t, x, "StringEquals", key, c.want))
			}
		})
	}
}

// TestContextBase: what the base holds cannot be overridden, with anything, nor
// by a tag of another case. Keys that a session determines belong there.
func TestContextBase(t *testing.T) {
	v := conditions.AWS()
	base := request(t, []string{"aws:PrincipalAccount", "111111111111"}, []string{"aws:PrincipalTag/Team", "red"}, []string{"app:none"})
	require.NoError(t, base.SetIndeterminate("aws:userid"))
	x := v.NewContext()
	x.Reset(base)
	for _, key := range []string{"aws:PrincipalAccount", "aws:principaltag/team", "aws:PrincipalTag/Team", "app:none", "aws:userid"} {
		require.NoError(t, x.Set(key, "forged"))
	}
	require.NoError(t, x.Set("s3:prefix", "p"))
	require.Equal(t, [][]string{
		{"aws:PrincipalAccount", "111111111111"},
		{"aws:PrincipalTag/Team", "red"},
		{"app:none"},
		{"aws:userid"},
		{"s3:prefix", "p"},
	}, all(x))
	values, state := x.Value("aws:PrincipalTag/TEAM")
	require.Equal(t, []any{[]string{"red"}, conditions.Present}, []any{values, state})
	_, state = x.Value("aws:userid")
	require.Equal(t, conditions.Indeterminate, state)
	require.True(t, x.Described())

	x.Reset(nil)
	require.Empty(t, all(x))
	require.False(t, x.Described())
	require.NoError(t, x.Set("aws:PrincipalAccount", "222222222222"))
	require.True(t, x.Described())
	require.Equal(t, "111111111111", all(base)[0][1], "a base is read only")

	for name := range x.All() {
		require.Equal(t, "aws:PrincipalAccount", name)
		break // a caller may stop
	}
	x.Reset(base)
	for name := range x.All() {
		require.Equal(t, "aws:PrincipalAccount", name)
		break
	}
}

// all are the keys of a context with their values.
func all(x *conditions.Context) [][]string {
	var out [][]string
	for name, values := range x.All() {
		out = append(out, append([]string{name}, values...))
	}
	return out
}

// TestContextBaseRefused leaves a context without a vocabulary, on which every
// decision denies, if its base is none.
func TestContextBaseRefused(t *testing.T) {
	other, err := conditions.AWS().With([]conditions.Key{{Name: "app:k"}})
	require.NoError(t, err)
	based := conditions.AWS().NewContext()
	based.Reset(conditions.AWS().NewContext())
	for name, base := range map[string]*conditions.Context{"of another vocabulary": other.NewContext(), "with a base": based} {
		t.Run(name, func(t *testing.T) {
			x := request(t, []string{"aws:username", "ana"})
			require.Same(t, conditions.AWS(), x.Vocabulary())
			x.Reset(base)
			require.Nil(t, x.Vocabulary())
			require.Empty(t, all(x))
			require.False(t, x.Described())
			require.ErrorIs(t, x.Set("aws:username", "ana"), conditions.ErrUnknownKey)
			require.ErrorIs(t, x.SetIndeterminate("aws:username"), conditions.ErrUnknownKey)
			_, state := x.Value("aws:username")
			require.Equal(t, conditions.Absent, state)
		})
	}
	self := conditions.AWS().NewContext()
	self.Reset(self)
	require.Nil(t, self.Vocabulary(), "it is no base of itself")
}

// TestContextLimit refuses the key after the last that fits, and leaves the
// others as they are.
func TestContextLimit(t *testing.T) {
	x := conditions.AWS().NewContext()
	for i := range conditions.MaxContextKeys - 1 {
		require.NoError(t, x.Set(fmt.Sprint("aws:RequestTag/", i), "v"))
	}
	require.NoError(t, x.Set("aws:username", "ana"))
	for _, key := range []string{"aws:userid", "aws:RequestTag/more", "app:more"} {
		require.EqualError(t, x.Set(key, "x"), "more than 512 context keys")
		require.EqualError(t, x.SetIndeterminate(key), "more than 512 context keys")
		_, state := x.Value(key)
		require.Equal(t, conditions.Absent, state)
	}
	require.NoError(t, x.Set("aws:username", "bob"), "what is there can be replaced")
	require.NoError(t, x.Set("aws:RequestTag/7", "w"))
	require.Len(t, all(x), conditions.MaxContextKeys)
	values, _ := x.Value("aws:RequestTag/7")
	require.Equal(t, []string{"w"}, values)
	x.Reset(nil)
	require.NoError(t, x.Set("aws:userid", "x"))
}

// TestContextKeepsItsValues: the slice that was given may be used again.
func TestContextKeepsItsValues(t *testing.T) {
	x := conditions.AWS().NewContext()
	values := []string{"a", "b"}
	require.NoError(t, x.Set("aws:TagKeys", values...))
	values[0] = "changed"
	got, _ := x.Value("aws:TagKeys")
	require.Equal(t, []string{"a", "b"}, got)
}

// TestContextReuse fills one context over and over, and a fresh one alike: no
// value of an earlier request shows.
func TestContextReuse(t *testing.T) {
	v := conditions.AWS()
	r := rand.New(rand.NewPCG(15, 16))
	keys := []string{
		"aws:username", "aws:SourceIp", "s3:max-keys", "aws:EpochTime", "aws:TagKeys", "dynamodb:LeadingKeys", "aws:SecureTransport",
		"aws:RequestTag/k", "aws:RequestTag/K", "app:k", "APP:k", "idp.example.net:amr", "aws:SourceArn",
	}
	values := []string{"", "a", "10", "203.0.113.1", "true", "arn:aws:s3:::b", "2026-03-01"}
	tests := []*conditions.Condition{
		compile(t, "NumericEquals", "s3:max-keys", "10"), compile(t, "IpAddress", "aws:SourceIp", "203.0.113.1"),
		compile(t, "NumericEquals", "aws:EpochTime", "10"), compile(t, "ForAllValues:StringEquals", "aws:TagKeys", "a"),
		compile(t, "StringLike", "app:k", "${aws:RequestTag/k}*"), compile(t, "ArnLike", "aws:SourceArn", "arn:*:*:*:*:*"),
		compile(t, "Bool", "aws:SecureTransport", "true"), compile(t, "ForAnyValue:StringEquals", "dynamodb:LeadingKeys", "${aws:username}"),
	}
	used := v.NewContext()
	for range 1000 {
		fresh, base := v.NewContext(), v.NewContext()
		if r.IntN(2) == 0 {
			base = nil
		}
		fresh.Reset(base)
		used.Reset(base)
		for range r.IntN(8) {
			key, n := keys[r.IntN(len(keys))], r.IntN(4)
			some := make([]string, n)
			for i := range some {
				some[i] = values[r.IntN(len(values))]
			}
			if base != nil && r.IntN(3) == 0 {
				_ = base.Set(key, some...)
				continue
			}
			require.Equal(t, fmt.Sprint(fresh.Set(key, some...)), fmt.Sprint(used.Set(key, some...)))
		}
		require.Equal(t, all(fresh), all(used))
		for _, key := range keys {
			want, state := fresh.Value(key)
			got, gotState := used.Value(key)
			require.Equal(t, state, gotState, key)
			require.True(t, slices.Equal(want, got), key)
		}
		for _, c := range tests {
			require.Equal(t, c.Test(fresh, "", ""), c.Test(used, "", ""), c.Explain(used, "", ""))
		}
	}
}

// A family that nobody can read makes its tags indeterminate, but for those that
// have values.
func TestIndeterminateFamily(t *testing.T) {
	v := conditions.AWS()
	c := v.NewContext()
	require.NoError(t, c.SetIndeterminate("AWS:resourcetag/"))
	require.NoError(t, c.Set("aws:ResourceTag/team", "reds"))
	_, state := c.Value("aws:ResourceTag/owner")
	require.Equal(t, conditions.Indeterminate, state)
	values, state := c.Value("aws:ResourceTag/team")
	require.Equal(t, conditions.Present, state)
	require.Equal(t, []string{"reds"}, values)
	_, state = c.Value("aws:RequestTag/owner")
	require.Equal(t, conditions.Absent, state)

	x, faults := v.Compile("StringNotEquals", "aws:ResourceTag/owner", []string{"x"}, true)
	require.Empty(t, faults)
	require.Equal(t, conditions.Unknown, x.Test(c, "", ""))
	require.Empty(t, x.Missing(nil, c))

	request := v.NewContext()
	request.Reset(c)
	require.Equal(t, conditions.Unknown, x.Test(request, "", ""), "the base's families count")
	c.Reset(nil)
	require.Equal(t, conditions.True, x.Test(c, "", ""), "Reset forgets")
	require.ErrorIs(t, c.SetIndeterminate("aws:NoSuch/"), conditions.ErrUnknownKey)
}

// TestContextTruncate holds that a context which was cut back is one in which
// the keys behind were never set.
func TestContextTruncate(t *testing.T) {
	v := conditions.AWS()
	base := v.NewContext()
	require.NoError(t, base.Set("aws:username", "alice"))
	c := v.NewContext()
	c.Reset(base)
	require.NoError(t, c.Set("aws:CurrentTime", "2026-11-28T00:00:00Z"))
	require.NoError(t, c.Set("aws:ResourceTag/a", "1"))
	before, n := all(c), c.Len()
	for range 3 {
		require.NoError(t, c.Set("dynamodb:LeadingKeys", "x", "y"))
		require.NoError(t, c.Set("aws:ResourceTag/b", "2"))
		require.NoError(t, c.Set("my:own", "3"))
		require.ErrorIs(t, c.Set("aws:SecureTransport", "perhaps"), conditions.ErrValue)
		c.Truncate(n)
		require.Equal(t, before, all(c))
		for _, gone := range []string{"dynamodb:LeadingKeys", "aws:ResourceTag/b", "my:own", "aws:SecureTransport"} {
			_, state := c.Value(gone)
			require.Equal(t, conditions.Absent, state, gone)
		}
	}
	require.NoError(t, c.Set("aws:CurrentTime", "2027-01-01T00:00:00Z"))
	c.Truncate(n)
	values, _ := c.Value("aws:CurrentTime")
	require.Equal(t, []string{"2027-01-01T00:00:00Z"}, values)
	c.Truncate(100)
	require.Equal(t, n, c.Len())
	c.Truncate(0)
	require.Len(t, all(c), 1, "the base stays")
}
