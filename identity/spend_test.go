package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// spender is the SAML provider of the shop with a note of what was spent where.
type spender struct {
	corporate
	spent   []string
	refuses bool
	// ends is when the provider's session does.
	ends time.Time
}

func (s *spender) Verify(ctx context.Context, token string, clients []string) (*identity.Login, error) {
	l, err := s.corporate.Verify(ctx, token, clients)
	if err == nil {
		l.SessionExpires = s.ends
	}
	return l, err
}

func (s *spender) Spend(_ context.Context, l *identity.Login, pool string) error {
	if s.refuses {
		return identity.Errorf(identity.NotAuthorized, "Token is inactive")
	}
	s.spent = append(s.spent, l.Subject+" at "+pool)
	return nil
}

func newSpenderShop(t *testing.T) (*shop, *spender) {
	provider := &spender{}
	return newShop(t, func(s *shop) { s.options.Verifiers[samlARN] = provider }), provider
}

func TestPoolsSpendLogins(t *testing.T) {
	s, provider := newSpenderShop(t)
	logins := map[string]string{samlARN: `{"NameID": "alice"}`}
	out, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: poolID, Logins: logins})
	require.NoError(t, err)
	require.Equal(t, []string{"alice at " + poolID}, provider.spent)
	in := &identity.GetCredentialsForIdentityInput{IdentityID: out.IdentityID, Logins: logins}
	_, err = s.GetCredentialsForIdentity(s.ctx, in)
	require.NoError(t, err)
	require.Len(t, provider.spent, 2)

	_, err = s.Lens(s.ctx, poolID, logins)
	require.NoError(t, err)
	require.Len(t, provider.spent, 2, "looking at a login spends nothing")

	provider.refuses = true
	_, err = s.GetCredentialsForIdentity(s.ctx, in)
	require.EqualError(t, err, "NotAuthorizedException: Token is inactive")
	_, err = s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: poolID, Logins: logins})
	require.EqualError(t, err, "NotAuthorizedException: Token is inactive")
}

// All logins are verified before one of them is spent.
func TestPoolsSpendNothingBesideABadLogin(t *testing.T) {
	s, provider := newSpenderShop(t)
	_, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: poolID, Logins: map[string]string{
		samlARN: `{"NameID": "alice"}`, idp: "bad",
	}})
	require.Equal(t, identity.NotAuthorized, identity.CodeOf(err))
	require.Empty(t, provider.spent)
}

func TestSTSSpendsAssertions(t *testing.T) {
	s, provider := newSpenderShop(t)
	in := &identity.AssumeRoleWithSAMLInput{RoleARN: userRole, PrincipalARN: samlARN, Assertion: assertion(t, claims{"Role": userRole + "," + samlARN})}
	_, err := s.AssumeRoleWithSAML(s.ctx, in)
	require.Equal(t, identity.STSAccessDenied, identity.CodeOf(err))
	require.Empty(t, provider.spent, "a role that does not trust the provider costs no login")

	in.RoleARN, in.Assertion = samlRole, assertion(t, nil)
	_, err = s.AssumeRoleWithSAML(s.ctx, in)
	require.NoError(t, err)
	require.Equal(t, []string{"alice at "}, provider.spent)
	provider.refuses = true
	_, err = s.AssumeRoleWithSAML(s.ctx, in)
	require.Equal(t, identity.STSInvalidIdentityToken, identity.CodeOf(err))
}

// sessionEnds are ends of a provider's session, and how long Rowan's is then.
var sessionEnds = map[string]struct{ ends, want time.Duration }{
	"not said":       {0, time.Hour},
	"later":          {2 * time.Hour, time.Hour},
	"earlier":        {10 * time.Minute, 10 * time.Minute},
	"between two":    {10*time.Second + 500*time.Millisecond, 10 * time.Second},
	"in this second": {500 * time.Millisecond, 0},
}

// A session at STS ends with the provider's own at the latest.
func TestSTSSessionEndsWithTheProviders(t *testing.T) {
	for name, c := range sessionEnds {
		t.Run(name, func(t *testing.T) {
			s, provider := newSpenderShop(t)
			if c.ends > 0 {
				provider.ends = noon.Add(c.ends)
			}
			out, err := s.AssumeRoleWithSAML(s.ctx, &identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: assertion(t, nil)})
			if c.want == 0 {
				require.Equal(t, identity.STSExpiredToken, identity.CodeOf(err))
				require.Empty(t, provider.spent)
				return
			}
			require.NoError(t, err)
			require.Equal(t, noon.Add(c.want), out.Credentials.Expires)
		})
	}
}

// So does a session of a pool.
func TestPoolSessionEndsWithTheProviders(t *testing.T) {
	for name, c := range sessionEnds {
		t.Run(name, func(t *testing.T) {
			s, provider := newSpenderShop(t)
			logins := map[string]string{samlARN: `{"NameID": "alice"}`, google: s.token(google, "g-1", nil)}
			id, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: poolID, Logins: logins})
			require.NoError(t, err)
			if c.ends > 0 {
				provider.ends = noon.Add(c.ends)
			}
			out, err := s.GetCredentialsForIdentity(s.ctx, &identity.GetCredentialsForIdentityInput{IdentityID: id.IdentityID, Logins: logins})
			if c.want == 0 {
				require.Equal(t, identity.NotAuthorized, identity.CodeOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, noon.Add(c.want), out.Credentials.Expires)
		})
	}
}
