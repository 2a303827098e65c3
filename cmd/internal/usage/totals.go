package usage

import (
	"maps"
	"slices"
)

// Total is a counter of this process since it began, for whoever shows counters.
// It never falls. Pool is empty for decisions.
type Total struct {
	Of   Quantity
	Pool string
	N    uint64
}

// Quantity is what is counted.
type Quantity string

// What is counted.
const (
	// ActiveUsers are users of a user pool whom this process was the first to see
	// in a month; the sum over all processes is that of the month.
	ActiveUsers Quantity = ofUsers
	// Authentications are those of an identity pool.
	Authentications Quantity = ofAuthentications
	// Decisions are those of questions and of gateways.
	Decisions Quantity = ofDecisions
	// Uncounted are activities of users that were too many to remember.
	Uncounted Quantity = ofLost
)

// Totals returns the counters of this process, sorted by quantity and pool. Those
// of users are as of the last writing. It asks nobody: it may be called often.
func (m *Meter) Totals() []Total {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gather()
	sums := map[counter]uint64{}
	for c, n := range m.counts {
		sums[counter{of: c.of, pool: c.pool}] += n.is
	}
	for c, n := range m.users {
		sums[counter{of: c.of, pool: c.pool}] += n
	}
	out := make([]Total, 0, len(sums))
	for _, c := range slices.SortedFunc(maps.Keys(sums), counter.compare) {
		out = append(out, Total{Quantity(c.of), c.pool, sums[c]})
	}
	return out
}
