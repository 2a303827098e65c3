package identity_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestGetID(t *testing.T) {
	s := newShop(t, nil)
	alice := s.mustID(s.login(google, "alice"))
	require.Regexp(t, `^us-east-1:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, alice)
	require.Equal(t, alice, s.mustID(s.login(google, "alice")), "found again")
	require.NotEqual(t, alice, s.mustID(s.login(google, "bob")), "another user")
	require.Equal(t, alice, s.mustID(both(s.login(google, "alice"), s.login(idp, "alice"))), "links the new login")
	require.Equal(t, alice, s.mustID(s.login(idp, "alice")))
	guest := s.mustID(nil)
	require.NotEqual(t, guest, s.mustID(nil), "a new guest each time")

	d, err := s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: alice})
	require.NoError(t, err)
	require.Equal(t, []string{google, idp}, d.Logins)
	found, err := s.Lookup(s.ctx, poolID, idp, "alice")
	require.NoError(t, err)
	require.Equal(t, alice, found)
	require.Equal(t, "alice", d.Links[1].Subject, "the way back")
	_, err = s.Lookup(s.ctx, poolID, idp, "Alice")
	refused(t, err, identity.ResourceNotFound, "")
}

// TestGetIDOfPools keeps the identities of pools apart.
func TestGetIDOfPools(t *testing.T) {
	s := newShop(t, nil)
	one := s.mustID(s.login(google, "alice"))
	out, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: otherPool, Logins: s.login(google, "alice")})
	require.NoError(t, err)
	require.NotEqual(t, one, out.IdentityID)
}

func TestGetIDRefuses(t *testing.T) {
	s := newShop(t, nil)
	in := func(change func(*identity.GetIDInput)) *identity.GetIDInput {
		x := &identity.GetIDInput{AccountID: accountID, IdentityPoolID: poolID, Logins: s.login(google, "alice")}
		change(x)
		return x
	}
	_, err := s.GetID(s.ctx, in(func(*identity.GetIDInput) {}))
	require.NoError(t, err)
	token := s.token(google, "alice", nil)
	for name, c := range map[string]struct {
		change func(*identity.GetIDInput)
		code   identity.Code
		text   string
	}{
		"no pool":            {func(x *identity.GetIDInput) { x.IdentityPoolID = "" }, identity.InvalidParameter, "1 validation error detected: Value null at 'identityPoolId' failed to satisfy constraint: Member must not be null"},
		"pool of a bad form": {func(x *identity.GetIDInput) { x.IdentityPoolID = "us-east-1" }, identity.InvalidParameter, `Value 'us-east-1' at 'identityPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+:[0-9a-f-]+`},
		"two faults":         {func(x *identity.GetIDInput) { x.IdentityPoolID, x.AccountID = "", "x" }, identity.InvalidParameter, "2 validation errors detected: Value 'x' at 'accountId'"},
		"a line end":         {func(x *identity.GetIDInput) { x.IdentityPoolID = "a\r\nb" }, identity.InvalidParameter, "Value 'a??b'"},
		"unknown pool":       {func(x *identity.GetIDInput) { x.IdentityPoolID = "us-east-1:0" }, identity.ResourceNotFound, "IdentityPool 'us-east-1:0' not found."},
		"another account":    {func(x *identity.GetIDInput) { x.AccountID = "999999999999" }, identity.InvalidParameter, "account"},
		"empty token":        {func(x *identity.GetIDInput) { x.Logins[google] = "" }, identity.InvalidParameter, "'logins'"},
		"token too long":     {func(x *identity.GetIDInput) { x.Logins[google] = strings.Repeat("x", 50001) }, identity.InvalidParameter, "less than or equal to 50000"},
		"eleven logins": {func(x *identity.GetIDInput) {
			for i := range 10 {
				x.Logins[strings.Repeat("x", i+1)] = token
			}
		}, identity.InvalidParameter, "less than or equal to 10"},
		"provider not of the pool": {func(x *identity.GetIDInput) { x.Logins["graph.facebook.com"] = token }, identity.NotAuthorized, "Token is not from a supported provider of this identity pool."},
		"one bad token of two":     {func(x *identity.GetIDInput) { x.Logins[idp] = token }, identity.NotAuthorized, "Invalid login token. Issuer doesn't match providerName"},
		"another audience":         {func(x *identity.GetIDInput) { x.Logins[google] = s.token(google, "alice", claims{"aud": "g2"}) }, identity.NotAuthorized, "audience"},
		"expired": {func(x *identity.GetIDInput) {
			x.Logins[google] = s.token(google, "alice", claims{"iat": noon.Add(-2 * time.Hour).Unix(), "exp": noon.Unix()})
		}, identity.NotAuthorized, "Invalid login token. Token expired: 1795435200 >= 1795435200"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.GetID(s.ctx, in(c.change))
			refused(t, err, c.code, c.text)
			require.NotContains(t, err.Error(), token)
		})
	}
}

// TestGetIDMerges wants who was authenticated first to survive, whichever
// provider that was.
func TestGetIDMerges(t *testing.T) {
	for _, order := range [][2]string{{google, idp}, {idp, google}} {
		s := newShop(t, nil)
		first := s.mustID(s.login(order[0], "alice"))
		s.clock.at = s.clock.at.Add(time.Minute)
		second := s.mustID(s.login(order[1], "alice"))
		require.NotEqual(t, first, second)
		require.Equal(t, first, s.mustID(both(s.login(idp, "alice"), s.login(google, "alice"))))
		require.Equal(t, first, s.mustID(s.login(order[1], "alice")))
		gone, err := s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: second})
		require.NoError(t, err)
		require.True(t, gone.Disabled)
		require.Equal(t, first, gone.MergedInto)
		require.Empty(t, gone.Links)
		// The old id leads to the survivor, with a login of it alone.
		out, err := s.credentials(second, s.login(idp, "alice"))
		require.NoError(t, err)
		require.Equal(t, first, out.IdentityID)
		_, err = s.credentials(second, s.login(idp, "mallory"))
		refused(t, err, identity.NotAuthorized, "forbidden")
		_, err = s.credentials(second, nil)
		refused(t, err, identity.NotAuthorized, "forbidden")
	}
}

// TestOlderGuest wants a user to survive a guest, however old.
func TestOlderGuest(t *testing.T) {
	s := newShop(t, nil)
	guest := s.mustID(nil)
	s.session(guest, nil)
	s.clock.at = s.clock.at.Add(time.Minute)
	user := s.mustID(s.login(google, "alice"))
	require.Equal(t, user, s.session(guest, s.login(google, "alice")).IdentityID)
	// A guest who logs in before they ask for credentials is not forgotten.
	unused := s.mustID(nil)
	require.Equal(t, unused, s.session(unused, s.login(google, "bob")).IdentityID)
	s.clock.at = s.clock.at.Add(25 * time.Hour)
	_, err := s.store.Sweep(s.ctx, s.clock.at)
	require.NoError(t, err)
	require.Equal(t, unused, s.mustID(s.login(google, "bob")))
}

// TestGetIDRefusesTwoUsersOfOneProvider wants a conflict, and nothing changed.
func TestGetIDRefusesTwoUsersOfOneProvider(t *testing.T) {
	s := newShop(t, nil)
	one := s.mustID(both(s.login(google, "alice"), s.login(idp, "alice")))
	two := s.mustID(both(s.login(google, "bob"), s.login(directory, "bob")))
	_, err := s.getID(both(s.login(idp, "alice"), s.login(directory, "bob")))
	refused(t, err, identity.ResourceConflict, "accounts.google.com")
	require.Equal(t, one, s.mustID(s.login(idp, "alice")))
	require.Equal(t, two, s.mustID(s.login(directory, "bob")))
	_, err = s.getID(both(s.login(idp, "alice"), s.login(google, "carol")))
	refused(t, err, identity.ResourceConflict, "accounts.google.com")
	_, err = s.Lookup(s.ctx, poolID, google, "carol")
	refused(t, err, identity.ResourceNotFound, "")
}

func TestNoLinking(t *testing.T) {
	s := newShop(t, func(s *shop) { s.pool.NoLinking = true })
	id := s.mustID(both(s.login(google, "alice"), s.login(idp, "alice")))
	require.Equal(t, id, s.mustID(s.login(idp, "alice")), "what is linked stays so")
	_, err := s.getID(both(s.login(google, "alice"), s.login(directory, "alice")))
	refused(t, err, identity.ResourceConflict, "no further logins")
	_, err = s.credentials(id, both(s.login(google, "alice"), s.login(directory, "alice")))
	refused(t, err, identity.ResourceConflict, "no further logins")
	carol := s.mustID(s.login(google, "carol"))
	s.mustID(s.login(idp, "carol"))
	_, err = s.getID(both(s.login(google, "carol"), s.login(idp, "carol")))
	refused(t, err, identity.ResourceConflict, "no further logins")
	require.Equal(t, carol, s.mustID(s.login(google, "carol")))
	guest := s.mustID(nil)
	require.Equal(t, guest, s.session(guest, s.login(google, "bob")).IdentityID, "a guest's first login is no further one")
}

// TestThreatLoginRace wants one identity of a login that many clients bring at
// once.
func TestThreatLoginRace(t *testing.T) {
	s := newShop(t, nil)
	logins := s.login(google, "alice")
	ids := make([]string, 100)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() { ids[i], _ = s.getID(logins) })
	}
	wait.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id)
		require.Equal(t, ids[0], id)
	}
	list, err := s.ListIdentities(s.ctx, &identity.ListIdentitiesInput{IdentityPoolID: poolID, MaxResults: 60})
	require.NoError(t, err)
	require.Len(t, list.Identities, 1)
}

// TestThreatGuestFlood wants new guests limited by address, and forgotten if
// they are not used.
func TestThreatGuestFlood(t *testing.T) {
	s := newShop(t, nil)
	flood := func(address string) (made int) {
		for range 200 {
			if _, err := s.GetID(from(s.ctx, address), &identity.GetIDInput{IdentityPoolID: poolID}); err != nil {
				refused(t, err, identity.TooManyRequests, "Try again later")
				continue
			}
			made++
		}
		return made
	}
	require.Equal(t, 50, flood("192.0.2.1"))
	require.Equal(t, 50, flood("2001:db8::1"))
	require.Equal(t, 0, flood("2001:db8::2"), "the same subscriber")
	require.Equal(t, 50, flood("2001:db8:0:1::2"), "another one")
	require.Equal(t, []int{50, 50, 0}, []int{flood("2001:db8:0:2::1"), flood("2001:db8:0:3::1"), flood("2001:db8:0:4::1")}, "all of one site")
	require.Equal(t, 50, flood("2001:db8:1::1"), "another site")
	s.clock.at = s.clock.at.Add(10 * time.Second)
	require.Equal(t, 5, flood("192.0.2.1"))
	require.Equal(t, 0, flood("::ffff:192.0.2.1"), "the same address")

	used := s.mustID(nil)
	unused := s.mustID(nil)
	s.session(used, nil)
	s.clock.at = s.clock.at.Add(24 * time.Hour)
	s.session(used, nil)
	_, err := s.credentials(unused, nil)
	refused(t, err, identity.ResourceNotFound, "not found")
	_, err = s.store.Sweep(s.ctx, s.clock.at)
	require.NoError(t, err)
	s.session(used, nil)
}

// TestGuestLimitOfPool bounds guests of many addresses.
func TestGuestLimitOfPool(t *testing.T) {
	s := newShop(t, nil)
	made := 0
	for range 600 {
		if _, err := s.getID(nil); err == nil {
			made++
		}
	}
	require.Equal(t, 500, made)
	s.clock.at = s.clock.at.Add(time.Second)
	s.mustID(nil)
	require.NotEmpty(t, s.mustID(s.login(google, "alice")), "users are not limited by it")
}
