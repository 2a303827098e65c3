package userpool

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// The verifier and its challenge. Source: identity-protocol A.2.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// pairs sets parameters by name and value; the value "-" takes one away.
func pairs(v url.Values, change []string) url.Values {
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
		if change[i+1] == "-" {
			v.Del(change[i])
		}
	}
	return v
}

func query(client string, change ...string) string {
	return pairs(url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {callback}, "scope": {"openid email"}, "state": {"s t&1"},
		"nonce": {"n-1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}, change).Encode()
}

func (f *fixture) authorize(client string, change ...string) *Authorization {
	a, err := f.Authorize(f.clients[client].pool.ID, query(client, change...))
	require.NoError(f.t, err)
	return a
}

// back takes the answer out of the address that a browser goes back to.
func (f *fixture) back(redirect Sensitive) url.Values {
	at, err := url.Parse(string(redirect))
	require.NoError(f.t, err)
	return at.Query()
}

// authCode signs in on the page and returns the code.
func (f *fixture) authCode(name string, a *Authorization) string {
	next, err := a.SignIn(ctx, name, password)
	require.NoError(f.t, err)
	require.Empty(f.t, next.Challenge)
	return f.back(next.Redirect).Get("code")
}

// redeem presents a code as an app of the client does.
func (f *fixture) redeem(client, code string, change ...string) (*TokenOutput, error) {
	return f.token(client, append([]string{
		"grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier,
	}, change...)...)
}

func (f *fixture) token(client string, change ...string) (*TokenOutput, error) {
	form := url.Values{"client_id": {client}}
	if client == private {
		form.Set("client_secret", clientSecret)
	}
	return f.Token(ctx, f.clients[client].pool.ID, &OAuthInput{Form: pairs(form, change)})
}

// oauthRefused checks the name of an error, and that it redirects nobody.
func (f *fixture) oauthRefused(err error, code string, description ...string) {
	var e *OAuthError
	require.ErrorAs(f.t, err, &e)
	require.Equal(f.t, code, e.Code, "%v", err)
	require.Empty(f.t, e.Redirect)
	if len(description) > 0 {
		require.Equal(f.t, description[0], e.Description)
	}
}

func TestAuthorizationCodeFlow(t *testing.T) {
	for _, client := range []string{web, private, rotating} {
		t.Run(client, func(t *testing.T) {
			f := newFixture(t, plainPool)
			sub := f.user(plainPool, "jane", append(email("jane@example.com"), Attribute{"name", "Jane"})...).Attributes[0].Value
			_, err := f.AdminAddUserToGroup(ctx, &AdminAddUserToGroupInput{UserPoolID: plainPool, Username: "jane", GroupName: "admins"})
			require.NoError(t, err)
			next, err := f.authorize(client).SignIn(ctx, "jane", password)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(next.Redirect), callback+"?"))
			answer := f.back(next.Redirect)
			require.Equal(t, []string{"s t&1", testIssue(plainPool)}, []string{answer.Get("state"), answer.Get("iss")})
			require.Len(t, answer, 3)
			require.Len(t, answer.Get("code"), 43)

			f.clock.pass(4 * time.Minute)
			tokens, err := f.redeem(client, answer.Get("code"))
			require.NoError(t, err)
			require.Equal(t, []any{"Bearer", 3600, "openid email"}, []any{tokens.TokenType, tokens.ExpiresIn, tokens.Scope})
			id := f.claims(plainPool, tokens.IDToken, "id", client)
			access := f.claims(plainPool, tokens.AccessToken, "access", client)
			require.Equal(t, "n-1", id["nonce"])
			require.Equal(t, halfHash(string(tokens.AccessToken)), id["at_hash"])
			require.Equal(t, "openid email", access["scope"])
			require.Equal(t, json.Number("2"), access["version"])
			require.Equal(t, access["origin_jti"], id["origin_jti"])
			for _, claims := range []map[string]any{id, access} {
				require.Equal(t, sub, claims["sub"])
				require.Equal(t, json.Number("1795410000"), claims["auth_time"], "when the user signed in")
			}
			// What a browser asks for cannot shed claims that choose a role.
			require.Equal(t, []any{"jane@example.com", true, "Jane"}, []any{id["email"], id["email_verified"], id["name"]})
			require.Equal(t, "arn:aws:iam::111122223333:role/Admin", id["cognito:preferred_role"])

			again, err := f.token(client, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken))
			require.NoError(t, err)
			require.Equal(t, client == rotating, again.RefreshToken != "")
			require.Equal(t, "openid email", again.Scope)
			id2, access2 := f.claims(plainPool, again.IDToken, "id", client), f.claims(plainPool, again.AccessToken, "access", client)
			for _, name := range []string{"auth_time", "origin_jti", "sub", "event_id"} {
				require.Equal(t, id[name], id2[name], name)
				require.Equal(t, access[name], access2[name], name)
			}
			require.NotContains(t, id2, "nonce")
			require.Equal(t, halfHash(string(again.AccessToken)), id2["at_hash"])
			require.Equal(t, []any{"openid email", json.Number("2")}, []any{access2["scope"], access2["version"]})
		})
	}
}

func TestAuthorizationCodeFlowWithoutOpenID(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	tokens, err := f.redeem(web, f.authCode("jane", f.authorize(web, "scope", apiScope)))
	require.NoError(t, err)
	require.Empty(t, tokens.IDToken)
	require.NotEmpty(t, tokens.RefreshToken)
	require.Equal(t, apiScope, f.claims(plainPool, tokens.AccessToken, "access", web)["scope"])
	_, err = f.UserInfo(ctx, plainPool, tokens.AccessToken)
	f.oauthRefused(err, "insufficient_scope")

	// The API refreshes it too, as Amplify does, and gives no more.
	out, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowRefresh, ClientID: web, AuthParameters: map[string]Sensitive{"REFRESH_TOKEN": tokens.RefreshToken}})
	require.NoError(t, err)
	require.Empty(t, out.AuthenticationResult.IDToken)
	wire, err := json.Marshal(out)
	require.NoError(t, err)
	require.NotContains(t, string(wire), "IdToken")
	claims := f.claims(plainPool, out.AuthenticationResult.AccessToken, "access", web)
	require.Equal(t, []any{apiScope, json.Number("2")}, []any{claims["scope"], claims["version"]})
}

func TestAuthorizeTakes(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		client string
		change []string
		scopes string
	}{
		"callback with a query":   {web, []string{"redirect_uri", callbackQuery}, "openid email"},
		"no state, no nonce":      {web, []string{"state", "-", "nonce", "-"}, "openid email"},
		"all scopes":              {web, []string{"scope", "-"}, "openid email phone profile " + apiScope},
		"empty is as if left out": {web, []string{"scope", "", "prompt", "", "response_mode", ""}, "openid email phone profile " + apiScope},
		"a scope twice":           {web, []string{"scope", "openid  openid"}, "openid"},
		"user scope of a client":  {legacy, []string{"scope", scopeUser}, scopeUser},
		"prompts":                 {web, []string{"prompt", "login consent"}, "openid email"},
		"own provider":            {web, []string{"identity_provider", "COGNITO"}, "openid email"},
		"unknown parameters":      {web, []string{"display", "page", "x", strings.Repeat("x", 1000)}, "openid email"},
		"longest state and nonce": {web, []string{"state", strings.Repeat("s", maxState), "nonce", strings.Repeat("n", maxNonce)}, "openid email"},
		"query mode":              {web, []string{"response_mode", "query"}, "openid email"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.authorize(c.client, c.change...)
			require.Equal(t, c.scopes, strings.Join(a.scopes, " "))
			again, err := f.Authorize(plainPool, a.Query())
			require.NoError(t, err)
			require.Equal(t, a, again)
		})
	}
	require.Equal(t, "jane", f.authorize(web, "login_hint", "jane").LoginHint())
	require.Empty(t, f.authorize(web, "login_hint", "a b").LoginHint())
	require.True(t, strings.HasPrefix(f.authorize(web, "redirect_uri", callbackQuery).back(url.Values{}), callbackQuery+"&iss="))
}

func TestAuthorizeRefuses(t *testing.T) {
	f := newFixture(t)
	goes := func(query, code, state string) {
		_, err := f.Authorize(plainPool, query)
		var e *OAuthError
		require.ErrorAs(t, err, &e, query)
		require.Equal(t, code, e.Code, query)
		require.NotEmpty(t, e.Redirect, "the app is told")
		require.True(t, strings.HasPrefix(e.Redirect, callback+"?"), e.Redirect)
		answer := f.back(Sensitive(e.Redirect))
		require.Equal(t, []string{code, e.Description, state, testIssue(plainPool)},
			[]string{answer.Get("error"), answer.Get("error_description"), answer.Get("state"), answer.Get("iss")})
		require.Empty(t, answer.Get("code"))
	}
	for code, changes := range map[string][][]string{
		"unsupported_response_type": {{"response_type", "token"}, {"response_type", "code id_token"}, {"response_type", "CODE"}},
		"invalid_request": {
			{"response_type", "-"},
			{"response_mode", "fragment"},
			{"response_mode", "form_post"},
			{"prompt", "none login"},
			{"identity_provider", "Google"},
			{"idp_identifier", "x"},
			{"nonce", strings.Repeat("n", maxNonce+1)},
			{"nonce", "a\nb"},
			{"nonce", "\xff"},
		},
		"invalid_scope": {
			{"scope", "openid admin"},
			{"scope", "OpenID"},
			{"scope", "email"},
			{"scope", "profile " + apiScope},
			{"scope", scopeUser},
			{"scope", "openid offline_access"},
		},
		"login_required":            {{"prompt", "none"}},
		"request_not_supported":     {{"request", "x.y.z"}},
		"request_uri_not_supported": {{"request_uri", "https://app.example/request"}},
	} {
		for _, change := range changes {
			goes(query(web, change...), code, "s t&1")
		}
	}
	goes(query(web)+"&scope=openid", "invalid_request", "s t&1")
	goes(query(web)+"&nonce=", "invalid_request", "s t&1")
	goes(query(web)+"&state=2", "invalid_request", "")
	goes(query(web, "state", strings.Repeat("s", maxState+1)), "invalid_request", "")
	goes(query(web, "state", "a\x00"), "invalid_request", "")

	for _, q := range []string{"", "%zz", "a;b", strings.Repeat("a", maxQuery+1), strings.Repeat("a&", maxQueryKeys), query("nobody"), query("-"), query(mailer), query(web) + "&client_id=" + web} {
		_, err := f.Authorize(plainPool, q)
		f.oauthRefused(err, "invalid_request")
	}
	for _, pool := range []string{emailPool, "us-east-1_None", ""} {
		_, err := f.Authorize(pool, query(web))
		f.oauthRefused(err, "invalid_request")
	}
	_, err := f.Authorize(aliasPool, query(alias, "scope", "-"))
	var e *OAuthError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "invalid_scope", e.Code, "a client without scopes")
}

func TestTokenRefuses(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		change []string
		code   string
	}{
		{nil, "invalid_request"},
		{[]string{"grant_type", "client_credentials"}, "unsupported_grant_type"},
		{[]string{"grant_type", "password", "username", "jane", "password", password}, "unsupported_grant_type"},
		{[]string{"grant_type", "implicit"}, "unsupported_grant_type"},
		{[]string{"grant_type", "authorization_code"}, "invalid_request"},
		{[]string{"grant_type", "authorization_code", "code", "x", "redirect_uri", callback}, "invalid_request"},
		{[]string{"grant_type", "authorization_code", "code", "x", "code_verifier", verifier}, "invalid_request"},
		{[]string{"grant_type", "authorization_code", "code", "x", "redirect_uri", callback, "code_verifier", verifier}, "invalid_grant"},
		{[]string{"grant_type", "refresh_token"}, "invalid_request"},
		{[]string{"grant_type", "refresh_token", "refresh_token", "x"}, "invalid_grant"},
		{[]string{"client_id", "nobody", "grant_type", "refresh_token"}, "invalid_client"},
		{[]string{"client_id", mailer, "grant_type", "refresh_token"}, "invalid_client"},
		{[]string{"client_id", "-"}, "invalid_client"},
	} {
		_, err := f.token(web, c.change...)
		f.oauthRefused(err, c.code)
	}
	_, err := f.Token(ctx, plainPool, &OAuthInput{Form: url.Values{"client_id": {web, web}}})
	f.oauthRefused(err, "invalid_request", "A parameter is there twice.")
	_, err = f.Token(ctx, "us-east-1_None", &OAuthInput{Form: url.Values{"client_id": {web}}})
	f.oauthRefused(err, "invalid_client")
}

func TestOAuthRefreshAsksForLess(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	tokens, err := f.redeem(web, f.authCode("jane", f.authorize(web, "scope", "openid email "+apiScope)))
	require.NoError(t, err)
	refresh := func(scope string) (*TokenOutput, error) {
		return f.token(web, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken), "scope", scope)
	}
	less, err := refresh(apiScope)
	require.NoError(t, err)
	require.Empty(t, less.IDToken)
	require.Equal(t, apiScope, less.Scope)
	require.Equal(t, apiScope, f.claims(plainPool, less.AccessToken, "access", web)["scope"])
	whole, err := refresh("")
	require.NoError(t, err)
	require.Equal(t, "openid email "+apiScope, whole.Scope, "less was for that answer alone")
	_, err = refresh("openid phone")
	f.oauthRefused(err, "invalid_scope")
}

func TestUserInfo(t *testing.T) {
	f := newFixture(t, plainPool, aliasPool)
	attributes := append(email("jane@example.com"), Attribute{"name", "Jane"}, Attribute{"phone_number", "+4930123456"},
		Attribute{"custom:team", "red"}, Attribute{"updated_at", "1700000000"})
	sub := f.user(plainPool, "jane", attributes...).Attributes[0].Value
	for _, c := range []struct {
		client, scope string
		want          map[string]any
	}{
		{web, "openid", map[string]any{}},
		{web, "openid email", map[string]any{"email": "jane@example.com", "email_verified": "true"}},
		{web, "openid phone", map[string]any{"phone_number": "+4930123456", "phone_number_verified": "false"}},
		{web, "openid profile", map[string]any{"name": "Jane", "custom:team": "red", "updated_at": int64(1700000000)}},
		{narrow, "openid email profile phone", map[string]any{"email": "jane@example.com", "name": "Jane"}},
	} {
		tokens, err := f.redeem(c.client, f.authCode("jane", f.authorize(c.client, "scope", c.scope)))
		require.NoError(t, err)
		got, err := f.UserInfo(ctx, plainPool, tokens.AccessToken)
		require.NoError(t, err)
		c.want["sub"], c.want["username"] = sub, "jane"
		require.Equal(t, c.want, got, c.scope)
		for _, token := range []Sensitive{tokens.IDToken, tokens.RefreshToken, "", "x.y.z"} {
			_, err = f.UserInfo(ctx, plainPool, token)
			f.oauthRefused(err, "invalid_token")
		}
		_, err = f.UserInfo(ctx, aliasPool, tokens.AccessToken)
		f.oauthRefused(err, "invalid_token")
	}
	_, err := f.UserInfo(ctx, plainPool, f.tokens(web, "jane").AccessToken)
	f.oauthRefused(err, "insufficient_scope")
}

// TestUserInfoEnds: a token is worth nothing once its sign-in has ended.
func TestUserInfoEnds(t *testing.T) {
	for name, end := range map[string]func(*fixture, *TokenOutput) error{
		"expired": func(f *fixture, _ *TokenOutput) error { f.clock.pass(time.Hour); return nil },
		"signed out": func(f *fixture, _ *TokenOutput) error {
			return second(f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{plainPool, "jane"}))
		},
		"disabled": func(f *fixture, _ *TokenOutput) error {
			return second(f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "jane"}))
		},
		"deleted": func(f *fixture, _ *TokenOutput) error {
			return second(f.AdminDeleteUser(ctx, &AdminDeleteUserInput{plainPool, "jane"}))
		},
		"revoked": func(f *fixture, tokens *TokenOutput) error {
			return f.RevokeOAuth(ctx, plainPool, &OAuthInput{Form: url.Values{"client_id": {web}, "token": {string(tokens.RefreshToken)}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, plainPool)
			f.user(plainPool, "jane")
			tokens, err := f.redeem(web, f.authCode("jane", f.authorize(web)))
			require.NoError(t, err)
			_, err = f.UserInfo(ctx, plainPool, tokens.AccessToken)
			require.NoError(t, err)
			require.NoError(t, end(f, tokens))
			_, err = f.UserInfo(ctx, plainPool, tokens.AccessToken)
			f.oauthRefused(err, "invalid_token")
			_, err = f.token(web, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken))
			require.Equal(t, name != "expired", err != nil)
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestRevokeOAuth(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	tokens, err := f.redeem(private, f.authCode("jane", f.authorize(private)))
	require.NoError(t, err)
	revoke := func(change ...string) error {
		form := url.Values{"client_id": {private}, "client_secret": {clientSecret}, "token": {string(tokens.RefreshToken)}}
		return f.RevokeOAuth(ctx, plainPool, &OAuthInput{Form: pairs(form, change)})
	}
	f.oauthRefused(revoke("client_secret", "-"), "invalid_client")
	f.oauthRefused(revoke("client_secret", "x"), "invalid_client")
	f.oauthRefused(revoke("client_id", "nobody"), "invalid_client")
	f.oauthRefused(revoke("token", "-"), "invalid_request")
	f.oauthRefused(revoke("token", string(tokens.AccessToken)), "unsupported_token_type")
	f.oauthRefused(revoke("client_id", mute, "client_secret", "-"), "invalid_request", "Token revocation is off for the client.")
	for _, token := range []string{"x", "unknown-" + challenge, "a b", "é", strings.Repeat("x", 1<<16)} {
		require.NoError(t, revoke("token", token))
	}
	require.NoError(t, revoke("client_id", web, "client_secret", "-"), "another client's token is unknown")
	refresh := func() error {
		return second(f.token(private, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken)))
	}
	require.NoError(t, refresh())
	require.NoError(t, revoke("token_type_hint", "access_token"))
	f.oauthRefused(refresh(), "invalid_grant", "Refresh Token has been revoked")
	require.NoError(t, revoke())
}

func TestLogout(t *testing.T) {
	f := newFixture(t)
	for q, want := range map[string]string{
		"client_id=" + web + "&logout_uri=https://app.example/bye":                         "https://app.example/bye",
		"client_id=" + web + "&logout_uri=https://app.example/bye&state=a+b":               "https://app.example/bye?state=a+b",
		"client_id=" + web + "&post_logout_redirect_uri=https://app.example/bye&state=%0a": "https://app.example/bye",
		query(web):                   testIssue(plainPool) + "/oauth2/authorize?" + query(web),
		query(web, "scope", "admin"): testIssue(plainPool) + "/oauth2/authorize?" + query(web, "scope", "admin"),
	} {
		got, err := f.Logout(plainPool, q)
		require.NoError(t, err, q)
		require.Equal(t, want, got)
	}
	for _, address := range []string{"https://app.example/bye/", "https://app.example/by", "https://APP.example/bye", "https://app.example/bye?x", callback, ""} {
		for _, name := range []string{"logout_uri", "post_logout_redirect_uri"} {
			_, err := f.Logout(plainPool, url.Values{"client_id": {web}, name: {address}}.Encode())
			f.oauthRefused(err, "invalid_request")
		}
	}
	for _, q := range []string{
		"", "%zz", "client_id=" + web, "client_id=" + mute + "x&logout_uri=https://app.example/bye", query(web, "redirect_uri", "https://evil.example/"),
		"client_id=" + web + "&logout_uri=https://app.example/bye&logout_uri=https://app.example/bye", "client_id=" + mailer + "&logout_uri=https://app.example/bye",
	} {
		_, err := f.Logout(plainPool, q)
		f.oauthRefused(err, "invalid_request")
	}
}

// TestPageChallenges takes a user through all that the page can ask for.
func TestPageChallenges(t *testing.T) {
	f := newFixture(t, strictPool)
	_, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: strictPool, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS"})
	require.NoError(t, err)
	a := f.authorize(strict)
	next, err := a.SignIn(ctx, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeNewPassword, next.Challenge)
	require.Empty(t, next.Missing)
	_, err = a.Respond(ctx, challengeNewPassword, next.Session, "jane", map[string]Sensitive{"NEW_PASSWORD": "short"})
	f.refused(err, InvalidPassword)
	next, err = a.Respond(ctx, challengeNewPassword, next.Session, "jane", map[string]Sensitive{"NEW_PASSWORD": otherSecret})
	require.NoError(t, err)
	require.Equal(t, challengeSetup, next.Challenge)
	require.Regexp(t, `^otpauth://totp/strict:jane%20doe\?secret=[A-Z2-7]{32}&issuer=strict$`, string(a.OTPAuth("jane doe", next.Secret)))
	_, err = a.Respond(ctx, challengeSetup, next.Session, "jane", map[string]Sensitive{paramTOTP: "000000"})
	f.refused(err, EnableSoftwareTokenMFA)
	next, err = a.Respond(ctx, challengeSetup, next.Session, "jane", map[string]Sensitive{paramTOTP: f.totpCode(next.Secret)})
	require.NoError(t, err)
	tokens, err := f.redeem(strict, f.back(next.Redirect).Get("code"))
	require.NoError(t, err)
	require.Equal(t, []any{"pwd", "otp", "mfa"}, f.claims(strictPool, tokens.IDToken, "id", strict)["amr"])
}

func TestSignUpAttributes(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, []string{"email"}, f.authorize(web).SignUpAttributes())
	require.Empty(t, f.authorize(mailer).SignUpAttributes(), "the address is the user name")
	require.Empty(t, f.authorize(strict).SignUpAttributes())
	require.Equal(t, []any{web, "plain"}, []any{f.authorize(web).Client().ID, f.authorize(web).Pool().Name})
}

// TestPageOfAClientWithASecret: the page calls the API in its name.
func TestPageOfAClientWithASecret(t *testing.T) {
	f := newFixture(t, plainPool)
	a := f.authorize(private)
	require.Empty(t, f.authorize(web).SecretHash("new"))
	_, err := f.SignUp(ctx, &SignUpInput{ClientID: private, Username: "new", Password: password, UserAttributes: []Attribute{{"email", "new@example.com"}}})
	f.refused(err, identity.NotAuthorized)
	_, err = f.SignUp(ctx, &SignUpInput{ClientID: private, SecretHash: a.SecretHash("new"), Username: "new", Password: password, UserAttributes: []Attribute{{"email", "new@example.com"}}})
	require.NoError(t, err)
	_, err = a.SignIn(ctx, "new", password)
	f.refused(err, UserNotConfirmed)
	_, err = f.ConfirmSignUp(ctx, &ConfirmSignUpInput{ClientID: private, SecretHash: a.SecretHash("new"), Username: "new", ConfirmationCode: f.code()})
	require.NoError(t, err)
	f.authCode("new", a)
}

func TestPageFaults(t *testing.T) {
	f := newFixture(t, plainPool)
	a := f.authorize(web)
	for _, c := range [][2]string{{"", ""}, {"jane", ""}, {"", password}, {"a b", password}, {"jane", "a b"}, {"jane", strings.Repeat("x", 257)}, {"jane", "\xff"}, {strings.Repeat("x", 129), password}} {
		_, err := a.SignIn(ctx, c[0], Sensitive(c[1]))
		f.refused(err, identity.InvalidParameter)
	}
	for _, c := range []string{challengeNewPassword, challengeTOTP, challengeSetup, challengeVerifier} {
		for _, session := range []Sensitive{"", "x", Sensitive(strings.Repeat("A", 200))} {
			_, err := a.Respond(ctx, c, session, "jane", map[string]Sensitive{"NEW_PASSWORD": otherSecret, paramTOTP: "123456"})
			require.ErrorIs(t, err, ErrSignInOver)
		}
	}
	_, err := a.Respond(ctx, "CUSTOM_CHALLENGE", "x", "jane", nil)
	f.refused(err, identity.InvalidParameter)
}

// FuzzAuthorize: whatever a browser brings is taken as it was meant, or refused
// by name; it is sent nowhere but to an app of the client.
func FuzzAuthorize(f *testing.F) {
	fix := newFixture(f, plainPool)
	f.Add(query(web))
	f.Add(query(legacy, "scope", scopeUser, "prompt", "login", "login_hint", "jane"))
	f.Add(query(private, "redirect_uri", callbackQuery, "state", "ä\u2028&="))
	f.Add(query(web, "response_type", "token") + "&state=2")
	f.Add(query(web, "redirect_uri", callback+"/../x", "request_uri", "https://x"))
	f.Add("client_id=" + web + "&redirect_uri=" + callback + "&%zz;")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := fix.Authorize(plainPool, text)
		if err == nil {
			again, err := fix.Authorize(plainPool, a.Query())
			require.NoError(t, err)
			require.Equal(t, a, again)
			_, err = fix.Logout(plainPool, text)
			require.NoError(t, err)
			return
		}
		var e *OAuthError
		require.True(t, errors.As(err, &e), "%v", err)
		if e.Redirect == "" {
			return
		}
		require.True(t, strings.HasPrefix(e.Redirect, callback+"?") || strings.HasPrefix(e.Redirect, callbackQuery+"&"), e.Redirect)
		at, err := url.Parse(e.Redirect)
		require.NoError(t, err)
		require.Empty(t, at.Query().Get("code"))
		require.Equal(t, []string{e.Code}, at.Query()["error"])
	})
}

// FuzzToken: no form and no header of somebody without a code gives tokens.
func FuzzToken(f *testing.F) {
	fix := newFixture(f, plainPool)
	f.Add("client_id="+web+"&grant_type=authorization_code&code=x&redirect_uri="+callback+"&code_verifier="+verifier, "")
	f.Add("client_id="+web+"&grant_type=refresh_token&refresh_token=x&scope=openid", "")
	f.Add("grant_type=refresh_token&refresh_token=x", "Basic M3ByaXZhdGVjbGllbnQ6Y2xpZW50c2VjcmV0MDEyMzQ1Njc4OWFiY2RlZg==")
	f.Add("token=x&client_id=a&client_id=b", "basic JTN6OiV6eg==")
	f.Fuzz(func(t *testing.T, body, header string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		in := &OAuthInput{Form: form}
		if header != "" {
			in.Authorization = []string{header}
		}
		var e *OAuthError
		_, err = fix.Token(ctx, plainPool, in)
		require.True(t, errors.As(err, &e), "%v", err)
		if err := fix.RevokeOAuth(ctx, plainPool, in); err != nil {
			require.True(t, errors.As(err, &e), "%v", err)
		}
	})
}
