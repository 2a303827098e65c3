package userpool

import "github.com/rowan-authz/rowan/identity"

// AdminCreateUserInput is the input of AdminCreateUser.
type AdminCreateUserInput struct {
	UserPoolID             string      `json:"UserPoolId"`
	Username               string      `json:"Username"`
	UserAttributes         []Attribute `json:"UserAttributes"`
	TemporaryPassword      Sensitive   `json:"TemporaryPassword"`
	ForceAliasCreation     bool        `json:"ForceAliasCreation"`
	MessageAction          string      `json:"MessageAction"`
	DesiredDeliveryMediums []string    `json:"DesiredDeliveryMediums"`
}

// AdminCreateUserOutput is the output of AdminCreateUser.
type AdminCreateUserOutput struct {
	User *User `json:"User"`
}

// AdminGetUserInput is the input of AdminGetUser.
type AdminGetUserInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminGetUserOutput is the output of AdminGetUser.
type AdminGetUserOutput struct {
	Username             string         `json:"Username"`
	UserAttributes       []Attribute    `json:"UserAttributes"`
	UserCreateDate       identity.Epoch `json:"UserCreateDate"`
	UserLastModifiedDate identity.Epoch `json:"UserLastModifiedDate"`
	Enabled              bool           `json:"Enabled"`
	UserStatus           string         `json:"UserStatus"`
	PreferredMFASetting  string         `json:"PreferredMfaSetting,omitempty"`
	UserMFASettingList   []string       `json:"UserMFASettingList,omitempty"`
}

// AdminSetUserPasswordInput is the input of AdminSetUserPassword.
type AdminSetUserPasswordInput struct {
	UserPoolID string    `json:"UserPoolId"`
	Username   string    `json:"Username"`
	Password   Sensitive `json:"Password"`
	Permanent  bool      `json:"Permanent"`
}

// AdminSetUserPasswordOutput is empty.
type AdminSetUserPasswordOutput struct{}

// AdminUpdateUserAttributesInput is the input of AdminUpdateUserAttributes.
type AdminUpdateUserAttributesInput struct {
	UserPoolID     string      `json:"UserPoolId"`
	Username       string      `json:"Username"`
	UserAttributes []Attribute `json:"UserAttributes"`
}

// AdminUpdateUserAttributesOutput is empty.
type AdminUpdateUserAttributesOutput struct{}

// AdminDeleteUserAttributesInput is the input of AdminDeleteUserAttributes.
type AdminDeleteUserAttributesInput struct {
	UserPoolID         string   `json:"UserPoolId"`
	Username           string   `json:"Username"`
	UserAttributeNames []string `json:"UserAttributeNames"`
}

// AdminDeleteUserAttributesOutput is empty.
type AdminDeleteUserAttributesOutput struct{}

// AdminConfirmSignUpInput is the input of AdminConfirmSignUp.
type AdminConfirmSignUpInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminConfirmSignUpOutput is empty.
type AdminConfirmSignUpOutput struct{}

// AdminResetUserPasswordInput is the input of AdminResetUserPassword.
type AdminResetUserPasswordInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminResetUserPasswordOutput is empty.
type AdminResetUserPasswordOutput struct{}
