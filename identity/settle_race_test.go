package identity_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// between is a store where something happens after a reading and before the
// writing that follows.
type between struct {
	identity.Store
	happens func()
}

func (b *between) Update(ctx context.Context, f func(identity.Tx) error) error {
	if happens := b.happens; happens != nil {
		b.happens = nil
		happens()
	}
	return b.Store.Update(ctx, f)
}

// TestThreatLoginRaceOfOthers has others change an identity between the reading
// of a call and its writing: the call goes by what is there when it writes.
func TestThreatLoginRaceOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(s *shop, id string)
		code    identity.Code
	}{
		"nothing": {func(*shop, string) {}, ""},
		"the identity goes": {func(s *shop, id string) {
			_, err := s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{id}})
			require.NoError(s.t, err)
		}, identity.ResourceNotFound},
		"the login is another's": {func(s *shop, _ string) {
			s.clock.at = s.clock.at.Add(1) // lest it be the older one
			s.mustID(s.login(idp, "alice"))
		}, ""},
		"the identity gets another login of the provider": {func(s *shop, id string) {
			_, err := s.credentials(id, both(s.login(google, "alice"), s.login(idp, "alicia")))
			require.NoError(s.t, err)
		}, identity.ResourceConflict},
		"the identity is another's": {func(s *shop, _ string) {
			require.NoError(s.t, s.unlink(s.mustID(s.login(google, "alice")), s.login(google, "alice"), google))
			s.mustID(s.login(google, "alice"))
		}, identity.NotAuthorized},
	} {
		t.Run(name, func(t *testing.T) {
			store := &between{}
			s := newShop(t, func(s *shop) {
				store.Store = s.options.Store
				s.options.Store = store
			})
			id := s.mustID(s.login(google, "alice"))
			store.happens = func() { c.happens(s, id) }
			_, err := s.credentials(id, both(s.login(google, "alice"), s.login(idp, "alice")))
			require.Nil(t, store.happens)
			if c.code == "" {
				require.NoError(t, err)
				require.Equal(t, id, s.mustID(s.login(idp, "alice")))
				return
			}
			refused(t, err, c.code, "")
		})
	}
}

// mistaken is a verifier that returns the login of another provider.
type mistaken struct{ corporate }

func (m mistaken) Verify(ctx context.Context, token string, clients []string) (*identity.Login, error) {
	l, err := m.corporate.Verify(ctx, token, clients)
	l.Provider = google
	return l, err
}

// TestThreatLoginOfAnotherProvider wants a login taken for that of its own key
// alone.
func TestThreatLoginOfAnotherProvider(t *testing.T) {
	s := newShop(t, func(s *shop) { s.options.Verifiers[samlARN] = mistaken{} })
	victim := s.mustID(s.login(google, "alice"))
	logins := map[string]string{samlARN: `{"NameID": "alice"}`}
	_, err := s.getID(logins)
	refused(t, err, identity.InternalError, "")
	_, err = s.credentials(victim, logins)
	refused(t, err, identity.InternalError, "")
}
