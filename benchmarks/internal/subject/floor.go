package subject

import "github.com/rowan-authz/rowan/benchmarks/internal/workload"

// floor is what one writes by hand for exactly this check: a map from the table to what is
// granted on it, and no language at all.
type floor struct {
	tables tableIndex[floorGrant]
}

type floorGrant struct {
	actions    map[string]struct{}
	attributes map[string]struct{}
}

func newFloor(w *workload.Workload) (Subject, error) {
	f := &floor{tables: newTableIndex[floorGrant](w)}
	for _, p := range w.Policies {
		f.tables.add(p, &floorGrant{actions: setOf(p.Actions), attributes: setOf(p.Attributes)})
	}
	return f, nil
}

func setOf(values []string) map[string]struct{} {
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return set
}

func (f *floor) Decider(requests []workload.Request, _ Context) (Decider, error) {
	return func(i int) (bool, error) { return f.decide(&requests[i]), nil }, nil
}

func (f *floor) decide(r *workload.Request) bool {
	grant := f.tables.find(r.Resource)
	if grant == nil {
		return false
	}
	if _, ok := grant.actions[r.Action]; !ok {
		return false
	}
	for _, key := range r.LeadingKeys {
		if key != r.Identity {
			return false
		}
	}
	for _, name := range r.Attributes {
		if _, ok := grant.attributes[name]; !ok {
			return false
		}
	}
	return true
}
