package generate

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// action is an entry of Action or NotAction: most often one that covers what
// is asked for.
func (g *generator) action() string {
	service, name, _ := strings.Cut(g.c.Action, ":")
	switch n := g.IntN(100); {
	case n < 15:
		return "*"
	case n < 30:
		return service + ":*"
	case n < 55:
		return g.c.Action
	case n < 70:
		return service + ":" + g.loosen(name)
	case n < 75:
		return strings.ToLower(service) + ":" + strings.ToUpper(name)
	case n < 80:
		return service + ":*\u212a" // which folds to k, but not as ASCII does
	}
	return pick(g.Rand, calls...).action
}

// resource is an entry of Resource or NotResource.
func (g *generator) resource() string {
	parts := strings.SplitN(g.c.Resource, ":", 6)
	if len(parts) != 6 {
		return pick(g.Rand, "*", "*", "*", "arn:aws:s3:::*", "arn:*:s3:::*", "**", tables[0])
	}
	switch n := g.IntN(100); {
	case n < 22:
		return "*"
	case n < 42:
		return g.c.Resource
	case n < 70:
		return g.loosenARN(parts)
	case n < 75:
		return strings.Join(parts[:3], ":") + ":" + pick(g.Rand, "*", "us-*", "eu-*", "*:*")
	case n < 78:
		tail := parts[5][strings.LastIndex(parts[5], "/")+1:]
		return pick(g.Rand, "*:", "*/", "*", "**:") + tail
	case n < 88 && strings.Contains(parts[5], ":"):
		// Only a "*" that crosses colons covers it.
		tail := parts[5][strings.LastIndex(parts[5], ":"):]
		return strings.Join(parts[:4], ":") + pick(g.Rand, ":*", ":1*", ":*1", ":?") + tail
	case n < 80:
		return "arn:aws:" + parts[2] + ":us-east-1:*:t"
	}
	chosen := pick(g.Rand, calls...)
	entry := pick(g.Rand, chosen.resources...)
	if strings.Contains(entry, "${") && g.variables {
		return tables[0] // an object is called so, which no variable is
	}
	return entry
}

// loosenARN puts wildcards and variables into the parts that may have them.
func (g *generator) loosenARN(parts []string) string {
	parts = slices.Clone(parts)
	for i := 3; i < 5; i++ {
		if g.chance(30) {
			parts[i] = pick(g.Rand, "*", "*", g.loosen(parts[i]))
		}
	}
	if g.chance(2) {
		parts[1] = "aw*"
	}
	if g.chance(80) {
		parts[5] = g.pattern(parts[5])
	}
	return strings.Join(parts, ":")
}

// pattern is a text with wildcards that perhaps covers s, and with variables
// if the document has them.
func (g *generator) pattern(s string) string {
	switch {
	case g.chance(5):
		return g.plain(pick(g.Rand, words...)) + "*"
	case g.variables && g.chance(45):
		return g.withVariable(s)
	}
	return g.loosen(s)
}

// loosen replaces a stretch of s by "*", or a character by "?".
func (g *generator) loosen(s string) string {
	if g.variables && strings.Contains(s, "${") {
		return "*"
	}
	if s == "" || g.chance(10) {
		return s + pick(g.Rand, "", "*", "?")
	}
	from := g.IntN(len(s))
	for !utf8.RuneStart(s[from]) {
		from--
	}
	if g.chance(30) {
		_, width := utf8.DecodeRuneInString(s[from:])
		return s[:from] + "?" + s[from+width:]
	}
	to := from + g.IntN(len(s)-from+1)
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to++
	}
	return s[:from] + "*" + s[to:]
}

// withVariable replaces the value of a key in s by a variable, or puts one at
// its end.
func (g *generator) withVariable(s string) string {
	if strings.Contains(s, "${") {
		return g.plain(s)
	}
	if g.chance(60) {
		for _, k := range keys {
			name := g.keyName(k)
			values := g.c.Context[name]
			if name == "aws:username" && values == nil {
				values = []string{"ana"}
			}
			if len(values) == 1 && values[0] != "" && strings.Contains(s, values[0]) {
				return strings.Replace(s, values[0], g.variable(name), 1)
			}
		}
	}
	if g.chance(20) {
		return pick(g.Rand, s+"${*}", s+"${?}", s+"${$}", "${*}*")
	}
	k := pick(g.Rand, keys...)
	if g.chance(25) {
		k = key{"app:k", untypedKey}
	}
	return s + pick(g.Rand, "", "*", "/") + g.variable(g.keyName(k))
}

// variable is a variable for a key, now and then with a default.
func (g *generator) variable(name string) string {
	if strings.Contains(name, " ") {
		name = "aws:username"
	}
	if g.chance(25) {
		return "${" + name + ", '" + pick(g.Rand, "ana", "*", "", "b c", "é", "${", "x:y") + "'}"
	}
	return "${" + name + "}"
}
