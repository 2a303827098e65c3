package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/rowan-authz/rowan/identity/userpool"
)

// The hosted page is one template without a script. Its style stands in it, so
// that the policy below names the one style that may apply.
var (
	//go:embed hosted/page.html
	pageSource string
	//go:embed hosted/page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(strings.Replace(pageSource, "STYLE", pageStyle, 1)))
	pagePolicy   = contentPolicy(pageStyle)
)

const textHTML = "text/html; charset=utf-8"

// contentPolicy lets a page show itself, and post its forms back to us. That is
// all that forms need: browsers hold the redirects after a post to form-action
// too, and so nothing redirects there, see leave.
func contentPolicy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// view is what a page shows. What is empty is not there.
type view struct {
	// Pool is what the pool is called, Title what the page is for.
	Pool, Title, Lead string
	// Alert says what is wrong, and has the focus; Notice says what went well.
	Alert, Notice string
	// Action is where the form goes, Token binds it to the browser.
	Action, Token string
	Hidden        []pair
	Fields        []field
	// Submit and Again are what the buttons say.
	Submit, Again string
	Links         []link
	// Secret and OTPAuth are for an authenticator app.
	Secret  string
	OTPAuth template.URL
	// Redirect is where the browser goes by itself.
	Redirect string
}

type pair struct{ Name, Value string }

type link struct{ Address, Text string }

// field is one input with its label.
type field struct {
	Name, Label, Type, Autocomplete, Value, Hint string
	// Keyboard is the inputmode. Plain text is no prose: nothing corrects it.
	Keyboard               string
	Plain, ReadOnly, Focus bool
}

// pageHeaders are for every answer that a browser shows. No code, token or user
// name may reach another site or a cache.
func pageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
}

// show answers with a page.
func (x *exchange) show(status int, v *view) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		x.w.Header().Set("Cache-Control", "no-store")
		x.code, x.cause = "InternalErrorException", err
		x.reply(http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("Something went wrong on our side. Please try again.\n"))
		return
	}
	pageHeaders(x.w.Header())
	x.reply(status, textHTML, b.Bytes())
}

// redirect sends a browser that came with a GET to an app.
func (x *exchange) redirect(address string) {
	pageHeaders(x.w.Header())
	x.w.Header().Set("Location", address)
	x.reply(http.StatusFound, textHTML, nil)
}

// leave sends a browser that posted a form to an app. It is a page that
// refreshes itself: Chromium holds every redirect after a post, also those of
// the app itself, to form-action.
func (x *exchange) leave(a *userpool.Authorization, address userpool.Sensitive) {
	x.show(http.StatusOK, &view{
		Pool: a.Pool().TOTPIssuer, Title: "You are signed in", Redirect: string(address),
		Links: []link{{string(address), "Continue to " + appName(a)}},
	})
}

func appName(a *userpool.Authorization) string {
	if name := a.Client().Name; name != "" {
		return name
	}
	return "the app"
}

// refusePage writes an error for whoever is in front of the browser.
func refusePage(x *exchange, f *fault) {
	v := view{Title: "This did not work", Alert: f.message}
	switch {
	case f.oauth:
		v.Title = "This sign-in link does not work"
		v.Alert = "The app that sent you here has asked for something that cannot be given. " + f.message
	case f.status == http.StatusNotFound:
		v.Title, v.Alert = "Page not found", "There is nothing at this address."
	}
	x.show(busy(f), &v)
}
