package userpool

import (
	"context"
	"slices"
	"time"
)

// DescribeUserPool tells how a pool is configured.
func (d *Directory) DescribeUserPool(_ context.Context, in *DescribeUserPoolInput) (*DescribeUserPoolOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	out := &Description{
		ID: p.ID, Name: p.Name, MFAConfiguration: p.MFA,
		AutoVerifiedAttributes: p.AutoVerified, AliasAttributes: p.AliasAttributes, UsernameAttributes: p.UsernameAttributes,
		Policies: PoolPolicies{PasswordPolicy: PasswordRules{
			MinimumLength:    p.Password.MinimumLength,
			RequireUppercase: p.Password.RequireUppercase, RequireLowercase: p.Password.RequireLowercase,
			RequireNumbers: p.Password.RequireNumbers, RequireSymbols: p.Password.RequireSymbols,
			TemporaryPasswordValidityDays: p.Password.TemporaryDays,
		}},
		AdminCreateUserConfig: AdminCreateUsers{AllowAdminCreateUserOnly: !p.SignUp},
	}
	for name, a := range p.schema {
		out.SchemaAttributes = append(out.SchemaAttributes, SchemaAttribute{
			Name: name, AttributeDataType: "String", Mutable: a.Mutable, Required: a.Required,
		})
	}
	slices.SortFunc(out.SchemaAttributes, func(a, b SchemaAttribute) int { return compare(a.Name, b.Name) })
	return &DescribeUserPoolOutput{UserPool: out}, nil
}

// DescribeUserPoolClient tells how a client is configured, without its secret.
func (d *Directory) DescribeUserPoolClient(_ context.Context, in *DescribeUserPoolClientInput) (*DescribeUserPoolClientOutput, error) {
	c, err := d.poolClient(in.UserPoolID, in.ClientID)
	if err != nil {
		return nil, err
	}
	seconds := func(t time.Duration) int { return int(t / time.Second) }
	out := &ClientDescription{
		UserPoolID: c.pool.ID, ClientName: c.Name, ClientID: c.ID,
		RefreshTokenValidity: seconds(c.RefreshTokenLife), AccessTokenValidity: seconds(c.AccessTokenLife),
		IDTokenValidity: seconds(c.IDTokenLife), TokenValidityUnits: TokenValidityUnits{"seconds", "seconds", "seconds"},
		ReadAttributes: c.ReadAttributes, WriteAttributes: c.WriteAttributes,
		CallbackURLs: c.CallbackURLs, LogoutURLs: c.LogoutURLs, AllowedOAuthScopes: c.Scopes,
		PreventUserExistenceErrors: "LEGACY", EnableTokenRevocation: c.Revocation,
		AuthSessionValidity:  int(c.SessionLife / time.Minute),
		RefreshTokenRotation: RefreshTokenRotation{"DISABLED", seconds(c.RotateGrace)},
	}
	for _, flow := range c.Flows {
		out.ExplicitAuthFlows = append(out.ExplicitAuthFlows, "ALLOW_"+flow)
	}
	if c.PreventUserExistenceErrors {
		out.PreventUserExistenceErrors = "ENABLED"
	}
	if c.RotateRefresh {
		out.RefreshTokenRotation.Feature = "ENABLED"
	}
	return &DescribeUserPoolClientOutput{UserPoolClient: out}, nil
}

// ListUserPools lists the pools by id.
func (d *Directory) ListUserPools(_ context.Context, in *ListUserPoolsInput) (*ListUserPoolsOutput, error) {
	var f faults
	f.number("maxResults", in.MaxResults, 1, pageSize)
	if err := f.err(); err != nil {
		return nil, err
	}
	from, to, next, err := d.window("pools", in.MaxResults, in.NextToken, len(d.ids))
	if err != nil {
		return nil, err
	}
	out := &ListUserPoolsOutput{UserPools: []Summary{}, NextToken: next}
	for _, id := range d.ids[from:to] {
		out.UserPools = append(out.UserPools, Summary{ID: id, Name: d.pools[id].Name})
	}
	return out, nil
}

// ListUserPoolClients lists the clients of a pool, as they are configured.
func (d *Directory) ListUserPoolClients(_ context.Context, in *ListUserPoolClientsInput) (*ListUserPoolClientsOutput, error) {
	p, err := d.pool(in.UserPoolID)
	if err != nil {
		return nil, err
	}
	from, to, next, err := d.window(p.key("clients"), in.MaxResults, in.NextToken, len(p.clients))
	if err != nil {
		return nil, err
	}
	out := &ListUserPoolClientsOutput{UserPoolClients: []ClientSummary{}, NextToken: next}
	for _, c := range p.clients[from:to] {
		out.UserPoolClients = append(out.UserPoolClients, ClientSummary{ClientID: c.ID, UserPoolID: p.ID, ClientName: c.Name})
	}
	return out, nil
}
