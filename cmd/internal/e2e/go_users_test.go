package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

func TestGoSRPWithTOTP(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	tokens := f.signIn("jane")
	users, ctx := f.users(nil), t.Context()

	secret, err := users.AssociateSoftwareToken(ctx, &cip.AssociateSoftwareTokenInput{AccessToken: tokens.AccessToken})
	require.NoError(t, err)
	code := func() *string {
		f.advance(30 * time.Second) // a code is good once
		c, err := totp.GenerateCode(*secret.SecretCode, f.clock.now())
		require.NoError(t, err)
		return aws.String(c)
	}
	verified, err := users.VerifySoftwareToken(ctx, &cip.VerifySoftwareTokenInput{AccessToken: tokens.AccessToken, UserCode: code()})
	require.NoError(t, err)
	require.Equal(t, types.VerifySoftwareTokenResponseTypeSuccess, verified.Status)
	_, err = users.SetUserMFAPreference(ctx, &cip.SetUserMFAPreferenceInput{
		AccessToken: tokens.AccessToken, SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true, PreferredMfa: true},
	})
	require.NoError(t, err)
	user, err := users.GetUser(ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
	require.NoError(t, err)
	require.Equal(t, []string{"SOFTWARE_TOKEN_MFA"}, user.UserMFASettingList)

	// The password alone, with SRP, gives no tokens.
	prove := func(password string) (*cip.RespondToAuthChallengeOutput, error) {
		c := newSRPClient(t)
		begun, err := users.InitiateAuth(ctx, &cip.InitiateAuthInput{
			AuthFlow: types.AuthFlowTypeUserSrpAuth, ClientId: aws.String(appClient),
			AuthParameters: map[string]string{"USERNAME": "jane@shop.example", "SRP_A": c.A.Text(16)},
		})
		require.NoError(t, err)
		require.Equal(t, types.ChallengeNameTypePasswordVerifier, begun.ChallengeName)
		return users.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
			ChallengeName: begun.ChallengeName, ClientId: aws.String(appClient), Session: begun.Session,
			ChallengeResponses: c.answer(userPool, password, begun.ChallengeParameters, f.clock.now()),
		})
	}
	_, err = prove(password + "x")
	var refused *types.NotAuthorizedException
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Incorrect username or password.", *refused.Message)

	second, err := prove(password)
	require.NoError(t, err)
	require.Nil(t, second.AuthenticationResult)
	require.Equal(t, types.ChallengeNameTypeSoftwareTokenMfa, second.ChallengeName)
	out, err := users.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ChallengeName: second.ChallengeName, ClientId: aws.String(appClient), Session: second.Session,
		ChallengeResponses: map[string]string{"USERNAME": second.ChallengeParameters["USER_ID_FOR_SRP"], "SOFTWARE_TOKEN_MFA_CODE": *code()},
	})
	require.NoError(t, err)
	require.Equal(t, "Bearer", *out.AuthenticationResult.TokenType)

	_, credentials, err := f.exchange(rulesPool, logins(out.AuthenticationResult.IdToken))
	require.NoError(t, err)
	require.Equal(t, assumed("Shopper", poolSession), f.role(credentials))
}

func TestGoRefreshAndSignOut(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	tokens := f.signIn("jane")
	users, ctx := f.users(nil), t.Context()
	refresh := &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeRefreshTokenAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken},
	}
	again, err := users.InitiateAuth(ctx, refresh)
	require.NoError(t, err)
	require.Nil(t, again.AuthenticationResult.RefreshToken)
	_, _, err = f.exchange(rulesPool, logins(again.AuthenticationResult.IdToken))
	require.NoError(t, err)

	_, err = users.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: tokens.AccessToken})
	require.NoError(t, err)
	_, err = users.InitiateAuth(ctx, refresh)
	var refused *types.NotAuthorizedException
	require.ErrorAs(t, err, &refused)
	_, err = users.GetUser(ctx, &cip.GetUserInput{AccessToken: again.AuthenticationResult.AccessToken})
	require.ErrorAs(t, err, &refused)
	_, _, err = f.exchange(rulesPool, logins(again.AuthenticationResult.IdToken))
	requireAnswer(t, err, "NotAuthorizedException", "Token is inactive")
}

// TestGoTypedErrors holds that clients get the exceptions of the model, each
// with its message.
func TestGoTypedErrors(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	users, ctx := f.users(nil), t.Context()
	signIn := func(name, password string) error {
		_, err := users.InitiateAuth(ctx, &cip.InitiateAuthInput{
			AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
			AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password},
		})
		return err
	}
	signUp := func(name, password string) error {
		_, err := users.SignUp(ctx, &cip.SignUpInput{
			ClientId: aws.String(appClient), Username: aws.String(name), Password: aws.String(password),
			UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(name + "@shop.example")}},
		})
		return err
	}
	require.ErrorAs(t, signIn("jane", "Wrong-Horse-9"), new(*types.NotAuthorizedException))
	require.ErrorAs(t, signIn("nobody", password), new(*types.UserNotFoundException))
	require.ErrorAs(t, signUp("jane", password), new(*types.UsernameExistsException))
	require.ErrorAs(t, signUp("john", "short"), new(*types.InvalidPasswordException))
	require.NoError(t, signUp("john", password))
	require.ErrorAs(t, signIn("john", password), new(*types.UserNotConfirmedException))
	_, err := users.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: aws.String(appClient), Username: aws.String("john"), ConfirmationCode: aws.String("x")})
	require.ErrorAs(t, err, new(*types.CodeMismatchException))
	_, err = users.SignUp(ctx, &cip.SignUpInput{ClientId: aws.String("unknown"), Username: aws.String("x"), Password: aws.String(password)})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
	_, err = users.ListDevices(ctx, &cip.ListDevicesInput{AccessToken: aws.String("x")})
	requireAnswer(t, err, "InvalidParameterException", "not supported")
	_, err = f.operator().CreateUserPool(ctx, &cip.CreateUserPoolInput{PoolName: aws.String("new")})
	requireAnswer(t, err, "NotAuthorizedException", "come from its bundle")
}

func TestGoRecovery(t *testing.T) {
	f := serveShop(t)
	address := f.signUp("jane")
	users, ctx := f.users(nil), t.Context()
	_, err := users.ForgotPassword(ctx, &cip.ForgotPasswordInput{ClientId: aws.String(appClient), Username: aws.String("jane")})
	require.NoError(t, err)
	_, err = users.ConfirmForgotPassword(ctx, &cip.ConfirmForgotPasswordInput{
		ClientId: aws.String(appClient), Username: aws.String("jane"), ConfirmationCode: f.code(address), Password: aws.String("Other-Horse-10"),
	})
	require.NoError(t, err)
	_, err = users.InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"USERNAME": "jane", "PASSWORD": password},
	})
	require.ErrorAs(t, err, new(*types.NotAuthorizedException))
}

func TestGoSecretHash(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	in := &cip.AdminInitiateAuthInput{
		AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, UserPoolId: aws.String(userPool), ClientId: aws.String(backClient),
		AuthParameters: map[string]string{"USERNAME": "jane", "PASSWORD": password},
	}
	_, err := f.operator().AdminInitiateAuth(t.Context(), in)
	require.ErrorAs(t, err, new(*types.NotAuthorizedException))
	mac := hmac.New(sha256.New, []byte(backSecret))
	mac.Write([]byte("jane" + backClient))
	in.AuthParameters["SECRET_HASH"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	out, err := f.operator().AdminInitiateAuth(t.Context(), in)
	require.NoError(t, err)
	require.NotNil(t, out.AuthenticationResult)
}

func TestGoAdministrator(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	ctx, list := t.Context(), &cip.ListUsersInput{UserPoolId: aws.String(userPool)}
	viewer := f.users(static(viewerKey, viewerSecret, ""))
	out, err := viewer.ListUsers(ctx, list)
	require.NoError(t, err)
	require.Equal(t, "jane", *out.Users[0].Username)
	require.WithinDuration(t, time.Now(), *out.Users[0].UserCreateDate, time.Minute)

	user := "User: arn:aws:iam::" + account + ":user/viewer is not authorized to perform: "
	arn := "arn:aws:cognito-idp:us-east-1:" + account + ":userpool/" + userPool
	_, err = viewer.AdminDeleteUser(ctx, &cip.AdminDeleteUserInput{UserPoolId: aws.String(userPool), Username: aws.String("jane")})
	requireAnswer(t, err, "AccessDeniedException", user+"cognito-idp:AdminDeleteUser on resource: "+arn+" because no identity-based policy allows the cognito-idp:AdminDeleteUser action")
	_, err = viewer.ListGroups(ctx, &cip.ListGroupsInput{UserPoolId: aws.String(userPool)})
	requireAnswer(t, err, "AccessDeniedException", user+"cognito-idp:ListGroups on resource: "+arn+" with an explicit deny in an identity-based policy")
	_, err = viewer.ListUsers(ctx, &cip.ListUsersInput{UserPoolId: aws.String("us-east-1_Other0001")})
	requireAnswer(t, err, "AccessDeniedException", user+"cognito-idp:ListUsers")
	_, err = f.operator().ListUsers(ctx, &cip.ListUsersInput{UserPoolId: aws.String("us-east-1_Other0001")})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))

	_, err = f.users(static(viewerKey, operatorSecret, "")).ListUsers(ctx, list)
	requireAnswer(t, err, "InvalidSignatureException", "does not match")
	_, err = f.users(static("AKIANOBODY0000000001", operatorSecret, "")).ListUsers(ctx, list)
	requireAnswer(t, err, "UnrecognizedClientException", "")
	_, err = f.users(static(operatorKey, operatorSecret, "token")).ListUsers(ctx, list)
	requireAnswer(t, err, "UnrecognizedClientException", "")
	_, err = f.users(aws.AnonymousCredentials{}).ListUsers(ctx, list)
	requireAnswer(t, err, "MissingAuthenticationTokenException", "")

	created, err := f.operator().AdminCreateUser(ctx, &cip.AdminCreateUserInput{
		UserPoolId: aws.String(userPool), Username: aws.String("kim"),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("kim@shop.example")}},
	})
	require.NoError(t, err)
	require.Equal(t, types.UserStatusTypeForceChangePassword, created.User.UserStatus)
	begun, err := f.users(nil).InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"USERNAME": "kim", "PASSWORD": *f.code("kim@shop.example")},
	})
	require.NoError(t, err)
	require.Equal(t, types.ChallengeNameTypeNewPasswordRequired, begun.ChallengeName)
	_, err = f.users(nil).RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ChallengeName: begun.ChallengeName, ClientId: aws.String(appClient), Session: begun.Session,
		ChallengeResponses: map[string]string{"USERNAME": "kim", "NEW_PASSWORD": password},
	})
	require.NoError(t, err)
	f.signIn("kim")
	_, err = f.operator().AdminDisableUser(ctx, &cip.AdminDisableUserInput{UserPoolId: aws.String(userPool), Username: aws.String("kim")})
	require.NoError(t, err)
	_, err = f.users(nil).InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"USERNAME": "kim", "PASSWORD": password},
	})
	requireAnswer(t, err, "NotAuthorizedException", "User is disabled.")
}
