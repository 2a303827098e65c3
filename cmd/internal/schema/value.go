package schema

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"time"
)

// constant returns the value of an expression that is one, as YAML writes it;
// ok is false for any other, and for what a field is without being told.
func (s *source) constant(e ast.Expr) (text string, ok bool) {
	if list, isList := e.(*ast.CompositeLit); isList {
		var all []string
		for _, x := range list.Elts {
			text, ok := s.constant(x)
			if !ok {
				return "", false
			}
			all = append(all, text)
		}
		return "[" + strings.Join(all, ", ") + "]", len(all) > 0
	}
	known := s.info.Types[e]
	if known.Value == nil {
		return "", false
	}
	switch known.Value.Kind() {
	case constant.String:
		text = constant.StringVal(known.Value)
		return text, text != ""
	case constant.Bool:
		return "true", constant.BoolVal(known.Value)
	case constant.Int:
		n, exact := constant.Int64Val(known.Value)
		if !exact || n <= 0 {
			return "", false
		}
		if known.Type.String() == "time.Duration" {
			return spell(time.Duration(n)), true
		}
		return strconv.FormatInt(n, 10), true
	case constant.Unknown, constant.Float, constant.Complex:
	}
	return "", false
}

// number returns the value of a whole number.
func (s *source) number(e ast.Expr) (string, bool) {
	known := s.info.Types[e]
	if known.Value == nil || known.Value.Kind() != constant.Int {
		return "", false
	}
	n, exact := constant.Int64Val(known.Value)
	if exact && strings.HasSuffix(known.Type.String(), "time.Duration") {
		return spell(time.Duration(n)), true
	}
	return strconv.FormatInt(n, 10), exact
}

// spell writes a duration in its largest whole unit.
func spell(d time.Duration) string {
	for _, u := range []struct {
		suffix string
		of     time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// words are the texts that a call is given: constants, a variable of them, or a
// function that returns a list of them.
func (s *source) words(call *ast.CallExpr) (all []string, ok bool) {
	for _, arg := range call.Args {
		if call.Ellipsis == token.NoPos {
			text, ok := s.constant(arg)
			if !ok {
				return nil, false
			}
			all = append(all, text)
			continue
		}
		list, ok := s.list(arg)
		if !ok {
			return nil, false
		}
		for _, x := range list.Elts {
			text, ok := s.constant(x)
			if !ok {
				return nil, false
			}
			all = append(all, text)
		}
	}
	return all, len(all) > 0
}

func (s *source) list(e ast.Expr) (*ast.CompositeLit, bool) {
	switch x := e.(type) {
	case *ast.CompositeLit:
		return x, true
	case *ast.Ident:
		if init := s.vars[s.info.Uses[x]]; init != nil {
			return s.list(init)
		}
	case *ast.CallExpr:
		decl := s.funcs[s.callee(x)]
		if decl == nil || len(decl.Body.List) != 1 {
			return nil, false
		}
		if out, ok := decl.Body.List[0].(*ast.ReturnStmt); ok && len(out.Results) == 1 {
			return s.list(out.Results[0])
		}
	}
	return nil, false
}

// callee is the function that is called, nil if that is not known.
func (s *source) callee(call *ast.CallExpr) types.Object {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return s.info.Uses[f]
	case *ast.SelectorExpr:
		return s.info.Uses[f.Sel]
	}
	return nil
}
