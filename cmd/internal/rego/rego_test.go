package rego

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

var now = time.Date(2026, 11, 27, 5, 0, 0, 0, time.UTC) // a Friday

const head = "package rowan.guardrails\n"

func compile(t testing.TB, texts ...string) (*Guardrails, error) {
	t.Helper()
	var all []bundle.Rego
	for i, text := range texts {
		all = append(all, bundle.Rego{File: fmt.Sprintf("b/guardrails/g%d.rego", i), Text: text})
	}
	return Compile(t.Context(), all, conditions.AWS())
}

func mustCompile(t testing.TB, texts ...string) *Guardrails {
	t.Helper()
	g, err := compile(t, texts...)
	require.NoError(t, err)
	return g
}

// request is one of a role's session. Settings are pairs of keys and values.
func request(t testing.TB, action string, settings ...string) *engine.Request {
	t.Helper()
	p, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/Player/s")
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	for i := 0; i < len(settings); i += 2 {
		if err := c.Set(settings[i], strings.Split(settings[i+1], "|")...); err != nil {
			require.ErrorIs(t, err, conditions.ErrValue)
		}
	}
	return &engine.Request{Principal: p, Action: action, Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/T", ResourceAccount: "111122223333", Context: c}
}

// TestCheck: each denial has a twin that differs in one thing.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		rego      string
		yes, no   *engine.Request
		want      string
		different *time.Time
	}{
		"action":    {`deny contains "no deletions" if input.action == "dynamodb:DeleteItem"`, request(t, "dynamodb:DeleteItem"), request(t, "dynamodb:GetItem"), "no deletions", nil},
		"principal": {`deny contains sprintf("not %s", [input.principal.arn]) if { input.principal.account == "111122223333"; input.action == "s3:GetObject" }`, request(t, "s3:GetObject"), request(t, "s3:PutObject"), "not arn:aws:sts::111122223333:assumed-role/Player/s", nil},
		"resource":  {`deny contains "t" if { endswith(input.resource, "/T"); input.resourceAccount == "111122223333"; input.action == "a:b" }`, request(t, "a:b"), request(t, "a:c"), "t", nil},
		"context": {
			`deny contains "rows of others" if { some k in input.context["dynamodb:LeadingKeys"]; k != "me" }`,
			request(t, "x:y", "dynamodb:LeadingKeys", "me|you"), request(t, "x:y", "dynamodb:LeadingKeys", "me"), "rows of others", nil,
		},
		"context in another spelling": {
			`deny contains "rows of others" if input.context["DynamoDB:leadingkeys"][0] != "me"`,
			request(t, "x:y", "dynamodb:LeadingKeys", "you"), request(t, "x:y", "dynamodb:LeadingKeys", "me"), "rows of others", nil,
		},
		"context that is absent": {
			`deny contains "unknown source" if not input.context["aws:SourceIp"]`,
			request(t, "x:y"), request(t, "x:y", "aws:SourceIp", "192.0.2.1"), "unknown source", nil,
		},
		"any context": {
			`deny contains "secret" if { some values in input.context; "secret" in values }`,
			request(t, "x:y", "aws:PrincipalTag/team", "secret"), request(t, "x:y", "aws:PrincipalTag/team", "open"), "secret", nil,
		},
		"time of the request": {
			`deny contains "friday" if time.weekday(time.parse_rfc3339_ns(input.now)) == "Friday"`,
			request(t, "x:y", "aws:CurrentTime", "2026-11-27T23:59:59Z"), request(t, "x:y", "aws:CurrentTime", "2026-11-28T00:00:00Z"), "friday", nil,
		},
		"a helper": {
			"risky := {\"x:y\"}\ndeny contains \"risky\" if input.action in risky",
			request(t, "x:y"), request(t, "x:z"), "risky", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := mustCompile(t, head+c.rego)
			var denied *DeniedError
			require.ErrorAs(t, g.Check(t.Context(), c.yes, now), &denied)
			require.Equal(t, []string{c.want}, denied.Reasons)
			require.NoError(t, g.Check(t.Context(), c.no, now))
		})
	}
	g := mustCompile(t, head+`deny contains "b" if input.action == "x:y"`, head+`deny contains "a" if startswith(input.action, "x:")`)
	require.EqualError(t, g.Check(t.Context(), request(t, "x:y"), now), "a; b")
	g = mustCompile(t, head+`deny contains "friday" if time.weekday(time.parse_rfc3339_ns(input.now)) == "Friday"`)
	require.EqualError(t, g.Check(t.Context(), request(t, "x:y"), now), "friday", "without a time in the request it is the server's")
	require.NoError(t, g.Check(t.Context(), request(t, "x:y"), now.Add(24*time.Hour)))
}

func TestNone(t *testing.T) {
	g, err := compile(t)
	require.NoError(t, err)
	require.Nil(t, g)
	require.Nil(t, g.Hook(t.Context(), now))
	require.NoError(t, g.Check(t.Context(), nil, now))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = g.Check(context.Background(), nil, now) }))
}

// TestNoAnswerDenies: an error, a wrong type, and an unreadable key.
func TestNoAnswerDenies(t *testing.T) {
	for name, c := range map[string]struct {
		rego string
		r    *engine.Request
		want string
	}{
		"division by zero":         {`deny contains "x" if 1 / (count(input.action) - 3) == 7`, request(t, "x:y"), "divide by zero"},
		"no time":                  {`deny contains "x" if time.parse_rfc3339_ns(input.action) > 0`, request(t, "x:y"), "parsing time"},
		"no number":                {`deny contains "x" if to_number(input.action) > 0`, request(t, "x:y"), "invalid syntax"},
		"two values of a rule":     {"v := 1 if input.action == \"x:y\"\nv := 2 if startswith(input.action, \"x\")\ndeny contains \"x\" if v == 3", request(t, "x:y"), "conflict"},
		"a reason of another type": {`deny contains 1 if input.action == "x:y"`, request(t, "x:y"), "a reason that is no string"},
		"an unreadable key": {
			`deny contains "x" if input.context["aws:MultiFactorAuthAge"][0] == "1"`,
			request(t, "x:y", "aws:MultiFactorAuthAge", "soon"), "they read aws:MultiFactorAuthAge, which cannot be read",
		},
		"an unreadable key among all": {
			`deny contains "x" if { some v in input.context; v[0] == "1" }`,
			request(t, "x:y", "aws:MultiFactorAuthAge", "soon"), "something cannot be read",
		},
		"an unreadable family among all": {
			`deny contains "x" if count(object.keys(input.context)) == 7`,
			func() *engine.Request {
				r := request(t, "x:y")
				require.NoError(t, r.Context.SetIndeterminate("aws:ResourceTag/"))
				return r
			}(), "something cannot be read",
		},
		"an unreadable tag": {
			`deny contains "x" if input.context["aws:ResourceTag/team"][0] == "1"`,
			func() *engine.Request {
				r := request(t, "x:y")
				require.NoError(t, r.Context.SetIndeterminate("aws:ResourceTag/"))
				return r
			}(), "they read aws:ResourceTag/team",
		},
		"no context": {`deny contains "x" if input.action == "a:b"`, &engine.Request{Action: "x:y"}, "without context"},
	} {
		t.Run(name, func(t *testing.T) {
			g := mustCompile(t, head+c.rego)
			err := g.Check(t.Context(), c.r, now)
			require.ErrorContains(t, err, c.want)
		})
	}
	// A key that they do not read may be unreadable.
	g := mustCompile(t, head+`deny contains "x" if input.context["aws:SourceIp"][0] == "192.0.2.1"`)
	require.NoError(t, g.Check(t.Context(), request(t, "x:y", "aws:MultiFactorAuthAge", "soon"), now))
}

// TestThreatEndless: one that does not come to an end is given up, and denies,
// as does one that waits for those.
func TestThreatEndless(t *testing.T) {
	g := mustCompile(t, head+`deny contains "x" if {
		some a in numbers.range(1, 3000)
		some b in numbers.range(1, 3000)
		some c in numbers.range(1, 3000)
		a * b * c == count(input.action) - 1000000
	}`)
	began := time.Now()
	err := g.Check(t.Context(), request(t, "x:y"), now)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 20*Limit)
	var denied *DeniedError
	require.False(t, errors.As(err, &denied))

	var wg sync.WaitGroup
	for range 3 * cap(g.slots) {
		wg.Go(func() { require.Error(t, g.Check(t.Context(), request(t, "x:y"), now)) })
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, g.Check(ctx, request(t, "x:y"), now))
	require.Eventually(t, func() bool { return len(g.slots) == 0 }, 10*time.Second, 10*time.Millisecond, "each gives its slot back")
}

// TestCompileRefuses: with the file and the line.
func TestCompileRefuses(t *testing.T) {
	const rule = "deny contains \"x\" if input.action == \"x:y\"\n"
	for name, c := range map[string]struct{ text, want string }{
		"syntax":                   {head + "deny contains {", "g0.rego:2:"},
		"empty":                    {"", "g0.rego"},
		"another package":          {"package authz\n" + rule, "g0.rego:1:1: package authz: guardrails are of package rowan.guardrails"},
		"no deny":                  {head + "allow if input.action == \"x:y\"\n", "nothing is denied"},
		"deny that is a value":     {head + "deny if input.action == \"x:y\"\n", "nothing is denied"},
		"an older Rego":            {head + "deny[\"x\"] { input.action == \"x:y\" }\n", "g0.rego:2:"},
		"misspelt input":           {head + "deny contains \"x\" if input.acton == \"x:y\"\n", "g0.rego:2:"},
		"misspelt principal":       {head + "deny contains \"x\" if input.principal.name == \"x:y\"\n", "g0.rego:2:"},
		"unknown context key":      {head + "deny contains \"x\" if input.context[\"aws:SourceIpp\"][0] == \"x:y\"\n", "g0.rego:2:22: input.context: "},
		"context key that is text": {head + "deny contains \"x\" if input.context[\"aws:SourceIp\"] == \"x:y\"\n", "g0.rego:2:"},
		"unknown data":             {head + "deny contains \"x\" if data.users[_] == input.action\n", "g0.rego:2:22: data.users"},
		"unknown rule":             {head + "deny contains \"x\" if data.rowan.guardrails.risk\n", "g0.rego:2:22: data.rowan.guardrails.risk"},
		"all of data":              {head + "deny contains \"x\" if data[_][_].x == input.action\n", "g0.rego:2:22: data"},
		"unused variable":          {head + "deny contains \"x\" if { y := input.action; input.action == \"x:y\" }\n", "g0.rego:2:24: assigned var y unused"},
		"http.send":                {head + "deny contains \"x\" if http.send({\"method\": \"get\", \"url\": input.action}).status_code == 200\n", "g0.rego:2:22: undefined function http.send"},
		"net.lookup_ip_addr":       {head + "deny contains \"x\" if count(net.lookup_ip_addr(input.action)) == 1\n", "undefined function net.lookup_ip_addr"},
		"opa.runtime":              {head + "deny contains \"x\" if opa.runtime().env.SECRET == input.action\n", "undefined function opa.runtime"},
		"time.now_ns":              {head + "deny contains \"x\" if time.now_ns() > count(input.action)\n", "undefined function time.now_ns"},
		"rand.intn":                {head + "deny contains \"x\" if rand.intn(input.action, 2) == 1\n", "undefined function rand.intn"},
		"uuid.rfc4122":             {head + "deny contains \"x\" if uuid.rfc4122(input.action) == \"x\"\n", "undefined function uuid.rfc4122"},
		"io.jwt.decode_verify":     {head + "deny contains \"x\" if io.jwt.decode_verify(input.action, {})[0]\n", "undefined function io.jwt.decode_verify"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compile(t, c.text)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "b/guardrails/g0.rego")
		})
	}
	_, err := compile(t, head+rule, head+"deny contains")
	require.ErrorContains(t, err, "b/guardrails/g1.rego:2:")
}

// TestBuiltins: those that are allowed exist, and none of them is of those that
// answer differently from time to time.
func TestBuiltins(t *testing.T) {
	known := map[string]*ast.Builtin{}
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		known[b.Name] = b
	}
	for _, name := range builtins {
		b := known[name]
		require.NotNil(t, b, name)
		require.False(t, b.IsNondeterministic(), name)
	}
	require.Len(t, capabilities().Builtins, len(builtins))
	require.True(t, slices.IsSorted(builtins))
	require.NotNil(t, capabilities().AllowNet)
}

// FuzzCompile: no text makes trouble, whatever it does when it runs.
func FuzzCompile(f *testing.F) {
	f.Add(head+`deny contains "x" if input.action == "x:y"`, "x:y")
	f.Add(head+`deny contains x if { some x in input.context["aws:TagKeys"] }`, "x:y")
	f.Add("package rowan.guardrails\n\ndeny contains \"x\" if data[_]", "")
	f.Fuzz(func(t *testing.T, text, action string) {
		g, err := compile(t, text)
		if err != nil {
			return
		}
		_ = g.Check(t.Context(), request(t, action, "aws:TagKeys", "a|b"), now)
	})
}

func BenchmarkCheck(b *testing.B) {
	g := mustCompile(b, head+`deny contains "no deletions" if { input.action == "dynamodb:DeleteItem"; input.context["aws:SourceIp"][0] != "192.0.2.1" }`)
	r := request(b, "dynamodb:DeleteItem", "aws:SourceIp", "192.0.2.1")
	for b.Loop() {
		if err := g.Check(b.Context(), r, now); err != nil {
			b.Fatal(err)
		}
	}
}
