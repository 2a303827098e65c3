package bundle_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/engine"
)

func TestRunFull(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	require.Zero(t, r.Failed, "%v", text(t, r))
	require.Equal(t, 73, r.Passed)
	require.Nil(t, r.Coverage)
}

func text(t *testing.T, r bundle.Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b, false))
	return b.String()
}

// failing is the full bundle with a suite that is wrong about it in every way.
func failing(t *testing.T) *bundle.Bundle {
	t.Helper()
	fsys := with()
	clear(fsys)
	require.NoError(t, copyInto(fsys, fullDir))
	delete(fsys, "tests/shoppers_test.yaml")
	fsys["tests/wrong_test.yaml"] = files(map[string]string{"": `suite: wrong about shoppers
options: {now: "2026-11-23T05:00:00Z"}
identities:
  ana: {role: Shopper, pool: shop, provider: login.shop.example, identityId: "eu-west-1:a0a0", authenticated: true}
  clerk: {role: Clerk}
rows:
  Orders:
    anas: {cust: "eu-west-1:a0a0", day: 2026-03-01, total: 3}
    dans: {cust: "eu-west-1:d0d0", day: 2026-03-01, total: 4, note: x}
    nobodys: {day: 2026-03-01}
tests:
  - name: a foreign row
    as: ana
    on: {Orders: [anas, dans, nobodys]}
    actions: [dynamodb:GetItem, dynamodb:PutItem]
    expect:
      ana/anas: {dynamodb:GetItem: {allowed: [Orders, OwnOrders]}, dynamodb:PutItem: allowed}
      ana/dans: {dynamodb:GetItem: allowed, dynamodb:PutItem: allowed}
      ana/nobodys: {dynamodb:GetItem: allowed}
  - name: not listed
    as: clerk
    on: {Orders: dans}
    actions: [dynamodb:GetItem, dynamodb:DeleteItem]
    expect:
      clerk/dans: {}
  - name: another action
    as: ana
    request: {action: s3:PutObject, resource: "arn:aws:s3:::receipts/a"}
    expect: {decision: allowed}
  - name: another service
    as: ana
    request: {action: sqs:SendMessage, resource: "arn:aws:sqs:eu-west-1:012345678901:q"}
    expect: {decision: allowed}
  - name: missing context
    as: ana
    request: {action: s3:GetObject, resource: "arn:aws:s3:::receipts/eu-west-1:a0a0/1"}
    expect: {decision: implicitDeny, missingContext: ["aws:SourceIp"]}
  - name: unreadable context
    as: ana
    request: {action: s3:GetObject, resource: "arn:aws:s3:::receipts/eu-west-1:a0a0/1"}
    context: {aws:SecureTransport: perhaps}
    expect: {decision: allowed}
  - name: right
    as: clerk
    request: {action: dynamodb:Scan, table: Orders}
    expect: {decision: allowed}
`})[""]
	return load(t, fsys)
}

// TestReports has what a run prints for people, in and without colour, for programs, and for what
// reads JUnit.
func TestReports(t *testing.T) {
	b := failing(t)
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon, Coverage: true})
	require.Equal(t, 3, r.Passed)
	golden(t, "report.txt", text(t, r))

	var out bytes.Buffer
	require.NoError(t, r.WriteText(&out, true))
	golden(t, "report.color.txt", out.String())

	out.Reset()
	require.NoError(t, r.WriteJSON(&out))
	require.True(t, json.Valid(out.Bytes()))
	golden(t, "report.json", out.String())

	out.Reset()
	require.NoError(t, r.WriteJUnit(&out))
	require.NoError(t, xml.Unmarshal(out.Bytes(), new(struct{})))
	golden(t, "report.xml", out.String())

	out.Reset()
	require.NoError(t, r.Suites[0].Tests[0].WriteMatrix(&out, true))
	golden(t, "matrix.color.txt", out.String())
}

// TestSelect wants only the chosen cells run, and empty suites and tests left out.
func TestSelect(t *testing.T) {
	b := failing(t)
	o := bundle.RunOptions{Now: noon, Select: func(name string) bool { return strings.Contains(name, "/another ") }}
	r := bundle.Run(b, suites(t, b), o)
	require.Len(t, r.Suites, 1)
	require.Len(t, r.Suites[0].Tests, 2)
	require.Equal(t, 2, r.Failed)
	o.Select = func(name string) bool { return name == "wrong about shoppers/a foreign row/ana/dans dynamodb:PutItem" }
	require.Equal(t, 1, bundle.Run(b, suites(t, b), o).Failed)
	o.Select = func(string) bool { return false }
	r = bundle.Run(b, suites(t, b), o)
	require.Empty(t, r.Suites)
	require.Equal(t, "no cell ran\n", text(t, r))
}

// TestExactStatements wants the set of deciding statements compared, not their order or number.
func TestExactStatements(t *testing.T) {
	run := func(expect string) bundle.Result {
		b := load(t, with(
			"policies/P.json", `{"Version": "2012-10-17", "Statement": [
				{"Sid": "A", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"},
				{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}`,
			"policies/Q.json", `{"Statement": {"Sid": "A", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}}`,
			"roles/R.yaml", "policies: [P, Q]",
			"tests/a_test.yaml", suite("tests: [{name: n, as: r, on: {Tab: one}, actions: dynamodb:GetItem, expect: {r/one: {dynamodb:GetItem: "+expect+"}}}]"),
		))
		return bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	}
	require.Equal(t, 1, run("allowed").Passed)
	require.Equal(t, 1, run("{allowed: ['P#1', A]}").Passed)
	require.Equal(t, 1, run("{allowed: [A, 'P#1']}").Passed)
	require.Equal(t, 1, run("{allowed: [A]}").Failed, "one more decided")
	require.Equal(t, 1, run("{allowed: [A, 'P#1', 'P#0']}").Failed, "a statement with a Sid goes by it")
	require.Equal(t, 1, run("{explicitDeny: [A, 'P#1']}").Failed)
}

// TestClock wants the suite's own time, else the caller's.
func TestClock(t *testing.T) {
	policy := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {
		"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z", "aws:TokenIssueTime": "2026-01-01T00:00:00Z"},
		"NumericGreaterThan": {"aws:EpochTime": "1767225600"}}}}`
	got := func(options string) engine.Outcome {
		b := load(t, with("policies/P.json", policy, "tests/a_test.yaml",
			"suite: a\n"+options+"identities: {r: {role: R}}\ntests: [{name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: allowed}}]"))
		return bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon}).Suites[0].Tests[0].Cells[0].Got
	}
	require.Equal(t, engine.Allowed, got(""))
	require.Equal(t, engine.ImplicitDeny, got("options: {now: 2025-12-31}\n"))
	require.Equal(t, engine.Allowed, got("options: {now: 2026-01-01T00:00:01Z}\n"))
}

// TestCoverage counts what two cells meet of a policy.
func TestCoverage(t *testing.T) {
	b := load(t, with(
		"policies/P.json", `{"Version": "2012-10-17", "Statement": [
			{"Sid": "Own", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*",
			 "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["x", "z"]},
			               "StringNotEqualsIfExists": {"dynamodb:Select": ["COUNT", "ALL_ATTRIBUTES"]},
			               "Null": {"dynamodb:LeadingKeys": "false"}}},
			{"Sid": "Any", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
			{"Sid": "Elsewhere", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}`,
		"policies/Q.json", `{"Statement": {"Sid": "Limit", "Effect": "Allow", "Action": "*", "Resource": "*"}}`,
		"roles/R.yaml", "policies: [P]\nboundary: Q\ntrust: {Statement: {Effect: Allow, Principal: '*', Action: sts:AssumeRole}}",
		"roles/S.yaml", "",
		"tests/a_test.yaml", strings.Replace(suite("tests: [{name: n, as: r, on: {Tab: [one, two]}, actions: dynamodb:GetItem, expect: {r/one: {dynamodb:GetItem: {allowed: [Any]}}, r/two: {dynamodb:GetItem: allowed}}}]"), "  s: {role: S}\n", "", 1),
	))
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon, Coverage: true})
	require.Equal(t, 2, r.Passed, text(t, r))
	var got []string
	for _, s := range r.Coverage.Statements {
		got = append(got, s.Name+" "+s.Reached())
		for _, v := range s.Values {
			got = append(got, "  "+v.Operator+" "+v.Value+" "+strings.Repeat("T", v.True)+strings.Repeat("F", v.False))
		}
	}
	require.Equal(t, []string{
		"Own never",
		"  ForAllValues:StringEquals x TF",
		"  ForAllValues:StringEquals z FF",
		"  StringNotEqualsIfExists COUNT FF",
		"  StringNotEqualsIfExists ALL_ATTRIBUTES TT",
		"  Null false TT",
		"Any decided",
		"Elsewhere never",
		"  Bool false ",
		"Limit matched",
	}, got)
	covered, total := r.Coverage.Count()
	require.Equal(t, []int{8, 16}, []int{covered, total})
	require.InDelta(t, 50, r.Coverage.Percent(), 0.01)
	require.InDelta(t, 100, (&bundle.Coverage{}).Percent(), 0.01)
}

// A list that has other rows, or comes by another filter or predicate, fails
// and says so.
func TestRunLists(t *testing.T) {
	fsys := with()
	clear(fsys)
	require.NoError(t, copyInto(fsys, "demo/gamescores"))
	suite := func(expect string) string {
		return `suite: lists
identities:
  alice: {role: Player, identityId: "us-east-1:aaaa", authenticated: true}
rows:
  GameScores:
    own: {UserId: "us-east-1:aaaa", GameTitle: Go}
    other: {UserId: "us-east-1:bbbb", GameTitle: Go}
    keyless: {GameTitle: Go}
tests:
  - {name: mine, as: alice, list: {table: GameScores, action: dynamodb:Query}, expect: ` + expect + "}\n"
	}
	for expect, problem := range map[string]string{
		`{rows: [own]}`:          "",
		`{rows: [own, other]}`:   `want rows [other, own]; have [own], by the filter dynamodb:LeadingKeys in ("leaderboard", "us-east-1:aaaa")`,
		`{rows: []}`:             `want rows []; have [own], by the filter dynamodb:LeadingKeys in ("leaderboard", "us-east-1:aaaa")`,
		`{rows: [own, keyless]}`: `want rows [keyless, own]; have [own], by the filter dynamodb:LeadingKeys in ("leaderboard", "us-east-1:aaaa")`,
		"{rows: [own], sql: {sqlite: '(typeof(`user_id`) = ''text'' AND `user_id` COLLATE BINARY IN (?1, ?2))', args: [leaderboard, \"us-east-1:aaaa\"]}}":                                                                                                                                                    "",
		"{rows: [own], sql: {postgres: '(\"user_id\" IS NOT NULL AND (\"user_id\"::text IN ($1::text, $2::text) AND \"user_id\"::text COLLATE \"C\" IN ($1::text, $2::text)))', sqlite: '(typeof(`user_id`) = ''text'' AND `user_id` COLLATE BINARY IN (?1, ?2))', args: [leaderboard, \"us-east-1:aaaa\"]}}": "",
		"{rows: [own], sql: {sqlite: '1 = 1'}}": "want for SQLite 1 = 1 args: []; have (typeof(`user_id`) = 'text' AND `user_id` COLLATE BINARY IN (?1, ?2)) args: [\"leaderboard\", \"us-east-1:aaaa\"]",
		"{rows: [own], sql: {sqlite: '(typeof(`user_id`) = ''text'' AND `user_id` COLLATE BINARY IN (?1, ?2))'}}":                           "want for SQLite (typeof(`user_id`) = 'text' AND `user_id` COLLATE BINARY IN (?1, ?2)) args: []; have (typeof(`user_id`) = 'text' AND `user_id` COLLATE BINARY IN (?1, ?2)) args: [\"leaderboard\", \"us-east-1:aaaa\"]",
		"{rows: [own], sql: {sqlite: '(typeof(`user_id`) = ''text'' AND `user_id` COLLATE BINARY IN (?1, ?2))', args: [leaderboard, bob]}}": "want for SQLite (typeof(`user_id`) = 'text' AND `user_id` COLLATE BINARY IN (?1, ?2)) args: [\"leaderboard\", \"bob\"]; have (typeof(`user_id`) = 'text' AND `user_id` COLLATE BINARY IN (?1, ?2)) args: [\"leaderboard\", \"us-east-1:aaaa\"]",
		`{rows: [own], filter: "everything"}`: `want the filter everything; have dynamodb:LeadingKeys in ("leaderboard", "us-east-1:aaaa")`,
	} {
		for name := range fsys {
			if strings.HasPrefix(name, "tests/") {
				delete(fsys, name)
			}
		}
		fsys["tests/lists_test.yaml"] = files(map[string]string{"": suite(expect)})[""]
		b := load(t, fsys)
		r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon, Coverage: true})
		cell := r.Suites[0].Tests[0].Cells[0]
		require.Equal(t, problem == "", cell.Pass, expect)
		require.Equal(t, "alice/GameScores lists dynamodb:Query", cell.Name)
		require.Equal(t, []string{"own"}, cell.Rows)
		if problem != "" {
			require.Equal(t, []string{problem}, cell.Problems)
			require.Contains(t, text(t, r), problem)
		}
		var out bytes.Buffer
		require.NoError(t, r.WriteJSON(&out))
		require.Contains(t, out.String(), `"rows": [`)
	}
}
