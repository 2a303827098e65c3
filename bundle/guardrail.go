package bundle

import (
	"path"
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
	numbers, full := map[string]string{}, l.full()
	for _, dir := range l.dirs {
		parts := strings.Split(dir, "/")
		if parts[0] != "guardrails" || len(parts) < 2 {
			continue
		}
		if !full[dir] {
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

// full returns the folders that have something in them, be it refused.
func (l *loader) full() map[string]bool {
	out := map[string]bool{}
	for _, s := range l.bundle.sources {
		out[path.Dir(s.path)] = true
	}
	for _, dir := range l.dirs {
		out[path.Dir(dir)] = true
	}
	prefix := l.file("x")
	for _, e := range l.faults.all {
		out[path.Dir(strings.TrimPrefix(e.Name, prefix[:len(prefix)-1]))] = true
	}
	return out
}
