package subject

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// tableIndex finds what belongs to the table or index that an ARN names. The floor is built on
// it, and it is the index of their own that we give to peers which have none.
//
// It knows the two shapes of pattern that the workload uses and no others: a prefix of a table's
// ARN, looked up once for each length that prefixes have, and all indexes of a table, wherever it is.
type tableIndex[T any] struct {
	exact    map[string]*T // nil if resources are patterns
	prefixes map[string]*T
	lengths  []int // of the prefixes, longest first
	indexes  map[string]*T
}

func newTableIndex[T any](w *workload.Workload) tableIndex[T] {
	if w.Resources == workload.Exact {
		return tableIndex[T]{exact: make(map[string]*T, w.N())}
	}
	return tableIndex[T]{prefixes: make(map[string]*T, w.N()), indexes: make(map[string]*T, w.N())}
}

func (x *tableIndex[T]) add(p workload.Policy, value *T) {
	if x.exact != nil {
		x.exact[workload.ARN(workload.Region, p.Table)] = value
		return
	}
	prefix := workload.ARN(workload.Region, p.Prefix)
	x.prefixes[prefix] = value
	x.indexes[p.Table] = value
	if !slices.Contains(x.lengths, len(prefix)) {
		x.lengths = append(x.lengths, len(prefix))
		slices.SortFunc(x.lengths, func(a, b int) int { return b - a })
	}
}

func (x *tableIndex[T]) find(arn string) *T {
	if x.exact != nil {
		return x.exact[arn]
	}
	for _, n := range x.lengths {
		if n <= len(arn) {
			if value, ok := x.prefixes[arn[:n]]; ok {
				return value
			}
		}
	}
	return x.indexes[indexedTable(arn)]
}

// indexedTable is the table of an index's ARN, empty for any other ARN.
func indexedTable(arn string) string {
	_, rest, _ := strings.Cut(arn, ":table/")
	table, _, ok := strings.Cut(rest, "/index/")
	if !ok {
		return ""
	}
	return table
}
