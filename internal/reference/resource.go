package reference

import (
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// entryMatch is what one entry of Resource or NotResource says.
type entryMatch uint8

const (
	misses entryMatch = iota
	matches
	hasUnresolved // a variable without a value: the entry matches nothing
	hasUnsettled  // a variable that reads an indeterminate key
)

// resourcePart says whether Resource or NotResource matches. Sections 1.6
// (R11 to R13) and 2.5, C14. A role trust policy has neither: its role is the
// resource.
//
// Literally is the same when an entry with a variable that has no value just
// does not match.
func (r *request) resourcePart(d *policy.Document, s *policy.Statement) (part truth, literally bool) {
	if len(s.Resource.Values) == 0 {
		return yes, true
	}
	// R5 and C13: a trailing "*" of a segment crosses colons where that only
	// denies: in Resource of a Deny, in NotResource of an Allow.
	wide := (s.Effect == policy.Deny) != s.Resource.Not
	var found [hasUnsettled + 1]bool
	for _, entry := range s.Resource.Values {
		found[r.matchResource(entry.Value, d.Variables(), wide, s.Resource.Not)] = true
	}
	if s.Resource.Not {
		switch {
		case found[matches]:
			return no, false
		case found[hasUnresolved] || found[hasUnsettled]:
			return unknown, true
		}
		return yes, true
	}
	switch {
	case found[matches]:
		return yes, true
	case found[hasUnsettled]:
		return unknown, false
	}
	return no, false
}

// matchResource says whether an entry matches the resource of the request. An
// entry of Resource whose variable is unsettled still misses what it would
// miss whatever text the variables had; in NotResource it is R13 that counts.
func (r *request) matchResource(entry string, variables, wide, not bool) entryMatch {
	if entry == "*" {
		return matches
	}
	pattern, became := r.resourcePattern(entry, variables)
	switch {
	case became == unresolved:
		return hasUnresolved
	case became == unsettled && !not && !r.couldMatch(entry, wide):
		return misses
	case became == unsettled:
		return hasUnsettled
	case r.q.Resource == "*":
		return matchIf(r.listsBuckets(entry))
	case strings.HasPrefix(entry, "*"):
		return matchIf(glob(joinParts(pattern), r.q.Resource))
	case wide:
		return matchIf(matchWide(pattern, r.q.Resource))
	}
	return matchIf(matchStrict(pattern, r.q.Resource))
}

// couldMatch says whether an entry matches when its variables match anything.
func (r *request) couldMatch(entry string, wide bool) bool {
	if r.q.Resource == "*" {
		return false
	}
	tokens := tokenise(entry, true, true)
	for i := range tokens {
		if tokens[i].is == variableToken {
			tokens[i] = token{is: starToken}
		}
	}
	if strings.HasPrefix(entry, "*") {
		return glob(tokens, r.q.Resource)
	}
	parts := splitTokens(tokens)
	if wide {
		return matchWide(parts, r.q.Resource)
	}
	return matchStrict(parts, r.q.Resource)
}

func matchIf(b bool) entryMatch {
	if b {
		return matches
	}
	return misses
}

// resourcePattern cuts an entry into its six parts and substitutes the
// variables of the last. R8: no other part has any. R9: what is missing
// behind a final "*" is "*". An entry that begins with "*" is no ARN pattern
// and has one part only (C13).
func (r *request) resourcePattern(entry string, variables bool) ([][]token, resolution) {
	tokens := tokenise(entry, variables, true)
	if strings.HasPrefix(entry, "*") {
		whole, became := r.substitute(tokens)
		return [][]token{whole}, became
	}
	if !strings.HasPrefix(entry, "arn:") {
		refuse("resource %q is no ARN", entry)
	}
	parts := splitTokens(tokens)
	if len(parts) < arnParts && !strings.HasSuffix(entry, "*") {
		refuse("resource %q has fewer than six parts", entry)
	}
	for len(parts) < arnParts {
		parts = append(parts, []token{{is: starToken}})
	}
	for _, part := range parts[:arnParts-1] {
		if hasVariable(part) {
			refuse("resource %q has a variable before its fifth colon", entry)
		}
	}
	last, became := r.substitute(parts[arnParts-1])
	parts[arnParts-1] = last
	return parts, became
}

// listsBuckets is the exception of R10: s3:ListAllMyBuckets has no resource,
// and policies name it arn:aws:s3:::* (C13: in any partition).
func (r *request) listsBuckets(entry string) bool {
	parts, ok := splitARN(entry)
	return ok && lowerASCII(r.q.Action) == "s3:listallmybuckets" && strings.Join(parts[2:], ":") == "s3:::*"
}

// matchStrict matches part by part, so no wildcard of the first five crosses
// a colon. R2 to R4.
func matchStrict(pattern [][]token, resource string) bool {
	parts, _ := splitARN(resource)
	for i := range pattern {
		if !glob(pattern[i], parts[i]) {
			return false
		}
	}
	return true
}

// matchWide matches the whole ARN at once: of the wildcards in the first five
// parts only a "*" that ends its part crosses colons. R4 and R5.
func matchWide(pattern [][]token, resource string) bool {
	marked := make([][]token, len(pattern))
	for i, part := range pattern {
		for j, t := range part {
			endsPart := t.is == starToken && j == len(part)-1
			t.noColon = i < arnParts-1 && !endsPart
			marked[i] = append(marked[i], t)
		}
	}
	return glob(joinParts(marked), resource)
}

// joinParts puts the colons back between the parts of a pattern.
func joinParts(parts [][]token) []token {
	var out []token
	for i, part := range parts {
		if i > 0 {
			out = append(out, token{is: literalToken, text: ":"})
		}
		out = append(out, part...)
	}
	return out
}
