package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Object is a JSON Schema, or a part of one. Encoded it has its members in order.
type Object = map[string]any

// draft is the one that editors know best.
const draft = "http://json-schema.org/draft-07/schema#"

// JSON returns the JSON Schema of a file, as an editor reads it: scalars are what
// YAML takes them for, a list of one scalar may be that scalar. What a schema
// cannot say, such as that a name is one of another file, only the loader knows.
func (f *File) JSON() (Object, error) {
	out, err := objectOf(f.Members)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return Whole(f.Name, f.About, out), nil
}

// Whole makes a schema of its own of a part; policies may be referred to in it.
func Whole(title, about string, part Object) Object {
	out := Object{"$schema": draft, "title": title}
	if about != "" {
		out["description"] = about
	}
	for name, x := range part {
		out[name] = x
	}
	if refers(part) {
		out["definitions"] = Object{"policy": Policy(), "texts": texts(Object{"type": scalars})}
	}
	return out
}

// refers reports whether a part refers to definitions.
func refers(x any) bool {
	switch x := x.(type) {
	case Object:
		for name, below := range x {
			if name == "$ref" || refers(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(x, refers)
	}
	return false
}

// objectOf is an object with known members, and no others.
func objectOf(members []Member) (Object, error) {
	properties, required := Object{}, []any{}
	for i := range members {
		m := &members[i]
		if strings.ContainsAny(m.Path, ".[") {
			continue // it is further below
		}
		part, err := m.of.json()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		part["description"] = m.About
		if d, ok := initial(m.Default, part); ok {
			part["default"] = d
		}
		properties[m.Path] = part
		if m.Needed {
			required = append(required, m.Path)
		}
	}
	return Closed(properties, required...), nil
}

// initial is a default as the part has it; ok is false if there is none, or it is
// no scalar.
func initial(text string, part Object) (value any, ok bool) {
	switch {
	case text == "" || strings.HasPrefix(text, "["):
		return nil, false
	case part["type"] == "boolean":
		return text == "true", true
	case part["type"] == "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	return text, true
}

// Closed is an object with known members, and no others.
func Closed(properties Object, required ...any) Object {
	out := Object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// json is the value as a schema.
func (v *value) json() (Object, error) {
	var all []any
	add := func(part Object, err error) error {
		all = append(all, part)
		return err
	}
	if v.scalar != "" {
		if err := add(scalar(v.scalar)); err != nil {
			return nil, err
		}
	}
	if v.items != nil {
		items, err := v.items.json()
		if err != nil {
			return nil, err
		}
		all = append(all, listOf(items, v.items.scalar != ""))
	}
	if len(v.members) > 0 {
		if err := add(objectOf(v.members)); err != nil {
			return nil, err
		}
	}
	if v.named != nil {
		named, err := v.named.json()
		if err != nil {
			return nil, err
		}
		all = append(all, Object{"type": "object", "additionalProperties": named})
	}
	return either(all...), nil
}

// either is one of several parts.
func either(all ...any) Object {
	if len(all) == 1 {
		if only, ok := all[0].(Object); ok {
			return only
		}
	}
	return Object{"anyOf": all}
}

// listOf is a list, which may be left to its only element if that is a scalar.
func listOf(items Object, alone bool) Object {
	list := Object{"type": "array", "items": items}
	if alone {
		return either(items, list)
	}
	return list
}

// texts is a text or a list of them.
func texts(text Object) Object { return listOf(text, true) }

// scalars are what YAML may take a text for.
var scalars = []any{"string", "number", "boolean"}

var (
	wholeNumber = regexp.MustCompile(`^whole number from (\d+) to (\d+)$`)
	timeSpan    = regexp.MustCompile(`^time from \w+ to \w+$`)
	choices     = regexp.MustCompile("^`[^`]+`((, `[^`]+`)* or `[^`]+`)?$")
)

// scalar is what a scalar may be, by the words of the reference.
func scalar(words string) (Object, error) {
	switch words {
	case "text":
		return Object{"type": scalars}, nil
	case "`true` or `false`":
		return Object{"type": "boolean"}, nil
	case "twelve digits in quotes":
		return Object{"type": "string", "pattern": `^[0-9]{12}$`}, nil
	case "policy document":
		return Object{"$ref": "#/definitions/policy"}, nil
	}
	if m := wholeNumber.FindStringSubmatch(words); m != nil {
		least, err := strconv.ParseInt(m[1], 10, 64)
		most, err2 := strconv.ParseInt(m[2], 10, 64)
		if err == nil && err2 == nil {
			return Object{"type": "integer", "minimum": least, "maximum": most}, nil
		}
	}
	if timeSpan.MatchString(words) {
		return Object{"type": "string", "pattern": `^[0-9]+[smhd]$`}, nil
	}
	if choices.MatchString(words) {
		var all []any
		for _, m := range quoted.FindAllStringSubmatch(words, -1) {
			all = append(all, m[1])
		}
		return Object{"enum": all}, nil
	}
	return nil, fmt.Errorf("no schema for %q", words)
}
