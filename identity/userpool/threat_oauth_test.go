package userpool

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// The row "OAuth code theft" of identity-protocol §6.3, and what else the hosted
// page adds to a pool.

func TestThreatOAuthCodeTheftByRedirect(t *testing.T) {
	f := newFixture(t)
	for name, address := range map[string]string{
		"prefix": "https://app.example/bac", "suffix": callback + "/evil", "case of the host": "https://APP.example/back",
		"case of the path": "https://app.example/BACK", "extra query": callback + "?x=1", "empty query": callback + "?",
		"slash": callback + "/", "port": "https://app.example:443/back", "user": "https://x@app.example/back",
		"other host": "https://app.example.evil.example/back", "scheme": "http://app.example/back", "fragment": callback + "#x",
		"path up": "https://app.example/x/../back", "encoded": "https://app.example/%62ack", "space": callback + " ", "tab": "\t" + callback,
		"query changed": callbackQuery + "&y=2", "query reordered": "http://localhost:3000/?", "other port": "http://localhost:3001/?tab=1",
		"loopback by number": "http://127.0.0.1:3000/?tab=1", "none": "-", "empty": "", "script": "javascript:alert(1)", "another's": testIssue(plainPool),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Authorize(plainPool, query(web, "redirect_uri", address))
			f.oauthRefused(err, "invalid_request") // and no address to go to
		})
	}
	_, err := f.Authorize(plainPool, query(web)+"&redirect_uri="+url.QueryEscape(callback))
	f.oauthRefused(err, "invalid_request")
	_, err = f.Authorize(plainPool, query(mute, "redirect_uri", callback))
	require.NoError(t, err, "the neighbour that is exact")
}

func TestThreatOAuthCodeTheftByPKCE(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	for name, change := range map[string][]string{
		"missing": {"code_challenge", "-", "code_challenge_method", "-"}, "no challenge": {"code_challenge", "-"},
		"method missing, which is plain": {"code_challenge_method", "-"}, "plain": {"code_challenge_method", "plain"},
		"plain verifier": {"code_challenge_method", "plain", "code_challenge", verifier}, "case": {"code_challenge_method", "s256"},
		"short": {"code_challenge", challenge[:42]}, "long": {"code_challenge", challenge + "A"}, "padded": {"code_challenge", challenge[:42] + "="},
		"standard base64": {"code_challenge", strings.ReplaceAll(challenge, "-", "+")}, "bits left over": {"code_challenge", challenge[:42] + "N"},
	} {
		for _, client := range []string{web, private} {
			_, err := f.Authorize(plainPool, query(client, change...))
			var e *OAuthError
			require.ErrorAs(t, err, &e, name)
			require.Equal(t, "invalid_request", e.Code, name)
			require.NotEmpty(t, e.Redirect)
		}
	}
	for name, wrong := range map[string]string{
		"another": verifier[:42] + "l", "the challenge itself": challenge, "short": verifier[:42], "long": strings.Repeat("a", 129), "case": strings.ToLower(verifier),
	} {
		code := f.authCode("jane", f.authorize(web))
		_, err := f.redeem(web, code, "code_verifier", wrong)
		f.oauthRefused(err, "invalid_grant", "The code_verifier does not fit the code_challenge.")
		_, err = f.redeem(web, code)
		f.oauthRefused(err, "invalid_grant")
		require.Empty(t, f.records(kindFamily), name)
	}
	code := f.authCode("jane", f.authorize(private))
	_, err := f.redeem(private, code, "code_verifier", "-")
	f.oauthRefused(err, "invalid_request", "The code_verifier is missing.")
	_, err = f.redeem(private, code)
	require.NoError(t, err)
}

func TestThreatOAuthCodeTheftByReuse(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	other, err := f.redeem(web, f.authCode("jane", f.authorize(web)))
	require.NoError(t, err)
	code := f.authCode("jane", f.authorize(web))
	tokens, err := f.redeem(web, code)
	require.NoError(t, err)
	check := func(tokens *TokenOutput) error {
		v := f.Verifier(plainPool, "cognito-idp.us-east-1.amazonaws.com/"+plainPool)
		login, err := v.Verify(ctx, string(tokens.IDToken), []string{web})
		require.NoError(t, err)
		return v.(identity.Checker).Check(ctx, login)
	}
	require.NoError(t, check(tokens))
	f.clock.pass(59 * time.Minute) // long after the code itself has expired
	_, err = f.store.Sweep(ctx, f.clock.now())
	require.NoError(t, err)
	_, err = f.redeem(web, code, "code_verifier", strings.Repeat("x", 43))
	f.oauthRefused(err, "invalid_grant", "The code was used before; what it gave is revoked.")
	_, err = f.token(web, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken))
	f.oauthRefused(err, "invalid_grant", "Refresh Token has been revoked")
	_, err = f.UserInfo(ctx, plainPool, tokens.AccessToken)
	f.oauthRefused(err, "invalid_token")
	f.refused(check(tokens), identity.NotAuthorized, "Token is inactive")
	require.NoError(t, check(other), "the neighbour, another sign-in of the same user")
	_, err = f.token(web, "grant_type", "refresh_token", "refresh_token", string(other.RefreshToken))
	require.NoError(t, err)
}

func TestThreatOAuthCodeTheftInParallel(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	code := f.authCode("jane", f.authorize(web))
	var good atomic.Int64
	var wg sync.WaitGroup
	var first atomic.Pointer[TokenOutput]
	for range 20 {
		wg.Go(func() {
			if tokens, err := f.redeem(web, code); err == nil {
				good.Add(1)
				first.Store(tokens)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), good.Load())
	_, err := f.token(web, "grant_type", "refresh_token", "refresh_token", string(first.Load().RefreshToken))
	f.oauthRefused(err, "invalid_grant", "Refresh Token has been revoked")
}

func TestThreatOAuthCodeTheftElsewhere(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	for name, present := range map[string]func(code string) error{
		"another client":       func(code string) error { return second(f.redeem(legacy, code)) },
		"a client with secret": func(code string) error { return second(f.redeem(private, code)) },
		"another redirect_uri": func(code string) error { return second(f.redeem(web, code, "redirect_uri", callbackQuery)) },
		"redirect_uri, nearly": func(code string) error { return second(f.redeem(web, code, "redirect_uri", callback+"/")) },
	} {
		code := f.authCode("jane", f.authorize(web))
		f.oauthRefused(present(code), "invalid_grant")
		_, err := f.redeem(web, code)
		f.oauthRefused(err, "invalid_grant", "The code was used before; what it gave is revoked.")
		require.Empty(t, f.records(kindFamily), name)
	}
	// At another pool there is no such code.
	code := f.authCode("jane", f.authorize(web))
	_, err := f.redeem(mailer, code)
	f.oauthRefused(err, "invalid_grant", "The code is unknown or has expired.")
	for _, c := range []string{code[:42], code + "A", strings.ToLower(code), "", bearerHash(code)} {
		_, err = f.redeem(web, c)
		require.Error(t, err)
	}
	_, err = f.redeem(web, code)
	require.NoError(t, err)
	// Of a stolen store nobody makes a code.
	f.assertNowhere(code, verifier)
}

func TestThreatOAuthCodeOutlivesSignIn(t *testing.T) {
	for name, end := range map[string]func(*fixture) error{
		"expired": func(f *fixture) error { f.clock.pass(authCodeLife); return nil },
		"global signout": func(f *fixture) error {
			return second(f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{plainPool, "jane"}))
		},
		"disabled": func(f *fixture) error {
			return second(f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "jane"}))
		},
		"deleted": func(f *fixture) error {
			return second(f.AdminDeleteUser(ctx, &AdminDeleteUserInput{plainPool, "jane"}))
		},
		"reset": func(f *fixture) error {
			return second(f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"}))
		},
		"new password": func(f *fixture) error {
			return second(f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: plainPool, Username: "jane", Password: otherSecret, Permanent: true}))
		},
		"made anew": func(f *fixture) error {
			_, err := f.AdminDeleteUser(ctx, &AdminDeleteUserInput{plainPool, "jane"})
			f.user(plainPool, "jane", email("jane@example.com")...)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, plainPool)
			f.user(plainPool, "jane", email("jane@example.com")...)
			code := f.authCode("jane", f.authorize(web))
			require.NoError(t, end(f))
			_, err := f.redeem(web, code)
			f.oauthRefused(err, "invalid_grant")
			require.Empty(t, f.records(kindFamily))
		})
	}
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	code := f.authCode("jane", f.authorize(web))
	f.clock.pass(authCodeLife - time.Second)
	_, err := f.redeem(web, code)
	require.NoError(t, err)
}

func TestThreatOAuthMixedClientSecrets(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	good := basic(private, clientSecret)
	for name, c := range map[string]struct {
		client  string // whose code it is
		form    []string
		headers []string
		code    string // "" for tokens
	}{
		"in the header":                 {private, nil, []string{good}, ""},
		"in the header, and named":      {private, []string{"client_id", private}, []string{good}, ""},
		"in the form":                   {private, []string{"client_id", private, "client_secret", clientSecret}, nil, ""},
		"in the header, escaped":        {private, nil, []string{basic(private, "%63"+clientSecret[1:])}, ""},
		"scheme in lower case":          {private, nil, []string{"basic " + good[6:]}, ""},
		"a client without":              {web, []string{"client_id", web}, nil, ""},
		"both ways":                     {private, []string{"client_id", private, "client_secret", clientSecret}, []string{good}, "invalid_request"},
		"two headers":                   {private, nil, []string{good, good}, "invalid_request"},
		"header and another name":       {private, []string{"client_id", web}, []string{good}, "invalid_client"},
		"none":                          {private, []string{"client_id", private}, nil, "invalid_client"},
		"empty":                         {private, []string{"client_id", private, "client_secret", ""}, nil, "invalid_client"},
		"wrong":                         {private, []string{"client_id", private, "client_secret", clientSecret + "0"}, nil, "invalid_client"},
		"wrong in the header":           {private, nil, []string{basic(private, clientSecret[1:])}, "invalid_client"},
		"secret of another":             {web, []string{"client_id", web, "client_secret", clientSecret}, nil, "invalid_client"},
		"header of a client without":    {web, nil, []string{basic(web, "")}, "invalid_client"},
		"another's header":              {web, nil, []string{good}, "invalid_grant"},
		"another scheme":                {private, []string{"client_id", private}, []string{"Bearer " + good[6:]}, "invalid_client"},
		"no colon":                      {private, nil, []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(private))}, "invalid_client"},
		"no base64":                     {private, nil, []string{"Basic " + private + ":" + clientSecret}, "invalid_client"},
		"bad escape":                    {private, nil, []string{basic(private, clientSecret+"%zz")}, "invalid_client"},
		"long":                          {private, nil, []string{basic(private, strings.Repeat("x", 2000))}, "invalid_client"},
		"empty header, client unnamed":  {web, nil, []string{""}, "invalid_client"},
		"client of another pool":        {web, []string{"client_id", mailer}, nil, "invalid_client"},
		"assertion instead of a secret": {private, []string{"client_id", private, "client_assertion", "x.y.z", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, nil, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			code := f.authCode("jane", f.authorize(c.client))
			form := pairs(url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
			}, c.form)
			_, err := f.Token(ctx, plainPool, &OAuthInput{Form: form, Authorization: c.headers})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			f.oauthRefused(err, c.code)
			if c.code != "invalid_grant" {
				_, err = f.redeem(c.client, code)
				require.NoError(t, err, "who is not the client does not use the code up")
			}
		})
	}
}

func TestThreatOAuthMFABypass(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(plainPool, "eve")
	secret := f.enroll("jane")
	a := f.authorize(web)
	next, err := a.SignIn(ctx, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, next.Challenge)
	require.Empty(t, next.Redirect)
	answer := func(a *Authorization, challenge string, session Sensitive, name string) error {
		return second(a.Respond(ctx, challenge, session, name, map[string]Sensitive{
			paramTOTP: f.totpCode(secret), "NEW_PASSWORD": otherSecret, "USERNAME": "jane", "SECRET_HASH": "x",
		}))
	}
	over := func(err error) {
		f.refused(err, identity.NotAuthorized)
		require.ErrorIs(t, err, ErrSignInOver)
	}
	// The session of one request is none of another, of another client, user or
	// challenge, nor of the API, and those of the API are none of the page.
	over(answer(f.authorize(web, "state", "other"), challengeTOTP, next.Session, "jane"))
	over(answer(f.authorize(web, "scope", "openid"), challengeTOTP, next.Session, "jane"))
	over(answer(f.authorize(legacy), challengeTOTP, next.Session, "jane"))
	over(answer(f.authorize(private), challengeTOTP, next.Session, "jane"))
	over(answer(a, challengeTOTP, next.Session, "eve"))
	over(answer(a, challengeTOTP, next.Session, "nobody"))
	over(answer(a, challengeNewPassword, next.Session, "jane"))
	over(answer(a, challengeSetup, next.Session, "jane"))
	over(answer(a, challengeVerifier, next.Session, "jane"))
	over(second(f.respond(web, challengeTOTP, next.Session, map[string]Sensitive{"USERNAME": "jane", paramTOTP: f.totpCode(secret)})))
	over(second(f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: next.Session})))
	api, err := f.signIn(web, "jane", password)
	require.NoError(t, err)
	over(answer(a, challengeTOTP, api.Session, "jane"))
	server, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: plainPool, ClientID: web, AuthFlow: flowAdmin, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": password}})
	require.NoError(t, err)
	over(answer(a, challengeTOTP, server.Session, "jane"))
	proof, err := f.srpAnswers(web, "jane", password)
	require.NoError(t, err)
	over(second(a.Respond(ctx, challengeVerifier, "", "jane", proof)))
	require.Empty(t, f.records(kindAuthCode))
	require.NoError(t, answer(a, challengeTOTP, next.Session, "jane"))
	require.Len(t, f.records(kindAuthCode), 1)
	over(answer(a, challengeTOTP, next.Session, "jane"))

	// Five wrong codes end a sign-in, as they do at the API.
	f.clock.pass(time.Minute)
	next, err = a.SignIn(ctx, "jane", password)
	require.NoError(t, err)
	for range missesOfSession {
		_, err = a.Respond(ctx, challengeTOTP, next.Session, "jane", map[string]Sensitive{paramTOTP: "000000"})
		f.refused(err, CodeMismatch)
	}
	over(answer(a, challengeTOTP, next.Session, "jane"))
}

// TestThreatOAuthFlowsBypass: the page opens no flow of the API that the client
// does not have, and takes no refresh token of one.
func TestThreatOAuthFlowsBypass(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	_, err := f.signIn(mute, "jane", password)
	f.refused(err, identity.InvalidParameter)
	tokens, err := f.redeem(mute, f.authCode("jane", f.authorize(mute)))
	require.NoError(t, err, "the page does not need the flow")
	_, err = f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowRefresh, ClientID: mute, AuthParameters: map[string]Sensitive{"REFRESH_TOKEN": tokens.RefreshToken}})
	f.refused(err, identity.InvalidParameter)
	_, err = f.token(web, "grant_type", "refresh_token", "refresh_token", string(f.tokens(web, "jane").RefreshToken))
	f.oauthRefused(err, "invalid_grant", "The refresh token did not come of an authorization code.")
	_, err = f.token(web, "grant_type", "refresh_token", "refresh_token", string(tokens.RefreshToken))
	f.oauthRefused(err, "invalid_grant", "Invalid Refresh Token")
}

// TestThreatOAuthScopeEscalation: an access token calls no operation of a
// signed-in user unless that was granted.
func TestThreatOAuthScopeEscalation(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	tokens, err := f.redeem(web, f.authCode("jane", f.authorize(web, "scope", "-")))
	require.NoError(t, err)
	_, err = f.GetUser(ctx, &GetUserInput{tokens.AccessToken})
	f.refused(err, identity.NotAuthorized, "Access Token does not have required scopes")
	_, err = f.ChangePassword(ctx, &ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: password, ProposedPassword: otherSecret})
	f.refused(err, identity.NotAuthorized, "Access Token does not have required scopes")
	tokens, err = f.redeem(legacy, f.authCode("jane", f.authorize(legacy, "scope", "openid "+scopeUser)))
	require.NoError(t, err)
	_, err = f.GetUser(ctx, &GetUserInput{tokens.AccessToken})
	require.NoError(t, err)
}

func TestThreatOAuthRefreshTokenTheft(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	tokens, err := f.redeem(rotating, f.authCode("jane", f.authorize(rotating)))
	require.NoError(t, err)
	refresh := func(token Sensitive, change ...string) (*TokenOutput, error) {
		return f.token(rotating, append([]string{"grant_type", "refresh_token", "refresh_token", string(token)}, change...)...)
	}
	_, err = refresh(tokens.RefreshToken, "scope", "openid admin")
	f.oauthRefused(err, "invalid_scope")
	next, err := refresh(tokens.RefreshToken)
	require.NoError(t, err, "what was refused has not used it up")
	f.clock.pass(30 * time.Second)
	_, err = refresh(tokens.RefreshToken)
	f.oauthRefused(err, "invalid_grant")
	_, err = refresh(next.RefreshToken)
	f.oauthRefused(err, "invalid_grant", "Refresh Token has been revoked")
}

// TestThreatOAuthUserEnumeration: the page tells no more than the API does.
func TestThreatOAuthUserEnumeration(t *testing.T) {
	f := newFixture(t)
	f.users()
	var want []string
	for _, name := range []string{"nobody", "ready", "unconfirmed", "unproven", "reset", "forced", "disabled"} {
		var got []string
		a := f.authorize(web)
		for range 12 { // into the limits, which must look alike too
			next, err := a.SignIn(ctx, name, otherSecret)
			require.Nil(t, next)
			got = append(got, err.Error())
		}
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, name)
		// The work is the same: a hash, for which there is no slot now.
		f.clock.pass(longestLock)
		f.waiting.Store(maxWaiting)
		_, err := a.SignIn(ctx, name, password)
		f.refused(err, identity.TooManyRequests)
		f.waiting.Store(0)
	}
}

// TestThreatOAuthPasswordBruteForce: guesses at the page and at the API are
// counted together.
func TestThreatOAuthPasswordBruteForce(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	a := f.authorize(web)
	for i := range freeMisses {
		var err error
		if i%2 == 0 {
			_, err = a.SignIn(ctx, "jane", otherSecret)
		} else {
			_, err = f.signIn(web, "jane", otherSecret)
		}
		f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	}
	_, err := a.SignIn(ctx, "jane", password)
	f.refused(err, identity.NotAuthorized, "Password attempts exceeded")
	f.clock.pass(time.Second)
	f.authCode("jane", a)
	there := from("192.0.2.1")
	for i := range perHourMisses {
		_, err = a.SignIn(there, fmt.Sprint("user", i), otherSecret)
		f.refused(err, identity.NotAuthorized)
	}
	_, err = a.SignIn(there, "jane", password)
	f.refused(err, identity.LimitExceeded)
	f.authCode("jane", a)
}
