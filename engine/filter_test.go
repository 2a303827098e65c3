package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/corpus"
	"github.com/rowan-authz/rowan/policy"
)

// TestFilterCorpus holds every case of testdata/filters to its text, to its
// rows, and to Decide.
func TestFilterCorpus(t *testing.T) {
	for _, c := range corpus.Filters(t) {
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			require.NotEmpty(t, c.Why)
			require.NotEmpty(t, c.Source)
			q, err := c.Scenario.Question(conditions.AWS(), corpus.Now)
			require.NoError(t, err)
			f, err := q.Evaluator.Filter(q.Request, c.Unknown...)
			require.NoError(t, err)
			require.Equal(t, c.Filter, f.String())
			require.Equal(t, c.Unknown, f.Unknown().Names())
			row := rowCase{evaluator: q.Evaluator, request: q.Request, base: q.Request.Context, filter: f}
			for want, rows := range map[bool][][]conditions.Value{true: c.Kept, false: c.Hidden} {
				for _, values := range rows {
					require.Equal(t, want, f.Keep(values), row.show(values))
					require.Equal(t, want, row.decide(t, values), "Decide: %s", row.show(values))
					require.Zero(t, testing.AllocsPerRun(5, func() { f.Keep(values) }), row.show(values))
				}
			}
			if f.Scope() == engine.Partly {
				require.NotEmpty(t, c.Kept)
				require.NotEmpty(t, c.Hidden)
			}
		})
	}
}

// question of one Allow statement with the condition block.
func filterOf(t testing.TB, block string, unknown ...string) (engine.Filter, error) {
	t.Helper()
	v := conditions.AWS()
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	x := v.NewContext()
	require.NoError(t, p.Describe(x))
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Rows","Effect":"Allow","Action":"app:Read","Resource":"*","Condition":%s}]}`, block)
	e := engine.Evaluator{Identity: mustCompile(t, text)}
	return e.Filter(&engine.Request{Principal: p, Action: "app:Read", Resource: "arn:aws:app:us-east-1:111122223333:doc/1", Context: x}, unknown...)
}

func TestZeroFilterKeepsNothing(t *testing.T) {
	var f engine.Filter
	require.Equal(t, engine.Nothing, f.Scope())
	require.False(t, f.Keep(nil))
	require.False(t, f.Keep([]conditions.Value{conditions.Text("a")}))
	keep := []bool{true}
	f.KeepColumn([]string{"a"}, keep)
	require.False(t, keep[0])
}

func TestFilterRefusesRowsOfAnotherWidth(t *testing.T) {
	f, err := filterOf(t, `{"StringEquals":{"app:k":"a"}}`, "app:k")
	require.NoError(t, err)
	require.True(t, f.Keep([]conditions.Value{conditions.Text("a")}))
	require.False(t, f.Keep(nil))
	require.False(t, f.Keep([]conditions.Value{conditions.Text("a"), conditions.Text("a")}))
	keep := []bool{true, true}
	f.KeepColumn([]string{"a"}, keep)
	require.Equal(t, []bool{false, false}, keep)
}

func TestFilterErrors(t *testing.T) {
	for name, c := range map[string]struct {
		block   string
		unknown []string
		want    error
		text    string
	}{
		"misspelt key":       {`{"StringEquals":{"app:k":"a"}}`, []string{"dynamodb:LeadingKey"}, conditions.ErrUnknownKey, "LeadingKeys"},
		"no key":             {`{"StringEquals":{"app:k":"a"}}`, []string{"k"}, conditions.ErrKeyName, `"k"`},
		"twice":              {`{"StringEquals":{"app:k":"a"}}`, []string{"app:k", "APP:K"}, conditions.ErrUnknowns, "app:k"},
		"known":              {`{"StringEquals":{"app:k":"a"}}`, []string{"aws:PrincipalAccount"}, conditions.ErrUnknowns, "session"},
		"session":            {`{"StringEquals":{"app:k":"a"}}`, []string{"cognito-identity.amazonaws.com:sub"}, conditions.ErrUnknowns, "session"},
		"clock":              {`{"StringEquals":{"app:k":"a"}}`, []string{"aws:EpochTime"}, conditions.ErrUnknowns, "request"},
		"variable of a row":  {`{"StringEquals":{"app:l":"${app:k}"}}`, []string{"app:k"}, conditions.ErrOpaque, "app:k"},
		"variable beside it": {`{"StringLike":{"app:k":"${app:l}/*"}}`, []string{"app:k", "app:l"}, conditions.ErrOpaque, "app:l"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := filterOf(t, c.block, c.unknown...)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
			require.Equal(t, engine.Nothing, f.Scope())
			var where *engine.FilterError
			if errors.As(err, &where) {
				require.Equal(t, "Rows", where.Statement.Sid)
				require.Equal(t, engine.ByIdentity, where.Authority)
			}
			require.Equal(t, errors.Is(err, conditions.ErrOpaque), where != nil)
		})
	}
}

// What cannot be said of a statement does not matter where it never applies.
func TestFilterIgnoresWhatNeverApplies(t *testing.T) {
	f, err := filterOf(t, `{"StringEquals":{"app:l":"${app:k}","aws:username":"bob"}}`, "app:k")
	require.NoError(t, err)
	require.Equal(t, engine.Nothing, f.Scope())
}

func TestFilterRefusesUndecidableRequests(t *testing.T) {
	e := engine.Evaluator{Identity: mustCompile(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}
	x := conditions.AWS().NewContext()
	_, err := e.Filter(&engine.Request{Action: "app:*", Resource: "arn:aws:app:us-east-1:111122223333:doc/1", Context: x}, "app:k")
	require.ErrorIs(t, err, engine.ErrUndecidable)
	_, err = e.Filter(&engine.Request{Action: "app:Read", Resource: "doc", Context: x}, "app:k")
	require.ErrorIs(t, err, engine.ErrUndecidable)
	_, err = e.Filter(&engine.Request{Action: "app:Read", Resource: "arn:aws:app:us-east-1:111122223333:doc/1"}, "app:k")
	require.ErrorIs(t, err, engine.ErrUndecidable)
}

// A resource policy's match of the principal decides what else must allow the
// row.
func TestFilterOfResourcePolicies(t *testing.T) {
	v := conditions.AWS()
	resource := func(principal, value string) *engine.Set {
		text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"app:Read","Resource":"*","Condition":{"StringEquals":{"app:k":%q}}}]}`, principal, value)
		d, err := policy.Parse("resource", []byte(text))
		require.NoError(t, err)
		s, err := engine.Compile(v, policy.Resource, d)
		require.NoError(t, err)
		return s
	}
	identity := mustCompile(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"app:Read","Resource":"*","Condition":{"StringEquals":{"app:k":"own"}}}]}`)
	for _, c := range []struct {
		name, principal, account, filter string
		identity                         *engine.Set
	}{
		{"the user, same account", `{"AWS":"arn:aws:iam::111122223333:user/ann"}`, "111122223333", `app:k in ("own", "shared")`, identity},
		{"the account, same account", `{"AWS":"111122223333"}`, "111122223333", `app:k = "own"`, identity},
		{"the account, other account", `{"AWS":"111122223333"}`, "444455556666", `nothing`, identity},
		{"another user, other account", `{"AWS":"arn:aws:iam::111122223333:user/bob"}`, "444455556666", `nothing`, identity},
		{"the user, other account, no own policy", `{"AWS":"arn:aws:iam::111122223333:user/ann"}`, "444455556666", `nothing`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
			require.NoError(t, err)
			x := v.NewContext()
			require.NoError(t, p.Describe(x))
			e := engine.Evaluator{Identity: c.identity, Resource: resource(c.principal, "shared")}
			f, err := e.Filter(&engine.Request{
				Principal: p, Action: "app:Read", Resource: "arn:aws:app:us-east-1:" + c.account + ":doc/1", Context: x,
			}, "app:k")
			require.NoError(t, err)
			require.Equal(t, c.filter, f.String())
		})
	}
	t.Run("both must allow across accounts", func(t *testing.T) {
		p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
		require.NoError(t, err)
		x := v.NewContext()
		require.NoError(t, p.Describe(x))
		e := engine.Evaluator{Identity: identity, Resource: resource(`{"AWS":"111122223333"}`, "own")}
		f, err := e.Filter(&engine.Request{Principal: p, Action: "app:Read", Resource: "arn:aws:app:us-east-1:444455556666:doc/1", Context: x}, "app:k")
		require.NoError(t, err)
		require.Equal(t, `app:k = "own"`, f.String())
	})
}

func TestFilterValues(t *testing.T) {
	for block, want := range map[string][]string{
		`{"StringEquals":{"app:k":["b","a"]}}`:                                            {"a", "b"},
		`{"StringEquals":{"app:k":["b","a"]},"StringLike":{"app:k":"a*"}}`:                {"a", "b"},
		`{"StringEquals":{"app:k":["b","a"]},"StringEqualsIfExists":{"app:k":["b","c"]}}`: {"b"},
		`{"StringEqualsIfExists":{"app:k":"a"}}`:                                          nil,
		`{"StringNotEquals":{"app:k":"a"}}`:                                               nil,
		`{"StringLike":{"app:k":"a*"}}`:                                                   nil,
		`{"ForAllValues:StringEquals":{"app:k":"a"}}`:                                     nil,
	} {
		f, err := filterOf(t, block, "app:k")
		require.NoError(t, err, block)
		got, finite := f.Root().Values(0)
		require.Equal(t, want != nil, finite, block)
		require.Equal(t, want, got, block)
	}
}

// The order of statements and of conditions does not show in a filter.
func TestFilterIsOneTextForOneMeaning(t *testing.T) {
	a := `{"StringEquals":{"app:k":["a","b"],"app:l":"x"},"StringLike":{"app:k":"a*"}}`
	b := `{"StringLike":{"app:k":"a*"},"StringEquals":{"app:l":"x","app:k":["b","a","b"]}}`
	f, err := filterOf(t, a, "app:k", "app:l")
	require.NoError(t, err)
	g, err := filterOf(t, b, "app:k", "app:l")
	require.NoError(t, err)
	require.Equal(t, f.String(), g.String())
	require.Equal(t, `(app:k in ("a", "b")) and (app:k like "a*") and (app:l = "x")`, f.String())
}

// BenchmarkKeep asks the classic filter about a row, beside the floor: one
// comparison of the row's key with the caller's.
func BenchmarkKeep(b *testing.B) {
	classic, err := filterOf(b, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${aws:username}"}}`, "dynamodb:LeadingKeys")
	require.NoError(b, err)
	// No row's string lies where the policy's does: that would compare for free.
	want := strings.Clone("ann")
	for _, row := range []struct{ name, key string }{{"own", strings.Clone("ann")}, {"other", strings.Clone("bob")}} {
		values := []conditions.Value{conditions.Text(row.key)}
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				classic.Keep(values)
			}
		})
		b.Run(row.name+" floor", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				equal(row.key, want)
			}
		})
	}
	column, keep := make([]string, 1024), make([]bool, 1024)
	for i := range column {
		column[i] = [...]string{"ann", "bob"}[i%2]
	}
	b.Run("column of 1024", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			classic.KeepColumn(column, keep)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(column)), "ns/row")
	})
	b.Run("make the filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := filterOf(b, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${aws:username}"}}`, "dynamodb:LeadingKeys"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

//go:noinline
func equal(a, b string) bool { return a == b }

// TestFilterBrokenBytes: a byte that is no UTF-8 is not U+FFFD without regard to
// case, in an Allow and in a Deny alike. Source: choice C10.
func TestFilterBrokenBytes(t *testing.T) {
	for block, kept := range map[string]map[string]bool{
		`{"StringEqualsIgnoreCase":{"app:k":"k\ufffd"}}`:    {"K\ufffd": true, "\u212a\ufffd": true, "k\xff": false, "k\xfe": false},
		`{"StringNotEqualsIgnoreCase":{"app:k":"k\ufffd"}}`: {"K\ufffd": false, "k\xff": true},
	} {
		f, err := filterOf(t, block, "app:k")
		require.NoError(t, err)
		for text, want := range kept {
			require.Equal(t, want, f.Keep([]conditions.Value{conditions.Text(text)}), "%s: %q", block, text)
		}
	}
}
