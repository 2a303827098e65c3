package bundle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/policy"
)

// node is a place in a YAML file. Its readers note what is wrong and return
// the zero value then, so that one pass finds every fault.
type node struct {
	*yaml.Node
	file *yamlFile
	path string // JSON pointer
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (n node) child(name string, c *yaml.Node) node {
	return node{Node: c, file: n.file, path: n.path + "/" + pointerEscapes.Replace(name)}
}

func (n node) pos() policy.Position { return n.file.at(n.Node) }

func (n node) fault(format string, args ...any) {
	n.file.fault(n.pos(), n.path, format, args...)
}

func fault(name string, pos policy.Position, path, format string, args ...any) *policy.Error {
	return &policy.Error{Name: name, Pos: pos, Path: path, Err: fmt.Errorf(format, args...)}
}

// kind names what n is, for messages.
func (n node) kind() string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "an object"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.null():
		return "nothing"
	}
	return strconv.Quote(short(n.Value))
}

// short cuts a text for a message.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// plain reports whether n is a scalar without quotes.
func (n node) plain() bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// null reports whether n is nothing: an empty value, null or ~.
func (n node) null() bool { return n.plain() && n.Tag == "!!null" }

// isText reports whether n is a scalar that says something.
func (n node) isText() bool { return n.Kind == yaml.ScalarNode && !n.null() }

// object reads the members of an object with known names. member returns
// false for a name that it does not know; fields lists those that it does.
func (n node) object(fields string, member func(name string, x node) bool) {
	n.members(func(name, x node) {
		switch {
		case member(name.Value, x):
		case strings.Contains(strings.ToLower(name.Value), "secret"):
			n.file.fault(name.pos(), x.path, "no secret stands in a bundle: rowan serve takes secrets from the environment or a file outside it")
		default:
			n.file.fault(name.pos(), x.path, "unknown member %q: want %s", short(name.Value), fields)
		}
	})
}

// members hands every member of an object to f, in source order, each name
// once.
func (n node) members(f func(name, x node)) {
	if n.Kind != yaml.MappingNode {
		n.fault("want an object, have %s", n.kind())
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := node{Node: n.Content[i], file: n.file, path: n.path}
		if !seen[name.Value] {
			seen[name.Value] = true
			f(name, n.child(name.Value, n.Content[i+1]))
		}
	}
}

// named is members of an object whose names its author chose. Names that
// differ only by case are refused, unless exact says that case matters.
func (n node) named(exact bool, f func(name string, x node)) {
	folded := map[string]string{}
	n.members(func(name, x node) {
		fold := strings.ToLower(name.Value)
		other, twice := folded[fold]
		folded[fold] = name.Value
		switch {
		case name.Value == "":
			n.file.fault(name.pos(), x.path, "an empty name")
		case strings.ContainsFunc(name.Value, control):
			n.file.fault(name.pos(), x.path, "a control character in a name")
		case twice && !exact:
			n.file.fault(name.pos(), x.path, "%q and %q differ by case alone", short(other), short(name.Value))
		default:
			f(name.Value, x)
		}
	})
}

func control(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// list hands every element of a list to f; a scalar is a list of one.
func (n node) list(f func(x node)) {
	switch {
	case n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			f(n.child(strconv.Itoa(i), c))
		}
	case n.isText():
		f(n)
	default:
		n.fault("want a list, have %s", n.kind())
	}
}

// text reads a scalar as its source text.
func (n node) text() string {
	if !n.isText() {
		n.fault("want a text, have %s", n.kind())
		return ""
	}
	return n.Value
}

// name reads a text that names something: not empty, without control
// characters.
func (n node) name() string {
	s := n.text()
	switch {
	case !n.isText():
	case s == "":
		n.fault("an empty text")
	case strings.ContainsFunc(s, control):
		n.fault("a control character")
		return ""
	}
	return s
}

// maxNames is how long a list of names may be.
const maxNames = 10_000

// names reads a list of names, each once.
func (n node) names() []string {
	var out []string
	seen := map[string]bool{}
	n.list(func(x node) {
		s := x.name()
		switch {
		case seen[s]:
			x.fault("%q stands twice", short(s))
		case s != "":
			out = append(out, s)
			seen[s] = true
		}
	})
	if len(out) > maxNames {
		n.fault("more than %d names", maxNames)
	}
	return out
}

// texts reads a scalar or a list of scalars.
func (n node) texts() []string {
	out := []string{}
	n.list(func(x node) { out = append(out, x.text()) })
	return out
}

// truth reads true or false. What YAML 1.1 took for a truth value as well is
// refused.
func (n node) truth() bool {
	if !n.plain() || n.Value != "true" && n.Value != "false" {
		n.fault("want true or false, have %s", n.kind())
	}
	return n.Value == "true"
}

// integer reads a whole number within bounds.
func (n node) integer(least, most int) int {
	i, err := strconv.Atoi(n.Value)
	if !n.plain() || err != nil || i < least || i > most || strconv.Itoa(i) != n.Value {
		n.fault("want a whole number from %d to %d, have %s", least, most, n.kind())
		return least
	}
	return i
}

// account reads an account id. Without quotes YAML may take it for a number,
// with a leading zero even for an octal one; other tools then change it.
func (n node) account() string {
	s := n.text()
	switch {
	case !n.isText():
	case !accountID(s):
		n.fault("want an account id, twelve digits in quotes, have %s", n.kind())
	case n.plain():
		n.fault("put the account id in quotes: %q", s)
	}
	return s
}

// choice reads one of a few words.
func (n node) choice(words ...string) string {
	if s := n.text(); slices.Contains(words, s) {
		return s
	}
	if n.isText() {
		n.fault("want %s, have %s", strings.Join(words, ", "), n.kind())
	}
	return ""
}

// need notes members that an object lacks.
func (n node) need(names ...string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, name := range names {
		if !n.has(name) {
			n.fault("no %s", name)
		}
	}
}

// has reports whether an object has a member.
func (n node) has(name string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

// member returns the value of a member of an object, n itself if it has none.
func (n node) member(name string) node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Kind == yaml.MappingNode && n.Content[i].Value == name {
			return n.child(name, n.Content[i+1])
		}
	}
	return n
}

// element returns an element of a list; a scalar is a list of one.
func (n node) element(i int) node {
	if n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return n.child(strconv.Itoa(i), n.Content[i])
	}
	return n
}

// label reads a part of an ARN, such as "aws" or "us-east-1".
func (n node) label() string {
	s := n.text()
	if n.isText() && (s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "") {
		n.fault("want lower-case letters, digits and hyphens, have %s", n.kind())
	}
	return s
}
