package server

import "github.com/rowan-authz/rowan/identity"

// identityPoolService is the table of cognito-identity. Source:
// identity-protocol §0.2, §1.2, §1.3.
//
// DescribeIdentity and DeleteIdentities name no pool, and so have no resource
// that a policy could name. Source: Service Authorization Reference, "Amazon
// Cognito Identity".
func identityPoolService(p *identity.Pools) *service {
	const pool = "IdentityPoolId"
	return &service{
		name: "cognito-identity", prefix: "AWSCognitoIdentityService",
		operations: map[string]*operation{
			"GetId":                     public(p.GetID),
			"GetCredentialsForIdentity": public(p.GetCredentialsForIdentity),
			"GetOpenIdToken":            public(p.GetOpenIDToken),
			"UnlinkIdentity":            public(p.UnlinkIdentity),

			"GetOpenIdTokenForDeveloperIdentity": signed(p.GetOpenIDTokenForDeveloperIdentity, pool),
			"LookupDeveloperIdentity":            signed(p.LookupDeveloperIdentity, pool),
			"MergeDeveloperIdentities":           signed(p.MergeDeveloperIdentities, pool),
			"UnlinkDeveloperIdentity":            signed(p.UnlinkDeveloperIdentity, pool),
			"ListIdentities":                     signed(p.ListIdentities, pool),
			"DescribeIdentity":                   signed(p.DescribeIdentity, ""),
			"DeleteIdentities":                   signed(p.DeleteIdentities, ""),
			"DescribeIdentityPool":               signed(p.DescribeIdentityPool, pool),
			"GetIdentityPoolRoles":               signed(p.GetIdentityPoolRoles, pool),
			"GetPrincipalTagAttributeMap":        signed(p.GetPrincipalTagAttributeMap, pool),
			"ListIdentityPools":                  signed(p.ListIdentityPools, ""),
		},
		fixed: []string{
			"CreateIdentityPool", "DeleteIdentityPool", "SetIdentityPoolRoles", "SetPrincipalTagAttributeMap",
			"TagResource", "UntagResource", "UpdateIdentityPool",
		},
		missing: []string{"ListTagsForResource"},
	}
}
