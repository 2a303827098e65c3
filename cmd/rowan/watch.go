package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path/filepath"
	"time"
)

// pollEvery is how often a watched tree is looked at. Looking finds changes
// that notifications lose: renamed folders, swapped links, network disks.
const pollEvery = 300 * time.Millisecond

// watch runs do, and again whenever something below dir has changed, until ctx
// ends.
func watch(ctx context.Context, dir string, every time.Duration, do func() error) error {
	seed := maphash.MakeSeed()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		seen := fingerprint(seed, dir)
		if err := do(); err != nil {
			return err
		}
		for seen == fingerprint(seed, dir) {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}

// fingerprint sums up the names, sizes and times of what lies below dir. What
// cannot be read counts as such.
func fingerprint(seed maphash.Seed, dir string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			var stat fs.FileInfo
			if stat, err = d.Info(); err == nil {
				_, _ = fmt.Fprintf(&h, "%q %d %d\n", path, stat.Size(), stat.ModTime().UnixNano()) // a hash takes all
				return nil
			}
		}
		_, _ = fmt.Fprintf(&h, "%q %v\n", path, err)
		return nil
	})
	return h.Sum64()
}
