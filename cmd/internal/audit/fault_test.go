package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
)

// flaky is a stream that takes so many bytes, and then no more until it is given
// more.
type flaky struct {
	mu   sync.Mutex
	out  bytes.Buffer
	left int
}

func (f *flaky) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(f.left, len(b))
	f.out.Write(b[:n])
	if f.left -= n; n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f *flaky) give(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = n
}

// TestPartialWrites stops a stream at every place, and lets it go on.
func TestPartialWrites(t *testing.T) {
	const step = 23
	var wg sync.WaitGroup
	limit := make(chan struct{}, 32)
	for at := 500; at < 2700; at += step {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			partialWrite(t, at)
		})
	}
	wg.Wait()
}

func partialWrite(t *testing.T, at int) {
	f := &flaky{left: at}
	o := options(t)
	o.HeadLines = 2
	l, err := audit.OpenStream(o, f)
	if err != nil {
		t.Error(at, err)
		return
	}
	taken, refused := 0, 0
	for i := range 6 {
		if err := l.Write(context.Background(), record(i)); err == nil {
			taken++
		} else if refused++; !errors.Is(err, audit.ErrUnrecorded) || !errors.Is(err, syscall.ENOSPC) {
			t.Error(at, err)
		}
	}
	for range 3 { // it stops again a little later, perhaps within the head that tells of it
		time.Sleep(5 * time.Millisecond)
		f.give(rand.IntN(300))
	}
	f.give(1 << 30)
	deadline := time.Now().Add(20 * time.Second)
	for l.Write(context.Background(), record(100)) != nil && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	taken++
	if err := l.Close(); err != nil {
		t.Error(at, err)
	}
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, f.out.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
	r := verify(t, audit.VerifyOptions{}, path)
	if !r.OK || r.Records != uint64(taken) {
		t.Errorf("stopped at %d: %d records of %d, %+v\n%s", at, r.Records, taken, r.Problems, f.out.String())
	}
}

// TestFull keeps a log on a disk that gets full, and has room again.
func TestFull(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop %v", drop), func(t *testing.T) {
			dir := smallDisk(t)
			f := audit.FileOptions{Path: filepath.Join(dir, "audit.jsonl"), Size: 300_000}
			o := options(t)
			o.Drop, o.Queue = drop, 128<<10
			l, err := audit.OpenFile(o, f)
			require.NoError(t, err)
			accepted, refused := 0, 0
			fill := func(n int) {
				for i := range n {
					if err := l.Write(t.Context(), record(i)); err != nil {
						require.ErrorIs(t, err, audit.ErrUnrecorded)
						refused++
					} else {
						accepted++
					}
				}
			}
			require.Eventually(t, func() bool { fill(50); return l.Stats().Failing != nil }, time.Minute, time.Millisecond)
			require.ErrorIs(t, l.Stats().Failing, syscall.ENOSPC)
			fill(1000)
			if drop {
				require.Zero(t, refused)
				require.Positive(t, l.Stats().Dropped)
			} else {
				require.GreaterOrEqual(t, refused, 1000, "what cannot be written is not given")
				require.Zero(t, l.Stats().Dropped)
			}
			require.NoError(t, os.Remove(filepath.Join(dir, "ballast")))
			require.Eventually(t, func() bool { return l.Stats().Failing == nil }, 10*time.Second, 10*time.Millisecond)
			fill(10)
			require.NoError(t, l.Close())
			all, err := filepath.Glob(f.Path + "*")
			require.NoError(t, err)
			r := verify(t, audit.VerifyOptions{}, all[:len(all)-1]...)
			require.True(t, r.OK, "%+v", r.Problems)
			require.Equal(t, uint64(accepted)-l.Stats().Dropped, r.Records)
			require.Equal(t, l.Stats().Dropped, r.Dropped, "the chain says how many are not in it")
		})
	}
}

// smallDisk returns a directory with little room.
func smallDisk(t *testing.T) string {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no tmpfs can be mounted here: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 700_000), 0o600))
	return dir
}

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	for _, drop := range []bool{false, true} {
		o := options(t)
		o.Drop = drop
		_, err := audit.OpenFile(o, audit.FileOptions{Path: "/dev/full"})
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
}

// slow takes its time with each write.
type slow struct{ gate chan struct{} }

func (s *slow) Write(b []byte) (int, error) {
	<-s.gate
	return len(b), nil
}

func TestQueueIsFull(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop %v", drop), func(t *testing.T) {
			s := &slow{make(chan struct{}, 1)}
			o := options(t)
			o.Drop, o.Queue, o.Wait = drop, 128<<10, 20*time.Millisecond
			s.gate <- struct{}{}
			l, err := audit.OpenStream(o, s)
			require.NoError(t, err)
			for i := 0; l.Stats().Dropped+l.Stats().Refused == 0; i++ {
				require.Less(t, i, 10_000)
				began := time.Now()
				err := l.Write(t.Context(), record(i))
				if err != nil {
					require.ErrorIs(t, err, audit.ErrUnrecorded)
					require.False(t, drop)
					require.GreaterOrEqual(t, time.Since(began), o.Wait)
				}
			}
			// Whoever gave up already waits no longer, with neither.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.Equal(t, drop, l.Write(ctx, record(1)) == nil)
			close(s.gate)
			require.NoError(t, l.Close())
		})
	}
}

func TestClosedWithoutRoom(t *testing.T) {
	f := &flaky{left: 1000}
	l, err := audit.OpenStream(options(t), f)
	require.NoError(t, err)
	n := 0
	for l.Write(t.Context(), record(n)) == nil {
		n++
	}
	require.ErrorContains(t, l.Close(), "records were not written")
	require.ErrorIs(t, l.Close(), syscall.ENOSPC)
}

var _ io.Writer = (*flaky)(nil)
