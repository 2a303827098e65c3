package bundle_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

var scenarioNow = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// read collects what Scenarios yields: a name, or line and error.
func readScenarios(text string) []string {
	var out []string
	for s, err := range bundle.Scenarios("f.json", strings.NewReader(text)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		out = append(out, s.Name)
	}
	return out
}

const request = `"request":{"action":"s3:GetObject","resource":"*"}`

func TestScenariosStream(t *testing.T) {
	one, two := `{"name":"one",`+request+`}`, `{"name":"two",`+request+`}`
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", " \n", nil},
		{"one object", one, []string{"one"}},
		{"a byte order mark", "\ufeff" + one, []string{"one"}},
		{"JSON Lines", one + "\r\n" + two + "\n", []string{"one", "two"}},
		{"objects on one line", one + " " + two, []string{"one", "two"}},
		{"an object over lines", strings.ReplaceAll(one, ",", ",\n  ") + "\n" + two, []string{"one", "two"}},
		{"an array", "[" + one + ",\n" + two + "]\n", []string{"one", "two"}},
		{"an empty array", "[ ]", nil},
		{"a bad line", one + "\nnot json\n" + two, []string{"one", "error f.json:2: invalid JSON: want a scenario, an object, have 'n'", "two"}},
		{"the rest of a bad line", "7 " + one + "\n" + two, []string{"error f.json:1: invalid JSON: want a scenario, an object, have '7'", "two"}},
		{"a line cut short", `{"name":"cut"` + "\n" + two, []string{"error f.json:1: invalid JSON: an object without its end", "two"}},
		{"cut inside", `{"name":"cut","request":{` + "\n" + two, []string{"error f.json:1: invalid JSON: an object without its end", "two"}},
		{"an open string", `{"name":"cut` + "\n" + two, []string{"error f.json:1: invalid JSON: a string without a closing quote", "two"}},
		{"a wrong bracket", `{"name":["cut"}` + "\n" + two, []string{"error f.json:1: invalid JSON: want ']', have '}'", "two"}},
		{"balanced, not JSON", `{"name":}` + "\n" + two, []string{"error f.json:1: invalid JSON: invalid character '}' looking for beginning of value", "two"}},
		{"escapes", `{"name":"a\\","why":"\"}",` + request + "}\n" + two, []string{`a\`, "two"}},
		{"invalid UTF-8", "{\"name\":\"\xff\"," + request + "}\n" + two, []string{"error f.json:1: invalid JSON: invalid UTF-8", "two"}},
		{"the end too early", `{"name":"cut",`, []string{"error f.json:1: invalid JSON: an object without its end"}},
		{"an array without its end", "[" + one + ",\n" + two, []string{"one", "two", "error f.json:2: invalid JSON: an array without its end"}},
		{"data after an array", "[" + one + "]\n{}", []string{"one", "error f.json:2: invalid JSON: '{' after the array"}},
		{"no comma in an array", "[" + one + two + "]", []string{"one", "error f.json:1: invalid JSON: want ',' or ']', have '{'"}},
		{"a syntax error ends an array", "[{]," + two + "]", []string{"error f.json:1: invalid JSON: want '}', have ']'"}},
		{"a fault does not", `[{"nam":1},` + two + "]", []string{`error f.json:1: unknown member "nam"`, "two"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, readScenarios(c.text)) })
	}
}

func TestScenarioFaults(t *testing.T) {
	in := func(member string) string {
		return `{"request":{"action":"s3:GetObject","resource":"*",` + member + `}}`
	}
	policies := func(member string) string { return `{` + request + `,"policies":{` + member + `}}` }
	for _, c := range []struct{ name, text, want string }{
		{"no request", `{}`, "no request.action"},
		{"no resource", `{"request":{"action":"a:b"}}`, "no request.resource"},
		{"unknown member", `{"request":{},"polices":{}}`, `unknown member "polices"`},
		{"duplicate member", `{"name":"a","name":"b"}`, `duplicate member "name"`},
		{"a name that is none", `{"name":1}`, "name: want a string, have a number"},
		{"expect", `{"expect":"allow"}`, `expect: want allowed, explicitDeny, implicitDeny or refused, have "allow"`},
		{"request of another type", `{"request":[]}`, "want an object, have an array"},
		{"unknown member of request", in(`"acton":"x"`), `unknown member "acton" of request`},
		{"account", in(`"resourceAccount":"12"`), `resourceAccount: want twelve digits, have "12"`},
		{"null context", in(`"context":null`), "want an object, have null"},
		{"null value", in(`"context":{"a:b":null}`), "want a string, number or boolean, have null"},
		{"null in a list", in(`"context":{"a:b":[null]}`), "want a string, number or boolean, have null"},
		{"nested list", in(`"context":{"a:b":[[1]]}`), "want a string, number or boolean, have an array"},
		{"one key twice", in(`"context":{"aws:username":"a","AWS:UserName":"b"}`), `the context keys "aws:username" and "AWS:UserName" are one key`},
		{"a memory bomb", in(`"context":{"s3:max-keys":1e999999999}`), "an exponent beyond ±100"},
		{"several values of one", in(`"context":{"aws:username":["a","b"]}`), "context: context value is not of its key's kind: aws:username takes one value, not 2"},
		{"a misspelt key", in(`"context":{"aws:usernam":"a"}`), `context: unknown context key "aws:usernam"; did you mean "aws:username"?`},
		{"empty principal", in(`"principal":""`), "principal: empty; leave it out for an anonymous caller"},
		{"principal of two kinds", in(`"principal":{"arn":"a","federated":"b"}`), `principal: want {"federated": PROVIDER} or {"arn": ARN, "user": ARN}`},
		{"principal", in(`"principal":"arn:aws:iam::1:user/a"`), `malformed principal "arn:aws:iam::1:user/a"`},
		{"another role", in(`"principal":"arn:aws:sts::111122223333:assumed-role/R/s","context":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/x/Q"}`), "is not the role of"},
		{"a pattern as action", `{"request":{"action":"s3:*","resource":"*"}}`, "the action is not service:Name"},
		{"no ARN", `{"request":{"action":"s3:Get","resource":"b/x"}}`, "the resource is neither * nor an ARN of six parts"},
		{"two accounts", `{"request":{"action":"s3:Get","resource":"arn:aws:sqs:us-east-1:111122223333:q","resourceAccount":"444455556666","principal":"arn:aws:iam::111122223333:root"}}`, "the resource's account is not the one of its ARN"},
		{"unknown kind", policies(`"identities":[]`), `unknown member "identities" of policies`},
		{"trust is no slot", policies(`"trust":[]`), `unknown member "trust" of policies`},
		{"null policies", policies(`"identity":null`), "want an array, have null"},
		{"one document", policies(`"identity":{}`), "want an array, have an object"},
		{"no level", policies(`"serviceControl":[]`), "serviceControl: no level"},
		{"a level of another type", policies(`"serviceControl":[{}]`), "want an array, have an object"},
		{"owner unknown", `{"request":{"action":"s3:GetObject","resource":"arn:aws:s3:::b/x","principal":"arn:aws:iam::111122223333:root"},"policies":{"resource":{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}}}`, "no request.resourceAccount"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got error
			for s, err := range bundle.Scenarios("f.json", strings.NewReader("\n"+c.text)) {
				if got = err; err == nil {
					_, got = s.Question(conditions.AWS(), scenarioNow)
				}
			}
			var fault *bundle.ScenarioError
			require.ErrorAs(t, got, &fault)
			require.Equal(t, 2, fault.Line)
			require.ErrorContains(t, got, c.want)
		})
	}
}

// TestScenarioFaultsOfPolicies reports every fault of every document, each at
// its place in the file.
func TestScenarioFaultsOfPolicies(t *testing.T) {
	text := `{"name":"two faults",
 "request":{"action":"s3:GetObject","resource":"*"},
 "policies":{"identity":[
   {"Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}},
   {"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
                 {"Effect":"Alow","Action":"s3:*","Resource":"*"}]}]}}`
	for s, err := range bundle.Scenarios("f.json", strings.NewReader(text)) {
		require.NoError(t, err)
		_, err = s.Question(conditions.AWS(), scenarioNow)
		var faults policy.Errors
		require.True(t, errors.As(err, &faults))
		require.Len(t, faults, 2)
		require.Equal(t, policy.Position{Line: 6, Column: 28}, faults[0].Pos)
		require.Equal(t, policy.Position{Line: 4, Column: 44}, faults[1].Pos)
	}
}

// TestAnswer shows an answer as JSON, with statements and missing context.
func TestAnswer(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"every deny, in order", `{"request":{"principal":"arn:aws:iam::111122223333:user/a","action":"s3:GetObject","resource":"arn:aws:s3:::b/x"},
"policies":{"identity":[{"Statement":[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}],
"serviceControl":[[],[{"Statement":{"Sid":"S","Effect":"Deny","Action":"s3:*","Resource":"*"}}]]}}`,
			`{"name":"n","decision":"explicitDeny","decidedBy":"serviceControl","statements":[{"policy":"serviceControl[1][0]","sid":"S","index":0,"line":3},{"policy":"identity[0]","sid":"A","index":0,"line":2},{"policy":"identity[0]","sid":"","index":1,"line":2}],"missingContext":[]}`,
		},
		{
			"missing context", `{"request":{"principal":"arn:aws:iam::111122223333:user/a","action":"s3:GetObject","resource":"*"},
"policies":{"identity":[{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"S3:Prefix":"${AWS:PrincipalTag/Team}*"},"StringEquals":{"app:color":"red"}}}}]}}`,
			`{"name":"n","decision":"implicitDeny","decidedBy":"identity","statements":[],"missingContext":["app:color","aws:PrincipalTag/Team","s3:prefix"]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for s, err := range bundle.Scenarios("f.json", strings.NewReader(c.text)) {
				require.NoError(t, err)
				q, err := s.Question(conditions.AWS(), scenarioNow)
				require.NoError(t, err)
				x := q.Evaluator.Explain(q.Request)
				got, err := json.Marshal(bundle.NewAnswer("n", &x))
				require.NoError(t, err)
				require.Equal(t, c.want, string(got))
			}
		})
	}
}

// FuzzScenarios reads any text: it ends, never panics, and what it reads can
// be asked or is refused.
func FuzzScenarios(f *testing.F) {
	f.Add([]byte(`{"name":"one",` + request + `,"policies":{"identity":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}],"serviceControl":[[]]}}`))
	f.Add([]byte("[{},\n{\"name\":\"\\u00e9\"}]"))
	f.Add([]byte(`{"request":{"principal":{"federated":"accounts.google.com"},"action":"sts:AssumeRoleWithWebIdentity","resource":"arn:aws:iam::111122223333:role/R","context":{"a.b:c":[1,true,"x",1e2]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := 0
		for s, err := range bundle.Scenarios("fuzz", strings.NewReader(string(text))) {
			if read++; read > len(text)+1 {
				t.Fatal("more scenarios than bytes")
			}
			if err != nil {
				continue
			}
			q, err := s.Question(conditions.AWS(), scenarioNow)
			if err != nil {
				continue
			}
			if d, x := q.Evaluator.Decide(q.Request), q.Evaluator.Explain(q.Request); d.Outcome != x.Decision.Outcome {
				t.Fatalf("Decide %s, Explain %s", d.Outcome, x.Decision.Outcome)
			}
		}
	})
}
