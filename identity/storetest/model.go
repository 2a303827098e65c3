package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// world is what a store should hold, in the plainest form there is.
type world map[[2]string]identity.Record

func (w world) clone() world {
	c := make(world, len(w))
	for name, r := range w {
		c[name] = r
	}
	return c
}

func (w world) list(kind, group, after string, limit int) []identity.Record {
	var found []identity.Record
	for _, r := range w {
		if r.Kind == kind && r.Group == group && r.Key > after {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b identity.Record) int { return strings.Compare(a.Key, b.Key) })
	return found[:min(limit, len(found))]
}

func (w world) sweep(now time.Time) int {
	n := 0
	for name, r := range w {
		if !r.Expires.IsZero() && !r.Expires.After(now) {
			delete(w, name)
			n++
		}
	}
	return n
}

// Few names, so that random steps meet.
var (
	kinds   = rapid.SampledFrom([]string{"k", "l"})
	keys    = rapid.SampledFrom([]string{"a", "A", "aa", "b", "\xff", "\xc3\xa9"})
	groups  = rapid.SampledFrom([]string{"", "g", "h"})
	expires = rapid.Custom(func(t *rapid.T) time.Time {
		s := rapid.Int64Range(0, 4).Draw(t, "expires")
		if s == 0 {
			return time.Time{}
		}
		return time.Unix(s, 0).UTC()
	})
	records = rapid.Custom(func(t *rapid.T) identity.Record {
		return identity.Record{
			Kind: kinds.Draw(t, "kind"), Key: keys.Draw(t, "key"), Group: groups.Draw(t, "group"),
			Value: rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value"), Expires: expires.Draw(t, "expires"),
		}
	})
)

// errGiveUp makes a random transaction undo itself.
var errGiveUp = errors.New("give up")

// checkModel runs random transactions, some of which give up at their end, on
// the store and on a map, and compares what they see.
func checkModel(t *testing.T, s identity.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		clear := func(tx identity.Tx) error {
			for _, kind := range []string{"k", "l"} {
				for _, key := range []string{"a", "A", "aa", "b", "\xff", "\xc3\xa9"} {
					if err := tx.Delete(kind, key); err != nil {
						return err
					}
				}
			}
			return nil
		}
		require.NoError(rt, s.Update(t.Context(), clear))
		w := world{}
		for range rapid.IntRange(1, 4).Draw(rt, "transactions") {
			if rapid.IntRange(0, 5).Draw(rt, "sweep") == 0 {
				now := time.Unix(rapid.Int64Range(0, 5).Draw(rt, "now"), 0)
				n, err := s.Sweep(t.Context(), now)
				require.NoError(rt, err)
				require.Equal(rt, w.sweep(now), n)
			}
			w = transact(t, rt, s, w)
		}
		require.NoError(rt, s.View(t.Context(), func(tx identity.Tx) error {
			compare(rt, tx, w)
			return nil
		}))
	})
}

// transact runs one random transaction and returns the world after it.
func transact(t *testing.T, rt *rapid.T, s identity.Store, before world) world {
	steps := rapid.SliceOfN(rapid.Custom(drawStep), 0, 8).Draw(rt, "steps")
	giveUp := rapid.IntRange(0, 3).Draw(rt, "give up") == 0
	var after world
	err := s.Update(t.Context(), func(tx identity.Tx) error {
		after = before.clone()
		for _, step := range steps {
			step.run(rt, tx, after)
		}
		if giveUp {
			return errGiveUp
		}
		return nil
	})
	if giveUp {
		require.Same(rt, errGiveUp, err)
		return before
	}
	require.NoError(rt, err)
	return after
}

// step is one call of a transaction.
type step struct {
	Op     string
	Record identity.Record
	After  string
	Limit  int
}

func drawStep(t *rapid.T) step {
	return step{
		Op:     rapid.SampledFrom([]string{"get", "insert", "put", "put", "delete", "list"}).Draw(t, "op"),
		Record: records.Draw(t, "record"),
		After:  rapid.OneOf(rapid.Just(""), keys).Draw(t, "after"),
		Limit:  rapid.IntRange(0, 4).Draw(t, "limit"),
	}
}

func (st step) run(t *rapid.T, tx identity.Tx, w world) {
	name := [2]string{st.Record.Kind, st.Record.Key}
	have, exists := w[name]
	switch st.Op {
	case "get":
		got, err := tx.Get(name[0], name[1])
		if !exists {
			require.ErrorIs(t, err, identity.ErrNoRecord)
			return
		}
		require.NoError(t, err)
		sameRecord(t, have, got)
	case "insert":
		err := tx.Insert(st.Record)
		if exists {
			require.ErrorIs(t, err, identity.ErrRecordExists)
			return
		}
		require.NoError(t, err)
		w[name] = st.Record
	case "put":
		require.NoError(t, tx.Put(st.Record))
		w[name] = st.Record
	case "delete":
		require.NoError(t, tx.Delete(name[0], name[1]))
		delete(w, name)
	case "list":
		got, err := tx.List(st.Record.Kind, st.Record.Group, st.After, st.Limit)
		require.NoError(t, err)
		sameRecords(t, w.list(st.Record.Kind, st.Record.Group, st.After, st.Limit), got)
	}
}

// compare reads all that a world may hold.
func compare(t *rapid.T, tx identity.Tx, w world) {
	for _, kind := range []string{"k", "l"} {
		for _, group := range []string{"", "g", "h"} {
			got, err := tx.List(kind, group, "", 100)
			require.NoError(t, err)
			sameRecords(t, w.list(kind, group, "", 100), got)
		}
	}
}

func sameRecords(t *rapid.T, want, got []identity.Record) {
	require.Len(t, got, len(want))
	for i := range want {
		sameRecord(t, want[i], got[i])
	}
}

func sameRecord(t *rapid.T, want, got identity.Record) {
	require.Equal(t, [3]string{want.Kind, want.Key, want.Group}, [3]string{got.Kind, got.Key, got.Group})
	require.Equal(t, string(want.Value), string(got.Value))
	require.Equal(t, want.Expires, got.Expires)
}
