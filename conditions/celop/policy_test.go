package celop_test

import (
	"encoding/json"
	"strings"
	"testing"
	_ "time/tzdata" // the zones of the cases, whatever the machine has

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// vocabulary is that of a program that opted in.
func vocabulary(t testing.TB, cfg celop.Config) *conditions.Vocabulary {
	t.Helper()
	op, err := celop.New(cfg)
	require.NoError(t, err)
	v, err := conditions.AWS().With(nil, op)
	require.NoError(t, err)
	return v
}

// object is JSON in the making.
type object map[string]any

// statement has one CelTrue condition for every label.
func statement(effect string, labels object) object {
	return object{
		"Effect": effect, "Action": "dynamodb:*", "Resource": "*",
		"Condition": object{celop.Name: labels},
	}
}

var allowAll = object{"Effect": "Allow", "Action": "*", "Resource": "*"}

func compile(t testing.TB, v *conditions.Vocabulary, statements ...object) (*engine.Evaluator, error) {
	t.Helper()
	src, err := json.Marshal(object{"Version": "2012-10-17", "Statement": statements})
	require.NoError(t, err)
	doc, err := policy.Parse("policy.json", src)
	require.NoError(t, err)
	set, err := engine.Compile(v, policy.Identity, doc)
	if err != nil {
		return nil, err
	}
	return &engine.Evaluator{Identity: set}, nil
}

func mustCompile(t testing.TB, v *conditions.Vocabulary, statements ...object) *engine.Evaluator {
	t.Helper()
	e, err := compile(t, v, statements...)
	require.NoError(t, err)
	return e
}

// keys are the values of context keys.
type keys map[string][]string

// request asks for an item of a table, as a user called ann.
func request(t testing.TB, v *conditions.Vocabulary, more keys) *engine.Request {
	t.Helper()
	ann, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	ann = ann.WithUniqueID("AIDAEXAMPLE")
	c := v.NewContext()
	require.NoError(t, ann.Describe(c))
	for key, values := range more {
		if err := c.Set(key, values...); err != nil {
			require.ErrorIs(t, err, conditions.ErrValue, "an indeterminate key is part of a case")
		}
	}
	return &engine.Request{
		Principal: ann, Action: "dynamodb:GetItem", Context: c,
		Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores",
	}
}

// morning is what the cases below know, if they say no more.
var morning = keys{
	"aws:CurrentTime":          {"2026-11-23T05:00:00Z"},
	"aws:PrincipalTag/team":    {"red"},
	"s3:RequestObjectTag/team": {"red"},
	"dynamodb:LeadingKeys":     {"us-east-1:aaaa"},
	"dynamodb:Attributes":      {"UserId", "GameTitle", "TopScore"},
	"app:tier":                 {},
	"aws:SourceIp":             {"203.0.113.300"}, // no address: indeterminate
}

// result is what an expression comes to.
type result int

const (
	yes result = iota
	no
	fails
)

// decisions are expressions about morning.
var decisions = []struct {
	name, expression string
	want             result
}{
	{"the sample of the documentation", "request.time.getHours('UTC') < 18 && principal.tags['team'] == context['s3:RequestObjectTag/team'][0]", yes},
	{"twin: too late", "request.time.getHours('UTC') < 5 && principal.tags['team'] == context['s3:RequestObjectTag/team'][0]", no},
	{"twin: another team", "request.time.getHours('UTC') < 18 && principal.tags['team'] != context['s3:RequestObjectTag/team'][0]", no},

	{"action is in lower case", "request.action == 'dynamodb:getitem'", yes},
	{"another action", "request.action == 'dynamodb:putitem'", no},
	{"resource", "request.resource.endsWith(':table/GameScores')", yes},
	{"another resource", "request.resource.endsWith(':table/Scores')", no},
	{"principal", "principal.arn == 'arn:aws:iam::111122223333:user/ann' && principal.account == '111122223333' && principal.type == 'User' && principal.userid == 'AIDAEXAMPLE' && principal.username == 'ann'", yes},
	{"another principal", "principal.username == 'bob'", no},

	{"a named zone", "request.time.getHours('Europe/Berlin') == 6", yes},
	{"twin: another zone", "request.time.getHours('America/New_York') == 6", no},
	{"an offset", "request.time.getHours('-05:30') == 23 && request.time.getMinutes('-05:30') == 30", yes},
	{"days in a zone", "request.time.getDate('-06:00') == 22 && request.time.getDayOfWeek('-06:00') == 0 && request.time.getDate() == 23", yes},
	{"all fields in a zone", "request.time.getFullYear('UTC') == 2026 && request.time.getMonth('UTC') == 10 && request.time.getDayOfMonth('UTC') == 22 && request.time.getDayOfYear('UTC') == 326 && request.time.getSeconds('UTC') == 0 && request.time.getMilliseconds('UTC') == 0", yes},
	{"dates compare", "timestamp('2026-11-23T06:00:00+02:00') < request.time && request.time < timestamp('2026-11-24')", yes},
	{"twin: a day later", "timestamp('2026-11-24T06:00:00+02:00') < request.time", no},
	{"durations", "request.time - timestamp('2026-11-23') == duration('5h')", yes},

	{"a tag by selection", "principal.tags.team == 'red'", yes},
	{"a tag in another case", "principal.tags['TEAM'] == 'red'", yes},
	{"in the tags", "'team' in principal.tags", yes},
	{"not in the tags", "'nest' in principal.tags", no},
	{"an absent tag", "principal.tags['nest'] == 'red'", fails},
	{"an absent tag, negated", "!(principal.tags['nest'] == 'red')", fails},

	{"a key in another case", "context['AWS:username'][0] == 'ann'", yes},
	{"in the context", "'dynamodb:leadingkeys' in context", yes},
	{"not in the context", "'aws:SourceVpc' in context", no},
	{"an absent key", "context['aws:SourceVpc'][0] != 'vpc-1'", fails},
	{"an absent key behind a guard", "!('aws:SourceVpc' in context) || context['aws:SourceVpc'][0] == 'vpc-1'", yes},
	{"an absent key that cannot change the result", "context['aws:SourceVpc'][0] == 'vpc-1' || principal.username == 'ann'", yes},
	{"an index too far", "context['dynamodb:LeadingKeys'][1] == 'x'", fails},
	{"a key without values", "context['app:tier'] == [] && size(context['app:tier']) == 0", yes},
	{"the first of no values", "context['app:tier'][0] == 'gold'", fails},
	{"all", "context['dynamodb:Attributes'].all(a, a in ['UserId', 'GameTitle', 'TopScore', 'Wins'])", yes},
	{"twin: not all", "context['dynamodb:Attributes'].all(a, a in ['UserId', 'GameTitle', 'Wins'])", no},
	{"exists_one, filter and map", "context['dynamodb:Attributes'].exists_one(a, a.startsWith('Top')) && context['dynamodb:Attributes'].filter(a, a.contains('er')) == ['UserId'] && context['dynamodb:Attributes'].map(a, size(a)) == [6, 9, 8]", yes},
	{"a computed key", "context['aws:' + 'username'][0] == 'ann'", yes},
	{"a computed key that no request can have", "('aws:User' + 'Nam') in context", fails},
	{"a computed key that is no key", "(principal.username + '!') in context", fails},

	{"an indeterminate key", "context['aws:SourceIp'][0] == '203.0.113.1'", fails},
	{"an indeterminate key, in", "'aws:SourceIp' in context", fails},
	{"an indeterminate key, not in", "!('aws:sourceip' in context)", fails},
	{"an indeterminate key in a context used whole", "context.exists(k, k == 'aws:username')", fails},
	{"an indeterminate key behind size", "size(context) > 0", fails},
	{"an indeterminate key behind a rooted name", ".context.exists(k, k == 'aws:username')", fails},
	{"a rooted name", ".context['aws:username'][0] == .principal.username", yes},
	{"an indeterminate key and a true side", "size(context) > 0 || true", fails},
	{"tags used whole do not read it", "size(principal.tags) == 1 && principal.tags.all(k, principal.tags[k] == 'red')", yes},
	{"tags are not compared, however hidden", "(principal.username == 'ann' ? principal.tags : {'a': 'b'}) == {'team': 'red'}", fails},
	{"a tag of chosen tags", "(principal.username == 'ann' ? principal.tags : {'team': 'b'})['team'] == 'red'", yes},

	{"numbers from text", "int(context['dynamodb:LeadingKeys'][0].contains('aaaa') ? '7' : 'x') == 7", yes},
	{"no number", "int(principal.username) == 7", fails},
	{"no date", "timestamp(principal.username) < request.time", fails},
	{"division by zero", "1 / (size(principal.username) - 3) == 1", fails},
	{"overflow", "9223372036854775807 + size(principal.username) > 0", fails},
	{"a late date", "timestamp('9999-12-31T23:59:59Z') + duration(principal.username == 'ann' ? '24h' : '1s') > request.time", fails},
}

// TestDecide asks each expression in an Allow and in a Deny. An error is the
// one result that grants in neither.
func TestDecide(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	wantAllow := map[result]engine.Outcome{yes: engine.Allowed, no: engine.ImplicitDeny, fails: engine.ImplicitDeny}
	wantDeny := map[result]engine.Outcome{yes: engine.ExplicitDeny, no: engine.Allowed, fails: engine.ExplicitDeny}
	for _, tc := range decisions {
		t.Run(tc.name, func(t *testing.T) {
			r := request(t, v, morning)
			allow := mustCompile(t, v, statement("Allow", object{"the case": tc.expression}))
			deny := mustCompile(t, v, allowAll, statement("Deny", object{"the case": tc.expression}))
			require.Equal(t, wantAllow[tc.want], allow.Decide(r).Outcome, "as an Allow")
			require.Equal(t, wantDeny[tc.want], deny.Decide(r).Outcome, "as a Deny")

			for _, e := range []*engine.Evaluator{allow, deny} {
				x := e.Explain(r)
				require.Equal(t, e.Decide(r), x.Decision)
				report := x.Looked[len(x.Looked)-1].Conditions[0]
				require.Equal(t, tc.want == fails, report.Err != nil, "Explain says %v", report.Err)
				require.Equal(t, tc.want == fails, report.Result == conditions.Unknown)
			}
		})
	}
}

// TestValuesAndLabels: values are ORed, labels ANDed.
func TestValuesAndLabels(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	const fails = "context['aws:SourceVpc'][0] == ''"
	cases := []struct {
		name   string
		labels object
		want   engine.Outcome
	}{
		{"either value", object{"a": []string{"false", "true"}}, engine.Allowed},
		{"no value", object{"a": []string{"false", "1 == 2"}}, engine.ImplicitDeny},
		{"a value that fails beside a true one", object{"a": []string{fails, "true"}}, engine.Allowed},
		{"a value that fails beside a false one", object{"a": []string{fails, "false"}}, engine.ImplicitDeny},
		{"both labels", object{"a": "true", "b": "true"}, engine.Allowed},
		{"one label", object{"a": "true", "b": "false"}, engine.ImplicitDeny},
		{"one label that fails", object{"a": "true", "b": fails}, engine.ImplicitDeny},
		{"a JSON boolean is an expression too", object{"a": true}, engine.Allowed},
		{"twin: false", object{"a": false}, engine.ImplicitDeny},
		{"a label of 128 bytes", object{strings.Repeat("l", 128): "true"}, engine.Allowed},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			e := mustCompile(t, v, statement("Allow", tc.labels))
			require.Equal(t, tc.want, e.Decide(request(t, v, nil)).Outcome)
		})
	}
}

// TestOperatorRefused: the operator exists only as written, and only for those
// who opted in.
func TestOperatorRefused(t *testing.T) {
	with := vocabulary(t, celop.Config{})
	condition := func(operator, label string) object {
		s := statement("Allow", nil)
		s["Condition"] = object{operator: object{label: "true"}}
		return s
	}
	cases := []struct {
		name            string
		v               *conditions.Vocabulary
		operator, label string
		want            error
	}{
		{"no opt-in", conditions.AWS(), "CelTrue", "a", conditions.ErrUnknownOperator},
		{"IfExists", with, "CelTrueIfExists", "a", conditions.ErrUnknownOperator},
		{"ForAllValues", with, "ForAllValues:CelTrue", "a", conditions.ErrUnknownOperator},
		{"ForAnyValue", with, "ForAnyValue:CelTrue", "a", conditions.ErrUnknownOperator},
		{"another case", with, "celTrue", "a", conditions.ErrUnknownOperator},
		{"an empty label", with, "CelTrue", "", conditions.ErrKeyName},
		{"a label of 129 bytes", with, "CelTrue", strings.Repeat("l", 129), conditions.ErrKeyName},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := compile(t, tc.v, condition(tc.operator, tc.label))
			require.ErrorIs(t, err, tc.want)
		})
	}
	_, err := compile(t, with, condition("CelTrue", "a"))
	require.NoError(t, err, "the twin of them all")
}

// TestFaultsOfDocument: every expression's faults are reported at once, with
// the place in the document and the place in the expression.
func TestFaultsOfDocument(t *testing.T) {
	_, err := compile(t, vocabulary(t, celop.Config{}), statement("Allow", object{
		"a": []string{"tenant == 'x'", "true", "1 +"}, "b": "context['aws:SourceIP']",
	}))
	var found policy.Errors
	require.ErrorAs(t, err, &found)
	require.Len(t, found, 3)
	for _, one := range found {
		require.ErrorIs(t, one, celop.ErrExpression)
	}
	require.Regexp(t, `^policy\.json:1:\d+: /Statement/0/Condition/CelTrue/a: CEL expression refused: 1:1: undeclared reference to 'tenant'$`, found[0].Error())
}

// TestExplain: the report names the label, the expression and the error with
// its place.
func TestExplain(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	const expression = "principal.username == 'ann' &&\n  principal.tags['nest'] == 'high'"
	e := mustCompile(t, v, statement("Allow", object{"nest": expression}))
	x := e.Explain(request(t, v, nil))
	require.Equal(t, engine.ImplicitDeny, x.Decision.Outcome)
	require.Len(t, x.Looked, 1)
	report := x.Looked[0].Conditions[0]
	require.Equal(t, "CelTrue", report.Operator)
	require.Equal(t, "nest", report.Key)
	require.Equal(t, []string{expression}, report.Policy)
	require.Equal(t, conditions.Unknown, report.Result)
	require.EqualError(t, report.Err, "2:17: no such key: nest")

	// What a request holds cannot make the error unfit to print, or long.
	e = mustCompile(t, v, statement("Allow", object{"odd": "context[context['app:odd'][0]] == []"}))
	report = e.Explain(request(t, v, keys{"app:odd": {"a:\x1b[2J\u202e\xff" + strings.Repeat("x", 400)}})).Looked[0].Conditions[0]
	require.Error(t, report.Err)
	require.Less(t, len(report.Err.Error()), 400)
	require.NotContains(t, report.Err.Error(), "\x1b")

	require.ErrorIs(t, errOf(t, v, "'aws:SourceIp' in context", morning), conditions.ErrValue)
	require.ErrorIs(t, errOf(t, v, "size(context) == 0", morning), conditions.ErrValue)
	require.ErrorIs(t, errOf(t, v, "('aws:User' + 'Nam') in context", nil), conditions.ErrUnknownKey)
}

// errOf returns the error that Explain shows for an expression.
func errOf(t testing.TB, v *conditions.Vocabulary, expression string, k keys) error {
	t.Helper()
	x := mustCompile(t, v, statement("Allow", object{"a": expression})).Explain(request(t, v, k))
	return x.Looked[0].Conditions[0].Err
}

// TestTime: the clock is the request's.
func TestTime(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	const expression = "request.time == timestamp('2026-11-23T05:00:00Z')"
	for _, k := range []keys{
		{"aws:CurrentTime": {"2026-11-23T05:00:00Z"}},
		{"aws:CurrentTime": {"1795410000"}},
		{"aws:CurrentTime": {"2026-11-23T06:30+01:30"}},
		{"aws:EpochTime": {"1795410000"}},
		{"aws:CurrentTime": {"2026-11-23T05:00:00Z"}, "aws:EpochTime": {"1"}},
	} {
		e := mustCompile(t, v, statement("Allow", object{"a": expression}))
		require.Equal(t, engine.Allowed, e.Decide(request(t, v, k)).Outcome, "%v", k)
	}
	require.EqualError(t, errOf(t, v, expression, nil), "1:8: the request has no aws:EpochTime")
	require.Error(t, errOf(t, v, expression, keys{"aws:CurrentTime": {}, "aws:EpochTime": {"1795410000"}}))
	require.ErrorIs(t, errOf(t, v, expression, keys{"aws:CurrentTime": {"noon"}, "aws:EpochTime": {"1795410000"}}), conditions.ErrValue)
	require.Error(t, errOf(t, v, expression, keys{"aws:CurrentTime": {"0000-01-01"}}), "CEL has no year 0")
}

// TestTagsOfTwoSpellings: several tags that differ by case are told apart by
// the exact spelling, else not at all.
func TestTagsOfTwoSpellings(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	two := keys{"aws:PrincipalTag/Team": {"red"}, "aws:PrincipalTag/team": {"blue"}}
	e := mustCompile(t, v, statement("Allow", object{"a": "principal.tags['Team'] == 'red' && principal.tags['team'] == 'blue' && size(principal.tags) == 2"}))
	require.Equal(t, engine.Allowed, e.Decide(request(t, v, two)).Outcome)
	require.ErrorIs(t, errOf(t, v, "'TEAM' in principal.tags", two), conditions.ErrValue)
	require.NoError(t, errOf(t, v, "'TEAM' in principal.tags", keys{"aws:PrincipalTag/Team": {"red"}}), "the twin has one")
}

// TestSessionKeys: what a session determines cannot be overridden.
func TestSessionKeys(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	r := request(t, v, keys{"aws:PrincipalTag/team": {"red"}})
	own := v.NewContext()
	own.Reset(r.Context)
	require.NoError(t, own.Set("aws:PrincipalTag/Team", "blue"))
	r.Context = own
	e := mustCompile(t, v, statement("Allow", object{"a": "principal.tags.all(k, principal.tags[k] == 'red') && principal.tags.Team == 'red' && size(principal.tags) == 1"}))
	require.Equal(t, engine.Allowed, e.Decide(r).Outcome)
}

// TestOwnKeys: a program's own keys are known to expressions if it says so.
func TestOwnKeys(t *testing.T) {
	own, err := conditions.AWS().With([]conditions.Key{{Name: "aws:Floor", Kind: conditions.Number}})
	require.NoError(t, err)
	const expression = "int(context['aws:floor'][0]) < 7"
	for _, cfg := range []celop.Config{{}, {Keys: own}} {
		op, err := celop.New(cfg)
		require.NoError(t, err)
		v, err := own.With(nil, op)
		require.NoError(t, err)
		e, err := compile(t, v, statement("Allow", object{"a": expression}))
		if cfg.Keys == nil {
			require.ErrorContains(t, err, `unknown context key "aws:floor"`)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, engine.Allowed, e.Decide(request(t, v, keys{"aws:Floor": {"3"}})).Outcome)
		require.Equal(t, engine.ImplicitDeny, e.Decide(request(t, v, keys{"aws:Floor": {"7"}})).Outcome)
	}
}

// TestNoContext: nobody asks without one, and it would not be an empty one.
func TestNoContext(t *testing.T) {
	op, err := celop.New(celop.Config{})
	require.NoError(t, err)
	p, err := op.Compile("'aws:SourceVpc' in context")
	require.NoError(t, err)
	_, err = p.Test(nil, "s3:GetObject", "*")
	require.Error(t, err)
	_, err = p.Test(new(conditions.Context), "s3:GetObject", "*")
	require.Error(t, err)
	ok, err := p.Test(conditions.AWS().NewContext(), "s3:GetObject", "*")
	require.NoError(t, err)
	require.False(t, ok)
}

// TestWholeContext: a readable context can be looked through, each key in the
// registry's spelling and in the order in which it was set.
func TestWholeContext(t *testing.T) {
	v := vocabulary(t, celop.Config{})
	r := request(t, v, nil)
	require.NoError(t, r.Context.Set("AWS:CURRENTTIME", "1"))
	require.NoError(t, r.Context.Set("aws:principaltag/Team", "red"))
	own := v.NewContext()
	own.Reset(r.Context)
	require.NoError(t, own.Set("app:Tier", "gold"))
	require.NoError(t, own.Set("aws:username", "bob"), "hidden by the session's")
	r.Context = own
	for _, expression := range []string{
		"size(context) == 9 && context.exists(k, context[k] == ['gold'])",
		"context.filter(k, !k.startsWith('aws:')) == ['app:Tier']",
		"context.map(k, k)[6] == 'aws:CurrentTime' && context.map(k, k)[7] == 'aws:PrincipalTag/Team'",
		"principal.tags.map(k, k + principal.tags[k]) == ['Teamred']",
	} {
		e := mustCompile(t, v, statement("Allow", object{"a": expression}))
		require.Equal(t, engine.Allowed, e.Decide(r).Outcome, "%s: %v", expression, e.Explain(r).Looked[0].Conditions[0].Err)
	}
}
