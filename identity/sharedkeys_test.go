package identity_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// sharedRing is a ring of a process that has testKey(1) in its key file, and
// testKey(9) for the store.
func sharedRing(t require.TestingT, life time.Duration) *identity.Keyring {
	ring, err := identity.NewSharedKeyring([]identity.Key{testKey(1)}, rand.Reader, identity.SharedKeysOptions{Storage: newRing(t, testKey(9)), Life: life})
	require.NoError(t, err)
	return ring
}

// aReplica is a process that shares keys, as far as these tests see it.
type aReplica struct {
	ring     *identity.Keyring
	sessions *identity.Sessions
	now      func() time.Time
	maxStale time.Duration
	offset   time.Duration
	cut      bool // from the store
}

// issue seals a session from now on.
func (r *aReplica) issue(n int, life time.Duration) (*identity.Session, string, error) {
	s := aliceSession()
	s.AccessKeyID = fmt.Sprintf("ASIA%c%c%cAAAAAAAAAAAAA", 'A'+n%26, 'A'+n/26%26, 'A'+n/676%26)
	s.IssuedAt = r.now().Truncate(time.Second)
	s.Expires = s.IssuedAt.Add(life)
	token, err := r.ring.SealSession(r.now(), s)
	return s, token, err
}

// brittleStore loses updates, or their answers.
type brittleStore struct {
	identity.Store
	next int // 0 nothing, 1 lost, 2 done and the answer is lost
}

func (b *brittleStore) Update(ctx context.Context, f func(identity.Tx) error) error {
	fault := b.next
	b.next = 0
	if fault == 1 {
		return errBroken
	}
	err := b.Store.Update(ctx, f)
	if err == nil && fault == 2 {
		return identity.ErrUncertain
	}
	return err
}

// TestReplicasShareEveryKey lets replicas whose clocks differ read, make keys,
// seal, end, begin and be cut off in any order, with updates that get lost. A
// session that one of them made opens at every other that could read within
// its MaxStale, until the session is over; who could not seals and opens
// nothing.
func TestReplicasShareEveryKey(t *testing.T) {
	account := gameAccount(t)
	made, refused, late := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		real := &clock{noon}
		store := &brittleStore{Store: identity.NewMemory()}
		life := time.Duration(rapid.IntRange(30, 180).Draw(rt, "life")) * time.Minute
		begin := func(r *aReplica) {
			r.ring = sharedRing(rt, life)
			var err error
			r.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: account, Keys: r.ring, Store: store, Now: r.now, MaxStale: r.maxStale})
			require.NoError(rt, err)
		}
		replicas := make([]*aReplica, rapid.IntRange(2, 4).Draw(rt, "replicas"))
		for i := range replicas {
			r := &aReplica{
				offset:   time.Duration(rapid.IntRange(0, 15_000).Draw(rt, "clock")) * time.Millisecond,
				maxStale: time.Duration(rapid.IntRange(10, 300).Draw(rt, "stale")) * time.Second,
			}
			r.now = func() time.Time { return real.at.Add(r.offset) }
			begin(r)
			replicas[i] = r
		}
		poll := func(r *aReplica) {
			if r.cut {
				return
			}
			require.NoError(rt, r.sessions.Refresh(ctx))
			if err := r.sessions.Rotate(ctx); err != nil {
				require.True(rt, errors.Is(err, errBroken) || errors.Is(err, identity.ErrUncertain), "%v", err)
				late++
			}
		}
		type issued struct {
			*identity.Session
			token string
		}
		var all []issued
		open := func(r *aReplica, s issued) {
			_, err := r.sessions.Open(ctx, s.AccessKeyID, s.token)
			switch {
			case r.sessions.Ready() != nil:
				require.Equal(rt, identity.ErrRevocationsStale, err)
				refused++
			case !r.now().Before(s.Expires):
				require.Error(rt, err)
			default:
				require.NoError(rt, err, "%v after it was made, at a clock %v ahead", r.now().Sub(s.IssuedAt), r.offset)
			}
		}
		steps := map[string]func(*rapid.T){
			"time": func(rt *rapid.T) {
				seconds := rapid.IntRange(1, rapid.SampledFrom([]int{5, 90, 900, 15_000}).Draw(rt, "most")).Draw(rt, "seconds")
				real.at = real.at.Add(time.Duration(seconds) * time.Second)
			},
			"poll": func(rt *rapid.T) { poll(rapid.SampledFrom(replicas).Draw(rt, "who")) },
			"all poll": func(rt *rapid.T) {
				for _, r := range rapid.Permutation(replicas).Draw(rt, "order") {
					poll(r)
				}
			},
			"cut or joined": func(rt *rapid.T) {
				r := rapid.SampledFrom(replicas).Draw(rt, "who")
				r.cut = !r.cut
			},
			"restarted": func(rt *rapid.T) { begin(rapid.SampledFrom(replicas).Draw(rt, "who")) },
			"fault":     func(rt *rapid.T) { store.next = rapid.IntRange(1, 2).Draw(rt, "fault") },
			"sealed": func(rt *rapid.T) {
				r := rapid.SampledFrom(replicas).Draw(rt, "who")
				s, token, err := r.issue(made, time.Duration(rapid.IntRange(1, 12*60).Draw(rt, "minutes"))*time.Minute)
				if r.sessions.Ready() != nil {
					require.ErrorIs(rt, err, identity.ErrNoSealingKey)
					return
				}
				require.NoError(rt, err)
				made++
				if all = append(all, issued{s, token}); len(all) > 40 {
					all = all[1:]
				}
				for _, other := range replicas {
					open(other, all[len(all)-1])
				}
			},
			"opened": func(rt *rapid.T) {
				r := rapid.SampledFrom(replicas).Draw(rt, "who")
				for _, s := range all {
					open(r, s)
				}
			},
		}
		steps["time and poll"] = func(rt *rapid.T) { steps["time"](rt); steps["all poll"](rt) }
		names := slices.Sorted(maps.Keys(steps))
		for range 400 {
			steps[rapid.SampledFrom(names).Draw(rt, "step")](rt)
		}
	})
	require.NotZero(t, made)
	require.NotZero(t, refused)
	require.NotZero(t, late)
	t.Logf("%d sessions made; %d times a replica that could not read refused one; %d updates lost", made, refused, late)
}

// TestSharedKeysFollowTheSchedule has three replicas rotate for a week. Keys
// begin to seal when the one before them is Life old, those of the file never
// again, and the record does not grow.
func TestSharedKeysFollowTheSchedule(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := identity.NewMemory()
	replicas := make([]*aReplica, 3)
	for i := range replicas {
		ring := sharedRing(t, time.Hour)
		replicas[i] = &aReplica{ring: ring, now: at.now, sessions: newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = ring, store })}
	}
	begins := []time.Time{}
	last := uint32(0)
	for at.at.Before(noon.Add(7 * 24 * time.Hour)) {
		for _, r := range replicas {
			require.NoError(t, r.sessions.Refresh(ctx))
			require.NoError(t, r.sessions.Rotate(ctx))
		}
		ids := map[uint32]bool{}
		for _, r := range replicas {
			ids[sealingKey(t, r)] = true
		}
		require.Len(t, ids, 1, "all seal with one key")
		if id := sealingKey(t, replicas[0]); id != last {
			begins, last = append(begins, at.at), id
		}
		at.at = at.at.Add(30 * time.Second)
	}
	require.Equal(t, noon, begins[0], "the key file's")
	require.Equal(t, noon.Add(identity.SessionKeyOverlap), begins[1])
	for i := 2; i < len(begins); i++ {
		require.InDelta(t, time.Hour, begins[i].Sub(begins[i-1]), float64(time.Minute))
	}
	require.InDelta(t, 7*24, len(begins), 3)
	require.NoError(t, store.View(ctx, func(tx identity.Tx) error {
		r, err := tx.Get("sessionkeys", "ring")
		require.Less(t, len(r.Value), 4000)
		require.True(t, r.Expires.IsZero())
		return err
	}))
}

// sealingKey is the id of the key that seals now.
func sealingKey(t *testing.T, r *aReplica) uint32 {
	t.Helper()
	sealed, err := r.ring.Seal(r.now(), identity.PurposePage, nil, nil)
	require.NoError(t, err)
	return uint32(sealed[1])<<24 | uint32(sealed[2])<<16 | uint32(sealed[3])<<8 | uint32(sealed[4])
}

// TestOneReplicaMakesTheKey has many find that a key is due at once.
func TestOneReplicaMakesTheKey(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := &countingStore{Store: identity.NewMemory()}
	var all []*identity.Sessions
	for range 8 {
		ring := sharedRing(t, time.Hour)
		all = append(all, newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = ring, store }))
	}
	for range 5 {
		var wg sync.WaitGroup
		for _, s := range all {
			wg.Go(func() {
				require.NoError(t, s.Rotate(ctx))
				require.NoError(t, s.Refresh(ctx))
			})
		}
		wg.Wait()
		at.at = at.at.Add(time.Hour)
		for _, s := range all {
			require.NoError(t, s.Refresh(ctx))
		}
	}
	require.Equal(t, 5, store.puts)
}

// countingStore counts what is written.
type countingStore struct {
	identity.Store
	mu   sync.Mutex
	puts int
}

func (c *countingStore) Update(ctx context.Context, f func(identity.Tx) error) error {
	return c.Store.Update(ctx, func(tx identity.Tx) error { return f(&countingTx{tx, c}) })
}

type countingTx struct {
	identity.Tx
	of *countingStore
}

func (c *countingTx) Put(r identity.Record) error {
	c.of.mu.Lock()
	c.of.puts++
	c.of.mu.Unlock()
	return c.Tx.Put(r)
}

// TestKeyFileEndsWhenTheStoreBegins opens what the key file's key sealed until
// every session of it is over, and not what it seals afterwards: who has an old
// copy of the file and not the store makes no sessions.
func TestKeyFileEndsWhenTheStoreBegins(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := identity.NewMemory()
	r := &aReplica{ring: sharedRing(t, 24*time.Hour), now: at.now}
	r.sessions = newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = r.ring, store })
	poll := func() {
		t.Helper()
		require.NoError(t, r.sessions.Refresh(ctx))
		require.NoError(t, r.sessions.Rotate(ctx))
		require.NoError(t, r.sessions.Refresh(ctx))
	}
	poll()
	at.at = noon.Add(identity.SessionKeyOverlap - time.Second)
	poll()
	require.EqualValues(t, 1, sealingKey(t, r))
	s, token, err := r.issue(0, identity.MaxSessionLife)
	require.NoError(t, err)
	open := func(token string) error {
		_, err := r.sessions.Open(ctx, s.AccessKeyID, token)
		return err
	}
	at.at = noon.Add(identity.SessionKeyOverlap)
	poll()
	require.EqualValues(t, 1<<31, sealingKey(t, r))
	at.at = s.Expires.Add(-1)
	poll()
	require.NoError(t, open(token))
	at.at = at.at.Add(time.Second + 1)
	poll()
	s.IssuedAt, s.Expires = at.at, at.at.Add(time.Hour)
	forged, err := newRing(t).SealSession(at.at, s)
	require.NoError(t, err)
	require.Equal(t, identity.ErrSessionToken, open(forged))
}

// TestThreatSharedKeysUnread seals and opens nothing before the keys were read,
// nor when they could not be for MaxStale, nor when what stands in the store is
// not what a replica with the storage key wrote.
func TestThreatSharedKeysUnread(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := &brokenStore{Store: identity.NewMemory()}
	r := &aReplica{ring: sharedRing(t, time.Hour), now: at.now}
	var err error
	r.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: gameAccount(t), Keys: r.ring, Store: store, Now: at.now})
	require.NoError(t, err)
	closed := func() {
		t.Helper()
		_, _, err := r.issue(0, time.Hour)
		require.ErrorIs(t, err, identity.ErrNoSealingKey)
		_, err = r.sessions.Open(ctx, accessKeyID, sealed(t, aliceSession()))
		require.Equal(t, identity.ErrRevocationsStale, err)
		_, err = r.ring.Open(at.at, identity.PurposeSession, nil, make([]byte, 100))
		require.Equal(t, identity.ErrSealed, err)
		require.Error(t, r.sessions.Ready())
	}
	closed()
	require.NoError(t, r.sessions.Rotate(ctx), "it knows nothing, so it makes nothing")
	closed()
	require.NoError(t, r.sessions.Refresh(ctx))
	_, _, err = r.issue(0, time.Hour)
	require.NoError(t, err)
	store.broken.Store(true)
	at.at = noon.Add(time.Minute + 1)
	require.Error(t, r.sessions.Refresh(ctx))
	closed()
	store.broken.Store(false)
	require.NoError(t, r.sessions.Refresh(ctx))
	require.NoError(t, r.sessions.Rotate(ctx))
	require.NoError(t, r.sessions.Refresh(ctx))

	var good identity.Record
	require.NoError(t, store.View(ctx, func(tx identity.Tx) (err error) { good, err = tx.Get("sessionkeys", "ring"); return err }))
	elsewhere, err := newRing(t, testKey(9)).Seal(at.at, identity.PurposeSessionKeys, []byte("elsewhere"), []byte("{}"))
	require.NoError(t, err)
	strange, err := newRing(t, testKey(9)).Seal(at.at, identity.PurposeSessionKeys, []byte("ring"), []byte(`{"version": 2}`))
	require.NoError(t, err)
	for name, value := range map[string][]byte{
		"empty": {}, "cut": good.Value[:len(good.Value)-1], "of another place": elsewhere, "of another version": strange,
	} {
		bad := good
		bad.Value = value
		put := func(r identity.Record) {
			require.NoError(t, store.Update(ctx, func(tx identity.Tx) error { return tx.Put(r) }))
		}
		put(bad)
		require.ErrorContains(t, r.sessions.Refresh(ctx), "session keys in the store", name)
		require.NoError(t, r.sessions.Ready(), "what is known holds on")
		at.at = at.at.Add(time.Minute + 1)
		closed()
		require.NoError(t, r.sessions.Rotate(ctx))
		var kept identity.Record
		require.NoError(t, store.View(ctx, func(tx identity.Tx) (err error) { kept, err = tx.Get("sessionkeys", "ring"); return err }))
		require.Equal(t, string(value), string(kept.Value), "nobody replaces what does not open")
		put(good)
		require.NoError(t, r.sessions.Refresh(ctx), name)
	}
}

// TestStoreThatLostItsKeys begins anew, and takes nothing that the lost ones
// sealed, also not what is still open.
func TestStoreThatLostItsKeys(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := identity.NewMemory()
	r := &aReplica{ring: sharedRing(t, time.Hour), now: at.now}
	r.sessions = newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = r.ring, store })
	require.NoError(t, r.sessions.Rotate(ctx))
	at.at = noon.Add(identity.SessionKeyOverlap)
	require.NoError(t, r.sessions.Refresh(ctx))
	s, token, err := r.issue(0, time.Hour)
	require.NoError(t, err)
	_, err = r.sessions.Open(ctx, s.AccessKeyID, token)
	require.NoError(t, err)
	require.NoError(t, store.Update(ctx, func(tx identity.Tx) error { return tx.Delete("sessionkeys", "ring") }))
	require.NoError(t, r.sessions.Refresh(ctx))
	_, err = r.sessions.Open(ctx, s.AccessKeyID, token)
	require.Equal(t, identity.ErrSessionToken, err)
	require.EqualValues(t, 1, sealingKey(t, r))
	require.NoError(t, r.sessions.Rotate(ctx))
	at.at = at.at.Add(identity.SessionKeyOverlap)
	require.NoError(t, r.sessions.Refresh(ctx))
	require.EqualValues(t, 1<<31, sealingKey(t, r), "the same id again")
	_, err = r.sessions.Open(ctx, s.AccessKeyID, token)
	require.Equal(t, identity.ErrSessionToken, err, "with another secret")
}

// TestSharedKeysWithoutAMaker uses keys that others made, and keeps the newest
// when nobody makes another.
func TestSharedKeysWithoutAMaker(t *testing.T) {
	ctx := context.Background()
	at := &clock{noon}
	store := identity.NewMemory()
	maker, user := sharedRing(t, time.Hour), &aReplica{ring: sharedRing(t, 0), now: at.now}
	user.sessions = newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = user.ring, store })
	for range 3 {
		require.NoError(t, user.sessions.Rotate(ctx))
		require.NoError(t, user.sessions.Refresh(ctx))
		require.EqualValues(t, 1, sealingKey(t, user))
		at.at = at.at.Add(24 * time.Hour)
	}
	s := newSessions(t, at.now, func(o *identity.SessionsOptions) { o.Keys, o.Store = maker, store })
	require.NoError(t, s.Rotate(ctx))
	for range 3 {
		at.at = at.at.Add(24 * time.Hour)
		require.NoError(t, user.sessions.Rotate(ctx))
		require.NoError(t, user.sessions.Refresh(ctx))
		require.EqualValues(t, 1<<31, sealingKey(t, user))
	}
}

func TestNewSharedKeyringRefuses(t *testing.T) {
	good := identity.SharedKeysOptions{Storage: newRing(t, testKey(9)), Life: time.Hour}
	_, err := identity.NewSharedKeyring([]identity.Key{testKey(1)}, rand.Reader, good)
	require.NoError(t, err)
	above := testKey(1)
	above.ID = 1 << 31
	for name, x := range map[string]struct {
		keys   []identity.Key
		change func(*identity.SharedKeysOptions)
		text   string
	}{
		"no keys":        {nil, func(*identity.SharedKeysOptions) {}, "1 to 64 keys"},
		"no storage":     {[]identity.Key{testKey(1)}, func(o *identity.SharedKeysOptions) { o.Storage = nil }, "keyring that seals"},
		"short":          {[]identity.Key{testKey(1)}, func(o *identity.SharedKeysOptions) { o.Life = 30*time.Minute - 1 }, "30m0s at least"},
		"below zero":     {[]identity.Key{testKey(1)}, func(o *identity.SharedKeysOptions) { o.Life = -time.Hour }, "30m0s at least"},
		"the store's id": {[]identity.Key{above}, func(*identity.SharedKeysOptions) {}, "id of the store's"},
	} {
		o := good
		x.change(&o)
		_, err := identity.NewSharedKeyring(x.keys, rand.Reader, o)
		require.ErrorContains(t, err, x.text, name)
	}
	_, err = identity.NewSessions(identity.SessionsOptions{
		Account: gameAccount(t), Keys: newRing(t), Store: identity.NewMemory(), Now: time.Now, MaxStale: identity.MaxStaleness + 1,
	})
	require.ErrorContains(t, err, "stale after")
}
