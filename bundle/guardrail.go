package bundle

import (
	"path"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// guardrailKind is the kind of the policies in a folder of guardrails.
func guardrailKind(p string) policy.Kind {
	if strings.HasPrefix(p, "guardrails/rcp/") {
		return policy.ResourceControl
	}
	return policy.ServiceControl
}

// guardrail reads a service or resource control policy into its level.
func (l *loader) guardrail(s source) {
	kind := guardrailKind(s.path)
	d := l.json(s, strings.TrimSuffix(s.path, ".json"), kind)
	levels := &l.bundle.ServiceControl
	if kind == policy.ResourceControl {
		levels = &l.bundle.ResourceControl
	}
	// Files come in the order of their paths, so those of a level together.
	name := path.Base(path.Dir(s.path))
	if n := len(*levels); n == 0 || (*levels)[n-1].Name != name {
		*levels = append(*levels, &Level{Name: name})
	}
	if d != nil {
		last := (*levels)[len(*levels)-1]
		last.documents = append(last.documents, d)
	}
}

// levels refuses folders that say nothing. Git does not keep an empty folder:
// a level that denies everything here would be gone in the next clone.
func (l *loader) levels() {
	numbers := map[string]string{}
	for _, dir := range l.dirs {
		parts := strings.Split(dir, "/")
		if parts[0] != "guardrails" || len(parts) < 2 {
			continue
		}
		if !l.holds(dir) {
			l.faults.file(l.file(dir), "an empty folder: a level needs a policy, say FullAWSAccess, and without levels leave the folder out")
		}
		if len(parts) < 3 || len(parts[2]) < 2 {
			continue
		}
		key := parts[1] + parts[2][:2]
		if other, twice := numbers[key]; twice {
			l.faults.file(l.file(dir), "has the number of %s: which of the levels is nearer to the root?", other)
		}
		numbers[key] = parts[2]
	}
}

// holds reports whether a folder has something in it, be it refused.
func (l *loader) holds(dir string) bool {
	within := func(p string) bool { return strings.HasPrefix(p, dir+"/") }
	return slices.ContainsFunc(l.bundle.sources, func(s source) bool { return within(s.path) }) ||
		slices.ContainsFunc(l.dirs, within) ||
		slices.ContainsFunc(l.faults.all, func(e *policy.Error) bool {
			return strings.HasPrefix(e.Name, l.file(dir)+"/")
		})
}
