package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// endpoint makes a route that OAuth clients call, in a browser too. No cookie is
// looked at there, so that any origin may.
func endpoint(operation string, answer func(*exchange)) http.HandlerFunc {
	return page("oauth2", operation, func(x *exchange) {
		x.refuse, x.contentType = refuseOAuth, applicationJSON
		allowOrigins(x.w.Header())
		x.w.Header().Set("Cache-Control", "no-store")
		x.w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
		if err := x.admit(); err != nil {
			x.fail(err)
			return
		}
		answer(x)
	})
}

// preflightOf makes the route that answers browsers before they call another.
func preflightOf(methods string) http.HandlerFunc {
	return page("oauth2", "Preflight", func(x *exchange) { x.preflight(methods) })
}

// oauthInput reads what a client sends: a form, and how it proves itself.
func (x *exchange) oauthInput() (*userpool.OAuthInput, error) {
	values, err := x.readForm()
	return &userpool.OAuthInput{Form: url.Values(values), Authorization: x.r.Header.Values("Authorization")}, err
}

func (x *exchange) token() {
	in, err := x.oauthInput()
	if err != nil {
		x.fail(err)
		return
	}
	out, err := x.Directory.Token(x.r.Context(), x.r.PathValue("pool"), in)
	if err != nil {
		x.fail(err)
		return
	}
	x.replyJSON(out)
}

func (x *exchange) revoke() {
	in, err := x.oauthInput()
	if err == nil {
		err = x.Directory.RevokeOAuth(x.r.Context(), x.r.PathValue("pool"), in)
	}
	if err != nil {
		x.fail(err)
		return
	}
	x.reply(http.StatusOK, applicationJSON, nil)
}

func (x *exchange) userInfo() {
	token, err := x.bearer()
	if err != nil {
		x.fail(err)
		return
	}
	out, err := x.Directory.UserInfo(x.r.Context(), x.r.PathValue("pool"), token)
	if err != nil {
		x.fail(err)
		return
	}
	x.replyJSON(out)
}

// bearer reads an access token, which is taken in a header alone. Source: RFC
// 6750 §2.1.
func (x *exchange) bearer() (userpool.Sensitive, error) {
	headers := x.r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", &fault{status: http.StatusUnauthorized, code: "invalid_token", message: "There is no access token.", challenge: "Bearer"}
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", oauthFault(&userpool.OAuthError{Code: "invalid_request", Description: "The Authorization header must be Bearer and an access token."})
	}
	return userpool.Sensitive(token), nil
}

// logout sends a browser to the app that it came from. There is no session of
// the browser's that would have to end.
func (x *exchange) logout() {
	x.refuse = refusePage
	query := x.r.URL.RawQuery
	if x.r.Method == http.MethodPost {
		if err := x.admit(); err != nil {
			x.fail(err)
			return
		}
		body, err := x.readForm()
		if err != nil {
			x.fail(err)
			return
		}
		query = url.Values(body).Encode()
	}
	address, err := x.Directory.Logout(x.r.PathValue("pool"), query)
	if err != nil {
		x.fail(err)
		return
	}
	x.redirect(address)
}

// oauthFault is the fault of an error that OAuth has a name for. Source: RFC
// 6749 §5.2; RFC 6750 §3.1.
func oauthFault(e *userpool.OAuthError) *fault {
	f := &fault{status: http.StatusBadRequest, code: e.Code, message: e.Description, oauth: true}
	switch e.Code {
	case "invalid_client":
		f.status = http.StatusUnauthorized
		return f
	case "invalid_token":
		f.status = http.StatusUnauthorized
	case "insufficient_scope":
		f.status = http.StatusForbidden
	}
	if f.status != http.StatusBadRequest {
		f.challenge = fmt.Sprintf(`Bearer error=%q, error_description=%q`, e.Code, e.Description)
	}
	return f
}

// oauthCodes are the names that OAuth has for errors of the AWS protocols.
var oauthCodes = map[string]string{
	string(identity.TooManyRequests): "temporarily_unavailable",
	string(identity.LimitExceeded):   "temporarily_unavailable",
	string(identity.InternalError):   "server_error",
}

// refuseOAuth writes an error as OAuth does.
func refuseOAuth(x *exchange, f *fault) {
	code, status := f.code, f.status
	if !f.oauth && f.challenge == "" {
		if code = oauthCodes[f.code]; code == "" {
			code = "invalid_request"
		}
		status = busy(f)
	}
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, f.message})
	if err != nil { // two strings always encode
		body = []byte(`{"error":"server_error"}`)
	}
	if code == "invalid_client" && x.r.Header.Get("Authorization") != "" {
		f.challenge = `Basic realm="oauth2"` // browsers ask people for it, so only whoever used it is told
	}
	if f.challenge != "" {
		x.w.Header().Set("WWW-Authenticate", f.challenge)
	}
	x.reply(status, applicationJSON, body)
}
