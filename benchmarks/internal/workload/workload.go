// Package workload is the row-level check that every engine is timed on: policies for N tables,
// each of which lets an identity read its own rows and some attributes, and requests for them.
//
// The same arguments give the same policies and requests on every machine. Strings are never
// shared between policies and requests, since no real request points into a policy: a comparison
// of two equal strings at one address is free, and would flatter whoever compares.
package workload

import "fmt"

const (
	// Account owns every table and every identity.
	Account = "111122223333"
	// Region holds every table that has a policy.
	Region = "us-east-1"
	// Table is the one table of a workload of one policy; in a larger one its policy stands in
	// the middle, so that a linear search pays the average.
	Table = "GameScores"
	// Action is what every timed request asks for.
	Action = "dynamodb:GetItem"
	// Variable is the policy variable that stands for the identity.
	Variable = "${cognito-identity.amazonaws.com:sub}"
)

// Resources says how policies name their tables.
type Resources int

const (
	// Exact names each table by its ARN.
	Exact Resources = iota
	// Wildcard names each table by a prefix, table/Game*, and its indexes, wherever they are, by
	// *:table/GameScores/index/*.
	Wildcard
	// Shared is Wildcard with *:table/*/index/* in every policy besides: one pattern that all have
	// in common and that no timed request matches.
	Shared
)

// String is the word for r in names of benchmarks.
func (r Resources) String() string {
	switch r {
	case Exact:
		return "exact"
	case Wildcard:
		return "wildcard"
	case Shared:
		return "shared"
	}
	return fmt.Sprintf("Resources(%d)", int(r))
}

// Workload is N policies. It is immutable and may be shared.
type Workload struct {
	Resources Resources
	Policies  []Policy
}

// New makes a workload of n policies, each for a table of its own. n must be at least 1.
func New(n int, resources Resources) *Workload {
	w := &Workload{Resources: resources, Policies: make([]Policy, n)}
	for i := range w.Policies {
		w.Policies[i] = newPolicy(i, i == n/2, resources)
	}
	return w
}

// N is the number of policies.
func (w *Workload) N() int { return len(w.Policies) }

// middle is the policy for [Table].
func (w *Workload) middle() Policy { return w.Policies[len(w.Policies)/2] }
