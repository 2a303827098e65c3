// Package storetest proves that an identity.Store keeps its contract.
//
// Each check is run against a store that breaks just what the check is about,
// in the tests of this package, so none of them can pass by asking nothing.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// Run checks the stores that open returns, each of which must be empty and
// whose own cleanup open registers. It takes a few seconds with an engine that
// flushes to a disk.
func Run(t *testing.T, open func(t *testing.T) identity.Store) {
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) { check.run(t, open(t)) })
	}
}

// checks are the clauses of the contract, in the order of the interface.
var checks = []struct {
	name string
	run  func(*testing.T, identity.Store)
}{
	{"get returns what was put", checkRoundTrip},
	{"a missing record", checkMissing},
	{"insert refuses what exists", checkInsert},
	{"put replaces all of a record", checkPut},
	{"delete", checkDelete},
	{"names are bytes", checkNames},
	{"limits", checkLimits},
	{"expiry is kept to the microsecond and hides nothing", checkExpiry},
	{"values are copies", checkCopies},
	{"list goes in bytewise order", checkListOrder},
	{"list keeps to kind and group", checkListGroups},
	{"list in pages while others write", checkListPages},
	{"a transaction sees its own writes", checkOwnWrites},
	{"an error undoes all", checkErrorUndoes},
	{"a panic undoes all", checkPanicUndoes},
	{"the end of the goroutine undoes all", checkGoexitUndoes},
	{"an insert that fails leaves the transaction going", checkInsertGoesOn},
	{"a cancelled context undoes all", checkCancel},
	{"a view does not write", checkViewReadOnly},
	{"a transaction ends with its function", checkTxEnds},
	{"no lost update", checkLostUpdate},
	{"no write skew", checkWriteSkew},
	{"no write skew through an insert that fails", checkInsertSkew},
	{"no phantom in a list", checkPhantom},
	{"a view is one snapshot", checkSnapshot},
	{"one insert of many wins", checkOneInsertWins},
	{"a hundred counters", checkCounters},
	{"sweep", checkSweep},
	{"sweep takes a bounded number", checkSweepBounded},
	{"random transactions agree with a map", checkModel},
}

// someTime has microseconds, which an engine may lose.
var someTime = time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)

func update(t *testing.T, s identity.Store, f func(identity.Tx)) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx identity.Tx) error { f(tx); return nil }))
}

func view(t *testing.T, s identity.Store, f func(identity.Tx)) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(tx identity.Tx) error { f(tx); return nil }))
}

// put stores records in one transaction.
func put(t *testing.T, s identity.Store, records ...identity.Record) {
	t.Helper()
	update(t, s, func(tx identity.Tx) {
		for _, r := range records {
			require.NoError(t, tx.Put(r))
		}
	})
}

// valueOf returns the value of a record, "" and false if there is none.
func valueOf(t *testing.T, s identity.Store, kind, key string) (value string, ok bool) {
	t.Helper()
	view(t, s, func(tx identity.Tx) { value, ok = read(t, tx, kind, key) })
	return value, ok
}

func read(t *testing.T, tx identity.Tx, kind, key string) (string, bool) {
	t.Helper()
	r, err := tx.Get(kind, key)
	if err != nil {
		require.ErrorIs(t, err, identity.ErrNoRecord)
		return "", false
	}
	return string(r.Value), true
}

func requireValue(t *testing.T, s identity.Store, kind, key, want string) {
	t.Helper()
	got, ok := valueOf(t, s, kind, key)
	require.True(t, ok, "%s %q is missing", kind, key)
	require.Equal(t, want, got, "%s %q", kind, key)
}

func requireNone(t *testing.T, s identity.Store, kind, key string) {
	t.Helper()
	_, ok := valueOf(t, s, kind, key)
	require.False(t, ok, "%s %q is there", kind, key)
}

// keysOf lists a whole group, in pages of the given size.
func keysOf(t *testing.T, tx identity.Tx, kind, group string, page int) []string {
	t.Helper()
	keys := []string{}
	for after := ""; ; {
		records, err := tx.List(kind, group, after, page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(records), page)
		for _, r := range records {
			require.Equal(t, kind, r.Kind)
			require.Equal(t, group, r.Group)
			keys = append(keys, r.Key)
		}
		if len(records) < page {
			return keys
		}
		after = keys[len(keys)-1]
	}
}

// sweepAll sweeps until nothing is left to sweep.
func sweepAll(ctx context.Context, t *testing.T, s identity.Store, now time.Time) int {
	t.Helper()
	for total := 0; ; {
		n, err := s.Sweep(ctx, now)
		require.NoError(t, err)
		require.LessOrEqual(t, n, identity.MaxSweep)
		if n == 0 {
			return total
		}
		total += n
	}
}
