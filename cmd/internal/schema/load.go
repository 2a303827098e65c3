package schema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

const module = "github.com/rowan-authz/rowan/"

// source is the packages that were read, with what their names mean. Packages
// outside the module are empty, so that names of theirs mean nothing.
type source struct {
	root     string // of the module
	fset     *token.FileSet
	info     *types.Info
	packages map[string]*types.Package
	files    []*ast.File
	// fields are comments on fields, by the place of the field's name.
	fields map[token.Pos]string
	funcs  map[types.Object]*ast.FuncDecl
	// vars are what package-level variables begin with, comments are those on types.
	vars     map[types.Object]ast.Expr
	comments map[types.Object]string
}

func newSource(root string) *source {
	return &source{
		root: root, fset: token.NewFileSet(), packages: map[string]*types.Package{},
		info: &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{},
		},
		fields: map[token.Pos]string{}, funcs: map[types.Object]*ast.FuncDecl{}, vars: map[types.Object]ast.Expr{},
		comments: map[types.Object]string{},
	}
}

// durations is what the loader needs of package time to be understood.
const durations = `package time
type Duration int64
const (
	Second Duration = 1000000000
	Minute = 60 * Second
	Hour = 60 * Minute
)`

// Import reads a package. It is that of types.Importer.
func (s *source) Import(name string) (*types.Package, error) {
	if p := s.packages[name]; p != nil {
		return p, nil
	}
	var files []*ast.File
	switch {
	case name == "time":
		f, err := parser.ParseFile(s.fset, name, durations, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = []*ast.File{f}
	case strings.HasPrefix(name, module):
		dir := filepath.Join(s.root, filepath.FromSlash(strings.TrimPrefix(name, module)))
		parsed, err := s.parse(dir)
		if err != nil {
			return nil, err
		}
		files = parsed
	default:
		p := types.NewPackage(name, path.Base(name))
		p.MarkComplete()
		s.packages[name] = p
		return p, nil
	}
	// Names of packages outside are not known, which is an error each.
	c := types.Config{Importer: s, Error: func(error) {}, FakeImportC: true}
	p, _ := c.Check(name, s.fset, files, s.info)
	s.packages[name] = p
	s.index(files)
	return p, nil
}

func (s *source) parse(dir string) (files []*ast.File, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(s.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, &fs.PathError{Op: "parse", Path: dir, Err: fs.ErrNotExist}
	}
	return files, nil
}

// index notes the functions, the variables and the comments on fields.
func (s *source) index(files []*ast.File) {
	s.files = append(s.files, files...)
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if f := s.info.Defs[n.Name]; f != nil {
					s.funcs[f] = n
				}
			case *ast.GenDecl:
				for _, spec := range n.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok && s.info.Defs[t.Name] != nil {
						s.comments[s.info.Defs[t.Name]] = n.Doc.Text() + t.Doc.Text()
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) && s.info.Defs[name] != nil {
						s.vars[s.info.Defs[name]] = n.Values[i]
					}
				}
			case *ast.StructType:
				for _, field := range n.Fields.List {
					for _, name := range field.Names {
						s.fields[name.Pos()] = strings.TrimSpace(field.Doc.Text())
					}
				}
			}
			return true
		})
	}
}

// function finds a function of a package that was read, by its name and, for a
// method, that of its receiver's type.
func (s *source) function(receiver, name string) *ast.FuncDecl {
	for _, f := range s.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if ok && decl.Name.Name == name && receiverName(decl) == receiver {
				return decl
			}
		}
	}
	return nil
}

func receiverName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) != 1 {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	name, ok := t.(*ast.Ident)
	if !ok {
		return ""
	}
	return name.Name
}
