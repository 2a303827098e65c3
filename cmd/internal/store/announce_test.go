package store_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/identity"
)

func openStore(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// announce writes a record, and says so if it is told to.
func announce(t testing.TB, s identity.Store, aloud bool) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error {
		if err := tx.Put(identity.Record{Kind: "k", Key: "a"}); err != nil || !aloud {
			return err
		}
		return tx.(identity.AnnouncerTx).Announce()
	}))
}

// TestAnnouncements are heard by other processes and by one's own, once a
// transaction is committed, and again after the server was away.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	server := needs.NewPostgresServer(t)
	url := server.Database(t)
	one, two := openStore(t, url), openStore(t, url)
	heard := two.Announcements(t.Context())
	hears := func(want bool, why string) {
		t.Helper()
		select {
		case <-heard:
			require.True(t, want, why)
		case <-time.After(map[bool]time.Duration{true: 20 * time.Second, false: 300 * time.Millisecond}[want]):
			require.False(t, want, why)
		}
	}
	hears(true, "that it listens")
	announce(t, one, true)
	hears(true, "another's change")
	announce(t, two, true)
	hears(true, "its own")
	announce(t, one, false)
	hears(false, "what was not announced")
	require.ErrorIs(t, one.Update(t.Context(), func(tx identity.Tx) error {
		require.NoError(t, tx.(identity.AnnouncerTx).Announce())
		return identity.ErrNoRecord
	}), identity.ErrNoRecord)
	hears(false, "what was not committed")
	require.ErrorIs(t, one.View(t.Context(), func(tx identity.Tx) error { return tx.(identity.AnnouncerTx).Announce() }), identity.ErrReadOnly)

	require.NoError(t, server.Crash())
	require.NoError(t, server.Start())
	hears(true, "that it may have missed something")
	announce(t, one, true)
	hears(true, "a change after that")
}

// TestNoAnnouncements has engines that hear nothing, and take announcements.
func TestNoAnnouncements(t *testing.T) {
	t.Parallel()
	s := openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "rowan.db"))
	require.Nil(t, s.Announcements(t.Context()))
	announce(t, s, true)
	require.Nil(t, openStore(t, "memory:").Announcements(t.Context()))
}

// TestRevocationLatency measures how long a second process opens sessions that a
// first one revoked, by notification and by polling alone, as on CockroachDB.
func TestRevocationLatency(t *testing.T) {
	t.Parallel()
	url := needs.Postgres(t)
	for _, x := range []struct {
		name  string
		bound time.Duration
		store func(*store.Store) identity.Store
	}{
		{"notified", 2 * time.Second, func(s *store.Store) identity.Store { return s }},
		{"polling alone", 2 * time.Second, func(s *store.Store) identity.Store { return struct{ identity.Store }{s} }},
	} {
		t.Run(x.name, func(t *testing.T) {
			took := revocations(t, openStore(t, url), x.store(openStore(t, url)))
			slices.Sort(took)
			t.Logf("%d revocations: median %v, 99th percentile %v, last %v", len(took), took[len(took)/2].Round(100*time.Microsecond),
				took[len(took)*99/100].Round(100*time.Microsecond), took[len(took)-1].Round(100*time.Microsecond))
			require.Less(t, took[len(took)-1], x.bound)
			if x.name == "notified" {
				require.Less(t, took[len(took)/2], 200*time.Millisecond, "sooner than by polling")
			}
		})
	}
}

// revocations revokes sessions at here, and returns how long after each was
// acknowledged it was last opened at there.
func revocations(t *testing.T, here, there identity.Store) []time.Duration {
	t.Helper()
	const n = 200
	ring, err := identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret([]byte(strings.Repeat("k", 32)))}}, rand.Reader)
	require.NoError(t, err)
	both := [2]*identity.Sessions{}
	for i, s := range []identity.Store{here, there} {
		both[i], err = identity.NewSessions(identity.SessionsOptions{Account: issueAccount(t), Keys: ring, Store: s, Now: time.Now})
		require.NoError(t, err)
		go both[i].Run(t.Context(), nil)
		require.Eventually(t, func() bool { return both[i].Ready() == nil }, 10*time.Second, 10*time.Millisecond)
	}
	type issued struct {
		key, token, identity string
		revoked              time.Time
	}
	all := make([]issued, n)
	for i := range all {
		s := issuedSession(i)
		token, err := ring.SealSession(time.Now(), s)
		require.NoError(t, err)
		all[i] = issued{key: s.AccessKeyID, token: token, identity: s.IdentityID}
		_, err = both[1].Open(t.Context(), s.AccessKeyID, token)
		require.NoError(t, err)
	}
	acknowledged := make(chan int, n)
	go func() {
		defer close(acknowledged)
		for i := range all {
			if err := both[0].Revoke(t.Context(), identity.Revocation{Identity: all[i].identity}); err != nil {
				t.Error(err)
				return
			}
			all[i].revoked = time.Now()
			acknowledged <- i
			time.Sleep(17 * time.Millisecond)
		}
	}()
	var waiting []int
	var took []time.Duration
	for deadline := time.Now().Add(time.Minute); len(took) < n && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		select {
		case i, ok := <-acknowledged:
			if ok {
				waiting = append(waiting, i)
			}
		default:
		}
		waiting = slices.DeleteFunc(waiting, func(i int) bool {
			now := time.Now()
			_, err := both[1].Open(t.Context(), all[i].key, all[i].token)
			if err != nil {
				require.ErrorIs(t, err, identity.ErrSessionRevoked)
				took = append(took, max(0, now.Sub(all[i].revoked)))
			}
			return err != nil
		})
	}
	require.Len(t, took, n)
	return took
}

// issuedSession is a session of the pool from now on.
func issuedSession(i int) *identity.Session {
	now := time.Now().Truncate(time.Second)
	return &identity.Session{
		AccessKeyID: "ASIA" + strings.ToUpper(rand.Text()[:16]), Secret: identity.NewSecret([]byte(strings.Repeat("s", 40))),
		Account: "111122223333", Partition: "aws", RoleARN: issueRole, RoleID: "AROAPLAYERPLAYER2345", SessionName: "CognitoIdentityCredentials",
		IdentityID: fmt.Sprintf("us-east-1:3b0c6a52-95d3-4a47-9c67-%012x", now.Unix()%1e6*1e6+int64(i)), PoolID: issuePool,
		Authenticated: true, AMR: []string{"authenticated", issueIDP}, Provider: issueIDP, Subject: "alice", IssuedAt: now, Expires: now.Add(time.Hour), ID: "s",
		Tags: []identity.Tag{{Key: "team", Value: "red"}},
	}
}
