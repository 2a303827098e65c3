package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Catalogue knows the services of AWS. It is read by many goroutines, and what
// it returns is not changed. Names of services are in lower case.
type Catalogue interface {
	// Services are the prefixes of actions, such as "dynamodb", sorted.
	Services() []string
	// Actions are the names of a service's actions, such as "GetItem", sorted;
	// nil if there is no such service.
	Actions(service string) []string
	// Keys are all context keys of a service; a family has ${…} or <…> where
	// its names differ.
	Keys(service string) []string
	// ActionKeys are those of one action, in whose name case does not matter.
	ActionKeys(service, action string) []string
	// ActionResources are the forms of the ARNs that an action takes, with ${…}
	// where they differ; none if it takes "*" alone.
	ActionResources(service, action string) []string
}

// catalogueRules need a Catalogue.
var catalogueRules = []Rule{
	{
		Code: "unknown-service", Severity: Warning,
		Summary:  "an action of a service that AWS does not have",
		Why:      "It matches no request to AWS. It is right for actions of your own.",
		Analyzer: []string{"INVALID_SERVICE_IN_ACTION"},
	},
	{
		Code: "unknown-action", Severity: Error,
		Summary:  "an action that its service does not have",
		Why:      "It matches nothing: an Allow gives nothing, and a Deny keeps nothing from anybody.",
		Analyzer: []string{"INVALID_ACTION"},
	},
	{
		Code: "wildcard-matches-nothing", Severity: Warning,
		Summary: "a pattern of actions that no action of its service matches",
		Why:     "It gives or denies nothing today, and may match an action of tomorrow.",
	},
	{
		Code: "unknown-service-key", Severity: Error,
		Summary:  "a context key that its service does not have",
		Why:      "It is never there: the condition never holds, or always.",
		Analyzer: []string{"INVALID_SERVICE_CONDITION_KEY"},
	},
	{
		Code: "key-not-of-action", Severity: Warning,
		Summary: "a context key that no action of the statement has",
		Why:     "It is never there for these actions: the condition never holds, or always.",
		Analyzer: []string{
			"ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", "DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE",
			"DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", "UNSUPPORTED_ACTION_FOR_CONDITION_KEY",
		},
	},
	{
		Code: "resource-type", Severity: Warning,
		Summary: "resources that an action does not take",
		Why:     "The statement says nothing about the action: none of its resources is of a type that the action is checked on.",
		Analyzer: []string{
			"ARN_ACCOUNT_NOT_ALLOWED", "ARN_REGION_NOT_ALLOWED", "INVALID_ARN_RESOURCE", "INVALID_ARN_SERVICE_CASE",
			"MISSING_ARN_ACCOUNT", "MISSING_ARN_REGION",
		},
	},
}

// own is the prefix of the actions of Rowan's own daemon.
const own = "rowan"

// services looks at the actions, keys and types of resources of a statement.
func (l *linter) services(s *statement) {
	l.in(name("Action", &s.Action), func() {
		for _, t := range s.Action.Values {
			l.knownAction(t)
		}
	})
	for i := range s.conditions {
		c := &s.conditions[i]
		l.within(c, func() { l.serviceKey(s, c) })
	}
	if len(s.Resource.Values) > 0 && !s.Action.Not && !s.Resource.Not {
		l.in(name("Action", &s.Action), func() { l.resourceTypes(s) })
	}
}

// split takes an action apart. The service is in lower case.
func split(action string) (service, name string, ok bool) {
	service, name, ok = strings.Cut(action, ":")
	return strings.ToLower(service), name, ok && service != "" && name != ""
}

func (l *linter) knownAction(t policy.Text) {
	service, action, ok := split(t.Value)
	if !ok || service == own || l.action(t.Value) == nil {
		return // "*", or invalid
	}
	actions := l.Catalogue.Actions(service)
	wild := strings.ContainsAny(action, "*?")
	switch {
	case actions == nil:
		l.find("unknown-service", t.Pos, "AWS has no service %q%s", service, meant(service, l.Catalogue.Services()))
	case len(l.actions(t.Value)) > 0:
	case wild:
		l.find("wildcard-matches-nothing", t.Pos, "%s matches no action", t.Value)
	default:
		l.find("unknown-action", t.Pos, "%s has no action %q%s", service, action, meant(action, actions))
	}
}

// actions returns the names of the actions that an entry of Action matches;
// none for "*".
func (l *linter) actions(entry string) []string {
	service, action, ok := split(entry)
	if !ok {
		return nil
	}
	var out []string
	action = strings.ToLower(action)
	for _, a := range l.Catalogue.Actions(service) {
		if folded := strings.ToLower(a); folded == action || glob(action, folded) {
			out = append(out, a)
		}
	}
	return out
}

// serviceKey looks for a key that the service, or no action of the statement,
// has.
func (l *linter) serviceKey(s *statement, c *condition) {
	service, _, ok := strings.Cut(c.key, ":")
	keys := l.Catalogue.Keys(service)
	if !ok || len(keys) == 0 && !aboutTags(c.key) {
		return
	}
	if len(keys) > 0 && !holdsKey(keys, c.key) {
		if !l.registered(c) {
			l.find("unknown-service-key", c.Key.Pos, "%s has no context key %q%s", service, c.Key.Value, meant(c.Key.Value, keys))
		}
		return
	}
	if s.Action.Not {
		if s.Effect == policy.Deny && strings.HasPrefix(c.key, "aws:resourcetag/") && !c.negated() {
			l.find("key-not-of-action", c.Key.Pos, "many an action does not have %s, and is not denied", c.Key.Value)
		}
		return
	}
	for _, t := range s.Action.Values {
		of, _, ok := split(t.Value)
		matched := l.actions(t.Value)
		if !ok || len(matched) == 0 || strings.ContainsAny(of, "*?") {
			return // all of them, or not known
		}
		for _, a := range matched {
			if holdsKey(l.Catalogue.ActionKeys(of, a), c.key) {
				return
			}
		}
	}
	l.find("key-not-of-action", c.Key.Pos, "no action of the statement has %s", c.Key.Value)
}

// aboutTags reports whether a key, in lower case, is a global one that only some
// actions have.
func aboutTags(key string) bool {
	return key == "aws:tagkeys" || strings.HasPrefix(key, "aws:resourcetag/") || strings.HasPrefix(key, "aws:requesttag/")
}

// catalogued reports whether the key of a condition is of a service whose keys
// the catalogue lists.
func (l *linter) catalogued(c *condition) bool {
	service, _, _ := strings.Cut(c.key, ":")
	return l.Catalogue != nil && len(l.Catalogue.Keys(service)) > 0
}

// registered reports whether the vocabulary knows the key of a condition.
func (l *linter) registered(c *condition) bool {
	compiled, faults := l.Vocabulary.Compile("Null", c.Key.Value, []string{"true"}, false)
	return len(faults) == 0 && compiled.Key().Kind != conditions.Untyped
}

// holdsKey reports whether a key, in lower case, is one of keys, or of a family
// among them.
func holdsKey(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		k = strings.ToLower(k)
		return k == key || glob(starred(k), key)
	})
}

// starred writes * for ${…} and <…>.
func starred(form string) string {
	for _, marks := range [][2]string{{"${", "}"}, {"<", ">"}} {
		for {
			before, rest, ok := strings.Cut(form, marks[0])
			if !ok {
				break
			}
			_, after, closed := strings.Cut(rest, marks[1])
			if !closed {
				break
			}
			form = before + "*" + after
		}
	}
	return form
}

// resourceTypes looks for actions that none of the resources are for.
func (l *linter) resourceTypes(s *statement) {
	texts := make([]string, len(s.Resource.Values))
	for i, t := range s.Resource.Values {
		if texts[i] = starred(t.Value); strings.Trim(texts[i], "*") == "" {
			return // every resource
		}
	}
	known := map[string]bool{} // by form
	takes := func(form string) bool {
		ok, seen := known[form]
		if !seen && len(known)*len(texts) < maxPairs/100 {
			ok = slices.ContainsFunc(texts, func(t string) bool { return meetARN(t, filled(form)) })
			known[form] = ok
			return ok
		}
		return ok || !seen
	}
	for _, t := range s.Action.Values {
		service, _, ok := split(t.Value)
		if matched := l.actions(t.Value); ok && len(matched) == 1 && !strings.ContainsAny(t.Value, "*?") {
			forms := l.Catalogue.ActionResources(service, matched[0])
			switch {
			case len(forms) == 0:
				l.find("resource-type", t.Pos, `%s takes no resource: want "*"`, t.Value)
			case !slices.ContainsFunc(forms, takes):
				l.find("resource-type", t.Pos, "%s takes %s: no resource here is one", t.Value, short(forms))
			}
		}
	}
}

func short(forms []string) string {
	if len(forms) > 2 {
		return fmt.Sprintf("%s and %d more", forms[0], len(forms)-1)
	}
	return strings.Join(forms, " or ")
}

// filled writes ?* for the parts of a form that differ: none of them is empty.
func filled(form string) string { return strings.ReplaceAll(starred(form), "*", "?*") }

// meetARN reports whether some ARN is covered by two patterns with * and ?, none
// of which reaches beyond a colon but in the last part.
func meetARN(a, b string) bool {
	one, other := strings.SplitN(a, ":", 6), strings.SplitN(b, ":", 6)
	if len(one) != 6 || len(other) != 6 {
		return meet(a, b)
	}
	for i := range one {
		if !meet(one[i], other[i]) {
			return false
		}
	}
	return true
}

// meet reports whether some text is covered by two patterns with * and ?.
func meet(a, b string) bool {
	// row[j] says whether what was read of a can be what was read of b up to j.
	row := make([]bool, len(b)+1)
	row[0] = true
	for j := 0; j < len(b) && b[j] == '*'; j++ {
		row[j+1] = true
	}
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		next[0] = row[0] && a[i] == '*'
		for j := range len(b) {
			switch {
			case a[i] == '*' || b[j] == '*':
				next[j+1] = row[j+1] && (b[j] == '*' || a[i] == '*') || next[j] || row[j]
			case a[i] == '?' || b[j] == '?' || a[i] == b[j]:
				next[j+1] = row[j]
			}
		}
		row = next
	}
	return row[len(b)]
}

// meant suggests the nearest of the names, if one is near.
func meant(name string, names []string) string {
	best, distance := "", min(4, len(name)/2+1)
	for _, n := range names {
		if d := edits(strings.ToLower(name), strings.ToLower(n), distance); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// edits counts the characters to change from one text to the other; most is as
// far as it counts.
func edits(a, b string, most int) int {
	if len(a) > 128 || len(b) > 128 || max(len(a), len(b))-min(len(a), len(b)) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return min(row[len(b)], most)
}
