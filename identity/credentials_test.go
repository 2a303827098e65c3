package identity_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

func TestGetCredentialsForIdentity(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(s.login(google, "alice"))
	out, err := s.credentials(id, s.login(google, "alice"))
	require.NoError(t, err)
	require.Equal(t, id, out.IdentityID)
	require.Regexp(t, `^ASIA[A-Z2-7]{16}$`, out.Credentials.AccessKeyID)
	require.Len(t, out.Credentials.Secret.Reveal(), 40)
	require.Equal(t, noon.Add(time.Hour), out.Credentials.Expires)

	session := s.opened(out.Credentials)
	require.Equal(t, userRole, session.RoleARN)
	require.Equal(t, "CognitoIdentityCredentials", session.SessionName)
	require.Equal(t, []string{"authenticated", google}, session.AMR)
	require.Equal(t, "cognito-identity.amazonaws.com", session.Provider)
	require.Nil(t, session.Policies, "nothing limits a user but the role")
	require.Empty(t, session.Keys, "the provider's keys are the trust policy's")
	require.True(t, session.Secret.Equal(out.Credentials.Secret))

	again, err := s.credentials(id, s.login(google, "alice"))
	require.NoError(t, err)
	require.NotEqual(t, out.Credentials.AccessKeyID, again.Credentials.AccessKeyID)
	require.False(t, out.Credentials.Secret.Equal(again.Credentials.Secret))
}

// TestCredentialsReachOwnRows decides with the session: own rows, not others'.
func TestCredentialsReachOwnRows(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(s.login(google, "alice"))
	session := s.session(id, s.login(google, "alice"))
	caller, err := s.sessions.Caller(session)
	require.NoError(t, err)
	allowed := func(row string) bool {
		r := caller.NewRequest("dynamodb:GetItem", scoresARN)
		require.NoError(t, r.Context.Set("dynamodb:LeadingKeys", row))
		return caller.Evaluator.Decide(r).Allowed()
	}
	require.True(t, allowed(id))
	require.False(t, allowed(s.mustID(s.login(google, "bob"))))
}

func TestCredentialsJSON(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(nil)
	out, err := s.credentials(id, nil)
	require.NoError(t, err)
	text, err := json.Marshal(out)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"IdentityId": %q, "Credentials": {"AccessKeyId": %q, "SecretKey": %q, "SessionToken": %q, "Expiration": 1795438800}}`,
		id, out.Credentials.AccessKeyID, out.Credentials.Secret.Reveal(), out.Credentials.Token), string(text))
	// Any other print hides what is secret.
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "out", out, "credentials", out.Credentials)
	for _, print := range []string{fmt.Sprint(out), fmt.Sprintf("%+v", *out), fmt.Sprintf("%#v", out.Credentials), fmt.Sprintf("%s", out.Credentials), log.String()} {
		require.NotContains(t, print, string(out.Credentials.Secret.Reveal()))
		require.NotContains(t, print, out.Credentials.Token)
	}
}

func TestEpoch(t *testing.T) {
	for want, at := range map[string]time.Time{
		"1795435200":     noon,
		"1795435200.25":  noon.Add(250*time.Millisecond + 3),
		"1795435200.007": noon.Add(7 * time.Millisecond),
	} {
		text, err := json.Marshal(identity.Epoch(at))
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		var back identity.Epoch
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, at.Truncate(time.Millisecond), time.Time(back))
	}
	require.Error(t, json.Unmarshal([]byte(`"2026"`), new(identity.Epoch)))
}

// TestSecondFactorOfEveryLogin wants a session of several logins to have a
// second factor only if each had.
func TestSecondFactorOfEveryLogin(t *testing.T) {
	s := newShop(t, nil)
	early := noon.Add(-time.Hour)
	users := map[string]string{directory: s.token(directory, "alice", claims{
		"mfa": true, "auth_time": early.Unix(), "cognito:roles": []string{userRole}, "cognito:preferred_role": userRole,
	})}
	strong, weak := map[string]string{samlARN: `{"NameID": "alice", "mfa": true}`}, map[string]string{samlARN: `{"NameID": "alice"}`}
	id := s.mustID(both(users, strong))
	for _, c := range []struct {
		logins map[string]string
		mfa    bool
		at     time.Time
	}{
		{both(users, strong), true, early},
		{both(users, weak), false, early},
		{users, true, early},
		{strong, true, noon},
		{both(users, s.login(idp, "alice")), false, time.Time{}},
	} {
		session := s.session(id, c.logins)
		require.Equal(t, c.mfa, session.MFA)
		require.Equal(t, c.at, session.AuthTime)
	}
}

// TestSessionOfShortRole wants no session to outlast what its role allows.
func TestSessionOfShortRole(t *testing.T) {
	for most, want := range map[time.Duration]time.Duration{30 * time.Minute: 30 * time.Minute, 12 * time.Hour: time.Hour, 0: time.Hour} {
		s := newShop(t, func(s *shop) { s.account.Roles[userRole].MaxSession = most })
		require.Equal(t, noon.Add(want), s.session(s.mustID(s.login(google, "alice")), s.login(google, "alice")).Expires)
	}
}

func TestGuestBecomesUser(t *testing.T) {
	s := newShop(t, nil)
	guest := s.mustID(nil)
	session := s.session(guest, nil)
	require.Equal(t, guestRole, session.RoleARN)
	require.Equal(t, []string{"unauthenticated"}, session.AMR)
	require.Equal(t, []string{s.pool.GuestPolicy}, session.Policies)
	require.False(t, session.Authenticated)

	session = s.session(guest, s.login(google, "alice"))
	require.Equal(t, guest, session.IdentityID, "keeps its id")
	require.Equal(t, userRole, session.RoleARN)
	require.Nil(t, session.Policies)
	require.Equal(t, guest, s.mustID(s.login(google, "alice")))
	_, err := s.credentials(guest, nil)
	refused(t, err, identity.NotAuthorized, "Access to Identity '"+guest+"' is forbidden.")

	// A guest who logs in as somebody known becomes them.
	other := s.mustID(nil)
	out, err := s.credentials(other, s.login(google, "alice"))
	require.NoError(t, err)
	require.Equal(t, guest, out.IdentityID)
	_, err = s.credentials(other, nil)
	refused(t, err, identity.NotAuthorized, "forbidden")
}

func TestGuestsSwitchedOff(t *testing.T) {
	s := newShop(t, nil)
	guest := s.mustID(nil)
	s.pool.Unauthenticated = ""
	_, err := s.getID(nil)
	refused(t, err, identity.NotAuthorized, "Unauthenticated access is not supported for this identity pool.")
	_, err = s.credentials(guest, nil)
	refused(t, err, identity.NotAuthorized, "Unauthenticated access is not supported for this identity pool.")
}

// TestThreatIdentityIDGuess wants nothing for whoever only knows the id of a
// user.
func TestThreatIdentityIDGuess(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(s.login(google, "alice"))
	before := len(s.events)
	for name, logins := range map[string]map[string]string{
		"no login":                      nil,
		"a new login of mallory":        s.login(google, "mallory"),
		"mallory at another provider":   s.login(idp, "mallory"),
		"alice at another provider":     s.login(idp, "alice"),
		"two logins, neither of alice":  both(s.login(google, "mallory"), s.login(idp, "mallory")),
		"alice's token for another aud": {google: s.token(google, "alice", claims{"aud": "g2"})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.credentials(id, logins)
			refused(t, err, identity.NotAuthorized, "")
			_, err = s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: id, Logins: logins})
			refused(t, err, identity.NotAuthorized, "")
		})
	}
	// A login of somebody known does not help either, nor does it change owners.
	mallory := s.mustID(s.login(google, "mallory"))
	_, err := s.credentials(id, s.login(google, "mallory"))
	refused(t, err, identity.NotAuthorized, "Logins don't match. Please include at least one valid login for this identity or identity pool.")
	require.Equal(t, mallory, s.mustID(s.login(google, "mallory")))
	require.Len(t, s.events, before+1, "mallory's own identity alone")
	s.session(id, s.login(google, "alice"))
}

// TestUnknownIdentity answers the same for an id that never was, one that is
// deleted, and one of a pool that the account no longer has.
func TestUnknownIdentity(t *testing.T) {
	s := newShop(t, nil)
	deleted := s.mustID(s.login(google, "alice"))
	_, err := s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{deleted}})
	require.NoError(t, err)
	out, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: otherPool, Logins: s.login(google, "alice")})
	require.NoError(t, err)
	delete(s.account.Pools, otherPool)
	for _, id := range []string{"us-east-1:0", deleted, out.IdentityID} {
		for _, logins := range []map[string]string{nil, s.login(google, "alice")} {
			_, err := s.credentials(id, logins)
			refused(t, err, identity.ResourceNotFound, "Identity '"+id+"' not found.")
		}
	}
}

// TestThreatGuestAsUser wants a guest kept from every role but the guests'.
func TestThreatGuestAsUser(t *testing.T) {
	s := newShop(t, nil)
	guest := s.mustID(nil)
	for _, role := range []string{userRole, guestRole, adminRole, "arn:aws:iam::999999999999:role/X"} {
		_, err := s.GetCredentialsForIdentity(s.ctx, &identity.GetCredentialsForIdentityInput{IdentityID: guest, CustomRoleARN: role})
		refused(t, err, identity.NotAuthorized, "")
	}
	// The trust policy of the users' role wants amr "authenticated".
	s.pool.Unauthenticated = userRole
	_, err := s.credentials(guest, nil)
	refused(t, err, identity.InvalidIdentityPoolConfiguration, "Check assigned IAM roles for this pool.")
	s.pool.Unauthenticated = guestRole
	s.session(guest, nil)
}

// TestWarningOfGuests wants a warning of the one role that guests could take.
func TestWarningOfGuests(t *testing.T) {
	for _, c := range []struct {
		change func(*shop)
		want   bool
	}{
		{nil, false},
		{func(s *shop) { s.account.Roles[salesRole].Trust = s.account.Roles[guestRole].Trust }, true},
		{func(s *shop) {
			s.account.Roles[salesRole].Trust = s.account.Roles[guestRole].Trust
			s.pool.ClassicFlow = false
		}, false},
	} {
		var log strings.Builder
		newShop(t, func(s *shop) {
			s.options.Log = slog.New(slog.NewTextHandler(&log, nil))
			if c.change != nil {
				c.change(s)
			}
		})
		require.Equal(t, c.want, strings.Contains(log.String(), "role="+salesRole), log.String())
		require.NotContains(t, log.String(), userRole)
	}
}

func TestRolesOfLogins(t *testing.T) {
	s := newShop(t, nil)
	role := func(provider string, more claims) (string, error) {
		logins := map[string]string{provider: s.token(provider, "alice", more)}
		out, err := s.credentials(s.mustID(logins), logins)
		if err != nil {
			return "", err
		}
		return s.opened(out.Credentials).RoleARN, nil
	}
	for name, c := range map[string]struct {
		provider string
		claims   claims
		want     string
	}{
		"rule":           {idp, claims{"dept": "sales"}, salesRole},
		"next rule":      {idp, claims{"dept": "sand"}, adminRole},
		"no rule":        {idp, claims{"dept": "dev"}, userRole},
		"preferred role": {directory, claims{"cognito:roles": []string{adminRole, salesRole}, "cognito:preferred_role": salesRole}, salesRole},
		"no mapping":     {google, nil, userRole},
	} {
		got, err := role(c.provider, c.claims)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	_, err := role(directory, claims{"cognito:roles": []string{adminRole, salesRole}})
	refused(t, err, identity.NotAuthorized, "No role")
	foreign := "arn:aws:iam::999999999999:role/X"
	_, err = role(directory, claims{"cognito:roles": []string{foreign}, "cognito:preferred_role": foreign})
	refused(t, err, identity.InvalidIdentityPoolConfiguration, "")
	_, err = role(directory, claims{"cognito:roles": []string{looseRole}, "cognito:preferred_role": looseRole})
	refused(t, err, identity.InvalidIdentityPoolConfiguration, "")
}

// TestThreatRoleClaimForgery wants cognito:roles of another provider than a user
// pool ignored, and a pool that reads them there refused.
func TestThreatRoleClaimForgery(t *testing.T) {
	forged := claims{"cognito:roles": []string{adminRole}, "cognito:preferred_role": adminRole}
	s := newShop(t, nil)
	for _, provider := range []string{idp, google} {
		logins := map[string]string{provider: s.token(provider, "mallory", forged)}
		require.Equal(t, userRole, s.session(s.mustID(logins), logins).RoleARN)
	}
	logins := map[string]string{directory: s.token(directory, "alice", forged)}
	require.Equal(t, adminRole, s.session(s.mustID(logins), logins).RoleARN, "a user pool's token may")
	s.pool.Providers[1].Roles = identity.RoleMapping{Type: "Token", Ambiguous: "AuthenticatedRole"}
	_, err := identity.New(s.ctx, s.options)
	require.ErrorContains(t, err, "must not choose roles")
}

// TestThreatClaimRoleEscalation wants rules to compare whole bytes.
func TestThreatClaimRoleEscalation(t *testing.T) {
	s := newShop(t, nil)
	s.pool.Providers[1].Roles.Rules = []identity.RoleRule{{Claim: "groups", Match: "Contains", Value: "admins", Role: adminRole}}
	s.pool.Providers[1].PrincipalTags = identity.PrincipalTags{}
	for name, c := range map[string]struct {
		claims claims
		want   string
	}{
		"member":               {claims{"groups": []string{"users", "admins"}}, adminRole},
		"part of an element":   {claims{"groups": []string{"notadmins"}}, userRole},
		"other case":           {claims{"groups": []string{"Admins"}}, userRole},
		"claim in other case":  {claims{"Groups": []string{"admins"}}, userRole},
		"object":               {claims{"groups": map[string]any{"admins": true}}, userRole},
		"array of arrays":      {claims{"groups": []any{[]string{"admins"}}}, userRole},
		"array with an object": {claims{"groups": []any{"admins", map[string]any{}}}, userRole},
	} {
		logins := map[string]string{idp: s.token(idp, "alice", c.claims)}
		require.Equal(t, c.want, s.session(s.mustID(logins), logins).RoleARN, name)
	}
}

func TestPrincipalTags(t *testing.T) {
	s := newShop(t, nil)
	session := func(more claims) *identity.Session {
		logins := map[string]string{idp: s.token(idp, "alice", more)}
		return s.session(s.mustID(logins), logins)
	}
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "dev"}}, session(claims{"dept": "dev"}).Tags)
	require.Empty(t, session(nil).Tags)
	require.Empty(t, session(claims{"dept": []string{"dev"}}).Tags)
}

// TestThreatTagSmuggling wants a call refused whose tag cannot be set as it is,
// and tags from the map alone.
func TestThreatTagSmuggling(t *testing.T) {
	s := newShop(t, nil)
	for name, value := range map[string]string{
		"comma": "a,b", "257 characters": strings.Repeat("x", 257), "control character": "a\x01", "line end": "a\n", "wildcard": "*", "invalid": "\u202e",
	} {
		logins := map[string]string{idp: s.token(idp, "mallory", claims{"dept": value})}
		_, err := s.credentials(s.mustID(logins), logins)
		refused(t, err, identity.InvalidParameter, "principal tag")
		require.NotContains(t, err.Error(), value, name)
	}
	logins := map[string]string{idp: s.token(idp, "mallory", claims{
		"dept": "dev", "https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"dept": []string{"sales"}, "admin": []string{"true"}}},
	})}
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "dev"}}, s.session(s.mustID(logins), logins).Tags)
}

// TestTagsNeedTagSession wants the whole call refused if the trust policy does
// not allow tags.
func TestTagsNeedTagSession(t *testing.T) {
	s := newShop(t, func(s *shop) {
		r := newRole(t, userRole, "AROAUSERUSERUSERUSER", strings.Replace(trustText("authenticated"), `, "sts:TagSession"`, "", 1))
		s.account.Roles[userRole] = r
	})
	tagged := map[string]string{idp: s.token(idp, "alice", claims{"dept": "dev"})}
	_, err := s.credentials(s.mustID(tagged), tagged)
	refused(t, err, identity.InvalidIdentityPoolConfiguration, "")
	require.Equal(t, userRole, s.session(s.mustID(tagged), s.login(idp, "alice")).RoleARN, "without the tag")
}

// TestTrustPolicyDecides changes one thing of a trust policy that allows.
func TestTrustPolicyDecides(t *testing.T) {
	const condition = `"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}`
	tagged := claims{"dept": "dev"}
	for name, c := range map[string]struct {
		condition string
		allowed   bool
	}{
		"as it is":              {condition, true},
		"another pool":          {condition + `, "StringNotEquals": {"cognito-identity.amazonaws.com:aud": "` + poolID + `"}`, false},
		"provider in amr":       {`"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "idp.example.com/*"}`, true},
		"other provider in amr": {`"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "accounts.google.com"}`, false},
		"user in amr":           {`"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "` + idpARN + `:OIDC:alice"}`, true},
		"other user in amr":     {`"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "` + idpARN + `:OIDC:bob"}`, false},
		"guests":                {`"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"}`, false},
		"federated provider":    {`"StringLike": {"aws:FederatedProvider": "cognito-identity.amazonaws.com"}`, true},
		"session name":          {`"StringLike": {"sts:RoleSessionName": "CognitoIdentityCredentials"}`, true},
		"other session name":    {`"StringLike": {"sts:RoleSessionName": "x"}`, false},
		"tag":                   {`"StringLike": {"aws:RequestTag/dept": "dev"}`, true},
		"other tag":             {`"StringLike": {"aws:RequestTag/dept": "sales"}`, false},
		"tag keys":              {`"ForAllValues:StringEquals": {"aws:TagKeys": ["dept"]}`, true},
		"other tag keys":        {`"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}`, false},
		"address":               {`"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}`, true},
		"other address":         {`"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}`, false},
		"time":                  {`"DateLessThan": {"aws:CurrentTime": "2026-11-23T12:00:01Z"}`, true},
		"time over":             {`"DateLessThan": {"aws:CurrentTime": "2026-11-23T12:00:00Z"}`, false},
		"secure":                {`"Bool": {"aws:SecureTransport": "true"}`, true},
		"insecure":              {`"Bool": {"aws:SecureTransport": "false"}`, false},
		"region":                {`"StringLike": {"aws:RequestedRegion": "us-east-1"}`, true},
		"role's tag":            {`"StringLike": {"aws:ResourceTag/stage": "prod"}`, true},
		"role's other tag":      {`"StringLike": {"aws:ResourceTag/stage": "dev"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, func(s *shop) {
				r := newRole(t, userRole, "AROAUSERUSERUSERUSER", strings.Replace(trustText("authenticated"), condition, c.condition, 1))
				r.Tags = []identity.Tag{{Key: "stage", Value: "prod"}}
				s.account.Roles[userRole] = r
			})
			s.ctx = from(s.ctx, "192.0.2.7")
			logins := map[string]string{idp: s.token(idp, "alice", tagged)}
			_, err := s.credentials(s.mustID(logins), logins)
			if c.allowed {
				require.NoError(t, err)
				return
			}
			refused(t, err, identity.InvalidIdentityPoolConfiguration, "Check assigned IAM roles for this pool.")
		})
	}
}

// TestThreatTrustOfOthers wants a role closed to pools whose trust policy lets
// others in, however many those are.
func TestThreatTrustOfOthers(t *testing.T) {
	const pools = `{"Federated": "cognito-identity.amazonaws.com"}`
	for principal, allowed := range map[string]bool{
		pools:                                  true,
		`"*"`:                                  false, // nobody federated
		`{"AWS": "*"}`:                         false,
		`{"AWS": "111122223333"}`:              false,
		`{"Federated": "accounts.google.com"}`: false,
		`{"Federated": "` + idpARN + `"}`:      false,
		`{"Service": "cognito-identity.amazonaws.com"}`: false,
	} {
		s := newShop(t, func(s *shop) {
			trust := strings.Replace(trustText("authenticated"), pools, principal, 1)
			require.Contains(t, trust, principal)
			s.account.Roles[userRole] = newRole(t, userRole, "AROAUSERUSERUSERUSER", trust)
		})
		logins := s.login(google, "alice")
		_, err := s.credentials(s.mustID(logins), logins)
		if allowed {
			require.NoError(t, err)
			continue
		}
		refused(t, err, identity.InvalidIdentityPoolConfiguration, "Check assigned IAM roles for this pool.")
	}
}

// TestResourceControlLimitsTrust wants the account's resource control policies
// to hold for roles too.
func TestResourceControlLimitsTrust(t *testing.T) {
	s := newShop(t, nil)
	logins := s.login(google, "alice")
	id := s.mustID(logins)
	s.session(id, logins)
	s.account.ResourceControl = []*engine.Set{compiled(t, policy.ResourceControl, `{"Version": "2012-10-17", "Statement": [{
"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity", "Resource": "*"}]}`)}
	_, err := s.credentials(id, logins)
	refused(t, err, identity.InvalidIdentityPoolConfiguration, "")
}

func TestServerSideTokenCheck(t *testing.T) {
	s := newShop(t, nil)
	admin := map[string]string{directory: s.token(directory, "alice", claims{"cognito:roles": []string{adminRole}, "cognito:preferred_role": adminRole})}
	id := s.mustID(admin)
	s.session(id, admin)
	s.revoked["alice"] = true
	for _, call := range []func() error{
		func() error { _, err := s.getID(admin); return err },
		func() error { _, err := s.credentials(id, admin); return err },
	} {
		refused(t, call(), identity.NotAuthorized, "Token is inactive")
	}
	s.pool.Providers[2].ServerSideTokenCheck = false
	s.session(id, admin)
}

// TestThreatReuseAfterLogout is TestServerSideTokenCheck by its other name, and
// the bound for pools without the check: sessions end within the hour.
func TestThreatReuseAfterLogout(t *testing.T) {
	s := newShop(t, nil)
	logins := map[string]string{directory: s.token(directory, "alice", claims{"cognito:roles": []string{adminRole}, "cognito:preferred_role": adminRole})}
	id := s.mustID(logins)
	out, err := s.credentials(id, logins)
	require.NoError(t, err)
	s.revoked["alice"] = true
	_, err = s.credentials(id, logins)
	refused(t, err, identity.NotAuthorized, "Token is inactive")
	s.opened(out.Credentials)
	s.clock.at = noon.Add(time.Hour)
	require.NoError(t, s.sessions.Refresh(s.ctx))
	_, err = s.sessions.Open(s.ctx, out.Credentials.AccessKeyID, out.Credentials.Token)
	require.ErrorIs(t, err, identity.ErrSessionExpired)
}

// TestEventsHoldNoSecret scans what an auditor gets.
func TestEventsHoldNoSecret(t *testing.T) {
	s := newShop(t, nil)
	s.ctx = from(s.ctx, "192.0.2.7")
	guest := s.mustID(nil)
	out, err := s.credentials(guest, nil)
	require.NoError(t, err)
	logins := s.login(google, "alice")
	s.session(s.mustID(logins), logins)
	s.session(s.mustID(nil), logins)
	var names []string
	for _, e := range s.events {
		names = append(names, e.Name)
		text, err := json.Marshal(e)
		require.NoError(t, err)
		for _, secret := range []string{guest, string(out.Credentials.Secret.Reveal()), out.Credentials.Token, logins[google], "alice"} {
			require.NotContains(t, string(text), secret)
		}
		require.Equal(t, "192.0.2.7", e.Address)
	}
	require.Equal(t, []string{
		identity.EventCreate, identity.EventIssue, identity.EventCreate, identity.EventIssue, identity.EventCreate, identity.EventMerge, identity.EventIssue,
	}, names)
	require.Equal(t, out.Credentials.AccessKeyID, s.events[1].AccessKeyID)
}
