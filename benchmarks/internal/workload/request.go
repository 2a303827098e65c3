package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Many is how many different requests the varied runs cycle through.
const Many = 1024

// Variety says how the requests of one run differ.
type Variety int

const (
	// One is a single request for [Table].
	One Variety = iota
	// Varied is [Many] requests: the identity, the table and the attributes change from one to
	// the next, over all tables if there are no more than Many.
	Varied
	// OneTable is Varied on one table, for an engine that batches by table.
	OneTable
)

// String is the word for v in names of benchmarks.
func (v Variety) String() string {
	switch v {
	case One:
		return "one"
	case Varied:
		return "varied"
	case OneTable:
		return "one-table"
	}
	return fmt.Sprintf("Variety(%d)", int(v))
}

// Request is one question in plain strings, as a data-access layer holds it.
type Request struct {
	Identity    string // the caller's id in its identity pool: REGION:UUID
	Action      string
	Resource    string // ARN of a table or index
	LeadingKeys []string
	Attributes  []string
}

// Requests makes requests that are all allowed, or all denied because the row is another
// identity's. The first is for [Table].
func (w *Workload) Requests(variety Variety, allowed bool) []Request {
	count := Many
	if variety == One {
		count = 1
	}
	random := rand.New(rand.NewPCG(1, uint64(count)))
	order := random.Perm(count)
	first := slices.Index(order, 0) // the one for Table
	order[0], order[first] = order[first], order[0]
	requests := make([]Request, count)
	for i, offset := range order {
		p := w.middle()
		if variety == Varied {
			p = w.Policies[(w.N()/2+offset*max(1, w.N()/count))%w.N()]
		}
		id := identity(random)
		key := strings.Clone(id)
		if !allowed {
			key = identity(random)
		}
		requests[i] = Request{
			Identity: id, Action: strings.Clone(Action), Resource: ARN(Region, p.Table),
			LeadingKeys: []string{key}, Attributes: pick(random, p.Attributes, 5),
		}
	}
	return requests
}

func identity(random *rand.Rand) string {
	a, b := random.Uint64(), random.Uint64()
	return fmt.Sprintf("%s:%08x-%04x-4%03x-a%03x-%012x", Region, a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

func pick(random *rand.Rand, from []string, count int) []string {
	picked := make([]string, count)
	for i, j := range random.Perm(len(from))[:count] {
		picked[i] = strings.Clone(from[j])
	}
	return picked
}
