package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func (s *shop) unlink(id string, logins map[string]string, names ...string) error {
	_, err := s.UnlinkIdentity(s.ctx, &identity.UnlinkIdentityInput{IdentityID: id, Logins: logins, LoginsToRemove: names})
	return err
}

func TestUnlinkIdentity(t *testing.T) {
	s := newShop(t, nil)
	alice := both(s.login(google, "alice"), s.login(idp, "alice"))
	id := s.mustID(alice)
	require.NoError(t, s.unlink(id, alice, idp))
	require.NotEqual(t, id, s.mustID(s.login(idp, "alice")), "a login of its own now")
	require.Equal(t, id, s.mustID(s.login(google, "alice")))
	require.NoError(t, s.unlink(id, s.login(google, "alice"), google))
	// What was a user's can be reached no more: not by its id, not by linking.
	for _, logins := range []map[string]string{nil, s.login(google, "alice"), s.login(directory, "mallory")} {
		_, err := s.credentials(id, logins)
		refused(t, err, identity.NotAuthorized, "")
	}
}

// TestThreatUnlinkOthers wants each login that goes proven, and nothing changed
// by a call that is refused.
func TestThreatUnlinkOthers(t *testing.T) {
	s := newShop(t, nil)
	alice := both(s.login(google, "alice"), s.login(idp, "alice"))
	id := s.mustID(alice)
	mallory := s.mustID(s.login(google, "mallory"))
	for name, c := range map[string]struct {
		logins map[string]string
		remove []string
		code   identity.Code
	}{
		"no token of what goes":          {s.login(google, "alice"), []string{idp}, identity.NotAuthorized},
		"one of two without a token":     {s.login(google, "alice"), []string{google, idp}, identity.NotAuthorized},
		"another user's token":           {both(s.login(google, "alice"), s.login(idp, "mallory")), []string{idp}, identity.NotAuthorized},
		"mallory's alone":                {s.login(google, "mallory"), []string{google}, identity.NotAuthorized},
		"a new login":                    {s.login(directory, "alice"), []string{directory}, identity.NotAuthorized},
		"a provider that is not linked":  {alice, []string{directory}, identity.NotAuthorized},
		"a provider that the pool lacks": {alice, []string{"x"}, identity.NotAuthorized},
		"nothing to remove":              {alice, nil, identity.InvalidParameter},
		"nothing proven":                 {nil, []string{google}, identity.InvalidParameter},
	} {
		refused(t, s.unlink(id, c.logins, c.remove...), c.code, "")
		d, err := s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: id})
		require.NoError(t, err)
		require.Equal(t, []string{google, idp}, d.Logins, name)
	}
	require.Equal(t, mallory, s.mustID(s.login(google, "mallory")))
	require.NoError(t, s.unlink(id, alice, google, idp))
	// A token of the pool proves the identity, and is no login to remove.
	out, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.IdentityID = mallory })
	require.NoError(t, err)
	refused(t, s.unlink(mallory, own(out.Token), pool), identity.NotAuthorized, "")
	refused(t, s.unlink(mallory, own(out.Token), developer), identity.NotAuthorized, "")
	require.NoError(t, s.unlink(mallory, both(own(out.Token), s.login(google, "mallory")), google))
}

// TestThreatMergeTheft wants the victim's identity to survive, whatever logins
// of their own an attacker brings.
func TestThreatMergeTheft(t *testing.T) {
	s := newShop(t, nil)
	mallory := s.mustID(s.login(google, "mallory")) // older, to their advantage
	s.clock.at = s.clock.at.Add(1)
	victim := s.mustID(s.login(idp, "victim"))
	attacks := []map[string]string{
		nil, s.login(google, "mallory"), s.login(directory, "mallory"), both(s.login(google, "mallory"), s.login(directory, "mallory")),
	}
	for _, logins := range attacks {
		_, err := s.credentials(victim, logins)
		require.Error(t, err)
		_, _ = s.getID(logins)
		_, _ = s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: victim, Logins: logins})
		_ = s.unlink(victim, logins, idp)
	}
	require.Equal(t, victim, s.mustID(s.login(idp, "victim")))
	d, err := s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: victim})
	require.NoError(t, err)
	require.False(t, d.Disabled)
	require.Equal(t, []string{idp}, d.Logins)
	// With both proven it is a merge, and not across pools.
	require.Equal(t, mallory, s.mustID(both(s.login(google, "mallory"), s.login(idp, "victim"))))
	out, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: otherPool, Logins: s.login(google, "mallory")})
	require.NoError(t, err)
	require.NotEqual(t, mallory, out.IdentityID)
}

// TestThreatLinkTakeover shows what the switch is for: with a stolen token the
// attacker's login stays linked, unless the pool links nothing later.
func TestThreatLinkTakeover(t *testing.T) {
	for _, noLinking := range []bool{false, true} {
		s := newShop(t, func(s *shop) { s.pool.NoLinking = noLinking })
		victim := s.mustID(s.login(google, "victim"))
		_, err := s.credentials(victim, both(s.login(google, "victim"), s.login(idp, "mallory")))
		_, later := s.credentials(victim, s.login(idp, "mallory"))
		if noLinking {
			refused(t, err, identity.ResourceConflict, "no further logins")
			refused(t, later, identity.NotAuthorized, "Logins don't match")
			continue
		}
		require.NoError(t, err)
		require.NoError(t, later)
		require.Contains(t, eventNames(s), identity.EventLink, "but an auditor sees it")
	}
}

func eventNames(s *shop) (names []string) {
	for _, e := range s.events {
		names = append(names, e.Name)
	}
	return names
}
