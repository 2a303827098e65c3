package server

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// shape is what names a request's members may have. encoding/json takes a
// member whatever the case of its name, so that two programs may read one
// request differently; the wire's names are exact. Source: identity-protocol
// §6.1, "Duplicate or case-variant members".
type shape struct {
	// members are those of an object by name, nil for any other value; folded
	// has their names folded as encoding/json does.
	members map[string]*shape
	folded  map[string]string
	// element is the shape of what a list or a map holds.
	element *shape
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// shapeOf returns the shape of values that decode into t, nil if any will do.
func shapeOf(t reflect.Type) *shape {
	if t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	switch kind := t.Kind(); {
	case kind == reflect.Pointer:
		return shapeOf(t.Elem())
	case kind == reflect.Struct:
		return structShape(t)
	case kind != reflect.Slice && kind != reflect.Array && kind != reflect.Map:
		return nil
	}
	e := shapeOf(t.Elem())
	if e == nil {
		return nil
	}
	return &shape{element: e}
}

func structShape(t reflect.Type) *shape {
	s := &shape{members: make(map[string]*shape), folded: make(map[string]string)}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		s.members[name] = shapeOf(f.Type)
		s.folded[strictjson.Fold(name)] = name
	}
	return s
}

// check refuses a member whose name is that of another but for case; path is
// where v stands. Members that nobody knows are newer than we are and pass.
func (s *shape) check(v any, path string) error {
	if s == nil {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v { // any fault will do: the request is refused for it
			if err := s.member(name, value, path); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := s.element.check(e, path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shape) member(name string, value any, path string) error {
	if s.members == nil {
		return s.element.check(value, path+".*")
	}
	m, ok := s.members[name]
	if exact, close := s.folded[strictjson.Fold(name)]; !ok && close {
		return fmt.Errorf("the member of %s is named %q, in exactly these letters", path, exact)
	}
	return m.check(value, path+"."+name)
}
