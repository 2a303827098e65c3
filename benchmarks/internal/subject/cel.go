package subject

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"

	"github.com/rowan-authz/rowan/benchmarks/internal/workload"
)

// celSubject is one CEL program: the check of one policy, with no set around it.
type celSubject struct {
	program cel.Program
}

func newCEL(w *workload.Workload) (Subject, error) {
	if w.N() != 1 {
		return nil, fmt.Errorf("cel: %d policies, want 1", w.N())
	}
	text, err := celExpression(w.Resources, w.Policies[0])
	if err != nil {
		return nil, err
	}
	env, err := cel.NewEnv(
		cel.Variable("sub", cel.StringType),
		cel.Variable("action", cel.StringType),
		cel.Variable("resource", cel.StringType),
		cel.Variable("leadingKeys", cel.ListType(cel.StringType)),
		cel.Variable("attributes", cel.ListType(cel.StringType)),
	)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &celSubject{program: program}, nil
}

// celExpression spells p. OptOptimize turns `in` a literal list into a lookup.
func celExpression(resources workload.Resources, p workload.Policy) (string, error) {
	actions, err := json.Marshal(p.Actions)
	if err != nil {
		return "", err
	}
	attributes, err := json.Marshal(p.Attributes)
	if err != nil {
		return "", err
	}
	resource := fmt.Sprintf("resource == %q", p.Resources[0])
	if resources != workload.Exact {
		resource = fmt.Sprintf("(resource.startsWith(%q) || resource.contains(%q))",
			workload.ARN(workload.Region, p.Prefix), ":table/"+p.Table+"/index/")
	}
	return fmt.Sprintf("%s && action in %s && leadingKeys.all(k, k == sub) && attributes.all(a, a in %s)",
		resource, actions, attributes), nil
}

func (c *celSubject) Decider(requests []workload.Request, context Context) (Decider, error) {
	prepared := prepare(requests, celActivation)
	return func(i int) (bool, error) {
		if context == Built {
			return c.decide(celActivation(&requests[i]))
		}
		return c.decide(prepared[i])
	}, nil
}

func (c *celSubject) decide(activation interpreter.Activation) (bool, error) {
	value, _, err := c.program.Eval(activation)
	if err != nil {
		return false, err
	}
	allowed, ok := value.Value().(bool)
	if !ok {
		return false, errors.New("cel: the value is no boolean")
	}
	return allowed, nil
}

// celActivation holds values of CEL's own types, which Eval need not convert.
func celActivation(r *workload.Request) interpreter.Activation {
	activation, err := interpreter.NewActivation(map[string]any{
		"sub":         types.String(r.Identity),
		"action":      types.String(r.Action),
		"resource":    types.String(r.Resource),
		"leadingKeys": types.NewStringList(types.DefaultTypeAdapter, r.LeadingKeys),
		"attributes":  types.NewStringList(types.DefaultTypeAdapter, r.Attributes),
	})
	if err != nil { // cannot be: it refuses only what is no map
		return interpreter.EmptyActivation()
	}
	return activation
}
