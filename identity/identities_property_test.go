package identity_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// stored is what the invariants read of an identity's record.
type stored struct {
	Pool, MergedInto string
	Enabled          bool
	Authenticated    *time.Time
	Links            []identity.Link
}

func (s *shop) identities(t require.TestingT) map[string]stored {
	out := map[string]stored{}
	require.NoError(t, s.store.View(s.ctx, func(tx identity.Tx) error {
		records, err := tx.List("identity", poolID, "", 1000)
		for _, r := range records {
			var x stored
			require.NoError(t, json.Unmarshal(r.Value, &x))
			out[r.Key] = x
		}
		return err
	}))
	return out
}

// invariants hold whatever happened: a login leads to one enabled identity, and
// no identity has two users of one public provider.
func (s *shop) invariants(t require.TestingT) {
	all := s.identities(t)
	owners := map[string]string{}
	for id, x := range all {
		require.Equal(t, poolID, x.Pool)
		require.LessOrEqual(t, len(x.Links), 20)
		if !x.Enabled {
			require.Empty(t, x.Links, "a disabled identity has no logins")
			at := id
			for hops := 0; !all[at].Enabled; hops++ {
				require.Less(t, hops, len(all), "merges end")
				if _, there := all[all[at].MergedInto]; !there {
					break // it was deleted
				}
				at = all[at].MergedInto
			}
			continue
		}
		public := map[string]bool{}
		for _, l := range x.Links {
			require.NotNil(t, x.Authenticated)
			key := l.Provider + " " + l.Subject
			require.Empty(t, owners[key], "two identities have %s", key)
			owners[key] = id
			if l.Kind != identity.DeveloperProvider {
				require.False(t, public[l.Provider], "two users of %s", l.Provider)
				public[l.Provider] = true
			}
			found, err := s.Lookup(s.ctx, poolID, l.Provider, l.Subject)
			require.NoError(t, err)
			require.Equal(t, id, found)
		}
	}
}

// TestIdentityInvariants runs random calls of honest users, developers and an
// attacker who has tokens of their own alone, and knows every id.
func TestIdentityInvariants(t *testing.T) {
	tokens := map[string]string{} // they are dear, and the same at every noon
	rapid.Check(t, func(t *rapid.T) {
		// Ids that are the same again let a failure be found again.
		s := newShop(t, func(s *shop) { s.options.Random = rand.NewChaCha8([32]byte{}) })
		login := func(provider, subject string) map[string]string {
			key := provider + " " + subject
			if tokens[key] == "" {
				tokens[key] = s.token(provider, subject, nil)
			}
			return map[string]string{provider: tokens[key]}
		}
		providers := []string{google, idp}
		users := []string{"alice", "bob", "carol"}
		some := func(t *rapid.T, users []string) map[string]string {
			out := map[string]string{}
			for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom(providers), 0, 2, rapid.ID[string]).Draw(t, "providers") {
				out = both(out, login(p, rapid.SampledFrom(users).Draw(t, "user")))
			}
			return out
		}
		anID := func(t *rapid.T) string {
			ids := []string{"us-east-1:0"}
			for id := range s.identities(t) {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			return rapid.SampledFrom(ids).Draw(t, "id")
		}
		call := func(t *rapid.T, users []string) {
			switch rapid.IntRange(0, 3).Draw(t, "call") {
			case 0:
				_, _ = s.getID(some(t, users))
			case 1:
				_, _ = s.credentials(anID(t), some(t, users))
			case 2:
				_, _ = s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: anID(t), Logins: some(t, users)})
			case 3:
				_ = s.unlink(anID(t), some(t, users), rapid.SampledFrom(providers).Draw(t, "remove"))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"user": func(t *rapid.T) { call(t, users) },
			"attacker": func(t *rapid.T) {
				before := s.identities(t)
				call(t, []string{"mallory"})
				after := s.identities(t)
				for id, x := range before {
					theirs := slices.ContainsFunc(x.Links, func(l identity.Link) bool { return l.Subject == "mallory" })
					if x.Authenticated != nil && !theirs { // a victim's identity is as it was
						require.Equal(t, x, after[id])
					}
				}
			},
			"developer": func(t *rapid.T) {
				user := func() string { return fmt.Sprint("u", rapid.IntRange(1, 3).Draw(t, "user")) }
				switch rapid.IntRange(0, 3).Draw(t, "call") {
				case 0:
					_, _ = s.developerLogin(func(x *identity.GetOpenIDTokenForDeveloperIdentityInput) {
						x.Logins = both(map[string]string{developer: user()}, some(t, users))
						if rapid.Bool().Draw(t, "with id") {
							x.IdentityID = anID(t)
						}
					})
				case 1:
					_, _ = s.MergeDeveloperIdentities(s.ctx, &identity.MergeDeveloperIdentitiesInput{
						IdentityPoolID: poolID, DeveloperProviderName: developer, SourceUserIdentifier: user(), DestinationUserIdentifier: user(),
					})
				case 2:
					_, _ = s.UnlinkDeveloperIdentity(s.ctx, &identity.UnlinkDeveloperIdentityInput{
						IdentityPoolID: poolID, DeveloperProviderName: developer, DeveloperUserIdentifier: user(), IdentityID: anID(t),
					})
				case 3:
					_, _ = s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{anID(t)}})
				}
			},
			"time": func(t *rapid.T) {
				s.clock.at = s.clock.at.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) { s.invariants(t) },
		})
	})
}
