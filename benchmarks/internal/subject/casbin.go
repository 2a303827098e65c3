package subject

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// casbinModel is the check as casbin spells it. The functions are ours, as casbin has no lists in
// its policies; each reads its set from a map that is filled at load.
const casbinModel = `
[request_definition]
r = sub, act, obj, keys, attrs

[policy_definition]
p = obj, acts, attrs

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = %s && listed(r.act, p.acts) && own(r.keys, r.sub) && allListed(r.attrs, p.attrs)
`

// casbinList is a list of strings in a request. Its cache key is made with it, so that a cache
// hit does not pay for it when the context is prepared.
type casbinList struct {
	values []string
	key    string
}

// GetCacheKey is what casbin's cache knows the list by.
func (l *casbinList) GetCacheKey() string { return l.key }

func newCasbinList(values []string) *casbinList {
	return &casbinList{values: values, key: strings.Join(values, "\x00")}
}

type casbinSubject struct {
	enforce func(...any) (bool, error)
	cached  bool
}

func newCasbin(w *workload.Workload) (Subject, error) {
	m, err := newCasbinModel(w)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	if err := loadCasbin(e, w); err != nil {
		return nil, err
	}
	return &casbinSubject{enforce: e.Enforce}, nil
}

// newCasbinCached is casbin with its cache. Every request of a run has been asked once when the
// clock starts, and nothing expires: each timed one is a hit.
func newCasbinCached(w *workload.Workload) (Subject, error) {
	m, err := newCasbinModel(w)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewCachedEnforcer(m)
	if err != nil {
		return nil, err
	}
	if err := loadCasbin(e.Enforcer, w); err != nil {
		return nil, err
	}
	return &casbinSubject{enforce: e.Enforce, cached: true}, nil
}

func newCasbinModel(w *workload.Workload) (model.Model, error) {
	resource := "r.obj == p.obj"
	if w.Resources != workload.Exact {
		resource = "covers(r.obj, p.obj)"
	}
	return model.NewModelFromString(fmt.Sprintf(casbinModel, resource))
}

func loadCasbin(e *casbin.Enforcer, w *workload.Workload) error {
	sets := make(map[string]map[string]struct{})
	covers := make(map[string]casbinPattern)
	lines := make([][]string, 0, w.N())
	for _, p := range w.Policies {
		actions, attributes := strings.Join(p.Actions, " "), strings.Join(p.Attributes, " ")
		sets[actions], sets[attributes] = setOf(p.Actions), setOf(p.Attributes)
		resource := strings.Join(p.Resources, " ")
		covers[resource] = casbinPattern{prefix: workload.ARN(workload.Region, p.Prefix), table: p.Table}
		lines = append(lines, []string{resource, actions, attributes})
	}
	addCasbinFunctions(e, sets, covers)
	_, err := e.AddPolicies(lines)
	return err
}

// casbinPattern is the two patterns of one policy, taken apart at load.
type casbinPattern struct {
	prefix, table string
}

var errCasbinArguments = errors.New("casbin: a function got arguments of other types")

func addCasbinFunctions(e *casbin.Enforcer, sets map[string]map[string]struct{}, covers map[string]casbinPattern) {
	e.AddFunction("listed", func(args ...any) (any, error) {
		value, ok1 := args[0].(string)
		name, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errCasbinArguments
		}
		_, listed := sets[name][value]
		return listed, nil
	})
	e.AddFunction("own", func(args ...any) (any, error) {
		keys, ok1 := args[0].(*casbinList)
		identity, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errCasbinArguments
		}
		return allEqual(keys.values, identity), nil
	})
	e.AddFunction("allListed", func(args ...any) (any, error) {
		values, ok1 := args[0].(*casbinList)
		name, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errCasbinArguments
		}
		return subsetOf(values.values, sets[name]), nil
	})
	e.AddFunction("covers", func(args ...any) (any, error) {
		arn, ok1 := args[0].(string)
		name, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errCasbinArguments
		}
		p := covers[name]
		return strings.HasPrefix(arn, p.prefix) || indexedTable(arn) == p.table, nil
	})
}

func allEqual(values []string, want string) bool {
	for _, v := range values {
		if v != want {
			return false
		}
	}
	return true
}

func subsetOf(values []string, set map[string]struct{}) bool {
	for _, v := range values {
		if _, ok := set[v]; !ok {
			return false
		}
	}
	return true
}

// Decider asks everything once if there is a cache, so that it is full when the clock starts.
func (c *casbinSubject) Decider(requests []workload.Request, context Context) (Decider, error) {
	prepared := prepare(requests, casbinRequest)
	if c.cached {
		for _, r := range prepared {
			if _, err := c.enforce(r...); err != nil {
				return nil, err
			}
		}
	}
	return func(i int) (bool, error) {
		if context == Built {
			return c.enforce(casbinRequest(&requests[i])...)
		}
		return c.enforce(prepared[i]...)
	}, nil
}

func casbinRequest(r *workload.Request) []any {
	return []any{r.Identity, r.Action, r.Resource, newCasbinList(r.LeadingKeys), newCasbinList(r.Attributes)}
}
