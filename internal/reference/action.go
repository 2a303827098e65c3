package reference

import (
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// actionPart says whether Action or NotAction matches. Section 1.5.
func (r *request) actionPart(s *policy.Statement) bool {
	for _, entry := range s.Action.Values {
		if matchAction(entry.Value, r.q.Action) {
			return !s.Action.Not
		}
	}
	return s.Action.Not
}

// matchAction says whether an entry matches an action, ignoring case. C10:
// the case of ASCII letters only.
func matchAction(entry, action string) bool {
	if entry == "*" {
		return true
	}
	prefix, name, ok := cutAction(entry)
	if !ok || strings.ContainsAny(prefix, "*?") {
		refuse("malformed action %q", entry)
	}
	itsPrefix, itsName, _ := cutAction(action)
	return prefix == itsPrefix && glob(tokenise(name, false, true), itsName)
}

// cutAction cuts a lower-cased action at its only colon.
func cutAction(s string) (prefix, name string, ok bool) {
	prefix, name, ok = strings.Cut(lowerASCII(s), ":")
	return prefix, name, ok && prefix != "" && name != "" && !strings.ContainsAny(name, ":, \t\r\n")
}
