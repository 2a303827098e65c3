package schema

import (
	"errors"
	"fmt"
	"go/ast"
	"reflect"
	"strconv"
	"strings"
)

// Struct reads the members of a YAML file that is decoded into a struct, by the
// tags of its fields. dir is that of its package, from the root of the module.
func Struct(root, dir, name string) ([]Member, error) {
	s := newSource(root)
	files, err := s.parse(root + "/" + dir)
	if err != nil {
		return nil, err
	}
	r := &structReader{types: map[string]ast.Expr{}}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if t, ok := n.(*ast.TypeSpec); ok {
				r.types[t.Name.Name] = t.Type
			}
			return true
		})
	}
	t, ok := r.types[name].(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("%s: no struct %s", dir, name)
	}
	return r.members("", t), errors.Join(r.faults...)
}

type structReader struct {
	types  map[string]ast.Expr
	faults []error
}

func (r *structReader) members(prefix string, t *ast.StructType) (out []Member) {
	for _, f := range t.Fields.List {
		if len(f.Names) != 1 || f.Tag == nil {
			r.faults = append(r.faults, fmt.Errorf("%s: a field that is not one of its own", prefix))
			continue
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ",")
		m := Member{Path: prefix + name, About: rename(plain(f.Doc.Text()), map[string]string{f.Names[0].Name: name})}
		if err != nil || name == "" || m.About == "" {
			r.faults = append(r.faults, fmt.Errorf("%s%s: no tag or no comment", prefix, f.Names[0].Name))
		}
		var below []Member
		m.Value, below = r.value(m.Path, f.Type)
		out = append(append(out, m), below...)
	}
	return out
}

func (r *structReader) value(place string, e ast.Expr) (text string, below []Member) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return r.value(place, e.X)
	case *ast.StructType:
		return "object", r.members(place+".", e)
	case *ast.MapType:
		text, below = r.value(place+".NAME", e.Value)
		return "object of NAME: " + text, below
	case *ast.Ident:
		if e.Name == "string" {
			return "text", nil
		}
		if t := r.types[e.Name]; t != nil {
			return r.value(place, t)
		}
	}
	r.faults = append(r.faults, fmt.Errorf("%s: a type that is not known", place))
	return "", nil
}
