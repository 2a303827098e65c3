package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/bundle/rowproof"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// invoke runs a command line in this process.
func invoke(environment map[string]string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	p := &process{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now,
		terminal: func(any) bool { return false }, getenv: func(name string) string { return environment[name] },
	}
	status = p.run(args)
	return status, out.String(), errs.String()
}

// columnsBundle is the demo's bundle with a table that has columns of several
// types.
func columnsBundle(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "demo")
	require.NoError(t, os.CopyFS(dir, demo.FS))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("tables/Notes.yaml", `partitionKey: {name: owner}
sql:
  table: notes
  columns:
    owner: owner
    "aws:ResourceTag/team": team
    "app:size": {column: size, type: integer}
    "app:shared": {column: shared, type: bool}
    "app:labels": {column: labels, type: "text[]"}
    "app:price": {column: price, type: decimal}
    "app:at": {column: at, type: timestamptz}
`)
	write("policies/Notes.json", `{"Version": "2012-10-17", "Statement": [
 {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["${cognito-identity.amazonaws.com:sub}", "${aws:PrincipalTag/team}/*", "a%b_*"]}, "NumericLessThan": {"app:size": "10"}}},
 {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"Bool": {"app:shared": "true"}, "StringEqualsIgnoreCase": {"aws:ResourceTag/team": ["${aws:PrincipalTag/team}", "Kiss"]}}},
 {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"app:labels": ["public", "a*"]}, "DateLessThan": {"app:at": "2026-03-01T12:00:00Z"}}},
 {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"NumericGreaterThanEquals": {"app:price": "10.5"}}},
 {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"StringNotLike": {"aws:ResourceTag/team": ["*s*", "r?d"]}}}]}`)
	write("roles/Author.yaml", "policies: [Notes]\ntags: {team: red}\n")
	return dir
}

// TestProveFilter proves a bundle on every store that there is.
func TestProveFilter(t *testing.T) {
	status, out, errs := invoke(map[string]string{"DATABASE_URL": needs.Postgres(t)},
		"--format", "json", "prove-filter", "--bundle", columnsBundle(t), "--n", "6000", "--postgres", "-", "--dynamodb", needs.Dynalite(t))
	require.Empty(t, errs)
	require.Zero(t, status, out)
	var r proofRecord
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.True(t, r.Proved)
	require.GreaterOrEqual(t, r.Pairs, 6000)
	require.Greater(t, r.Partly, r.Cases/10)
	names := map[string]int{}
	for _, s := range r.Stores {
		names[s.Name] = s.Pairs
		require.Greater(t, s.Kept, 50, s.Name)
	}
	t.Log(names)
	require.Greater(t, names["PostgreSQL"], 4000)
	require.Greater(t, names["SQLite"], 4000)
	require.Greater(t, names["DynamoDB"], 400)
	refused := map[string]bool{}
	for _, x := range r.Refusals {
		require.NotEmpty(t, x.Store)
		refused[x.Store] = true
	}
	require.True(t, refused["SQLite"], "it has neither decimals nor lists")
	require.True(t, refused["DynamoDB"], "writes are not narrowed")
}

// TestProveFilterShows: a counter-example is shown whole, and fails.
func TestProveFilterShows(t *testing.T) {
	found := &rowproof.DisagreementError{
		Asker: "game/ann", Action: "dynamodb:Query", Table: "Scores", Store: "SQLite", StoreKeeps: true, Filter: "nothing", Statement: "1 = 1 []",
		Row: []rowproof.KeyValue{{Key: "dynamodb:LeadingKeys", Value: `"a"`}}, Context: []rowproof.KeyValue{{Key: "aws:username", Value: "[\"ann\"]"}}, Seed: 7,
	}
	show := func(format string, err error) (int, string) {
		var out bytes.Buffer
		c := &console{process: &process{stderr: &out}, out: bufio.NewWriter(&out), format: format}
		require.NoError(t, (&proveCommand{Seed: 7}).print(c, &rowproof.Report{Cases: 3, Pairs: 60, Stores: []rowproof.StoreReport{{Name: "SQLite"}}}, err))
		require.NoError(t, c.out.Flush())
		return c.status, out.String()
	}
	status, text := show("text", found)
	require.Equal(t, exitUnmet, status)
	require.Equal(t, `in process: 3 cases (0 keep nothing, 0 some rows, 0 all), 60 pairs, 0 allowed
SQLite: 0 cases, 0 pairs, 0 kept; 0 cases refused, 0 rows not held
disagreement: game/ann dynamodb:Query Scores: SQLite keeps a row, Keep drops it, Decide denies it
  row      dynamodb:LeadingKeys = "a"
  filter   nothing
  asked    1 = 1 []
  context  aws:username = ["ann"]
  seed     7
`, text)
	status, text = show("json", found)
	require.Equal(t, exitUnmet, status)
	require.Contains(t, text, `"proved":false`)
	require.Contains(t, text, `"counterexample":{"asker":"game/ann"`)

	status, text = show("text", fmt.Errorf("%w on SQLite", rowproof.ErrNothing))
	require.Equal(t, exitUnmet, status)
	require.Contains(t, text, "no pair was proved on SQLite")
	require.Error(t, (&proveCommand{}).print(&console{}, &rowproof.Report{}, errors.New("the disk is full")))
}

// TestProveFilterProgress: only who watches sees how far it is.
func TestProveFilterProgress(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	require.NoError(t, os.CopyFS(dir, demo.FS))
	var out, errs bytes.Buffer
	p := &process{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now, terminal: func(s any) bool { return s == &errs }, getenv: func(string) string { return "" }}
	require.Zero(t, p.run([]string{"prove-filter", "--bundle", dir, "--n", "500"}))
	require.Contains(t, errs.String(), "\r\x1b[Kproved 24 of 500")
	require.True(t, strings.HasSuffix(errs.String(), "\r\x1b[K"))
	require.Contains(t, out.String(), "no disagreement\n")
}
