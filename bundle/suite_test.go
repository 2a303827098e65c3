package bundle_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

// suite returns the small bundle with another suite: head stands for its identities and rows where
// a case does not bring its own.
func suite(tests string) string {
	const head = `suite: a
identities:
  r: {role: R}
  s: {role: S}
rows:
  Tab:
    one: {id: x}
    two: {id: y}
`
	if strings.HasPrefix(tests, "suite:") {
		return tests
	}
	return head + tests
}

var column = regexp.MustCompile(`\.yaml:(\d+):\d+:`)

// TestSuiteFaults has one fault a case, and what Suites says of it.
func TestSuiteFaults(t *testing.T) {
	const get = "actions: dynamodb:GetItem"
	const good = "tests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}"
	for name, c := range map[string]struct{ tests, want string }{
		"unknown member":          {"tsts: []", `b/tests/a_test.yaml:1: no tests` + "\n" + `b/tests/a_test.yaml:9: /tsts: unknown member "tsts": want suite, options, identities, rows, tests or properties`},
		"no tests":                {"tests: []", "b/tests/a_test.yaml:9: /tests: want a list of tests, have a list"},
		"list of no table":        {"tests:\n- {name: n, as: r, list: {action: dynamodb:Query}, expect: {rows: [one]}}", "b/tests/a_test.yaml:10: /tests/0/list: no table"},
		"list of no expectation":  {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}}", "b/tests/a_test.yaml:10: /tests/0: no expect"},
		"list of unknown rows":    {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}, expect: {rows: [nobody]}}", `b/tests/a_test.yaml:10: /tests/0/expect/rows: no row "nobody" of the table "Tab" in this suite`},
		"list with no dialect":    {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}, expect: {rows: [one], sql: {args: [a]}}}", "b/tests/a_test.yaml:10: /tests/0/expect/sql: no dialect: want postgres, mysql or sqlite"},
		"list of a dialect":       {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}, expect: {rows: [one], sql: {oracle: x}}}", "b/tests/a_test.yaml:10: /tests/0/expect/sql: no dialect: want postgres, mysql or sqlite\n" + `b/tests/a_test.yaml:10: /tests/0/expect/sql/oracle: unknown member "oracle": want postgres, mysql, sqlite or args`},
		"list without SQL":        {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}, expect: {rows: [one], sql: {sqlite: x}}}", "b/tests/a_test.yaml:10: /tests/0/expect/sql: tables/Tab.yaml says nothing of sql"},
		"list that writes":        {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:PutItem}, expect: {rows: []}}", `b/tests/a_test.yaml:10: /tests/0/list: "dynamodb:PutItem" lists no rows: want an action that reads`},
		"list beside a request":   {"tests:\n- {name: n, as: r, list: {table: Tab, action: dynamodb:Query}, request: {action: dynamodb:Scan, table: Tab}, expect: {rows: []}}", "b/tests/a_test.yaml:10: /tests/0: a list has no on, no actions and no request: it is a question about all rows"},
		"unknown identity":        {"tests:\n- {name: n, as: q, on: {Tab: one}, " + get + ", expect: {}}", "b/tests/a_test.yaml:10: /tests/0: a test without a cell: it would pass whatever the policies say\nb/tests/a_test.yaml:10: /tests/0/as: no identity \"q\" in this suite"},
		"unknown table":           {"tests:\n- {name: n, as: r, on: {Tob: one}, " + get + ", expect: {}}", "b/tests/a_test.yaml:10: /tests/0: a test without a cell: it would pass whatever the policies say\nb/tests/a_test.yaml:10: /tests/0/on/Tob: no rows of a table \"Tob\" in this suite"},
		"unknown row":             {"tests:\n- {name: n, as: r, on: {Tab: [one, three]}, " + get + ", expect: {}}", `b/tests/a_test.yaml:10: /tests/0/on/Tab: no row "three" of the table "Tab" in this suite`},
		"no rows":                 {"tests:\n- {name: n, as: r, on: {Tab: []}, " + get + ", expect: {}}", "b/tests/a_test.yaml:10: /tests/0: a test without a cell: it would pass whatever the policies say"},
		"no actions":              {"tests:\n- {name: n, as: r, on: {Tab: one}, actions: [], expect: {}}", "b/tests/a_test.yaml:10: /tests/0: a test without a cell: it would pass whatever the policies say"},
		"misspelt action":         {"tests:\n- {name: n, as: r, on: {Tab: one}, actions: [dynamodb:GetItem, dynamodb:PutItme], expect: {}}", `b/tests/a_test.yaml:10: /tests/0/actions: "dynamodb:PutItme" is no action on rows: want dynamodb: and BatchGetItem, BatchWriteItem, ConditionCheckItem, DeleteItem, GetItem, PartiQLDelete, PartiQLInsert, PartiQLSelect, PartiQLUpdate, PutItem, Query, Scan, UpdateItem; ask others by a request`},
		"one action twice":        {"tests:\n- {name: n, as: r, on: {Tab: one}, actions: [dynamodb:GetItem, dynamodb:getitem], expect: {}}", `b/tests/a_test.yaml:10: /tests/0/actions: "dynamodb:getitem" stands twice`},
		"no expect":               {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + "}", "b/tests/a_test.yaml:10: /tests/0: no expect"},
		"unknown cell":            {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/oen: {dynamodb:GetItem: allowed}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1oen: no such cell in this test: want IDENTITY/ROW, such as "r/one"`},
		"a cell not of this test": {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/two: {}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1two: no such cell in this test: want IDENTITY/ROW, such as "r/one"`},
		"unknown action in cell":  {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: {dynamodb:GetItme: allowed}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one/dynamodb:GetItme: "dynamodb:GetItme" is none of this test's actions`},
		"outcome":                 {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: {dynamodb:GetItem: allow}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one/dynamodb:GetItem: want allowed, explicitDeny or implicitDeny, have "allow"`},
		"no statements":           {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: {dynamodb:GetItem: {allowed: []}}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one/dynamodb:GetItem/allowed: no statement: which one decides?`},
		"implicit statements":     {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: {dynamodb:GetItem: {implicitDeny: [P]}}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one/dynamodb:GetItem/implicitDeny: no statement decides an implicit deny`},
		"two outcomes":            {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: {dynamodb:GetItem: {allowed: [P], explicitDeny: [P]}}}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one/dynamodb:GetItem: want one of allowed, explicitDeny and implicitDeny`},
		"cells is no object":      {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {r/one: allowed}}", `b/tests/a_test.yaml:10: /tests/0/expect/r~1one: want an object, have "allowed"`},
		"same name":               {"tests:\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {}}\n- {name: n, as: r, on: {Tab: one}, " + get + ", expect: {}}", `b/tests/a_test.yaml:11: /tests/1: two tests are called "n"`},
		"request and on":          {"tests:\n- {name: n, as: r, on: {Tab: one}, request: {action: dynamodb:GetItem}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0: a request has no on and no actions: it is a single question"},
		"request without target":  {"tests:\n- {name: n, as: r, request: {action: s3:GetObject}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: want one of table and resource"},
		"request of both":         {"tests:\n- {name: n, as: r, request: {action: s3:GetObject, table: Tab, resource: '*'}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: want one of table and resource"},
		"request's table":         {"tests:\n- {name: n, as: r, request: {action: dynamodb:Scan, table: Tob}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: no tables/Tob.yaml\n" + `b/tests/a_test.yaml:10: /tests/0/request: the resource is neither * nor an ARN of six parts: action "dynamodb:Scan", resource ""`},
		"request's row":           {"tests:\n- {name: n, as: r, request: {action: dynamodb:GetItem, table: Tab, row: three}, expect: {decision: allowed}}", `b/tests/a_test.yaml:10: /tests/0/request: no row "three" of the table "Tab" in this suite`},
		"request's index":         {"tests:\n- {name: n, as: r, request: {action: dynamodb:Query, table: Tab, index: ByX, row: one}, expect: {decision: allowed}}", `b/tests/a_test.yaml:10: /tests/0/request: tables/Tab.yaml has no index "ByX"`},
		"request for any row":     {"tests:\n- {name: n, as: r, request: {action: dynamodb:GetItem, table: Tab}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: dynamodb:GetItem is for a row: name it, or give dynamodb:LeadingKeys in context"},
		"the same by ARN":         {"tests:\n- {name: n, as: r, request: {action: dynamodb:getItem, resource: 'arn:aws:dynamodb:us-east-1:111122223333:table/Tab'}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: dynamodb:getItem is for a row: name it, or give dynamodb:LeadingKeys in context"},
		"request's action":        {"tests:\n- {name: n, as: r, request: {action: GetItem, resource: '*'}, expect: {decision: allowed}}", `b/tests/a_test.yaml:10: /tests/0/request: the action is not service:Name: action "GetItem", resource "*"`},
		"row of a table action":   {"tests:\n- {name: n, as: r, request: {action: dynamodb:DeleteTable, table: Tab, row: one}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: \"dynamodb:DeleteTable\" is no action on rows: want dynamodb: and BatchGetItem, BatchWriteItem, ConditionCheckItem, DeleteItem, GetItem, PartiQLDelete, PartiQLInsert, PartiQLSelect, PartiQLUpdate, PutItem, Query, Scan, UpdateItem"},
		"resource's account":      {"tests:\n- {name: n, as: r, request: {action: sqs:SendMessage, resource: 'arn:aws:sqs:us-east-1:111122223333:q', resourceAccount: '222222222222'}, expect: {decision: allowed}}", "b/tests/a_test.yaml:10: /tests/0/request: resourceAccount: arn:aws:sqs:us-east-1:111122223333:q belongs to 111122223333\n" + `b/tests/a_test.yaml:10: /tests/0/request: the resource's account is not the one of its ARN: action "sqs:SendMessage", resource "arn:aws:sqs:us-east-1:111122223333:q"`},
		"account without quotes":  {"tests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: 'arn:aws:s3:::b/x', resourceAccount: 222222222222}, expect: {decision: allowed}}", `b/tests/a_test.yaml:10: /tests/0/request/resourceAccount: put the account id in quotes: "222222222222"`},
		"no decision":             {"tests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {}}", "b/tests/a_test.yaml:10: /tests/0/expect: no decision"},
		"expected key":            {"tests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny, missingContext: [aws:SourceIP, aws:SourceAddress]}}", `b/tests/a_test.yaml:10: /tests/0/expect/missingContext: unknown context key "aws:SourceAddress"`},
		"context key":             {"tests:\n- {name: n, as: r, context: {aws:SourceAddress: a}, on: {Tab: one}, " + get + ", expect: {}}", `b/tests/a_test.yaml:10: /tests/0/context/aws:SourceAddress: unknown context key "aws:SourceAddress"`},
		"context by case":         {"tests:\n- {name: n, as: r, context: {aws:SourceIp: 10.0.0.1, aws:SOURCEIP: 10.0.0.1}, on: {Tab: one}, " + get + ", expect: {}}", `b/tests/a_test.yaml:10: /tests/0/context/aws:SOURCEIP: "aws:SourceIp" and "aws:SOURCEIP" differ by case alone`},
		"several values":          {"tests:\n- {name: n, as: r, context: {aws:SourceIp: [10.0.0.1, 10.0.0.2]}, on: {Tab: one}, " + get + ", expect: {}}", "b/tests/a_test.yaml:10: /tests/0/context/aws:SourceIp: aws:SourceIp takes one value, not 2"},
		"no value":                {"tests:\n- {name: n, as: r, context: {aws:SourceIp: null}, on: {Tab: one}, " + get + ", expect: {}}", "b/tests/a_test.yaml:10: /tests/0/context/aws:SourceIp: want a list, have nothing"},
		"now":                     {"suite: a\noptions: {now: yesterday}\nidentities: {r: {role: R}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", `b/tests/a_test.yaml:2: /options/now: want a time such as 2026-11-23T05:00:00Z, have "yesterday"`},
		"role":                    {"suite: a\nidentities: {r: {role: Q}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:2: /identities/r: no roles/Q.yaml"},
		"identity's name":         {"suite: a\nidentities: {r/x: {role: R}}\ntests:\n- {name: n, as: r/x, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:2: /identities/r~1x: an identity has no slash in its name: expect is by IDENTITY/ROW"},
		"row's name":              {"suite: a\nidentities: {r: {role: R}}\nrows: {Tab: {a.b: {id: x}}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:3: /rows/Tab/a.b: a row has no dot in its name: expect is by IDENTITY/TABLE.ROW"},
		"rows of no table":        {"suite: a\nidentities: {r: {role: R}}\nrows: {Tob: {}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:3: /rows/Tob: no tables/Tob.yaml"},
		"claims without identity": {"suite: a\nidentities: {r: {role: R, claims: {a: b}}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:2: /identities/r: claims without an identityId: it is said of identities of a pool"},
		"property of two kinds":   {"properties:\n- {name: n, roles: R, never: true, only: {}}\n" + good, "b/tests/a_test.yaml:10: /properties/0: want one of never and only"},
		"property of none":        {"properties:\n- {name: n, roles: R}\n" + good, "b/tests/a_test.yaml:10: /properties/0: want one of never and only"},
		"property of no role":     {"properties:\n- {name: n, roles: Q, never: true}\n" + good, "b/tests/a_test.yaml:10: /properties/0/roles: no role \"Q\""},
		"property of no table":    {"properties:\n- {name: n, roles: R, table: Tob, never: true}\n" + good, "b/tests/a_test.yaml:10: /properties/0/table: no table \"Tob\""},
		"property that may be":    {"properties:\n- {name: n, roles: R, never: false, only: {Bool: {aws:SecureTransport: true}}}\n" + good, "b/tests/a_test.yaml:10: /properties/0/never: want true, or only"},
		"property's block":        {"properties:\n- {name: n, roles: R, never: true, when: [a]}\n" + good, "b/tests/a_test.yaml:10: /properties/0/when: want a condition block, have a list"},
		"pool":                    {"suite: a\nidentities: {r: {role: R, identityId: i, pool: p}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}", "b/tests/a_test.yaml:2: /identities/r: no identity pool pools/p.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			b := load(t, with("tests/a_test.yaml", suite(c.tests)))
			_, err := b.Suites()
			require.Error(t, err)
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				// The registry's guess at what was meant is its own, and columns are TestPositions'.
				line, _, _ = strings.Cut(line, "; did you mean")
				got = append(got, column.ReplaceAllString(line, ".yaml:$1:"))
			}
			require.Equal(t, c.want, strings.Join(got, "\n"))
		})
	}
}

// TestIdentityFaults has the faults of identities of a pool.
func TestIdentityFaults(t *testing.T) {
	const pool = `identityPool:
  id: us-east-1:1
  authenticated: R
  unauthenticated: S
  providers:
    idp.example.com: {clients: [c], principalTags: {team: "custom:team"}}
    accounts.google.com: {clients: [c]}
`
	const own = `    cognito-idp.us-east-1.amazonaws.com/us-east-1_A: {clients: [w], principalTags: {t: "custom:team"}}
`
	oneRole := strings.Replace(pool, "  unauthenticated: S\n", "", 1)
	for name, c := range map[string]struct{ pool, identity, want string }{
		"right":           {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:team': a}, tags: {team: a}", ""},
		"derived tags":    {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:team': a}", ""},
		"tags":            {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:team': a}, tags: {team: b}", `tags: pools/p.yaml makes {team: "a"} of the claims, not {team: "b"}`},
		"claim's case":    {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:Team': a}, tags: {team: a}", `tags: pools/p.yaml makes no tags of the claims, not {team: "a"}`},
		"claim is a list": {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:team': [a]}, tags: {team: a}", `tags: pools/p.yaml makes no tags of the claims, not {team: "a"}`},
		"claim no tag":    {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.com, claims: {'custom:team': 'a;b'}", `the claim "custom:team" cannot be the tag "team"`},
		"own user pool":   {pool + own, "role: R, identityId: i, authenticated: true, claims: {'custom:team': a}, tags: {t: a}", ""},
		"user pool's tag": {pool + own, "role: R, identityId: i, authenticated: true, claims: {'custom:team': a}, tags: {team: a}", `tags: pools/p.yaml makes {t: "a"} of the claims, not {team: "a"}`},
		"no provider":     {pool, "role: R, identityId: i, authenticated: true", "no provider: pools/p.yaml has several"},
		"other provider":  {pool, "role: R, identityId: i, authenticated: true, provider: idp.example.org", `pools/p.yaml has no provider "idp.example.org"`},
		"guest":           {pool, "role: S, identityId: i", ""},
		"guest's tags":    {pool, "role: S, identityId: i, tags: {team: a}", `tags: pools/p.yaml makes no tags of the claims, not {team: "a"}`},
		"guest's claims":  {pool, "role: S, identityId: i, claims: {a: b}", "claims of an identity that is not authenticated: nobody vouched for them"},
		"guest's role":    {pool, "role: R, identityId: i", "guests of pools/p.yaml get the role S, not R"},
		"no guests":       {oneRole, "role: R, identityId: i", "pools/p.yaml has no guests: say authenticated: true"},
	} {
		t.Run(name, func(t *testing.T) {
			b := load(t, with("pools/p.yaml", c.pool, "pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: w}}}", "tests/a_test.yaml", "suite: a\nidentities: {r: {"+c.identity+"}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}"))
			_, err := b.Suites()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.Equal(t, 0, strings.Count(err.Error(), "\n"), "one fault: %v", err)
		})
	}
	b := load(t, with("pools/p.yaml", pool, "pools/q.yaml", strings.Replace(pool, "us-east-1:1", "us-east-1:2", 1),
		"tests/a_test.yaml", "suite: a\nidentities: {r: {role: S, identityId: i}}\ntests:\n- {name: n, as: r, request: {action: s3:GetObject, resource: '*'}, expect: {decision: implicitDeny}}"))
	_, err := b.Suites()
	lines(t, err, "b/tests/a_test.yaml:2:17: /identities/r: no pool: the bundle has 2 identity pools")
}

// keysOf renders the context keys of a cell, those that its principal and the clock give left out.
func keysOf(t *testing.T, c *bundle.Cell) string {
	t.Helper()
	q, err := c.Question(noon)
	require.NoError(t, err)
	var out []string
	for key, values := range q.Request.Context.All() {
		if strings.HasPrefix(key, "dynamodb:") {
			if _, state := q.Request.Context.Value(key); state == conditions.Indeterminate {
				values = []string{"?"}
			}
			out = append(out, strings.TrimPrefix(key, "dynamodb:")+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestRowKeys wants of each action the keys that iam-semantics §6.3 and §6.5 give a request for one
// row.
func TestRowKeys(t *testing.T) {
	b := load(t, with(
		"tables/Tab.yaml", "partitionKey: {name: id}\nsortKey: {name: day}\nindexes: {ByShop: {partitionKey: {name: shop}, sortKey: {name: day}}}\n",
		"tables/Num.yaml", "partitionKey: {name: id, type: N}\n",
		"tables/Bin.yaml", "partitionKey: {name: id, type: B}\n",
		"tests/a_test.yaml", `suite: a
identities: {r: {role: R}}
rows:
  Tab:
    full: {id: x, day: 1, note: {deep: [1]}}
    nothing: {id: null, day: 1}
    absent: {day: 1}
    empty: {id: "", day: 1}
    list: {id: x, shop: s, day: 1}
  Num: {seven: {id: 0070e-1}}
  Bin: {bytes: {id: AQI=}}
tests:
  - name: all
    as: r
    on: {Tab: [full, nothing, absent, empty]}
    actions: [dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:Query, dynamodb:Scan, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:DeleteItem, dynamodb:BatchWriteItem, dynamodb:ConditionCheckItem, dynamodb:PartiQLSelect, dynamodb:PartiQLInsert, dynamodb:PartiQLUpdate, dynamodb:PartiQLDelete]
    expect: {}
  - name: types
    as: r
    on: {Num: seven, Bin: bytes}
    actions: [dynamodb:GetItem]
    expect: {}
  - {name: index, as: r, request: {action: dynamodb:Query, table: Tab, index: ByShop, row: list}, expect: {decision: implicitDeny}}
  - {name: index without its key, as: r, request: {action: dynamodb:query, table: Tab, index: ByShop, row: full}, expect: {decision: implicitDeny}}
  - {name: scan, as: r, request: {action: dynamodb:Scan, table: Tab}, expect: {decision: implicitDeny}}
  - {name: select, as: r, request: {action: dynamodb:PartiQLSelect, table: Tab}, expect: {decision: implicitDeny}}
  - {name: table, as: r, request: {action: dynamodb:DescribeTable, table: Tab}, expect: {decision: implicitDeny}}
  - name: overrides
    as: r
    on: {Tab: full}
    actions: [dynamodb:GetItem]
    context: {dynamodb:select: COUNT, dynamodb:Attributes: [], dynamodb:LeadingKeys: [a, b]}
    expect: {}
`))
	tests := suites(t, b)[0].Tests
	keys := map[string]string{}
	for i := range tests {
		for j := range tests[i].Cells {
			c := &tests[i].Cells[j]
			keys[tests[i].Name+": "+strings.TrimPrefix(c.Name, "r/")] = keysOf(t, c)
		}
	}
	const x = "FirstPartitionKeyValues=x"
	for name, want := range map[string]string{
		"all: full dynamodb:GetItem":                            "Attributes=id,day " + x + " LeadingKeys=x Select=ALL_ATTRIBUTES",
		"all: full dynamodb:BatchGetItem":                       "Attributes=id,day " + x + " LeadingKeys=x Select=ALL_ATTRIBUTES",
		"all: full dynamodb:Query":                              "Attributes=id,day " + x + " LeadingKeys=x Select=ALL_ATTRIBUTES",
		"all: full dynamodb:Scan":                               "Attributes=id,day Select=ALL_ATTRIBUTES",
		"all: full dynamodb:PutItem":                            "Attributes=id,day,note " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: full dynamodb:UpdateItem":                         "Attributes=id,day " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: full dynamodb:DeleteItem":                         "Attributes=id,day " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: full dynamodb:BatchWriteItem":                     "Attributes=id,day,note " + x + " LeadingKeys=x",
		"all: full dynamodb:ConditionCheckItem":                 "Attributes=id,day EnclosingOperation=TransactWriteItems " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: full dynamodb:PartiQLSelect":                      "Attributes=id,day " + x + " FullTableScan=false LeadingKeys=x Select=ALL_ATTRIBUTES",
		"all: full dynamodb:PartiQLInsert":                      "Attributes=id,day,note " + x + " LeadingKeys=x",
		"all: full dynamodb:PartiQLUpdate":                      "Attributes=id,day " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: full dynamodb:PartiQLDelete":                      "Attributes=id,day " + x + " LeadingKeys=x ReturnValues=NONE",
		"all: nothing dynamodb:GetItem":                         "Attributes=id,day FirstPartitionKeyValues=? LeadingKeys=? Select=ALL_ATTRIBUTES",
		"all: absent dynamodb:GetItem":                          "Attributes=id,day FirstPartitionKeyValues=? LeadingKeys=? Select=ALL_ATTRIBUTES",
		"all: empty dynamodb:GetItem":                           "Attributes=id,day FirstPartitionKeyValues=? LeadingKeys=? Select=ALL_ATTRIBUTES",
		"all: empty dynamodb:Scan":                              "Attributes=id,day Select=ALL_ATTRIBUTES",
		"types: Num.seven dynamodb:GetItem":                     "Attributes=id FirstPartitionKeyValues=7 LeadingKeys=7 Select=ALL_ATTRIBUTES",
		"types: Bin.bytes dynamodb:GetItem":                     "Attributes=id FirstPartitionKeyValues=AQI= LeadingKeys=AQI= Select=ALL_ATTRIBUTES",
		"index: Tab/ByShop/list dynamodb:Query":                 "Attributes=shop,day FirstPartitionKeyValues=s LeadingKeys=s Select=ALL_PROJECTED_ATTRIBUTES",
		"index without its key: Tab/ByShop/full dynamodb:query": "Attributes=shop,day FirstPartitionKeyValues=? LeadingKeys=? Select=ALL_PROJECTED_ATTRIBUTES",
		"scan: Tab dynamodb:Scan":                               "Select=ALL_ATTRIBUTES",
		"select: Tab dynamodb:PartiQLSelect":                    "FullTableScan=true Select=ALL_ATTRIBUTES",
		"table: Tab dynamodb:DescribeTable":                     "",
		"overrides: full dynamodb:GetItem":                      "Attributes= " + x + " LeadingKeys=a,b Select=COUNT",
	} {
		have, ok := keys[name]
		require.True(t, ok, "no cell %q in %v", name, keys)
		require.Equal(t, want, have, name)
	}
}

// TestRowWithoutKey wants a row whose partition key nobody knows to be nobody's: an Allow with
// ForAllValues does not apply, as it would to an absent key, and a Deny does.
func TestRowWithoutKey(t *testing.T) {
	b := load(t, with(
		"policies/P.json", `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "x"}}},
			{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"},
			{"Sid": "Not", "Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "x"}}}]}`,
		"tests/a_test.yaml", `suite: a
identities: {r: {role: R}}
rows: {Tab: {own: {id: x}, other: {id: y}, unknown: {}}}
tests:
  - name: n
    as: r
    on: {Tab: [own, other, unknown]}
    actions: [dynamodb:GetItem, dynamodb:PutItem]
    expect:
      r/own: {dynamodb:GetItem: allowed, dynamodb:PutItem: {explicitDeny: [Not]}}
      r/other: {dynamodb:PutItem: {allowed: ["P#1"]}}
      r/unknown: {dynamodb:PutItem: {explicitDeny: [Not]}}
`))
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	require.Equal(t, 6, r.Passed, "%v", r)
}

// TestSessionKeys wants what an identity pool's session has, and no more, in the context.
func TestSessionKeys(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	byIdentity := map[string]*bundle.Cell{}
	for i := range suites(t, b)[0].Tests {
		cells := suites(t, b)[0].Tests[i].Cells
		for j := range cells {
			if cells[j].Table != "" {
				byIdentity[cells[j].Identity] = &cells[j]
			}
		}
	}
	session := func(name string) map[string]string {
		q, err := byIdentity[name].Question(noon)
		require.NoError(t, err)
		out := map[string]string{}
		for key, values := range q.Request.Context.All() {
			if !strings.HasPrefix(key, "dynamodb:") {
				out[key] = strings.Join(values, " ")
			}
		}
		return out
	}
	const provider = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Shop1"
	shopper, ok := b.Role("Shopper")
	require.True(t, ok)
	common := map[string]string{
		"aws:PrincipalAccount": "012345678901", "aws:PrincipalType": "AssumedRole", "aws:PrincipalIsAWSService": "false",
		"aws:ResourceAccount": "012345678901", "aws:CurrentTime": "2026-11-23T12:00:00Z",
		"aws:EpochTime": fmt.Sprint(noon.Unix()), "aws:TokenIssueTime": "2026-11-23T12:00:00Z",
	}
	also := func(more map[string]string) map[string]string {
		for k, v := range common {
			more[k] = v
		}
		return more
	}
	require.Equal(t, also(map[string]string{
		"aws:PrincipalArn":                   "arn:aws:iam::012345678901:role/shop/Shopper",
		"aws:FederatedProvider":              "cognito-identity.amazonaws.com",
		"aws:userid":                         shopper.UniqueID + ":CognitoIdentityCredentials",
		"cognito-identity.amazonaws.com:sub": "eu-west-1:a0a0", "cognito-identity.amazonaws.com:aud": "eu-west-1:0d9c",
		"cognito-identity.amazonaws.com:amr": "authenticated " + provider + " " + provider + ":CognitoSignIn:7d3f",
		"aws:PrincipalTag/shop":              "s1", "aws:PrincipalTag/newsletter": "yes", "aws:SecureTransport": "true",
	}), session("ana"))
	require.Equal(t, also(map[string]string{
		"aws:PrincipalArn":                   "arn:aws:iam::012345678901:role/Clerk",
		"aws:FederatedProvider":              "cognito-identity.amazonaws.com",
		"aws:userid":                         "AROAEXAMPLEEXAMPLE22:CognitoIdentityCredentials",
		"cognito-identity.amazonaws.com:sub": "eu-west-1:0000", "cognito-identity.amazonaws.com:aud": "eu-west-1:0d9d",
		"cognito-identity.amazonaws.com:amr": "unauthenticated",
	}), session("visitor"))
	require.Equal(t, also(map[string]string{
		"aws:PrincipalArn":                   "arn:aws:iam::012345678901:role/shop/Shopper",
		"aws:FederatedProvider":              "cognito-identity.amazonaws.com",
		"aws:userid":                         shopper.UniqueID + ":CognitoIdentityCredentials",
		"cognito-identity.amazonaws.com:sub": "eu-west-1:d0d0", "cognito-identity.amazonaws.com:aud": "eu-west-1:0d9c",
		"cognito-identity.amazonaws.com:amr": "authenticated login.shop.example",
		"aws:PrincipalTag/Shop":              "none", "aws:PrincipalTag/newsletter": "yes",
	}), session("dan"))
	require.Equal(t, also(map[string]string{
		"aws:PrincipalArn": "arn:aws:iam::012345678901:role/Clerk", "aws:userid": "AROAEXAMPLEEXAMPLE22:CognitoIdentityCredentials",
	}), session("clerk"))
}

// TestSuiteExample reads a suite as the design writes it: a matrix, the deciding statement, a single
// request with what its context lacks.
func TestSuiteExample(t *testing.T) {
	fsys := demoWith(t, map[string]string{
		"policies/PlayerRows.json": `{"Version": "2012-10-17", "Statement": [{"Sid": "OwnRows", "Effect": "Allow",
			"Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"], "Resource": "*",
			"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}]}`,
		"roles/Player.yaml":                   "policies: [PlayerRows]\n",
		"guardrails/scp/00-root/NoScans.json": `{"Statement": {"Sid": "NoDrops", "Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": "*"}}`,
		"tests/players_test.yaml": `suite: players reach their own rows
options: {now: "2026-11-23T05:00:00Z"}
identities:
  alice: {role: Player, identityId: "us-east-1:aaaa", authenticated: true, claims: {"custom:tenant": acme}, tags: {tenant: acme}}
  guest: {role: Guest, identityId: "us-east-1:zzzz", authenticated: false}
rows:
  GameScores:
    own:   {UserId: "us-east-1:aaaa", GameTitle: Go, TopScore: 9}
    other: {UserId: "us-east-1:bbbb", GameTitle: Chess, TopScore: 7}
tests:
  - name: owner matrix
    as: [alice, guest]
    on: {GameScores: [own, other]}
    actions: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem]
    expect: {alice/own: {dynamodb:GetItem: {allowed: [OwnRows]}, dynamodb:PutItem: allowed}}
  - name: a missing key is not silently true
    as: alice
    request: {action: dynamodb:Scan, table: GameScores}
    expect: {decision: implicitDeny, missingContext: ["dynamodb:LeadingKeys"]}
`,
	})
	delete(fsys, "tests/referees_test.yaml")
	b := load(t, fsys)
	r := bundle.Run(b, suites(t, b), bundle.RunOptions{Now: noon})
	require.Zero(t, r.Failed, text(t, r))
	require.Equal(t, 13, r.Passed)
}

// TestManyCells wants a suite of more cells than anyone reads refused, before they are made.
func TestManyCells(t *testing.T) {
	list := func(prefix, text string, n int) (object, names string) {
		var o, l strings.Builder
		for i := range n {
			fmt.Fprintf(&o, "%s%d: %s, ", prefix, i, text)
			fmt.Fprintf(&l, "%s%d, ", prefix, i)
		}
		return "{" + o.String() + "}", "[" + l.String() + "]"
	}
	suites := func(n int) error {
		identities, as := list("i", "{role: R}", n)
		rows, on := list("r", "{id: x}", 401)
		b := load(t, with("tests/a_test.yaml", "suite: a\nidentities: "+identities+"\nrows: {Tab: "+rows+"}\ntests:\n- {name: n, as: "+as+", on: {Tab: "+on+"}, actions: [dynamodb:GetItem], expect: {}}\n"))
		_, err := b.Suites()
		return err
	}
	require.NoError(t, suites(20))
	lines(t, suites(500), "b/tests/a_test.yaml:5:3: /tests/0: more than 200000 cells in one suite")
}
