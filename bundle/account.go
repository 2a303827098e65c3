package bundle

import (
	"errors"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// IdentityAccount returns what identity needs of the bundle: its roles, pools,
// providers, guardrails and administrators. It shares the bundle's values,
// which do not change. The error says that Load did not make the bundle.
//
// The providers of pools that providers/NAME.yaml does not register are not
// among them: see identity.Account.Issuer.
func (b *Bundle) IdentityAccount() (*identity.Account, error) {
	if b.vocabulary == nil {
		return nil, errors.New("a bundle that was not loaded has no account")
	}
	a := &identity.Account{
		ID: b.Account, Partition: b.Partition, Region: b.Region, Vocabulary: b.vocabulary,
		Roles:          make(map[string]*identity.Role, len(b.Roles)),
		Pools:          make(map[string]*identity.PoolConfig, len(b.IdentityPools)),
		Administrators: map[string]*identity.Administrator{},
		OIDC:           map[string]*identity.OIDCProvider{},
		SAML:           map[string]*identity.SAMLProvider{},
		ServiceControl: b.serviceControl, ResourceControl: b.resourceControl,
	}
	for _, r := range b.Roles {
		a.Roles[r.ARN] = r.identity()
	}
	for _, p := range b.IdentityPools {
		a.Pools[p.ID] = &p.PoolConfig
	}
	for _, x := range b.Administrators {
		for _, key := range x.AccessKeys {
			a.Administrators[key] = &identity.Administrator{
				ARN: x.ARN, UniqueID: x.UniqueID, AccessKeyID: key, Tags: x.Tags, Identity: x.Identity, Boundary: x.Boundary,
			}
		}
	}
	for _, p := range b.Providers {
		switch {
		case p.OIDC != nil:
			a.OIDC[p.OIDC.Name] = p.OIDC
		case p.SAML != nil:
			a.SAML[p.SAML.ARN] = p.SAML
		case p.Facebook != nil:
			a.Facebook = p.Facebook
		}
	}
	return a, nil
}

func (r *Role) identity() *identity.Role {
	out := &identity.Role{
		ARN: r.ARN, UniqueID: r.UniqueID, Trust: r.Trust, Identity: r.Identity, Boundary: r.Boundary,
		Tags: r.Tags, MaxSession: r.MaxSession,
	}
	if r.trust != nil {
		out.TrustDocument = r.trust.Document
	}
	return out
}

// UserPoolConfigs returns the user pools, in the order of their names.
func (b *Bundle) UserPoolConfigs() []userpool.Config {
	out := make([]userpool.Config, len(b.UserPools))
	for i, p := range b.UserPools {
		out[i] = p.Config
	}
	return out
}
