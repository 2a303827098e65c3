package userpool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

const loginKey = "cognito-idp.us-east-1.amazonaws.com/" + plainPool

func TestRefreshKeepsTheSignIn(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	first := f.tokens(web, "jane")
	f.clock.pass(2 * time.Hour)
	_, err := f.AdminAddUserToGroup(ctx, &AdminAddUserToGroupInput{plainPool, "jane", "admins"})
	require.NoError(t, err)
	again, err := f.refresh(web, first.RefreshToken)
	require.NoError(t, err)
	require.Empty(t, again.RefreshToken.text())
	f.clock.pass(-2 * time.Hour)
	old := f.claims(plainPool, first.IDToken, "id", web)
	f.clock.pass(2 * time.Hour)
	id := f.claims(plainPool, again.IDToken, "id", web)
	for _, same := range []string{"auth_time", "origin_jti", "event_id", "sub"} {
		require.Equal(t, old[same], id[same], same)
	}
	require.NotEqual(t, old["jti"], id["jti"])
	require.Equal(t, []any{"admins"}, id["cognito:groups"])
	_, err = f.GetUser(ctx, &GetUserInput{first.AccessToken})
	f.refused(err, identity.NotAuthorized, "Access Token has expired")
	_, err = f.GetUser(ctx, &GetUserInput{again.AccessToken})
	require.NoError(t, err)
}

func TestRefreshEnds(t *testing.T) {
	must := func(f *fixture, err error) { require.NoError(f.t, err) }
	for name, c := range map[string]struct {
		end     func(*fixture, *AuthenticationResult)
		message string
	}{
		"by time": {func(f *fixture, _ *AuthenticationResult) { f.clock.pass(30 * 24 * time.Hour) }, "Refresh Token has expired"},
		"by RevokeToken": {func(f *fixture, r *AuthenticationResult) {
			_, err := f.RevokeToken(ctx, &RevokeTokenInput{Token: r.RefreshToken, ClientID: web})
			must(f, err)
			_, err = f.RevokeToken(ctx, &RevokeTokenInput{Token: r.RefreshToken, ClientID: web})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by GlobalSignOut": {func(f *fixture, r *AuthenticationResult) {
			_, err := f.GlobalSignOut(ctx, &GlobalSignOutInput{r.AccessToken})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by AdminUserGlobalSignOut": {func(f *fixture, _ *AuthenticationResult) {
			_, err := f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{plainPool, "jane"})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by AdminDisableUser": {func(f *fixture, _ *AuthenticationResult) {
			_, err := f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "jane"})
			must(f, err)
			_, err = f.AdminEnableUser(ctx, &AdminEnableUserInput{plainPool, "jane"})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by AdminResetUserPassword": {func(f *fixture, _ *AuthenticationResult) {
			_, err := f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by AdminSetUserPassword": {func(f *fixture, _ *AuthenticationResult) {
			_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: plainPool, Username: "jane", Password: otherSecret, Permanent: true})
			must(f, err)
		}, "Refresh Token has been revoked"},
		"by DeleteUser": {func(f *fixture, r *AuthenticationResult) {
			_, err := f.DeleteUser(ctx, &DeleteUserInput{r.AccessToken})
			must(f, err)
			f.user(plainPool, "jane") // another one of that name
		}, "Invalid Refresh Token"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.user(plainPool, "jane", email("jane@example.com")...)
			result := f.tokens(web, "jane")
			v := f.Verifier(plainPool, loginKey)
			login, err := v.Verify(ctx, string(result.IDToken), []string{web})
			require.NoError(t, err)
			require.NoError(t, v.(identity.Checker).Check(ctx, login))
			_, err = f.refresh(web, result.RefreshToken)
			require.NoError(t, err)
			c.end(f, result)
			_, err = f.refresh(web, result.RefreshToken)
			f.refused(err, identity.NotAuthorized, c.message)
			if name == "by time" {
				return
			}
			_, err = f.GetUser(ctx, &GetUserInput{result.AccessToken})
			require.Error(t, err)
			f.refused(v.(identity.Checker).Check(ctx, login), identity.NotAuthorized, "Token is inactive")
		})
	}
}

func TestRevokeTokenFaults(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	token := f.tokens(web, "jane").RefreshToken
	revoke := func(client string, token Sensitive) error {
		_, err := f.RevokeToken(ctx, &RevokeTokenInput{Token: token, ClientID: client})
		return err
	}
	require.NoError(t, revoke(web, "unknown"))
	require.NoError(t, revoke(legacy, token), "of another client, and so unknown")
	_, err := f.refresh(web, token)
	require.NoError(t, err)
	f.refused(revoke("nobody", token), Unauthorized, "Invalid client or secret")
	f.refused(revoke(mute, token), UnsupportedOperation)
	f.refused(revoke(web, ""), identity.InvalidParameter)
	f.refused(revoke(web, "a b"), identity.InvalidParameter)
}

func TestRotationIsForItsOperation(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	_, err := f.refresh(rotating, f.tokens(rotating, "jane").RefreshToken)
	f.refused(err, identity.InvalidParameter)
	out, err := f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: f.tokens(web, "jane").RefreshToken, ClientID: web})
	require.NoError(t, err)
	require.Empty(t, out.AuthenticationResult.RefreshToken.text())
	_, err = f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: "x", ClientID: mute})
	f.refused(err, identity.InvalidParameter)
	// A new token does not outlive the sign-in.
	result := f.tokens(rotating, "jane")
	f.clock.pass(29 * 24 * time.Hour)
	out, err = f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: result.RefreshToken, ClientID: rotating})
	require.NoError(t, err)
	f.clock.pass(24 * time.Hour)
	_, err = f.GetTokensFromRefreshToken(ctx, &GetTokensFromRefreshTokenInput{RefreshToken: out.AuthenticationResult.RefreshToken, ClientID: rotating})
	f.refused(err, identity.NotAuthorized, "Refresh Token has expired")
}

func TestChangePassword(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	mine, other := f.tokens(web, "jane"), f.tokens(legacy, "jane")
	change := func(previous, proposed Sensitive) error {
		_, err := f.ChangePassword(ctx, &ChangePasswordInput{AccessToken: mine.AccessToken, PreviousPassword: previous, ProposedPassword: proposed})
		return err
	}
	f.refused(change(otherSecret, otherSecret), identity.NotAuthorized, "Incorrect username or password.")
	f.refused(change(password, "weak"), InvalidPassword)
	f.refused(change("", otherSecret), identity.InvalidParameter)
	require.NoError(t, change(password, otherSecret))
	_, err := f.signIn(web, "jane", password)
	f.refused(err, identity.NotAuthorized)
	_, err = f.srpSignIn(web, "jane", otherSecret)
	require.NoError(t, err)
	_, err = f.refresh(web, mine.RefreshToken)
	require.NoError(t, err, "the caller's own sign-in goes on")
	_, err = f.refresh(legacy, other.RefreshToken)
	f.refused(err, identity.NotAuthorized, "Refresh Token has been revoked")
	for range perHourChange - 2 {
		require.NoError(t, change(otherSecret, otherSecret))
	}
	f.refused(change(otherSecret, otherSecret), identity.LimitExceeded)
}

// Without revocation a token names no sign-in, and dies by the time at which
// the user signed out.
func TestTokensWithoutRevocation(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	signIn := func() Sensitive {
		out, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: plainPool, ClientID: mute, AuthFlow: flowAdmin, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": password}})
		require.NoError(t, err)
		return out.AuthenticationResult.AccessToken
	}
	f.clock.pass(time.Second)
	token := signIn()
	require.NotContains(t, f.claims(plainPool, token, "access", mute), "origin_jti")
	_, err := f.GetUser(ctx, &GetUserInput{token})
	require.NoError(t, err)
	_, err = f.GlobalSignOut(ctx, &GlobalSignOutInput{token})
	require.NoError(t, err)
	_, err = f.GetUser(ctx, &GetUserInput{token})
	f.refused(err, identity.NotAuthorized, "Access Token has been revoked")
	f.clock.pass(time.Second)
	_, err = f.GetUser(ctx, &GetUserInput{signIn()})
	require.NoError(t, err)
}

func TestVerifier(t *testing.T) {
	f := newFixture(t)
	sub := f.user(plainPool, "jane").Attributes[0].Value
	f.user(aliasPool, "jane")
	secret := f.enroll("jane")
	out, err := f.signIn(web, "jane", password)
	require.NoError(t, err)
	done, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)})
	require.NoError(t, err)
	v := f.Verifier(plainPool, loginKey)
	login, err := v.Verify(ctx, string(done.AuthenticationResult.IDToken), []string{"other", web})
	require.NoError(t, err)
	require.Equal(t, loginKey, login.Provider)
	require.Equal(t, sub, login.Subject)
	require.Equal(t, testIssue(plainPool), login.Issuer)
	require.Equal(t, web, login.Audience)
	require.True(t, login.MFA)
	require.Equal(t, f.clock.now(), login.AuthTime.UTC())
	require.NoError(t, v.(identity.Checker).Check(ctx, login))

	foreign := f.tokens(alias, "jane").IDToken
	for name, c := range map[string]struct {
		v       identity.Verifier
		token   Sensitive
		clients []string
		message string
	}{
		"access token": {v, done.AuthenticationResult.AccessToken, []string{web}, "Invalid login token. Couldn't verify signed token."},
		"other client": {v, done.AuthenticationResult.IDToken, []string{legacy}, "Invalid login token. Incorrect token audience."},
		"other pool":   {v, foreign, []string{alias}, "Invalid login token. Couldn't verify signed token."},
		"no pool":      {f.Verifier("us-east-1_None", loginKey), done.AuthenticationResult.IDToken, []string{web}, "Invalid login token. Couldn't verify signed token."},
		"no login key": {f.Verifier(plainPool, ""), done.AuthenticationResult.IDToken, []string{web}, "Invalid login token. Couldn't verify signed token."},
	} {
		_, err := c.v.Verify(ctx, string(c.token), c.clients)
		require.Equal(t, identity.NotAuthorized, identity.CodeOf(err), name)
		require.ErrorContains(t, err, c.message, name)
	}
	f.clock.pass(time.Hour)
	_, err = v.Verify(ctx, string(done.AuthenticationResult.IDToken), []string{web})
	require.ErrorContains(t, err, "Invalid login token. Token expired:")

	for name, change := range map[string]func(*identity.Login){
		"issuer": func(l *identity.Login) { l.Issuer = testIssue(aliasPool) }, "client": func(l *identity.Login) { l.Audience = alias },
		"subject": func(l *identity.Login) { l.Subject = "nobody" }, "claims": func(l *identity.Login) { l.Claims = nil },
	} {
		changed := *login
		change(&changed)
		f.refused(v.(identity.Checker).Check(ctx, &changed), identity.NotAuthorized, "Token is inactive")
		require.NotEmpty(t, name)
	}
	f.refused(v.(identity.Checker).Check(ctx, nil), identity.NotAuthorized)
}

// TestReplicasAgreeOnEveryToken signs on one replica and presents to both: a
// token as it was given, at its place and time, and with one change.
func TestReplicasAgreeOnEveryToken(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	other, err := New(ctx, testConfigs()[:1], f.options)
	require.NoError(t, err)
	replicas := []*Directory{f.Directory, other}
	rapid.Check(t, func(rt *rapid.T) {
		issued := f.clock.now()
		signer := *f
		signer.Directory = replicas[rapid.IntRange(0, 1).Draw(rt, "signs")]
		tokens := signer.tokens(web, "jane")
		given := rapid.SampledFrom([]Sensitive{tokens.AccessToken, tokens.IDToken}).Draw(rt, "token")
		f.clock.pass(time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(rt, "after the end"))*time.Second)
		live := f.clock.now().Before(issued.Add(time.Hour))
		token := given
		if rapid.Bool().Draw(rt, "changed") {
			raw := []byte(given)
			raw[rapid.IntRange(0, len(raw)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
			token = Sensitive(raw)
		}
		for _, d := range replicas {
			_, err := d.GetUser(ctx, &GetUserInput{token})
			require.Equal(rt, live && token == tokens.AccessToken, err == nil, "%v", err)
			_, err = d.Verifier(plainPool, loginKey).Verify(ctx, string(token), []string{web})
			require.Equal(rt, live && token == tokens.IDToken, err == nil, "%v", err)
		}
	})
}

func TestTwoReplicasAgree(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	other := *f
	var err error
	other.Directory, err = New(ctx, testConfigs(), f.options)
	require.NoError(t, err)
	values, err := f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	out, err := other.respond(web, challengeVerifier, "", values)
	require.NoError(t, err)
	_, err = f.GetUser(ctx, &GetUserInput{out.AuthenticationResult.AccessToken})
	require.NoError(t, err)
	_, err = f.respond(web, challengeVerifier, "", values)
	f.refused(err, identity.NotAuthorized)
	_, err = other.GlobalSignOut(ctx, &GlobalSignOutInput{out.AuthenticationResult.AccessToken})
	require.NoError(t, err)
	_, err = f.refresh(web, out.AuthenticationResult.RefreshToken)
	f.refused(err, identity.NotAuthorized)
}
