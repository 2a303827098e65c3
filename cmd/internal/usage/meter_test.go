package usage_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
	"github.com/rowan-authz/rowan/identity"
)

const (
	users  = "us-east-1_Ab12Cd34E"
	guests = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
)

var november = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// clock is a time that a test sets.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) set(at time.Time) { c.at.Store(at.UnixNano()) }

func (c *clock) now() time.Time { return time.Unix(0, c.at.Load()) }

func newMeter(t testing.TB, s identity.Store, c *clock) *usage.Meter {
	t.Helper()
	m, err := usage.NewMeter(usage.Options{Store: s, Now: c.now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return m
}

func read(t testing.TB, s identity.Store, month string) *usage.Month {
	t.Helper()
	m, err := usage.Read(t.Context(), s, month, []string{users}, []string{guests})
	require.NoError(t, err)
	require.Len(t, m.UserPools, 1)
	require.Len(t, m.IdentityPools, 1)
	return m
}

func stores(t *testing.T, f func(*testing.T, func(*testing.T) identity.Store)) {
	opened := func(url string) func(*testing.T) identity.Store {
		return func(t *testing.T) identity.Store {
			s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		}
	}
	t.Run("memory", func(t *testing.T) {
		s := identity.NewMemory()
		f(t, func(*testing.T) identity.Store { return s })
	})
	t.Run("SQLite", func(t *testing.T) { f(t, opened("sqlite:"+filepath.Join(t.TempDir(), "records.db"))) })
	t.Run("PostgreSQL", func(t *testing.T) { f(t, opened(needs.Postgres(t))) })
}

// TestReplicasCountExactly: several processes, each with a connection of its
// own, count the same users and others at once, and write while they do.
func TestReplicasCountExactly(t *testing.T) {
	const (
		replicas = 3
		workers  = 4
		rounds   = 60
		people   = 100
	)
	stores(t, func(t *testing.T, open func(*testing.T) identity.Store) {
		c := newClock(november)
		var wg sync.WaitGroup
		for r := range replicas {
			m := newMeter(t, open(t), c)
			var counting sync.WaitGroup
			for w := range workers {
				counting.Go(func() {
					for i := range rounds {
						m.Active(users, fmt.Sprintf("user-%d", (i*7+w*31+r*13)%people))
						m.Active(users, fmt.Sprintf("of-%d-%d-%d", r, w, i/2))
						m.Authenticated(guests)
						m.Decided(c.now(), 2)
					}
				})
			}
			wg.Go(func() {
				for range 3 {
					require.NoError(t, m.Write(t.Context()))
				}
				counting.Wait()
				require.NoError(t, m.Write(t.Context()))
			})
		}
		wg.Wait()
		got := read(t, open(t), "2026-11")
		met := map[int]bool{}
		for r := range replicas {
			for w := range workers {
				for i := range rounds {
					met[(i*7+w*31+r*13)%people] = true
				}
			}
		}
		require.EqualValues(t, len(met)+replicas*workers*rounds/2, got.UserPools[0].ActiveUsers)
		require.EqualValues(t, replicas*workers*rounds, got.IdentityPools[0].Authentications)
		require.EqualValues(t, replicas*workers*rounds*2, got.Decisions)
		require.Zero(t, got.UserPools[0].Uncounted)
	})
}

// faulty fails before a commit, or after it, in turn.
type faulty struct {
	identity.Store
	n, updates int
}

var errBroken = errors.New("broken")

func (f *faulty) Update(ctx context.Context, g func(identity.Tx) error) error {
	f.updates++
	f.n++
	switch f.n % 3 {
	case 1:
		return f.Store.Update(ctx, func(tx identity.Tx) error { return errors.Join(g(tx), errBroken) })
	case 2:
		return errors.Join(identity.ErrUncertain, f.Store.Update(ctx, g))
	}
	return f.Store.Update(ctx, g)
}

// TestLostAnswersCountOnce: a commit whose answer is lost is written again.
func TestLostAnswersCountOnce(t *testing.T) {
	c, f := newClock(november), &faulty{Store: identity.NewMemory()}
	m := newMeter(t, f, c)
	for i := range 20 {
		m.Active(users, fmt.Sprint(i))
		m.Authenticated(guests)
		m.Decided(c.now(), 1)
		_ = m.Write(t.Context())
	}
	for m.Write(t.Context()) != nil {
	}
	got := read(t, f, "2026-11")
	require.EqualValues(t, 20, got.UserPools[0].ActiveUsers)
	require.EqualValues(t, 20, got.IdentityPools[0].Authentications)
	require.EqualValues(t, 20, got.Decisions)
}

// TestMonths: what happens in the last second of a month is of that month, in
// UTC wherever the clock is, and a user counts again in the next.
func TestMonths(t *testing.T) {
	c, s := newClock(november), identity.NewMemory()
	m := newMeter(t, s, c)
	last := time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC)
	for _, at := range []time.Time{november, last, last.Add(time.Nanosecond), last, last.In(time.FixedZone("", 14*3600))} {
		c.set(at)
		m.Active(users, "alice")
		m.Authenticated(guests)
		m.Decided(at, 1)
	}
	require.NoError(t, m.Write(t.Context()))
	for month, n := range map[string]uint64{"2026-10": 0, "2026-11": 1, "2026-12": 3, "2027-01": 1} {
		got := read(t, s, month)
		require.Equal(t, min(n, 1), got.UserPools[0].ActiveUsers, month)
		require.Equal(t, n, got.IdentityPools[0].Authentications, month)
		require.Equal(t, n, got.Decisions, month)
	}
	for _, month := range []string{"", "2026", "2026-13", "2026-1", "2026-11-01", "26-11", "2026-11 ", "+026-11"} {
		_, err := usage.Read(t.Context(), s, month, nil, nil)
		require.ErrorIs(t, err, usage.ErrMonth, month)
	}
}

// TestTurnOfTheMonth: decisions are counted while the month turns.
func TestTurnOfTheMonth(t *testing.T) {
	c, s := newClock(november), identity.NewMemory()
	m := newMeter(t, s, c)
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				m.Decided(end.Add(time.Duration(i%2*2+w%2-1)*time.Second), 1)
				if i%1000 == 0 {
					require.NoError(t, m.Write(t.Context()))
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, m.Write(t.Context()))
	before, after := read(t, s, "2026-11").Decisions, read(t, s, "2026-12").Decisions
	require.EqualValues(t, 4*5000, before+after)
	require.EqualValues(t, 2*2500, before)
}

// TestUserIsWrittenOnceAMonth: activity after the first costs no transaction.
func TestUserIsWrittenOnceAMonth(t *testing.T) {
	c, f := newClock(november), &faulty{Store: identity.NewMemory(), n: 2}
	m := newMeter(t, f, c)
	m.Active(users, "alice")
	require.NoError(t, m.Write(t.Context()))
	require.Equal(t, 1, f.updates)
	for range 100 {
		m.Active(users, "alice")
		require.NoError(t, m.Write(t.Context()))
	}
	require.Equal(t, 1, f.updates)
}

// TestTooManyUsersAreTold: what cannot be remembered is not silently forgotten.
func TestTooManyUsersAreTold(t *testing.T) {
	c, s := newClock(november), identity.NewMemory()
	m := newMeter(t, s, c)
	const room, more = 1 << 16, 7
	for i := range room + more {
		m.Active(users, fmt.Sprint(i))
	}
	require.NoError(t, m.Write(t.Context()))
	got := read(t, s, "2026-11").UserPools[0]
	require.EqualValues(t, room, got.ActiveUsers)
	require.EqualValues(t, more, got.Uncounted)
}

// TestRunWritesAtItsEnd, though the context of its own has ended.
func TestRunWritesAtItsEnd(t *testing.T) {
	c, s := newClock(november), identity.NewMemory()
	m := newMeter(t, s, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Authenticated(guests)
	m.Run(ctx)
	require.EqualValues(t, 1, read(t, s, "2026-11").IdentityPools[0].Authentications)
}

// TestRecordsExpire: users soon after the month, counters two years later.
func TestRecordsExpire(t *testing.T) {
	c, s := newClock(november), identity.NewMemory()
	m := newMeter(t, s, c)
	m.Active(users, "alice")
	require.NoError(t, m.Write(t.Context()))
	n, err := s.Sweep(t.Context(), time.Date(2026, 12, 1, 23, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.Sweep(t.Context(), time.Date(2026, 12, 2, 1, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = s.Sweep(t.Context(), time.Date(2028, 11, 30, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Zero(t, n)
	require.EqualValues(t, 1, read(t, s, "2026-11").UserPools[0].ActiveUsers)
	n, err = s.Sweep(t.Context(), time.Date(2028, 12, 4, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// TestTotals: counters of a process rise whatever the month, and those of all
// processes make up the months, lost answers of commits or not.
func TestTotals(t *testing.T) {
	c, f := newClock(november), &faulty{Store: identity.NewMemory()}
	one, other := newMeter(t, f, c), newMeter(t, f, c)
	require.Empty(t, one.Totals())
	for _, at := range []time.Time{november, november.AddDate(0, 1, 0)} {
		c.set(at)
		for _, m := range []*usage.Meter{one, other} {
			m.Active(users, "alice")
			m.Authenticated(guests)
			m.Decided(at, 3)
			for m.Write(t.Context()) != nil {
			}
		}
		other.Active(users, "bob")
		for other.Write(t.Context()) != nil {
		}
	}
	one.Decided(c.now(), 1) // not written
	want := func(people, decided uint64) []usage.Total {
		return []usage.Total{{usage.Authentications, guests, 2}, {usage.Decisions, "", decided}, {usage.ActiveUsers, users, people}}
	}
	require.Equal(t, want(2, 7), one.Totals())
	require.Equal(t, want(2, 6), other.Totals())
	require.Equal(t, want(2, 7), one.Totals(), "to look changes nothing")
	require.NoError(t, func() (err error) {
		for range 3 {
			if err = one.Write(t.Context()); err == nil {
				return nil
			}
		}
		return err
	}())
	require.EqualValues(t, 7, read(t, f, "2026-12").Decisions)
}

func TestDecidedTakesNoMemory(t *testing.T) {
	m := newMeter(t, identity.NewMemory(), newClock(november))
	m.Decided(november, 1)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Decided(november, 3) }))
}

func BenchmarkDecided(b *testing.B) {
	m := newMeter(b, identity.NewMemory(), newClock(november))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m.Decided(november, 1)
		}
	})
}
