package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// meeting lets some transactions wait for each other between reading and
// writing, so that an engine which lets them overlap has them overlap. One that
// runs them in turn cannot bring the second, and the first goes on after a
// while; no verdict depends on how long that is.
type meeting struct {
	size    int
	mu      sync.Mutex
	arrived map[int]bool
	all     chan struct{}
}

func newMeeting(size int) *meeting {
	return &meeting{size: size, arrived: map[int]bool{}, all: make(chan struct{})}
}

// wait waits, the first time that who is here, until enough have come. A
// transaction that is run again does not wait again.
func (m *meeting) wait(who int) {
	m.mu.Lock()
	again := m.arrived[who]
	m.arrived[who] = true
	if !again && len(m.arrived) == m.size {
		close(m.all)
	}
	m.mu.Unlock()
	if again {
		return
	}
	select {
	case <-m.all:
	case <-time.After(50 * time.Millisecond):
	}
}

// both runs f as two transactions at once, and fails the test if either fails.
func both(t *testing.T, s identity.Store, f func(tx identity.Tx, who int, met func()) error) {
	t.Helper()
	m := newMeeting(2)
	errs := make([]error, 2)
	var group sync.WaitGroup
	for who := range 2 {
		group.Go(func() {
			errs[who] = s.Update(t.Context(), func(tx identity.Tx) error {
				return f(tx, who, func() { m.wait(who) })
			})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
}

// increment adds one to a number; between reading and writing it calls met.
func increment(tx identity.Tx, kind, key string, met func()) error {
	r, err := tx.Get(kind, key)
	if err != nil && !errors.Is(err, identity.ErrNoRecord) {
		return err
	}
	n := 0
	if err == nil {
		if n, err = strconv.Atoi(string(r.Value)); err != nil {
			return err
		}
	}
	met()
	return tx.Put(identity.Record{Kind: kind, Key: key, Group: "g", Value: []byte(strconv.Itoa(n + 1))})
}

func checkLostUpdate(t *testing.T, s identity.Store) {
	// From nothing, and from something.
	for _, want := range []string{"2", "4"} {
		both(t, s, func(tx identity.Tx, _ int, met func()) error { return increment(tx, "k", "n", met) })
		requireValue(t, s, "k", "n", want)
	}
}

// checkWriteSkew is the two doctors on call: each may leave if the other stays.
func checkWriteSkew(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "on call", Key: "0"}, identity.Record{Kind: "on call", Key: "1"})
	both(t, s, func(tx identity.Tx, who int, met func()) error {
		_, err := tx.Get("on call", strconv.Itoa(1-who))
		met()
		if errors.Is(err, identity.ErrNoRecord) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.Delete("on call", strconv.Itoa(who))
	})
	_, first := valueOf(t, s, "on call", "0")
	_, second := valueOf(t, s, "on call", "1")
	require.True(t, first != second, "one stays on call: %t, %t", first, second)
}

// checkInsertSkew is the same, where one learns from a refused Insert that the
// other is there: a read that an engine may forget to count as one.
func checkInsertSkew(t *testing.T, s identity.Store) {
	for round := range 4 {
		kind := fmt.Sprintf("round %d", round)
		put(t, s, identity.Record{Kind: kind, Key: "0"}, identity.Record{Kind: kind, Key: "1"})
		both(t, s, func(tx identity.Tx, who int, met func()) error {
			var err error
			if other := strconv.Itoa(1 - who); who == round%2 {
				err = tx.Insert(identity.Record{Kind: kind, Key: other, Value: []byte("inserted")})
			} else if _, err = tx.Get(kind, other); err == nil {
				err = identity.ErrRecordExists
			}
			met()
			if !errors.Is(err, identity.ErrRecordExists) {
				return ignoreNoRecord(err)
			}
			return tx.Delete(kind, strconv.Itoa(who))
		})
		left := 0
		for _, key := range []string{"0", "1"} {
			if _, ok := valueOf(t, s, kind, key); ok {
				left++
			}
		}
		require.NotZero(t, left, "both left, each because the other was there")
	}
}

func ignoreNoRecord(err error) error {
	if errors.Is(err, identity.ErrNoRecord) {
		return nil
	}
	return err
}

// checkPhantom has each of two add a record to a group that it found empty.
func checkPhantom(t *testing.T, s identity.Store) {
	both(t, s, func(tx identity.Tx, who int, met func()) error {
		found, err := tx.List("k", "g", "", 10)
		if err != nil {
			return err
		}
		met()
		if len(found) > 0 {
			return nil
		}
		return tx.Insert(identity.Record{Kind: "k", Key: strconv.Itoa(who), Group: "g"})
	})
	view(t, s, func(tx identity.Tx) { require.Len(t, keysOf(t, tx, "k", "g", 10), 1) })
}

// checkSnapshot moves an amount to and fro while views add it up.
func checkSnapshot(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g", Value: []byte("100")},
		identity.Record{Kind: "k", Key: "b", Group: "g", Value: []byte("0")})
	// In one view: what is written between its reads is not seen, or is not
	// written before it ends.
	written := make(chan error, 1)
	view(t, s, func(tx identity.Tx) {
		value, _ := read(t, tx, "k", "a")
		require.Equal(t, "100", value)
		go func() { written <- move(t, s, 1) }()
		select {
		case err := <-written:
			written <- err
		case <-time.After(50 * time.Millisecond):
		}
		require.Equal(t, 100, total(t, tx))
		value, _ = read(t, tx, "k", "b")
		require.Equal(t, "0", value)
	})
	require.NoError(t, <-written)

	stop := make(chan struct{})
	var group sync.WaitGroup
	var err error
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err = move(t, s, 1-2*(i%2)); err != nil {
				return
			}
		}
	})
	for range 50 {
		view(t, s, func(tx identity.Tx) {
			sum := 0
			for _, key := range []string{"a", "b"} {
				value, ok := read(t, tx, "k", key)
				require.True(t, ok)
				n, err := strconv.Atoi(value)
				require.NoError(t, err)
				sum += n
			}
			require.Equal(t, 100, sum)
			require.Equal(t, 100, total(t, tx))
		})
	}
	close(stop)
	group.Wait()
	require.NoError(t, err)
}

// move takes n from a and gives it to b.
func move(t *testing.T, s identity.Store, n int) error {
	return s.Update(t.Context(), func(tx identity.Tx) error {
		for i, key := range []string{"a", "b"} {
			r, err := tx.Get("k", key)
			if err != nil {
				return err
			}
			have, err := strconv.Atoi(string(r.Value))
			if err != nil {
				return err
			}
			r.Value = []byte(strconv.Itoa(have - n + 2*n*i))
			if err := tx.Put(r); err != nil {
				return err
			}
		}
		return nil
	})
}

func total(t *testing.T, tx identity.Tx) int {
	t.Helper()
	records, err := tx.List("k", "g", "", 10)
	require.NoError(t, err)
	sum := 0
	for _, r := range records {
		n, err := strconv.Atoi(string(r.Value))
		require.NoError(t, err)
		sum += n
	}
	return sum
}

func checkOneInsertWins(t *testing.T, s identity.Store) {
	const workers = 16
	var mu sync.Mutex
	var winners []string
	start := newMeeting(2)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			me := strconv.Itoa(i)
			err := s.Update(t.Context(), func(tx identity.Tx) error {
				if err := tx.Put(identity.Record{Kind: "mark", Key: me}); err != nil {
					return err
				}
				start.wait(i)
				return tx.Insert(identity.Record{Kind: "k", Key: "name", Value: []byte(me)})
			})
			switch {
			case err == nil:
				mu.Lock()
				winners = append(winners, me)
				mu.Unlock()
			case !errors.Is(err, identity.ErrRecordExists):
				errs[i] = err
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, winners, 1)
	requireValue(t, s, "k", "name", winners[0])
	for i := range workers {
		if me := strconv.Itoa(i); me != winners[0] {
			requireNone(t, s, "mark", me)
		}
	}
}

// checkCounters has a hundred goroutines count, each on one of a few counters
// and all on a common one.
func checkCounters(t *testing.T, s identity.Store) {
	const workers, counters = 100, 4
	start := newMeeting(2)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			errs[i] = s.Update(t.Context(), func(tx identity.Tx) error {
				own := increment(tx, "k", strconv.Itoa(i%counters), func() {})
				return errors.Join(own, increment(tx, "k", "all", func() { start.wait(i) }))
			})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	requireValue(t, s, "k", "all", strconv.Itoa(workers))
	for i := range counters {
		requireValue(t, s, "k", strconv.Itoa(i), strconv.Itoa(workers/counters))
	}
}
