package identity

import "context"

// UnlinkIdentityInput names providers whose logins leave an identity.
type UnlinkIdentityInput struct {
	IdentityID     string            `json:"IdentityId"`
	Logins         map[string]string `json:"Logins"`
	LoginsToRemove []string          `json:"LoginsToRemove"`
}

// UnlinkIdentityOutput is empty.
type UnlinkIdentityOutput struct{}

// UnlinkIdentity takes logins off an identity; each must be proven by a token.
// An identity that loses its last login can be reached no more. Source:
// identity-protocol §1.6.
func (p *Pools) UnlinkIdentity(ctx context.Context, in *UnlinkIdentityInput) (*UnlinkIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}
