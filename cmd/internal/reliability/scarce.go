package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

const (
	memoryLimit = 128 * megabyte
	largestSet  = 2000 // policies besides
	// controlGroups is where Linux keeps those of memory, in its first version.
	controlGroups = "/sys/fs/cgroup/memory"
)

// memoryTarget gives a server 128 MB, loads it, and has it take a large bundle.
func memoryTarget(ctx context.Context, l *lab) (string, error) {
	if err := l.saturate(ctx); err != nil {
		return "", err
	}
	group := filepath.Join(controlGroups, fmt.Sprintf("rowan-reliability-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		return "", fmt.Errorf("a control group is needed, and the right to make one: %w", err)
	}
	defer func() { _ = os.Remove(group) }() // when its processes are gone
	if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), fmt.Append(nil, memoryLimit), 0o644); err != nil {
		return "", err
	}
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{
		within: []string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group},
	})
	if err != nil {
		return "", err
	}
	defer d.kill() // before the group goes
	all, err := d.clients(conns)
	if err != nil {
		return "", err
	}
	j := w.newJudge()
	stop := d.watch()
	during, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { j.load(all, share*l.saturated/2, time.Hour).run(during) })
	time.Sleep(l.span(2*time.Second, time.Minute))
	w.besides = largestSet
	loads := 0
	var c check
	for n := 2; n < 2+l.times(3, 20); n++ {
		c.try(w.publish(n))
		c.try(d.until(ctx, w.current.Load().digest, 30*time.Second))
		loads++
	}
	end()
	wg.Wait()
	peak := stop().peak()
	select {
	case <-d.done:
		c.must(false, "the server was ended: %w", d.exit)
	default:
	}
	j.clean(&c)
	return fmt.Sprintf("128 MB: %d right, %d reloads of %d policies, RSS at most %.0f MB", j.right.Load(), loads, largestSet, peak), c.err()
}

// diskFullTarget serves from a disk of a megabyte, and fills it.
func diskFullTarget(ctx context.Context, l *lab) (string, error) {
	data, err := l.folder()
	if err != nil {
		return "", err
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		return "", fmt.Errorf("a disk of its own is needed, and the right to mount one: %w", err)
	}
	defer func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) }()
	w, err := l.newWorld(0)
	if err != nil {
		return "", err
	}
	d, err := w.start(ctx, how{data: data, store: "sqlite:" + filepath.Join(data, "rowan.db")})
	if err != nil {
		return "", err
	}
	client, err := d.client()
	if err != nil {
		return "", err
	}
	f := &full{daemon: d, judge: w.newJudge(), client: client, ballast: filepath.Join(data, "ballast")}
	var c check
	c.try(f.fill(ctx))
	before := w.current.Load()
	c.try(w.publish(2)) // what version was in force cannot be written down
	time.Sleep(time.Second)
	if digest, refusal, err := d.describe(ctx); err != nil || digest != before.digest || refusal == "" {
		c.must(false, "a reload on a full disk: %.8s, %q %w", digest, refusal, errors.Join(err, errWrong))
	}
	for range 100 {
		if _, err := f.judge.pair(ctx, client, 1); err != nil {
			c.try(fmt.Errorf("a decision on a full disk: %w", err))
		}
	}
	c.try(os.Remove(f.ballast))
	c.try(d.until(ctx, w.current.Load().digest, 10*time.Second))
	id, err := d.operator().guest(ctx)
	c.must(err == nil, "nothing can be written when there is room again: %w", err)
	f.identities = append(f.identities, id)
	d.kill()
	d, err = w.start(ctx, how{data: data, store: d.how.store})
	if err != nil {
		return "", err
	}
	_, err = f.kept(ctx, d, 0)
	c.try(err)
	f.judge.clean(&c)
	return fmt.Sprintf("%d writes acknowledged and kept, %d refused, %d right, the reload waited for room; the decision log is not part of it", len(f.identities), f.refused,
		f.judge.right.Load()), c.err()
}

// full is a server whose disk is full.
type full struct {
	acked
	daemon  *daemon
	judge   *judge
	client  rowanv1.AuthorizationServiceClient
	ballast string
	refused int
}

// fill takes all the room, and writes until that fails.
func (f *full) fill(ctx context.Context) error {
	o := f.daemon.operator()
	for range 20 {
		id, err := o.guest(ctx)
		if err != nil {
			return err
		}
		f.identities = append(f.identities, id)
	}
	b, err := os.Create(f.ballast)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // it could not be written to the end anyhow
	block := make([]byte, 4096)
	for err == nil {
		_, err = b.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	for range 2000 {
		id, err := o.guest(ctx)
		if err == nil {
			f.identities = append(f.identities, id) // into what the file had already
			continue
		}
		var status *statusError
		if !errors.As(err, &status) || status.status < 500 {
			return fmt.Errorf("a write on a full disk: %w", err)
		}
		if f.refused++; f.refused == 20 {
			return nil
		}
	}
	return errors.New("the disk is full and writes are acknowledged all the same")
}
