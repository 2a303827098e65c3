package userpool

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not there yet")

// SignUp is a stub.
func (d *Directory) SignUp(ctx context.Context, in *SignUpInput) (*SignUpOutput, error) {
	return nil, errNotYet
}

// ConfirmSignUp is a stub.
func (d *Directory) ConfirmSignUp(ctx context.Context, in *ConfirmSignUpInput) (*ConfirmSignUpOutput, error) {
	return nil, errNotYet
}

// ResendConfirmationCode is a stub.
func (d *Directory) ResendConfirmationCode(ctx context.Context, in *ResendConfirmationCodeInput) (*ResendConfirmationCodeOutput, error) {
	return nil, errNotYet
}

// ForgotPassword is a stub.
func (d *Directory) ForgotPassword(ctx context.Context, in *ForgotPasswordInput) (*ForgotPasswordOutput, error) {
	return nil, errNotYet
}

// ConfirmForgotPassword is a stub.
func (d *Directory) ConfirmForgotPassword(ctx context.Context, in *ConfirmForgotPasswordInput) (*ConfirmForgotPasswordOutput, error) {
	return nil, errNotYet
}

// InitiateAuth is a stub.
func (d *Directory) InitiateAuth(ctx context.Context, in *InitiateAuthInput) (*InitiateAuthOutput, error) {
	return nil, errNotYet
}

// RespondToAuthChallenge is a stub.
func (d *Directory) RespondToAuthChallenge(ctx context.Context, in *RespondToAuthChallengeInput) (*RespondToAuthChallengeOutput, error) {
	return nil, errNotYet
}

// AdminInitiateAuth is a stub.
func (d *Directory) AdminInitiateAuth(ctx context.Context, in *AdminInitiateAuthInput) (*AdminInitiateAuthOutput, error) {
	return nil, errNotYet
}

// AdminRespondToAuthChallenge is a stub.
func (d *Directory) AdminRespondToAuthChallenge(ctx context.Context, in *AdminRespondToAuthChallengeInput) (*AdminRespondToAuthChallengeOutput, error) {
	return nil, errNotYet
}

// GetTokensFromRefreshToken is a stub.
func (d *Directory) GetTokensFromRefreshToken(ctx context.Context, in *GetTokensFromRefreshTokenInput) (*GetTokensFromRefreshTokenOutput, error) {
	return nil, errNotYet
}

// RevokeToken is a stub.
func (d *Directory) RevokeToken(ctx context.Context, in *RevokeTokenInput) (*RevokeTokenOutput, error) {
	return nil, errNotYet
}

// GlobalSignOut is a stub.
func (d *Directory) GlobalSignOut(ctx context.Context, in *GlobalSignOutInput) (*GlobalSignOutOutput, error) {
	return nil, errNotYet
}

// ChangePassword is a stub.
func (d *Directory) ChangePassword(ctx context.Context, in *ChangePasswordInput) (*ChangePasswordOutput, error) {
	return nil, errNotYet
}

// GetUser is a stub.
func (d *Directory) GetUser(ctx context.Context, in *GetUserInput) (*GetUserOutput, error) {
	return nil, errNotYet
}

// UpdateUserAttributes is a stub.
func (d *Directory) UpdateUserAttributes(ctx context.Context, in *UpdateUserAttributesInput) (*UpdateUserAttributesOutput, error) {
	return nil, errNotYet
}

// DeleteUserAttributes is a stub.
func (d *Directory) DeleteUserAttributes(ctx context.Context, in *DeleteUserAttributesInput) (*DeleteUserAttributesOutput, error) {
	return nil, errNotYet
}

// GetUserAttributeVerificationCode is a stub.
func (d *Directory) GetUserAttributeVerificationCode(ctx context.Context, in *GetUserAttributeVerificationCodeInput) (*GetUserAttributeVerificationCodeOutput, error) {
	return nil, errNotYet
}

// VerifyUserAttribute is a stub.
func (d *Directory) VerifyUserAttribute(ctx context.Context, in *VerifyUserAttributeInput) (*VerifyUserAttributeOutput, error) {
	return nil, errNotYet
}

// DeleteUser is a stub.
func (d *Directory) DeleteUser(ctx context.Context, in *DeleteUserInput) (*DeleteUserOutput, error) {
	return nil, errNotYet
}

// AssociateSoftwareToken is a stub.
func (d *Directory) AssociateSoftwareToken(ctx context.Context, in *AssociateSoftwareTokenInput) (*AssociateSoftwareTokenOutput, error) {
	return nil, errNotYet
}

// VerifySoftwareToken is a stub.
func (d *Directory) VerifySoftwareToken(ctx context.Context, in *VerifySoftwareTokenInput) (*VerifySoftwareTokenOutput, error) {
	return nil, errNotYet
}

// SetUserMFAPreference is a stub.
func (d *Directory) SetUserMFAPreference(ctx context.Context, in *SetUserMFAPreferenceInput) (*SetUserMFAPreferenceOutput, error) {
	return nil, errNotYet
}

// AdminSetUserMFAPreference is a stub.
func (d *Directory) AdminSetUserMFAPreference(ctx context.Context, in *AdminSetUserMFAPreferenceInput) (*AdminSetUserMFAPreferenceOutput, error) {
	return nil, errNotYet
}

// AdminCreateUser is a stub.
func (d *Directory) AdminCreateUser(ctx context.Context, in *AdminCreateUserInput) (*AdminCreateUserOutput, error) {
	return nil, errNotYet
}

// AdminGetUser is a stub.
func (d *Directory) AdminGetUser(ctx context.Context, in *AdminGetUserInput) (*AdminGetUserOutput, error) {
	return nil, errNotYet
}

// AdminSetUserPassword is a stub.
func (d *Directory) AdminSetUserPassword(ctx context.Context, in *AdminSetUserPasswordInput) (*AdminSetUserPasswordOutput, error) {
	return nil, errNotYet
}

// AdminUpdateUserAttributes is a stub.
func (d *Directory) AdminUpdateUserAttributes(ctx context.Context, in *AdminUpdateUserAttributesInput) (*AdminUpdateUserAttributesOutput, error) {
	return nil, errNotYet
}

// AdminDeleteUserAttributes is a stub.
func (d *Directory) AdminDeleteUserAttributes(ctx context.Context, in *AdminDeleteUserAttributesInput) (*AdminDeleteUserAttributesOutput, error) {
	return nil, errNotYet
}

// AdminConfirmSignUp is a stub.
func (d *Directory) AdminConfirmSignUp(ctx context.Context, in *AdminConfirmSignUpInput) (*AdminConfirmSignUpOutput, error) {
	return nil, errNotYet
}

// AdminResetUserPassword is a stub.
func (d *Directory) AdminResetUserPassword(ctx context.Context, in *AdminResetUserPasswordInput) (*AdminResetUserPasswordOutput, error) {
	return nil, errNotYet
}

// AdminUserGlobalSignOut is a stub.
func (d *Directory) AdminUserGlobalSignOut(ctx context.Context, in *AdminUserGlobalSignOutInput) (*AdminUserGlobalSignOutOutput, error) {
	return nil, errNotYet
}

// AdminDisableUser is a stub.
func (d *Directory) AdminDisableUser(ctx context.Context, in *AdminDisableUserInput) (*AdminDisableUserOutput, error) {
	return nil, errNotYet
}

// AdminEnableUser is a stub.
func (d *Directory) AdminEnableUser(ctx context.Context, in *AdminEnableUserInput) (*AdminEnableUserOutput, error) {
	return nil, errNotYet
}

// AdminDeleteUser is a stub.
func (d *Directory) AdminDeleteUser(ctx context.Context, in *AdminDeleteUserInput) (*AdminDeleteUserOutput, error) {
	return nil, errNotYet
}

// AdminAddUserToGroup is a stub.
func (d *Directory) AdminAddUserToGroup(ctx context.Context, in *AdminAddUserToGroupInput) (*AdminAddUserToGroupOutput, error) {
	return nil, errNotYet
}

// AdminRemoveUserFromGroup is a stub.
func (d *Directory) AdminRemoveUserFromGroup(ctx context.Context, in *AdminRemoveUserFromGroupInput) (*AdminRemoveUserFromGroupOutput, error) {
	return nil, errNotYet
}

// AdminListGroupsForUser is a stub.
func (d *Directory) AdminListGroupsForUser(ctx context.Context, in *AdminListGroupsForUserInput) (*AdminListGroupsForUserOutput, error) {
	return nil, errNotYet
}

// ListUsers is a stub.
func (d *Directory) ListUsers(ctx context.Context, in *ListUsersInput) (*ListUsersOutput, error) {
	return nil, errNotYet
}

// ListUsersInGroup is a stub.
func (d *Directory) ListUsersInGroup(ctx context.Context, in *ListUsersInGroupInput) (*ListUsersInGroupOutput, error) {
	return nil, errNotYet
}

// ListGroups is a stub.
func (d *Directory) ListGroups(ctx context.Context, in *ListGroupsInput) (*ListGroupsOutput, error) {
	return nil, errNotYet
}

// GetGroup is a stub.
func (d *Directory) GetGroup(ctx context.Context, in *GetGroupInput) (*GetGroupOutput, error) {
	return nil, errNotYet
}

// DescribeUserPool is a stub.
func (d *Directory) DescribeUserPool(ctx context.Context, in *DescribeUserPoolInput) (*DescribeUserPoolOutput, error) {
	return nil, errNotYet
}

// DescribeUserPoolClient is a stub.
func (d *Directory) DescribeUserPoolClient(ctx context.Context, in *DescribeUserPoolClientInput) (*DescribeUserPoolClientOutput, error) {
	return nil, errNotYet
}

// ListUserPools is a stub.
func (d *Directory) ListUserPools(ctx context.Context, in *ListUserPoolsInput) (*ListUserPoolsOutput, error) {
	return nil, errNotYet
}

// ListUserPoolClients is a stub.
func (d *Directory) ListUserPoolClients(ctx context.Context, in *ListUserPoolClientsInput) (*ListUserPoolClientsOutput, error) {
	return nil, errNotYet
}
