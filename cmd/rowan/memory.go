package main

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// servingGC is how much garbage a server lets gather, in percent of what it
	// holds: it holds little, and would collect a thousand times a minute.
	servingGC = 400
	// controlGroup is where Linux says how much memory a container may take.
	controlGroup = "/sys/fs/cgroup/memory.max"
)

// tuneMemory sets the garbage collector for serving. What the environment says,
// in GOGC and GOMEMLIMIT, goes before. Within a container the limit is nine
// tenths of its memory, so that the collector works harder before the kernel
// ends the process.
func (c *console) tuneMemory() {
	if c.getenv("GOGC") == "" {
		debug.SetGCPercent(servingGC)
	}
	if c.getenv("GOMEMLIMIT") != "" {
		return
	}
	text, err := os.ReadFile(controlGroup)
	if err != nil {
		return
	}
	if limit, ok := parseMemory(string(text)); ok {
		debug.SetMemoryLimit(limit)
	}
}

// parseMemory reads what a control group says: a number of bytes, or "max".
func parseMemory(text string) (limit int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 || n == math.MaxInt64 {
		return 0, false
	}
	return n / 10 * 9, true
}
