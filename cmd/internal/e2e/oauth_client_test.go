package e2e_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// visitor is a browser without a screen: it keeps cookies and follows redirects.
func visitor(t testing.TB) *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar}
}

func body(t *testing.T, w *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.StatusCode, "%s", text)
	return string(text)
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	refresh    = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)
)

// signInOnPage goes where an app sends its user, signs in on the hosted page, and
// returns where that sends the browser, with the code.
func signInOnPage(t *testing.T, browser *http.Client, at, name string) string {
	t.Helper()
	w := get(t, browser, at)
	page := body(t, w)
	action := formAction.FindStringSubmatch(page)
	require.NotNil(t, action, page)
	target, err := w.Request.URL.Parse(html.UnescapeString(action[1]))
	require.NoError(t, err)
	page = body(t, post(t, browser, target.String(), url.Values{
		"form": {hidden(t, page, "form")}, "username": {name}, "password": {password},
	}, ""))
	left := refresh.FindStringSubmatch(page)
	require.NotNil(t, left, page)
	return html.UnescapeString(left[1])
}

// TestThreatLogShowsNoSecretOfThePage drives the hosted page and the endpoints of
// OAuth, refusals among them, and reads the log for anything that opens a door.
func TestThreatLogShowsNoSecretOfThePage(t *testing.T) {
	const back, state = "https://app.example/back", "state-of-the-app"
	f := serveFiles(t, hostedShop(back))
	f.signUp("jane")
	verifier := oauth2.GenerateVerifier()
	secrets := map[string]string{"password": password, "client secret": backSecret, "verifier": verifier, "state": state}
	config := &oauth2.Config{
		ClientID: backClient, ClientSecret: backSecret, RedirectURL: back, Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: f.url + "/" + userPool + "/oauth2/authorize", TokenURL: f.url + "/" + userPool + "/oauth2/token"},
	}
	at := config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
	browser := visitor(t)
	page := body(t, get(t, browser, at))
	secrets["form token"] = hidden(t, page, "form")
	secrets["cookie"] = browser.Jar.Cookies(get(t, browser, at).Request.URL)[0].Value
	login := strings.Replace(at, "/oauth2/authorize", "/login", 1)
	for _, form := range []url.Values{
		{"form": {secrets["form token"]}, "username": {"jane"}, "password": {"Wrong-" + password}},
		{"form": {secrets["form token"]}, "step": {"SOFTWARE_TOKEN_MFA"}, "username": {"jane"}, "code": {"123456"}, "session": {"session-" + verifier}},
		{"form": {"forged-" + verifier}, "username": {"jane"}, "password": {password}},
		{"password": {password, password}},
	} {
		require.NotEqual(t, http.StatusOK, post(t, browser, login, form, "").StatusCode)
	}
	left, err := url.Parse(signInOnPage(t, browser, at, "jane"))
	require.NoError(t, err)
	secrets["authorization code"] = left.Query().Get("code")
	_, err = config.Exchange(t.Context(), secrets["authorization code"], oauth2.VerifierOption(verifier[1:]+"x"))
	require.Error(t, err)
	left, err = url.Parse(signInOnPage(t, browser, at, "jane"))
	require.NoError(t, err)
	secrets["another code"] = left.Query().Get("code")
	tokens, err := config.Exchange(t.Context(), secrets["another code"], oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	secrets["access token"], secrets["refresh token"], secrets["ID token"] = tokens.AccessToken, tokens.RefreshToken, tokens.Extra("id_token").(string)
	body(t, get(t, config.Client(t.Context(), tokens), f.url+"/"+userPool+"/oauth2/userInfo"))
	post(t, browser, f.url+"/"+userPool+"/oauth2/revoke", url.Values{"token": {tokens.RefreshToken}}, backClient) // with a wrong secret
	get(t, browser, f.url+"/"+userPool+"/oauth2/authorize?state="+state+"&code="+secrets["another code"])

	log := f.log.String()
	for _, operation := range []string{"Authorize", "SignIn", "Token", "UserInfo", "Revoke"} {
		require.Contains(t, log, `"operation":"`+operation+`"`)
	}
	for name, secret := range secrets {
		require.NotEmpty(t, secret, name)
		require.NotContains(t, log, secret, name)
	}
}

// TestOAuthRelyingParty signs in with the relying party of zitadel/oidc, which
// discovers the pool, uses PKCE and a nonce, verifies the ID token and asks for
// userInfo: once as a web app with a secret, once as one without.
func TestOAuthRelyingParty(t *testing.T) {
	for _, c := range []struct{ client, secret string }{{appClient, ""}, {backClient, backSecret}} {
		t.Run(c.client, func(t *testing.T) {
			mux := http.NewServeMux()
			app := httptest.NewServer(mux)
			t.Cleanup(app.Close)
			f := serveFiles(t, hostedShop(app.URL+"/back"))
			f.signUp("jane")
			cookies := httphelper.NewCookieHandler([]byte(strings.Repeat("h", 32)), []byte(strings.Repeat("e", 32)), httphelper.WithUnsecure())
			party, err := rp.NewRelyingPartyOIDC(t.Context(), f.url+"/"+userPool, c.client, c.secret, app.URL+"/back",
				[]string{"openid", "email", "profile"}, rp.WithPKCE(cookies), rp.WithCookieHandler(cookies), rp.WithSigningAlgsFromDiscovery())
			require.NoError(t, err)
			var tokens *oidc.Tokens[*oidc.IDTokenClaims]
			var info *oidc.UserInfo
			mux.Handle("/login", rp.AuthURLHandler(func() string { return "state-1" }, party))
			mux.Handle("/back", rp.CodeExchangeHandler(rp.UserinfoCallback(func(
				_ http.ResponseWriter, _ *http.Request, got *oidc.Tokens[*oidc.IDTokenClaims], state string, _ rp.RelyingParty, who *oidc.UserInfo,
			) {
				require.Equal(t, "state-1", state)
				tokens, info = got, who
			}), party))
			browser := visitor(t)
			body(t, get(t, browser, signInOnPage(t, browser, app.URL+"/login", "jane")))
			require.NotNil(t, tokens, "the relying party did not take the answer")
			require.Equal(t, []any{"jane@shop.example", oidc.Bool(true)}, []any{info.Email, info.EmailVerified})
			require.Equal(t, info.Subject, tokens.IDTokenClaims.Subject)
			require.Equal(t, tokens.IDTokenClaims.AccessTokenHash, tokens.IDTokenClaims.GetAccessTokenHash())
			require.NotEmpty(t, tokens.IDTokenClaims.AccessTokenHash)

			again, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), party, tokens.RefreshToken, "", "")
			require.NoError(t, err)
			require.Equal(t, info.Subject, again.IDTokenClaims.Subject)
			require.Equal(t, tokens.IDTokenClaims.AuthTime, again.IDTokenClaims.AuthTime)
			to, err := rp.EndSession(t.Context(), party, tokens.IDToken, app.URL+"/back", "bye", "", nil)
			require.NoError(t, err)
			require.Equal(t, app.URL+"/back?state=bye", to.String())
			require.NoError(t, rp.RevokeToken(t.Context(), party, tokens.RefreshToken, "refresh_token"))
			_, err = rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), party, tokens.RefreshToken, "", "")
			require.Error(t, err)
		})
	}
}

// TestOAuthClient signs in with golang.org/x/oauth2, which tries by itself how a
// client proves its secret, and takes the ID token to an identity pool.
func TestOAuthClient(t *testing.T) {
	const back = "http://localhost:3000/back"
	f := serveFiles(t, hostedShop(back))
	f.signUp("jane")
	for _, c := range []struct {
		client, secret string
		style          oauth2.AuthStyle
	}{
		{appClient, "", oauth2.AuthStyleAutoDetect},
		{appClient, "", oauth2.AuthStyleInParams},
		{backClient, backSecret, oauth2.AuthStyleAutoDetect},
		{backClient, backSecret, oauth2.AuthStyleInHeader},
		{backClient, backSecret, oauth2.AuthStyleInParams},
	} {
		config := &oauth2.Config{
			ClientID: c.client, ClientSecret: c.secret, RedirectURL: back, Scopes: []string{"openid", "email"},
			Endpoint: oauth2.Endpoint{AuthURL: f.url + "/" + userPool + "/oauth2/authorize", TokenURL: f.url + "/" + userPool + "/oauth2/token", AuthStyle: c.style},
		}
		verifier := oauth2.GenerateVerifier()
		at, err := url.Parse(signInOnPage(t, visitor(t), config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "jane"))
		require.NoError(t, err)
		require.Equal(t, "s", at.Query().Get("state"))
		tokens, err := config.Exchange(t.Context(), at.Query().Get("code"), oauth2.VerifierOption(verifier))
		require.NoError(t, err)
		require.True(t, tokens.Valid())
		renewed, err := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
		require.NoError(t, err)
		require.NotEqual(t, tokens.AccessToken, renewed.AccessToken)
		var refused *oauth2.RetrieveError
		_, err = config.Exchange(t.Context(), at.Query().Get("code"), oauth2.VerifierOption(verifier))
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "invalid_grant", refused.ErrorCode)
		_, err = config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
		require.ErrorAs(t, err, &refused, "the code came twice")

		id := aws.String(tokens.Extra("id_token").(string))
		_, _, err = f.exchange(browserPool, logins(id))
		requireAnswer(t, err, "NotAuthorizedException", "")
	}
	config := &oauth2.Config{
		ClientID: appClient, RedirectURL: back, Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: f.url + "/" + userPool + "/oauth2/authorize", TokenURL: f.url + "/" + userPool + "/oauth2/token"},
	}
	verifier := oauth2.GenerateVerifier()
	at, err := url.Parse(signInOnPage(t, visitor(t), config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "jane"))
	require.NoError(t, err)
	tokens, err := config.Exchange(t.Context(), at.Query().Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	_, c, err := f.exchange(browserPool, logins(aws.String(tokens.Extra("id_token").(string))))
	require.NoError(t, err)
	require.Equal(t, assumed("Visitor", poolSession), f.role(c))
}
