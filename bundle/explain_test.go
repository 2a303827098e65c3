package bundle_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// explained renders the explanation of a scenario in a file q.json.
func explained(t *testing.T, v *conditions.Vocabulary, scenario string, color bool) string {
	t.Helper()
	for s, err := range bundle.Scenarios("q.json", strings.NewReader(scenario)) {
		require.NoError(t, err)
		q, err := s.Question(v, noon)
		require.NoError(t, err)
		x := q.Evaluator.Explain(q.Request)
		var out bytes.Buffer
		bundle.RenderExplanation(&out, q.Request, &x, func(string) []byte { return []byte(scenario) }, color)
		return out.String()
	}
	t.Fatal("no scenario")
	return ""
}

// failingPredicate is an operator that cannot be evaluated.
type failingPredicate struct{}

func (failingPredicate) Test(*conditions.Context, string, string) (bool, error) {
	return false, errors.New("division by zero\x1b[2J")
}

// TestRenderExplanation has the text of each sort of answer and of each sort of part that failed.
func TestRenderExplanation(t *testing.T) {
	v, err := conditions.AWS().With(nil, conditions.Operator{Name: "CelTrue", Compile: func(string) (conditions.Predicate, error) {
		return failingPredicate{}, nil
	}})
	require.NoError(t, err)
	ask := func(action, resource, context, policies string) string {
		return `{"request": {"principal": "arn:aws:iam::111122223333:user/ana", "action": "` + action + `", "resource": "` + resource +
			`", "resourceAccount": "111122223333", "context": {` + context + `}},
 "policies": {` + policies + "}}\n"
	}
	identity := func(statements string) string {
		return `"identity": [{"Version": "2012-10-17", "Statement": [` + statements + `]}]`
	}
	const bucket = "arn:aws:s3:::b/x"
	for name, scenario := range map[string]string{
		"allowed": ask("s3:GetObject", bucket, "", identity(`
    {"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}`)),
		"allowed by many": ask("s3:GetObject", bucket, "", identity(strings.TrimSuffix(strings.Repeat(`
    {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"},`, 5), ","))),
		"explicit deny": ask("s3:GetObject", bucket, `"aws:SourceIp": "10.0.0.1"`, identity(`
    {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Sid": "Outside", "Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
     "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "198.51.100.0/24"]}}}`)),
		"nothing about it": ask("s3:GetObject", bucket, "", identity(`{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}`)),
		"no statement":     ask("s3:GetObject", bucket, "", `"identity": []`),
		"the one of the service": ask("s3:GetObject", bucket, "", identity(`
    {"Sid": "Queues", "Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-1:111122223333:q"},
    {"Sid": "Buckets", "Effect": "Allow", "Action": ["s3:PutObject", "s3:ListBucket"], "Resource": "arn:aws:s3:::c/*"}`)),
		"operators": ask("s3:GetObject", bucket, `"s3:max-keys": 50, "aws:CurrentTime": "2026-11-23T12:00:00Z", "aws:username": "ana", "s3:prefix": "a\u001b[31m"`, identity(`
    {"Sid": "Picky", "Effect": "Allow", "Action": "*", "Resource": "*",
     "Condition": {
       "NumericLessThanEquals": {"s3:max-keys": 10},
       "NumericGreaterThan": {"s3:max-keys": 100},
       "DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
       "DateGreaterThanEquals": {"aws:CurrentTime": "2027-01-01T00:00:00Z"},
       "StringNotEquals": {"aws:username": ["ana", "bob"]},
       "StringLike": {"s3:prefix": ["home/${aws:username}/*", "${aws:PrincipalTag/team}/*"]},
       "Null": {"aws:TokenIssueTime": "false", "aws:username": "true"},
       "BoolIfExists": {"aws:SecureTransport": "true"}}}`)),
		"a custom operator": ask("s3:GetObject", bucket, "", identity(`
    {"Sid": "Office", "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"CelTrue": {"office hours": "1 / 0 > 0"}}}`)),
		"unknown": ask("s3:GetObject", bucket, `"aws:SecureTransport": "perhaps"`, identity(`
    {"Sid": "Safe", "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}`)),
		"resource": ask("s3:GetObject", bucket, "", identity(`
    {"Sid": "Own", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:PrincipalTag/team}/*"]}`)),
		"what is excluded": ask("s3:GetObject", bucket, "", identity(`
    {"Sid": "Rest", "Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::b/*"}`)),
		"boundary": ask("s3:GetObject", bucket, "", identity(`{"Effect": "Allow", "Action": "*", "Resource": "*"}`)+`,
  "permissionsBoundary": [{"Version": "2012-10-17", "Statement": {"Sid": "OnlyPut", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}]`),
		"resource policy": strings.Replace(ask("s3:GetObject", bucket, "", identity(`{"Effect": "Allow", "Action": "*", "Resource": "*"}`)+`,
  "resource": {"Version": "2012-10-17", "Statement": {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "333333333333"}, "Action": "s3:*", "Resource": "*"}}`),
			`"resourceAccount": "111122223333"`, `"resourceAccount": "222222222222"`, 1),
		"root": strings.Replace(ask("s3:GetObject", bucket, "", `"identity": []`), "user/ana", "root", 1),
		"one long line": strings.ReplaceAll(ask("s3:GetObject", bucket, `"s3:prefix": "`+strings.Repeat("long ", 60)+`"`, identity(
			`{"Sid": "Long", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObjectAcl"], "Resource": "*", "Condition": {"StringEquals": {"s3:prefix": "docs"}, "ForAllValues:StringEquals": {"aws:TagKeys": "a"}}}`)), "\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "explain/"+strings.ReplaceAll(name, " ", "-")+".txt", explained(t, v, scenario, false))
		})
	}
}

// TestExplainIsHarmless wants no control character of a policy, a request or an error to reach the
// terminal.
func TestExplainIsHarmless(t *testing.T) {
	evil := `{"request": {"principal": "arn:aws:iam::111122223333:user/a\u001b[2Jna", "action": "s3:Get\u0007Object", "resource": "arn:aws:s3:::b/\u009b31m", "resourceAccount": "111122223333",
 "context": {"s3:prefix": "\u001b]0;x\u0007"}},
"policies": {"identity": [{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
 "Condition": {"StringEquals": {"s3:prefix": "` + "\u009b\u202e\x7f" + `"}}}}]}}`
	out := explained(t, conditions.AWS(), evil, false)
	require.Contains(t, out, "StringEquals s3:prefix: request has")
	for _, r := range out {
		require.False(t, r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e), "%U in\n%s", r, out)
	}
	require.Contains(t, explained(t, conditions.AWS(), evil, true), "\x1b[31m✗\x1b[0m", "colour on demand alone")
}

// TestExplainWithoutSource wants the tree without excerpts when nobody has the text.
func TestExplainWithoutSource(t *testing.T) {
	b := failing(t)
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	c := r.Suites[0].Tests[0].Cells[0]
	for _, source := range []func(string) []byte{nil, func(string) []byte { return nil }, func(string) []byte { return []byte("short") }} {
		var out bytes.Buffer
		bundle.RenderExplanation(&out, c.Request, c.Explanation, source, false)
		require.Contains(t, out.String(), "by OwnOrders, b/policies/Orders.json:4")
		require.NotContains(t, out.String(), `"Sid"`)
	}
}

// TestExplainFault wants a request that could not be decided to say so.
func TestExplainFault(t *testing.T) {
	e := &engine.Evaluator{}
	q := &engine.Request{Action: "s3:GetObject", Resource: "nowhere", Context: conditions.AWS().NewContext()}
	x := e.Explain(q)
	var out bytes.Buffer
	bundle.RenderExplanation(&out, q, &x, nil, false)
	require.Equal(t, `who   anonymous
asks  s3:GetObject
on    nowhere
└─ implicitDeny: no decision could be made: the resource is neither * nor an ARN of six parts
`, out.String())
}
