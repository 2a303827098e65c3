package reference

import "strings"

// variable is ${key} or ${key, 'default'}. Section 2.2.
type variable struct {
	key         string
	fallback    string
	hasFallback bool
}

// parseVariable reads what stands between "${" and "}". C11: the name has a
// colon and neither space, comma nor quote; the default has no quote.
func parseVariable(inside string) variable {
	name, rest, hasFallback := strings.Cut(inside, ", '")
	fallback, closed := strings.CutSuffix(rest, "'")
	if hasFallback && (!closed || strings.Contains(fallback, "'")) {
		refuse("malformed default in ${%s}", inside)
	}
	if !strings.Contains(name, ":") || strings.ContainsAny(name, " ,'\t\r\n") {
		refuse("malformed variable ${%s}", inside)
	}
	describe(name) // refuses an unknown one
	return variable{key: name, fallback: fallback, hasFallback: hasFallback}
}

// resolution says what became of the variables of a pattern.
type resolution uint8

const (
	resolved resolution = iota
	// unresolved: a variable has no value, so the pattern matches nothing.
	unresolved
	// unsettled: a variable reads an indeterminate key.
	unsettled
)

// resolve returns the text that stands for a variable. Sections 2.4 and 2.5.
func (r *request) resolve(v variable) (string, resolution) {
	if describe(v.key).list {
		return "", unresolved // C11: with a default too
	}
	values, state := r.context.lookup(v.key)
	if state == indeterminate {
		return "", unsettled
	}
	if len(values) > 1 {
		return "", unresolved // C2: several values of an untyped key
	}
	if len(values) == 1 && values[0] != "" {
		return values[0], resolved
	}
	// Absent, without values, or empty, which counts as no value.
	if v.hasFallback {
		return v.fallback, resolved
	}
	return "", unresolved
}

// substitute replaces the variables of a pattern by literals. Substituted
// text is not scanned again. Section 2.3. A pattern with an unresolved
// variable matches nothing whatever its other variables are.
func (r *request) substitute(tokens []token) ([]token, resolution) {
	out := make([]token, 0, len(tokens))
	outcome := resolved
	for _, t := range tokens {
		if t.is != variableToken {
			out = append(out, t)
			continue
		}
		text, became := r.resolve(t.variable)
		if became == unresolved {
			return nil, unresolved
		}
		if became == unsettled {
			outcome = unsettled
		}
		out = append(out, token{is: literalToken, text: text})
	}
	return out, outcome
}
