package identity

import "context"

// GetOpenIDTokenForDeveloperIdentityInput says who a user is, in the words of
// the developer's own directory. The call is signed.
type GetOpenIDTokenForDeveloperIdentityInput struct {
	// IdentityID links the user to an identity; empty finds the user's or
	// makes one.
	IdentityID     string `json:"IdentityId,omitempty"`
	IdentityPoolID string `json:"IdentityPoolId"`
	// Logins hold the user id under the pool's developer provider name, and
	// tokens of public providers.
	Logins map[string]string `json:"Logins"`
	// PrincipalTags win over what the pool's mapping says.
	PrincipalTags map[string]string `json:"PrincipalTags,omitempty"`
	// TokenDuration is in seconds; nil means 900.
	TokenDuration *int64 `json:"TokenDuration,omitempty"`
}

// GetOpenIDTokenForDeveloperIdentityOutput is the answer.
type GetOpenIDTokenForDeveloperIdentityOutput struct {
	IdentityID string `json:"IdentityId"`
	Token      string `json:"Token"`
}

// GetOpenIDTokenForDeveloperIdentity makes a token that its bearer presents as
// a login under cognito-identity.amazonaws.com, or to STS. The caller must have
// been authorized: this trusts what it says. Source: identity-protocol §1.6.
func (p *Pools) GetOpenIDTokenForDeveloperIdentity(ctx context.Context, in *GetOpenIDTokenForDeveloperIdentityInput) (*GetOpenIDTokenForDeveloperIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

// LookupDeveloperIdentityInput has an identity, a developer's user id, or both.
type LookupDeveloperIdentityInput struct {
	DeveloperUserIdentifier string `json:"DeveloperUserIdentifier,omitempty"`
	IdentityID              string `json:"IdentityId,omitempty"`
	IdentityPoolID          string `json:"IdentityPoolId"`
	// MaxResults is 1 to 60; nil means 60.
	MaxResults *int64 `json:"MaxResults,omitempty"`
	NextToken  string `json:"NextToken,omitempty"`
}

// LookupDeveloperIdentityOutput is an identity with its developer's user ids.
type LookupDeveloperIdentityOutput struct {
	DeveloperUserIdentifierList []string `json:"DeveloperUserIdentifierList"`
	IdentityID                  string   `json:"IdentityId"`
	NextToken                   string   `json:"NextToken,omitempty"`
}

// LookupDeveloperIdentity maps a developer's user id to its identity, and back.
func (p *Pools) LookupDeveloperIdentity(ctx context.Context, in *LookupDeveloperIdentityInput) (*LookupDeveloperIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

// MergeDeveloperIdentitiesInput names two users of the developer's directory.
type MergeDeveloperIdentitiesInput struct {
	DestinationUserIdentifier string `json:"DestinationUserIdentifier"`
	DeveloperProviderName     string `json:"DeveloperProviderName"`
	IdentityPoolID            string `json:"IdentityPoolId"`
	SourceUserIdentifier      string `json:"SourceUserIdentifier"`
}

// MergeDeveloperIdentitiesOutput is the identity that is left.
type MergeDeveloperIdentitiesOutput struct {
	IdentityID string `json:"IdentityId"`
}

// MergeDeveloperIdentities moves the logins of the source's identity to the
// destination's and disables the former.
func (p *Pools) MergeDeveloperIdentities(ctx context.Context, in *MergeDeveloperIdentitiesInput) (*MergeDeveloperIdentitiesOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

// UnlinkDeveloperIdentityInput names one user and its identity.
type UnlinkDeveloperIdentityInput struct {
	DeveloperProviderName   string `json:"DeveloperProviderName"`
	DeveloperUserIdentifier string `json:"DeveloperUserIdentifier"`
	IdentityID              string `json:"IdentityId"`
	IdentityPoolID          string `json:"IdentityPoolId"`
}

// UnlinkDeveloperIdentityOutput is empty.
type UnlinkDeveloperIdentityOutput struct{}

// UnlinkDeveloperIdentity takes a user id off an identity. The next token for
// that user makes a new one.
func (p *Pools) UnlinkDeveloperIdentity(ctx context.Context, in *UnlinkDeveloperIdentityInput) (*UnlinkDeveloperIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}
