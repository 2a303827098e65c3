package identity

import (
	"context"
	"strings"
)

// DescribeIdentityPoolInput names a pool.
type DescribeIdentityPoolInput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
}

// DescribeIdentityPoolOutput is a pool as its bundle describes it.
type DescribeIdentityPoolOutput struct {
	AllowClassicFlow               bool                `json:"AllowClassicFlow"`
	AllowUnauthenticatedIdentities bool                `json:"AllowUnauthenticatedIdentities"`
	CognitoIdentityProviders       []UserPoolReference `json:"CognitoIdentityProviders,omitempty"`
	DeveloperProviderName          string              `json:"DeveloperProviderName,omitempty"`
	IdentityPoolID                 string              `json:"IdentityPoolId"`
	IdentityPoolName               string              `json:"IdentityPoolName"`
	OpenIDConnectProviderARNs      []string            `json:"OpenIdConnectProviderARNs,omitempty"`
	SAMLProviderARNs               []string            `json:"SamlProviderARNs,omitempty"`
	SupportedLoginProviders        map[string]string   `json:"SupportedLoginProviders,omitempty"`
}

// UserPoolReference is a client of a user pool whose tokens a pool takes.
type UserPoolReference struct {
	ClientID             string `json:"ClientId"`
	ProviderName         string `json:"ProviderName"`
	ServerSideTokenCheck bool   `json:"ServerSideTokenCheck"`
}

// DescribeIdentityPool returns a pool.
func (p *Pools) DescribeIdentityPool(ctx context.Context, in *DescribeIdentityPoolInput) (*DescribeIdentityPoolOutput, error) {
	out, err := p.describePool(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "DescribeIdentityPool", err)
	}
	return out, nil
}

func (p *Pools) describePool(_ context.Context, in *DescribeIdentityPoolInput) (*DescribeIdentityPoolOutput, error) {
	pool, err := p.named(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	out := &DescribeIdentityPoolOutput{
		IdentityPoolID: pool.ID, IdentityPoolName: pool.Name, AllowClassicFlow: pool.ClassicFlow,
		AllowUnauthenticatedIdentities: pool.Unauthenticated != "", DeveloperProviderName: pool.DeveloperProvider,
	}
	for i := range pool.Providers {
		out.add(&pool.Providers[i], p.oidcARN(pool.Providers[i].Name))
	}
	return out, nil
}

func (o *DescribeIdentityPoolOutput) add(x *PoolProvider, arn string) {
	switch x.Kind {
	case UserPoolProvider:
		for _, client := range x.Clients {
			o.CognitoIdentityProviders = append(o.CognitoIdentityProviders, UserPoolReference{client, x.Name, x.ServerSideTokenCheck})
		}
	case SocialProvider:
		if o.SupportedLoginProviders == nil {
			o.SupportedLoginProviders = map[string]string{}
		}
		o.SupportedLoginProviders[x.Name] = strings.Join(x.Clients, ";")
	case OpenIDProvider:
		o.OpenIDConnectProviderARNs = append(o.OpenIDConnectProviderARNs, arn)
	case SAML2Provider:
		o.SAMLProviderARNs = append(o.SAMLProviderARNs, x.Name)
	case DeveloperProvider: // has a member of its own
	}
}

// named returns the pool of a call that only names one.
func (p *Pools) named(id string) (*PoolConfig, error) {
	var f faults
	f.required("identityPoolId", id, idRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	return p.pool(id)
}

// ListIdentityPoolsInput asks for a page of pools.
type ListIdentityPoolsInput struct {
	// MaxResults is 1 to 60.
	MaxResults int64  `json:"MaxResults"`
	NextToken  string `json:"NextToken,omitempty"`
}

// ListIdentityPoolsOutput is a page; it is the last one if NextToken is empty.
type ListIdentityPoolsOutput struct {
	IdentityPools []PoolSummary `json:"IdentityPools"`
	NextToken     string        `json:"NextToken,omitempty"`
}

// PoolSummary names a pool.
type PoolSummary struct {
	IdentityPoolID   string `json:"IdentityPoolId"`
	IdentityPoolName string `json:"IdentityPoolName"`
}

// ListIdentityPools lists the pools in the order of their ids.
func (p *Pools) ListIdentityPools(ctx context.Context, in *ListIdentityPoolsInput) (*ListIdentityPoolsOutput, error) {
	out, err := p.listPools(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "ListIdentityPools", err)
	}
	return out, nil
}

func (p *Pools) listPools(_ context.Context, in *ListIdentityPoolsInput) (*ListIdentityPoolsOutput, error) {
	var f faults
	most := f.number("maxResults", &in.MaxResults, 1, maxPage, 0)
	f.optional("nextToken", in.NextToken, nextTokenRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	now := p.now()
	after, err := p.openPage(now, "ListIdentityPools", in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ListIdentityPoolsOutput{IdentityPools: []PoolSummary{}}
	for _, id := range sortedKeys(p.options.Account.Pools) {
		if id <= after {
			continue
		}
		if n := len(out.IdentityPools); int64(n) == most {
			out.NextToken, err = p.sealPage(now, "ListIdentityPools", out.IdentityPools[n-1].IdentityPoolID)
			break
		}
		out.IdentityPools = append(out.IdentityPools, PoolSummary{id, p.options.Account.Pools[id].Name})
	}
	return out, err
}

// GetIdentityPoolRolesInput names a pool.
type GetIdentityPoolRolesInput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
}

// GetIdentityPoolRolesOutput says which roles a pool gives.
type GetIdentityPoolRolesOutput struct {
	IdentityPoolID string `json:"IdentityPoolId"`
	// RoleMappings are by provider; a user pool stands once for each client.
	RoleMappings map[string]RoleMappingDescription `json:"RoleMappings,omitempty"`
	// Roles has the keys authenticated and unauthenticated.
	Roles map[string]string `json:"Roles"`
}

// RoleMappingDescription is a RoleMapping in wire form.
type RoleMappingDescription struct {
	AmbiguousRoleResolution string              `json:"AmbiguousRoleResolution,omitempty"`
	RulesConfiguration      *RulesConfiguration `json:"RulesConfiguration,omitempty"`
	Type                    string              `json:"Type"`
}

// RulesConfiguration holds the rules of a mapping.
type RulesConfiguration struct {
	Rules []MappingRule `json:"Rules"`
}

// MappingRule is a RoleRule in wire form.
type MappingRule struct {
	Claim     string `json:"Claim"`
	MatchType string `json:"MatchType"`
	RoleARN   string `json:"RoleARN"`
	Value     string `json:"Value"`
}

// GetIdentityPoolRoles returns the roles of a pool.
func (p *Pools) GetIdentityPoolRoles(ctx context.Context, in *GetIdentityPoolRolesInput) (*GetIdentityPoolRolesOutput, error) {
	out, err := p.poolRoles(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetIdentityPoolRoles", err)
	}
	return out, nil
}

func (p *Pools) poolRoles(_ context.Context, in *GetIdentityPoolRolesInput) (*GetIdentityPoolRolesOutput, error) {
	pool, err := p.named(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	out := &GetIdentityPoolRolesOutput{IdentityPoolID: pool.ID, Roles: map[string]string{}, RoleMappings: map[string]RoleMappingDescription{}}
	if pool.Authenticated != "" {
		out.Roles["authenticated"] = pool.Authenticated
	}
	if pool.Unauthenticated != "" {
		out.Roles["unauthenticated"] = pool.Unauthenticated
	}
	for i := range pool.Providers {
		x := &pool.Providers[i]
		if x.Roles.Type == "" {
			continue
		}
		for _, key := range p.mappingKeys(x) {
			out.RoleMappings[key] = x.Roles.description()
		}
	}
	return out, nil
}

// mappingKeys are the keys of a provider's role mapping. Source:
// identity-protocol §1.2.
func (p *Pools) mappingKeys(x *PoolProvider) []string {
	switch x.Kind {
	case UserPoolProvider:
		out := make([]string, len(x.Clients))
		for i, client := range x.Clients {
			out[i] = x.Name + ":" + client
		}
		return out
	case OpenIDProvider:
		return []string{p.oidcARN(x.Name)}
	case SocialProvider, SAML2Provider, DeveloperProvider:
	}
	return []string{x.Name}
}

func (m *RoleMapping) description() RoleMappingDescription {
	out := RoleMappingDescription{Type: m.Type, AmbiguousRoleResolution: m.Ambiguous}
	if m.Type == mappingRules {
		out.RulesConfiguration = &RulesConfiguration{Rules: []MappingRule{}}
		for _, r := range m.Rules {
			out.RulesConfiguration.Rules = append(out.RulesConfiguration.Rules, MappingRule{Claim: r.Claim, MatchType: r.Match, RoleARN: r.Role, Value: r.Value})
		}
	}
	return out
}

// GetPrincipalTagAttributeMapInput names a provider of a pool, an OIDC or SAML
// one by its ARN.
type GetPrincipalTagAttributeMapInput struct {
	IdentityPoolID       string `json:"IdentityPoolId"`
	IdentityProviderName string `json:"IdentityProviderName"`
}

// GetPrincipalTagAttributeMapOutput says which claims become tags.
type GetPrincipalTagAttributeMapOutput struct {
	IdentityPoolID       string            `json:"IdentityPoolId"`
	IdentityProviderName string            `json:"IdentityProviderName"`
	PrincipalTags        map[string]string `json:"PrincipalTags,omitempty"`
	UseDefaults          bool              `json:"UseDefaults"`
}

// GetPrincipalTagAttributeMap returns the tag mapping of a provider.
func (p *Pools) GetPrincipalTagAttributeMap(ctx context.Context, in *GetPrincipalTagAttributeMapInput) (*GetPrincipalTagAttributeMapOutput, error) {
	out, err := p.tagMap(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetPrincipalTagAttributeMap", err)
	}
	return out, nil
}

func (p *Pools) tagMap(_ context.Context, in *GetPrincipalTagAttributeMapInput) (*GetPrincipalTagAttributeMapOutput, error) {
	var f faults
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	f.required("identityProviderName", in.IdentityProviderName, rule{min: 1, max: 2048})
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	pool, err := p.pool(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	for i := range pool.Providers {
		x := &pool.Providers[i]
		if x.Name != in.IdentityProviderName && (x.Kind != OpenIDProvider || p.oidcARN(x.Name) != in.IdentityProviderName) {
			continue
		}
		out := &GetPrincipalTagAttributeMapOutput{IdentityPoolID: pool.ID, IdentityProviderName: in.IdentityProviderName, UseDefaults: x.PrincipalTags.Defaults}
		for _, t := range x.PrincipalTags.claims(x.Kind) {
			if out.PrincipalTags == nil {
				out.PrincipalTags = map[string]string{}
			}
			out.PrincipalTags[t.Tag] = t.Claim
		}
		return out, nil
	}
	return nil, Errorf(ResourceNotFound, "The identity pool has no provider %s.", shown(in.IdentityProviderName))
}
