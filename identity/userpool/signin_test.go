package userpool

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func (f *fixture) refresh(clientID string, token Sensitive) (*AuthenticationResult, error) {
	out, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowRefresh, ClientID: clientID, AuthParameters: map[string]Sensitive{"REFRESH_TOKEN": token}})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

func TestSignInBySRP(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(emailPool, "jane@example.com")
	for _, c := range []struct{ client, name string }{{web, "jane"}, {legacy, "JANE"}, {private, "jane"}, {mailer, "jane@example.com"}} {
		out, err := f.srpSignIn(c.client, c.name, password)
		require.NoError(t, err)
		require.NotNil(t, out.AuthenticationResult)
		_, err = f.srpSignIn(c.client, c.name, otherSecret)
		f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	}
	_, err := f.srpSignIn(legacy, "nobody", password)
	f.refused(err, UserNotFound, "User does not exist.")
}

func TestTokens(t *testing.T) {
	f := newFixture(t)
	sub := f.user(plainPool, "jane", append(email("jane@example.com"), Attribute{"custom:team", "red"}, Attribute{"updated_at", "1795000000"})...).Attributes[0].Value
	for _, g := range []string{"last", "plain", "readers", "admins"} {
		_, err := f.AdminAddUserToGroup(ctx, &AdminAddUserToGroupInput{plainPool, "jane", g})
		require.NoError(t, err)
	}
	tokens := f.tokens(web, "jane")
	id, access := f.claims(plainPool, tokens.IDToken, "id", web), f.claims(plainPool, tokens.AccessToken, "access", web)
	require.NotEqual(t, kid(t, tokens.IDToken), kid(t, tokens.AccessToken))
	for _, name := range []string{"jti", "event_id", "origin_jti"} {
		require.True(t, uuidLike(id[name].(string)), name)
	}
	require.NotEqual(t, id["jti"], access["jti"])
	require.Equal(t, id["origin_jti"], access["origin_jti"])
	now, later := json.Number("1795410000"), json.Number("1795413600")
	groups := []any{"plain", "admins", "readers", "last"}
	require.Equal(t, map[string]any{
		"iss": testIssue(plainPool), "sub": sub, "aud": web, "token_use": "id", "auth_time": now, "iat": now, "exp": later,
		"jti": id["jti"], "event_id": id["event_id"], "origin_jti": id["origin_jti"], "cognito:username": "jane",
		"cognito:groups":         groups,
		"cognito:roles":          []any{"arn:aws:iam::111122223333:role/Admin", "arn:aws:iam::111122223333:role/Reader", "arn:aws:iam::111122223333:role/Last"},
		"cognito:preferred_role": "arn:aws:iam::111122223333:role/Admin",
		"email":                  "jane@example.com", "email_verified": true, "custom:team": "red", "updated_at": json.Number("1795000000"),
	}, map[string]any(id))
	require.Equal(t, map[string]any{
		"iss": testIssue(plainPool), "sub": sub, "client_id": web, "token_use": "access", "auth_time": now, "iat": now, "exp": later,
		"jti": access["jti"], "event_id": id["event_id"], "origin_jti": id["origin_jti"], "username": "jane",
		"cognito:groups": groups, "scope": "aws.cognito.signin.user.admin",
	}, map[string]any(access))
}

// A number that JSON does not know would keep its owner from every sign-in.
func TestUpdatedAtIsANumberOfJSON(t *testing.T) {
	f := newFixture(t, plainPool)
	f.user(plainPool, "jane")
	access := f.tokens(web, "jane").AccessToken
	for value, ok := range map[string]bool{"0": true, "1700000000": true, "+5": false, "007": false, "-0": false, "-1": false, "1e9": false, "1_0": false, "x": false} {
		_, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{AccessToken: access, UserAttributes: []Attribute{{"updated_at", value}}})
		require.Equal(t, ok, err == nil, "%s: %v", value, err)
		f.tokens(web, "jane")
	}
}

func TestTokensOfANarrowClient(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", append(email("jane@example.com"), Attribute{"custom:team", "red"})...)
	tokens := f.tokens(narrow, "jane")
	id := f.claims(plainPool, tokens.IDToken, "id", narrow)
	require.Equal(t, "jane@example.com", id["email"])
	require.NotContains(t, id, "custom:team")
	require.NotContains(t, id, "email_verified")
	user, err := f.GetUser(ctx, &GetUserInput{tokens.AccessToken})
	require.NoError(t, err)
	require.Equal(t, []string{"email", "sub"}, names(user.UserAttributes))
}

func TestPreferredRole(t *testing.T) {
	g := func(name, role string, precedence int) GroupConfig {
		return GroupConfig{Name: name, RoleARN: role, Precedence: precedence}
	}
	for name, c := range map[string]struct {
		groups    []GroupConfig
		roles     []string
		preferred string
	}{
		"none":                   {nil, nil, ""},
		"no role":                {[]GroupConfig{g("a", "", 1)}, nil, ""},
		"lowest":                 {[]GroupConfig{g("a", "A", 1), g("b", "B", 2)}, []string{"A", "B"}, "A"},
		"lowest without a role":  {[]GroupConfig{g("z", "", 0), g("a", "A", 1), g("b", "B", 2)}, []string{"A", "B"}, "A"},
		"tie of different roles": {[]GroupConfig{g("a", "A", 1), g("b", "B", 1)}, []string{"A", "B"}, ""},
		"tie of one role":        {[]GroupConfig{g("a", "A", 1), g("b", "A", 1)}, []string{"A"}, "A"},
		"tie below":              {[]GroupConfig{g("a", "A", 1), g("b", "B", 2), g("c", "C", 2)}, []string{"A", "B", "C"}, "A"},
	} {
		roles, preferred := groupRoles(c.groups)
		require.Equal(t, c.roles, roles, name)
		require.Equal(t, c.preferred, preferred, name)
	}
}

func TestFlowsOfAClient(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	begin := func(clientID, flow string) error {
		_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flow, ClientID: clientID, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": password, "REFRESH_TOKEN": "x", "SRP_A": "abcd"}})
		return err
	}
	admin := func(clientID, flow string) error {
		_, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: plainPool, AuthFlow: flow, ClientID: clientID, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": password}})
		return err
	}
	f.refused(begin(mute, flowPassword), identity.InvalidParameter, "USER_PASSWORD_AUTH flow not enabled for this client")
	f.refused(begin(mute, flowSRP), identity.InvalidParameter, "USER_SRP_AUTH is not enabled for the client.")
	f.refused(begin(mute, flowRefresh), identity.InvalidParameter)
	f.refused(begin(mute, flowRefreshOld), identity.InvalidParameter)
	for _, flow := range []string{flowAdmin, flowAdminOld, "CUSTOM_AUTH", "USER_AUTH", ""} {
		f.refused(begin(mute, flow), identity.InvalidParameter, "Initiate Auth method not supported.")
	}
	require.NoError(t, begin(web, flowPassword))
	require.NoError(t, admin(mute, flowAdmin))
	require.NoError(t, admin(mute, flowAdminOld))
	f.refused(admin(rotating, flowAdmin), identity.InvalidParameter)
	f.refused(admin(web, flowPassword), identity.InvalidParameter, "Initiate Auth method not supported.")
	f.refused(admin(mailer, flowAdmin), identity.ResourceNotFound, "User pool client 7mailclient does not exist.")
	_, err := f.AdminInitiateAuth(ctx, &AdminInitiateAuthInput{UserPoolID: "us-east-1_None", AuthFlow: flowAdmin, ClientID: mute})
	f.refused(err, identity.ResourceNotFound, "User pool us-east-1_None does not exist.")
	_, err = f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: web, AuthParameters: map[string]Sensitive{"PASSWORD": "x"}})
	f.refused(err, identity.InvalidParameter, "Missing required parameter USERNAME")
	_, err = f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane"}})
	f.refused(err, identity.InvalidParameter, "Missing required parameter PASSWORD")
}

func TestStatusIsToldToWhoKnowsThePassword(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*fixture)
		code    identity.Code
		message string
	}{
		"disabled": {func(f *fixture) {
			_, err := f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "jane"})
			require.NoError(f.t, err)
		}, identity.NotAuthorized, "User is disabled."},
		"reset": {func(f *fixture) {
			_, err := f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"})
			require.NoError(f.t, err)
		}, PasswordResetRequired, "Password reset required for the user"},
		"temporary and old": {func(f *fixture) {
			_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{UserPoolID: plainPool, Username: "jane", Password: password})
			require.NoError(f.t, err)
			f.clock.pass(7 * 24 * time.Hour)
		}, identity.NotAuthorized, "Temporary password has expired and must be reset by an administrator."},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.user(plainPool, "jane", email("jane@example.com")...)
			c.prepare(f)
			_, err := f.signIn(web, "jane", password)
			f.refused(err, c.code, c.message)
			_, err = f.srpSignIn(web, "jane", password)
			f.refused(err, c.code, c.message)
			_, err = f.signIn(web, "jane", otherSecret)
			f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
		})
	}
}

func TestNewPasswordRequired(t *testing.T) {
	f := newFixture(t)
	_, err := f.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: emailPool, Username: "jane@example.com", TemporaryPassword: password, MessageAction: "SUPPRESS"})
	require.NoError(t, err)
	f.clock.pass(7*24*time.Hour - time.Second)
	out, err := f.signIn(mailer, "jane@example.com", password)
	require.NoError(t, err)
	require.Equal(t, challengeNewPassword, out.ChallengeName)
	require.Nil(t, out.AuthenticationResult)
	require.Equal(t, "[]", out.ChallengeParameters["requiredAttributes"])
	require.JSONEq(t, `{"email":"jane@example.com","email_verified":"false"}`, out.ChallengeParameters["userAttributes"])
	sub := Sensitive(out.ChallengeParameters["USER_ID_FOR_SRP"])

	answer := func(changes map[string]Sensitive) error {
		values := map[string]Sensitive{"USERNAME": sub, "NEW_PASSWORD": otherSecret, "userAttributes.name": "Jane"}
		for k, v := range changes {
			values[k] = v
		}
		_, err := f.respond(mailer, challengeNewPassword, out.Session, values)
		return err
	}
	f.refused(answer(map[string]Sensitive{"NEW_PASSWORD": "weak"}), InvalidPassword)
	f.refused(answer(map[string]Sensitive{"NEW_PASSWORD": ""}), identity.InvalidParameter, "Missing required parameter NEW_PASSWORD")
	f.refused(answer(map[string]Sensitive{"userAttributes.email_verified": "true"}), identity.NotAuthorized)
	f.refused(answer(map[string]Sensitive{"userAttributes.email": ""}), identity.InvalidParameter)
	f.refused(answer(map[string]Sensitive{"USERNAME": "other@example.com"}), identity.NotAuthorized, "Invalid session for the user.")
	require.NoError(t, answer(nil))
	f.refused(answer(nil), identity.NotAuthorized, "Invalid session for the user, session can only be used once.")

	user, err := f.AdminGetUser(ctx, &AdminGetUserInput{emailPool, "jane@example.com"})
	require.NoError(t, err)
	require.Equal(t, statusReady, user.UserStatus)
	require.Contains(t, user.UserAttributes, Attribute{"name", "Jane"})
	_, err = f.srpSignIn(mailer, "jane@example.com", otherSecret)
	require.NoError(t, err)
}

func TestSecondFactor(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	secret := f.enroll("jane")
	out, err := f.srpSignIn(web, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, out.ChallengeName)
	require.Equal(t, map[string]string{"USER_ID_FOR_SRP": "jane", "FRIENDLY_DEVICE_NAME": "phone"}, out.ChallengeParameters)

	_, err = f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": wrong(f.totpCode(secret))})
	f.refused(err, CodeMismatch, "Invalid code received for user")
	// A client tries again with the session that it has.
	done, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)})
	require.NoError(t, err)
	id := f.claims(plainPool, done.AuthenticationResult.IDToken, "id", web)
	require.Equal(t, []any{"pwd", "otp", "mfa"}, id["amr"])

	f.clock.pass(time.Hour)
	again, err := f.refresh(web, done.AuthenticationResult.RefreshToken)
	require.NoError(t, err)
	require.Equal(t, []any{"pwd", "otp", "mfa"}, f.claims(plainPool, again.IDToken, "id", web)["amr"])

	user, err := f.GetUser(ctx, &GetUserInput{again.AccessToken})
	require.NoError(t, err)
	require.Equal(t, []string{challengeTOTP}, user.UserMFASettingList)
	require.Equal(t, challengeTOTP, user.PreferredMFASetting)
	_, err = f.SetUserMFAPreference(ctx, &SetUserMFAPreferenceInput{AccessToken: again.AccessToken, SoftwareTokenMFASettings: &MFASettings{}})
	require.NoError(t, err)
	f.tokens(web, "jane")
}

func TestSecondFactorSetup(t *testing.T) {
	f := newFixture(t)
	f.user(strictPool, "jane")
	out, err := f.signIn(strict, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeSetup, out.ChallengeName)
	require.Equal(t, `["SOFTWARE_TOKEN_MFA"]`, out.ChallengeParameters["MFAS_CAN_SETUP"])
	answer := func(session Sensitive) (*RespondToAuthChallengeOutput, error) {
		return f.respond(strict, challengeSetup, session, map[string]Sensitive{"USERNAME": "jane"})
	}
	_, err = answer(out.Session)
	f.refused(err, identity.NotAuthorized)

	made, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: out.Session})
	require.NoError(t, err)
	require.Regexp(t, `^[A-Z2-7]{32}$`, string(made.SecretCode))
	_, err = f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: out.Session})
	f.refused(err, identity.NotAuthorized, "Invalid session for the user, session can only be used once.")
	_, err = answer(made.Session)
	f.refused(err, identity.NotAuthorized)
	_, err = f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{Session: made.Session, UserCode: wrong(f.totpCode(made.SecretCode))})
	f.refused(err, EnableSoftwareTokenMFA, "Code mismatch and fail enable Software Token MFA")
	proven, err := f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{Session: made.Session, UserCode: f.totpCode(made.SecretCode), FriendlyDeviceName: "my phone"})
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", proven.Status)
	done, err := answer(proven.Session)
	require.NoError(t, err)
	require.NotNil(t, done.AuthenticationResult)

	f.clock.pass(time.Minute)
	out, err = f.signIn(strict, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, out.ChallengeName)
	require.Equal(t, "my phone", out.ChallengeParameters["FRIENDLY_DEVICE_NAME"])
	// A pool that requires it asks whatever the user prefers.
	_, err = f.AdminSetUserMFAPreference(ctx, &AdminSetUserMFAPreferenceInput{UserPoolID: strictPool, Username: "jane", SoftwareTokenMFASettings: &MFASettings{}})
	require.NoError(t, err)
	out, err = f.signIn(strict, "jane", password)
	require.NoError(t, err)
	require.Equal(t, challengeTOTP, out.ChallengeName)
}

func TestSecondFactorPendingIsNotInUse(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	access := f.tokens(web, "jane").AccessToken
	_, err := f.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{AccessToken: access, UserCode: "123456"})
	f.refused(err, SoftwareTokenMFANotFound)
	_, err = f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{AccessToken: access})
	require.NoError(t, err)
	_, err = f.SetUserMFAPreference(ctx, &SetUserMFAPreferenceInput{AccessToken: access, SoftwareTokenMFASettings: &MFASettings{Enabled: true}})
	f.refused(err, identity.InvalidParameter, "User has not set up software token mfa")
	secret := f.enroll("jane")
	// Another one that is pending leaves the first in use.
	out, err := f.signIn(web, "jane", password)
	require.NoError(t, err)
	done, err := f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)})
	require.NoError(t, err)
	other, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{AccessToken: done.AuthenticationResult.AccessToken})
	require.NoError(t, err)
	f.clock.pass(time.Minute)
	out, err = f.signIn(web, "jane", password)
	require.NoError(t, err)
	_, err = f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(other.SecretCode)})
	f.refused(err, CodeMismatch)
	_, err = f.respond(web, challengeTOTP, out.Session, map[string]Sensitive{"USERNAME": "jane", "SOFTWARE_TOKEN_MFA_CODE": f.totpCode(secret)})
	require.NoError(t, err)
}

func TestSecondFactorWhereThereIsNone(t *testing.T) {
	f := newFixture(t)
	f.user(emailPool, "jane@example.com")
	access := f.tokens(mailer, "jane@example.com").AccessToken
	_, err := f.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{AccessToken: access})
	f.refused(err, SoftwareTokenMFANotFound)
	_, err = f.SetUserMFAPreference(ctx, &SetUserMFAPreferenceInput{AccessToken: access, SMSMFASettings: &MFASettings{Enabled: true}})
	f.refused(err, identity.InvalidParameter)
}

func TestTOTPGolden(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924"} {
		step := at / 30
		got, ok := totpStep(secret, code, time.Unix(at, 0))
		require.True(t, ok)
		require.Equal(t, step, got)
		for shift, want := range map[int64]bool{-60: false, -30: true, 30: true, 60: false} {
			_, ok := totpStep(secret, code, time.Unix(step*30+shift, 0))
			require.Equal(t, want, ok, "%d s from %d", shift, at)
		}
	}
	for _, code := range []string{"", "28708", "2870822", " 287082", "28708a", "２８７０８２"} {
		_, ok := totpStep(secret, code, time.Unix(59, 0))
		require.False(t, ok, code)
	}
}

func TestSecretHashGolden(t *testing.T) {
	require.Equal(t, "AQaIaugyyHIg8xmmEBWWA8YzBvFd073KgtZ48/y/s8A=", secretHash([]byte("clientsecret0123456789abcdef"), "janedoe", "1example23456789"))
}

func TestPasswordPolicy(t *testing.T) {
	all := PasswordPolicy{MinimumLength: 8, RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true}
	for password, why := range map[string]string{
		"Aa1!aaaa": "", "Aa1!aaa": "Password not long enough", "Äé1!äääa": "Password must have uppercase characters",
		"aa1!aaaa": "Password must have uppercase characters", "AA1!AAAA": "Password must have lowercase characters",
		"Aa!!aaaa": "Password must have numeric characters", "Aa11aaaa": "Password must have symbol characters",
		"Aa1§aaaa": "Password must have symbol characters",
	} {
		err := all.check(password)
		if why == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, identity.Errorf(InvalidPassword, "Password did not conform with policy: %s", why), err)
	}
	for _, symbol := range passwordSymbols {
		require.NoError(t, all.check("Aa1aaaa"+string(symbol)))
	}
	require.NoError(t, PasswordPolicy{MinimumLength: 6}.check("ääääää"))
}
