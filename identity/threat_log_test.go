package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestThreatSecretsInLogs scans the log of calls that succeed and that are
// refused, down to its finest level.
func TestThreatSecretsInLogs(t *testing.T) {
	var log strings.Builder
	s := newShop(t, func(s *shop) {
		s.options.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	guest := s.mustID(nil)
	made, err := s.credentials(guest, nil)
	require.NoError(t, err)
	alice := s.login(google, "alice-the-subject")
	id := s.mustID(alice)
	bad := alice[google][:len(alice[google])-8] + "AAAAAAAA"
	calls := []error{}
	refuse := func(_ any, err error) { calls = append(calls, err) }
	refuse(s.credentials(guest, map[string]string{google: bad}))
	refuse(s.credentials(id, nil))
	refuse(s.credentials(guest, map[string]string{idp: s.token(idp, "bob", claims{"dept": "a,claim"})}))
	refuse(s.credentials(id, s.login(directory, "bob")))
	refuse(s.assume(userRole, alice[google], nil))
	refuse(s.assume(userRole, s.token(idp, "bob", nil), nil))
	for _, err := range calls {
		require.Error(t, err)
	}
	require.Contains(t, log.String(), "refused")
	for _, secret := range []string{guest, made.Credentials.Token, string(made.Credentials.Secret.Reveal()), alice[google], bad, "alice-the-subject", "a,claim"} {
		require.NotContains(t, log.String(), secret)
	}
}

var errDisk = errors.New("disk /var/lib/x is full")

// TestInternalErrorsTellNothing wants what is wrong inside in the log, not in
// the answer.
func TestInternalErrorsTellNothing(t *testing.T) {
	var log strings.Builder
	s := newShop(t, nil)
	s.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	logins := s.login(google, "alice")
	id := s.mustID(logins)
	_, token := s.poolToken(poolID, logins)
	call := func(name string, err error) {
		refused(t, err, identity.InternalError, "Something went wrong. Try again later.")
		require.NotContains(t, err.Error(), "disk", name)
	}
	s.options.Random = iotest.ErrReader(errDisk)
	s.open()
	_, err := s.getID(logins)
	call("GetId without randomness", err)

	fails := &switched{Store: s.store}
	s.options.Store = fails
	s.open()
	fails.off = true
	_, err = identity.New(s.ctx, s.options)
	require.ErrorIs(t, err, errDisk)
	_, err = s.getID(nil)
	call("GetId of a guest", err)
	_, err = s.credentials(id, logins)
	call("GetCredentialsForIdentity", err)
	_, err = s.assume(userRole, token, nil)
	call("AssumeRoleWithWebIdentity", err)
	_, err = s.DescribeIdentity(s.ctx, &identity.DescribeIdentityInput{IdentityID: id})
	call("DescribeIdentity", err)
	_, err = s.Lookup(s.ctx, poolID, google, "alice")
	call("Lookup", err)
	_, err = s.Lens(s.ctx, poolID, logins)
	call("Lens", err)
	out, err := s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{id}})
	require.NoError(t, err)
	require.Equal(t, []identity.UnprocessedIdentity{{ErrorCode: "InternalServerError", IdentityID: id}}, out.UnprocessedIdentityIDs)
	require.Contains(t, log.String(), errDisk.Error())
}

// switched is a store that can be made to fail.
type switched struct {
	identity.Store
	off bool
}

func (s *switched) View(ctx context.Context, f func(identity.Tx) error) error {
	if s.off {
		return errDisk
	}
	return s.Store.View(ctx, f)
}

func (s *switched) Update(ctx context.Context, f func(identity.Tx) error) error {
	if s.off {
		return errDisk
	}
	return s.Store.Update(ctx, f)
}
