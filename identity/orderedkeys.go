package identity

import (
	"slices"
	"strings"
)

// orderedKeys is a sorted set of keys, in runs of at most maxRun: to insert one
// among many moves one run, not all of them.
type orderedKeys struct {
	runs [][]string // none is empty
}

const maxRun = 512

// run returns which run has or would have the key.
func (o *orderedKeys) run(key string) int {
	i, found := slices.BinarySearchFunc(o.runs, key, func(run []string, key string) int {
		return strings.Compare(run[0], key)
	})
	if !found && i > 0 {
		i--
	}
	return i
}

// insert adds a key that is not there.
func (o *orderedKeys) insert(key string) {
	if len(o.runs) == 0 {
		o.runs = [][]string{{key}}
		return
	}
	n := o.run(key)
	i, _ := slices.BinarySearch(o.runs[n], key)
	run := slices.Insert(o.runs[n], i, key)
	if len(run) <= maxRun {
		o.runs[n] = run
		return
	}
	half := len(run) / 2
	o.runs[n] = slices.Clip(run[:half])
	o.runs = slices.Insert(o.runs, n+1, slices.Clone(run[half:]))
}

// remove takes out a key that is there.
func (o *orderedKeys) remove(key string) {
	n := o.run(key)
	i, _ := slices.BinarySearch(o.runs[n], key)
	o.runs[n] = slices.Delete(o.runs[n], i, i+1)
	if len(o.runs[n]) == 0 {
		o.runs = slices.Delete(o.runs, n, n+1)
	}
}

// after returns at most limit keys that come after the given one.
func (o *orderedKeys) after(key string, limit int) []string {
	var keys []string
	if limit < 1 || len(o.runs) == 0 {
		return keys
	}
	for n := o.run(key); n < len(o.runs) && len(keys) < limit; n++ {
		i, found := slices.BinarySearch(o.runs[n], key)
		if found {
			i++
		}
		run := o.runs[n][i:]
		keys = append(keys, run[:min(len(run), limit-len(keys))]...)
	}
	return keys
}
