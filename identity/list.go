package identity

import "context"

// ListIdentitiesInput asks for a page of a pool's identities.
type ListIdentitiesInput struct {
	HideDisabled   bool   `json:"HideDisabled,omitempty"`
	IdentityPoolID string `json:"IdentityPoolId"`
	// MaxResults is 1 to 60.
	MaxResults int64  `json:"MaxResults"`
	NextToken  string `json:"NextToken,omitempty"`
}

// ListIdentitiesOutput is a page; it is the last one if NextToken is empty.
type ListIdentitiesOutput struct {
	Identities     []IdentityDescription `json:"Identities"`
	IdentityPoolID string                `json:"IdentityPoolId"`
	NextToken      string                `json:"NextToken,omitempty"`
}

// ListIdentities lists the identities of a pool in the order of their ids.
func (p *Pools) ListIdentities(ctx context.Context, in *ListIdentitiesInput) (*ListIdentitiesOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

// DescribeIdentityInput names an identity.
type DescribeIdentityInput struct {
	IdentityID string `json:"IdentityId"`
}

// IdentityDescription is an identity. Its JSON is the wire's, which knows no
// subjects: Links, Disabled and MergedInto are for operators.
type IdentityDescription struct {
	CreationDate     Epoch  `json:"CreationDate"`
	IdentityID       string `json:"IdentityId"`
	LastModifiedDate Epoch  `json:"LastModifiedDate"`
	// Logins are names of providers, sorted.
	Logins []string `json:"Logins,omitempty"`

	Pool  string `json:"-"`
	Links []Link `json:"-"`
	// Disabled says that the identity was merged, into MergedInto.
	Disabled   bool   `json:"-"`
	MergedInto string `json:"-"`
}

// DescribeIdentity returns an identity.
func (p *Pools) DescribeIdentity(ctx context.Context, in *DescribeIdentityInput) (*IdentityDescription, error) {
	return nil, Errorf(InternalError, "not yet")
}

// DeleteIdentitiesInput names 1 to 60 identities.
type DeleteIdentitiesInput struct {
	IdentityIDsToDelete []string `json:"IdentityIdsToDelete"`
}

// DeleteIdentitiesOutput names those that are left.
type DeleteIdentitiesOutput struct {
	UnprocessedIdentityIDs []UnprocessedIdentity `json:"UnprocessedIdentityIds"`
}

// UnprocessedIdentity is an identity that was not deleted. ErrorCode is
// AccessDenied or InternalServerError.
type UnprocessedIdentity struct {
	ErrorCode  string `json:"ErrorCode"`
	IdentityID string `json:"IdentityId"`
}

// DeleteIdentities deletes identities with their logins. Credentials that they
// hold live on until they expire or are revoked.
func (p *Pools) DeleteIdentities(ctx context.Context, in *DeleteIdentitiesInput) (*DeleteIdentitiesOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}

// Lookup returns the identity of a provider's subject. The error is
// ResourceNotFound if it has none.
func (p *Pools) Lookup(ctx context.Context, poolID, provider, subject string) (string, error) {
	return "", Errorf(InternalError, "not yet")
}
