package userpool

// Description is a user pool as DescribeUserPool tells.
type Description struct {
	ID                     string            `json:"Id"`
	Name                   string            `json:"Name"`
	ARN                    string            `json:"Arn,omitempty"`
	Policies               PoolPolicies      `json:"Policies"`
	SchemaAttributes       []SchemaAttribute `json:"SchemaAttributes,omitempty"`
	AutoVerifiedAttributes []string          `json:"AutoVerifiedAttributes,omitempty"`
	AliasAttributes        []string          `json:"AliasAttributes,omitempty"`
	UsernameAttributes     []string          `json:"UsernameAttributes,omitempty"`
	MFAConfiguration       string            `json:"MfaConfiguration"`
	AdminCreateUserConfig  AdminCreateUsers  `json:"AdminCreateUserConfig"`
	UsernameConfiguration  UsernameCase      `json:"UsernameConfiguration"`
}

// PoolPolicies holds the password policy of a pool.
type PoolPolicies struct {
	PasswordPolicy PasswordRules `json:"PasswordPolicy"`
}

// PasswordRules is a PasswordPolicy on the wire.
type PasswordRules struct {
	MinimumLength                 int  `json:"MinimumLength"`
	RequireUppercase              bool `json:"RequireUppercase"`
	RequireLowercase              bool `json:"RequireLowercase"`
	RequireNumbers                bool `json:"RequireNumbers"`
	RequireSymbols                bool `json:"RequireSymbols"`
	TemporaryPasswordValidityDays int  `json:"TemporaryPasswordValidityDays"`
}

// SchemaAttribute is an attribute that users of a pool may have.
type SchemaAttribute struct {
	Name              string `json:"Name"`
	AttributeDataType string `json:"AttributeDataType"`
	Mutable           bool   `json:"Mutable"`
	Required          bool   `json:"Required"`
}

// AdminCreateUsers says whether only administrators make users.
type AdminCreateUsers struct {
	AllowAdminCreateUserOnly bool `json:"AllowAdminCreateUserOnly"`
}

// UsernameCase says that user names do not differ by case.
type UsernameCase struct {
	CaseSensitive bool `json:"CaseSensitive"`
}

// Summary is a user pool in a list.
type Summary struct {
	ID   string `json:"Id"`
	Name string `json:"Name"`
}

// ClientSummary is an app client in a list.
type ClientSummary struct {
	ClientID   string `json:"ClientId"`
	UserPoolID string `json:"UserPoolId"`
	ClientName string `json:"ClientName"`
}

// ClientDescription is an app client as DescribeUserPoolClient tells.
// Its secret is no part of it: a deployment has it from elsewhere.
type ClientDescription struct {
	UserPoolID                 string               `json:"UserPoolId"`
	ClientName                 string               `json:"ClientName"`
	ClientID                   string               `json:"ClientId"`
	RefreshTokenValidity       int                  `json:"RefreshTokenValidity"`
	AccessTokenValidity        int                  `json:"AccessTokenValidity"`
	IDTokenValidity            int                  `json:"IdTokenValidity"`
	TokenValidityUnits         TokenValidityUnits   `json:"TokenValidityUnits"`
	ReadAttributes             []string             `json:"ReadAttributes,omitempty"`
	WriteAttributes            []string             `json:"WriteAttributes,omitempty"`
	ExplicitAuthFlows          []string             `json:"ExplicitAuthFlows,omitempty"`
	CallbackURLs               []string             `json:"CallbackURLs,omitempty"`
	LogoutURLs                 []string             `json:"LogoutURLs,omitempty"`
	AllowedOAuthScopes         []string             `json:"AllowedOAuthScopes,omitempty"`
	PreventUserExistenceErrors string               `json:"PreventUserExistenceErrors"`
	EnableTokenRevocation      bool                 `json:"EnableTokenRevocation"`
	AuthSessionValidity        int                  `json:"AuthSessionValidity"`
	RefreshTokenRotation       RefreshTokenRotation `json:"RefreshTokenRotation"`
}

// TokenValidityUnits are the units of a client's lifetimes.
type TokenValidityUnits struct {
	AccessToken  string `json:"AccessToken"`
	IDToken      string `json:"IdToken"`
	RefreshToken string `json:"RefreshToken"`
}

// RefreshTokenRotation says whether every use of a refresh token gives a new
// one.
type RefreshTokenRotation struct {
	Feature                 string `json:"Feature"`
	RetryGracePeriodSeconds int    `json:"RetryGracePeriodSeconds"`
}
