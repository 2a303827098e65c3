package rego

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// DeniedError says that guardrails deny a request, and why: Reasons are the
// members of deny, sorted.
type DeniedError struct{ Reasons []string }

func (e *DeniedError) Error() string { return strings.Join(e.Reasons, "; ") }

// Check asks the guardrails about a request that the policies allow. Nil means
// that they deny nothing. Any error denies: a *DeniedError is their own answer,
// every other one means that there is none, as when time was over.
func (g *Guardrails) Check(ctx context.Context, r *engine.Request, now time.Time) error {
	if g == nil {
		return nil
	}
	input, err := g.input(r, now)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.limit)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("guardrails: too many are asked at once: %w", ctx.Err())
	}
	// Not every function looks at the clock while it works, so that the answer is
	// not waited for here; whoever works on keeps a slot.
	answered := make(chan error, 1)
	go func() {
		defer func() { <-g.slots }()
		answered <- g.evaluate(ctx, input)
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("guardrails: no answer within %v: %w", g.limit, ctx.Err())
	}
}

// Hook returns what asks the guardrails for bundle.Run, nil without guardrails.
func (g *Guardrails) Hook(ctx context.Context, now time.Time) func(*engine.Request) string {
	if g == nil {
		return nil
	}
	return func(r *engine.Request) string {
		if err := g.Check(ctx, r, now); err != nil {
			return err.Error()
		}
		return ""
	}
}

func (g *Guardrails) evaluate(ctx context.Context, input ast.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("guardrails: the evaluation panicked")
		}
	}()
	set, err := g.query.Eval(ctx, rego.EvalParsedInput(input))
	if err != nil {
		return fmt.Errorf("guardrails: %w", err)
	}
	if len(set) != 1 || len(set[0].Expressions) != 1 {
		return errors.New("guardrails: deny is not defined")
	}
	members, ok := set[0].Expressions[0].Value.([]any)
	if !ok {
		return fmt.Errorf("guardrails: deny is a %T and no set", set[0].Expressions[0].Value)
	}
	if len(members) == 0 {
		return nil
	}
	d := &DeniedError{}
	for _, m := range members {
		reason, ok := m.(string)
		if !ok {
			reason = "a reason that is no string"
		}
		d.Reasons = append(d.Reasons, reason)
	}
	slices.Sort(d.Reasons)
	return d
}

// input makes the input of a request.
func (g *Guardrails) input(r *engine.Request, now time.Time) (ast.Value, error) {
	if r.Context == nil {
		return nil, errors.New("guardrails: a request without context")
	}
	at := now.UTC().Format(time.RFC3339)
	if values, state := r.Context.Value("aws:CurrentTime"); state == conditions.Present && len(values) == 1 {
		at = values[0] // what the policies went by
	}
	keys, err := g.context(r.Context)
	if err != nil {
		return nil, err
	}
	return ast.NewObject(
		member("action", ast.StringTerm(r.Action)), member("resource", ast.StringTerm(r.Resource)),
		member("resourceAccount", ast.StringTerm(r.ResourceAccount)), member("now", ast.StringTerm(at)),
		member("principal", ast.ObjectTerm(
			member("arn", ast.StringTerm(r.Principal.String())), member("account", ast.StringTerm(r.Principal.Account())),
		)),
		member("context", ast.NewTerm(keys)),
	), nil
}

func member(name string, value *ast.Term) [2]*ast.Term {
	return [2]*ast.Term{ast.StringTerm(name), value}
}

// context are the context keys that the guardrails read.
func (g *Guardrails) context(c *conditions.Context) (ast.Object, error) {
	out := ast.NewObject()
	add := func(name string) error {
		values, state := c.Value(name)
		if state == conditions.Absent {
			return nil
		}
		if state != conditions.Present {
			return fmt.Errorf("guardrails: they read %s, which cannot be read in this request", name)
		}
		terms := make([]*ast.Term, len(values))
		for i, v := range values {
			terms[i] = ast.StringTerm(v)
		}
		out.Insert(ast.StringTerm(name), ast.ArrayTerm(terms...))
		return nil
	}
	if g.all {
		if !c.Readable() {
			return nil, errors.New("guardrails: they look at the whole context, of which something cannot be read in this request")
		}
		for name := range c.All() {
			if err := add(name); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range g.keys {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}
