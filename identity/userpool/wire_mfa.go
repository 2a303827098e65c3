package userpool

// AssociateSoftwareTokenInput is the input of AssociateSoftwareToken.
type AssociateSoftwareTokenInput struct {
	AccessToken Sensitive `json:"AccessToken"`
	Session     Sensitive `json:"Session"`
}

// AssociateSoftwareTokenOutput is the output of AssociateSoftwareToken.
type AssociateSoftwareTokenOutput struct {
	SecretCode Sensitive `json:"SecretCode"`
	Session    Sensitive `json:"Session,omitempty"`
}

// VerifySoftwareTokenInput is the input of VerifySoftwareToken.
type VerifySoftwareTokenInput struct {
	AccessToken        Sensitive `json:"AccessToken"`
	Session            Sensitive `json:"Session"`
	UserCode           Sensitive `json:"UserCode"`
	FriendlyDeviceName string    `json:"FriendlyDeviceName"`
}

// VerifySoftwareTokenOutput is the output of VerifySoftwareToken.
type VerifySoftwareTokenOutput struct {
	Status  string    `json:"Status"`
	Session Sensitive `json:"Session,omitempty"`
}

// SetUserMFAPreferenceInput is the input of SetUserMFAPreference.
type SetUserMFAPreferenceInput struct {
	AccessToken              Sensitive    `json:"AccessToken"`
	SoftwareTokenMFASettings *MFASettings `json:"SoftwareTokenMfaSettings"`
	SMSMFASettings           *MFASettings `json:"SMSMfaSettings"`
	EmailMFASettings         *MFASettings `json:"EmailMfaSettings"`
}

// SetUserMFAPreferenceOutput is empty.
type SetUserMFAPreferenceOutput struct{}

// AdminSetUserMFAPreferenceInput is the input of AdminSetUserMFAPreference.
type AdminSetUserMFAPreferenceInput struct {
	UserPoolID               string       `json:"UserPoolId"`
	Username                 string       `json:"Username"`
	SoftwareTokenMFASettings *MFASettings `json:"SoftwareTokenMfaSettings"`
	SMSMFASettings           *MFASettings `json:"SMSMfaSettings"`
	EmailMFASettings         *MFASettings `json:"EmailMfaSettings"`
}

// AdminSetUserMFAPreferenceOutput is empty.
type AdminSetUserMFAPreferenceOutput struct{}
