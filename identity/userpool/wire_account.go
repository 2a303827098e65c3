package userpool

// ChangePasswordInput is the input of ChangePassword.
type ChangePasswordInput struct {
	AccessToken      Sensitive `json:"AccessToken"`
	PreviousPassword Sensitive `json:"PreviousPassword"`
	ProposedPassword Sensitive `json:"ProposedPassword"`
}

// ChangePasswordOutput is empty.
type ChangePasswordOutput struct{}

// GetUserInput is the input of GetUser.
type GetUserInput struct {
	AccessToken Sensitive `json:"AccessToken"`
}

// GetUserOutput is the output of GetUser.
type GetUserOutput struct {
	Username            string      `json:"Username"`
	UserAttributes      []Attribute `json:"UserAttributes"`
	PreferredMFASetting string      `json:"PreferredMfaSetting,omitempty"`
	UserMFASettingList  []string    `json:"UserMFASettingList,omitempty"`
}

// UpdateUserAttributesInput is the input of UpdateUserAttributes.
type UpdateUserAttributesInput struct {
	AccessToken    Sensitive   `json:"AccessToken"`
	UserAttributes []Attribute `json:"UserAttributes"`
}

// UpdateUserAttributesOutput is the output of UpdateUserAttributes.
type UpdateUserAttributesOutput struct {
	CodeDeliveryDetailsList []CodeDeliveryDetails `json:"CodeDeliveryDetailsList,omitempty"`
}

// DeleteUserAttributesInput is the input of DeleteUserAttributes.
type DeleteUserAttributesInput struct {
	AccessToken        Sensitive `json:"AccessToken"`
	UserAttributeNames []string  `json:"UserAttributeNames"`
}

// DeleteUserAttributesOutput is empty.
type DeleteUserAttributesOutput struct{}

// GetUserAttributeVerificationCodeInput is the input of GetUserAttributeVerificationCode.
type GetUserAttributeVerificationCodeInput struct {
	AccessToken   Sensitive `json:"AccessToken"`
	AttributeName string    `json:"AttributeName"`
}

// GetUserAttributeVerificationCodeOutput is the output of GetUserAttributeVerificationCode.
type GetUserAttributeVerificationCodeOutput struct {
	CodeDeliveryDetails *CodeDeliveryDetails `json:"CodeDeliveryDetails,omitempty"`
}

// VerifyUserAttributeInput is the input of VerifyUserAttribute.
type VerifyUserAttributeInput struct {
	AccessToken   Sensitive `json:"AccessToken"`
	AttributeName string    `json:"AttributeName"`
	Code          Sensitive `json:"Code"`
}

// VerifyUserAttributeOutput is empty.
type VerifyUserAttributeOutput struct{}

// DeleteUserInput is the input of DeleteUser.
type DeleteUserInput struct {
	AccessToken Sensitive `json:"AccessToken"`
}

// DeleteUserOutput is empty.
type DeleteUserOutput struct{}
