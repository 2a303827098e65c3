// Package subject puts each engine that is timed behind one small interface: the hand-written
// floor, Rowan, and the peers in their documented fast forms.
package subject

import "github.com/rowan-authz/rowan/benchmarks/internal/workload"

// Context says what of a request an engine is given ready-made.
type Context int

const (
	// Prepared is the request in the engine's own form, made before the clock starts.
	Prepared Context = iota
	// Built is the request in plain strings: the engine's form is made for every decision.
	Built
)

// String is the word for c in names of benchmarks.
func (c Context) String() string {
	if c == Built {
		return "built"
	}
	return "prepared"
}

// Decider answers request i of those that it was made for. It is for one goroutine.
type Decider func(i int) (allowed bool, err error)

// Subject is an engine that has loaded a workload. It may be shared; each goroutine takes a
// Decider of its own.
type Subject interface {
	Decider(requests []workload.Request, context Context) (Decider, error)
}

// Entry is a subject before it is loaded.
type Entry struct {
	Name string
	// New loads the policies.
	New func(*workload.Workload) (Subject, error)
	// Batch is how many decisions one call of the engine answers; a run must be a multiple. If
	// it is over 1, the requests of one run must be for one table.
	Batch int
	// Single says that the engine has no notion of a set and is timed on one policy only.
	Single bool
	// Peer is false for the floor and Rowan, which are timed in every form.
	Peer bool
}

// Floor and Rowan are the names that ratios are made of.
const (
	Floor = "floor"
	Rowan = "rowan"
)

// Entries lists the subjects in the order of the tables.
func Entries() []Entry {
	return []Entry{
		{Name: Floor, New: newFloor, Batch: 1},
		{Name: Rowan, New: newRowan, Batch: 1},
		{Name: "cedar", New: newCedar, Batch: 1, Peer: true},
		{Name: "cedar-index", New: newCedarIndex, Batch: 1, Peer: true},
		{Name: "cedar-batch", New: newCedarBatch, Batch: batchSize, Peer: true},
		{Name: "opa", New: newOPA, Batch: 1, Peer: true},
		{Name: "opa-data", New: newOPAData, Batch: 1, Peer: true},
		{Name: "opa-indexed", New: newOPAIndexed, Batch: 1, Peer: true},
		{Name: "casbin", New: newCasbin, Batch: 1, Peer: true},
		{Name: "casbin-cached", New: newCasbinCached, Batch: 1, Peer: true},
		{Name: "cel", New: newCEL, Batch: 1, Single: true, Peer: true},
	}
}
