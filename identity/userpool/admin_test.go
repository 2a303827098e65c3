package userpool

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestAdminCreateUser(t *testing.T) {
	f := newFixture(t)
	create := func(in AdminCreateUserInput) (*AdminCreateUserOutput, error) { return f.AdminCreateUser(ctx, &in) }
	out, err := create(AdminCreateUserInput{UserPoolID: plainPool, Username: "jane", UserAttributes: email("jane@example.com")})
	require.NoError(t, err)
	require.Equal(t, statusForce, out.User.UserStatus)
	require.True(t, out.User.Enabled)
	invitation := f.sent[0]
	require.Equal(t, InvitationMessage, invitation.Kind)
	require.Contains(t, string(invitation.Text), "jane")
	require.Len(t, string(invitation.Code), 16)
	require.NoError(t, f.pools[plainPool].Password.check(string(invitation.Code)))
	signIn, err := f.signIn(web, "jane", string(invitation.Code))
	require.NoError(t, err)
	require.Equal(t, challengeNewPassword, signIn.ChallengeName)

	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "JANE"})
	f.refused(err, UsernameExists)
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "jane", MessageAction: "RESEND"})
	require.NoError(t, err)
	require.Len(t, f.sent, 2)
	_, err = f.signIn(web, "jane", string(invitation.Code))
	f.refused(err, identity.NotAuthorized, "Incorrect username or password.")
	_, err = f.signIn(web, "jane", string(f.code()))
	require.NoError(t, err)

	f.user(plainPool, "ready")
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "ready", MessageAction: "RESEND"})
	f.refused(err, UnsupportedUserState)
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "nobody", MessageAction: "RESEND"})
	f.refused(err, UserNotFound)
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "x", MessageAction: "SHOUT"})
	f.refused(err, identity.InvalidParameter)
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "x", DesiredDeliveryMediums: []string{"SMS"}})
	f.refused(err, identity.InvalidParameter)
	_, err = create(AdminCreateUserInput{UserPoolID: plainPool, Username: "x", TemporaryPassword: "weak"})
	f.refused(err, InvalidPassword)
	_, err = create(AdminCreateUserInput{UserPoolID: "nowhere", Username: "x"})
	f.refused(err, identity.ResourceNotFound)
	_, err = create(AdminCreateUserInput{UserPoolID: "not an id", Username: "x"})
	f.refused(err, identity.InvalidParameter)

	f.user(aliasPool, "first", email("shared@example.com")...)
	_, err = create(AdminCreateUserInput{UserPoolID: aliasPool, Username: "second", UserAttributes: email("shared@example.com")})
	f.refused(err, UsernameExists, "An account with the given email already exists.")
	_, err = create(AdminCreateUserInput{UserPoolID: aliasPool, Username: "second", UserAttributes: email("shared@example.com"), ForceAliasCreation: true})
	require.NoError(t, err)
	got, err := f.AdminGetUser(ctx, &AdminGetUserInput{aliasPool, "shared@example.com"})
	require.NoError(t, err)
	require.Equal(t, "second", got.Username)
	bySub, err := f.AdminGetUser(ctx, &AdminGetUserInput{aliasPool, got.UserAttributes[0].Value})
	require.NoError(t, err)
	require.Equal(t, got, bySub)
}

func TestAdminOperationsOnNobody(t *testing.T) {
	f := newFixture(t)
	calls := map[string]func(pool, user string) error{
		"AdminGetUser": func(p, u string) error { _, err := f.AdminGetUser(ctx, &AdminGetUserInput{p, u}); return err },
		"AdminSetUserPassword": func(p, u string) error {
			_, err := f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{p, u, password, true})
			return err
		},
		"AdminUpdateUserAttributes": func(p, u string) error {
			_, err := f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{p, u, email("a@example.com")})
			return err
		},
		"AdminDeleteUserAttributes": func(p, u string) error {
			_, err := f.AdminDeleteUserAttributes(ctx, &AdminDeleteUserAttributesInput{p, u, []string{"name"}})
			return err
		},
		"AdminConfirmSignUp": func(p, u string) error {
			_, err := f.AdminConfirmSignUp(ctx, &AdminConfirmSignUpInput{p, u})
			return err
		},
		"AdminResetUserPassword": func(p, u string) error {
			_, err := f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{p, u})
			return err
		},
		"AdminUserGlobalSignOut": func(p, u string) error {
			_, err := f.AdminUserGlobalSignOut(ctx, &AdminUserGlobalSignOutInput{p, u})
			return err
		},
		"AdminDisableUser": func(p, u string) error { _, err := f.AdminDisableUser(ctx, &AdminDisableUserInput{p, u}); return err },
		"AdminEnableUser":  func(p, u string) error { _, err := f.AdminEnableUser(ctx, &AdminEnableUserInput{p, u}); return err },
		"AdminDeleteUser":  func(p, u string) error { _, err := f.AdminDeleteUser(ctx, &AdminDeleteUserInput{p, u}); return err },
		"AdminAddUserToGroup": func(p, u string) error {
			_, err := f.AdminAddUserToGroup(ctx, &AdminAddUserToGroupInput{p, u, "admins"})
			return err
		},
		"AdminRemoveUserFromGroup": func(p, u string) error {
			_, err := f.AdminRemoveUserFromGroup(ctx, &AdminRemoveUserFromGroupInput{p, u, "admins"})
			return err
		},
		"AdminListGroupsForUser": func(p, u string) error {
			_, err := f.AdminListGroupsForUser(ctx, &AdminListGroupsForUserInput{UserPoolID: p, Username: u})
			return err
		},
		"AdminSetUserMFAPreference": func(p, u string) error {
			_, err := f.AdminSetUserMFAPreference(ctx, &AdminSetUserMFAPreferenceInput{UserPoolID: p, Username: u})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t = t
			f.refused(call(plainPool, "nobody"), UserNotFound, "User does not exist.")
			f.refused(call("us-east-1_None", "nobody"), identity.ResourceNotFound, "User pool us-east-1_None does not exist.")
			f.refused(call(plainPool, ""), identity.InvalidParameter)
			f.refused(call("", "nobody"), identity.InvalidParameter)
		})
	}
}

func TestAdminStates(t *testing.T) {
	f := newFixture(t)
	status := func() string {
		u, err := f.AdminGetUser(ctx, &AdminGetUserInput{plainPool, "jane"})
		require.NoError(t, err)
		return u.UserStatus
	}
	_, err := f.signUp(web, "jane", Attribute{"email", "jane@example.com"})
	require.NoError(t, err)
	require.Equal(t, statusNew, status())
	_, err = f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"})
	f.refused(err, identity.InvalidParameter)
	_, err = f.AdminConfirmSignUp(ctx, &AdminConfirmSignUpInput{plainPool, "jane"})
	require.NoError(t, err)
	require.Equal(t, statusReady, status())
	_, err = f.AdminConfirmSignUp(ctx, &AdminConfirmSignUpInput{plainPool, "jane"})
	f.refused(err, identity.NotAuthorized, "User cannot be confirmed. Current status is CONFIRMED")
	_, err = f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{plainPool, "jane", []Attribute{{"email_verified", "true"}}})
	require.NoError(t, err)
	_, err = f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"})
	require.NoError(t, err)
	require.Equal(t, statusReset, status())
	_, err = f.ConfirmForgotPassword(ctx, &ConfirmForgotPasswordInput{ClientID: web, Username: "jane", ConfirmationCode: f.code(), Password: otherSecret})
	require.NoError(t, err)
	require.Equal(t, statusReady, status())
	_, err = f.AdminSetUserPassword(ctx, &AdminSetUserPasswordInput{plainPool, "jane", password, false})
	require.NoError(t, err)
	require.Equal(t, statusForce, status())
	_, err = f.AdminResetUserPassword(ctx, &AdminResetUserPasswordInput{plainPool, "jane"})
	f.refused(err, identity.NotAuthorized, "User password cannot be reset in the current state.")
	_, err = f.AdminDeleteUser(ctx, &AdminDeleteUserInput{plainPool, "jane"})
	require.NoError(t, err)
	require.Empty(t, f.records(kindUser, kindName))
}

func TestAdminUpdateUserAttributes(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane", email("jane@example.com")...)
	update := func(list ...Attribute) error {
		_, err := f.AdminUpdateUserAttributes(ctx, &AdminUpdateUserAttributesInput{plainPool, "jane", list})
		return err
	}
	get := func() []Attribute {
		u, err := f.AdminGetUser(ctx, &AdminGetUserInput{plainPool, "jane"})
		require.NoError(t, err)
		return u.UserAttributes[1:]
	}
	require.NoError(t, update(Attribute{"email", "new@example.com"}))
	require.Equal(t, []Attribute{{"email", "new@example.com"}, {"email_verified", "false"}}, get())
	require.NoError(t, update(Attribute{"email_verified", "true"}, Attribute{"email", "newer@example.com"}))
	require.Equal(t, []Attribute{{"email", "newer@example.com"}, {"email_verified", "true"}}, get())
	require.NoError(t, update(Attribute{"custom:born", "1999"}), "an administrator changes what is immutable for users")
	f.refused(update(Attribute{"phone_number_verified", "true"}), identity.InvalidParameter)
	f.refused(update(Attribute{"email_verified", "yes"}), identity.InvalidParameter)
	f.refused(update(Attribute{"sub", "me"}), identity.InvalidParameter)
	f.refused(update(Attribute{"cognito:groups", "admins"}), identity.InvalidParameter)
	_, err := f.AdminDeleteUserAttributes(ctx, &AdminDeleteUserAttributesInput{plainPool, "jane", []string{"email"}})
	require.NoError(t, err)
	require.Equal(t, []Attribute{{"custom:born", "1999"}}, get())
	_, err = f.AdminDeleteUserAttributes(ctx, &AdminDeleteUserAttributesInput{emailPool, "jane", []string{"email"}})
	f.refused(err, UserNotFound)
	f.user(emailPool, "jane@example.com")
	_, err = f.AdminDeleteUserAttributes(ctx, &AdminDeleteUserAttributesInput{emailPool, "jane@example.com", []string{"email"}})
	f.refused(err, identity.InvalidParameter, "user.email: Attribute cannot be deleted.")
}

func TestVerifyUserAttribute(t *testing.T) {
	f := newFixture(t)
	f.user(aliasPool, "jane")
	access := f.tokens(alias, "jane").AccessToken
	out, err := f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{access, []Attribute{{"email", "jane@example.com"}, {"name", "Jane"}}})
	require.NoError(t, err)
	require.Equal(t, []CodeDeliveryDetails{{"j***@e***", "EMAIL", "email"}}, out.CodeDeliveryDetailsList)
	old := f.code()
	_, err = f.signIn(alias, "jane@example.com", password)
	f.refused(err, identity.NotAuthorized)
	verify := func(name string, code Sensitive) error {
		_, err := f.VerifyUserAttribute(ctx, &VerifyUserAttributeInput{access, name, code})
		return err
	}
	f.refused(verify("email", wrong(old)), CodeMismatch)
	f.refused(verify("name", old), identity.InvalidParameter)
	// A code is for the address that it was sent to.
	_, err = f.UpdateUserAttributes(ctx, &UpdateUserAttributesInput{access, []Attribute{{"email", "jane2@example.com"}}})
	require.NoError(t, err)
	if f.code() != old {
		f.refused(verify("email", old), CodeMismatch)
	}
	require.NoError(t, verify("email", f.code()))
	f.tokens(alias, "jane2@example.com")
	sent, err := f.GetUserAttributeVerificationCode(ctx, &GetUserAttributeVerificationCodeInput{access, "email"})
	require.NoError(t, err)
	require.Equal(t, "j***@e***", sent.CodeDeliveryDetails.Destination)
	_, err = f.GetUserAttributeVerificationCode(ctx, &GetUserAttributeVerificationCodeInput{access, "phone_number"})
	f.refused(err, identity.InvalidParameter)
	_, err = f.DeleteUserAttributes(ctx, &DeleteUserAttributesInput{access, []string{"email"}})
	require.NoError(t, err)
	_, err = f.signIn(alias, "jane2@example.com", password)
	f.refused(err, identity.NotAuthorized)
	_, err = f.GetUserAttributeVerificationCode(ctx, &GetUserAttributeVerificationCodeInput{access, "email"})
	f.refused(err, identity.InvalidParameter)
}

func TestGroups(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	f.user(plainPool, "joe")
	add := func(g string) error {
		_, err := f.AdminAddUserToGroup(ctx, &AdminAddUserToGroupInput{plainPool, "jane", g})
		return err
	}
	require.NoError(t, add("readers"))
	require.NoError(t, add("readers"))
	require.NoError(t, add("last"))
	require.NoError(t, add("admins"))
	f.refused(add("nothing"), identity.ResourceNotFound, "Group not found.")
	f.refused(add(""), identity.InvalidParameter)
	list := func(limit int, token string) (names []string, next string) {
		out, err := f.AdminListGroupsForUser(ctx, &AdminListGroupsForUserInput{plainPool, "jane", limit, token})
		require.NoError(t, err)
		for _, g := range out.Groups {
			names = append(names, g.GroupName)
		}
		return names, out.NextToken
	}
	one, next := list(2, "")
	two, end := list(2, next)
	require.Equal(t, []string{"admins", "readers", "last"}, append(one, two...))
	require.Empty(t, end)
	users, err := f.ListUsersInGroup(ctx, &ListUsersInGroupInput{UserPoolID: plainPool, GroupName: "readers"})
	require.NoError(t, err)
	require.Len(t, users.Users, 1)
	require.Equal(t, "jane", users.Users[0].Username)
	_, err = f.AdminRemoveUserFromGroup(ctx, &AdminRemoveUserFromGroupInput{plainPool, "jane", "readers"})
	require.NoError(t, err)
	all, _ := list(0, "")
	require.Equal(t, []string{"admins", "last"}, all)

	group, err := f.GetGroup(ctx, &GetGroupInput{plainPool, "last"})
	require.NoError(t, err)
	require.Nil(t, group.Group.Precedence)
	group, err = f.GetGroup(ctx, &GetGroupInput{plainPool, "plain"})
	require.NoError(t, err)
	wire, err := json.Marshal(group)
	require.NoError(t, err)
	require.JSONEq(t, `{"Group":{"GroupName":"plain","UserPoolId":"`+plainPool+`","Precedence":0}}`, string(wire))
	groups, err := f.ListGroups(ctx, &ListGroupsInput{UserPoolID: plainPool, Limit: 3})
	require.NoError(t, err)
	require.Len(t, groups.Groups, 3)
	rest, err := f.ListGroups(ctx, &ListGroupsInput{UserPoolID: plainPool, Limit: 3, NextToken: groups.NextToken})
	require.NoError(t, err)
	require.Len(t, rest.Groups, 2)
	require.Empty(t, rest.NextToken)
}

func TestListUsers(t *testing.T) {
	f := newFixture(t)
	for i := range 7 {
		f.user(plainPool, fmt.Sprint("user", i), email(fmt.Sprintf("u%d@example.com", i))...)
	}
	f.user(aliasPool, "elsewhere", Attribute{"name", `a "quoted\" name`})
	_, err := f.AdminDisableUser(ctx, &AdminDisableUserInput{plainPool, "user3"})
	require.NoError(t, err)
	list := func(filter string) []string {
		var names []string
		in := &ListUsersInput{UserPoolID: plainPool, Limit: 3, Filter: filter}
		for {
			out, err := f.ListUsers(ctx, in)
			require.NoError(t, err)
			for _, u := range out.Users {
				names = append(names, strings.TrimPrefix(u.Username, "user"))
			}
			if in.PaginationToken = out.PaginationToken; in.PaginationToken == "" {
				return names
			}
		}
	}
	require.ElementsMatch(t, strings.Split("0123456", ""), list(""))
	for filter, want := range map[string]string{
		`username = "user1"`: "1", `username="USER1"`: "", `username ^= "user"`: "0123456", `email = "U4@example.com"`: "4",
		`email ^= "u"`: "0123456", `email = "u"`: "", `status = "Disabled"`: "3", `status = "Enabled"`: "012456",
		`cognito:user_status = "CONFIRMED"`: "0123456", `name ^= ""`: "",
	} {
		require.ElementsMatch(t, strings.Split(want, ""), list(filter), filter)
	}
	out, err := f.ListUsers(ctx, &ListUsersInput{UserPoolID: aliasPool, Filter: `name = "a \"quoted\\\" name"`, AttributesToGet: []string{"name"}})
	require.NoError(t, err)
	require.Equal(t, []Attribute{{"name", `a "quoted\" name`}}, out.Users[0].Attributes)
	for _, bad := range []string{
		"email", "email = u", `email = "u`, `email = "u" and name = "x"`, `email == "u"`, `email ~ "u"`, `= "u"`, `custom:team = "x"`,
		`email = "u\n"`, `email ^ = "u"`, strings.Repeat("x", 257), `password = "x"`,
	} {
		_, err := f.ListUsers(ctx, &ListUsersInput{UserPoolID: plainPool, Filter: bad})
		f.refused(err, identity.InvalidParameter)
	}
	first, err := f.ListUsers(ctx, &ListUsersInput{UserPoolID: plainPool, Limit: 2})
	require.NoError(t, err)
	page := func(pool, filter, token string) error {
		_, err := f.ListUsers(ctx, &ListUsersInput{UserPoolID: pool, Filter: filter, PaginationToken: token})
		return err
	}
	require.NoError(t, page(plainPool, "", first.PaginationToken))
	f.refused(page(aliasPool, "", first.PaginationToken), identity.InvalidParameter)
	f.refused(page(plainPool, `name = "x"`, first.PaginationToken), identity.InvalidParameter)
	f.refused(page(plainPool, "", "AAAA"), identity.InvalidParameter)
	f.clock.pass(time.Hour)
	f.refused(page(plainPool, "", first.PaginationToken), identity.InvalidParameter)
	_, err = f.ListUsers(ctx, &ListUsersInput{UserPoolID: plainPool, Limit: 61})
	f.refused(err, identity.InvalidParameter)
	_, err = f.ListUsers(ctx, &ListUsersInput{UserPoolID: "us-east-1_None"})
	f.refused(err, identity.ResourceNotFound)
}

func TestDescribe(t *testing.T) {
	f := newFixture(t)
	pool, err := f.DescribeUserPool(ctx, &DescribeUserPoolInput{plainPool})
	require.NoError(t, err)
	require.Equal(t, "OPTIONAL", pool.UserPool.MFAConfiguration)
	require.Equal(t, 8, pool.UserPool.Policies.PasswordPolicy.MinimumLength)
	require.Len(t, pool.UserPool.SchemaAttributes, len(standardAttributes)+2)
	client, err := f.DescribeUserPoolClient(ctx, &DescribeUserPoolClientInput{plainPool, private})
	require.NoError(t, err)
	wire, err := json.Marshal(client)
	require.NoError(t, err)
	require.NotContains(t, string(wire), clientSecret)
	require.Contains(t, client.UserPoolClient.ExplicitAuthFlows, "ALLOW_USER_SRP_AUTH")
	_, err = f.DescribeUserPoolClient(ctx, &DescribeUserPoolClientInput{aliasPool, private})
	f.refused(err, identity.ResourceNotFound)
	pools, err := f.ListUserPools(ctx, &ListUserPoolsInput{MaxResults: 3})
	require.NoError(t, err)
	require.Equal(t, Summary{aliasPool, "alias"}, pools.UserPools[0])
	more, err := f.ListUserPools(ctx, &ListUserPoolsInput{MaxResults: 3, NextToken: pools.NextToken})
	require.NoError(t, err)
	require.Len(t, more.UserPools, 1)
	_, err = f.ListUserPools(ctx, &ListUserPoolsInput{})
	f.refused(err, identity.InvalidParameter)
	clients, err := f.ListUserPoolClients(ctx, &ListUserPoolClientsInput{UserPoolID: aliasPool})
	require.NoError(t, err)
	require.Equal(t, []ClientSummary{{alias, aliasPool, alias}}, clients.UserPoolClients)
}
