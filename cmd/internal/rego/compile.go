package rego

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// Guardrails are the compiled guardrails of a bundle. They may be shared. Nil
// ones deny nothing.
type Guardrails struct {
	query rego.PreparedEvalQuery
	// keys are the context keys that the guardrails name, as they spell them; all
	// says that they may look at any.
	keys  []string
	all   bool
	limit time.Duration
	slots chan struct{}
}

// Limit is how long an evaluation may take: a thousand times what one should.
const Limit = 200 * time.Millisecond

const packagePath = "data.rowan.guardrails"

// inputSchema is what a compiler holds references to input against: what is not
// in it, and what is compared with another type than it has, would never deny.
func inputSchema(modules map[string]*ast.Module) any {
	text := map[string]any{"type": "string"}
	keys := map[string]any{}
	for _, m := range modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if key, ok := contextKey(r); ok && r.HasPrefix(ast.InputRootRef) {
				keys[key] = map[string]any{"type": "array", "items": text}
			}
			return false
		})
	}
	return map[string]any{
		"type": "object", "additionalProperties": false,
		"properties": map[string]any{
			"action": text, "resource": text, "resourceAccount": text, "now": text,
			"principal": map[string]any{
				"type": "object", "additionalProperties": false, "properties": map[string]any{"arn": text, "account": text},
			},
			"context": map[string]any{"type": "object", "additionalProperties": true, "properties": keys},
		},
	}
}

// Compile compiles the guardrails of a bundle; nil if it has none. The error is
// policy.Errors, with what the compiler refuses and where.
func Compile(ctx context.Context, sources []bundle.Rego, v *conditions.Vocabulary) (*Guardrails, error) {
	if len(sources) == 0 {
		return nil, nil
	}
	modules, err := parse(sources)
	if err != nil {
		return nil, err
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, inputSchema(modules))
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithSchemas(schemas).WithDefaultRegoVersion(ast.RegoV1)
	if c.Compile(modules); c.Failed() {
		return nil, faults(c.Errors)
	}
	g := &Guardrails{limit: Limit, slots: make(chan struct{}, 4*runtime.GOMAXPROCS(0))}
	if err := g.check(c, v); err != nil {
		return nil, err
	}
	g.query, err = rego.New(rego.Query(packagePath+".deny"), rego.Compiler(c), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	return g, err
}

// parse reads the files, each of which is of the one package.
func parse(sources []bundle.Rego) (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(sources))
	var all policy.Errors
	for _, s := range sources {
		m, err := ast.ParseModuleWithOpts(s.File, s.Text, ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1})
		switch {
		case err != nil:
			all = append(all, faults(err)...)
		case m == nil:
			all = append(all, &policy.Error{Name: s.File, Err: errors.New("an empty file")})
		case m.Package.Path.String() != packagePath:
			all = append(all, fault(m.Package.Location, "package %s: guardrails are of package rowan.guardrails", strings.TrimPrefix(m.Package.Path.String(), "data.")))
		default:
			modules[s.File] = m
		}
	}
	if len(all) > 0 {
		return nil, all
	}
	return modules, nil
}

// check finds what the guardrails read, and refuses what is never there: a rule
// that reads it would never deny.
func (g *Guardrails) check(c *ast.Compiler, v *conditions.Vocabulary) error {
	var all policy.Errors
	keys := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		ast.WalkRefs(c.Modules[name], func(r ast.Ref) bool {
			switch {
			case r.HasPrefix(ast.DefaultRootRef) && !known(c, r):
				all = append(all, fault(r[0].Location, "%v: there is no such rule, and no data beside the rules", r))
			case r.HasPrefix(ast.InputRootRef):
				if key, ok := contextKey(r); !ok {
					g.all = g.all || readsAll(r)
				} else if _, err := v.Key(key); err != nil {
					all = append(all, fault(r[0].Location, "input.context: %v", err))
				} else {
					keys[key] = true
				}
			}
			return false
		})
	}
	if !slices.ContainsFunc(c.GetRules(ast.MustParseRef(packagePath+".deny")), func(r *ast.Rule) bool { return r.Head.RuleKind() == ast.MultiValue }) {
		all = append(all, &policy.Error{Name: slices.Sorted(maps.Keys(c.Modules))[0], Err: errors.New("nothing is denied: want rules such as deny contains \"why\" if { … }")})
	}
	g.keys = slices.Sorted(maps.Keys(keys))
	if len(all) > 0 {
		return all
	}
	return nil
}

// known reports whether a reference to data is one to a rule.
func known(c *ast.Compiler, r ast.Ref) bool {
	prefix := r.GroundPrefix()
	return len(c.GetRules(prefix)) > 0 && prefix.HasPrefix(ast.MustParseRef(packagePath))
}

// contextKey returns the KEY of input.context[KEY].
func contextKey(r ast.Ref) (key string, ok bool) {
	if len(r) < 3 || !r[1].Equal(ast.StringTerm("context")) {
		return "", false
	}
	k, ok := r[2].Value.(ast.String)
	return string(k), ok
}

// readsAll reports whether a reference to input may read any context key.
func readsAll(r ast.Ref) bool {
	if len(r) == 1 {
		return true
	}
	name, ok := r[1].Value.(ast.String)
	return !ok || name == "context"
}

func fault(at *ast.Location, format string, args ...any) *policy.Error {
	e := &policy.Error{Err: fmt.Errorf(format, args...)}
	if at != nil {
		e.Name, e.Pos = at.File, policy.Position{Line: uint32(max(0, at.Row)), Column: uint32(max(0, at.Col))}
	}
	return e
}

// faults are those of OPA.
func faults(err error) policy.Errors {
	var all ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = ast.Errors{one}
	default:
		return policy.Errors{{Err: err}}
	}
	out := make(policy.Errors, 0, len(all))
	for _, e := range all {
		out = append(out, fault(e.Location, "%s", e.Message))
	}
	return out
}
