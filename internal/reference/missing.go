package reference

import (
	"slices"

	"github.com/rowan-authz/rowan/policy"
)

// keysRead are the context keys that a statement reads, as written: those of
// its conditions, and the variables in their values and in its resources.
func keysRead(d *policy.Document, s *policy.Statement) []string {
	var out []string
	if d.Variables() {
		for _, entry := range s.Resource.Values {
			out = append(out, variablesOf(entry.Value)...)
		}
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		out = append(out, c.Key.Value)
		takesVariables := parseOperator(c.Operator.Value).family
		if d.Variables() && (takesVariables == stringFamily || takesVariables == arnFamily) {
			for _, v := range c.Values {
				out = append(out, variablesOf(v.Value)...)
			}
		}
	}
	return out
}

// variablesOf are the keys of the variables in a text. That of a list-typed
// key is never read: it has no value whatever the context is.
func variablesOf(text string) []string {
	var out []string
	for _, t := range tokenise(text, true, true) {
		if t.is == variableToken && !describe(t.variable.key).list {
			out = append(out, t.variable.key)
		}
	}
	return out
}

// missingContext are the keys that statements read and the context lacks, in
// the registry's spelling, sorted, each once.
func (r *request) missingContext() []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range r.sets {
		for _, name := range s.reads {
			_, state := r.context.lookup(name)
			if state == absent && !seen[fold(name)] {
				seen[fold(name)] = true
				out = append(out, describe(name).name)
			}
		}
	}
	slices.Sort(out)
	return out
}
