package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/identity"
)

// demoBundle writes the demo's bundle to a folder.
func demoBundle(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "scores")
	require.NoError(t, os.CopyFS(dir, demo.FS))
	return dir
}

// TestCanIdentity: what an identity of the store may do, by each role that it may
// get.
func TestCanIdentity(t *testing.T) {
	d, dir := newDesk(t), demoBundle(t)
	id := d.alice.identityID
	status, out, errs := d.run("", append([]string{"can", id, "--bundle", dir}, d.args...)...)
	require.Empty(t, errs)
	require.Zero(t, status)
	require.Equal(t, id+` of game, signed in by cognito-idp.us-east-1.amazonaws.com/us-east-1_Players01
Player: the role of who is signed in
  GameScores
    may BatchGetItem, PutItem, UpdateItem: rows of "`+id+`" alone
    may GetItem, Query: rows of "`+id+`", "leaderboard" alone
    may not BatchWriteItem, ConditionCheckItem, DeleteItem, PartiQLDelete, PartiQLInsert, PartiQLSelect, PartiQLUpdate, Scan
    may not do anything else with it
  elsewhere: may do nothing
Referee: by a rule of cognito-idp.us-east-1.amazonaws.com/us-east-1_Players01
  GameScores
    may GetItem, Query: every row
      for instance dynamodb:GetItem arn:aws:dynamodb:us-east-1:111122223333:table/GameScores
    may not BatchGetItem, BatchWriteItem, ConditionCheckItem, DeleteItem, PartiQLDelete, PartiQLInsert, PartiQLSelect, PartiQLUpdate, PutItem, Scan, UpdateItem
    may not do anything else with it
  elsewhere: may do nothing
not its roles: Guest
`, out)

	// A server is asked alike, and one role may be chosen.
	d.env["AWS_ACCESS_KEY_ID"], d.env["AWS_SECRET_ACCESS_KEY"] = deskKey, deskSecret
	status, out, errs = d.run("", "--format", "json", "can", id, "--bundle", dir, "--endpoint", d.serve(t), "--role", "Player")
	require.Empty(t, errs)
	require.Zero(t, status)
	var r canRecord
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, id, r.Identity)
	require.Equal(t, []string{"Guest"}, r.Others)
	require.Len(t, r.Roles, 1)
	require.Equal(t, "Player", r.Roles[0].Role)
	require.Equal(t, "nothing", r.Roles[0].Elsewhere)
	for _, a := range r.Roles[0].Tables[0].Actions {
		require.Equal(t, a.Verdict == "can", a.Request != nil, "what one may do has a request: %s", a.Action)
	}

	// A guest has the role of guests, and no other.
	guest, err := d.login.pools.GetID(t.Context(), &identity.GetIDInput{IdentityPoolID: "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"})
	require.NoError(t, err)
	status, out, _ = d.run("", append([]string{"can", guest.IdentityID, "--bundle", dir}, d.args...)...)
	require.Zero(t, status)
	require.Contains(t, out, " of game, a guest\nGuest: the role of guests\n")
	require.Contains(t, out, "may GetItem, Query: rows of \"leaderboard\" alone\n")
	require.Contains(t, out, "not its roles: Player, Referee\n")

	status, _, errs = d.run("", append([]string{"can", "us-east-1:00000000-0000-4000-8000-000000000000", "--bundle", dir}, d.args...)...)
	require.Equal(t, exitUnmet, status)
	require.Contains(t, errs, "not found")
	status, out, _ = d.run("", append([]string{"can", guest.IdentityID, "--bundle", dir, "--role", "Player"}, d.args...)...)
	require.Equal(t, exitUnmet, status, "it may do nothing by a role that it does not get")
	require.NotContains(t, out, "may GetItem")

	// Who can, of the store.
	status, out, errs = d.run("", append([]string{"who-can", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores", "--bundle", dir}, d.args...)...)
	require.Empty(t, errs)
	require.Zero(t, status)
	require.Contains(t, out, "identities of the store: 1 of 1 that may get the role\n           "+guest.IdentityID+", the role of guests\n")
	require.Contains(t, out, "           "+id+", the role of who is signed in\n")
	require.Contains(t, out, "           "+id+", by a rule of ")
	status, out, _ = d.run("", append([]string{"--format", "json", "who-can", "dynamodb:PutItem", "*", "--bundle", dir}, d.args...)...)
	require.Zero(t, status)
	var all []canJSON
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Equal(t, &canIdentities{Looked: 1, Complete: true, Can: []canIdentity{}}, all[0].Identities, "guests write nothing")
	require.Len(t, all[1].Identities.Can, 1)
	require.Equal(t, []string{id}, all[1].Identities.Can[0].Request.Context["cognito-identity.amazonaws.com:sub"])
	status, out, _ = d.run("", append([]string{"who-can", "dynamodb:GetItem", "*", "--bundle", dir, "--identities", "1"}, d.args...)...)
	require.Equal(t, exitUnloadable, status)
	require.Contains(t, out, "the store has more identities, which were not looked at")
}

// TestCanSession: what a session may do that flags describe, and its neighbours.
func TestCanSession(t *testing.T) {
	dir := demoBundle(t)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	can := func(args ...string) (int, string, string) {
		return invoke(nil, append([]string{"can", "--bundle", dir, "--role", "Player"}, args...)...)
	}
	status, out, errs := can("--context", "cognito-identity.amazonaws.com:sub=us-east-1:aaaa")
	require.Zero(t, status, errs)
	require.Contains(t, out, "    may BatchGetItem, PutItem, UpdateItem: rows of \"us-east-1:aaaa\" alone\n")
	require.Contains(t, out, "  elsewhere: may do nothing\n")

	prefix := `{"Version": "2012-10-17", "Statement": [{"Sid": "OwnRows", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringLike": {"dynamodb:Select": "COUNT"}, "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}*"}}},
 {"Sid": "Files", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}}}]}`
	write("policies/PlayerRows.json", prefix)
	write("roles/Player.yaml", "policies: [PlayerRows]\n")
	status, out, errs = can("--context", "cognito-identity.amazonaws.com:sub=us-east-1:aaaa")
	require.Zero(t, status, errs)
	require.Contains(t, out, "rows of others too, such as \"us-east-1:aaaa\", ")
	require.Contains(t, out, ", and without a partition key, depending on\n      if IpAddress aws:SourceIp [\"10.0.0.0/8\"] and StringLike dynamodb:Select [\"COUNT\"], by OwnRows\n")
	require.Contains(t, out, "    may do more with it, such as dynamodb:")
	require.Contains(t, out, "  elsewhere\n    may s3:Get* on arn:aws:s3:::b/us-east-1:aaaa/*, by Files ("+dir+"/policies/PlayerRows.json:2)\n      if DateLessThan aws:CurrentTime [\"2026-06-01T00:00:00Z\"], by Files\n      for instance s3:Get")

	// At a time it depends on the time no more.
	status, out, errs = can("--at", "2026-05-31T00:00:00Z")
	require.Zero(t, status, errs)
	require.Contains(t, out, "may s3:Get*")
	require.Contains(t, out, "on arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*, by Files", "the session says nothing of it")
	require.NotContains(t, out, "DateLessThan")
	_, out, _ = can("--at", "2026-06-01T00:00:00Z")
	require.NotContains(t, out, "may s3:Get*")

	// What the policy of a resource may allow is not known to be nothing.
	write("policies/PlayerRows.json", strings.Replace(prefix, `"dynamodb:*"`, `"dynamodb:GetItem"`, 1))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "resources"), 0o700))
	write("resources/b.yaml", "arn: arn:aws:s3:::b\npolicy: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {AWS: \"111122223333\"}, Action: \"s3:*\", Resource: \"*\"}]}\n")
	status, out, _ = can("--at", "2026-06-01T00:00:00Z")
	require.Equal(t, exitUnloadable, status)
	require.Contains(t, out, "elsewhere: unknown: the policy of resources/b.yaml is not looked at here\n")

	for want, args := range map[string][]string{
		"want an identity, or one --role":                   {"can", "--bundle", dir},
		"--context describes a session without an identity": {"can", "us-east-1:a", "--context", "a:b=c", "--bundle", dir},
		"want an identity of the store":                     {"can", "--role", "Player", "--store", "sqlite:x", "--bundle", dir},
		`no role "Nobody"`:                                  {"can", "--role", "Nobody", "--bundle", dir},
		"want KEY=VALUE":                                    {"can", "--role", "Player", "--context", "a", "--bundle", dir},
		"want --endpoint of a rowan serve, or --store":      {"can", "us-east-1:a", "--bundle", dir},
		"--keys and --url are for --store":                  {"who-can", "s3:*", "*", "--keys", "x", "--bundle", dir},
		"--store wants --keys and --url too":                {"who-can", "s3:*", "*", "--store", "sqlite:x", "--bundle", dir},
		"--identities: want at least 1":                     {"who-can", "s3:*", "*", "--store", "sqlite:x", "--identities", "0", "--bundle", dir},
	} {
		status, _, errs := invoke(nil, args...)
		require.Equal(t, exitUsage, status, want)
		require.Contains(t, errs, want)
	}
}
