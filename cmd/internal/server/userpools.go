package server

import "github.com/rowan-authz/rowan/identity/userpool"

// userPoolService is the table of cognito-idp. Source: identity-protocol §0.2,
// §2.2, §2.3, §2.5, §2.7.
func userPoolService(d *userpool.Directory) *service {
	const pool = "UserPoolId"
	return &service{
		name: "cognito-idp", prefix: "AWSCognitoIdentityProviderService",
		operations: map[string]*operation{
			"SignUp":                    public(d.SignUp),
			"ConfirmSignUp":             public(d.ConfirmSignUp),
			"ResendConfirmationCode":    public(d.ResendConfirmationCode),
			"InitiateAuth":              public(d.InitiateAuth),
			"RespondToAuthChallenge":    public(d.RespondToAuthChallenge),
			"ForgotPassword":            public(d.ForgotPassword),
			"ConfirmForgotPassword":     public(d.ConfirmForgotPassword),
			"RevokeToken":               public(d.RevokeToken),
			"GetTokensFromRefreshToken": public(d.GetTokensFromRefreshToken),

			// These prove themselves by an access token.
			"GetUser":                          public(d.GetUser),
			"UpdateUserAttributes":             public(d.UpdateUserAttributes),
			"DeleteUserAttributes":             public(d.DeleteUserAttributes),
			"GetUserAttributeVerificationCode": public(d.GetUserAttributeVerificationCode),
			"VerifyUserAttribute":              public(d.VerifyUserAttribute),
			"ChangePassword":                   public(d.ChangePassword),
			"DeleteUser":                       public(d.DeleteUser),
			"GlobalSignOut":                    public(d.GlobalSignOut),
			"SetUserMFAPreference":             public(d.SetUserMFAPreference),
			"AssociateSoftwareToken":           public(d.AssociateSoftwareToken),
			"VerifySoftwareToken":              public(d.VerifySoftwareToken),

			"AdminCreateUser":             signed(d.AdminCreateUser, pool),
			"AdminGetUser":                signed(d.AdminGetUser, pool),
			"AdminSetUserPassword":        signed(d.AdminSetUserPassword, pool),
			"AdminInitiateAuth":           signed(d.AdminInitiateAuth, pool),
			"AdminRespondToAuthChallenge": signed(d.AdminRespondToAuthChallenge, pool),
			"AdminConfirmSignUp":          signed(d.AdminConfirmSignUp, pool),
			"AdminResetUserPassword":      signed(d.AdminResetUserPassword, pool),
			"AdminUserGlobalSignOut":      signed(d.AdminUserGlobalSignOut, pool),
			"AdminDisableUser":            signed(d.AdminDisableUser, pool),
			"AdminEnableUser":             signed(d.AdminEnableUser, pool),
			"AdminDeleteUser":             signed(d.AdminDeleteUser, pool),
			"AdminAddUserToGroup":         signed(d.AdminAddUserToGroup, pool),
			"AdminRemoveUserFromGroup":    signed(d.AdminRemoveUserFromGroup, pool),
			"AdminListGroupsForUser":      signed(d.AdminListGroupsForUser, pool),
			"AdminUpdateUserAttributes":   signed(d.AdminUpdateUserAttributes, pool),
			"AdminDeleteUserAttributes":   signed(d.AdminDeleteUserAttributes, pool),
			"AdminSetUserMFAPreference":   signed(d.AdminSetUserMFAPreference, pool),
			"ListUsers":                   signed(d.ListUsers, pool),
			"ListUsersInGroup":            signed(d.ListUsersInGroup, pool),
			"ListGroups":                  signed(d.ListGroups, pool),
			"GetGroup":                    signed(d.GetGroup, pool),
			"DescribeUserPool":            signed(d.DescribeUserPool, pool),
			"DescribeUserPoolClient":      signed(d.DescribeUserPoolClient, pool),
			"ListUserPoolClients":         signed(d.ListUserPoolClients, pool),
			"ListUserPools":               signed(d.ListUserPools, ""),
		},
		fixed: []string{
			"AddCustomAttributes", "AddUserPoolClientSecret", "CreateGroup", "CreateIdentityProvider", "CreateManagedLoginBranding",
			"CreateResourceServer", "CreateTerms", "CreateUserPool", "CreateUserPoolClient", "CreateUserPoolDomain", "CreateUserPoolReplica",
			"DeleteGroup", "DeleteIdentityProvider", "DeleteManagedLoginBranding", "DeleteResourceServer", "DeleteTerms", "DeleteUserPool",
			"DeleteUserPoolClient", "DeleteUserPoolClientSecret", "DeleteUserPoolDomain", "DeleteUserPoolReplica", "SetLogDeliveryConfiguration",
			"SetRiskConfiguration", "SetUICustomization", "SetUserPoolMfaConfig", "TagResource", "UntagResource", "UpdateGroup",
			"UpdateIdentityProvider", "UpdateManagedLoginBranding", "UpdateResourceServer", "UpdateTerms", "UpdateUserPool",
			"UpdateUserPoolClient", "UpdateUserPoolDomain", "UpdateUserPoolReplica",
		},
		missing: []string{
			"AdminDisableProviderForUser", "AdminForgetDevice", "AdminGetDevice", "AdminLinkProviderForUser", "AdminListDevices",
			"AdminListUserAuthEvents", "AdminSetUserSettings", "AdminUpdateAuthEventFeedback", "AdminUpdateDeviceStatus",
			"CompleteWebAuthnRegistration", "ConfirmDevice", "CreateUserImportJob", "DeleteWebAuthnCredential",
			"DescribeIdentityProvider", "DescribeManagedLoginBranding", "DescribeManagedLoginBrandingByClient", "DescribeResourceServer",
			"DescribeRiskConfiguration", "DescribeTerms", "DescribeUserImportJob", "DescribeUserPoolDomain", "ForgetDevice",
			"GetCSVHeader", "GetDevice", "GetIdentityProviderByIdentifier", "GetLogDeliveryConfiguration", "GetSigningCertificate",
			"GetUICustomization", "GetUserAuthFactors", "GetUserPoolMfaConfig", "ListDevices", "ListIdentityProviders",
			"ListResourceServers", "ListTagsForResource", "ListTerms", "ListUserImportJobs", "ListUserPoolClientSecrets", "ListUserPoolReplicas",
			"ListWebAuthnCredentials", "SetUserSettings", "StartUserImportJob", "StartWebAuthnRegistration", "StopUserImportJob",
			"UpdateAuthEventFeedback", "UpdateDeviceStatus",
		},
	}
}
