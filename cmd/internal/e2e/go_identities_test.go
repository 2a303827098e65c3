package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	citypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

func TestGoGuest(t *testing.T) {
	f := serveShop(t)
	id, c, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	require.Equal(t, assumed("Guest", poolSession), f.role(c))
	other, _, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	require.NotEqual(t, id, other)

	_, _, err = f.exchange(closedPool, nil)
	var refused *citypes.NotAuthorizedException
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Unauthenticated access is not supported for this identity pool.", *refused.Message)
	_, err = f.pools(nil).GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String("us-east-1:00000000-95d3-4a47-9c67-000000000009")})
	require.ErrorAs(t, err, new(*citypes.ResourceNotFoundException))
	_, err = f.pools(nil).GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String("nonsense!")})
	require.ErrorAs(t, err, new(*citypes.InvalidParameterException))
	_, err = f.pools(nil).GetCredentialsForIdentity(t.Context(), &ci.GetCredentialsForIdentityInput{
		IdentityId: aws.String(id), CustomRoleArn: aws.String("arn:aws:iam::" + account + ":role/Shopper"),
	})
	require.Error(t, err, "a guest chooses no role")
}

func TestGoRoleByRule(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	id, c, err := f.exchange(rulesPool, logins(f.signIn("jane").IdToken))
	require.NoError(t, err)
	require.Equal(t, assumed("Shopper", poolSession), f.role(c))

	_, err = f.users(nil).UpdateUserAttributes(t.Context(), &cip.UpdateUserAttributesInput{
		AccessToken:    f.signIn("jane").AccessToken,
		UserAttributes: []types.AttributeType{{Name: aws.String("custom:dept"), Value: aws.String("sales")}},
	})
	require.ErrorAs(t, err, new(*types.NotAuthorizedException), "what rules read is not for users to write")
	_, err = f.operator().AdminUpdateUserAttributes(t.Context(), &cip.AdminUpdateUserAttributesInput{
		UserPoolId: aws.String(userPool), Username: aws.String("jane"),
		UserAttributes: []types.AttributeType{{Name: aws.String("custom:dept"), Value: aws.String("sales")}},
	})
	require.NoError(t, err)
	again, c, err := f.exchange(rulesPool, logins(f.signIn("jane").IdToken))
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.Equal(t, assumed("Seller", poolSession), f.role(c))
	keys, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	session, err := f.Current().Sessions.Open(t.Context(), keys.AccessKeyID, keys.SessionToken)
	require.NoError(t, err)
	caller, err := f.Current().Sessions.Caller(session)
	require.NoError(t, err)
	tag, _ := caller.Session.Value("aws:PrincipalTag/dept")
	require.Equal(t, []string{"sales"}, tag)

	// The id of somebody who signed in gives nothing without the login.
	_, err = f.pools(nil).GetCredentialsForIdentity(t.Context(), &ci.GetCredentialsForIdentityInput{IdentityId: aws.String(id)})
	require.ErrorAs(t, err, new(*citypes.NotAuthorizedException))
}

func TestGoRoleByToken(t *testing.T) {
	f := serveShop(t)
	f.signUp("john")
	_, _, err := f.exchange(tokenPool, logins(f.signIn("john").IdToken))
	require.ErrorAs(t, err, new(*citypes.NotAuthorizedException), "no group, no role")
	_, err = f.operator().AdminAddUserToGroup(t.Context(), &cip.AdminAddUserToGroupInput{
		UserPoolId: aws.String(userPool), Username: aws.String("john"), GroupName: aws.String("staff"),
	})
	require.NoError(t, err)
	tokens := f.signIn("john")
	_, c, err := f.exchange(tokenPool, logins(tokens.IdToken))
	require.NoError(t, err)
	require.Equal(t, assumed("Staff", poolSession), f.role(c))
	_, _, err = f.exchange(tokenPool, logins(tokens.AccessToken))
	requireAnswer(t, err, "NotAuthorizedException", "Invalid login token")
}

func TestGoDeveloperIdentity(t *testing.T) {
	f := serveShop(t)
	ctx, operator := t.Context(), f.pools(static(operatorKey, operatorSecret, ""))
	in := &ci.GetOpenIdTokenForDeveloperIdentityInput{
		IdentityPoolId: aws.String(rulesPool), Logins: map[string]string{developers: "u-1"}, TokenDuration: aws.Int64(600),
	}
	out, err := operator.GetOpenIdTokenForDeveloperIdentity(ctx, in)
	require.NoError(t, err)
	keys := map[string]string{"cognito-identity.amazonaws.com": *out.Token}
	got, err := f.pools(nil).GetCredentialsForIdentity(ctx, &ci.GetCredentialsForIdentityInput{IdentityId: out.IdentityId, Logins: keys})
	require.NoError(t, err)
	require.Equal(t, assumed("Shopper", poolSession), f.role(static(*got.Credentials.AccessKeyId, *got.Credentials.SecretKey, *got.Credentials.SessionToken)))
	found, err := operator.LookupDeveloperIdentity(ctx, &ci.LookupDeveloperIdentityInput{IdentityPoolId: aws.String(rulesPool), DeveloperUserIdentifier: aws.String("u-1")})
	require.NoError(t, err)
	require.Equal(t, out.IdentityId, found.IdentityId)
	described, err := operator.DescribeIdentity(ctx, &ci.DescribeIdentityInput{IdentityId: out.IdentityId})
	require.NoError(t, err)
	require.Equal(t, []string{developers}, described.Logins)
	require.WithinDuration(t, time.Now(), *described.CreationDate, time.Minute)

	_, err = f.pools(static(viewerKey, viewerSecret, "")).GetOpenIdTokenForDeveloperIdentity(ctx, in)
	requireAnswer(t, err, "AccessDeniedException", "cognito-identity:GetOpenIdTokenForDeveloperIdentity")
	_, err = f.pools(nil).GetId(ctx, &ci.GetIdInput{IdentityPoolId: aws.String(rulesPool), Logins: map[string]string{developers: "u-1"}})
	require.ErrorAs(t, err, new(*citypes.InvalidParameterException), "nobody names a developer's user without a signature")
}

func TestGoBasicFlow(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	login := logins(f.signIn("jane").IdToken)
	ctx := t.Context()
	token := func(pool string) (string, error) {
		id, err := f.pools(nil).GetId(ctx, &ci.GetIdInput{IdentityPoolId: aws.String(pool), Logins: login})
		require.NoError(t, err)
		out, err := f.pools(nil).GetOpenIdToken(ctx, &ci.GetOpenIdTokenInput{IdentityId: id.IdentityId, Logins: login})
		if err != nil {
			return "", err
		}
		return *out.Token, nil
	}
	own, err := token(tokenPool)
	require.NoError(t, err)
	assume := func(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return f.sts(nil).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("app1"),
			WebIdentityToken: aws.String(token), DurationSeconds: aws.Int32(900),
		})
	}
	out, err := assume("Basic", own)
	require.NoError(t, err)
	require.Equal(t, assumed("Basic", "app1"), *out.AssumedRoleUser.Arn)
	require.Equal(t, tokenPool, *out.Audience)
	require.Equal(t, "cognito-identity.amazonaws.com", *out.Provider)
	require.WithinDuration(t, time.Now().Add(15*time.Minute), *out.Credentials.Expiration, 10*time.Second)
	require.Equal(t, assumed("Basic", "app1"), f.role(static(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)))

	_, err = assume("Shopper", own)
	requireAnswer(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = assume("NoSuchRole", own)
	requireAnswer(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = assume("Basic", own[:len(own)-4]+"AAAA")
	requireAnswer(t, err, "InvalidIdentityToken", "")
	_, err = token(rulesPool)
	requireAnswer(t, err, "InvalidParameterException", "Basic (classic) flow is not enabled, please use enhanced flow.")
}

// TestGoExpiry moves the server's clock: the client's signature is then from
// the past, and the client corrects itself by the Date of the answer.
func TestGoExpiry(t *testing.T) {
	f := serveShop(t)
	_, c, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	client := f.sts(c)
	f.advance(59 * time.Minute)
	_, err = client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		requireAnswer(t, err, "SignatureDoesNotMatch", "Signature expired")
		_, err = client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	}
	require.NoError(t, err)
	f.advance(2 * time.Minute)
	_, err = client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	requireAnswer(t, err, "ExpiredToken", "")
}

// TestGoLoginExpiry presents tokens that were good once.
func TestGoLoginExpiry(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	login := logins(f.signIn("jane").IdToken)
	id, _, err := f.exchange(rulesPool, login)
	require.NoError(t, err)
	named := aws.String(id)
	developer, err := f.pools(static(operatorKey, operatorSecret, "")).GetOpenIdTokenForDeveloperIdentity(t.Context(), &ci.GetOpenIdTokenForDeveloperIdentityInput{
		IdentityPoolId: aws.String(rulesPool), IdentityId: named, Logins: map[string]string{developers: "u-1"}, TokenDuration: aws.Int64(600),
	})
	require.NoError(t, err)
	basic, err := f.pools(nil).GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String(tokenPool), Logins: login})
	require.NoError(t, err)
	open, err := f.pools(nil).GetOpenIdToken(t.Context(), &ci.GetOpenIdTokenInput{IdentityId: basic.IdentityId, Logins: login})
	require.NoError(t, err)
	enhanced := func(l map[string]string) error {
		_, err := f.pools(nil).GetCredentialsForIdentity(t.Context(), &ci.GetCredentialsForIdentityInput{IdentityId: named, Logins: l})
		return err
	}
	assume := func() error {
		_, err := f.sts(nil).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::" + account + ":role/Basic"), RoleSessionName: aws.String("app1"), WebIdentityToken: open.Token,
		})
		return err
	}
	word := map[string]string{"cognito-identity.amazonaws.com": *developer.Token}
	f.advance(9 * time.Minute)
	require.NoError(t, assume())
	require.NoError(t, enhanced(word))
	f.advance(2 * time.Minute)
	requireAnswer(t, assume(), "ExpiredTokenException", "")
	requireAnswer(t, enhanced(word), "NotAuthorizedException", "Token expired")
	f.advance(48 * time.Minute)
	require.NoError(t, enhanced(login))
	f.advance(2 * time.Minute)
	requireAnswer(t, enhanced(login), "NotAuthorizedException", "Token expired")
}

// ask calls an operation that AWS does not have.
func (f *shopServer) ask(key, secret, path string, question any) (int, map[string]any) {
	f.t.Helper()
	return ask(f.t, f.url, static(key, secret, ""), path, question, f.clock.now())
}

// ask is what a client does that signs by itself.
func ask(t testing.TB, url string, keys aws.CredentialsProvider, path string, question any, now time.Time) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(question)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	credentials, err := keys.Retrieve(t.Context())
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "rowan", region, now))
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	return w.StatusCode, out
}

func TestGoRevocation(t *testing.T) {
	f := serveShop(t)
	id, c, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	_, other, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	f.role(c)
	status, answer := f.ask(viewerKey, viewerSecret, "/admin/sessions/revoke", map[string]string{"IdentityId": id})
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "AccessDeniedException", answer["__type"])
	f.role(c)
	status, answer = f.ask(operatorKey, operatorSecret, "/admin/sessions/revoke", map[string]string{"IdentityId": id})
	require.Equal(t, http.StatusOK, status, "%v", answer)
	_, err = f.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	requireAnswer(t, err, "InvalidClientTokenId", "")
	f.role(other)
}

func TestGoLens(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	tokens := f.signIn("jane")
	id, _, err := f.exchange(rulesPool, logins(tokens.IdToken))
	require.NoError(t, err)
	status, lens := f.ask(operatorKey, operatorSecret, "/admin/whoami", map[string]any{"IdentityPoolId": rulesPool, "Logins": logins(tokens.IdToken)})
	require.Equal(t, http.StatusOK, status, "%v", lens)
	require.Equal(t, id, lens["identityId"])
	require.Equal(t, "arn:aws:iam::"+account+":role/Shopper", lens["role"])
	user, err := f.users(nil).GetUser(t.Context(), &cip.GetUserInput{AccessToken: tokens.AccessToken})
	require.NoError(t, err)
	var sub string
	for _, a := range user.UserAttributes {
		if *a.Name == "sub" {
			sub = *a.Value
		}
	}
	there := map[string]string{"IdentityPoolId": rulesPool, "Provider": loginKey, "Subject": sub}
	status, found := f.ask(operatorKey, operatorSecret, "/admin/identities/lookup", there)
	require.Equal(t, http.StatusOK, status, "%v", found)
	require.Equal(t, id, found["identityId"])
	status, back := f.ask(operatorKey, operatorSecret, "/admin/identities/lookup", map[string]string{"IdentityId": id})
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, sub, back["links"].([]any)[0].(map[string]any)["subject"])

	for path, question := range map[string]any{
		"/admin/whoami":            map[string]any{"IdentityPoolId": rulesPool, "Logins": logins(tokens.IdToken)},
		"/admin/identities/lookup": there,
	} {
		status, answer := f.ask(viewerKey, viewerSecret, path, question)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, "AccessDeniedException", answer["__type"])
	}
	status, answer := f.ask(operatorKey, operatorSecret, "/admin/identities/lookup", map[string]string{"IdentityId": id, "IdentityPoolId": tokenPool})
	require.Equal(t, []any{http.StatusBadRequest, "ResourceNotFoundException"}, []any{status, answer["__type"]})
	status, _ = f.ask(operatorKey, operatorSecret, "/admin/nothing", there)
	require.Equal(t, http.StatusNotFound, status)
}

// TestThreatLogShowsNoSecret drives all flows, refusals among them, and reads
// the log for anything that opens a door.
func TestThreatLogShowsNoSecret(t *testing.T) {
	f := serveShop(t)
	address := f.signUp("jane")
	tokens := f.signIn("jane")
	_, _, err := f.exchange(closedPool, logins(tokens.IdToken))
	require.NoError(t, err)
	_, c, err := f.exchange(rulesPool, logins(tokens.IdToken))
	require.NoError(t, err)
	f.role(c)
	guest, guestKeys, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	f.role(guestKeys)
	_, err = f.users(nil).InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(appClient),
		AuthParameters: map[string]string{"USERNAME": "jane", "PASSWORD": "Wrong-" + password},
	})
	require.Error(t, err)
	_, _, err = f.exchange(tokenPool, logins(tokens.AccessToken))
	require.Error(t, err)
	_, err = f.users(static(viewerKey, operatorSecret, "")).ListUsers(t.Context(), &cip.ListUsersInput{UserPoolId: aws.String(userPool)})
	require.Error(t, err)
	f.ask(operatorKey, operatorSecret, "/admin/whoami", map[string]any{"IdentityPoolId": rulesPool, "Logins": logins(tokens.IdToken)})

	keys, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	log := f.log.String()
	require.Contains(t, log, `"operation":"GetCredentialsForIdentity"`)
	require.Contains(t, log, "credentials.issue")
	for name, secret := range map[string]string{
		"password": password, "code": `"` + *f.code(address) + `"`, "ID token": *tokens.IdToken, "access token": *tokens.AccessToken,
		"refresh token": *tokens.RefreshToken, "secret key": keys.SecretAccessKey, "session token": keys.SessionToken,
		"administrator's secret": operatorSecret, "client secret": backSecret, "guest id": guest, "signature": "Signature=",
	} {
		require.NotContains(t, log, secret, name)
	}
}

// TestTwoReplicas shares keys and a store between two deployments: what one
// issues the other takes, and what one revokes ends at the other.
func TestTwoReplicas(t *testing.T) {
	f := serveShop(t)
	_, c, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	keys, err := c.Retrieve(t.Context())
	require.NoError(t, err)
	other := f.replica()
	_, err = other.Current().Sessions.Open(t.Context(), keys.AccessKeyID, keys.SessionToken)
	require.NoError(t, err)
	require.Equal(t, f.Current().Pools.KeySet(), other.Current().Pools.KeySet())
	require.NoError(t, f.Current().Sessions.Revoke(t.Context(), identity.Revocation{Pool: rulesPool}))
	require.NoError(t, other.Current().Sessions.Refresh(t.Context()))
	_, err = other.Current().Sessions.Open(t.Context(), keys.AccessKeyID, keys.SessionToken)
	require.ErrorIs(t, err, identity.ErrSessionRevoked)
}

// TestGoDiscovery takes tokens as any other service does: by what the issuers
// say of themselves.
func TestGoDiscovery(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	tokens := f.signIn("jane")
	id, err := f.pools(nil).GetId(t.Context(), &ci.GetIdInput{IdentityPoolId: aws.String(tokenPool), Logins: logins(tokens.IdToken)})
	require.NoError(t, err)
	open, err := f.pools(nil).GetOpenIdToken(t.Context(), &ci.GetOpenIdTokenInput{IdentityId: id.IdentityId, Logins: logins(tokens.IdToken)})
	require.NoError(t, err)
	verify := func(token, issuer, audience, algorithm string) error {
		keys, err := oidc.NewRemote(oidc.RemoteOptions{Issuer: issuer, Client: oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: true}), AllowLoopback: true, Now: time.Now})
		require.NoError(t, err)
		_, err = oidc.Verify(t.Context(), token, keys, &oidc.Expect{Issuers: []string{issuer}, Audiences: []string{audience}, Algorithms: []string{algorithm}}, f.clock.now())
		return err
	}
	require.NoError(t, verify(*tokens.IdToken, f.url+"/"+userPool, appClient, "RS256"))
	require.NoError(t, verify(*open.Token, f.url, tokenPool, "RS512"))
	require.ErrorIs(t, verify(*open.Token, f.url, rulesPool, "RS512"), oidc.ErrAudience)
	require.Error(t, verify(*open.Token, f.url+"/"+userPool, tokenPool, "RS512"))
}
