package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func checkOwnWrites(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g", Value: []byte("before")},
		identity.Record{Kind: "k", Key: "b", Group: "g"})
	update(t, s, func(tx identity.Tx) {
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "a", Group: "g", Value: []byte("after")}))
		require.NoError(t, tx.Insert(identity.Record{Kind: "k", Key: "c", Group: "g"}))
		require.NoError(t, tx.Delete("k", "b"))
		value, ok := read(t, tx, "k", "a")
		require.True(t, ok)
		require.Equal(t, "after", value)
		_, ok = read(t, tx, "k", "b")
		require.False(t, ok)
		require.Equal(t, []string{"a", "c"}, keysOf(t, tx, "k", "g", 1))
	})
}

// scribble changes each of the records that seed stored, in each way.
func scribble(t *testing.T, tx identity.Tx) {
	t.Helper()
	require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "a", Group: "h", Value: []byte("changed")}))
	require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "a", Group: "i", Value: []byte("changed again")}))
	require.NoError(t, tx.Delete("k", "b"))
	require.NoError(t, tx.Insert(identity.Record{Kind: "k", Key: "c", Group: "g"}))
	require.NoError(t, tx.Delete("k", "d"))
	require.NoError(t, tx.Insert(identity.Record{Kind: "k", Key: "d", Group: "g", Value: []byte("another")}))
}

func seed(t *testing.T, s identity.Store) {
	t.Helper()
	put(t, s, identity.Record{Kind: "k", Key: "a", Group: "g", Value: []byte("a")},
		identity.Record{Kind: "k", Key: "b", Group: "g", Value: []byte("b"), Expires: someTime},
		identity.Record{Kind: "k", Key: "d", Group: "g", Value: []byte("d")})
}

func requireSeed(t *testing.T, s identity.Store) {
	t.Helper()
	requireValue(t, s, "k", "a", "a")
	requireValue(t, s, "k", "b", "b")
	requireValue(t, s, "k", "d", "d")
	view(t, s, func(tx identity.Tx) {
		require.Equal(t, []string{"a", "b", "d"}, keysOf(t, tx, "k", "g", 10))
		require.Empty(t, keysOf(t, tx, "k", "h", 10))
		require.Empty(t, keysOf(t, tx, "k", "i", 10))
		r, err := tx.Get("k", "b")
		require.NoError(t, err)
		require.Equal(t, someTime, r.Expires)
	})
	put(t, s, identity.Record{Kind: "k", Key: "after", Group: "writing goes on"})
}

func checkErrorUndoes(t *testing.T, s identity.Store) {
	seed(t, s)
	refused := errors.New("refused")
	err := s.Update(t.Context(), func(tx identity.Tx) error {
		scribble(t, tx)
		return refused
	})
	require.Same(t, refused, err, "the error comes back as it is")
	requireSeed(t, s)
	require.Same(t, refused, s.View(t.Context(), func(identity.Tx) error { return refused }))
}

func checkPanicUndoes(t *testing.T, s identity.Store) {
	seed(t, s)
	var none map[string]int
	require.Panics(t, func() {
		_ = s.Update(t.Context(), func(tx identity.Tx) error {
			scribble(t, tx)
			none["a"] = 1
			return nil
		})
	})
	requireSeed(t, s)
	require.Panics(t, func() {
		_ = s.View(t.Context(), func(identity.Tx) error { none["a"] = 1; return nil })
	})
	put(t, s, identity.Record{Kind: "k", Key: "z"})
}

func checkGoexitUndoes(t *testing.T, s identity.Store) {
	seed(t, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Update(t.Context(), func(tx identity.Tx) error {
			scribble(t, tx)
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	requireSeed(t, s)
}

func checkInsertGoesOn(t *testing.T, s identity.Store) {
	put(t, s, identity.Record{Kind: "k", Key: "a", Value: []byte("first")})
	update(t, s, func(tx identity.Tx) {
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "before", Value: []byte("x")}))
		require.ErrorIs(t, tx.Insert(identity.Record{Kind: "k", Key: "a"}), identity.ErrRecordExists)
		require.ErrorIs(t, tx.Put(identity.Record{Kind: "k", Key: ""}), identity.ErrRecordSize)
		_, err := tx.Get("k", "none")
		require.ErrorIs(t, err, identity.ErrNoRecord)
		value, ok := read(t, tx, "k", "a")
		require.True(t, ok)
		require.Equal(t, "first", value)
		require.NoError(t, tx.Put(identity.Record{Kind: "k", Key: "after", Value: []byte("y")}))
	})
	requireValue(t, s, "k", "before", "x")
	requireValue(t, s, "k", "a", "first")
	requireValue(t, s, "k", "after", "y")
}

func checkCancel(t *testing.T, s identity.Store) {
	seed(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx identity.Tx) error {
		scribble(t, tx)
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	requireSeed(t, s)

	ran := false
	run := func(identity.Tx) error { ran = true; return nil }
	require.ErrorIs(t, s.Update(ctx, run), context.Canceled)
	require.ErrorIs(t, s.View(ctx, run), context.Canceled)
	require.False(t, ran, "nothing runs for who has gone")
	_, err = s.Sweep(ctx, someTime)
	require.ErrorIs(t, err, context.Canceled)
	requireSeed(t, s)

	ctx, cancel = context.WithCancel(t.Context())
	require.ErrorIs(t, s.View(ctx, func(tx identity.Tx) error {
		cancel()
		_, err := tx.Get("k", "a")
		return err
	}), context.Canceled)
}

func checkViewReadOnly(t *testing.T, s identity.Store) {
	seed(t, s)
	_ = s.View(t.Context(), func(tx identity.Tx) error {
		require.ErrorIs(t, tx.Put(identity.Record{Kind: "k", Key: "a", Value: []byte("written")}), identity.ErrReadOnly)
		require.ErrorIs(t, tx.Insert(identity.Record{Kind: "k", Key: "new"}), identity.ErrReadOnly)
		require.ErrorIs(t, tx.Delete("k", "b"), identity.ErrReadOnly)
		value, ok := read(t, tx, "k", "a")
		require.True(t, ok)
		require.Equal(t, "a", value)
		return nil
	})
	requireSeed(t, s)
}

func checkTxEnds(t *testing.T, s identity.Store) {
	seed(t, s)
	var kept []identity.Tx
	keep := func(tx identity.Tx) { kept = append(kept, tx) }
	update(t, s, keep)
	view(t, s, keep)
	_ = s.Update(t.Context(), func(tx identity.Tx) error { keep(tx); return errors.New("refused") })
	for _, tx := range kept {
		require.ErrorIs(t, tx.Put(identity.Record{Kind: "k", Key: "a"}), identity.ErrTxDone)
		require.ErrorIs(t, tx.Insert(identity.Record{Kind: "k", Key: "new"}), identity.ErrTxDone)
		require.ErrorIs(t, tx.Delete("k", "b"), identity.ErrTxDone)
		_, err := tx.Get("k", "a")
		require.ErrorIs(t, err, identity.ErrTxDone)
		_, err = tx.List("k", "g", "", 1)
		require.ErrorIs(t, err, identity.ErrTxDone)
	}
	requireSeed(t, s)
}
