package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

func TestHostedSignIn(t *testing.T) {
	h := newHosted(t, nil)
	h.player("jane")
	v := h.browser().authorize()
	require.Equal(t, []any{200, "Sign in", ""}, []any{v.status, v.title(), v.alert()})
	require.Regexp(t, `^rowan-browser=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`, v.header.Get("Set-Cookie"))
	for _, part := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `<html lang="en">`, "to continue to game"} {
		require.Contains(t, v.page, part)
	}
	v.submit("username", "jane", "password", newPassword)
	require.Equal(t, []any{400, "Incorrect username or password."}, []any{v.status, v.alert()})
	require.Equal(t, "jane", v.fields().Get("username"))
	require.Empty(t, v.fields().Get("password"))
	require.Empty(t, v.header.Get("Set-Cookie"), "the browser is known")
	answer := v.submit("password", password).back()
	require.Equal(t, []string{"s1", h.base + "/" + players}, []string{answer.Get("state"), answer.Get("iss")})

	tokens := h.tokens(answer.Get("code"))
	require.Equal(t, []any{"Bearer", 3600.0, "openid email"}, []any{tokens["token_type"], tokens["expires_in"], tokens["scope"]})
	keys, ok := h.Current().Directory.KeySet(players)
	require.True(t, ok)
	claims, err := oidc.Verify(t.Context(), tokens["id_token"].(string), keys, &oidc.Expect{
		Issuers: []string{h.base + "/" + players}, Audiences: []string{game}, Algorithms: []string{"RS256"}, TokenUse: "id",
	}, h.at)
	require.NoError(t, err)
	require.Equal(t, "n1", claims["nonce"])

	w := h.send(http.MethodGet, "/"+players+"/oauth2/userInfo", "", "", "Authorization", "Bearer "+tokens["access_token"].(string))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.JSONEq(t, `{"sub":"`+claims["sub"].(string)+`","username":"jane","email":"jane@example.com","email_verified":"true"}`, w.Body.String())

	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {game}, "refresh_token": {tokens["refresh_token"].(string)}}
	answered, again := h.post("/"+players+"/oauth2/token", refresh)
	require.Equal(t, http.StatusOK, answered.Code)
	require.NotContains(t, again, "refresh_token")
	answered, _ = h.post("/"+players+"/oauth2/revoke", url.Values{"client_id": {game}, "token": refresh["refresh_token"]})
	require.Equal(t, []any{http.StatusOK, 0}, []any{answered.Code, answered.Body.Len()})
	answered, refused := h.post("/"+players+"/oauth2/token", refresh)
	require.Equal(t, []any{400, "invalid_grant"}, []any{answered.Code, refused["error"]})
	answered, refused = h.post("/"+players+"/oauth2/userInfo", nil, "Authorization", "Bearer "+tokens["access_token"].(string))
	require.Equal(t, []any{401, "invalid_token"}, []any{answered.Code, refused["error"]})

	v.open("/" + players + "/logout?client_id=" + game + "&logout_uri=" + url.QueryEscape(gameCallback))
	require.Equal(t, []any{302, gameCallback}, []any{v.status, v.header.Get("Location")})
	v.post("/"+players+"/logout", "client_id="+game+"&post_logout_redirect_uri="+url.QueryEscape(gameCallback)+"&state=x")
	require.Equal(t, []any{302, gameCallback + "?state=x"}, []any{v.status, v.header.Get("Location")})
}

func TestHostedSignUpAndReset(t *testing.T) {
	h := newHosted(t, nil)
	v := h.browser().authorize().follow("Create an account")
	require.Equal(t, "Create an account", v.title())
	require.Contains(t, v.page, `autocomplete="new-password"`)
	require.Contains(t, v.page, "At least 8 characters, among them an upper case letter, a lower case letter, a number and a symbol")
	v.submit("username", "jane", "attribute.email", "jane@example", "password", password)
	require.Equal(t, []any{400, "Invalid email address format."}, []any{v.status, v.alert()})
	v.submit("attribute.email", "jane@example.com", "password", "short")
	require.Equal(t, "Password did not conform with policy: Password not long enough", v.alert())
	v.submit("password", password, "attribute.name", "not asked for")
	require.Equal(t, []string{"Confirm your account", "We have sent a code to j***@e***."}, []string{v.title(), v.notice()})
	made, err := h.Current().Directory.AdminGetUser(t.Context(), &userpool.AdminGetUserInput{UserPoolID: players, Username: "jane"})
	require.NoError(t, err)
	for _, a := range made.UserAttributes {
		require.NotEqual(t, "name", a.Name)
	}

	// Whoever signs in meanwhile is sent to where the code is asked for.
	other := h.browser().authorize().submit("username", "jane", "password", password)
	require.Equal(t, []string{"Confirm your account", "Your account is not confirmed yet. Enter the code that we sent you."}, []string{other.title(), other.notice()})

	first := h.code()
	v.submit("code", "wrong")
	require.Equal(t, []any{400, "The code is not right. Please try again."}, []any{v.status, v.alert()})
	v.submit("again", "yes", "code", "")
	require.Equal(t, "If there is such an account, a code is on its way to j***@e***.", v.notice())
	require.NotEqual(t, first, h.code())
	v.submit("code", " "+h.code()[:3]+" "+h.code()[3:])
	require.Equal(t, []string{"Sign in", "Your account is confirmed. You can sign in now."}, []string{v.title(), v.notice()})
	require.Equal(t, "jane", v.fields().Get("username"))
	v.submit("password", password).back()

	v.authorize("login_hint", "jane").follow("Forgot your password?")
	require.Equal(t, "jane", v.fields().Get("username"))
	v.submit()
	require.Equal(t, []string{"Choose a new password", "If there is such an account, a code is on its way to j***@e***."}, []string{v.title(), v.notice()})
	v.submit("code", "000000x", "password", newPassword)
	require.Equal(t, "The code is not right. Please try again.", v.alert())
	v.submit("code", h.code(), "password", newPassword)
	require.Equal(t, []string{"Sign in", "Your password is changed. You can sign in now."}, []string{v.title(), v.notice()})
	v.submit("password", password)
	require.Equal(t, 400, v.status)
	h.tokens(v.submit("password", newPassword).back().Get("code"))

	_, err = h.Current().Directory.AdminResetUserPassword(t.Context(), &userpool.AdminResetUserPasswordInput{UserPoolID: players, Username: "jane"})
	require.NoError(t, err)
	v.authorize().submit("username", "jane", "password", newPassword)
	require.Equal(t, "Choose a new password", v.title())
	require.Contains(t, v.notice(), "has to be reset")
}

func TestHostedSecondFactor(t *testing.T) {
	h := newHosted(t, nil, "mfa: optional", "mfa: on", "email: {required: true}", "email: {required: true}\n    given_name: {required: true}",
		"writeAttributes: [email, name]", "writeAttributes: [email, name, given_name]")
	_, err := h.Current().Directory.AdminCreateUser(t.Context(), &userpool.AdminCreateUserInput{
		UserPoolID: players, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS",
		UserAttributes: []userpool.Attribute{{Name: "email", Value: "jane@example.com"}, {Name: "given_name", Value: "Jane"}},
	})
	require.NoError(t, err)
	v := h.browser().authorize().submit("username", "jane", "password", password)
	require.Equal(t, "Choose a new password", v.title())
	require.Contains(t, v.page, `name="username" type="text" value="jane" autocomplete="username" autocapitalize="none" spellcheck="false" readonly`)
	v.submit("password", "short")
	require.Equal(t, "Password did not conform with policy: Password not long enough", v.alert())
	v.submit("password", newPassword)
	require.Equal(t, "Protect your account", v.title())
	secret := v.fields().Get("secret")
	require.Len(t, secret, 32)
	require.Contains(t, v.page, grouped(secret))
	require.Contains(t, v.page, `<a href="otpauth://totp/Game%20Scores:jane?secret=`+secret+`&amp;issuer=Game%20Scores">`)
	v.submit("code", "000000")
	require.Equal(t, []any{400, "The code is not right. Wait for the next one and try again."}, []any{v.status, v.alert()})
	require.Equal(t, secret, v.fields().Get("secret"), "the same key")
	v.submit("code", h.totp(secret)).back()

	h.pass(time.Minute)
	v.authorize().submit("username", "jane@example.com", "password", newPassword)
	require.Equal(t, "Incorrect username or password.", v.alert(), "an address that is not verified is no name")
	v.submit("username", "jane", "password", newPassword)
	require.Equal(t, "Enter your code", v.title())
	for _, part := range []string{`autocomplete="one-time-code"`, `inputmode="numeric"`} {
		require.Contains(t, v.page, part)
	}
	before := v.fields()
	v.submit("code", "000000")
	require.Equal(t, "The code is not right. Please try again.", v.alert())
	v.submit("code", h.totp(secret)).back()
	before.Set("code", h.totp(secret))
	v.post("/"+players+"/login?"+authorizeQuery(), before.Encode())
	require.Equal(t, []string{"Sign in", "That took too long, or was tried too often. Please sign in again."}, []string{v.title(), v.alert()})

	h.pass(time.Minute)
	v.authorize().submit("username", "jane", "password", newPassword)
	h.pass(4 * time.Minute)
	v.submit("code", h.totp(secret))
	require.Equal(t, []any{400, "Sign in"}, []any{v.status, v.title()})
	require.Empty(t, v.one(leaveOf))
}

func TestHostedRequiredAttributes(t *testing.T) {
	h := newHosted(t, nil)
	_, err := h.Current().Directory.AdminCreateUser(t.Context(), &userpool.AdminCreateUserInput{
		UserPoolID: players, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS",
		UserAttributes: []userpool.Attribute{{Name: "email", Value: "jane@example.com"}},
	})
	require.NoError(t, err)
	// The attribute became required after the user was made.
	kept := h.options
	later := newHosted(t, func(o *Options) { o.Store, o.Storage, o.Sessions = kept.Store, kept.Storage, kept.Sessions },
		"email: {required: true}", "email: {required: true}\n    given_name: {required: true}",
		"writeAttributes: [email, name]", "writeAttributes: [email, name, given_name]")
	v := later.browser().authorize().submit("username", "jane", "password", password)
	require.Contains(t, v.page, `<label for="attribute.given_name">Given name</label>`)
	v.submit("password", "short", "attribute.given_name", "Jane")
	require.Equal(t, "Jane", v.fields().Get("attribute.given_name"))
	v.submit("password", newPassword, "attribute.given_name", "")
	require.Equal(t, 400, v.status)
	v.submit("password", newPassword, "attribute.given_name", "Jane").back()
}

func TestHostedWithoutSignUp(t *testing.T) {
	h := newHosted(t, nil, "signUp: true", "signUp: false")
	v := h.browser().authorize()
	require.NotContains(t, v.page, "Create an account")
	v.open("/" + players + "/signup?" + authorizeQuery())
	require.Equal(t, []any{400, "Accounts are made by an administrator here."}, []any{v.status, v.alert()})
	token := h.browser().authorize()
	token.post("/"+players+"/signup?"+authorizeQuery(), token.fields().Encode()+"&attribute.email=a@example.com")
	require.Equal(t, 400, token.status)
}

func TestHostedSignInByAddress(t *testing.T) {
	h := newHosted(t, nil, "aliasAttributes: [email]", "usernameAttributes: [email]")
	v := h.browser().authorize().follow("Create an account")
	require.Contains(t, v.page, `<label for="username">Email address</label>`)
	require.NotContains(t, v.page, "attribute.email")
	v.submit("username", "jane@example.com", "password", password)
	v.submit("code", h.code())
	v.submit("password", password).back()
}

// TestHostedWithoutCodes: a pool that mails no codes waits for an administrator.
func TestHostedWithoutCodes(t *testing.T) {
	h := newHosted(t, nil, "autoVerified: [email]", "autoVerified: []")
	v := h.browser().authorize().follow("Create an account").submit("username", "jane", "attribute.email", "jane@example.com", "password", password)
	require.Contains(t, v.notice(), "An administrator has to confirm it")
	v.submit("password", password)
	require.Equal(t, "Confirm your account", v.title())
	_, err := h.Current().Directory.AdminConfirmSignUp(t.Context(), &userpool.AdminConfirmSignUpInput{UserPoolID: players, Username: "jane"})
	require.NoError(t, err)
	v.follow("Sign in").submit("username", "jane", "password", password).back()
}

// TestThreatHostedRedirect: a request whose app is not known goes nowhere.
func TestThreatHostedRedirect(t *testing.T) {
	h := newHosted(t, nil)
	v := h.browser()
	for _, change := range [][]string{
		{"redirect_uri", "https://evil.example/"}, {"redirect_uri", gameCallback + "x"}, {"redirect_uri", ""}, {"client_id", "nobody"}, {"client_id", ""},
	} {
		for _, page := range []string{"oauth2/authorize", "login", "signup", "confirm", "forgotPassword", "confirmForgotPassword"} {
			v.open("/" + players + "/" + page + "?" + authorizeQuery(change...))
			require.Equal(t, []any{400, "", "This sign-in link does not work"}, []any{v.status, v.header.Get("Location"), v.title()})
			require.NotContains(t, v.page, "evil.example")
			require.Empty(t, v.one(leaveOf))
		}
		good := h.browser().authorize()
		good.post("/"+players+"/login?"+authorizeQuery(change...), good.fields().Encode())
		require.Equal(t, []any{400, ""}, []any{good.status, good.header.Get("Location")})
	}
	v.open("/us-east-1_Nobody001/oauth2/authorize?" + authorizeQuery())
	require.Equal(t, 400, v.status)
	v.open("/" + players + "/logout?client_id=" + game + "&logout_uri=https://evil.example/")
	require.Equal(t, []any{400, ""}, []any{v.status, v.header.Get("Location")})

	v.authorize("code_challenge_method", "plain")
	require.Equal(t, 302, v.status)
	at, err := url.Parse(v.header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, []string{"localhost:3000", "invalid_request", "s1"}, []string{at.Host, at.Query().Get("error"), at.Query().Get("state")})
	v.authorize("prompt", "none")
	require.Contains(t, v.header.Get("Location"), "error=login_required")
	// A form is answered with a page, whatever becomes of its request.
	good := h.browser().authorize()
	good.post("/"+players+"/login?"+authorizeQuery("scope", "admin"), good.fields().Encode())
	require.Equal(t, []any{400, ""}, []any{good.status, good.header.Get("Location")})
}

// TestThreatLoginForgery: nobody else's page signs a visitor in.
func TestThreatLoginForgery(t *testing.T) {
	h := newHosted(t, nil)
	h.player("jane")
	path := "/" + players + "/login?" + authorizeQuery()
	fill := func(token string) string {
		return url.Values{"form": {token}, "username": {"jane"}, "password": {password}}.Encode()
	}
	forged := func(v *visit) {
		t.Helper()
		require.Equal(t, []any{403, "This did not work"}, []any{v.status, v.title()})
		require.Empty(t, v.one(leaveOf))
	}
	token := func(v *visit) string { return v.authorize().fields().Get("form") }
	thief := h.browser()
	eve := token(thief)
	forged(h.browser().post(path, fill(eve))) // without a cookie
	jane := h.browser()
	own := token(jane)
	for name, wrong := range map[string]string{"none": "", "another browser's": eve, "half": own[:20], "more": own + "A"} {
		t.Log(name)
		forged(jane.post(path, fill(wrong)))
	}
	for _, headers := range []http.Header{
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {strings.Replace(h.base, "127.0.0.1", "localhost", 1)}},
	} {
		jane.headers = headers
		forged(jane.post(path, fill(own)))
	}
	for _, headers := range []http.Header{{"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}, {"Origin": {h.base}}, {}} {
		jane.headers = headers
		jane.post(path, fill(own)).back()
	}
	require.Equal(t, own, token(jane), "a second tab leaves the first one good")

	// The token of one pool is none of another, nor does one cookie too many help.
	x := &exchange{Handler: h.Current().handler}
	require.NotEqual(t, x.formToken(players, "v"), x.formToken("us-east-1_Other001", "v"))
	at, err := url.Parse(h.base)
	require.NoError(t, err)
	planted := thief.client.Jar.Cookies(at)[0]
	planted.Path = "/" + players
	jane.client.Jar.SetCookies(at, []*http.Cookie{planted})
	forged(jane.post(path, fill(eve)))
	forged(jane.post(path, fill(own)))
}

func TestHostedCookieOverTLS(t *testing.T) {
	f := newFixture(t, nil)
	w := f.send(http.MethodGet, "/"+players+"/oauth2/authorize?"+authorizeQuery(), "", "")
	require.Regexp(t, `^__Host-rowan-browser=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`, w.Header().Get("Set-Cookie"))
}

// TestThreatHostedUserEnumeration: the page is the same, byte by byte, whether or
// not there is such a user.
func TestThreatHostedUserEnumeration(t *testing.T) {
	h := newHosted(t, nil)
	h.player("jane")
	mask := strings.NewReplacer("jane", "NAME", "nobd", "NAME")
	letters := regexp.MustCompile(`to .\*\*\*@.\*\*\*`)
	for name, form := range map[string][]string{
		"login":                 {"password", newPassword},
		"forgotPassword":        {},
		"confirm":               {"code", "123456"},
		"confirmForgotPassword": {"code", "123456", "password", newPassword},
	} {
		var want []string
		for _, user := range []string{"jane", "nobd"} {
			var got []string
			for range 12 { // into the limits
				v := h.browser().open("/" + players + "/" + name + "?" + authorizeQuery())
				token := v.fields().Get("form")
				v.submit(append(form, "username", user)...)
				v.page = letters.ReplaceAllString(mask.Replace(strings.ReplaceAll(v.page, token, "TOKEN")), "to X")
				got = append(got, v.page+http.StatusText(v.status)+strings.Join(v.header.Values("Set-Cookie"), ""))
			}
			if want == nil {
				want = got
			}
			require.Equal(t, want, got, name)
		}
	}
}

func TestHostedLimits(t *testing.T) {
	h := newHosted(t, func(o *Options) { o.Rate = Rate{PerSecond: 1e-9, Burst: 3} })
	page := h.browser().authorize()
	require.Equal(t, 400, page.submit("username", "x", "password", password).status)
	w, _ := h.post("/"+players+"/oauth2/token", url.Values{}, "RemoteAddr", "127.0.0.1:1")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Equal(t, http.StatusOK, h.call(identities+"GetId", guest, "RemoteAddr", "127.0.0.1:2").Code)
	page.submit("password", password)
	require.Equal(t, []any{429, "Too many requests. Please try again after some time."}, []any{page.status, page.alert()})
	w, refused := h.post("/"+players+"/oauth2/token", url.Values{}, "RemoteAddr", "127.0.0.1:1")
	require.Equal(t, []any{429, "temporarily_unavailable"}, []any{w.Code, refused["error"]})
	requireJSONError(t, h.call(identities+"GetId", guest, "RemoteAddr", "127.0.0.1:2"), 400, "TooManyRequestsException")
	require.Equal(t, 200, page.authorize().status, "looking at the page is free")
}

func TestHostedBadForms(t *testing.T) {
	h := newHosted(t, nil)
	v := h.browser().authorize()
	path, token := v.one(actionOf), "form="+v.fields().Get("form")
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"nothing":       {"", 403},
		"empty":         {token, 400},
		"unknown step":  {token + "&step=CUSTOM_CHALLENGE", 400},
		"SRP":           {token + "&step=PASSWORD_VERIFIER&username=x", 400},
		"no session":    {token + "&step=SOFTWARE_TOKEN_MFA&username=x&code=123456", 400},
		"field twice":   {token + "&username=a&username=b", 400},
		"no form":       {token + "&%zz", 400},
		"large":         {token + "&username=" + strings.Repeat("x", maxForm), 413},
		"many":          {token + strings.Repeat("&a", maxParams), 400},
		"no UTF-8":      {token + "&username=%ff&password=%00", 400},
		"long password": {token + "&username=jane&password=" + strings.Repeat("x", 300), 400},
	} {
		v.post(path, c.body)
		require.Equal(t, c.status, v.status, name)
		require.NotEmpty(t, v.alert(), name)
	}
	w := h.send(http.MethodPost, path, "application/json", "{}")
	require.Equal(t, []any{400, textHTML}, []any{w.Code, w.Header().Get("Content-Type")})
	requireJSONError(t, h.send(http.MethodPost, "/"+players+"/oauth2/authorize?"+authorizeQuery(), form, ""), http.StatusMethodNotAllowed, "UnknownOperationException")
}

// TestThreatMarkupInPages: what is typed or asked for is shown as text.
func TestThreatMarkupInPages(t *testing.T) {
	h := newHosted(t, nil)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "`"
	v := h.browser().authorize("state", evil, "nonce", evil, "login_hint", `"onfocus=x`)
	require.Equal(t, `"onfocus=x`, v.fields().Get("username"))
	v.submit("username", evil, "password", evil)
	require.NotContains(t, v.page, "<img")
	require.Equal(t, evil, v.fields().Get("username"))
	v.follow("Create an account").submit("username", "jane", "attribute.email", evil, "password", password)
	require.Equal(t, evil, v.fields().Get("attribute.email"))
	v.submit("attribute.email", "jane@example.com", "password", password)
	v.submit("code", h.code())
	require.Equal(t, evil, v.submit("password", password).back().Get("state"))
	at, err := url.Parse(v.one(actionOf))
	require.NoError(t, err)
	require.Empty(t, at.Host)
}

// failing is a store that can be switched off.
type failing struct {
	identity.Store
	off atomic.Bool
}

func (s *failing) View(ctx context.Context, f func(identity.Tx) error) error {
	if s.off.Load() {
		return errors.New("disk /var/lib/x is full")
	}
	return s.Store.View(ctx, f)
}

func (s *failing) Update(ctx context.Context, f func(identity.Tx) error) error {
	if s.off.Load() {
		return errors.New("disk /var/lib/x is full")
	}
	return s.Store.Update(ctx, f)
}

// TestHostedFaults: nobody is told more than that something is wrong.
func TestHostedFaults(t *testing.T) {
	store := &failing{}
	h := newHosted(t, func(o *Options) { store.Store, o.Store = o.Store, store })
	v := h.browser().authorize()
	store.off.Store(true)
	v.submit("username", "jane", "password", password)
	require.Equal(t, []any{500, "Something went wrong on our side. Please try again."}, []any{v.status, v.alert()})
	require.Contains(t, h.log.String(), "disk /var/lib/x is full")
	w, refused := h.post("/"+players+"/oauth2/token", url.Values{"client_id": {game}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}})
	require.Equal(t, []any{500, "server_error"}, []any{w.Code, refused["error"]})
	require.NotContains(t, w.Body.String(), "disk")
}

func TestOAuthEndpoints(t *testing.T) {
	h := newHosted(t, nil)
	at := "/" + players + "/oauth2/"
	w, refused := h.post(at+"token", url.Values{"client_id": {"nobody"}})
	require.Equal(t, []any{401, "invalid_client", ""}, []any{w.Code, refused["error"], w.Header().Get("WWW-Authenticate")})
	w, refused = h.post(at+"token", url.Values{}, "Authorization", "Basic bm9ib2R5Og==")
	require.Equal(t, []any{401, "invalid_client", `Basic realm="oauth2"`}, []any{w.Code, refused["error"], w.Header().Get("WWW-Authenticate")})
	w, refused = h.post(at+"token", url.Values{"client_id": {game}, "grant_type": {"client_credentials"}})
	require.Equal(t, []any{400, "unsupported_grant_type"}, []any{w.Code, refused["error"]})
	require.NotEmpty(t, refused["error_description"])
	w, refused = h.post(at+"revoke", url.Values{"client_id": {"nobody"}, "token": {"x"}})
	require.Equal(t, []any{401, "invalid_client"}, []any{w.Code, refused["error"]})
	w, _ = h.post(at+"revoke", url.Values{"client_id": {game}, "token": {"x"}})
	require.Equal(t, 200, w.Code)
	w, refused = h.post(at+"revoke", url.Values{"client_id": {game}, "token": {"x.y.z"}})
	require.Equal(t, []any{400, "unsupported_token_type"}, []any{w.Code, refused["error"]})
	w, refused = h.post(at+"userInfo", nil)
	require.Equal(t, []any{401, "invalid_token", "Bearer"}, []any{w.Code, refused["error"], w.Header().Get("WWW-Authenticate")})
	w, refused = h.post(at+"userInfo", nil, "Authorization", "Bearer x")
	require.Equal(t, []any{401, "invalid_token"}, []any{w.Code, refused["error"]})
	require.True(t, strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer error="invalid_token", error_description="`))
	w, refused = h.post(at+"userInfo", nil, "Authorization", "Basic x")
	require.Equal(t, []any{400, "invalid_request"}, []any{w.Code, refused["error"]})
	w, refused = h.post(at+"userInfo", nil, "Authorization", "Bearer x", "Authorization", "Bearer x")
	require.Equal(t, []any{400, "invalid_request"}, []any{w.Code, refused["error"]})
	for _, body := range []string{"%zz", "client_id=a&client_id=b", strings.Repeat("a=&", 200)} {
		w := h.send(http.MethodPost, at+"token", form, body)
		require.Equal(t, 400, w.Code)
		require.Contains(t, w.Body.String(), `"error":"invalid_request"`)
	}
	w = h.send(http.MethodPost, at+"token", "application/json", "{}")
	require.Contains(t, w.Body.String(), `"error":"invalid_request"`)
	w = h.send(http.MethodPost, at+"token", form, strings.Repeat("x", maxForm+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Contains(t, w.Body.String(), `"error":"invalid_request"`)
	requireJSONError(t, h.send(http.MethodGet, at+"token", "", ""), http.StatusMethodNotAllowed, "UnknownOperationException")
}

// TestDiscoveryIsTrue: every endpoint that a user pool names is there, lets
// scripts of apps call where they must, and no page does.
func TestDiscoveryIsTrue(t *testing.T) {
	h := newHosted(t, nil)
	w := h.send(http.MethodGet, "/"+players+"/.well-known/openid-configuration", "", "")
	var d map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &d))
	require.Equal(t, false, d["request_uri_parameter_supported"])
	require.Equal(t, true, d["authorization_response_iss_parameter_supported"])
	methods := map[string]string{
		"authorization_endpoint": "GET", "token_endpoint": "POST", "userinfo_endpoint": "GET", "revocation_endpoint": "POST",
		"end_session_endpoint": "GET", "jwks_uri": "GET",
	}
	scripts := []string{"token_endpoint", "userinfo_endpoint", "revocation_endpoint", "jwks_uri"}
	for name, value := range d {
		if !strings.HasSuffix(name, "_endpoint") && !strings.HasSuffix(name, "_uri") {
			continue
		}
		require.Contains(t, methods, name)
		path, ours := strings.CutPrefix(value.(string), h.base)
		require.True(t, ours)
		require.NotEqual(t, http.StatusNotFound, h.send(methods[name], path, form, "").Code, name)
		w := h.send(http.MethodOptions, path, "", "", "Access-Control-Request-Headers", "authorization,content-type")
		called := false
		for _, s := range scripts {
			called = called || s == name
		}
		require.Equal(t, called, w.Code == http.StatusNoContent, name)
		require.Equal(t, called, w.Header().Get("Access-Control-Allow-Origin") == "*", name)
		if called {
			require.Equal(t, "authorization,content-type", w.Header().Get("Access-Control-Allow-Headers"))
			require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), methods[name])
			require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
		}
	}
}

// FuzzHosted sends anything to the pages and endpoints: the answer is a page, or
// an error by name, and the browser goes nowhere but to the app.
func FuzzHosted(f *testing.F) {
	h := newHosted(f, nil)
	v := h.browser().authorize()
	token := "form=" + v.fields().Get("form")
	cookies := v.client.Jar.Cookies(mustParse(f, h.base))
	pages := []string{"oauth2/authorize", "login", "signup", "confirm", "forgotPassword", "confirmForgotPassword", "logout", "oauth2/token", "oauth2/userInfo", "oauth2/revoke"}
	for i := range pages {
		f.Add(uint8(i), true, authorizeQuery(), token+"&username=jane&password=x&code=1&attribute.email=a@b.de")
		f.Add(uint8(i), false, authorizeQuery("scope", "x"), "")
	}
	f.Add(uint8(1), true, authorizeQuery(), token+"&step=MFA_SETUP&session=x&secret=%22%3E&username=jane")
	f.Add(uint8(6), false, "client_id="+game+"&logout_uri="+gameCallback+"&state=%0d%0a", "")
	f.Add(uint8(7), true, "", "grant_type=refresh_token&client_id="+game+"&refresh_token=x")
	f.Fuzz(func(t *testing.T, page uint8, post bool, query, body string) {
		target := &url.URL{Path: "/" + players + "/" + pages[int(page)%len(pages)], RawQuery: query}
		if u, err := url.ParseRequestURI(target.RequestURI()); err != nil || u.RawQuery != query || strings.ContainsAny(query, " \x7f") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' }) {
			return // no request line has that
		}
		method, headers := http.MethodGet, []string{"Cookie", cookies[0].String()}
		if post {
			method = http.MethodPost
		}
		w := h.send(method, target.RequestURI(), form, body, headers...)
		require.Less(t, w.Code, 500, "%s", w.Body)
		if to := w.Header().Get("Location"); to != "" {
			require.True(t, strings.HasPrefix(to, gameCallback) || strings.HasPrefix(to, h.base+"/"+players+"/oauth2/authorize?"), to)
		}
		switch w.Header().Get("Content-Type") {
		case textHTML:
			require.NotContains(t, w.Body.String(), "<script")
		default:
			require.True(t, json.Valid(w.Body.Bytes()) || w.Body.Len() == 0, "%s", w.Body)
		}
	})
}

func mustParse(t testing.TB, address string) *url.URL {
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}
