package identity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// lens looks at logins and wants nothing changed by it.
func (s *shop) lens(t *testing.T, logins map[string]string) *identity.Lens {
	t.Helper()
	before := s.count()
	events := len(s.events)
	l, err := s.Lens(s.ctx, poolID, logins)
	require.NoError(t, err)
	require.Equal(t, before, s.count())
	require.Len(t, s.events, events)
	_, err = json.Marshal(l)
	require.NoError(t, err)
	return l
}

// count counts identities.
func (s *shop) count() (n int) {
	require.NoError(s.t, s.store.View(s.ctx, func(tx identity.Tx) error {
		records, err := tx.List("identity", poolID, "", 1000)
		n = len(records)
		return err
	}))
	return n
}

func contextOf(l *identity.Lens) map[string][]string {
	out := map[string][]string{}
	for _, k := range l.Context {
		out[k.Name] = k.Values
	}
	return out
}

func TestLens(t *testing.T) {
	s := newShop(t, nil)
	logins := map[string]string{idp: s.token(idp, "alice", claims{"dept": "sand"})}
	l := s.lens(t, logins)
	require.True(t, l.New)
	require.Empty(t, l.IdentityID)
	require.Nil(t, l.Refusal)
	require.Equal(t, []string{"us-east-1:00000000-0000-0000-0000-000000000000"}, contextOf(l)["cognito-identity.amazonaws.com:sub"])

	id := s.mustID(logins)
	l = s.lens(t, logins)
	require.False(t, l.New)
	require.Equal(t, id, l.IdentityID)
	require.True(t, l.Authenticated)
	require.Equal(t, adminRole, l.Role)
	require.Equal(t, "rule 2 is the first that matches", l.Reason)
	login := l.Logins[0]
	require.Equal(t, "alice", login.Subject)
	require.Equal(t, []identity.LensClaim{{Name: "dept", Present: true, Values: []string{"sand"}}}, login.Claims)
	require.Equal(t, `the claim is "sand"`, login.Mapping.Rules[0].Why)
	require.False(t, login.Mapping.Rules[0].Matched)
	require.True(t, login.Mapping.Rules[1].Matched)
	require.Equal(t, []identity.TagTrace{{Tag: "dept", Provider: idp, Claim: "dept", Value: "sand", Set: true}}, l.Tags)
	require.Len(t, l.Trust, 2)
	require.True(t, l.Trust[0].Allowed)
	require.Equal(t, "sts:TagSession", l.Trust[1].Action)
	require.Equal(t, []string{"statement 0 of " + adminRole + " at 1:41 allows it"}, l.Trust[0].Why)

	// What it shows is what the session has.
	session := s.session(id, logins)
	require.Equal(t, l.Role, session.RoleARN)
	caller, err := s.sessions.Caller(session)
	require.NoError(t, err)
	require.Equal(t, keysOf(caller), contextOf(l))
	require.Equal(t, []string{"sand"}, contextOf(l)["aws:PrincipalTag/dept"])
}

func TestLensOfGuest(t *testing.T) {
	s := newShop(t, nil)
	l := s.lens(t, nil)
	require.True(t, l.New)
	require.Equal(t, guestRole, l.Role)
	require.Equal(t, []string{s.pool.GuestPolicy}, l.SessionPolicies)
	s.pool.Unauthenticated = ""
	l = s.lens(t, nil)
	require.Equal(t, identity.NotAuthorized, l.Refusal.Code)
	require.Empty(t, l.Role)
}

func TestLensOfLinks(t *testing.T) {
	s := newShop(t, nil)
	one := s.mustID(s.login(google, "alice"))
	s.clock.at = s.clock.at.Add(1)
	two := s.mustID(s.login(idp, "alice"))
	l := s.lens(t, both(s.login(google, "alice"), s.login(idp, "alice"), map[string]string{samlARN: `{"NameID": "alice"}`}))
	require.Equal(t, one, l.IdentityID)
	require.Equal(t, []string{two}, l.Merges)
	require.Equal(t, []string{samlARN}, l.Links)
	l = s.lens(t, both(s.login(google, "alice"), s.login(idp, "bob")))
	require.Equal(t, []string{idp}, l.Links)
}

// TestLensOfRefusals shows why, which the client is not told.
func TestLensOfRefusals(t *testing.T) {
	s := newShop(t, nil)
	_, err := s.Lens(s.ctx, poolID, map[string]string{google: "x"})
	refused(t, err, identity.NotAuthorized, "")
	_, err = s.Lens(s.ctx, "us-east-1:0", nil)
	refused(t, err, identity.ResourceNotFound, "")

	l := s.lens(t, s.login(directory, "alice"))
	require.Equal(t, identity.NotAuthorized, l.Refusal.Code)
	require.Contains(t, l.Cause, "the token prefers no role")
	require.Empty(t, l.Context)

	l = s.lens(t, map[string]string{idp: s.token(idp, "alice", claims{"dept": "a,b"})})
	require.Equal(t, identity.InvalidParameter, l.Refusal.Code)
	require.Contains(t, l.Cause, "tag 'dept'")

	s.account.Roles[userRole].Trust = s.account.Roles[guestRole].Trust
	l = s.lens(t, s.login(google, "alice"))
	require.Equal(t, identity.InvalidIdentityPoolConfiguration, l.Refusal.Code)
	require.Equal(t, "the trust policy of "+userRole+" does not allow sts:AssumeRoleWithWebIdentity", l.Cause)
	require.False(t, l.Trust[0].Allowed)
	require.Equal(t, []string{
		"statement 0 of " + guestRole + " at 1:41 comes nearest",
		`ForAnyValue:StringLike cognito-identity.amazonaws.com:amr wants ["unauthenticated"], the login has ["authenticated" "accounts.google.com"]`,
	}, l.Trust[0].Why)
	s.account.Roles[userRole].Trust = compiled(t, policy.Trust, strings.Replace(trustText("authenticated"), `"Allow"`, `"Deny"`, 1))
	require.Contains(t, s.lens(t, s.login(google, "alice")).Trust[0].Why[0], "denies it")
	s.account.Roles[userRole].Trust = compiled(t, policy.Trust, strings.Replace(trustText("authenticated"), pool, google, 1))
	require.Contains(t, s.lens(t, s.login(google, "alice")).Trust[0].Why, "it is for another principal")
	s.account.Roles[userRole].Trust = nil
	l = s.lens(t, s.login(google, "alice"))
	require.Contains(t, l.Trust[0].Fault, "no trust policy")
	require.Equal(t, identity.InvalidIdentityPoolConfiguration, l.Refusal.Code)

	one := s.mustID(both(s.login(google, "alice"), s.login(idp, "alice")))
	s.mustID(both(s.login(google, "bob"), s.login(directory, "bob")))
	l = s.lens(t, both(s.login(idp, "alice"), s.login(directory, "bob")))
	require.Equal(t, identity.ResourceConflict, l.Refusal.Code)
	require.NotEqual(t, one, l.IdentityID)
}
