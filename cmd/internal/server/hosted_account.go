package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// attributeLabels are what people call the standard attributes, with the token
// that browsers fill them in by.
var attributeLabels = map[string]field{
	"address":            {Label: "Address", Autocomplete: "street-address"},
	"birthdate":          {Label: "Date of birth", Autocomplete: "bday", Hint: "Such as 1980-12-31"},
	"email":              {Label: "Email address", Type: "email", Autocomplete: "email", Plain: true},
	"family_name":        {Label: "Family name", Autocomplete: "family-name"},
	"gender":             {Label: "Gender", Autocomplete: "sex"},
	"given_name":         {Label: "Given name", Autocomplete: "given-name"},
	"locale":             {Label: "Language", Autocomplete: "language"},
	"middle_name":        {Label: "Middle name", Autocomplete: "additional-name"},
	"name":               {Label: "Name", Autocomplete: "name"},
	"nickname":           {Label: "Nickname", Autocomplete: "nickname"},
	"phone_number":       {Label: "Phone number", Type: "tel", Autocomplete: "tel", Hint: "With the country, such as +4930123456"},
	"picture":            {Label: "Address of a picture", Type: "url", Autocomplete: "photo"},
	"preferred_username": {Label: "Preferred user name", Autocomplete: "off", Plain: true},
	"profile":            {Label: "Address of a profile", Type: "url", Autocomplete: "off"},
	"website":            {Label: "Website", Type: "url", Autocomplete: "url"},
	"zoneinfo":           {Label: "Time zone", Autocomplete: "off", Hint: "Such as Europe/Berlin"},
}

// attributeFields ask for attributes; what was typed before stays.
func (v *visitor) attributeFields(names []string) []field {
	out := make([]field, 0, len(names))
	for _, name := range names {
		f, ok := attributeLabels[name]
		if !ok {
			f = field{Label: name, Autocomplete: "off"}
		}
		if f.Type == "" {
			f.Type = "text"
		}
		f.Name = attributeField + name
		f.Value = v.form.get(f.Name)
		out = append(out, f)
	}
	return out
}

// passwordHint says what a password must have.
func passwordHint(p userpool.PasswordPolicy) string {
	var parts []string
	for _, c := range []struct {
		wanted bool
		what   string
	}{
		{p.RequireUppercase, "an upper case letter"},
		{p.RequireLowercase, "a lower case letter"},
		{p.RequireNumbers, "a number"},
		{p.RequireSymbols, "a symbol"},
	} {
		if c.wanted {
			parts = append(parts, c.what)
		}
	}
	hint := fmt.Sprintf("At least %d characters", p.MinimumLength)
	switch n := len(parts); {
	case n == 1:
		return hint + ", " + parts[0] + " among them"
	case n > 1:
		return hint + ", among them " + strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return hint
}

// signUpPage shows the form for a new account.
func (v *visitor) signUpPage() { v.askSignUp(nil) }

func (v *visitor) askSignUp(err error) {
	if !v.a.Pool().SignUp {
		v.fail(badRequest(string(identity.NotAuthorized), "Accounts are made by an administrator here."))
		return
	}
	password := v.newPassword()
	password.Label = "Password"
	s := &view{
		Title: "Create an account", Lead: "to continue to " + appName(v.a), Submit: "Create account",
		Links: []link{{v.path("login"), "Sign in instead"}, {v.path("confirm"), "I have a code already"}},
	}
	s.Fields = append([]field{v.newUsername(v.form.get("username"))}, v.attributeFields(v.a.SignUpAttributes())...)
	s.Fields = append(s.Fields, password)
	v.ask("signup", err, s)
}

// newUsername is the field for the name of a new user: aliases lead to nobody
// before they are confirmed.
func (v *visitor) newUsername(value string) field {
	f := v.username(value)
	if f.Type == "text" {
		f.Label = "User name"
	}
	return f
}

// signUp makes an account. Fields that the page does not ask for are not taken.
func (v *visitor) signUp() {
	username := v.form.get("username")
	in := &userpool.SignUpInput{
		ClientID: v.a.Client().ID, SecretHash: v.a.SecretHash(username), Username: username, Password: v.sensitive("password"),
	}
	wanted := v.a.SignUpAttributes()
	for _, name := range v.attributes() {
		if value := v.form.get(attributeField + name); value != "" && slices.Contains(wanted, name) {
			in.UserAttributes = append(in.UserAttributes, userpool.Attribute{Name: name, Value: value})
		}
	}
	out, err := v.Directory.SignUp(v.r.Context(), in)
	switch {
	case err != nil:
		v.askSignUp(err)
	case out.CodeDeliveryDetails == nil:
		v.askSignIn("Your account is made. An administrator has to confirm it before you can sign in.", nil, username)
	default:
		v.askConfirm("We have sent a code to "+out.CodeDeliveryDetails.Destination+".", nil, username)
	}
}

// confirmPage shows the form for the code of a sign-up.
func (v *visitor) confirmPage() { v.askConfirm("", nil, "") }

func (v *visitor) askConfirm(notice string, err error, username string) {
	v.ask("confirm", err, &view{
		Title: "Confirm your account", Notice: notice, Submit: "Confirm", Again: "Send a new code",
		Fields: []field{v.newUsername(username), codeField()},
		Links:  []link{{v.path("login"), "Sign in"}},
	})
}

// confirm redeems the code of a sign-up, or sends another.
func (v *visitor) confirm() {
	ctx, client, username := v.r.Context(), v.a.Client().ID, v.form.get("username")
	hash := v.a.SecretHash(username)
	if v.form.get("again") != "" {
		out, err := v.Directory.ResendConfirmationCode(ctx, &userpool.ResendConfirmationCodeInput{ClientID: client, SecretHash: hash, Username: username})
		if err != nil {
			v.askConfirm("", err, username)
			return
		}
		v.askConfirm(sent(out.CodeDeliveryDetails), nil, username)
		return
	}
	_, err := v.Directory.ConfirmSignUp(ctx, &userpool.ConfirmSignUpInput{
		ClientID: client, SecretHash: hash, Username: username, ConfirmationCode: v.typedCode(),
	})
	if err != nil {
		v.askConfirm("", err, username)
		return
	}
	v.askSignIn("Your account is confirmed. You can sign in now.", nil, username)
}

// sent tells of a code without telling whether there is an account.
func sent(to *userpool.CodeDeliveryDetails) string {
	return "If there is such an account, a code is on its way to " + to.Destination + "."
}

// forgotPage shows the form that asks for the code of a new password.
func (v *visitor) forgotPage() { v.askForgot(nil, v.a.LoginHint()) }

func (v *visitor) askForgot(err error, username string) {
	v.ask("forgotPassword", err, &view{
		Title: "Reset your password", Lead: "We send a code to the address of your account.", Submit: "Send code",
		Fields: []field{v.username(username)},
		Links:  []link{{v.path("confirmForgotPassword"), "I have a code already"}, {v.path("login"), "Sign in"}},
	})
}

// forgot sends a code for a new password.
func (v *visitor) forgot() {
	username := v.form.get("username")
	out, err := v.Directory.ForgotPassword(v.r.Context(), &userpool.ForgotPasswordInput{
		ClientID: v.a.Client().ID, SecretHash: v.a.SecretHash(username), Username: username,
	})
	if err != nil {
		v.askForgot(err, username)
		return
	}
	v.askReset(sent(out.CodeDeliveryDetails), nil, username)
}

// resetPage shows the form for a new password.
func (v *visitor) resetPage() { v.askReset("", nil, "") }

func (v *visitor) askReset(notice string, err error, username string) {
	v.ask("confirmForgotPassword", err, &view{
		Title: "Choose a new password", Notice: notice, Submit: "Change password",
		Fields: []field{v.username(username), codeField(), v.newPassword()},
		Links:  []link{{v.path("forgotPassword"), "Send a new code"}, {v.path("login"), "Sign in"}},
	})
}

// reset sets a new password with a code.
func (v *visitor) reset() {
	username := v.form.get("username")
	_, err := v.Directory.ConfirmForgotPassword(v.r.Context(), &userpool.ConfirmForgotPasswordInput{
		ClientID: v.a.Client().ID, SecretHash: v.a.SecretHash(username), Username: username,
		ConfirmationCode: v.typedCode(), Password: v.sensitive("password"),
	})
	if err != nil {
		v.askReset("", err, username)
		return
	}
	v.askSignIn("Your password is changed. You can sign in now.", nil, username)
}
