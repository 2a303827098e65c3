package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func ptr(n int64) *int64 { return &n }

// developerLogin asks for a token of a user of the shop's own directory.
func (s *shop) developerLogin(change func(*identity.GetOpenIDTokenForDeveloperIdentityInput)) (*identity.GetOpenIDTokenForDeveloperIdentityOutput, error) {
	in := &identity.GetOpenIDTokenForDeveloperIdentityInput{IdentityPoolID: poolID, Logins: map[string]string{developer: "u1"}}
	if change != nil {
		change(in)
	}
	return s.GetOpenIDTokenForDeveloperIdentity(s.ctx, in)
}

// own is the login that a pool's token makes.
func own(token string) map[string]string { return map[string]string{pool: token} }

func TestDeveloperIdentity(t *testing.T) {
	s := newShop(t, nil)
	out, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
		x.PrincipalTags = map[string]string{"dept": "sales"}
	})
	require.NoError(t, err)
	again, err := s.developerLogin(nil)
	require.NoError(t, err)
	require.Equal(t, out.IdentityID, again.IdentityID)

	session := s.session(out.IdentityID, own(out.Token))
	require.Equal(t, userRole, session.RoleARN)
	require.Equal(t, []string{"authenticated", developer, developer + ":" + poolID + ":u1"}, session.AMR)
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "sales"}}, session.Tags)
	require.Empty(t, s.session(out.IdentityID, own(again.Token)).Tags)
	require.Equal(t, out.IdentityID, s.mustID(own(out.Token)))

	s.clock.at = noon.Add(900 * time.Second)
	_, err = s.credentials(out.IdentityID, own(out.Token))
	refused(t, err, identity.NotAuthorized, "Token expired")
}

func TestDeveloperTokenOfOthers(t *testing.T) {
	s := newShop(t, nil)
	one, err := s.developerLogin(nil)
	require.NoError(t, err)
	other := s.mustID(s.login(google, "alice"))
	_, err = s.credentials(other, own(one.Token))
	refused(t, err, identity.NotAuthorized, "Logins don't match")
	foreign, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.IdentityPoolID = otherPool })
	require.NoError(t, err)
	_, err = s.credentials(one.IdentityID, own(foreign.Token))
	refused(t, err, identity.NotAuthorized, "Incorrect token audience.")
}

// TestPoolTokenRenewsNothing wants tokens of the basic flow refused as logins:
// a guest would become a user, and a token would last for ever.
func TestPoolTokenRenewsNothing(t *testing.T) {
	s := newShop(t, nil)
	alice, guest := s.mustID(s.login(google, "alice")), s.mustID(nil)
	for id, logins := range map[string]map[string]string{alice: s.login(google, "alice"), guest: nil} {
		out, err := s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: id, Logins: logins})
		require.NoError(t, err)
		_, err = s.credentials(id, own(out.Token))
		refused(t, err, identity.NotAuthorized, "not from a supported provider")
	}
	out, err := s.developerLogin(nil)
	require.NoError(t, err)
	_, err = s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: out.IdentityID, Logins: own(out.Token)})
	refused(t, err, identity.InvalidParameter, "enhanced flow")
}

func TestDeveloperLinks(t *testing.T) {
	s := newShop(t, nil)
	alice := s.mustID(s.login(google, "alice"))
	with := func(id, user string, more map[string]string) (string, error) {
		out, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.IdentityID, x.Logins = id, both(map[string]string{developer: user}, more)
		})
		if err != nil {
			return "", err
		}
		return out.IdentityID, nil
	}
	id, err := with(alice, "u1", nil)
	require.NoError(t, err)
	require.Equal(t, alice, id, "links to the identity")
	id, err = with(alice, "u2", nil)
	require.NoError(t, err)
	require.Equal(t, alice, id, "several users of a developer are fine")
	id, err = with("", "u1", s.login(idp, "alice"))
	require.NoError(t, err)
	require.Equal(t, alice, id)
	require.Equal(t, alice, s.mustID(s.login(idp, "alice")), "links public logins too")

	other, err := with("", "u3", nil)
	require.NoError(t, err)
	_, err = with(alice, "u3", nil)
	refused(t, err, identity.DeveloperUserAlreadyRegistered, "another identity")
	_, err = with("us-east-1:0", "u4", nil)
	refused(t, err, identity.ResourceNotFound, "not found")
	foreign, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: otherPool, Logins: s.login(google, "alice")})
	require.NoError(t, err)
	_, err = with(foreign.IdentityID, "u4", nil)
	refused(t, err, identity.ResourceNotFound, "not found")
	_, err = with(other, "u3", s.login(google, "bob"))
	require.NoError(t, err)
	_, err = with("", "u3", s.login(google, "alice"))
	refused(t, err, identity.ResourceConflict, google)
}

// TestLinksAreBounded wants twenty logins, and no twenty-first.
func TestLinksAreBounded(t *testing.T) {
	s := newShop(t, nil)
	id := s.mustID(s.login(google, "alice"))
	link := func(n int) error {
		_, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.IdentityID, x.Logins = id, map[string]string{developer: fmt.Sprint("u", n)}
		})
		return err
	}
	for n := 2; n <= 20; n++ {
		require.NoError(t, link(n))
	}
	refused(t, link(21), identity.ResourceConflict, "at most 20")
	_, err := s.credentials(id, both(s.login(google, "alice"), s.login(idp, "alice")))
	refused(t, err, identity.ResourceConflict, "at most 20")
	s.session(id, s.login(google, "alice"))
}

func TestDeveloperTokenRefuses(t *testing.T) {
	s := newShop(t, nil)
	for name, c := range map[string]struct {
		change func(*identity.GetOpenIDTokenForDeveloperIdentityInput)
		text   string
	}{
		"no login":     {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.Logins = nil }, "'logins'"},
		"no developer": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.Logins = s.login(google, "alice") }, "developer provider"},
		"other developer": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.Logins = map[string]string{"login.other.example": "u1"}
		}, "developer provider"},
		"long user": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.Logins[developer] = strings.Repeat("x", 1025)
		}, "less than or equal to 1024"},
		"a token of a pool": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.Logins[pool] = "x" }, "public provider"},
		"0 seconds":         {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.TokenDuration = ptr(0) }, "tokenDuration"},
		"86401 seconds":     {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.TokenDuration = ptr(86401) }, "tokenDuration"},
		"reserved tag": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.PrincipalTags = map[string]string{"aws:x": "1"}
		}, "reserved"},
		"empty tag": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.PrincipalTags = map[string]string{"x": ""}
		}, "no value"},
		"two tags differing by case": {func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.PrincipalTags = map[string]string{"x": "1", "X": "2"}
		}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.developerLogin(c.change)
			refused(t, err, identity.InvalidParameter, c.text)
		})
	}
	_, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) { x.TokenDuration = ptr(86400) })
	require.NoError(t, err)
}

// TestThreatDeveloperSpoof wants the developer's provider name taken on the
// signed call alone, and no name that passes for a public provider's.
func TestThreatDeveloperSpoof(t *testing.T) {
	s := newShop(t, nil)
	spoof := map[string]string{developer: "u1"}
	_, err := s.getID(spoof)
	refused(t, err, identity.InvalidParameter, "Please provide a valid public provider.")
	out, err := s.developerLogin(nil)
	require.NoError(t, err)
	_, err = s.credentials(out.IdentityID, spoof)
	refused(t, err, identity.InvalidParameter, "Please provide a valid public provider.")
	for _, name := range []string{google, "graph.facebook.com", idp, directory, samlARN, pool, "authenticated", "unauthenticated", "a/b", "a b"} {
		s.pool.DeveloperProvider = name
		_, err := identity.New(s.ctx, s.options)
		require.ErrorContains(t, err, "developer provider", name)
	}
	// A pool without a developer takes no tokens of pools as logins.
	s.pool.DeveloperProvider = ""
	_, err = s.credentials(out.IdentityID, own(out.Token))
	refused(t, err, identity.NotAuthorized, "supported provider")
}

func TestLookupDeveloperIdentity(t *testing.T) {
	s := newShop(t, nil)
	id := ""
	for _, user := range []string{"u3", "u1", "u2"} {
		out, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.IdentityID, x.Logins = id, map[string]string{developer: user}
		})
		require.NoError(t, err)
		id = out.IdentityID
	}
	look := func(id, user, next string) (*identity.LookupDeveloperIdentityOutput, error) {
		return s.LookupDeveloperIdentity(s.ctx, &identity.LookupDeveloperIdentityInput{
			IdentityPoolID: poolID, IdentityID: id, DeveloperUserIdentifier: user, MaxResults: ptr(2), NextToken: next,
		})
	}
	for _, c := range [][2]string{{id, ""}, {"", "u2"}, {id, "u2"}} {
		out, err := look(c[0], c[1], "")
		require.NoError(t, err)
		require.Equal(t, id, out.IdentityID)
		require.Equal(t, []string{"u1", "u2"}, out.DeveloperUserIdentifierList)
		out, err = look(c[0], c[1], out.NextToken)
		require.NoError(t, err)
		require.Equal(t, []string{"u3"}, out.DeveloperUserIdentifierList)
		require.Empty(t, out.NextToken)
	}
	other := s.mustID(s.login(google, "bob"))
	_, err := look(other, "u1", "")
	refused(t, err, identity.ResourceConflict, "not linked")
	_, err = look("", "u9", "")
	refused(t, err, identity.ResourceNotFound, "'u9'")
	_, err = look("", "", "")
	refused(t, err, identity.InvalidParameter, "IdentityId or a DeveloperUserIdentifier")
	first, err := look(id, "", "")
	require.NoError(t, err)
	_, err = look(other, "", first.NextToken)
	refused(t, err, identity.InvalidParameter, "NextToken")
}

func TestMergeDeveloperIdentities(t *testing.T) {
	s := newShop(t, nil)
	ids := map[string]string{}
	tokens := map[string]string{}
	for user, public := range map[string]map[string]string{"u1": s.login(google, "a"), "u2": s.login(idp, "a"), "u3": s.login(google, "b")} {
		out, err := s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
			x.Logins = both(map[string]string{developer: user}, public)
		})
		require.NoError(t, err)
		ids[user], tokens[user] = out.IdentityID, out.Token
	}
	merge := func(source, destination string) (string, error) {
		out, err := s.MergeDeveloperIdentities(s.ctx, &identity.MergeDeveloperIdentitiesInput{
			IdentityPoolID: poolID, DeveloperProviderName: developer, SourceUserIdentifier: source, DestinationUserIdentifier: destination,
		})
		if err != nil {
			return "", err
		}
		return out.IdentityID, nil
	}
	_, err := merge("u1", "u3")
	refused(t, err, identity.ResourceConflict, google)
	_, err = merge("u1", "u9")
	refused(t, err, identity.ResourceNotFound, "u9")
	id, err := merge("u1", "u2")
	require.NoError(t, err)
	require.Equal(t, ids["u2"], id, "the destination survives")
	require.Equal(t, id, s.mustID(s.login(google, "a")))
	require.Equal(t, id, s.session(ids["u1"], own(tokens["u1"])).IdentityID, "the source's token leads to it")
	_, err = merge("u1", "u2")
	refused(t, err, identity.InvalidParameter, "same identity")
	_, err = s.MergeDeveloperIdentities(s.ctx, &identity.MergeDeveloperIdentitiesInput{
		IdentityPoolID: poolID, DeveloperProviderName: "x", SourceUserIdentifier: "u1", DestinationUserIdentifier: "u3",
	})
	refused(t, err, identity.InvalidParameter, "'x' is not the developer provider")
}

func TestUnlinkDeveloperIdentity(t *testing.T) {
	s := newShop(t, nil)
	out, err := s.developerLogin(nil)
	require.NoError(t, err)
	unlink := func(id, user string) error {
		_, err := s.UnlinkDeveloperIdentity(s.ctx, &identity.UnlinkDeveloperIdentityInput{
			IdentityPoolID: poolID, IdentityID: id, DeveloperProviderName: developer, DeveloperUserIdentifier: user,
		})
		return err
	}
	other := s.mustID(s.login(google, "bob"))
	refused(t, unlink(other, "u1"), identity.ResourceConflict, "not linked")
	refused(t, unlink(out.IdentityID, "u2"), identity.ResourceNotFound, "u2")
	s.session(out.IdentityID, own(out.Token))
	require.NoError(t, unlink(out.IdentityID, "u1"))
	_, err = s.credentials(out.IdentityID, own(out.Token))
	refused(t, err, identity.NotAuthorized, "Token is inactive")
	_, err = s.credentials(out.IdentityID, nil)
	refused(t, err, identity.NotAuthorized, "forbidden")
	fresh, err := s.developerLogin(nil)
	require.NoError(t, err)
	require.NotEqual(t, out.IdentityID, fresh.IdentityID)

	// Another user of the same identity keeps it; the token of who left is dead.
	_, err = s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
		x.IdentityID, x.Logins = fresh.IdentityID, map[string]string{developer: "u2"}
	})
	require.NoError(t, err)
	s.session(fresh.IdentityID, own(fresh.Token))
	require.NoError(t, unlink(fresh.IdentityID, "u1"))
	_, err = s.credentials(fresh.IdentityID, own(fresh.Token))
	refused(t, err, identity.NotAuthorized, "Token is inactive")
}

// TestThreatTokenReplay wants a developer's token good for one exchange where
// the pool says so.
func TestThreatTokenReplay(t *testing.T) {
	for _, once := range []bool{false, true} {
		s := newShop(t, func(s *shop) { s.pool.OneTimeTokens = once })
		one, err := s.developerLogin(nil)
		require.NoError(t, err)
		two, err := s.developerLogin(nil)
		require.NoError(t, err)
		s.session(one.IdentityID, own(one.Token))
		_, err = s.assume(userRole, two.Token, nil)
		require.NoError(t, err, "another token is another matter")
		require.Equal(t, one.IdentityID, s.mustID(own(one.Token)), "GetId is no exchange")
		_, first := s.credentials(one.IdentityID, own(one.Token))
		_, second := s.assume(userRole, two.Token, nil)
		if !once {
			require.NoError(t, first)
			require.NoError(t, second)
			continue
		}
		refused(t, first, identity.NotAuthorized, "Token is inactive")
		refused(t, second, identity.STSInvalidIdentityToken, "Token is inactive")
		// That it was used outlives it, though a replica whose clock is ahead sweeps.
		s.clock.at = noon.Add(15*time.Minute - time.Second)
		_, err = s.options.Store.Sweep(s.ctx, s.clock.at.Add(identity.MaxClockSkew))
		require.NoError(t, err)
		_, err = s.credentials(one.IdentityID, own(one.Token))
		refused(t, err, identity.NotAuthorized, "Token is inactive")
	}
}
