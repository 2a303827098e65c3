package celop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"

	"github.com/rowan-authz/rowan/conditions"
)

// review looks at a type-checked expression for what CEL permits and we do
// not.
type review struct {
	ast    *ast.AST
	keys   *conditions.Vocabulary
	zones  *zones
	faults faults
	// whole names the maps of the request that the expression uses other than
	// by looking up one key, so that every key of them must be readable.
	whole []string
}

func (r *review) run() {
	for _, n := range ast.MatchDescendants(ast.NavigateAST(r.ast), ast.AllMatcher()) {
		r.node(n)
	}
}

func (r *review) fault(n ast.Expr, format string, args ...any) {
	at := r.ast.SourceInfo().GetStartLocation(n.ID())
	r.faults = append(r.faults, fault{max(at.Line(), 1), max(at.Column(), 0) + 1, fmt.Sprintf(format, args...)})
}

func (r *review) node(n ast.NavigableExpr) {
	// A tree of lists that share their parts is small to build and endless to
	// compare, and CEL charges for its first level only.
	if name := variable(n); name != contextKeys && !flat(n.Type()) {
		r.fault(n, "no value may be a %s", n.Type())
	}
	if n.Kind() == ast.StructKind {
		r.fault(n, "messages such as %s are not available", n.AsStruct().TypeName())
	}
	if n.Kind() == ast.ComprehensionKind {
		if v := n.AsComprehension().IterVar(); slices.Contains(reserved, v) {
			r.fault(n, "%s is a variable of its own already", v)
		}
	}
	if name := variable(n); name == contextKeys || name == principalTags {
		r.mapUse(n, name)
	}
	if n.Kind() == ast.CallKind {
		r.zone(n)
		r.action(n)
		r.join(n)
	}
}

// reserved are the first parts of the variables' names.
var reserved = []string{"request", "principal", contextKeys}

// variable returns the name of the variable that n reads, else "".
func variable(n ast.Expr) string {
	if n.Kind() != ast.IdentKind {
		return ""
	}
	return strings.TrimPrefix(n.AsIdent(), ".")
}

var scalars = []*cel.Type{cel.BoolType, cel.IntType, cel.DoubleType, cel.StringType, cel.TimestampType, cel.DurationType}

// flat reports whether t is a scalar, or a list or map of scalars.
func flat(t *cel.Type) bool {
	isScalar := func(t *cel.Type) bool { return slices.ContainsFunc(scalars, t.IsExactType) }
	if k := t.Kind(); k == types.ListKind || k == types.MapKind {
		return !slices.ContainsFunc(t.Parameters(), func(p *cel.Type) bool { return !isScalar(p) })
	}
	return isScalar(t)
}

// mapUse finds out how n, which is one of our maps, is used, and refuses a
// constant key that no request can have.
func (r *review) mapUse(n ast.NavigableExpr, name string) {
	key, ok := lookup(n)
	if !ok {
		if parent, ok := n.Parent(); ok && parent.Kind() == ast.CallKind && slices.Contains(comparing, parent.AsCall().FunctionName()) {
			r.fault(n, "%s cannot be compared whole", name)
		}
		r.whole = append(r.whole, name)
		return
	}
	if text, isText := constant(key); isText && name == contextKeys {
		if _, err := r.keys.Key(text); err != nil {
			r.fault(key, "%v", err)
		}
	} else if key.Kind() == ast.SelectKind && name == contextKeys {
		r.fault(key, "context.%s: want context['prefix:name']", key.AsSelect().FieldName())
	}
}

// lookup returns the key by which the map n is read: the index of m[key], the
// left side of key in m, or the selection m.key itself.
func lookup(n ast.NavigableExpr) (key ast.Expr, ok bool) {
	parent, ok := n.Parent()
	if !ok {
		return nil, false
	}
	if parent.Kind() == ast.SelectKind {
		return parent, true
	}
	if parent.Kind() != ast.CallKind {
		return nil, false
	}
	call := parent.AsCall()
	args := call.Args()
	if call.FunctionName() == operators.Index && args[0].ID() == n.ID() {
		return args[1], true
	}
	if call.FunctionName() == operators.In && args[1].ID() == n.ID() {
		return args[0], true
	}
	return nil, false
}

func constant(n ast.Expr) (text string, ok bool) {
	if n.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := n.AsLiteral().(types.String)
	return string(s), ok
}

// zone wants time zones to be constants that can be loaded now.
func (r *review) zone(n ast.NavigableExpr) {
	call := n.AsCall()
	isField := slices.ContainsFunc(r.ast.GetOverloadIDs(n.ID()), func(id string) bool {
		for _, f := range clockFields {
			if f.overload == id {
				return true
			}
		}
		return false
	})
	if !isField || len(call.Args()) != 1 {
		return
	}
	name, ok := constant(call.Args()[0])
	if !ok {
		r.fault(call.Args()[0], "the time zone must be a constant")
	} else if err := r.zones.load(name); err != nil {
		r.fault(call.Args()[0], "%v", err)
	}
}

// comparing names the calls that hold two texts against each other.
var comparing = []string{
	operators.Equals, operators.NotEquals, operators.In,
	operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	overloads.StartsWith, overloads.EndsWith, overloads.Contains,
}

// action refuses to compare request.action with a constant that has capitals:
// the two could never be equal, and a Deny would never deny.
func (r *review) action(n ast.NavigableExpr) {
	if !slices.Contains(comparing, n.AsCall().FunctionName()) {
		return
	}
	var compared []ast.NavigableExpr // operands, and the elements of those that are lists
	for _, c := range n.Children() {
		compared = append(compared, c)
		if c.Kind() == ast.ListKind {
			compared = append(compared, c.Children()...)
		}
	}
	if !slices.ContainsFunc(compared, func(c ast.NavigableExpr) bool { return variable(c) == requestAction }) {
		return
	}
	for _, c := range compared {
		if text, ok := constant(c); ok && lower(text) != text {
			r.fault(c, "request.action is in lower case: write '%s'", lower(text))
		}
	}
}

// join refuses lists joined by + outside of macros: each doubling is one step,
// and what it makes is walked for the price of one more.
func (r *review) join(n ast.NavigableExpr) {
	call := n.AsCall()
	if call.FunctionName() == operators.Add && n.Type().Kind() == types.ListKind && variable(call.Args()[0]) != parser.HiddenAccumulatorName {
		r.fault(n, "lists cannot be joined")
	}
}

// lower maps ASCII letters to lower case, the folding of action names. Source:
// iam-semantics §1.5.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
