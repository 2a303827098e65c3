package userpool

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The scopes of OpenID Connect. Further ones are what a client's configuration
// says.
const (
	scopeOpenID  = "openid"
	scopeEmail   = "email"
	scopePhone   = "phone"
	scopeProfile = "profile"
)

// The errors of OAuth. Source: RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1; RFC 7009
// §2.2.1; OpenID Connect Core 1.0 §3.1.2.6.
const (
	oauthInvalidRequest    = "invalid_request"
	oauthInvalidClient     = "invalid_client"
	oauthInvalidGrant      = "invalid_grant"
	oauthInvalidScope      = "invalid_scope"
	oauthInvalidToken      = "invalid_token"
	oauthNarrowScope       = "insufficient_scope"
	oauthUnknownGrant      = "unsupported_grant_type"
	oauthUnknownResponse   = "unsupported_response_type"
	oauthUnknownToken      = "unsupported_token_type"
	oauthLoginRequired     = "login_required"
	oauthNoRequestObject   = "request_not_supported"
	oauthNoRequestURI      = "request_uri_not_supported"
	codeLength, codeChosen = 43, "S256" // of a code_challenge
)

// Bounds of what an authorization request may bring.
const (
	maxQuery     = 8 << 10
	maxQueryKeys = 64
	maxState     = 2048
	maxNonce     = 512
)

// OAuthError is an error that the protocol of OAuth has a name for.
type OAuthError struct {
	// Code is the name, Description a text in ASCII for the developer of the
	// client. Neither tells a guesser anything.
	Code, Description string
	// Redirect is where the browser is sent with the error. It is empty for
	// errors that are answered, and for a request whose client or redirect_uri
	// is not known: nobody is redirected for that. Source: RFC 6749 §4.1.2.1.
	Redirect string
}

// Error returns the code and the description.
func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

func oauthError(code, description string) error {
	return &OAuthError{Code: code, Description: description}
}

// Authorization is what an app asked of the authorization endpoint, and may be
// given: the request for a code. It is immutable and may be shared.
type Authorization struct {
	d        *Directory
	client   *client
	redirect string
	state    string
	nonce    string
	// challenge is that of PKCE, by S256.
	challenge string
	scopes    []string
	hint      string
	id        string
}

// Authorize checks the query of an authorization request to a pool. Its errors
// are *OAuthError. Source: RFC 6749 §4.1.1; RFC 7636; RFC 9700 §2.1; OpenID
// Connect Core 1.0 §3.1.2.1. Stricter than those: every client, one with a
// secret too, must use PKCE with S256; a scope that the client does not have is
// refused, and not left out. Without a scope all that the client has are meant.
func (d *Directory) Authorize(poolID, query string) (*Authorization, error) {
	values, err := parseQuery(query)
	if err != nil {
		return nil, oauthError(oauthInvalidRequest, "The query cannot be read.")
	}
	c, err := d.poolClient(poolID, one(values, "client_id"))
	if err != nil {
		return nil, oauthError(oauthInvalidRequest, "The client_id is none of this user pool.")
	}
	a := &Authorization{d: d, client: c, redirect: one(values, "redirect_uri")}
	if !slices.Contains(c.CallbackURLs, a.redirect) {
		return nil, oauthError(oauthInvalidRequest, "The redirect_uri is not one of the client's.")
	}
	// From here on the browser goes back to the app, whatever is wrong.
	if state := one(values, "state"); printable(state, maxState) {
		a.state = state
	}
	if fault := a.read(values); fault != nil {
		return nil, &OAuthError{fault.Code, fault.Description, a.back(url.Values{
			"error": {fault.Code}, "error_description": {fault.Description},
		})}
	}
	a.id = a.sum()
	return a, nil
}

// parseQuery reads a query or a form of bounded size.
func parseQuery(text string) (url.Values, error) {
	if len(text) > maxQuery || strings.Count(text, "&") >= maxQueryKeys {
		return nil, oauthError(oauthInvalidRequest, "The request is too long.")
	}
	return url.ParseQuery(text)
}

// one returns the value of a parameter; "" for one that is there twice.
func one(values url.Values, name string) string {
	if v := values[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// printable reports whether a text of the client's choice is short enough, and
// UTF-8 that can be seen.
func printable(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// read takes the parameters of the request but for the client and where to go
// back to.
func (a *Authorization) read(values url.Values) *OAuthError {
	refuse := func(code, description string) *OAuthError { return &OAuthError{Code: code, Description: description} }
	get := func(name string) string { return one(values, name) }
	for _, v := range values {
		if len(v) != 1 {
			return refuse(oauthInvalidRequest, "A parameter is there twice.")
		}
	}
	provider := get("identity_provider")
	switch {
	case get("state") != a.state:
		return refuse(oauthInvalidRequest, "The state is too long, or has characters that cannot be seen.")
	case get("request") != "":
		return refuse(oauthNoRequestObject, "Request objects are not supported.")
	case get("request_uri") != "":
		return refuse(oauthNoRequestURI, "Request objects are not supported.")
	case get("response_type") == "":
		return refuse(oauthInvalidRequest, "The response_type is missing.")
	case get("response_type") != "code":
		return refuse(oauthUnknownResponse, "The response_type must be code.")
	case get("response_mode") != "" && get("response_mode") != "query":
		return refuse(oauthInvalidRequest, "The response_mode must be query.")
	case get("code_challenge") == "" || get("code_challenge_method") != codeChosen:
		return refuse(oauthInvalidRequest, "PKCE is required: a code_challenge, with the code_challenge_method S256.")
	case !challengeLike(get("code_challenge")):
		return refuse(oauthInvalidRequest, "The code_challenge must be a SHA-256 hash in base64url, of 43 characters.")
	case !printable(get("nonce"), maxNonce):
		return refuse(oauthInvalidRequest, "The nonce is too long, or has characters that cannot be seen.")
	case provider != "" && provider != "COGNITO" || get("idp_identifier") != "":
		return refuse(oauthInvalidRequest, "This user pool has no other identity providers.")
	}
	a.nonce, a.challenge = get("nonce"), get("code_challenge")
	if hint := get("login_hint"); usernameRule.broken(hint) == "" {
		a.hint = hint
	}
	if fault := a.readScopes(get("scope")); fault != nil {
		return fault
	}
	return a.readPrompt(get("prompt"))
}

// challengeLike reports whether s is a hash as PKCE has it. Source: RFC 7636
// §4.2.
func challengeLike(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(s) == codeLength && len(b) == sha256.Size
}

func (a *Authorization) readScopes(text string) *OAuthError {
	asked := splitScopes(text)
	if len(asked) == 0 {
		asked = a.client.Scopes
	}
	for _, s := range asked {
		if !slices.Contains(a.client.Scopes, s) {
			return &OAuthError{Code: oauthInvalidScope, Description: "The client does not have all these scopes."}
		}
		if !slices.Contains(a.scopes, s) {
			a.scopes = append(a.scopes, s)
		}
	}
	claims := slices.ContainsFunc(a.scopes, func(s string) bool { return s == scopeEmail || s == scopePhone || s == scopeProfile })
	switch {
	case len(a.scopes) == 0:
		return &OAuthError{Code: oauthInvalidScope, Description: "The client has no scopes."}
	case claims && !slices.Contains(a.scopes, scopeOpenID):
		return &OAuthError{Code: oauthInvalidScope, Description: "The scopes email, phone and profile need the scope openid."}
	}
	return nil
}

// readPrompt refuses what cannot be done without the user: there is no session
// of the browser's with the page, so that somebody has to sign in.
func (a *Authorization) readPrompt(text string) *OAuthError {
	prompts := strings.Fields(text)
	switch {
	case !slices.Contains(prompts, "none"):
		return nil
	case len(prompts) > 1:
		return &OAuthError{Code: oauthInvalidRequest, Description: "The prompt none stands alone."}
	}
	return &OAuthError{Code: oauthLoginRequired, Description: "The user has to sign in."}
}

// values are the parameters of the request that mean something.
func (a *Authorization) values() url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {a.client.ID}, "redirect_uri": {a.redirect},
		"scope": {strings.Join(a.scopes, " ")}, "code_challenge": {a.challenge}, "code_challenge_method": {codeChosen},
	}
	for name, value := range map[string]string{"state": a.state, "nonce": a.nonce, "login_hint": a.hint} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// Query returns the request as a query that Authorize takes again.
func (a *Authorization) Query() string { return a.values().Encode() }

// sum names the request, for what is bound to it.
func (a *Authorization) sum() string {
	sum := sha256.Sum256([]byte(a.client.pool.ID + "?" + a.Query()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// key is the name of the request, "" for no request at all.
func (a *Authorization) key() string {
	if a == nil {
		return ""
	}
	return a.id
}

// back is where the browser goes with an answer. Source: RFC 6749 §4.1.2; RFC
// 9207 for iss.
func (a *Authorization) back(answer url.Values) string {
	answer.Set("iss", a.client.pool.issuer)
	if a.state != "" {
		answer.Set("state", a.state)
	}
	return withQuery(a.redirect, answer)
}

func withQuery(address string, more url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + more.Encode()
}

// redirects reports whether the browser may be sent to an app with an error.
func redirects(err error) bool {
	e, ok := errors.AsType[*OAuthError](err)
	return ok && e.Redirect != ""
}
