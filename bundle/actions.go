package bundle

import (
	"maps"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Actions returns the actions of a service, such as "dynamodb", that statements
// of identity and resource policies allow by name, sorted, each once and in one
// of its spellings. complete is false if such a statement may allow others: by
// wildcards, or by NotAction. The service is in lower case.
func (b *Bundle) Actions(service string) (names []string, complete bool) {
	complete = true
	spelt := map[string]string{}
	for _, s := range b.allows() {
		for _, x := range s.Action.Values {
			of, name, _ := strings.Cut(x.Value, ":")
			switch {
			case s.Action.Not, strings.ContainsAny(of, "*?"):
				complete = false
			case !strings.EqualFold(of, service):
			case strings.ContainsAny(name, "*?"):
				complete = false
			case spelt[strings.ToLower(name)] == "":
				spelt[strings.ToLower(name)] = service + ":" + name
			}
		}
	}
	return slices.Sorted(maps.Values(spelt)), complete
}

// allows are the Allow statements of identity and resource policies.
func (b *Bundle) allows() (out []*policy.Statement) {
	for _, d := range b.documents {
		if d.kind != policy.Identity && d.kind != policy.Resource {
			continue
		}
		for i := range d.Statements {
			if s := &d.Statements[i]; s.Effect == policy.Allow {
				out = append(out, s)
			}
		}
	}
	return out
}

// ResourcesOf returns the resources of a service, such as "dynamodb", on which
// statements of identity and resource policies allow an action by ARN, sorted,
// each once. complete is false if such a statement may allow it on others: by
// wildcards, policy variables or NotResource. The service is in lower case.
func (b *Bundle) ResourcesOf(service, action string) (arns []string, complete bool) {
	complete = true
	found := map[string]bool{}
	for _, s := range b.allows() {
		if !mayAllow(&s.Action, action) {
			continue
		}
		if s.Resource.Not || len(s.Resource.Values) == 0 {
			complete = false
		}
		for _, x := range s.Resource.Values {
			of := ""
			if parts := strings.SplitN(x.Value, ":", 4); len(parts) == 4 {
				of = parts[2]
			}
			switch {
			case of == service && !strings.ContainsAny(x.Value, "*?$"):
				found[x.Value] = true
			case of == service, of == "", strings.ContainsAny(of, "*?$"):
				complete = false
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), complete
}

// mayAllow reports whether an element Action or NotAction may be about an action.
func mayAllow(e *policy.Element, action string) bool {
	return e.Not || slices.ContainsFunc(e.Values, func(x policy.Text) bool {
		p, err := conditions.CompileAction(x.Value)
		return err != nil || p.Match(action, nil) == conditions.True
	})
}
