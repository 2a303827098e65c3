package identity

import "context"

// GetOpenIDTokenInput asks for the pool's own token of an identity.
type GetOpenIDTokenInput struct {
	IdentityID string            `json:"IdentityId"`
	Logins     map[string]string `json:"Logins,omitempty"`
}

// GetOpenIDTokenOutput is the answer of GetOpenIDToken. IdentityID may differ
// from the one sent, after a merge.
type GetOpenIDTokenOutput struct {
	IdentityID string `json:"IdentityId"`
	Token      string `json:"Token"`
}

// GetOpenIDToken makes a token of the pool that is good for ten minutes: the
// basic flow, which the pool must allow. Source: identity-protocol §1.7, §1.8.
func (p *Pools) GetOpenIDToken(ctx context.Context, in *GetOpenIDTokenInput) (*GetOpenIDTokenOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}
