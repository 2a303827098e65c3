package schema

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object follows n.object.
func (r *reader) object(call *ast.CallExpr, n types.Object, in *scope) value {
	f, ok := call.Args[1].(*ast.FuncLit)
	if !ok {
		r.fault(call, "a function that stands elsewhere")
		return value{}
	}
	params := r.params(f.Type)
	o := &object{reader: r, in: in, x: params[1], needed: r.needed(n, in), names: map[string]string{}}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		s, ok := n.(*ast.SwitchStmt)
		if !ok {
			return true
		}
		if tag, ok := s.Tag.(*ast.Ident); !ok || r.info.Uses[tag] != params[0] {
			return true
		}
		for _, c := range s.Body.List {
			o.member(c)
		}
		return false
	})
	o.finish(call)
	return value{members: o.members}
}

// object is an object that is being read.
type object struct {
	*reader
	in      *scope
	x       types.Object
	needed  map[string]bool
	own     []string // the names of its own members
	members []Member // with those below
	// names are those of members by the fields that they are kept in.
	names map[string]string
}

// member reads a case.
func (o *object) member(s ast.Stmt) {
	c, ok := s.(*ast.CaseClause)
	if !ok || c.List == nil { // it is the default
		return
	}
	body := &ast.BlockStmt{List: c.Body}
	for _, label := range c.List {
		name, ok := o.constant(label)
		if !ok {
			o.fault(label, "a member without a name")
			continue
		}
		v := o.value(body, o.x, o.in)
		fields := o.assigned(body)
		m := Member{Path: name, Value: v.text(), Needed: o.needed[name], About: o.about(c, fields), of: v}
		if m.Value == "" {
			o.fault(c, "%s: nothing is read", name)
		}
		if m.About == "" {
			o.fault(c, "%s: no comment says what it is", name)
		}
		for i, f := range fields {
			if o.names[f.Name()] = name; i == 0 && !m.Needed {
				m.Default = written(o.initial(f), m.Value)
			}
		}
		o.own = append(o.own, name)
		o.members = append(append(o.members, m), v.below(name)...)
	}
}

// written is a default as the file has it: a word in its own case, a time that is
// given as a number in seconds.
func written(initial, value string) string {
	if small := strings.ToLower(initial); strings.Contains(value, "`"+small+"`") {
		return small
	}
	if d, err := time.ParseDuration(initial); err == nil && d > 0 && strings.HasPrefix(value, "whole number") {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	return initial
}

// finish compares the members with the list of the loader's message, and gives
// fields the names of members in comments.
func (o *object) finish(call *ast.CallExpr) {
	listed, _ := o.constant(call.Args[0])
	want := strings.Split(strings.ReplaceAll(listed, " or ", ", "), ", ")
	if !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(o.own))) {
		o.fault(call, "the message says %q, and read are %q", want, o.own)
	}
	for i := range o.members {
		if m := &o.members[i]; slices.Contains(o.own, m.Path) {
			m.About = capital(requote(rename(clean(m.About), o.names), m.Value))
		}
	}
}

// rename puts names of members where a comment has those of fields. SQL, ID and
// the like are words of their own but where the comment begins.
func rename(text string, names map[string]string) string {
	for _, field := range slices.Backward(slices.Sorted(maps.Keys(names))) { // the longer before its beginning
		before := "(^|[^`\\w])"
		if strings.ToUpper(field) == field {
			before = "(^)"
		}
		text = regexp.MustCompile(before+regexp.QuoteMeta(field)+`\b`).ReplaceAllString(text, "${1}`"+names[field]+"`")
	}
	return text
}

var quoted = regexp.MustCompile("`([^`]+)`")

// requote puts the words of a value as they are written where a comment has them
// as they are kept.
func requote(text, value string) string {
	for _, w := range quoted.FindAllStringSubmatch(value, -1) {
		text = regexp.MustCompile(`(?i)"`+regexp.QuoteMeta(w[1])+`"`).ReplaceAllLiteralString(text, w[0])
	}
	return text
}

// needed are the members that n must have.
func (r *reader) needed(n types.Object, in *scope) map[string]bool {
	out := map[string]bool{}
	if in == nil {
		return out
	}
	for _, call := range r.calls(in.decl.Body, n) {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "need" {
			continue
		}
		words, ok := r.words(call)
		if !ok {
			r.fault(call, "names that are not known")
		}
		for _, w := range words {
			out[w] = true
		}
	}
	return out
}

// assigned are the fields that a case sets, or hands to be set.
func (r *reader) assigned(body ast.Node) (out []*types.Var) {
	add := func(e ast.Expr) {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if f, ok := r.info.Uses[sel.Sel].(*types.Var); ok && f.IsField() {
			out = append(out, f)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				add(e)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				add(n.X)
			}
		}
		return true
	})
	return out
}

// about finds the comment that says what a member is: that of the field it is
// kept in, of the type that is made of it, or of the function that reads it.
func (o *object) about(c *ast.CaseClause, fields []*types.Var) string {
	for _, f := range fields {
		if text := o.fields[f.Pos()]; text != "" {
			return text
		}
	}
	for _, call := range o.calls(&ast.BlockStmt{List: c.Body}, o.x) {
		if text := o.resultComment(call); text != "" {
			return text
		}
		if decl := o.funcs[o.callee(call)]; decl != nil && !general[decl.Name.Name] {
			return reads.ReplaceAllString(decl.Doc.Text(), "")
		}
	}
	return ""
}

// general are the functions that read members of any meaning.
var general = map[string]bool{
	"object": true, "named": true, "list": true, "text": true, "name": true, "label": true, "truth": true, "account": true, "document": true,
	"names": true, "texts": true, "integer": true, "duration": true, "choice": true, "choices": true, "roleOf": true, "urls": true, "address": true,
}

// reads is how a comment on a function begins that reads something.
var reads = regexp.MustCompile(`^\w+ (reads|notes) `)

// resultComment is the comment on the type that a function makes.
func (r *reader) resultComment(call *ast.CallExpr) string {
	f, ok := r.callee(call).(*types.Func)
	if !ok {
		return ""
	}
	result := f.Signature().Results()
	if result.Len() != 1 {
		return ""
	}
	t := result.At(0).Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := t.(*types.Named)
	if !ok {
		return ""
	}
	return isWhat.ReplaceAllString(r.comments[named.Obj()], "")
}

// isWhat is how a comment on a type begins that is made of a file.
var isWhat = regexp.MustCompile(`^\w+ is ([^:\n]*\.yaml[:.]\s*)?`)

var (
	nowhere = regexp.MustCompile(`\b(nil|its zero value)\b`)
	begins  = regexp.MustCompile(`\bNil\b`)
	sources = regexp.MustCompile(`(?s)\s*Source: .*`)
	spaces  = regexp.MustCompile(`\s+`)
)

// plain is clean for a text of its own.
func plain(text string) string { return capital(clean(text)) }

// clean makes of a comment on Go what is so of YAML.
func clean(text string) string {
	text = sources.ReplaceAllString(text, "")
	text = nowhere.ReplaceAllString(begins.ReplaceAllString(text, "Left out"), "left out")
	return strings.TrimSpace(spaces.ReplaceAllString(text, " "))
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// initial is what a field begins with: what the nearest function around sets in
// a literal, or by an assignment outside of the cases.
func (o *object) initial(f *types.Var) string {
	for in := o.in; in != nil; in = in.outer {
		if text := o.initialIn(in.decl.Body, f); text != "" {
			return text
		}
	}
	return ""
}

func (o *object) initialIn(body ast.Node, f *types.Var) (text string) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CaseClause:
			return false
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && o.info.Uses[key] == f {
				text, _ = o.constant(n.Value)
			}
		case *ast.AssignStmt:
			for i, e := range n.Lhs {
				sel, ok := e.(*ast.SelectorExpr)
				if ok && o.info.Uses[sel.Sel] == f && len(n.Lhs) == len(n.Rhs) {
					text, _ = o.constant(n.Rhs[i])
				}
			}
		case *ast.Ident:
			if init, ok := o.vars[o.info.Uses[n]].(*ast.CompositeLit); ok && text == "" && init.Type != nil {
				if _, list := init.Type.(*ast.ArrayType); !list {
					text = o.initialIn(init, f)
				}
			}
		}
		return text == ""
	})
	return text
}
