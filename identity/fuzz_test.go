package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// FuzzAssumeRole wants every token and policy answered with a code of STS, and
// no credentials for a token that nobody signed.
func FuzzAssumeRole(f *testing.F) {
	s := newShop(f, nil)
	f.Add(s.token(idp, "alice", nil), onlyGet)
	_, token := s.poolToken(poolID, s.login(google, "alice"))
	f.Add(token, "")
	f.Add("a.b.c", "{}")
	f.Add("e30.e30.", "[")
	signed := map[string]bool{token: true, s.token(idp, "alice", nil): true}
	codes := []identity.Code{
		identity.STSAccessDenied, identity.STSExpiredToken, identity.STSInvalidIdentityToken, identity.STSRejectedClaim,
		identity.STSMalformedPolicyDocument, identity.STSPackedPolicyTooLarge, identity.STSValidationError,
	}
	f.Fuzz(func(t *testing.T, token, policy string) {
		for _, role := range []string{idpRole, userRole} {
			_, err := s.assume(role, token, func(x *identity.AssumeRoleWithWebIdentityInput) { x.Policy = policy })
			if err != nil {
				require.Contains(t, codes, identity.CodeOf(err))
				continue
			}
			require.True(t, signed[token])
		}
	})
}

// FuzzGetID wants every parameter answered with a code of the operation.
func FuzzGetID(f *testing.F) {
	s := newShop(f, nil)
	f.Add(poolID, accountID, google, s.token(google, "alice", nil))
	f.Add("us-east-1:0", "", pool, "a.b.c")
	f.Add("\xff", "٣", developer, "\x00")
	codes := []identity.Code{identity.InvalidParameter, identity.NotAuthorized, identity.ResourceNotFound}
	f.Fuzz(func(t *testing.T, pool, account, provider, token string) {
		_, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: pool, AccountID: account, Logins: map[string]string{provider: token}})
		if err != nil {
			require.Contains(t, codes, identity.CodeOf(err))
		}
	})
}
