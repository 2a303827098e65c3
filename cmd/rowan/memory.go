package main

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

const (
	// servingGC is how much garbage a server lets gather, in percent of what it
	// holds: it holds little, and would collect a thousand times a minute.
	servingGC = 400
	// controlGroups is where Linux keeps them, and ownGroups those of a process.
	controlGroups = "sys/fs/cgroup"
	ownGroups     = "proc/self/cgroup"
	// unlimited is more than any machine has: the first version of control groups
	// has no word for it, but a large number.
	unlimited = 1 << 60
)

// tuneMemory sets the garbage collector for serving. What the environment says,
// in GOGC and GOMEMLIMIT, goes before. Within a container, or a unit of systemd
// that has a limit, it is nine tenths of that, so that the collector works harder
// before the kernel ends the process.
func (c *console) tuneMemory() {
	if c.getenv("GOGC") == "" {
		debug.SetGCPercent(servingGC)
	}
	if c.getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := memoryLimit(os.DirFS("/")); ok {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// memoryLimit is the least of the limits of the control groups that this process
// is in, in bytes. A container may be told a path that it does not see, and has its
// own limit at the top then. Source: cgroups(7).
func memoryLimit(root fs.FS) (limit int64, ok bool) {
	groups, err := fs.ReadFile(root, ownGroups)
	if err != nil {
		groups = []byte("0::/")
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 {
			continue
		}
		at, file := controlGroups, "memory.max"
		if part[1] != "" { // the first version
			if !slices.Contains(strings.Split(part[1], ","), "memory") {
				continue
			}
			at, file = controlGroups+"/memory", "memory.limit_in_bytes"
		}
		for group := path.Clean("/" + part[2]); ; group = path.Dir(group) {
			text, err := fs.ReadFile(root, path.Join(at, group, file))
			if n, known := parseMemory(string(text)); err == nil && known {
				limit = min(limit, n)
			}
			if group == "/" {
				break
			}
		}
	}
	return limit, limit < unlimited
}

// parseMemory reads what a control group says: a number of bytes, or "max".
func parseMemory(text string) (limit int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil && n > 0
}
