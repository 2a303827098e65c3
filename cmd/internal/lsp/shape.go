package lsp

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/rowan-authz/rowan/cmd/internal/bundleschema"
)

// shape is a part of a JSON Schema, as far as editors need it.
type shape struct {
	Ref         string            `json:"$ref"`
	About       string            `json:"description"`
	Type        any               `json:"type"`
	Enum        []any             `json:"enum"`
	Default     any               `json:"default"`
	Properties  map[string]*shape `json:"properties"`
	Patterns    map[string]*shape `json:"patternProperties"`
	Additional  json.RawMessage   `json:"additionalProperties"`
	Items       *shape            `json:"items"`
	AnyOf       []*shape          `json:"anyOf"`
	Required    []string          `json:"required"`
	Definitions map[string]*shape `json:"definitions"`

	others *shape
}

// policyRef is how schemas refer to a policy document.
const policyRef = "#/definitions/policy"

// shapes are the schemas by their names.
var shapes = sync.OnceValues(func() (map[string]*shape, error) {
	out := map[string]*shape{}
	for _, s := range bundleschema.All() {
		text, _ := bundleschema.Text(s.Name)
		root := &shape{}
		if err := json.Unmarshal(text, root); err != nil {
			return nil, fmt.Errorf("schema %s: %w", s.Name, err)
		}
		if err := root.prepare(); err != nil {
			return nil, fmt.Errorf("schema %s: %w", s.Name, err)
		}
		out[s.Name] = root
	}
	return out, nil
})

// prepare reads what may be true, false or a schema.
func (s *shape) prepare() error {
	if len(s.Additional) > 0 && s.Additional[0] == '{' {
		s.others = &shape{}
		if err := json.Unmarshal(s.Additional, s.others); err != nil {
			return err
		}
	}
	below := append([]*shape{s.others, s.Items}, s.AnyOf...)
	for _, group := range []map[string]*shape{s.Properties, s.Patterns, s.Definitions} {
		for _, x := range group {
			below = append(below, x)
		}
	}
	for _, x := range below {
		if x != nil {
			if err := x.prepare(); err != nil {
				return err
			}
		}
	}
	return nil
}

// spot is what a schema says of a place in a file.
type spot struct {
	// shapes are the forms that the place may have.
	shapes []*shape
	// document is where on the path a policy document begins; negative if the place
	// is in none.
	document int
}

// spotAt follows a path.
func spotAt(root *shape, path []string) spot {
	out := spot{document: -1}
	out.shapes = expand(root, root, &out, 0)
	for i, step := range path {
		var next []*shape
		for _, s := range out.shapes {
			if x := s.child(step); x != nil {
				next = append(next, expand(root, x, &out, i+1)...)
			}
		}
		out.shapes = next
	}
	return out
}

// expand replaces references and alternatives by what they are.
func expand(root, s *shape, at *spot, depth int) []*shape {
	switch {
	case s.Ref == policyRef && root.Definitions["policy"] != nil:
		if at.document < 0 {
			at.document = depth
		}
		return []*shape{root.Definitions["policy"]}
	case len(s.AnyOf) > 0:
		var out []*shape
		for _, x := range s.AnyOf {
			out = append(out, expand(root, x, at, depth)...)
		}
		return out
	}
	return []*shape{s}
}

func (s *shape) child(step string) *shape {
	if x := s.Properties[step]; x != nil {
		return x
	}
	if s.Items != nil && strings.Trim(step, "0123456789") == "" {
		return s.Items
	}
	for pattern, x := range s.Patterns {
		if strings.Contains(step, pattern) { // they are all texts that stand somewhere
			return x
		}
	}
	return s.others
}

// aboutMember is the description of a member of the object at a path.
func aboutMember(root *shape, path []string) (about string, member *shape) {
	if len(path) == 0 {
		return "", nil
	}
	around := spotAt(root, path[:len(path)-1])
	for _, s := range around.shapes {
		if x := s.Properties[path[len(path)-1]]; x != nil {
			return x.About, x
		}
	}
	return "", nil
}
