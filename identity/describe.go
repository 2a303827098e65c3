package identity

import "context"

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
	return nil, Errorf(InternalError, "not yet")
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
	return nil, Errorf(InternalError, "not yet")
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
	return nil, Errorf(InternalError, "not yet")
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
	return nil, Errorf(InternalError, "not yet")
}
