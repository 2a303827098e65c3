package server

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// maxForm bounds the forms of the page and of OAuth clients.
const maxForm = 64 << 10

// The challenges that the page asks; its forms name them as their step.
const (
	stepNewPassword = "NEW_PASSWORD_REQUIRED"
	stepTOTP        = "SOFTWARE_TOKEN_MFA"
	stepSetup       = "MFA_SETUP"
)

// visitor is a browser with an authorization request: the query says all of it
// on every page, and is checked on every page.
type visitor struct {
	*exchange
	a    *userpool.Authorization
	form params // nil but for a post
}

// hosted makes a route of the hosted page.
func hosted(operation string, answer func(*visitor)) http.HandlerFunc {
	return page("hosted", operation, func(x *exchange) {
		x.refuse = refusePage
		v := &visitor{exchange: x}
		if err := v.enter(); err != nil {
			x.turnAway(err)
			return
		}
		answer(v)
	})
}

// enter checks what the browser brings.
func (v *visitor) enter() (err error) {
	if v.r.Method == http.MethodPost {
		if err := v.admit(); err != nil {
			return err
		}
		if v.form, err = v.readForm(); err != nil {
			return err
		}
		if err := v.fromPage(v.form); err != nil {
			return err
		}
	}
	v.a, err = v.Directory.Authorize(v.r.PathValue("pool"), v.r.URL.RawQuery)
	return err
}

// turnAway answers a request for a code that cannot be given.
func (x *exchange) turnAway(err error) {
	e, ok := errors.AsType[*userpool.OAuthError](err)
	if !ok || e.Redirect == "" || x.r.Method == http.MethodPost {
		x.fail(err)
		return
	}
	x.code = e.Code
	x.redirect(e.Redirect)
}

// readForm reads a form whose fields are there once each.
func (x *exchange) readForm() (params, error) {
	if mediaType(x.r.Header) != form {
		return nil, badRequest(string(identity.InvalidParameter), "The Content-Type must be %s.", form)
	}
	body, err := x.body(maxForm)
	if err != nil {
		return nil, err
	}
	return parseParams(string(body))
}

// path is the address of a page of the pool with the same request.
func (v *visitor) path(name string) string {
	return "/" + v.a.Pool().ID + "/" + name + "?" + v.a.Query()
}

// ask shows a form that posts to a page.
func (v *visitor) ask(name string, err error, s *view) {
	s.Pool, s.Action = v.a.Pool().TOTPIssuer, v.path(name)
	status := http.StatusOK
	if err != nil {
		f := faultOf(err)
		if f.status >= http.StatusInternalServerError {
			v.fail(err)
			return
		}
		status, v.code, v.cause = busy(f), f.code, f.cause
		s.Alert = explain(f)
	}
	if s.Alert == "" {
		if i := slices.IndexFunc(s.Fields, func(f field) bool { return !f.ReadOnly && f.Value == "" }); i >= 0 {
			s.Fields[i].Focus = true
		}
	}
	token, err := v.bind(v.a.Pool().ID)
	if err != nil {
		v.fail(err)
		return
	}
	s.Token = token
	v.show(status, s)
}

// busy is the status of a fault where it need not be what AWS has.
func busy(f *fault) int {
	if f.code == string(identity.TooManyRequests) || f.code == string(identity.LimitExceeded) {
		return http.StatusTooManyRequests
	}
	return f.status
}

// explanations are the texts of errors that the API words for programs.
var explanations = map[string]string{
	string(userpool.EnableSoftwareTokenMFA): "The code is not right. Wait for the next one and try again.",
	string(userpool.CodeMismatch):           "The code is not right. Please try again.",
	string(userpool.UserNotFound):           "Incorrect username or password.",
	string(identity.TooManyRequests):        "There is much to do just now. Please try again after some time.",
}

// explain says what is wrong to whoever filled in the form.
func explain(f *fault) string {
	if text, ok := explanations[f.code]; ok {
		return text
	}
	if strings.Contains(f.message, "validation error") {
		return "Something is missing, or cannot be taken as it is. Please look at the form again."
	}
	return f.message
}

// signInPage shows the first page of a sign-in.
func (v *visitor) signInPage() { v.askSignIn("", nil, v.a.LoginHint()) }

func (v *visitor) askSignIn(notice string, err error, username string) {
	s := &view{
		Title: "Sign in", Lead: "to continue to " + appName(v.a), Notice: notice, Submit: "Sign in",
		Fields: []field{v.username(username), {Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"}},
		Links:  []link{{v.path("forgotPassword"), "Forgot your password?"}},
	}
	if v.a.Pool().SignUp {
		s.Links = append(s.Links, link{v.path("signup"), "Create an account"})
	}
	v.ask("login", err, s)
}

// username is the field for the name that users of the pool sign in with.
func (v *visitor) username(value string) field {
	f := field{Name: "username", Label: "User name", Type: "text", Autocomplete: "username", Value: value, Plain: true}
	switch {
	case slices.Contains(v.a.Pool().UsernameAttributes, "email"):
		f.Label, f.Type = "Email address", "email"
	case slices.Contains(v.a.Pool().AliasAttributes, "email"):
		f.Label = "User name or email address"
	}
	return f
}

// signIn takes the forms of a sign-in.
func (v *visitor) signIn() {
	step, username := v.form.get("step"), v.form.get("username")
	var next *userpool.SignInStep
	var err error
	switch step {
	case "":
		next, err = v.a.SignIn(v.r.Context(), username, v.sensitive("password"))
	case stepNewPassword, stepTOTP, stepSetup:
		next, err = v.a.Respond(v.r.Context(), step, v.sensitive("session"), username, v.answers())
	default:
		v.fail(badRequest(string(identity.InvalidParameter), "The form is none of this page."))
		return
	}
	code := identity.CodeOf(err)
	switch {
	case err == nil && next.Challenge == "":
		v.leave(v.a, next.Redirect)
	case err == nil:
		v.askChallenge(nil, username, next)
	case code == userpool.UserNotConfirmed:
		v.code = string(code)
		v.askConfirm("Your account is not confirmed yet. Enter the code that we sent you.", nil, username)
	case code == userpool.PasswordResetRequired:
		v.code = string(code)
		v.askReset("Your password has to be reset. Enter the code that we sent you, or send yourself a new one.", nil, username)
	case step == "":
		v.askSignIn("", err, username)
	case errors.Is(err, userpool.ErrSignInOver):
		v.askSignIn("", badRequest(string(identity.NotAuthorized), "That took too long, or was tried too often. Please sign in again."), username)
	default:
		v.askChallenge(err, username, v.again(step))
	}
}

func (v *visitor) sensitive(name string) userpool.Sensitive {
	return userpool.Sensitive(v.form.get(name))
}

// code is a code as people type one.
func (v *visitor) typedCode() userpool.Sensitive {
	return userpool.Sensitive(strings.Join(strings.Fields(v.form.get("code")), ""))
}

const attributeField = "attribute."

// answers are the responses to a challenge.
func (v *visitor) answers() map[string]userpool.Sensitive {
	out := map[string]userpool.Sensitive{"NEW_PASSWORD": v.sensitive("password"), "SOFTWARE_TOKEN_MFA_CODE": v.typedCode()}
	for _, name := range v.attributes() {
		out["userAttributes."+name] = v.sensitive(attributeField + name)
	}
	return out
}

// attributes are the names of those that the form has, in order.
func (v *visitor) attributes() []string {
	var out []string
	for name := range v.form {
		if attribute, ok := strings.CutPrefix(name, attributeField); ok {
			out = append(out, attribute)
		}
	}
	slices.Sort(out)
	return out
}

// again is the step that the form was of.
func (v *visitor) again(challenge string) *userpool.SignInStep {
	return &userpool.SignInStep{
		Challenge: challenge, Session: v.sensitive("session"), Secret: v.sensitive("secret"), Missing: v.attributes(),
	}
}

// askChallenge asks for what a sign-in needs next.
func (v *visitor) askChallenge(err error, username string, next *userpool.SignInStep) {
	s := &view{
		Submit: "Continue", Links: []link{{v.path("login"), "Start again"}},
		Hidden: []pair{{"step", next.Challenge}, {"session", string(next.Session)}},
	}
	pool := v.a.Pool().TOTPIssuer
	switch next.Challenge {
	case stepNewPassword:
		s.Title, s.Lead = "Choose a new password", "The one that you have is for the first time only."
		name := v.username(username)
		name.ReadOnly = true
		s.Fields = append([]field{name}, v.attributeFields(next.Missing)...)
		s.Fields = append(s.Fields, v.newPassword())
		v.ask("login", err, s)
		return
	case stepTOTP:
		s.Title, s.Lead = "Enter your code", "Your authenticator app shows a code for "+pool+"."
	case stepSetup:
		s.Title = "Protect your account"
		s.Lead = "A code of an authenticator app is needed to sign in. Add this key to one, then enter the code that it shows."
		s.Secret, s.OTPAuth = grouped(string(next.Secret)), template.URL(v.a.OTPAuth(username, next.Secret))
		s.Hidden = append(s.Hidden, pair{"secret", string(next.Secret)})
	}
	s.Hidden = append(s.Hidden, pair{"username", username})
	s.Fields = []field{codeField()}
	v.ask("login", err, s)
}

// grouped writes a key in groups of four, and lines of sixteen, as it is easiest
// to copy.
func grouped(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case i > 0 && i%16 == 0:
			b.WriteByte('\n')
		case i > 0 && i%4 == 0:
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func codeField() field {
	return field{Name: "code", Label: "Code", Type: "text", Autocomplete: "one-time-code", Keyboard: "numeric", Plain: true}
}

// newPassword asks for a password that the pool takes.
func (v *visitor) newPassword() field {
	p := v.a.Pool().Password
	return field{Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password", Hint: passwordHint(p)}
}
