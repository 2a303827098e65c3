package userpool

// InitiateAuthInput is the input of InitiateAuth.
type InitiateAuthInput struct {
	AuthFlow       string               `json:"AuthFlow"`
	ClientID       string               `json:"ClientId"`
	AuthParameters map[string]Sensitive `json:"AuthParameters"`
}

// InitiateAuthOutput is the output of InitiateAuth.
type InitiateAuthOutput struct {
	ChallengeName        string                `json:"ChallengeName,omitempty"`
	Session              Sensitive             `json:"Session,omitempty"`
	ChallengeParameters  map[string]string     `json:"ChallengeParameters"`
	AuthenticationResult *AuthenticationResult `json:"AuthenticationResult,omitempty"`
}

// RespondToAuthChallengeInput is the input of RespondToAuthChallenge.
type RespondToAuthChallengeInput struct {
	ClientID           string               `json:"ClientId"`
	ChallengeName      string               `json:"ChallengeName"`
	Session            Sensitive            `json:"Session"`
	ChallengeResponses map[string]Sensitive `json:"ChallengeResponses"`
}

// RespondToAuthChallengeOutput is the output of RespondToAuthChallenge.
type RespondToAuthChallengeOutput struct {
	ChallengeName        string                `json:"ChallengeName,omitempty"`
	Session              Sensitive             `json:"Session,omitempty"`
	ChallengeParameters  map[string]string     `json:"ChallengeParameters"`
	AuthenticationResult *AuthenticationResult `json:"AuthenticationResult,omitempty"`
}

// AdminInitiateAuthInput is the input of AdminInitiateAuth.
type AdminInitiateAuthInput struct {
	UserPoolID     string               `json:"UserPoolId"`
	ClientID       string               `json:"ClientId"`
	AuthFlow       string               `json:"AuthFlow"`
	AuthParameters map[string]Sensitive `json:"AuthParameters"`
}

// AdminInitiateAuthOutput is the output of AdminInitiateAuth.
type AdminInitiateAuthOutput struct {
	ChallengeName        string                `json:"ChallengeName,omitempty"`
	Session              Sensitive             `json:"Session,omitempty"`
	ChallengeParameters  map[string]string     `json:"ChallengeParameters"`
	AuthenticationResult *AuthenticationResult `json:"AuthenticationResult,omitempty"`
}

// AdminRespondToAuthChallengeInput is the input of AdminRespondToAuthChallenge.
type AdminRespondToAuthChallengeInput struct {
	UserPoolID         string               `json:"UserPoolId"`
	ClientID           string               `json:"ClientId"`
	ChallengeName      string               `json:"ChallengeName"`
	Session            Sensitive            `json:"Session"`
	ChallengeResponses map[string]Sensitive `json:"ChallengeResponses"`
}

// AdminRespondToAuthChallengeOutput is the output of AdminRespondToAuthChallenge.
type AdminRespondToAuthChallengeOutput struct {
	ChallengeName        string                `json:"ChallengeName,omitempty"`
	Session              Sensitive             `json:"Session,omitempty"`
	ChallengeParameters  map[string]string     `json:"ChallengeParameters"`
	AuthenticationResult *AuthenticationResult `json:"AuthenticationResult,omitempty"`
}

// GetTokensFromRefreshTokenInput is the input of GetTokensFromRefreshToken.
type GetTokensFromRefreshTokenInput struct {
	RefreshToken Sensitive `json:"RefreshToken"`
	ClientID     string    `json:"ClientId"`
	ClientSecret Sensitive `json:"ClientSecret"`
}

// GetTokensFromRefreshTokenOutput is the output of GetTokensFromRefreshToken.
type GetTokensFromRefreshTokenOutput struct {
	AuthenticationResult *AuthenticationResult `json:"AuthenticationResult,omitempty"`
}

// RevokeTokenInput is the input of RevokeToken.
type RevokeTokenInput struct {
	Token        Sensitive `json:"Token"`
	ClientID     string    `json:"ClientId"`
	ClientSecret Sensitive `json:"ClientSecret"`
}

// RevokeTokenOutput is empty.
type RevokeTokenOutput struct{}

// GlobalSignOutInput is the input of GlobalSignOut.
type GlobalSignOutInput struct {
	AccessToken Sensitive `json:"AccessToken"`
}

// GlobalSignOutOutput is empty.
type GlobalSignOutOutput struct{}
