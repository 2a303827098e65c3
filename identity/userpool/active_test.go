package userpool

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestActive: who signed up or in, got tokens, was changed, or was looked up by
// an administrator is active; who was refused, looked at themselves or only asked
// for a code is not.
func TestActive(t *testing.T) {
	f := newFixture(t, plainPool)
	var told []string
	f.active = func(pool, sub string) {
		require.Equal(t, plainPool, pool)
		told = append(told, sub)
	}
	count := func(what string, want int, do func() error) {
		t.Helper()
		told = nil
		err := do()
		require.Len(t, told, want, what)
		if want > 0 {
			require.NoError(t, err, what)
		}
	}
	f.user(plainPool, "jane", email("jane@example.com")...)
	require.Len(t, told, 2, "made, and given a password")
	jane := told[0]
	require.Equal(t, jane, told[1])
	var tokens *AuthenticationResult
	count("sign-in", 1, func() error { tokens = f.tokens(web, "jane"); return nil })
	require.Equal(t, jane, told[0])
	count("SRP", 1, func() error { _, err := f.srpSignIn(web, "jane", password); return err })
	count("wrong password", 0, func() error { _, err := f.signIn(web, "jane", otherSecret); require.Error(t, err); return nil })
	count("nobody", 0, func() error { _, err := f.signIn(web, "nobody", password); require.Error(t, err); return nil })
	refresh := func(token Sensitive) error {
		_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowRefresh, ClientID: web, AuthParameters: map[string]Sensitive{"REFRESH_TOKEN": token}})
		return err
	}
	count("refresh", 1, func() error { return refresh(tokens.RefreshToken) })
	count("a token that is none", 0, func() error { require.Error(t, refresh("x")); return nil })
	count("looked at themselves", 0, func() error {
		_, err := f.GetUser(ctx, &GetUserInput{AccessToken: tokens.AccessToken})
		require.NoError(t, err)
		return nil
	})
	look := func(name string) error {
		_, err := f.AdminGetUser(ctx, &AdminGetUserInput{UserPoolID: plainPool, Username: name})
		return err
	}
	count("looked up", 1, func() error { return look("jane") })
	count("nobody looked up", 0, func() error { require.Error(t, look("nobody")); return nil })
	update := func(value string) error {
		_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: []Attribute{{"name", value}}})
		return err
	}
	count("new attribute", 1, func() error { return update("Jane") })
	require.Equal(t, jane, told[0])
	count("an attribute that is too long", 0, func() error { require.Error(t, update(strings.Repeat("x", 5000))); return nil })
	admin := func(name string) error {
		_, err := f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{UserPoolID: plainPool, Username: name, UserAttributes: []Attribute{{"name", "J"}}})
		return err
	}
	count("changed by an administrator", 1, func() error { return admin("jane") })
	require.Equal(t, jane, told[0])
	count("nobody changed", 0, func() error { require.Error(t, admin("nobody")); return nil })
	change := func(old, proposed Sensitive) error {
		_, err := f.ChangePassword(ctx, &ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: old, ProposedPassword: proposed})
		return err
	}
	count("wrong old password", 0, func() error { require.Error(t, change(otherSecret, otherSecret)); return nil })
	count("new password", 1, func() error { return change(password, otherSecret) })
	count("asks for a code", 0, func() error {
		_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: "jane"})
		require.NoError(t, err)
		return nil
	})
	confirm := func(code Sensitive) error {
		_, err := f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: "jane", ConfirmationCode: code, Password: password})
		return err
	}
	count("wrong code", 0, func() error { require.Error(t, confirm("000000")); return nil })
	count("recovered", 1, func() error { return confirm(f.code()) })
	signUp := func() error {
		_, err := f.SignUp(ctx, &SignUpInput{ClientID: web, Username: "joe", Password: password, UserAttributes: []Attribute{{"email", "joe@example.com"}}})
		return err
	}
	count("sign-up", 1, signUp)
	require.NotEqual(t, jane, told[0])
	count("the same name", 0, func() error { require.Error(t, signUp()); return nil })
	count("first of two factors", 0, func() error {
		f.enroll("jane")
		told = nil
		out, err := f.signIn(web, "jane", password)
		require.NoError(t, err)
		require.Nil(t, out.AuthenticationResult)
		return nil
	})
}
