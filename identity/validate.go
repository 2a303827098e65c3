package identity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of identity pools. Source: identity-protocol §1.1.
const (
	maxLogins        = 10
	maxLinks         = 20
	maxProviderName  = 128
	maxSubject       = 255
	maxDeveloperUser = 1024
	maxPage          = 60
	maxNextToken     = 65535
	maxTokenSeconds  = 86400
)

// rule is what the service model says of a text. Lengths count characters.
type rule struct {
	min, max int
	// pattern is for messages; match decides, nil takes every text.
	pattern string
	match   func(string) bool
	secret  bool // not to be shown
}

// The rules of the service models. Source: identity-protocol §1.1, §3.2.
var (
	idRule            = rule{min: 1, max: 55, pattern: `[\w-]+:[0-9a-f-]+`, match: isID}
	accountRule       = rule{min: 1, max: 15, pattern: `\d+`, match: func(s string) bool { return strings.Trim(s, "0123456789") == "" }}
	roleRule          = rule{min: 20, max: 2048}
	providerRule      = rule{min: 1, max: maxProviderName}
	developerRule     = rule{min: 1, max: 128, pattern: `[\w._-]+`, match: isDeveloperName}
	developerUserRule = rule{min: 1, max: maxDeveloperUser}
	nextTokenRule     = rule{min: 1, max: maxNextToken, pattern: `[\S]+`, match: func(s string) bool { return !strings.ContainsFunc(s, isSpace) }}
	sessionNameRule   = rule{min: 2, max: 64, pattern: `[\w+=,.@-]*`, match: sessionName}
	webTokenRule      = rule{min: 4, max: 20000}
	assertionRule     = rule{min: 4, max: 100000}
	policyRule        = rule{min: 1, max: 2048}
)

func isSpace(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) }

func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
}

// isID reports whether s is REGION:UUID, the form of pool and identity ids.
func isID(s string) bool {
	region, id, ok := strings.Cut(s, ":")
	return ok && region != "" && id != "" && strings.Trim(id, "0123456789abcdef-") == "" &&
		!strings.ContainsFunc(region, func(r rune) bool { return !isWord(r) && r != '-' })
}

func isDeveloperName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) && r != '.' && r != '-' })
}

// faults collects the parameters of a call that break a constraint, so that
// one answer names them all. Source: identity-protocol §0.5.
type faults []string

// err returns the answer, nil if there is no fault.
func (f faults) err(code Code) error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return Errorf(code, "1 validation error detected: %s", f[0])
	}
	return Errorf(code, "%d validation errors detected: %s", len(f), strings.Join(f, "; "))
}

func (f *faults) add(value, member, constraint string) {
	*f = append(*f, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

// required checks a text that must be there.
func (f *faults) required(member, value string, r rule) {
	if value == "" {
		f.add("null", member, "Member must not be null")
		return
	}
	f.optional(member, value, r)
}

// optional checks a text, empty if it is not there.
func (f *faults) optional(member, value string, r rule) {
	if value == "" {
		return
	}
	text := shown(value)
	if r.secret {
		text = "of " + strconv.Itoa(utf8.RuneCountInString(value)) + " characters"
	}
	for _, fault := range r.faults(value) {
		f.add(text, member, fault)
	}
}

// hidden returns r for a value that is not to be shown.
func (r rule) hidden() rule {
	r.secret = true
	return r
}

func (r rule) faults(value string) []string {
	var out []string
	n := utf8.RuneCountInString(value)
	if n < r.min {
		out = append(out, "Member must have length greater than or equal to "+strconv.Itoa(r.min))
	}
	if n > r.max {
		out = append(out, "Member must have length less than or equal to "+strconv.Itoa(r.max))
	}
	switch {
	case !utf8.ValidString(value):
		out = append(out, "Member must be valid UTF-8")
	case r.match != nil && !r.match(value):
		out = append(out, "Member must satisfy regular expression pattern: "+r.pattern)
	}
	return out
}

// shown quotes a value for an answer: short, and without what could end a
// line of a log.
func shown(value string) string {
	const most = 100
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, value)
	if utf8.RuneCountInString(clean) > most {
		clean = string([]rune(clean)[:most]) + "…"
	}
	return "'" + clean + "'"
}

// number checks a number that may be missing and returns it, or the default.
func (f *faults) number(member string, value *int64, low, high, missing int64) int64 {
	if value == nil {
		return missing
	}
	if *value < low {
		f.add(fmt.Sprintf("'%d'", *value), member, fmt.Sprintf("Member must have value greater than or equal to %d", low))
	}
	if *value > high {
		f.add(fmt.Sprintf("'%d'", *value), member, fmt.Sprintf("Member must have value less than or equal to %d", high))
	}
	return *value
}

// logins checks a map of logins. Tokens are not shown.
func (f *faults) logins(logins map[string]string, required bool) {
	const member = "logins"
	switch {
	case len(logins) == 0 && required:
		f.add("null", member, "Member must not be null")
	case len(logins) > maxLogins:
		f.add("of "+strconv.Itoa(len(logins))+" entries", member, "Member must have length less than or equal to "+strconv.Itoa(maxLogins))
		return
	}
	for _, key := range sortedKeys(logins) {
		if len(providerRule.faults(key)) > 0 || key == "" {
			f.add("with the key "+shown(key), member, fmt.Sprintf("Map keys must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to 1]", maxProviderName))
		}
		if n := utf8.RuneCountInString(logins[key]); n == 0 || n > maxLoginToken {
			f.add("for the key "+shown(key), member, fmt.Sprintf("Map value must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to 1]", maxLoginToken))
		}
	}
}

// names checks a list of provider names.
func (f *faults) names(member string, names []string) {
	switch {
	case len(names) == 0:
		f.add("null", member, "Member must not be null")
	case len(names) > maxLinks:
		f.add("of "+strconv.Itoa(len(names))+" entries", member, "Member must have length less than or equal to "+strconv.Itoa(maxLinks))
		return
	}
	for _, name := range names {
		f.required(member, name, providerRule)
	}
}

// sortedKeys returns the keys of a map in order: nothing that decides or
// reports ranges over a map.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
