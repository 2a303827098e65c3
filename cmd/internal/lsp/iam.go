package lsp

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
)

// element is what a place in a policy document is for.
type element uint8

const (
	noElement element = iota
	memberName
	effectValue
	versionValue
	actionValue
	resourceValue
	operatorName
	keyName
	conditionValue
)

// elementOf says what a place in a policy is for, by its path from the document,
// and which statement it is in.
func elementOf(path []string, key bool) (is element, statement []string) {
	if len(path) == 0 {
		return map[bool]element{true: memberName}[key], nil
	}
	if path[0] == "Version" && len(path) == 1 {
		return versionValue, nil
	}
	if path[0] != "Statement" {
		return noElement, nil
	}
	n := 1
	if len(path) > 1 && strings.Trim(path[1], "0123456789") == "" {
		n = 2
	}
	statement, rest := path[:n], path[n:]
	if len(rest) == 0 {
		return map[bool]element{true: memberName}[key], statement
	}
	return elementOfStatement(rest, key), statement
}

func elementOfStatement(rest []string, key bool) element {
	switch rest[0] {
	case "Effect":
		return effectValue
	case "Action", "NotAction":
		return actionValue
	case "Resource", "NotResource":
		return resourceValue
	case "Principal", "NotPrincipal":
		if key {
			return memberName
		}
	case "Condition":
		switch {
		case key && len(rest) == 1:
			return operatorName
		case key && len(rest) == 2:
			return keyName
		case !key && len(rest) > 2:
			return conditionValue
		}
	}
	return noElement
}

// operator takes an operator's name apart.
func operator(name string) (quantifier, base string, ifExists bool) {
	base = name
	if before, after, ok := strings.Cut(name, ":"); ok {
		quantifier, base = before, after
	}
	base, ifExists = strings.CutSuffix(base, "IfExists")
	return quantifier, base, ifExists
}

// operators are all forms of the condition operators, the plain ones first.
func operators() []string {
	bases := make([]string, 0, len(operatorWords))
	for base := range operatorWords {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	out := slices.Clone(bases)
	for _, quantifier := range []string{"", "ForAllValues:", "ForAnyValue:"} {
		for _, suffix := range []string{"", "IfExists"} {
			for _, base := range bases {
				if base != "Null" && quantifier+suffix != "" {
					out = append(out, quantifier+base+suffix)
				}
			}
		}
	}
	return out
}

// operators are those that the client's policies may have.
func (s *Server) operators() []string {
	if s.cel {
		return append(operators(), celop.Name)
	}
	return operators()
}

// celWords are on the operator that AWS does not have. Source: docs/cel.md.
const celWords = "The value is an expression in CEL that is true of the request; the key is a label of your own. AWS does not know the operator."

func operatorAbout(name string) string {
	if name == celop.Name {
		return "**" + name + "**\n\n" + celWords
	}
	quantifier, base, ifExists := operator(name)
	about, ok := operatorWords[base]
	if !ok {
		return ""
	}
	parts := []string{"**" + name + "**", about}
	switch quantifier {
	case "ForAllValues":
		parts = append(parts, forAllWords)
	case "ForAnyValue":
		parts = append(parts, forAnyWords)
	}
	if ifExists {
		parts = append(parts, ifExistsWords)
	}
	return strings.Join(parts, "\n\n")
}

// sample is a value that an operator takes, so that the rest of a condition can be
// tried.
func sample(name string) string {
	_, base, _ := operator(name)
	switch {
	case strings.HasPrefix(base, "Numeric"):
		return "1"
	case strings.HasPrefix(base, "Date"):
		return "2026-01-01T00:00:00Z"
	case base == "Bool" || base == "Null":
		return "true"
	case strings.HasSuffix(base, "IpAddress"):
		return "192.0.2.1"
	case strings.HasPrefix(base, "Arn"):
		return "arn:aws:iam::111122223333:role/x"
	case base == "BinaryEquals":
		return "AAAA"
	}
	return "x"
}

// takes reports whether an operator may read a key; one that is not known may read
// any.
func (s *Server) takes(name, key string) bool {
	_, faults := s.vocabulary.Compile(name, key, []string{sample(name)}, true)
	return !slices.ContainsFunc(faults, func(f conditions.Fault) bool {
		return f.Part == conditions.PartKey || f.Part == conditions.PartOperator && operatorAbout(name) != ""
	})
}

// family is a name of a family with what stands for the rest of it.
func family(name string) (string, bool) {
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, ":") {
		return name + "…", true
	}
	return name, false
}

// keyAbout describes a context key.
func (s *Server) keyAbout(name string) string {
	k, err := s.vocabulary.Key(name)
	if err != nil {
		return ""
	}
	parts := []string{"**" + k.Name + "** — " + kindText(k)}
	folded := strings.ToLower(k.Name)
	about, ok := keyWords[folded]
	if i := strings.IndexByte(folded, '/'); !ok && i > 0 {
		about, ok = keyWords[folded[:i+1]]
	}
	if !ok && strings.HasPrefix(folded, "saml:") {
		about, ok = samlWords, true
	}
	if ok {
		return strings.Join(append(parts, about), "\n\n")
	}
	if from, found := s.catalogue.Key(k.Name); found {
		if k.Kind == conditions.Untyped {
			parts[0] += " (AWS: " + from.Type + ")"
		}
		parts = append(parts, from.Text+".")
	}
	return strings.Join(parts, "\n\n")
}

// kindText is a key's type.
func kindText(k conditions.Key) string {
	if k.List {
		return "list of " + k.Kind.String() + "; needs ForAllValues or ForAnyValue"
	}
	return k.Kind.String()
}

// actionAbout describes an action, or what a pattern of actions matches.
func (s *Server) actionAbout(text string) string {
	service, name, ok := strings.Cut(text, ":")
	service = strings.ToLower(service)
	all := s.catalogue.Actions(service)
	switch {
	case text == "*":
		return "**\\*** — every action of every service"
	case !ok || all == nil:
		return ""
	case strings.ContainsAny(name, "*?"):
		return s.patternAbout(text, service, all)
	}
	i := slices.IndexFunc(all, func(a string) bool { return strings.EqualFold(a, name) })
	if i < 0 {
		return "**" + text + "** — " + service + " has no such action"
	}
	parts := []string{"**" + service + ":" + all[i] + "** — access level " + s.catalogue.Access(service, name)}
	if forms := s.catalogue.ActionResources(service, name); len(forms) > 0 {
		parts = append(parts, "Resources: `"+strings.Join(forms, "`, `")+"`")
	} else {
		parts = append(parts, "Resources: `*` alone")
	}
	if keys := s.catalogue.ActionKeys(service, name); len(keys) > 0 {
		parts = append(parts, "Context keys: `"+strings.Join(keys, "`, `")+"`")
	}
	return strings.Join(parts, "\n\n")
}

// maxMatches is how many actions of a pattern are shown.
const maxMatches = 20

func (s *Server) patternAbout(text, service string, all []string) string {
	p, err := conditions.CompileAction(text)
	if err != nil {
		return ""
	}
	var matches []string
	for _, a := range all {
		if p.Match(service+":"+a, nil) == conditions.True {
			matches = append(matches, "`"+a+"` ("+s.catalogue.Access(service, a)+")")
		}
	}
	head := "**" + strings.ReplaceAll(text, "*", `\*`) + "** — " + count(len(matches), "action")
	if len(matches) == 0 {
		return head
	}
	more := ""
	if len(matches) > maxMatches {
		matches, more = matches[:maxMatches], ", …"
	}
	return head + "\n\n" + strings.Join(matches, ", ") + more
}
