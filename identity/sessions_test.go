package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestSessionEndsAtItsTime meets expiry and the issue time from both sides,
// with the session in the cache and not.
func TestSessionEndsAtItsTime(t *testing.T) {
	token := sealed(t, aliceSession())
	for _, x := range []struct {
		after time.Duration
		want  error
	}{
		{0, nil},
		{time.Hour - 1, nil},
		{time.Hour, identity.ErrSessionExpired},
		{2 * time.Hour, identity.ErrSessionExpired},
		{-15 * time.Second, nil},
		{-15*time.Second - 1, identity.ErrSessionToken},
	} {
		at := &clock{noon}
		cached := newSessions(t, at.now, nil)
		opened, err := cached.Open(context.Background(), accessKeyID, token)
		require.NoError(t, err)
		at.at = noon.Add(x.after)
		require.NoError(t, cached.Refresh(context.Background()))
		for _, s := range []*identity.Sessions{newSessions(t, at.now, nil), cached} {
			_, err := s.Open(context.Background(), accessKeyID, token)
			require.ErrorIs(t, err, x.want, "after %v", x.after)
		}
		_, err = cached.Caller(opened)
		require.ErrorIs(t, err, x.want, "after %v", x.after)
	}
}

// TestSessionEndsWithItsKey opens a session until the key that sealed it is
// over, cached or not, and says no more than that the token is bad.
func TestSessionEndsWithItsKey(t *testing.T) {
	at := &clock{noon}
	old := testKey(1)
	old.SealUntil, old.OpenUntil = noon.Add(time.Minute), noon.Add(30*time.Minute)
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = newRing(t, old, testKey(2)) })
	token := sealed(t, aliceSession())
	at.at = old.OpenUntil.Add(-1)
	require.NoError(t, sessions.Refresh(context.Background()))
	opened, err := sessions.Open(context.Background(), accessKeyID, token)
	require.NoError(t, err)
	at.at = old.OpenUntil
	_, err = sessions.Open(context.Background(), accessKeyID, token)
	require.Equal(t, identity.ErrSessionToken, err)
	_, err = sessions.Caller(opened)
	require.Equal(t, identity.ErrSessionToken, err)
}

// TestSessionsAreKept returns the same session and caller again, and forgets
// those not used for long.
func TestSessionsAreKept(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.CacheSize = 2 })
	var keys, tokens [3]string
	for i := range keys {
		s := aliceSession()
		s.AccessKeyID = fmt.Sprintf("ASIAABCDEFGHIJKLMNO%c", 'A'+i)
		keys[i], tokens[i] = s.AccessKeyID, sealed(t, s)
	}
	open := func(n int) *identity.Session {
		got, err := sessions.Open(context.Background(), keys[n], tokens[n])
		require.NoError(t, err)
		return got
	}
	first, second := open(0), open(1)
	require.Same(t, first, open(0))
	require.Same(t, second, open(1))
	open(0)
	open(2) // the second was not used for longest
	require.Same(t, first, open(0))
	require.NotSame(t, second, open(1))

	one, err := sessions.Caller(first)
	require.NoError(t, err)
	two, err := sessions.Caller(first)
	require.NoError(t, err)
	require.Same(t, one, two)
}

// TestCallerIsOfWhatWasOpened refuses sessions that nobody opened, and does not
// heed what became of a copy.
func TestCallerIsOfWhatWasOpened(t *testing.T) {
	at := &clock{noon}
	sessions, others := newSessions(t, at.now, nil), newSessions(t, at.now, nil)
	opened, err := sessions.Open(context.Background(), accessKeyID, sealed(t, guestSession()))
	require.NoError(t, err)
	for name, s := range map[string]*identity.Session{"nil": nil, "zero value": {}, "made up": aliceSession()} {
		_, err := sessions.Caller(s)
		require.ErrorIs(t, err, identity.ErrSessionToken, name)
	}
	_, err = others.Caller(opened)
	require.ErrorIs(t, err, identity.ErrSessionToken)

	changed := *opened
	changed.Policies, changed.IdentityID, changed.Expires = nil, aliceID+"x", noon.Add(9*time.Hour)
	caller, err := sessions.Caller(&changed)
	require.NoError(t, err)
	require.NotNil(t, caller.Evaluator.Session)
	require.Equal(t, []string{aliceID}, keysOf(caller)[pool+":sub"])
	at.at = noon.Add(2 * time.Hour)
	require.NoError(t, sessions.Refresh(context.Background()))
	_, err = sessions.Caller(&changed)
	require.Equal(t, identity.ErrSessionExpired, err)
}

func TestNewSessionsRefuses(t *testing.T) {
	for name, change := range map[string]func(*identity.SessionsOptions){
		"no account":    func(o *identity.SessionsOptions) { o.Account = nil },
		"no vocabulary": func(o *identity.SessionsOptions) { o.Account.Vocabulary = nil },
		"no keys":       func(o *identity.SessionsOptions) { o.Keys = nil },
		"no store":      func(o *identity.SessionsOptions) { o.Store = nil },
		"no clock":      func(o *identity.SessionsOptions) { o.Now = nil },
		"poll below 0":  func(o *identity.SessionsOptions) { o.Poll = -1 },
		"stale below 0": func(o *identity.SessionsOptions) { o.MaxStale = -1 },
		"stale at once": func(o *identity.SessionsOptions) { o.Poll, o.MaxStale = time.Minute, time.Second },
		"cache below 0": func(o *identity.SessionsOptions) { o.CacheSize = -1 },
	} {
		at := &clock{noon}
		o := identity.SessionsOptions{Account: gameAccount(t), Keys: newRing(t), Store: identity.NewMemory(), Now: at.now}
		change(&o)
		_, err := identity.NewSessions(o)
		require.Error(t, err, name)
	}
}

// TestOpenAllocatesWithinBounds presents what is much too long.
func TestOpenAllocatesWithinBounds(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	long := strings.Repeat("A", 10<<20)
	allocs := testing.AllocsPerRun(10, func() {
		_, err := sessions.Open(context.Background(), accessKeyID, long)
		if !errors.Is(err, identity.ErrSessionToken) {
			t.Error(err)
		}
	})
	require.Zero(t, allocs)
}

// TestRevocation revokes by each level, and leaves every session alone that
// differs in one thing.
func TestRevocation(t *testing.T) {
	cut := noon.Add(time.Minute)
	for name, x := range map[string]struct {
		revocation identity.Revocation
		spared     func(*identity.Session)
	}{
		"identity": {identity.Revocation{Identity: aliceID}, func(s *identity.Session) { s.IdentityID += "x" }},
		"pool":     {identity.Revocation{Pool: poolID}, func(s *identity.Session) { s.PoolID += "x" }},
		"role":     {identity.Revocation{Role: playerARN}, func(s *identity.Session) { s.RoleARN, s.RoleID = visitorARN, visitorID }},
		"session":  {identity.Revocation{SessionID: "6f1d"}, func(s *identity.Session) { s.ID += "x" }},
	} {
		at := &clock{cut}
		sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) {
			visitor := *o.Account.Roles[playerARN]
			visitor.ARN, visitor.UniqueID = visitorARN, visitorID
			o.Account.Roles[visitorARN] = &visitor
		})
		open := func(change func(*identity.Session)) error {
			s := aliceSession()
			change(s)
			_, err := sessions.Open(context.Background(), accessKeyID, sealed(t, s))
			return err
		}
		require.NoError(t, open(func(*identity.Session) {}), name)
		opened, err := sessions.Open(context.Background(), accessKeyID, sealed(t, aliceSession()))
		require.NoError(t, err, name)
		require.NoError(t, sessions.Revoke(context.Background(), x.revocation), name)
		require.Equal(t, identity.ErrSessionRevoked, open(func(*identity.Session) {}), name)
		_, err = sessions.Caller(opened)
		require.Equal(t, identity.ErrSessionRevoked, err, name)
		require.NoError(t, open(x.spared), name)

		// The cut is rounded up: a session of its very second is over too.
		issued := func(after time.Duration) func(*identity.Session) {
			return func(s *identity.Session) { s.IssuedAt = cut.Add(after) }
		}
		require.Equal(t, identity.ErrSessionRevoked, open(issued(0)), name)
		if x.revocation.SessionID == "" {
			require.NoError(t, open(issued(time.Second)), name)
		}
	}
}

const (
	visitorARN = "arn:aws:iam::111122223333:role/game/Visitor"
	visitorID  = "AROAVISITORVISITOR23"
)

// TestRevocationOfATime takes a time before now, keeps the latest of several,
// and refuses what is to come.
func TestRevocationOfATime(t *testing.T) {
	at := &clock{noon.Add(10 * time.Minute)}
	store := identity.NewMemory()
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Store = store })
	revoke := func(before time.Time) error {
		return sessions.Revoke(context.Background(), identity.Revocation{Identity: aliceID, Before: before})
	}
	open := func(after time.Duration) error {
		s := aliceSession()
		s.IssuedAt = noon.Add(after)
		_, err := sessions.Open(context.Background(), accessKeyID, sealed(t, s))
		return err
	}
	require.NoError(t, revoke(noon.Add(5*time.Minute+time.Second/2)))
	require.NoError(t, revoke(noon.Add(time.Minute)))
	require.Equal(t, identity.ErrSessionRevoked, open(0))
	require.Equal(t, identity.ErrSessionRevoked, open(5*time.Minute))
	require.NoError(t, open(5*time.Minute+time.Second))
	require.ErrorContains(t, revoke(at.at.Add(16*time.Minute)), "to come")

	// It is forgotten when no session of before can be there, on any replica.
	over := noon.Add(12*time.Hour + 5*time.Minute + identity.MaxClockSkew)
	swept, err := store.Sweep(context.Background(), over)
	require.NoError(t, err)
	require.Zero(t, swept)
	swept, err = store.Sweep(context.Background(), over.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, 1, swept)
}

// TestThreatRevocationOfAClockAhead wants a single session ended whatever the
// clock of its issuer says, as far as sessions of such a clock open at all.
func TestThreatRevocationOfAClockAhead(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	ahead := aliceSession()
	ahead.IssuedAt = noon.Add(identity.MaxClockSkew)
	token := sealed(t, ahead)
	_, err := sessions.Open(context.Background(), accessKeyID, token)
	require.NoError(t, err)
	require.NoError(t, sessions.Revoke(context.Background(), identity.Revocation{SessionID: ahead.ID}))
	_, err = sessions.Open(context.Background(), accessKeyID, token)
	require.Equal(t, identity.ErrSessionRevoked, err)
}

func TestRevokeRefuses(t *testing.T) {
	at := &clock{noon}
	sessions := newSessions(t, at.now, nil)
	for name, r := range map[string]identity.Revocation{
		"nothing":          {},
		"a time alone":     {Before: noon},
		"two":              {Identity: aliceID, Pool: poolID},
		"a session's time": {SessionID: "6f1d", Before: noon},
		"over-long":        {Role: strings.Repeat("r", 1020)},
		"a NUL":            {Role: "r\x00"},
		// What names nothing must not pass for a revocation.
		"a role without its path":  {Role: "arn:aws:iam::111122223333:role/Player"},
		"a role in another case":   {Role: strings.ToUpper(playerARN)},
		"a role's session":         {Role: "arn:aws:sts::111122223333:assumed-role/Player/x"},
		"an identity without form": {Identity: "alice"},
		"an identity's beginning":  {Identity: aliceID[:18] + "…"},
		"a pool's ARN":             {Pool: "arn:aws:cognito-identity:us-east-1:111122223333:identitypool/" + poolID},
	} {
		err := sessions.Revoke(context.Background(), r)
		require.Equal(t, identity.InvalidParameter, identity.CodeOf(err), "%s: %v", name, err)
	}
	for _, r := range []identity.Revocation{{Role: playerARN}, {Identity: "us-east-1:0"}, {Pool: "us-east-1:0"}} {
		require.NoError(t, sessions.Revoke(context.Background(), r), "an identity or a pool that is gone may have sessions")
	}
}

// brokenStore cannot be read while it is broken.
type brokenStore struct {
	identity.Store
	broken atomic.Bool
}

var errBroken = errors.New("store is down")

func (b *brokenStore) View(ctx context.Context, f func(identity.Tx) error) error {
	if b.broken.Load() {
		return errBroken
	}
	return b.Store.View(ctx, f)
}

// TestThreatRevocationsUnread opens nothing before revocations were read, nor
// when they could not be read for MaxStale.
func TestThreatRevocationsUnread(t *testing.T) {
	at := &clock{noon}
	store := &brokenStore{Store: identity.NewMemory()}
	token := sealed(t, aliceSession())
	sessions, err := identity.NewSessions(identity.SessionsOptions{Account: gameAccount(t), Keys: newRing(t), Store: store, Now: at.now, MaxStale: time.Minute})
	require.NoError(t, err)
	open := func() error {
		_, err := sessions.Open(context.Background(), accessKeyID, token)
		return err
	}
	require.Equal(t, identity.ErrRevocationsStale, open())
	require.NoError(t, sessions.Refresh(context.Background()))
	require.NoError(t, open())
	store.broken.Store(true)
	require.ErrorIs(t, sessions.Refresh(context.Background()), errBroken)
	at.at = noon.Add(time.Minute)
	require.NoError(t, open())
	at.at = noon.Add(time.Minute + 1)
	require.Equal(t, identity.ErrRevocationsStale, open())
	at.at = noon.Add(-1) // a clock that went back tells no age
	require.Equal(t, identity.ErrRevocationsStale, open())
	at.at = noon.Add(2 * time.Minute)
	store.broken.Store(false)
	require.NoError(t, sessions.Refresh(context.Background()))
	require.NoError(t, open())
}

// TestRevocationsAreReadAnew wants a cut known that the count of changes does not
// tell of, as after the store was restored: within MaxStale.
func TestRevocationsAreReadAnew(t *testing.T) {
	at := &clock{noon}
	store := identity.NewMemory()
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Store = store })
	token := sealed(t, aliceSession())
	require.NoError(t, store.Update(context.Background(), func(tx identity.Tx) error {
		return tx.Put(identity.Record{Kind: "revocation", Key: "identity:" + aliceID, Group: "all", Value: fmt.Appendf(nil, `{"cut":%d}`, noon.Unix()+1)})
	}))
	for _, x := range []struct {
		after time.Duration
		want  error
	}{{59 * time.Second, nil}, {time.Minute, identity.ErrSessionRevoked}} {
		at.at = noon.Add(x.after)
		require.NoError(t, sessions.Refresh(context.Background()))
		_, err := sessions.Open(context.Background(), accessKeyID, token)
		require.ErrorIs(t, err, x.want)
	}
}

// TestMalformedRevocation does not take a record that it cannot read for none.
func TestMalformedRevocation(t *testing.T) {
	for _, value := range []string{``, `{}`, `null`, `{"cut":"now"}`, `{"cut":-1}`} {
		at := &clock{noon}
		store := identity.NewMemory()
		sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Store = store })
		require.NoError(t, sessions.Revoke(context.Background(), identity.Revocation{Identity: aliceID}))
		require.NoError(t, store.Update(context.Background(), func(tx identity.Tx) error {
			return tx.Put(identity.Record{Kind: "revocation", Key: "pool:x", Group: "all", Value: []byte(value)})
		}))
		fresh, err := identity.NewSessions(identity.SessionsOptions{Account: gameAccount(t), Keys: newRing(t), Store: store, Now: at.now})
		require.NoError(t, err)
		require.ErrorContains(t, fresh.Refresh(context.Background()), "malformed", value)
		_, err = fresh.Open(context.Background(), accessKeyID, sealed(t, aliceSession()))
		require.Equal(t, identity.ErrRevocationsStale, err)
	}
}

// TestManyRevocations reads more than fit into one page.
func TestManyRevocations(t *testing.T) {
	at := &clock{noon}
	store := identity.NewMemory()
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Store = store })
	const many = 2500
	require.NoError(t, store.Update(context.Background(), func(tx identity.Tx) error {
		for i := range many {
			r := identity.Record{Kind: "revocation", Key: fmt.Sprintf("identity:%05d", i), Group: "all", Value: fmt.Appendf(nil, `{"cut":%d}`, noon.Unix()+1)}
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, sessions.Revoke(context.Background(), identity.Revocation{Pool: "us-east-1:a"}))
	for _, i := range []int{0, 999, 1000, 1001, 1999, 2000, many - 1, many} {
		s := aliceSession()
		s.IdentityID = fmt.Sprintf("%05d", i)
		_, err := sessions.Open(context.Background(), accessKeyID, sealed(t, s))
		if i == many {
			require.NoError(t, err)
		} else {
			require.Equal(t, identity.ErrSessionRevoked, err, "%d", i)
		}
	}
}

// TestRevocationReachesEveryReplica measures how long another replica goes on
// after a revocation: until its next poll, and if the store is down no longer
// than MaxStale.
func TestRevocationReachesEveryReplica(t *testing.T) {
	for name, x := range map[string]struct {
		down  bool
		bound time.Duration
		want  error
	}{
		"store is up":   {false, 2 * time.Second, identity.ErrSessionRevoked},
		"store is down": {true, time.Minute, identity.ErrRevocationsStale},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(context.Background())
			shared := identity.NewMemory()
			broken := &brokenStore{Store: shared}
			one := newSessions(t, time.Now, func(o *identity.SessionsOptions) { o.Store = shared })
			two := newSessions(t, time.Now, func(o *identity.SessionsOptions) { o.Store = broken })
			var failures atomic.Int32
			go two.Run(ctx, func(error) { failures.Add(1) })
			time.Sleep(700 * time.Millisecond) // somewhere between two polls
			synctest.Wait()

			s := aliceSession()
			s.IssuedAt = time.Now().Truncate(time.Second)
			s.Expires = s.IssuedAt.Add(time.Hour)
			token := sealed(t, s)
			broken.broken.Store(x.down)
			require.NoError(t, one.Revoke(ctx, identity.Revocation{Identity: aliceID}))
			revoked := time.Now()
			_, err := one.Open(ctx, accessKeyID, token)
			require.Equal(t, identity.ErrSessionRevoked, err, "who revokes knows at once")
			for {
				if _, err = two.Open(ctx, accessKeyID, token); err != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
			}
			after := time.Since(revoked)
			require.Equal(t, x.want, err, name)
			require.LessOrEqual(t, after, x.bound, name)
			require.Equal(t, x.down, failures.Load() > 0, name)
			t.Logf("%s: the other replica opened the session for %v more", name, after)
			stop()
		})
	}
}

// TestSessionNeverPrintsItsSecret prints all that holds a secret or a key.
func TestSessionNeverPrintsItsSecret(t *testing.T) {
	at := &clock{noon}
	ring := newRing(t)
	sessions := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys = ring })
	opened, err := sessions.Open(context.Background(), accessKeyID, sealed(t, aliceSession()))
	require.NoError(t, err)
	secret, master := opened.Secret.Reveal(), testKey(1).Secret.Reveal()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		for _, x := range []any{opened, *opened, ring, sessions, testKey(1), []identity.Key{testKey(1)}} {
			text := fmt.Sprintf(verb, x)
			for _, hidden := range [][]byte{secret, master} {
				for _, form := range []string{string(hidden), fmt.Sprintf("%x", hidden), strings.Trim(fmt.Sprintf("%d", hidden[:8]), "[]"), fmt.Sprintf("%#v", hidden)[8:40]} {
					require.NotContains(t, text, form, verb)
				}
			}
		}
	}
}
