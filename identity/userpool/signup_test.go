package userpool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func (f *fixture) signUp(clientID, name string, attributes ...Attribute) (*SignUpOutput, error) {
	return f.SignUp(ctx, &SignUpInput{
		ClientID: clientID, Username: name, Password: password, UserAttributes: attributes, SecretHash: hash(clientID, name),
	})
}

func (f *fixture) confirm(clientID, name string, code Sensitive, force bool) error {
	_, err := f.ConfirmSignUp(ctx, &ConfirmSignUpInput{
		ClientID: clientID, Username: name, ConfirmationCode: code, ForceAliasCreation: force, SecretHash: hash(clientID, name),
	})
	return err
}

func TestSignUpToTokens(t *testing.T) {
	f := newFixture(t)
	out, err := f.signUp(web, "Jane", Attribute{"email", "jane@example.com"}, Attribute{"custom:team", "red"}, Attribute{"name", "Jane D."})
	require.NoError(t, err)
	require.False(t, out.UserConfirmed)
	require.True(t, uuidLike(out.UserSub))
	require.Equal(t, &CodeDeliveryDetails{"j***@e***", "EMAIL", "email"}, out.CodeDeliveryDetails)
	require.Len(t, f.sent, 1)
	sent := f.sent[0]
	require.Equal(t, "jane@example.com", sent.To)
	require.Equal(t, SignUpMessage, sent.Kind)
	require.Regexp(t, `^[0-9]{6}$`, string(sent.Code))
	require.Contains(t, string(sent.Text), string(sent.Code))

	_, err = f.signIn(web, "jane", password)
	f.refused(err, UserNotConfirmed, "User is not confirmed.")
	_, err = f.signIn(web, "jane", otherSecret)
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")

	require.NoError(t, f.confirm(web, "JANE", f.code(), false))
	f.refused(f.confirm(web, "jane", f.code(), false), ExpiredCode)
	f.refused(f.confirm(legacy, "jane", f.code(), false), identity.NotAuthorized, "User cannot be confirmed. Current status is CONFIRMED")

	tokens := f.tokens(web, "jane")
	require.Equal(t, 3600, tokens.ExpiresIn)
	require.Equal(t, "Bearer", tokens.TokenType)
	require.NotEmpty(t, tokens.RefreshToken)
	user, err := f.GetUser(ctx, &GetUserInput{AccessToken: tokens.AccessToken})
	require.NoError(t, err)
	require.Equal(t, "jane", user.Username)
	require.Equal(t, []Attribute{
		{"sub", out.UserSub},
		{"custom:team", "red"},
		{"email", "jane@example.com"},
		{"email_verified", "true"},
		{"name", "Jane D."},
	}, user.UserAttributes)
	require.Empty(t, user.UserMFASettingList)
}

func TestSignUpRefuses(t *testing.T) {
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'a'
	}
	with := func(change func(*SignUpInput)) *SignUpInput {
		in := &SignUpInput{ClientID: web, Username: "jane", Password: password, UserAttributes: []Attribute{{"email", "jane@example.com"}}}
		change(in)
		return in
	}
	cases := map[string]struct {
		in      *SignUpInput
		code    identity.Code
		message string
	}{
		"unknown client":      {with(func(in *SignUpInput) { in.ClientID = "nobody" }), identity.ResourceNotFound, "User pool client nobody does not exist."},
		"client out of form":  {with(func(in *SignUpInput) { in.ClientID = "a b" }), identity.InvalidParameter, ""},
		"no name":             {with(func(in *SignUpInput) { in.Username = "" }), identity.InvalidParameter, "1 validation error detected: Value at 'username' failed to satisfy constraint: Member must not be null"},
		"space":               {with(func(in *SignUpInput) { in.Username = "jane doe" }), identity.InvalidParameter, ""},
		"too long":            {with(func(in *SignUpInput) { in.Username = string(long) }), identity.InvalidParameter, "1 validation error detected: Value at 'username' failed to satisfy constraint: Member must have length less than or equal to 128"},
		"two faults":          {with(func(in *SignUpInput) { in.Username, in.Password = "", "" }), identity.InvalidParameter, "2 validation errors detected: Value at 'password' failed to satisfy constraint: Member must not be null; Value at 'username' failed to satisfy constraint: Member must not be null"},
		"invisible":           {with(func(in *SignUpInput) { in.Username = "ja\u034fne" }), identity.InvalidParameter, "Username has characters that no name may have."},
		"not UTF-8":           {with(func(in *SignUpInput) { in.Username = "ja\xffne" }), identity.InvalidParameter, ""},
		"weak password":       {with(func(in *SignUpInput) { in.Password = "short" }), InvalidPassword, "Password did not conform with policy: Password not long enough"},
		"hash without secret": {with(func(in *SignUpInput) { in.SecretHash = "abcd" }), identity.NotAuthorized, "Unable to verify secret hash for client " + web},
		"unknown attribute":   {with(func(in *SignUpInput) { in.UserAttributes[0].Name = "custom:x" }), identity.InvalidParameter, "Attributes did not conform to the schema: Type for attribute {custom:x} could not be determined"},
		"short attribute":     {with(func(in *SignUpInput) { in.UserAttributes[0] = Attribute{"custom:team", "r"} }), identity.InvalidParameter, ""},
		"verified by oneself": {with(func(in *SignUpInput) {
			in.UserAttributes = append(in.UserAttributes, Attribute{"email_verified", "true"})
		}), identity.NotAuthorized, "A client attempted to write unauthorized attribute"},
		"sub by oneself":       {with(func(in *SignUpInput) { in.UserAttributes[0] = Attribute{"sub", "me"} }), identity.NotAuthorized, ""},
		"twice":                {with(func(in *SignUpInput) { in.UserAttributes = append(in.UserAttributes, in.UserAttributes[0]) }), identity.InvalidParameter, ""},
		"bad address":          {with(func(in *SignUpInput) { in.UserAttributes[0].Value = "jane" }), identity.InvalidParameter, "Invalid email address format."},
		"header in address":    {with(func(in *SignUpInput) { in.UserAttributes[0].Value = "j@example.com\r\nBcc: x@example.com" }), identity.InvalidParameter, "Invalid email address format."},
		"bad phone":            {with(func(in *SignUpInput) { in.UserAttributes[0] = Attribute{"phone_number", "0123"} }), identity.InvalidParameter, "Invalid phone number format."},
		"sign-up switched off": {&SignUpInput{ClientID: strict, Username: "jane", Password: password}, identity.NotAuthorized, "SignUp is not permitted for this user pool"},
		"not an address":       {&SignUpInput{ClientID: mailer, Username: "jane", Password: password}, identity.InvalidParameter, "Username should be an email."},
		"two addresses":        {&SignUpInput{ClientID: mailer, Username: "a@example.com", Password: password, UserAttributes: []Attribute{{"email", "b@example.com"}}}, identity.InvalidParameter, ""},
		"address for a name":   {&SignUpInput{ClientID: alias, Username: "a@example.com", Password: password}, identity.InvalidParameter, "Username cannot be of email format, since user pool is configured for email alias."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.SignUp(ctx, c.in)
			if c.message == "" {
				f.refused(err, c.code)
			} else {
				f.refused(err, c.code, c.message)
			}
			require.Empty(t, f.records(kindUser, kindName, kindCode))
			require.Empty(t, f.sent)
		})
	}
	f := newFixture(t)
	_, err := f.SignUp(ctx, with(func(*SignUpInput) {}))
	require.NoError(t, err)
	_, err = f.signUp(web, "JANE")
	f.refused(err, UsernameExists, "User already exists")
}

func TestSignUpByEmail(t *testing.T) {
	f := newFixture(t)
	out, err := f.signUp(mailer, "Jane@Example.com")
	require.NoError(t, err)
	_, err = f.signUp(mailer, "jane@example.com")
	f.refused(err, UsernameExists, "An account with the given email already exists.")
	require.NoError(t, f.confirm(mailer, "jane@example.com", f.code(), false))
	claims := f.claims(emailPool, f.tokens(mailer, "jane@EXAMPLE.com").IDToken, "id", mailer)
	require.Equal(t, out.UserSub, claims["sub"])
	require.Equal(t, out.UserSub, claims["cognito:username"])
	require.Equal(t, "Jane@Example.com", claims["email"])
	require.Equal(t, true, claims["email_verified"])
	// The sub is the user name, and so leads to the user too.
	f.tokens(mailer, out.UserSub)
}

func TestCodesEnd(t *testing.T) {
	for name, spoil := range map[string]func(*fixture, Sensitive){
		"by time": func(f *fixture, _ Sensitive) { f.clock.pass(24 * time.Hour) },
		"by a newer code": func(f *fixture, right Sensitive) {
			for f.code() == right {
				f.resend(web)
			}
		},
		"by five misses": func(f *fixture, right Sensitive) {
			for range 5 {
				f.refused(f.confirm(web, "jane", wrong(right), false), CodeMismatch, "Invalid verification code provided, please try again.")
			}
		},
		"by another address": func(f *fixture, _ Sensitive) {
			_, err := f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{UserPoolID: plainPool, Username: "jane", UserAttributes: []Attribute{{"email", "other@example.com"}}})
			require.NoError(f.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
			require.NoError(t, err)
			right := f.code()
			spoil(f, right)
			err = f.confirm(web, "jane", right, false)
			if name == "by a newer code" {
				f.refused(err, CodeMismatch)
				require.NoError(t, f.confirm(web, "jane", f.code(), false))
				return
			}
			f.refused(err, ExpiredCode, "Invalid code provided, please request a code again.")
		})
	}
	f := newFixture(t)
	_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
	require.NoError(t, err)
	for range 4 {
		f.refused(f.confirm(web, "jane", wrong(f.code()), false), CodeMismatch)
	}
	f.clock.pass(24*time.Hour - time.Second)
	require.NoError(t, f.confirm(web, "jane", f.code(), false))
}

// wrong is a code that is not the right one.
func wrong(right Sensitive) Sensitive {
	if right == "123456" {
		return "654321"
	}
	return "123456"
}

// resend asks for another code for jane.
func (f *fixture) resend(clientID string) {
	out, err := f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: clientID, Username: "jane"})
	require.NoError(f.t, err)
	require.Equal(f.t, "j***@e***", out.CodeDeliveryDetails.Destination)
}

func TestForgottenPassword(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	before := f.tokens(web, "jane")
	forgot := func(clientID, name string) error {
		_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: clientID, Username: name})
		return err
	}
	set := func(code, secret Sensitive) error {
		_, err := f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: "jane", ConfirmationCode: code, Password: secret})
		return err
	}
	f.refused(set("123456", otherSecret), ExpiredCode)
	require.NoError(t, forgot(web, "jane"))
	require.Equal(t, ForgotPasswordMessage, f.sent[0].Kind)
	f.refused(set(wrong(f.code()), otherSecret), CodeMismatch)
	f.refused(set(f.code(), "weak"), InvalidPassword)
	require.NoError(t, set(f.code(), otherSecret))
	f.refused(set(f.code(), password), ExpiredCode)

	_, err := f.signIn(web, "jane", password)
	f.refused(err, identity.NotAuthorized)
	_, err = f.signIn(web, "jane", otherSecret)
	require.NoError(t, err)
	_, err = f.srpSignIn(web, "jane", otherSecret)
	require.NoError(t, err)
	_, err = f.refresh(web, before.RefreshToken)
	f.refused(err, identity.NotAuthorized, "Refresh Token has been revoked")

	f.refused(forgot(legacy, "nobody"), UserNotFound, "User does not exist.")
	f.user(plainPool, "unproven", Attribute{"email", "u@example.com"})
	f.refused(forgot(legacy, "unproven"), identity.InvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
	_, err = f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: plainPool, Username: "new", UserAttributes: email("n@example.com")})
	require.NoError(t, err)
	f.refused(forgot(legacy, "new"), identity.NotAuthorized, "User password cannot be reset in the current state.")
	_, err = f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "jane"})
	require.NoError(t, err)
	f.refused(forgot(legacy, "jane"), identity.NotAuthorized, "User is disabled.")
}

func TestForgottenPasswordCodeEndsAfterAnHour(t *testing.T) {
	for wait, ok := range map[time.Duration]bool{time.Hour - time.Second: true, time.Hour: false} {
		f := newFixture(t)
		f.user(plainPool, "jane", email("jane@example.com")...)
		_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: "jane"})
		require.NoError(t, err)
		f.clock.pass(wait)
		_, err = f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: "jane", ConfirmationCode: f.code(), Password: otherSecret})
		require.Equal(t, ok, err == nil)
	}
}

func TestDeliveryFails(t *testing.T) {
	f := newFixture(t)
	f.fail = errPost
	_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
	f.refused(err, CodeDeliveryFailure)
	require.ErrorIs(t, err, errPost)
	require.NotContains(t, err.Error(), "post office")
	f.fail = nil
	// What was acknowledged by the store is there: the user asks again.
	f.resend(web)
	require.NoError(t, f.confirm(web, "jane", f.code(), false))
}

func TestLimitsOfCodes(t *testing.T) {
	f := newFixture(t)
	_, err := f.signUp(legacy, "jane", Attribute{"email", "jane@example.com"})
	require.NoError(t, err)
	for range perHourSend {
		f.resend(legacy)
	}
	for range 3 { // clients repeat it; that counts for nothing
		_, err = f.ResendConfirmationCode(ctx, &ResendConfirmationCodeInput{ClientID: legacy, Username: "jane"})
		f.refused(err, identity.LimitExceeded, "Attempt limit exceeded, please try after some time.")
	}
	f.clock.pass(time.Hour)
	f.resend(legacy)
	require.NoError(t, f.confirm(legacy, "jane", f.code(), false))
}

func TestForceAliasCreation(t *testing.T) {
	f := newFixture(t)
	f.user(aliasPool, "first", email("shared@example.com")...)
	f.tokens(alias, "shared@example.com")
	_, err := f.signUp(alias, "second", Attribute{"email", "Shared@example.com"})
	require.NoError(t, err, "the check is at confirmation")
	f.refused(f.confirm(alias, "second", f.code(), false), AliasExists, "An account with the email already exists.")
	require.NoError(t, f.confirm(alias, "second", f.code(), true), "the code is still good")

	claims := f.claims(aliasPool, f.tokens(alias, "shared@example.com").IDToken, "id", alias)
	require.Equal(t, "second", claims["cognito:username"])
	first, err := f.AdminGetUser(ctx, &AdminGetUserInput{aliasPool, "first"})
	require.NoError(t, err)
	require.Contains(t, first.UserAttributes, Attribute{"email_verified", "false"})
}
