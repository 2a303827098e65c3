package reference

import "strings"

// arnParts is how many parts an ARN has: arn, partition, service, region,
// account, resource.
const arnParts = 6

// splitARN cuts an ARN at its first five colons. Sections 1.6 and 3.5.
func splitARN(s string) ([]string, bool) {
	parts := strings.SplitN(s, ":", arnParts)
	return parts, len(parts) == arnParts && parts[0] == "arn"
}

// testARN compares an ARN of the context with one value of an ARN operator:
// six parts, each globbed. Sections 2.3 and 3.5, C12. An unparsable value is
// one that, without any variable, is no ARN.
func (r *request) testARN(parts []string, pattern []token) (matches truth, unparsable bool) {
	patterns := splitTokens(pattern)
	delimited := len(patterns) == arnParts
	if !delimited {
		// Fewer than five colons of the policy: those of the values delimit.
		whole, became := r.substitute(pattern)
		if became != resolved {
			return unmatched(became), false
		}
		patterns = splitTokens(whole)
	}
	if len(patterns) != arnParts {
		return no, !hasVariable(pattern)
	}
	result := yes
	for i := range patterns {
		part, became := r.substitute(patterns[i])
		if became != resolved {
			result = and(result, unmatched(became))
			continue
		}
		if i == 0 && !isARN(part) {
			return no, !hasVariable(patterns[0])
		}
		patterns[i] = part
	}
	if result != yes {
		return result, false
	}
	for i, part := range parts {
		result = and(result, truthOf(glob(patterns[i], part)))
	}
	return result, false
}

// isARN says whether the first part of a pattern is the word arn itself.
func isARN(part []token) bool {
	text := ""
	for _, t := range part {
		if t.is != literalToken {
			return false
		}
		text += t.text
	}
	return text == "arn"
}

// unmatched is what a pattern says whose variables have no value: no if one
// is unresolved, unknown if one reads an indeterminate key.
func unmatched(became resolution) truth {
	if became == unsettled {
		return unknown
	}
	return no
}
