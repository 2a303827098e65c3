package identity

import "context"

// GetIDInput asks for the identity of the logins, or for a new guest. Source:
// identity-protocol §1.3.
type GetIDInput struct {
	// AccountID, if it is given, must be the owner's.
	AccountID      string            `json:"AccountId,omitempty"`
	IdentityPoolID string            `json:"IdentityPoolId"`
	Logins         map[string]string `json:"Logins,omitempty"`
}

// GetIDOutput is the answer of GetID.
type GetIDOutput struct {
	IdentityID string `json:"IdentityId"`
}

// GetID returns the identity of the logins, which are all verified. An identity
// that does not exist yet is made; without logins that is a new guest each
// time. Logins of two identities merge them. Source: identity-protocol §1.6.
func (p *Pools) GetID(ctx context.Context, in *GetIDInput) (*GetIDOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}
