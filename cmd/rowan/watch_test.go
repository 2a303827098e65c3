package main

import (
	"context"
	"errors"
	"hash/maphash"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWatch changes a tree in ways that notifications are known to lose, each
// after the round before was seen.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	path := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	ctx, stop := context.WithCancel(t.Context())
	changes := []func() error{
		func() error { return os.MkdirAll(path("tests", "new"), 0o755) },
		func() error { return os.WriteFile(path("tests", "new", "a_test.yaml"), []byte("suite: a"), 0o644) },
		func() error { return os.Rename(path("tests", "new"), path("tests", "old")) },
		func() error { return os.WriteFile(path("tests", "old", "a_test.yaml"), []byte("suite: b!"), 0o644) },
		func() error { return os.RemoveAll(path("tests")) },
	}
	rounds := 0
	err := watch(ctx, dir, time.Millisecond, func() error {
		if rounds == len(changes) {
			stop()
			return nil
		}
		rounds++
		return changes[rounds-1]()
	})
	require.NoError(t, err)
	require.Equal(t, len(changes), rounds)
}

func TestWatchEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	require.ErrorIs(t, watch(t.Context(), t.TempDir(), time.Millisecond, func() error { return broken }), broken)
}

func TestFingerprint(t *testing.T) {
	seed := maphash.MakeSeed()
	dir := t.TempDir()
	before := fingerprint(seed, dir)
	require.Equal(t, before, fingerprint(seed, dir))
	require.NotEqual(t, before, fingerprint(seed, filepath.Join(dir, "missing")))
}
