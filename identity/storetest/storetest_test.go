package storetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestOptimistic holds the store that the broken ones are made of: before
// anything is taken from it, it keeps the contract.
func TestOptimistic(t *testing.T) {
	Run(t, func(*testing.T) identity.Store { return newOptimistic(everything) })
}

// brokenStores drop one guarantee each; checks are those that must see it.
var brokenStores = []struct {
	name   string
	open   func() identity.Store
	checks []string
}{
	{"get loses a byte", changing(transaction{get: func(tx identity.Tx, kind, key string) (identity.Record, error) {
		r, err := tx.Get(kind, key)
		r.Value = r.Value[:max(0, len(r.Value)-1)]
		return r, err
	}}), []string{"get returns what was put", "limits"}},

	{"get of nothing is something", changing(transaction{get: func(tx identity.Tx, kind, key string) (identity.Record, error) {
		r, err := tx.Get(kind, key)
		if errors.Is(err, identity.ErrNoRecord) {
			return r, nil
		}
		return r, err
	}}), []string{"a missing record"}},

	{"insert is put", changing(transaction{insert: identity.Tx.Put}), []string{"insert refuses what exists"}},

	{"put keeps the old group and expiry", changing(transaction{put: func(tx identity.Tx, r identity.Record) error {
		if old, err := tx.Get(r.Kind, r.Key); err == nil {
			r.Group, r.Expires = old.Group, old.Expires
		}
		return tx.Put(r)
	}}), []string{"put replaces all of a record", "random transactions agree with a map"}},

	{"delete does nothing", changing(transaction{delete: func(identity.Tx, string, string) error { return nil }}), []string{"delete"}},

	{"names fold case", changing(transaction{
		put:    func(tx identity.Tx, r identity.Record) error { r.Key = strings.ToLower(r.Key); return tx.Put(r) },
		insert: func(tx identity.Tx, r identity.Record) error { r.Key = strings.ToLower(r.Key); return tx.Insert(r) },
		get: func(tx identity.Tx, kind, key string) (identity.Record, error) {
			return tx.Get(kind, strings.ToLower(key))
		},
	}), []string{"names are bytes", "a missing record"}},

	{"limits are not held", changing(transaction{put: func(tx identity.Tx, r identity.Record) error {
		if err := tx.Put(r); !errors.Is(err, identity.ErrRecordSize) {
			return err
		}
		return nil
	}}), []string{"limits"}},

	{"expiry in seconds", changing(transaction{put: func(tx identity.Tx, r identity.Record) error {
		r.Expires = r.Expires.Truncate(time.Second)
		return tx.Put(r)
	}}), []string{"expiry is kept to the microsecond and hides nothing"}},

	{"expiry hides", changing(transaction{get: func(tx identity.Tx, kind, key string) (identity.Record, error) {
		r, err := tx.Get(kind, key)
		if err == nil && !r.Expires.IsZero() && r.Expires.Before(someTime) {
			return identity.Record{}, identity.ErrNoRecord
		}
		return r, err
	}}), []string{"sweep", "expiry is kept to the microsecond and hides nothing"}},

	{"values are shared", func() identity.Store { return newOptimistic(everything &^ copies) }, []string{"values are copies"}},

	{"list folds case", changing(transaction{list: func(tx identity.Tx, kind, group, after string, limit int) ([]identity.Record, error) {
		all, err := tx.List(kind, group, "", 10000)
		all = slices.DeleteFunc(all, func(r identity.Record) bool { return strings.ToLower(r.Key) <= strings.ToLower(after) })
		slices.SortStableFunc(all, func(a, b identity.Record) int {
			return strings.Compare(strings.ToLower(a.Key), strings.ToLower(b.Key))
		})
		return all[:min(len(all), max(limit, 0))], err
	}}), []string{"list goes in bytewise order"}},

	{"a limit of nothing is no limit", changing(transaction{list: func(tx identity.Tx, kind, group, after string, limit int) ([]identity.Record, error) {
		if limit <= 0 {
			limit = 10000
		}
		return tx.List(kind, group, after, limit)
	}}), []string{"list goes in bytewise order"}},

	{"list forgets the group", changing(transaction{list: func(tx identity.Tx, kind, group, after string, limit int) ([]identity.Record, error) {
		if group == "" {
			group = "g"
		}
		return tx.List(kind, group, after, limit)
	}}), []string{"list keeps to kind and group"}},

	{"list misses one", changing(transaction{list: func(tx identity.Tx, kind, group, after string, limit int) ([]identity.Record, error) {
		rs, err := tx.List(kind, group, after, limit)
		if after != "" && len(rs) > 1 {
			rs = rs[1:]
		}
		return rs, err
	}}), []string{"list in pages while others write"}},

	{
		"a transaction reads what was before it", func() identity.Store { return newOptimistic(everything &^ ownWrites) },
		[]string{"a transaction sees its own writes"},
	},

	{"an error commits", updating(func(s identity.Store, ctx context.Context, f func(identity.Tx) error) error {
		var refused error
		err := s.Update(ctx, func(tx identity.Tx) error { refused = f(tx); return nil })
		if refused != nil {
			return refused
		}
		return err
	}), []string{"an error undoes all", "random transactions agree with a map"}},

	{"an error is wrapped", updating(func(s identity.Store, ctx context.Context, f func(identity.Tx) error) error {
		if err := s.Update(ctx, f); err != nil {
			return errors.Join(err)
		}
		return nil
	}), []string{"an error undoes all"}},

	{"a panic commits", updating(func(s identity.Store, ctx context.Context, f func(identity.Tx) error) error {
		var cause any
		err := s.Update(ctx, func(tx identity.Tx) error {
			defer func() { cause = recover() }()
			return f(tx)
		})
		if cause != nil {
			panic(cause)
		}
		return err
	}), []string{"a panic undoes all"}},

	{"the end of the goroutine commits", updating(func(s identity.Store, ctx context.Context, f func(identity.Tx) error) error {
		ended := true
		var cause any
		err := s.Update(ctx, func(tx identity.Tx) (err error) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { cause = recover() }()
				ended = true
				err = f(tx)
				ended = false
			}()
			<-done
			if cause != nil {
				err = errors.New("panic")
			}
			return err
		})
		if cause != nil {
			panic(cause)
		}
		if ended && err == nil {
			runtime.Goexit()
		}
		return err
	}), []string{"the end of the goroutine undoes all"}},

	{
		"a failed insert ends the transaction", func() identity.Store { return newOptimistic(everything &^ goesOn) },
		[]string{"an insert that fails leaves the transaction going"},
	},

	{"contexts are not heard", updating(func(s identity.Store, ctx context.Context, f func(identity.Tx) error) error {
		return s.Update(context.WithoutCancel(ctx), f)
	}), []string{"a cancelled context undoes all"}},

	{"a view writes", func() identity.Store { return newOptimistic(everything &^ readOnly) }, []string{"a view does not write"}},

	{
		"a transaction has no end", func() identity.Store { return newOptimistic(everything &^ ends) },
		[]string{"a transaction ends with its function"},
	},

	{
		"nothing is validated", func() identity.Store { return newOptimistic(everything &^ (writes | gets | inserts | lists)) },
		[]string{"no lost update", "no write skew", "no phantom in a list", "one insert of many wins", "a hundred counters"},
	},

	{
		"snapshot isolation", func() identity.Store { return newOptimistic(everything &^ (gets | inserts | lists)) },
		[]string{"no write skew", "no phantom in a list"},
	},

	{
		"a refused insert is no read", func() identity.Store { return newOptimistic(everything &^ inserts) },
		[]string{"no write skew through an insert that fails"},
	},

	{"lists are not validated", func() identity.Store { return newOptimistic(everything &^ lists) }, []string{"no phantom in a list"}},

	{
		"a view reads what is there now", func() identity.Store { return newOptimistic(everything &^ snapshots) },
		[]string{"a view is one snapshot"},
	},

	{"sweep leaves what expires now", sweeping(func(s identity.Store, ctx context.Context, now time.Time) (int, error) {
		return s.Sweep(ctx, now.Add(-time.Microsecond))
	}), []string{"sweep"}},

	{"sweep counts nothing", sweeping(func(s identity.Store, ctx context.Context, now time.Time) (int, error) {
		_, err := s.Sweep(ctx, now)
		return 0, err
	}), []string{"sweep", "random transactions agree with a map"}},

	{"sweep has no bound", sweeping(func(s identity.Store, ctx context.Context, now time.Time) (int, error) {
		total := 0
		for {
			n, err := s.Sweep(ctx, now)
			if total += n; n == 0 || err != nil {
				return total, err
			}
		}
	}), []string{"sweep takes a bounded number"}},
}

// brokenName tells a process which of the broken stores to check.
const brokenName = "ROWAN_STORETEST_BROKEN"

// TestBroken is what TestChecksCanFail runs in processes of its own.
func TestBroken(t *testing.T) {
	name := os.Getenv(brokenName)
	if name == "" {
		t.Skip("a part of TestChecksCanFail")
	}
	for _, b := range brokenStores {
		if b.name == name {
			Run(t, func(*testing.T) identity.Store { return b.open() })
			return
		}
	}
}

// TestChecksCanFail runs all checks on stores that each lack one guarantee: the
// checks for it fail, and every check fails for some store.
func TestChecksCanFail(t *testing.T) {
	seen := map[string]bool{}
	failed := regexp.MustCompile(`(?m)^ +--- FAIL: TestBroken/(\S+)`)
	for _, b := range brokenStores {
		for _, check := range b.checks {
			seen[check] = true
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$", "-test.timeout=60s", "-rapid.nofailfile")
			child.Env = append(os.Environ(), brokenName+"="+b.name)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s", out)
			var got []string
			for _, m := range failed.FindAllSubmatch(out, -1) {
				got = append(got, strings.ReplaceAll(string(m[1]), "_", " "))
			}
			require.Subset(t, got, b.checks, "%s", out)
		})
	}
	for _, check := range checks {
		require.True(t, seen[check.name], "no store is broken in %q", check.name)
	}
}
