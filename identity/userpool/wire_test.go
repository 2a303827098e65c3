package userpool

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestWireNames(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	wire := func(v any, err error) string {
		require.NoError(t, err)
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return string(b)
	}
	created := `"UserCreateDate":1795410000,"UserLastModifiedDate":1795410000,"Enabled":true,"UserStatus":"CONFIRMED"`
	sub, err := f.AdminGetUser(ctx, &AdminGetUserInput{plainPool, "jane"})
	require.NoError(t, err)
	attributes := `[{"Name":"sub","Value":"` + sub.UserAttributes[0].Value + `"},{"Name":"email","Value":"jane@example.com"},{"Name":"email_verified","Value":"true"}]`
	require.JSONEq(t, `{"Username":"jane",`+created+`,"UserAttributes":`+attributes+`}`, wire(sub, nil))
	require.JSONEq(t, `{"Users":[{"Username":"jane",`+created+`,"Attributes":`+attributes+`}]}`,
		wire(f.ListUsers(ctx, &ListUsersInput{UserPoolID: plainPool})))
	require.JSONEq(t, `{"CodeDeliveryDetails":{"Destination":"j***@e***","DeliveryMedium":"EMAIL","AttributeName":"email"}}`,
		wire(f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: "jane"})))
	require.Regexp(t, `^\{"ChallengeParameters":\{\},"AuthenticationResult":\{"AccessToken":"[^"]+","ExpiresIn":3600,"TokenType":"Bearer","RefreshToken":"[^"]+","IdToken":"[^"]+"\}\}$`,
		wire(f.signIn(web, "jane", password)))
	var in RespondToAuthChallengeInput
	require.NoError(t, json.Unmarshal([]byte(`{"ClientId":"c","ChallengeName":"n","Session":"s","ChallengeResponses":{"USERNAME":"u"},"ClientMetadata":{}}`), &in))
	require.Equal(t, RespondToAuthChallengeInput{"c", "n", "s", map[string]Sensitive{"USERNAME": "u"}}, in)
}

func TestInputsAreBounded(t *testing.T) {
	f := newFixture(t)
	many := map[string]Sensitive{}
	for i := range maxParameters + 1 {
		many[fmt.Sprint(i)] = "x"
	}
	for name, params := range map[string]map[string]Sensitive{
		"too many": many, "too long": {"USERNAME": Sensitive(strings.Repeat("x", maxParameterValue+1))}, "not UTF-8": {"USERNAME": "a\xff"},
	} {
		_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: web, AuthParameters: params})
		require.Equal(t, identity.InvalidParameter, identity.CodeOf(err), name)
		_, err = f.respond(web, challengeTOTP, "x", params)
		require.Equal(t, identity.InvalidParameter, identity.CodeOf(err), name)
	}
	for name, list := range map[string][]Attribute{
		"too many": make([]Attribute, maxAttributes+1), "no name": {{"", "x"}}, "long name": {{strings.Repeat("x", 33), ""}},
		"long value": {{"name", strings.Repeat("x", maxAttributeValue+1)}}, "not UTF-8": {{"name", "\xff"}}, "NUL": {{"name", "a\x00"}},
	} {
		_, err := f.signUp(web, "jane", list...)
		require.Equal(t, identity.InvalidParameter, identity.CodeOf(err), name)
	}
	_, err := f.GetGroup(ctx, &GetGroupInput{plainPool, "a b"})
	f.refused(err, identity.InvalidParameter, "1 validation error detected: Value 'a b' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: "+visiblePattern)
	_, err = f.GetGroup(ctx, &GetGroupInput{plainPool, "a\r\nX-Header: b"})
	f.refused(err, identity.InvalidParameter)
	require.NotContains(t, err.Error(), "\n", "what would split a header is not repeated")
	_, err = f.GetUser(ctx, &GetUserInput{Sensitive(strings.Repeat("a", 1e6))})
	f.refused(err, identity.NotAuthorized)
}

func TestUsersAreBounded(t *testing.T) {
	f := newFixture(t)
	config := testConfigs()[0]
	config.Attributes = nil
	var long []Attribute
	for i := range 60 {
		name := fmt.Sprint("custom:a", i)
		config.Attributes = append(config.Attributes, AttributeConfig{Name: name, Mutable: true})
		long = append(long, Attribute{name, strings.Repeat("𝒿", maxAttributeValue)})
	}
	d, err := New(ctx, []Config{config}, f.options)
	require.NoError(t, err)
	_, err = d.SignUp(ctx, &SignUpInput{ClientID: web, Username: "jane", Password: password, UserAttributes: long})
	f.refused(err, identity.InvalidParameter)
	_, err = d.SignUp(ctx, &SignUpInput{ClientID: web, Username: "jane", Password: password, UserAttributes: long[:20]})
	require.NoError(t, err)
}

// broken is a store that fails when it should make a transaction durable.
type broken struct{ identity.Store }

func (s broken) Update(ctx context.Context, f func(identity.Tx) error) error {
	return s.Store.Update(ctx, func(tx identity.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errPost
	})
}

func TestNothingIsAnsweredThatIsNotDurable(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	access := f.tokens(web, "jane").AccessToken
	before := f.records(kindUser, kindName, kindFamily, kindRefresh, kindCode, kindAttempts, kindNonce)
	o := f.options
	o.Store = broken{f.options.Store}
	d, err := New(ctx, testConfigs(), o)
	require.NoError(t, err)
	for name, call := range map[string]func() (any, error){
		"SignUp": func() (any, error) {
			return d.SignUp(ctx, &SignUpInput{ClientID: web, Username: "joe", Password: password, UserAttributes: []Attribute{{"email", "j@example.com"}}})
		},
		"InitiateAuth": func() (any, error) {
			return d.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": password}})
		},
		"a wrong guess": func() (any, error) {
			return d.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowPassword, ClientID: web, AuthParameters: map[string]Sensitive{"USERNAME": "jane", "PASSWORD": otherSecret}})
		},
		"ForgotPassword": func() (any, error) {
			return d.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: "jane"})
		},
		"GlobalSignOut": func() (any, error) { return d.GlobalSignOut(ctx, &GlobalSignOutInput{access}) },
		"AdminCreateUser": func() (any, error) {
			return d.AdminCreateUser(ctx, &AdminCreateUserInput{UserPoolID: plainPool, Username: "joe", UserAttributes: email("j@example.com")})
		},
		"UpdateUserAttributes": func() (any, error) {
			return d.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{access, []Attribute{{"email", "new@example.com"}}})
		},
	} {
		out, err := call()
		require.ErrorIs(t, err, errPost, name)
		require.Nil(t, out, name)
	}
	require.Empty(t, f.sent, "no message speaks of what is not stored")
	require.Equal(t, before, f.records(kindUser, kindName, kindFamily, kindRefresh, kindCode, kindAttempts, kindNonce))
}
