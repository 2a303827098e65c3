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
	id, err := p.getID(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetId", err)
	}
	return &GetIDOutput{IdentityID: id}, nil
}

func (p *Pools) getID(ctx context.Context, in *GetIDInput) (string, error) {
	var f faults
	f.optional("accountId", in.AccountID, accountRule)
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	f.logins(in.Logins, false)
	if err := f.err(InvalidParameter); err != nil {
		return "", err
	}
	if in.AccountID != "" && in.AccountID != p.options.Account.ID {
		return "", Errorf(InvalidParameter, "The identity pool is not of account %s.", shown(in.AccountID))
	}
	pool, err := p.pool(in.IdentityPoolID)
	if err != nil {
		return "", err
	}
	now := p.now()
	if len(in.Logins) == 0 {
		return p.newGuest(ctx, pool, now)
	}
	proofs, err := p.prove(ctx, pool, in.Logins)
	if err != nil {
		return "", err
	}
	r, err := p.settle(ctx, &question{pool: pool, proofs: proofs, now: now})
	if err != nil {
		return "", err
	}
	return r.identity.ID, nil
}
