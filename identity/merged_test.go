package identity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestThreatRevokedUserMerged wants the sessions of an identity to end with it
// whose logins it took over, by however many steps: they are the same user's.
func TestThreatRevokedUserMerged(t *testing.T) {
	s := newShop(t, nil)
	revoke := func(id string) {
		require.NoError(t, s.sessions.Revoke(s.ctx, identity.Revocation{Identity: id}))
	}
	opens := func(out *identity.GetCredentialsForIdentityOutput, want error) {
		t.Helper()
		_, err := s.sessions.Open(s.ctx, out.Credentials.AccessKeyID, out.Credentials.Token)
		require.ErrorIs(t, err, want)
	}
	made := func(logins map[string]string) (string, *identity.GetCredentialsForIdentityOutput) {
		s.clock.at = s.clock.at.Add(time.Second)
		id := s.mustID(logins)
		out, err := s.credentials(id, logins)
		require.NoError(t, err)
		return id, out
	}
	corporate := map[string]string{samlARN: `{"NameID": "alice"}`}
	oldest, first := made(s.login(google, "alice"))
	middle, second := made(s.login(idp, "alice"))
	_, third := made(corporate)
	_, other := made(s.login(google, "bob"))
	_, guest := made(nil)
	require.NoError(t, s.sessions.Refresh(s.ctx))

	require.Equal(t, middle, s.mustID(both(s.login(idp, "alice"), corporate)))
	require.Equal(t, oldest, s.mustID(both(s.login(google, "alice"), s.login(idp, "alice"))))
	s.clock.at = s.clock.at.Add(59 * time.Minute)
	_, err := s.options.Store.Sweep(s.ctx, s.clock.at)
	require.NoError(t, err)
	revoke(oldest)
	for _, out := range []*identity.GetCredentialsForIdentityOutput{first, second, third} {
		opens(out, identity.ErrSessionRevoked)
	}
	opens(guest, nil)
	opens(other, nil)

	// Whoever is revoked by an identity that is gone keeps what came after.
	s.clock.at = s.clock.at.Add(2 * time.Second)
	_, again := made(s.login(google, "alice"))
	revoke(middle)
	opens(again, nil)
}

// TestRevokeManyMerged wants a revocation refused that could not reach all.
func TestRevokeManyMerged(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(s.login(google, "alice"))
	merged := func(n int) {
		require.NoError(t, s.options.Store.Update(s.ctx, func(tx identity.Tx) error {
			for i := range n {
				if err := tx.Put(identity.Record{Kind: "merged", Key: fmt.Sprint("gone-", i), Group: id}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	merged(1000)
	require.NoError(t, s.sessions.Revoke(s.ctx, identity.Revocation{Identity: id}))
	merged(1001)
	require.ErrorContains(t, s.sessions.Revoke(s.ctx, identity.Revocation{Identity: id}), "more than 1000 identities were merged into")
}
