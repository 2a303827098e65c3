package bundle

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// Actions returns the actions of a service, such as "dynamodb", that statements
// of identity and resource policies allow by name, sorted, each once and in one
// of its spellings. complete is false if such a statement may allow others: by
// wildcards, or by NotAction. The service is in lower case.
func (b *Bundle) Actions(service string) (names []string, complete bool) {
	complete = true
	spelt := map[string]string{}
	for _, d := range b.documents {
		if d.kind != policy.Identity && d.kind != policy.Resource {
			continue
		}
		for i := range d.Statements {
			s := &d.Statements[i]
			if s.Effect != policy.Allow {
				continue
			}
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
	}
	for _, name := range spelt {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, complete
}
