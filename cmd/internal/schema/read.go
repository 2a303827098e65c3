package schema

import (
	"errors"
	"fmt"
	"go/ast"
	"go/types"
	"strings"
)

// File is a sort of file of a bundle.
type File struct {
	// Name is as roles/NAME.yaml.
	Name string
	// About says what it is, empty if its members do.
	About   string
	Members []Member
}

// Member is a member of a file, or of an object within. Those of an object follow
// it.
type Member struct {
	// Path is as indexes.NAME.sortKey.type, where NAME stands for any name, and
	// routes[].path, where [] stands for each element of a list.
	Path string
	// Value says what it may be.
	Value string
	// Needed says that the object has to have it.
	Needed bool
	// Default is what it is if it is left out, as YAML; empty if that is nothing,
	// or not the same everywhere.
	Default string
	About   string

	of value
}

// Read reads the files of a bundle from the sources of the module, which is at
// root. words are those of functions that compute them, by their names.
func Read(root string, words map[string][]string) ([]File, error) {
	r := &reader{source: newSource(root), given: words}
	if _, err := r.Import(module + "bundle"); err != nil {
		return nil, err
	}
	decl := r.function("loader", "yaml")
	if decl == nil {
		return nil, errors.New("package bundle has no loader.yaml")
	}
	files := r.files(decl)
	if len(files) == 0 {
		r.fault(decl, "no files")
	}
	return files, errors.Join(r.faults...)
}

// reader follows the loader.
type reader struct {
	*source
	given  map[string][]string
	faults []error
}

func (r *reader) fault(at ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s", r.fset.Position(at.Pos()), fmt.Sprintf(format, args...)))
}

// files reads the function that hands files to their readers.
func (r *reader) files(decl *ast.FuncDecl) (out []File) {
	params := r.params(decl.Type)
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, x := range c.List {
			name, ok := r.constant(x)
			if !ok {
				r.fault(x, "a file without a name")
				continue
			}
			if !strings.HasSuffix(name, ".yaml") {
				name += "/NAME.yaml"
			}
			body := &ast.BlockStmt{List: c.Body}
			v := r.value(body, params[len(params)-1], nil)
			if len(v.members) == 0 {
				r.fault(c, "%s has no members", name)
			}
			f := File{Name: name, Members: v.members}
			for _, call := range r.calls(body, params[len(params)-1]) {
				f.About = plain(r.resultComment(call))
			}
			out = append(out, f)
		}
		return false
	})
	return out
}

// params are the parameters of a function, in order.
func (r *reader) params(f *ast.FuncType) (out []types.Object) {
	for _, p := range f.Params.List {
		for _, name := range p.Names {
			out = append(out, r.info.Defs[name])
		}
	}
	return out
}

// calls are those of methods of x, and those that are given x, in order; without
// those of what runs once every file was read.
func (r *reader) calls(body ast.Node, x types.Object) (out []*ast.CallExpr) {
	is := func(e ast.Expr) bool {
		name, ok := e.(*ast.Ident)
		return ok && x != nil && r.info.Uses[name] == x
	}
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, method := call.Fun.(*ast.SelectorExpr)
		if method && sel.Sel.Name == "later" {
			return false
		}
		given := method && is(sel.X)
		for _, arg := range call.Args {
			given = given || is(arg)
		}
		if given {
			out = append(out, call)
		}
		return true
	})
	return out
}

// scope is the functions around a place.
type scope struct {
	outer *scope
	decl  *ast.FuncDecl
	depth int
}

// maxDepth bounds how deep calls are followed.
const maxDepth = 32

// value is what a place of a file may hold: a scalar, a list of items, an object
// with members, or one whose names its author chooses.
type value struct {
	scalar  string
	items   *value
	members []Member
	named   *value
}

func (v *value) empty() bool {
	return v.scalar == "" && v.items == nil && v.named == nil && len(v.members) == 0
}

// join adds what else it may be. A list that says more of its items replaces the
// one before.
func (v *value) join(o value) {
	if o.scalar != "" {
		v.scalar = o.scalar
	}
	if o.items != nil {
		v.items = o.items
	}
	if o.named != nil {
		v.named = o.named
	}
	if len(o.members) > 0 {
		v.members = o.members
	}
}

// text says it in words.
func (v *value) text() string {
	var all []string
	if v.scalar != "" {
		all = append(all, v.scalar)
	}
	if v.items != nil {
		all = append(all, "list of "+v.items.text())
	}
	if len(v.members) > 0 {
		all = append(all, "object")
	}
	if v.named != nil {
		all = append(all, "object of NAME: "+v.named.text())
	}
	return strings.Join(all, ", or ")
}

// below are the members of the objects within, by their paths.
func (v *value) below(place string) (out []Member) {
	if v.items != nil {
		out = append(out, v.items.below(place+"[]")...)
	}
	if v.named != nil {
		out = append(out, v.named.below(place+".NAME")...)
	}
	for _, m := range v.members {
		m.Path = place + "." + m.Path
		out = append(out, m)
	}
	return out
}

// value follows what is done with x.
func (r *reader) value(body ast.Node, x types.Object, in *scope) (v value) {
	for _, call := range r.calls(body, x) {
		v.join(r.read(call, x, in))
	}
	return v
}

// read follows one call.
func (r *reader) read(call *ast.CallExpr, x types.Object, in *scope) value {
	sel, method := call.Fun.(*ast.SelectorExpr)
	if receiver, ok := receiverOf(sel); method && ok && r.info.Uses[receiver] == x {
		switch sel.Sel.Name {
		case "object":
			return r.object(call, x, in)
		case "named", "list":
			return r.each(sel.Sel.Name, call, in)
		}
		if v, ok := r.leaf(sel.Sel.Name, call, in); ok {
			return v
		}
	}
	decl := r.funcs[r.callee(call)]
	if decl == nil || decl.Body == nil {
		return value{}
	}
	next := &scope{outer: in, decl: decl}
	if in != nil {
		next.depth = in.depth + 1
	}
	if next.depth > maxDepth {
		r.fault(call, "calls nest too deep")
		return value{}
	}
	return r.value(decl.Body, r.param(call, decl, x), next)
}

func receiverOf(sel *ast.SelectorExpr) (*ast.Ident, bool) {
	if sel == nil {
		return nil, false
	}
	name, ok := sel.X.(*ast.Ident)
	return name, ok
}

// param is what the called function calls x, nil if it is not given.
func (r *reader) param(call *ast.CallExpr, decl *ast.FuncDecl, x types.Object) types.Object {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok && decl.Recv != nil {
		if name, ok := sel.X.(*ast.Ident); ok && r.info.Uses[name] == x && len(decl.Recv.List[0].Names) == 1 {
			return r.info.Defs[decl.Recv.List[0].Names[0]]
		}
	}
	params := r.params(decl.Type)
	for i, arg := range call.Args {
		if name, ok := arg.(*ast.Ident); ok && r.info.Uses[name] == x && i < len(params) {
			return params[i]
		}
	}
	return nil
}

// each follows the elements of a list, or of an object whose names its author
// chooses.
func (r *reader) each(how string, call *ast.CallExpr, in *scope) value {
	f, ok := call.Args[len(call.Args)-1].(*ast.FuncLit)
	if !ok {
		r.fault(call, "a function that stands elsewhere")
		return value{}
	}
	params := r.params(f.Type)
	inner := r.value(f.Body, params[len(params)-1], in)
	switch {
	case inner.empty():
		return value{}
	case how == "list":
		return value{items: &inner}
	}
	return value{named: &inner}
}

// leaf is what a function reads that reads no further.
func (r *reader) leaf(name string, call *ast.CallExpr, in *scope) (value, bool) {
	switch name {
	case "text", "name", "label":
		return value{scalar: "text"}, true
	case "truth":
		return value{scalar: "`true` or `false`"}, true
	case "account":
		return value{scalar: "twelve digits in quotes"}, true
	case "document":
		return value{scalar: "policy document"}, true
	case "names", "texts":
		return value{items: &value{scalar: "text"}}, true
	case "integer", "duration":
		least, ok := r.number(call.Args[0])
		most, fine := r.number(call.Args[1])
		if !ok || !fine {
			r.fault(call, "bounds that are no constants")
		}
		what := map[string]string{"integer": "whole number", "duration": "time"}[name]
		return value{scalar: what + " from " + least + " to " + most}, true
	case "choice":
		return value{scalar: r.choice(call, in)}, true
	case "choices":
		return value{items: &value{scalar: r.choice(call, in)}}, true
	}
	return value{}, false
}

// choice says which words there are.
func (r *reader) choice(call *ast.CallExpr, in *scope) string {
	words, ok := r.words(call)
	if !ok && in != nil {
		words = r.given[in.decl.Name.Name]
	}
	if len(words) == 0 {
		r.fault(call, "words that are not known")
		return "?"
	}
	for i := range words {
		words[i] = "`" + words[i] + "`"
	}
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
