package server

import (
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/rowan-authz/rowan/identity"
)

// browserBytes is how random the cookie is that forms are bound to.
const browserBytes = 32

// browserCookie is the name of the cookie. With its prefix no other host of the
// domain can set it; browsers take that over TLS alone, so that on loopback it
// has none.
func (h *Handler) browserCookie() (name string, secure bool) {
	if strings.HasPrefix(h.url, "https:") {
		return "__Host-rowan-browser", true
	}
	return "rowan-browser", false
}

// bind returns what a form of a pool's must have in it to be taken from this
// browser. It sets the cookie that is the other half, unless it is there: a page
// in another tab stays good. Source: identity-protocol §6.3; RFC 9700 §4.7.
func (x *exchange) bind(pool string) (string, error) {
	if value, ok := x.browser(); ok {
		return x.formToken(pool, value), nil
	}
	b := make([]byte, browserBytes)
	if _, err := io.ReadFull(x.random, b); err != nil {
		return "", internal(err)
	}
	name, secure := x.browserCookie()
	value := base64.RawURLEncoding.EncodeToString(b)
	http.SetCookie(x.w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return x.formToken(pool, value), nil
}

// browser returns the value of the cookie, if there is one and it is like ours.
func (x *exchange) browser() (string, bool) {
	name, _ := x.browserCookie()
	cookies := x.r.CookiesNamed(name)
	if len(cookies) != 1 {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	return cookies[0].Value, err == nil && len(b) == browserBytes
}

func (x *exchange) formToken(pool, value string) string {
	sum := x.options.Storage.MAC(identity.PurposeAuth, []byte("form"), []byte(pool), []byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// fromPage refuses a form that did not come from a page of ours in the same
// browser: another site could sign its visitor in as somebody else.
func (x *exchange) fromPage(form params) error {
	foreign := &fault{
		status: http.StatusForbidden, code: "ForeignForm",
		message: "This page was opened in another browser, or its cookie is gone. Go back to the app and sign in from there; cookies must be allowed.",
	}
	if err := x.origins.Check(x.r); err != nil {
		return foreign
	}
	value, ok := x.browser()
	want := x.formToken(x.r.PathValue("pool"), value)
	if !ok || subtle.ConstantTimeCompare([]byte(form.get("form")), []byte(want)) != 1 {
		return foreign
	}
	return nil
}

// newOrigins tells posts of our pages from those of other sites, by
// Sec-Fetch-Site or else by Origin.
func newOrigins(base string) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	return p, p.AddTrustedOrigin(base)
}
