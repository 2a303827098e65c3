package identity_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// keysOf are the context keys of a caller's session.
func keysOf(c *engine.Caller) map[string][]string { return maps.Collect(c.Session.All()) }

// TestSessionContext lists every key of a session of an identity pool: nothing
// is missing, and nothing more is there. Source: iam-semantics §5.2, §5.4.
func TestSessionContext(t *testing.T) {
	caller, err := gameAccount(t).Caller(aliceSession(), noon)
	require.NoError(t, err)
	require.Equal(t, "arn:aws:sts::111122223333:assumed-role/Player/CognitoIdentityCredentials", caller.Principal.String())
	want := map[string][]string{
		"aws:PrincipalArn":          {playerARN}, // the role with its path, not the session
		"aws:PrincipalAccount":      {accountID},
		"aws:PrincipalType":         {"AssumedRole"},
		"aws:PrincipalIsAWSService": {"false"},
		"aws:userid":                {playerID + ":CognitoIdentityCredentials"},
		"aws:TokenIssueTime":        {"2026-11-23T12:00:00Z"},
		"aws:FederatedProvider":     {pool},
		pool + ":sub":               {aliceID},
		pool + ":aud":               {poolID},
		pool + ":amr":               {"authenticated", "accounts.google.com"},
		"accounts.google.com:sub":   {"10769150350006150715113082367"},
		"aws:PrincipalTag/team":     {"red"}, // in place of the role's Team
		"aws:PrincipalTag/cost":     {"7"},
	}
	require.Equal(t, want, keysOf(caller))
	for key := range want {
		require.True(t, engine.SessionKey(key), "a request could bring %s", key)
	}
	_, state := caller.Session.Value("aws:username")
	require.Equal(t, conditions.Absent, state)
}

// TestSessionContextOfOthers shows what a session without a pool has, and a
// guest.
func TestSessionContextOfOthers(t *testing.T) {
	web := aliceSession()
	web.IdentityID, web.PoolID, web.AMR, web.Authenticated = "", "", nil, false
	web.Provider, web.SourceIdentity, web.Tags = "accounts.google.com", "alice@example.com", nil
	caller, err := gameAccount(t).Caller(web, noon)
	require.NoError(t, err)
	keys := keysOf(caller)
	require.Equal(t, []string{"accounts.google.com"}, keys["aws:FederatedProvider"])
	require.Equal(t, []string{"alice@example.com"}, keys["aws:SourceIdentity"])
	require.Equal(t, []string{"role"}, keys["aws:PrincipalTag/Team"])
	for key := range keys {
		require.False(t, strings.HasPrefix(key, pool), key)
	}

	caller, err = gameAccount(t).Caller(guestSession(), noon)
	require.NoError(t, err)
	require.Equal(t, []string{"unauthenticated"}, keysOf(caller)[pool+":amr"])
}

// TestSessionMFA counts from the second factor to the request, and does not
// guess. A session without a second factor has neither key.
func TestSessionMFA(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	open := func(change func(*identity.Session)) *identity.Session {
		s := aliceSession()
		s.MFA, s.AuthTime = true, noon.Add(-time.Minute)
		change(s)
		got, err := sessions.Open(context.Background(), accessKeyID, sealed(t, s))
		require.NoError(t, err)
		return got
	}
	age := func(s *identity.Session) ([]string, conditions.State) {
		caller, err := sessions.Caller(s)
		require.NoError(t, err)
		return caller.Session.Value("aws:MultiFactorAuthAge")
	}
	s := open(func(*identity.Session) {})
	for _, x := range []struct {
		after time.Duration
		want  string
	}{{0, "60"}, {time.Second - 1, "60"}, {30 * time.Second, "90"}} {
		at.at = noon.Add(x.after)
		got, _ := age(s)
		require.Equal(t, []string{x.want}, got, "%v later", x.after)
	}
	caller, err := sessions.Caller(s)
	require.NoError(t, err)
	require.Equal(t, []string{"true"}, keysOf(caller)["aws:MultiFactorAuthPresent"])

	for name, change := range map[string]func(*identity.Session){
		"unknown": func(s *identity.Session) { s.AuthTime = time.Time{} },
		"to come": func(s *identity.Session) { s.AuthTime = noon.Add(time.Hour) },
	} {
		_, state := age(open(change))
		require.Equal(t, conditions.Indeterminate, state, name)
	}
	caller, err = sessions.Caller(open(func(s *identity.Session) { s.MFA = false }))
	require.NoError(t, err)
	for key := range keysOf(caller) {
		require.False(t, strings.HasPrefix(key, "aws:MultiFactorAuth"), key)
	}
}

// decide asks whether the session may do an action on a row of aliceID.
func decide(t *testing.T, account *identity.Account, s *identity.Session, action, row string) bool {
	t.Helper()
	caller, err := account.Caller(s, noon)
	require.NoError(t, err)
	r := caller.NewRequest(action, scoresARN)
	require.NoError(t, r.Context.Set("dynamodb:LeadingKeys", row))
	d := caller.Evaluator.Decide(r)
	require.Equal(t, engine.NoFault, d.Fault)
	return d.Allowed()
}

// TestSessionDecides decides on own and foreign rows, with each limit that may
// stand above a session.
func TestSessionDecides(t *testing.T) {
	const get, put = "dynamodb:GetItem", "dynamodb:PutItem"
	onlyPut := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}}`
	withPolicies := func(texts ...string) *identity.Session {
		s := aliceSession()
		s.Policies = texts
		return s
	}
	full := gameAccount(t)
	require.True(t, decide(t, full, aliceSession(), get, aliceID))
	require.False(t, decide(t, full, aliceSession(), get, aliceID+"x"), "another's row")
	require.True(t, decide(t, full, guestSession(), get, aliceID))
	require.False(t, decide(t, full, guestSession(), put, aliceID), "beyond the session policy")
	require.True(t, decide(t, full, withPolicies(guestSession().Policies[0], onlyPut), put, aliceID))
	empty := aliceSession()
	empty.Policies = []string{}
	require.False(t, decide(t, full, empty, get, aliceID), "no session policy of some allows")

	bounded := gameAccount(t)
	bounded.Roles[playerARN].Boundary = compiled(t, policy.Boundary, onlyPut)
	require.False(t, decide(t, bounded, aliceSession(), get, aliceID), "beyond the boundary")
	require.True(t, decide(t, bounded, aliceSession(), put, aliceID))
	guarded := gameAccount(t)
	guarded.ServiceControl = []*engine.Set{compiled(t, policy.ServiceControl, onlyPut)}
	require.False(t, decide(t, guarded, aliceSession(), get, aliceID), "beyond the service control policy")
	require.True(t, decide(t, guarded, aliceSession(), put, aliceID))
	held := gameAccount(t)
	held.ResourceControl = []*engine.Set{compiled(t, policy.ResourceControl, `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": "*"}}`)}
	require.False(t, decide(t, held, aliceSession(), get, aliceID), "denied by the resource control policy")
	require.True(t, decide(t, held, aliceSession(), put, aliceID))
}

// TestThreatRoleMadeAnew gives the name of a session's role to another role.
func TestThreatRoleMadeAnew(t *testing.T) {
	at := &clock{noon}
	token := sealed(t, aliceSession())
	for name, change := range map[string]func(*identity.Account){
		"another unique id": func(a *identity.Account) { a.Roles[playerARN].UniqueID = "AROAPLAYERPLAYER2346" },
		"gone":              func(a *identity.Account) { delete(a.Roles, playerARN) },
		"nil":               func(a *identity.Account) { a.Roles[playerARN] = nil },
		"without policies":  func(a *identity.Account) { a.Roles[playerARN].Identity = nil },
		"another account":   func(a *identity.Account) { a.ID = "444455556666" },
		"another partition": func(a *identity.Account) { a.Partition = "aws-cn" },
	} {
		account := gameAccount(t)
		change(account)
		_, err := account.Caller(aliceSession(), noon)
		require.ErrorIs(t, err, identity.ErrSessionToken, name)
		sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Account = account })
		_, err = sessions.Open(context.Background(), accessKeyID, token)
		require.ErrorIs(t, err, identity.ErrSessionToken, name)
	}
	_, err := newSessions(t, at.now, nil).Open(context.Background(), accessKeyID, token)
	require.NoError(t, err)
}

// TestCallerRefuses is about sessions of which no caller can be made.
func TestCallerRefuses(t *testing.T) {
	for name, change := range map[string]func(*identity.Session){
		"no policy": func(s *identity.Session) { s.Policies = []string{""} },
		"no session policy": func(s *identity.Session) {
			s.Policies = []string{strings.Replace(ownRows, `"Resource"`, `"Principal": "*", "Resource"`, 1)}
		},
		"one of two": func(s *identity.Session) { s.Policies = []string{ownRows, `{"Version": "2012-10-17"}`} },
		"unknown operator": func(s *identity.Session) {
			s.Policies = []string{strings.Replace(ownRows, "StringEquals", "StringEqualz", 1)}
		},
		"two values for a sub": func(s *identity.Session) { s.Keys[0].Values = []string{"a", "b"} },
	} {
		s := aliceSession()
		change(s)
		_, err := gameAccount(t).Caller(s, noon)
		require.Error(t, err, name)
		at := &clock{noon}
		sessions := newSessions(t, at.now, nil)
		opened, err := sessions.Open(context.Background(), accessKeyID, sealed(t, s))
		require.NoError(t, err, name)
		for range 2 { // also from the cache
			caller, err := sessions.Caller(opened)
			require.Error(t, err, name)
			require.Nil(t, caller, name)
		}
	}
}

// TestAdministratorCaller decides for an administrator, and refuses what is
// none.
func TestAdministratorCaller(t *testing.T) {
	account := gameAccount(t)
	admin := func() *identity.Administrator {
		return &identity.Administrator{
			ARN: "arn:aws:iam::111122223333:user/ops/ann", UniqueID: "AIDAANNANNANNANN2345", AccessKeyID: "AKIAANNANNANNANN2345",
			Tags:     []identity.Tag{{Key: "team", Value: "ops"}},
			Identity: compiled(t, policy.Identity, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "ops"}}}}`),
		}
	}
	caller, err := account.AdministratorCaller(admin())
	require.NoError(t, err)
	require.Equal(t, map[string][]string{
		"aws:PrincipalArn": {"arn:aws:iam::111122223333:user/ops/ann"}, "aws:PrincipalAccount": {accountID}, "aws:PrincipalType": {"User"},
		"aws:PrincipalIsAWSService": {"false"}, "aws:userid": {"AIDAANNANNANNANN2345"}, "aws:username": {"ann"}, "aws:PrincipalTag/team": {"ops"},
	}, keysOf(caller))
	userPool := "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_a"
	require.True(t, caller.Evaluator.Decide(caller.NewRequest("cognito-idp:ListUsers", userPool)).Allowed())
	require.False(t, caller.Evaluator.Decide(caller.NewRequest("cognito-identity:ListIdentities", userPool)).Allowed())

	for name, change := range map[string]func(*identity.Administrator){
		"role":            func(a *identity.Administrator) { a.ARN = playerARN },
		"root":            func(a *identity.Administrator) { a.ARN = "arn:aws:iam::111122223333:root" },
		"another account": func(a *identity.Administrator) { a.ARN = "arn:aws:iam::444455556666:user/ann" },
		"role's id":       func(a *identity.Administrator) { a.UniqueID = playerID },
		"no policies":     func(a *identity.Administrator) { a.Identity = nil },
		"zero value":      func(a *identity.Administrator) { *a = identity.Administrator{} },
	} {
		a := admin()
		change(a)
		_, err := account.AdministratorCaller(a)
		require.Error(t, err, name)
	}
}
