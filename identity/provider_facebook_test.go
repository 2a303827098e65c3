package identity_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

const facebookApp = "1234567890"

// facebook stands for the endpoint that inspects tokens.
type facebook struct {
	*httptest.Server
	requests []*http.Request
	forms    []string
	answer   http.HandlerFunc
}

func newFacebook(t *testing.T) *facebook {
	t.Helper()
	f := &facebook{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.requests, f.forms = append(f.requests, r), append(f.forms, string(body))
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		f.answer(w, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func (f *facebook) says(text string) {
	f.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func (f *facebook) options() identity.FacebookOptions {
	roots := x509.NewCertPool()
	roots.AddCert(f.Certificate())
	return identity.FacebookOptions{
		Endpoint: f.URL + "/debug_token", AppID: facebookApp, AppSecret: identity.NewSecret([]byte("app-secret")),
		Client: oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: true, Roots: roots}), Now: atNoon,
	}
}

func (f *facebook) verifier(t *testing.T) identity.Verifier {
	t.Helper()
	v, err := identity.NewFacebookVerifier(f.options())
	require.NoError(t, err)
	return v
}

// inspected is what the endpoint says of a good token, with changes of text.
func inspected(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(fmt.Sprintf(
		`{"data":{"app_id":"%s","type":"USER","application":"Shop","expires_at":%d,"is_valid":true,"scopes":["email"],"user_id":"4711"}}`,
		facebookApp, noon.Unix()+600))
}

func TestFacebookLogin(t *testing.T) {
	f := newFacebook(t)
	f.says(inspected())
	l, err := f.verifier(t).Verify(t.Context(), "EAAB-secret_token", []string{facebookApp})
	require.NoError(t, err)
	require.Equal(t, []string{"graph.facebook.com", "4711", facebookApp, ""}, []string{l.Provider, l.Subject, l.Audience, l.Issuer})
	require.Equal(t, map[string][]string{"graph.facebook.com:app_id": {facebookApp}, "graph.facebook.com:id": {"4711"}}, keyList(l.Keys))
	require.Empty(t, l.TrustKeys)
	require.Equal(t, noon.Add(10*time.Minute), l.Expires)

	require.Len(t, f.requests, 1)
	require.Equal(t, "/debug_token", f.requests[0].RequestURI, "no token and no secret in an address")
	require.Equal(t, "Bearer "+facebookApp+"|app-secret", f.requests[0].Header.Get("Authorization"))
	require.Equal(t, "input_token=EAAB-secret_token&method=GET", f.forms[0])

	f.says(inspected(fmt.Sprint(noon.Unix()+600), "0"))
	l, err = f.verifier(t).Verify(t.Context(), "EAAB", []string{facebookApp})
	require.NoError(t, err)
	require.True(t, l.Expires.IsZero(), "0 is never")
}

func TestFacebookRefusals(t *testing.T) {
	f := newFacebook(t)
	v := f.verifier(t)
	exp := fmt.Sprint(noon.Unix() + 600)
	for name, c := range map[string]struct {
		says string
		code identity.Code
		want string
	}{
		"good":                 {inspected(), "", ""},
		"not valid":            {inspected("true", "false"), identity.NotAuthorized, "Couldn't verify signed token."},
		"valid as text":        {inspected("true", `"true"`), identity.NotAuthorized, "Couldn't verify signed token."},
		"unknown token":        {`{"data":{"error":{"code":190,"message":"Malformed access token"},"is_valid":false,"scopes":[]}}`, identity.NotAuthorized, "Couldn't verify signed token."},
		"of an app":            {inspected("USER", "APP"), identity.NotAuthorized, "Couldn't verify signed token."},
		"of a page":            {inspected("USER", "PAGE"), identity.NotAuthorized, "Couldn't verify signed token."},
		"for another app":      {inspected(facebookApp, "999"), identity.NotAuthorized, "Incorrect token audience."},
		"app is a number":      {inspected(`"`+facebookApp+`"`, facebookApp), identity.NotAuthorized, "Incorrect token audience."},
		"expired":              {inspected(exp, fmt.Sprint(noon.Unix())), identity.NotAuthorized, "Token expired: "},
		"expiry is text":       {inspected(exp, `"0"`), identity.NotAuthorized, "Missing a required claim: expires_at"},
		"no expiry":            {inspected("expires_at", "expired_at"), identity.NotAuthorized, "Missing a required claim: expires_at"},
		"no user":              {inspected("user_id", "id"), identity.ExternalService, "could not be reached"},
		"empty user":           {inspected("4711", ""), identity.ExternalService, "could not be reached"},
		"odd user":             {inspected("4711", `47\u0000 11`), identity.ExternalService, "could not be reached"},
		"valid twice":          {inspected(`"is_valid":true`, `"is_valid":false,"is_valid":true`), identity.ExternalService, "could not be reached"},
		"user in two cases":    {inspected(`"user_id"`, `"User_id":"1","user_id"`), identity.ExternalService, "could not be reached"},
		"data is a list":       {`{"data":[]}`, identity.ExternalService, "could not be reached"},
		"an error":             {`{"error":{"message":"secret address https://x","code":190}}`, identity.ExternalService, "could not be reached"},
		"no JSON":              {`<html>`, identity.ExternalService, "could not be reached"},
		"nothing":              {``, identity.ExternalService, "could not be reached"},
		"too much":             {inspected("Shop", strings.Repeat("x", 70_000)), identity.ExternalService, "could not be reached"},
		"a second value after": {inspected() + inspected(), identity.ExternalService, "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			f.says(c.says)
			l, err := v.Verify(t.Context(), "EAAB", []string{facebookApp})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.Nil(t, l)
			refused(t, err, c.code, c.want)
			require.NotContains(t, err.Error(), "https://")
		})
	}
}

// What cannot be an access token is not sent anywhere, nor is a token for an
// application that the pool does not know.
func TestFacebookIsNotAskedInVain(t *testing.T) {
	f := newFacebook(t)
	f.says(inspected())
	v := f.verifier(t)
	for _, token := range []string{"", "a b", "a\r\nb", "a&input_token=b", facebookApp + "|app-secret", idpToken(t, nil), strings.Repeat("a", 4097), "é"} {
		_, err := v.Verify(t.Context(), token, []string{facebookApp})
		refused(t, err, identity.NotAuthorized, "Not a valid OpenId Connect identity token.")
	}
	for _, clients := range [][]string{nil, {"999"}} {
		_, err := v.Verify(t.Context(), "EAAB", clients)
		refused(t, err, identity.NotAuthorized, "Incorrect token audience.")
	}
	require.Empty(t, f.requests)
	_, err := v.Verify(t.Context(), strings.Repeat("a", 4096), []string{facebookApp})
	require.NoError(t, err)
}

func TestFacebookThatMisbehaves(t *testing.T) {
	f, other := newFacebook(t), newFacebook(t)
	other.says(inspected())
	v := f.verifier(t)
	for name, answer := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, inspected())
		},
		"page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, inspected())
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, inspected())
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.answer = answer
			_, err := v.Verify(t.Context(), "EAAB", []string{facebookApp})
			refused(t, err, identity.ExternalService, "could not be reached")
			require.NotContains(t, err.Error(), f.URL)
		})
	}
	o := f.options()
	o.Client = f.Client() // which would follow
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}
	v, err := identity.NewFacebookVerifier(o)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), "EAAB", []string{facebookApp})
	refused(t, err, identity.ExternalService, "could not be reached")
	require.Empty(t, other.requests, "a redirect would carry the secret away")

	o.Client = nil
	v, err = identity.NewFacebookVerifier(o)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), "EAAB", []string{facebookApp})
	refused(t, err, identity.ExternalService, "could not be reached")
	require.ErrorContains(t, errors.Unwrap(err), "address is not public")
}

func TestNewFacebookVerifierRefuses(t *testing.T) {
	base := identity.FacebookOptions{
		Endpoint: "https://graph.facebook.com/debug_token", AppID: facebookApp, AppSecret: identity.NewSecret([]byte("s")), Now: atNoon,
	}
	_, err := identity.NewFacebookVerifier(base)
	require.NoError(t, err)
	for name, change := range map[string]func(*identity.FacebookOptions){
		"no endpoint": func(o *identity.FacebookOptions) { o.Endpoint = "" },
		"plain":       func(o *identity.FacebookOptions) { o.Endpoint = "http://graph.facebook.com/debug_token" },
		"query":       func(o *identity.FacebookOptions) { o.Endpoint += "?access_token=x" },
		"user":        func(o *identity.FacebookOptions) { o.Endpoint = "https://a@b/" },
		"no host":     func(o *identity.FacebookOptions) { o.Endpoint = "https:///debug_token" },
		"no app":      func(o *identity.FacebookOptions) { o.AppID = "" },
		"no secret":   func(o *identity.FacebookOptions) { o.AppSecret = identity.Secret{} },
		"no clock":    func(o *identity.FacebookOptions) { o.Now = nil },
	} {
		o := base
		change(&o)
		_, err := identity.NewFacebookVerifier(o)
		require.Error(t, err, name)
	}
}
