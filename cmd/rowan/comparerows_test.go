package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// columnsNarrowed is a bundle of columnsBundle's table as it was, and as it is:
// fewer notes are small enough.
func columnsNarrowed(t *testing.T) (was, is string) {
	was, is = columnsBundle(t), columnsBundle(t)
	for dir, size := range map[string]string{was: "10", is: "5"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "policies", "Notes.json"), []byte(`{"Version": "2012-10-17", "Statement": [
 {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/team}/*"}, "NumericLessThan": {"app:size": "`+size+`"}}}]}`), 0o600))
	}
	return was, is
}

// TestCompareRowsInDatabases counts rows where they are.
func TestCompareRowsInDatabases(t *testing.T) {
	was, is := columnsNarrowed(t)
	for name, open := range map[string]func() (db *sql.DB, columns, rows string, environment map[string]string){
		"SQLite": func() (*sql.DB, string, string, map[string]string) {
			file := filepath.Join(t.TempDir(), "rows.db")
			db, err := sql.Open("sqlite", file)
			require.NoError(t, err)
			return db, "id integer, owner text, team text, size integer, shared integer, labels text, price integer, at text", "sqlite:" + file, nil
		},
		"PostgreSQL": func() (*sql.DB, string, string, map[string]string) {
			url := needs.Postgres(t)
			db, err := sql.Open("pgx", url)
			require.NoError(t, err)
			return db, "id integer, owner text, team text, size bigint, shared boolean, labels text[], price numeric, at timestamptz", "postgres:-", map[string]string{"DATABASE_URL": url}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, columns, rows, environment := open()
			defer func() { require.NoError(t, db.Close()) }()
			for _, statement := range []string{
				"CREATE TABLE notes (" + columns + ")",
				"INSERT INTO notes (id, owner, team, size) VALUES (1, 'red/ann', 'red', 9), (2, 'blue/bob', 'red', 9), (3, 'red/ann', 'red', 4), (4, 'red/eve', 'red', 5), (5, 'red/max', 'red', NULL)",
			} {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
			count := func(more ...string) (int, []comparisonJSON, string) {
				args := append([]string{"--format", "json", "compare", was, is, "--role", "Author", "--context", "aws:PrincipalTag/team=red", "--table", "Notes", "--action", "dynamodb:GetItem"}, more...)
				status, out, errs := invoke(environment, args...)
				var all []comparisonJSON
				if status == 0 {
					require.NoError(t, json.Unmarshal([]byte(out), &all))
				}
				return status, all, errs
			}
			status, all, errs := count("--rows", rows, "--reason", "ticket 7")
			require.Zero(t, status, errs)
			require.Equal(t, "rowan: reading a row of notes past the policies: ticket 7\n", errs)
			require.Len(t, all, 1)
			s := all[0].Rows
			require.Equal(t, 5, s.Rows)
			require.True(t, s.Complete)
			require.NotContains(t, s.Source, "@", "an address may have a password")
			// Of ann's notes the one of 9 is lost, and eve's of 5; that of 4 stays.
			require.Equal(t, []rowChange{{Identity: "Author", Actions: []string{"dynamodb:GetItem"}, Before: 3, After: 1, Lost: 2, LostRows: []string{`"red/ann"`, `"red/eve"`}}}, s.Changes)

			status, all, errs = count("--rows", rows, "--reason", "ticket 7", "--max-rows", "4")
			require.Zero(t, status, errs)
			require.Equal(t, 4, all[0].Rows.Rows)
			require.False(t, all[0].Rows.Complete)

			status, _, errs = count("--rows", rows)
			require.Equal(t, exitUsage, status)
			require.Contains(t, errs, "want --reason")
		})
	}
	status, _, errs := invoke(nil, "compare", was, is, "--table", "Notes", "--rows", "sqlite:"+filepath.Join(t.TempDir(), "none.db"), "--reason", "x", "--role", "Author", "--context", "aws:PrincipalTag/team=red")
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "unable to open")
}

// TestCompareRowsInDynamoDB counts the items of a table.
func TestCompareRowsInDynamoDB(t *testing.T) {
	url := needs.Dynalite(t)
	call := func(operation, body string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewBufferString(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=b")
		r.Header.Set("X-Amz-Date", "20261123T000000Z")
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		require.NoError(t, a.Body.Close())
		require.Equal(t, http.StatusOK, a.StatusCode, string(text))
	}
	call("CreateTable", `{"TableName": "Ledger", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "owner", "AttributeType": "N"}], "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}`)
	for _, n := range []string{"1", "2.50", "30"} {
		call("PutItem", `{"TableName": "Ledger", "Item": {"owner": {"N": "`+n+`"}, "secret": {"S": "x"}}}`)
	}
	bundle := func(keys string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"rowan.yaml":         "account: \"111122223333\"\nregion: us-east-1\n",
			"tables/Ledger.yaml": "partitionKey: {name: owner, type: N}\n",
			"roles/Clerk.yaml":   "policies: [Own]\n",
			"policies/Own.json":  `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ` + keys + `}, "Null": {"dynamodb:LeadingKeys": "false"}}}]}`,
		} {
			file := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		}
		return dir
	}
	status, out, errs := invoke(nil, "compare", bundle(`["1", "7"]`), bundle(`["1", "2.5"]`), "--rows", "dynamodb:"+url, "--reason", "ticket 7", "--role", "Clerk", "--context", "aws:SourceIdentity=ann", "--action", "dynamodb:GetItem")
	require.Zero(t, status, errs)
	require.Equal(t, "rowan: reading a row of Ledger past the policies: ticket 7\n", errs)
	require.Contains(t, out, "rows of Ledger in DynamoDB: 3 looked at\n")
	require.Contains(t, out, "a session of Clerk: GetItem: 2, was 1, gained 1, such as \"2.5\"\n")
	status, out, errs = invoke(nil, "compare", bundle(`"1"`), bundle(`"1"`), "--rows", "dynamodb:"+url, "--reason", "ticket 7", "--role", "Clerk", "--context", "aws:SourceIdentity=ann", "--max-rows", "2")
	require.Zero(t, status, errs)
	require.Contains(t, out, "2 looked at, and there are more\n")
}

// TestCompareRowsUsage: what makes no sense is refused, and says why.
func TestCompareRowsUsage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "b"), demo.FS))
	bad, document := filepath.Join(dir, "bad.jsonl"), filepath.Join(dir, "p.json")
	require.NoError(t, os.WriteFile(bad, []byte("{\"UserId\": \"a\"}\n[]\n"), 0o600))
	require.NoError(t, os.WriteFile(document, []byte(`{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`), 0o600))
	b := filepath.Join(dir, "b")
	for want, args := range map[string][]string{
		"bad.jsonl:2: want an object of JSON":            {b, b, "--rows", bad},
		"none.jsonl: no such file or directory":          {b, b, "--rows", "none.jsonl"},
		"--role and --rows are for bundles":              {document, document, "--rows", bad},
		"are for --rows":                                 {b, b, "--as", "alice"},
		`no identity "nobody" in a suite`:                {b, b, "--rows", bad, "--as", "nobody"},
		`no table "Nothing"`:                             {b, b, "--rows", bad, "--table", "Nothing"},
		"--context wants one --role":                     {b, b, "--rows", bad, "--context", "a=b"},
		"want KEY=VALUE":                                 {b, b, "--rows", bad, "--role", "Player", "--context", "a"},
		`malformed context key "nothing"`:                {b, b, "--rows", bad, "--role", "Player", "--context", "nothing=b"},
		"want one of dynamodb:BatchGetItem":              {b, b, "--rows", bad, "--action", "dynamodb:ListTables"},
		"--max-rows: want at least 1":                    {b, b, "--rows", bad, "--max-rows", "0"},
		"--reason is for the rows of a store":            {b, b, "--rows", bad, "--reason", "x"},
		"want --reason: the rows are read past":          {b, b, "--rows", "sqlite:rows.db"},
		"want dynamodb: and the URL of a server":         {b, b, "--rows", "dynamodb:localhost", "--reason", "x"},
		"no DATABASE_URL in the environment":             {b, b, "--rows", "postgres:-", "--reason", "x"},
		"--rows: no address of PostgreSQL":               {b, b, "--rows", "postgres://u:secret@h:port", "--reason", "x"},
		"the suites have no identity to count for":       {b, b, "--rows", bad, "--role", "Guest", "--as", "alice"},
		"tables: say with --table of which the rows are": {columnsBundle(t), columnsBundle(t), "--rows", bad},
	} {
		status, _, errs := invoke(nil, append([]string{"compare"}, args...)...)
		require.Equal(t, exitUsage, status, want)
		require.Contains(t, errs, want)
		require.NotContains(t, errs, "secret")
	}
}
