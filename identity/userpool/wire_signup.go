package userpool

// SignUpInput is the input of SignUp.
type SignUpInput struct {
	ClientID       string      `json:"ClientId"`
	SecretHash     Sensitive   `json:"SecretHash"`
	Username       string      `json:"Username"`
	Password       Sensitive   `json:"Password"`
	UserAttributes []Attribute `json:"UserAttributes"`
}

// SignUpOutput is the output of SignUp.
type SignUpOutput struct {
	UserConfirmed       bool                 `json:"UserConfirmed"`
	CodeDeliveryDetails *CodeDeliveryDetails `json:"CodeDeliveryDetails,omitempty"`
	UserSub             string               `json:"UserSub"`
}

// ConfirmSignUpInput is the input of ConfirmSignUp.
type ConfirmSignUpInput struct {
	ClientID           string    `json:"ClientId"`
	SecretHash         Sensitive `json:"SecretHash"`
	Username           string    `json:"Username"`
	ConfirmationCode   Sensitive `json:"ConfirmationCode"`
	ForceAliasCreation bool      `json:"ForceAliasCreation"`
}

// ConfirmSignUpOutput is empty.
type ConfirmSignUpOutput struct{}

// ResendConfirmationCodeInput is the input of ResendConfirmationCode.
type ResendConfirmationCodeInput struct {
	ClientID   string    `json:"ClientId"`
	SecretHash Sensitive `json:"SecretHash"`
	Username   string    `json:"Username"`
}

// ResendConfirmationCodeOutput is the output of ResendConfirmationCode.
type ResendConfirmationCodeOutput struct {
	CodeDeliveryDetails *CodeDeliveryDetails `json:"CodeDeliveryDetails,omitempty"`
}

// ForgotPasswordInput is the input of ForgotPassword.
type ForgotPasswordInput struct {
	ClientID   string    `json:"ClientId"`
	SecretHash Sensitive `json:"SecretHash"`
	Username   string    `json:"Username"`
}

// ForgotPasswordOutput is the output of ForgotPassword.
type ForgotPasswordOutput struct {
	CodeDeliveryDetails *CodeDeliveryDetails `json:"CodeDeliveryDetails,omitempty"`
}

// ConfirmForgotPasswordInput is the input of ConfirmForgotPassword.
type ConfirmForgotPasswordInput struct {
	ClientID         string    `json:"ClientId"`
	SecretHash       Sensitive `json:"SecretHash"`
	Username         string    `json:"Username"`
	ConfirmationCode Sensitive `json:"ConfirmationCode"`
	Password         Sensitive `json:"Password"`
}

// ConfirmForgotPasswordOutput is empty.
type ConfirmForgotPasswordOutput struct{}
