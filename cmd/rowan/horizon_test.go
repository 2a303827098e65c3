package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writeFiles writes the files of a bundle to a folder of that name.
func writeFiles(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for file, text := range files {
		path := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// timedBundle is one whose role reads all rows for a while, but for a night.
func timedBundle(t *testing.T) string {
	return writeFiles(t, "b", map[string]string{
		"rowan.yaml":        "account: \"111122223333\"\nregion: us-east-1\n",
		"roles/User.yaml":   "policies: [Own]\n",
		"tables/Notes.yaml": "partitionKey: {name: owner}\n",
		"policies/Own.json": `{"Version": "2012-10-17", "Statement": [
 {"Sid": "Own", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}},
 {"Sid": "Temporary", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/Notes", "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}, "DateLessThan": {"aws:CurrentTime": "2026-07-01T00:00:00+02:00"}, "Null": {"dynamodb:LeadingKeys": "false"}}},
 {"Sid": "Night", "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"NumericGreaterThan": {"aws:EpochTime": "1781049600"}, "NumericLessThanEquals": {"aws:EpochTime": "1781053200"}}}]}`,
		"tests/a_test.yaml": `suite: notes
options: {now: "2026-01-01T00:00:00Z"}
identities: {ann: {role: User, identityId: "us-east-1:aaaa", authenticated: true}}
rows: {Notes: {hers: {owner: "us-east-1:aaaa"}, bobs: {owner: "us-east-1:bbbb"}}}
tests:
  - name: ann
    as: ann
    on: {Notes: [hers, bobs]}
    actions: [dynamodb:GetItem]
    expect:
      ann/hers: {dynamodb:GetItem: allowed}
  - name: at a time of its own
    as: ann
    request: {action: dynamodb:GetItem, table: Notes, row: bobs}
    context: {"aws:CurrentTime": "2026-01-01T00:00:00Z"}
    expect: {decision: implicitDeny}
`,
	})
}

// TestHorizon: what the passing of time changes, when, and with what effects.
func TestHorizon(t *testing.T) {
	dir := timedBundle(t)
	status, out, errs := invoke(nil, "horizon", "--bundle", dir, "--at", "2026-05-01T00:00:00Z")
	require.Empty(t, errs)
	require.Zero(t, status)
	require.Equal(t, `2026-06-01T00:00:00Z, in 31 days
  Allow Temporary begins to apply: DateGreaterThanEquals aws:CurrentTime ["2026-06-01T00:00:00Z"] and DateLessThan aws:CurrentTime ["2026-07-01T00:00:00+02:00"]
    `+dir+`/policies/Own.json:3
  test notes/ann/ann/bobs dynamodb:GetItem: allowed, was implicitDeny; the test fails then
  check isolation of User, Notes: refuted, was proved
  check non-interference of User, Notes: refuted, was proved
2026-06-10T00:00:01Z, in 40 days
  Deny Night begins to apply: NumericGreaterThan aws:EpochTime ["1781049600"] and NumericLessThanEquals aws:EpochTime ["1781053200"]
    `+dir+`/policies/Own.json:4
  test notes/ann/ann/hers dynamodb:GetItem: explicitDeny, was allowed; the test fails then
  test notes/ann/ann/bobs dynamodb:GetItem: explicitDeny, was allowed; the test fails then
  test notes/at a time of its own/ann/Notes/bobs dynamodb:GetItem: explicitDeny, was implicitDeny; the test fails then
  check isolation of User, Notes: proved, was refuted
  check table-prefix of User, Notes: proved, was refuted
  check non-interference of User, Notes: proved, was refuted
2026-06-10T01:00:01Z, in 40 days
  Deny Night ceases to apply: NumericGreaterThan aws:EpochTime ["1781049600"] and NumericLessThanEquals aws:EpochTime ["1781053200"]
    `+dir+`/policies/Own.json:4
  test notes/ann/ann/hers dynamodb:GetItem: allowed, was explicitDeny; as the test wants it from then on
  test notes/ann/ann/bobs dynamodb:GetItem: allowed, was explicitDeny; the test fails then
  test notes/at a time of its own/ann/Notes/bobs dynamodb:GetItem: implicitDeny, was explicitDeny; as the test wants it from then on
  check isolation of User, Notes: refuted, was proved
  check table-prefix of User, Notes: refuted, was proved
  check non-interference of User, Notes: refuted, was proved
2026-06-30T22:00:00Z, in 60 days
  Allow Temporary ceases to apply: DateGreaterThanEquals aws:CurrentTime ["2026-06-01T00:00:00Z"] and DateLessThan aws:CurrentTime ["2026-07-01T00:00:00+02:00"]
    `+dir+`/policies/Own.json:3
  test notes/ann/ann/bobs dynamodb:GetItem: implicitDeny, was allowed; as the test wants it from then on
  check isolation of User, Notes: proved, was refuted
  check non-interference of User, Notes: proved, was refuted
`, out)

	// Within a span it is a gate; a second less, and nothing is within it.
	gate := func(at, within string) (int, string) {
		status, out, _ := invoke(nil, "horizon", "--no-effects", "--bundle", dir, "--at", at, "--within", within)
		return status, out
	}
	status, out = gate("2026-05-02T00:00:00Z", "30d")
	require.Equal(t, exitUnmet, status)
	require.Contains(t, out, "2026-06-01T00:00:00Z, in 30 days\n")
	require.NotContains(t, out, "test ")
	status, out = gate("2026-05-01T23:59:59Z", "30d")
	require.Zero(t, status)
	require.Equal(t, "nothing changes by the passing of time until 2026-05-31T23:59:59Z\n", out)
	status, _ = gate("2026-05-31T23:59:59Z", "1s")
	require.Equal(t, exitUnmet, status)
	status, _ = gate("2026-06-01T00:00:00Z", "1h")
	require.Zero(t, status, "it has changed")
	status, out = gate("2026-07-01T00:00:00Z", "36500d")
	require.Zero(t, status, out)

	status, out, _ = invoke(nil, "--format", "json", "horizon", "--bundle", dir, "--at", "2026-05-01T00:00:00Z")
	require.Zero(t, status)
	var r horizonRecord
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Changes, 4)
	require.Equal(t, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), r.Changes[0].At)
	require.Equal(t, "Temporary", r.Changes[0].Statements[0].Statement)
	require.True(t, r.Changes[0].Statements[0].Applies)
	require.Equal(t, cellRecord{"notes", "ann", "ann/bobs dynamodb:GetItem", "implicitDeny", "allowed", true}, r.Changes[0].Cells[0])
	require.Empty(t, r.Unforeseen)

	for _, within := range []string{"0d", "-1h", "30", "a month", "40000d"} {
		status, _, errs := invoke(nil, "horizon", "--bundle", dir, "--within="+within)
		require.Equal(t, exitUsage, status, within)
		require.Contains(t, errs, "want a span such as 30d or 12h")
	}
}

// TestHorizonUnforeseen: what cannot be foreseen is said, and is no pass.
func TestHorizonUnforeseen(t *testing.T) {
	bundle := func(conditions string) string {
		return writeFiles(t, "b", map[string]string{
			"rowan.yaml":        "account: \"111122223333\"\nregion: us-east-1\n",
			"roles/User.yaml":   "policies: [Own]\n",
			"policies/Own.json": `{"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {` + conditions + `}}]}`,
		})
	}
	for conditions, want := range map[string]string{
		`"CelTrue": {"cel:late": "size(context[\"aws:username\"]) > 0"}`: "cannot be foreseen",
		`"StringEquals": {"aws:username": "${aws:CurrentTime}"}`:         "cannot be foreseen",
		`"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}`:          "",
		`"DateLessThan": {"aws:TokenIssueTime": "2027-01-01T00:00:00Z"}`: "",
		`"StringEquals": {"aws:username": "ann"}`:                        "",
	} {
		status, out, errs := invoke(nil, "horizon", "--cel", "--bundle", bundle(conditions), "--within", "30d")
		require.Empty(t, errs, conditions)
		if want == "" {
			require.Zero(t, status, "%s: %s", conditions, out)
			require.NotContains(t, out, "foreseen")
			continue
		}
		require.Equal(t, exitUnloadable, status, conditions)
		require.Contains(t, out, want)
	}
}
