package identity_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestListIdentities(t *testing.T) {
	s := newShop(t, nil)
	want := map[string]bool{}
	for i := range 70 {
		want[s.mustID(s.login(google, fmt.Sprint("user", i)))] = true
	}
	s.clock.at = s.clock.at.Add(1e9)
	gone := s.mustID(s.login(idp, "user0"))
	left := s.mustID(both(s.login(google, "user0"), s.login(idp, "user0")))
	list := func(hide bool, size int64) map[string]bool {
		found := map[string]bool{}
		in := &identity.ListIdentitiesInput{IdentityPoolID: poolID, MaxResults: size, HideDisabled: hide}
		for {
			out, err := s.ListIdentities(s.ctx, in)
			require.NoError(t, err)
			require.LessOrEqual(t, int64(len(out.Identities)), size)
			for _, x := range out.Identities {
				require.False(t, found[x.IdentityID])
				found[x.IdentityID] = true
			}
			if in.NextToken = out.NextToken; in.NextToken == "" {
				return found
			}
		}
	}
	for _, size := range []int64{1, 7, 60} {
		require.Equal(t, want, list(true, size))
		all := list(false, size)
		require.True(t, all[gone])
		require.Len(t, all, len(want)+1)
	}
	out, err := s.ListIdentities(s.ctx, &identity.ListIdentitiesInput{IdentityPoolID: poolID, MaxResults: 60})
	require.NoError(t, err)
	i := slices.IndexFunc(out.Identities, func(x identity.DescribeIdentityOutput) bool { return x.IdentityID != gone && x.IdentityID != left })
	text, err := json.Marshal(out.Identities[i])
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"IdentityId": %q, "Logins": ["accounts.google.com"], "CreationDate": 1795435200, "LastModifiedDate": 1795435200}`,
		out.Identities[i].IdentityID), string(text), "no subjects on the wire")
	_, err = s.ListIdentities(s.ctx, &identity.ListIdentitiesInput{IdentityPoolID: otherPool, MaxResults: 1, NextToken: out.NextToken})
	refused(t, err, identity.InvalidParameter, "NextToken")
	for _, size := range []int64{-1, 0, 61} {
		_, err = s.ListIdentities(s.ctx, &identity.ListIdentitiesInput{IdentityPoolID: poolID, MaxResults: size})
		refused(t, err, identity.InvalidParameter, "maxResults")
	}
}

func TestDeleteIdentities(t *testing.T) {
	s := newShop(t, nil)
	id, other := s.mustID(s.login(google, "alice")), s.mustID(s.login(google, "bob"))
	out, err := s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{id, "us-east-1:0"}})
	require.NoError(t, err)
	require.Empty(t, out.UnprocessedIdentityIDs)
	_, err = s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: id})
	refused(t, err, identity.ResourceNotFound, "not found")
	require.NotEqual(t, id, s.mustID(s.login(google, "alice")))
	require.Equal(t, other, s.mustID(s.login(google, "bob")))

	foreign, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: otherPool, Logins: s.login(google, "bob")})
	require.NoError(t, err)
	delete(s.account.Pools, otherPool)
	out, err = s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{foreign.IdentityID}})
	require.NoError(t, err)
	require.Equal(t, []identity.UnprocessedIdentity{{ErrorCode: "AccessDenied", IdentityID: foreign.IdentityID}}, out.UnprocessedIdentityIDs)
	for _, ids := range [][]string{nil, make([]string, 61), {"x"}} {
		_, err = s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: ids})
		refused(t, err, identity.InvalidParameter, "identityIdsToDelete")
	}
}

func TestDescribePools(t *testing.T) {
	s := newShop(t, nil)
	same := func(want string, out any, err error) {
		t.Helper()
		require.NoError(t, err)
		text, err := json.Marshal(out)
		require.NoError(t, err)
		require.JSONEq(t, want, string(text))
	}
	one, err := s.DescribeIdentityPool(s.ctx, &identity.DescribeIdentityPoolInput{IdentityPoolID: poolID})
	same(`{"IdentityPoolId": "`+poolID+`", "IdentityPoolName": "shop", "AllowUnauthenticatedIdentities": true, "AllowClassicFlow": true,
"DeveloperProviderName": "login.shop.example", "SupportedLoginProviders": {"accounts.google.com": "g1"},
"CognitoIdentityProviders": [{"ProviderName": "`+directory+`", "ClientId": "d1", "ServerSideTokenCheck": true}],
"OpenIdConnectProviderARNs": ["`+idpARN+`"], "SamlProviderARNs": ["`+samlARN+`"]}`, one, err)
	roles, err := s.GetIdentityPoolRoles(s.ctx, &identity.GetIdentityPoolRolesInput{IdentityPoolID: poolID})
	same(`{"IdentityPoolId": "`+poolID+`", "Roles": {"authenticated": "`+userRole+`", "unauthenticated": "`+guestRole+`"}, "RoleMappings": {
"`+directory+`:d1": {"Type": "Token", "AmbiguousRoleResolution": "Deny"},
"`+idpARN+`": {"Type": "Rules", "AmbiguousRoleResolution": "AuthenticatedRole", "RulesConfiguration": {"Rules": [
{"Claim": "dept", "MatchType": "Equals", "Value": "sales", "RoleARN": "`+salesRole+`"},
{"Claim": "dept", "MatchType": "StartsWith", "Value": "sa", "RoleARN": "`+adminRole+`"}]}}}}`, roles, err)
	for _, name := range []string{idp, idpARN} {
		tags, err := s.GetPrincipalTagAttributeMap(s.ctx, &identity.GetPrincipalTagAttributeMapInput{IdentityPoolID: poolID, IdentityProviderName: name})
		same(`{"IdentityPoolId": "`+poolID+`", "IdentityProviderName": "`+name+`", "UseDefaults": false, "PrincipalTags": {"dept": "dept"}}`, tags, err)
	}
	_, err = s.GetPrincipalTagAttributeMap(s.ctx, &identity.GetPrincipalTagAttributeMapInput{IdentityPoolID: poolID, IdentityProviderName: "x"})
	refused(t, err, identity.ResourceNotFound, "'x'")
	for _, id := range []string{"us-east-1:0", ""} {
		_, err = s.DescribeIdentityPool(s.ctx, &identity.DescribeIdentityPoolInput{IdentityPoolID: id})
		require.Error(t, err)
	}

	first, err := s.ListIdentityPools(s.ctx, &identity.ListIdentityPoolsInput{MaxResults: 1})
	require.NoError(t, err)
	require.Equal(t, []identity.PoolSummary{{IdentityPoolID: otherPool, IdentityPoolName: "other"}}, first.IdentityPools)
	second, err := s.ListIdentityPools(s.ctx, &identity.ListIdentityPoolsInput{MaxResults: 1, NextToken: first.NextToken})
	require.NoError(t, err)
	require.Equal(t, []identity.PoolSummary{{IdentityPoolID: poolID, IdentityPoolName: "shop"}}, second.IdentityPools)
	require.Empty(t, second.NextToken)
	_, err = s.ListIdentityPools(s.ctx, &identity.ListIdentityPoolsInput{MaxResults: 1, NextToken: "x"})
	refused(t, err, identity.InvalidParameter, "NextToken")
}
