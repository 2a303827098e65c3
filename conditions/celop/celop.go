package celop

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/cel-go/cel"

	"github.com/rowan-authz/rowan/conditions"
)

// Name is what policies write.
const Name = "CelTrue"

// Bounds of an expression and of its cost. A unit of cost is about one step of
// the evaluation, or ten characters read.
const (
	MaxExpression    = 4096 // bytes
	DefaultCostLimit = 10_000
	MaxCostLimit     = 1_000_000
)

var (
	// ErrExpression means a text that is no expression of the language, or one
	// that may cost too much. The policy is refused.
	ErrExpression = errors.New("CEL expression refused")
	// ErrCostLimit means an evaluation that was stopped because of its cost.
	ErrCostLimit = errors.New("cost limit exceeded")
)

// Config says what expressions may name and cost. The zero value is ready to
// use.
type Config struct {
	// Keys is the vocabulary whose context keys expressions may name; nil
	// means conditions.AWS(). A program that adds keys under a prefix that the
	// registry owns passes the vocabulary that has them, without the operator.
	Keys *conditions.Vocabulary
	// CostLimit bounds the cost of one evaluation: as estimated when a policy
	// is compiled and as it runs. 0 means DefaultCostLimit; more than
	// MaxCostLimit is an error.
	CostLimit uint64
}

// New returns the operator CelTrue, for conditions.Vocabulary.With. It is safe
// for concurrent use and may serve several vocabularies. Its Compile wraps
// ErrExpression, with every fault and its line and column in the expression.
func New(cfg Config) (conditions.Operator, error) {
	if cfg.Keys == nil {
		cfg.Keys = conditions.AWS()
	}
	if cfg.CostLimit == 0 {
		cfg.CostLimit = DefaultCostLimit
	}
	if cfg.CostLimit > MaxCostLimit {
		return conditions.Operator{}, fmt.Errorf("cost limit %d: want at most %d", cfg.CostLimit, MaxCostLimit)
	}
	c := &compiler{Config: cfg}
	var err error
	if c.env, err = newEnv(&c.zones); err != nil {
		return conditions.Operator{}, fmt.Errorf("CEL environment: %w", err)
	}
	return conditions.Operator{Name: Name, Compile: func(text string) (conditions.Predicate, error) {
		p, err := c.compile(text)
		if err != nil {
			return nil, err
		}
		return p, nil
	}}, nil
}

// compiler turns expressions into predicates.
type compiler struct {
	Config
	env   *cel.Env
	zones zones
}

// compile refuses whatever could not be evaluated, in the order in which that
// can be told: text, syntax and types, our own limits, cost.
func (c *compiler) compile(text string) (p *predicate, err error) {
	defer func() {
		// No text is known to do this. The parser is large and not ours.
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: the parser panicked: %s", ErrExpression, clean(fmt.Sprint(r)))
		}
	}()
	if len(text) > MaxExpression {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrExpression, len(text), MaxExpression)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrExpression)
	}
	if found := variables(text); len(found) > 0 {
		return nil, found.err()
	}
	ast, issues := c.env.Compile(text)
	if issues.Err() != nil {
		return nil, issueFaults(issues).err()
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, faults{{1, 1, fmt.Sprintf("the expression is of type %s, want bool", t)}}.err()
	}
	r := review{ast: ast.NativeRep(), keys: c.Keys, zones: &c.zones}
	r.run()
	if len(r.faults) > 0 {
		return nil, r.faults.err()
	}
	cost, err := c.env.EstimateCost(ast, pricing{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExpression, err)
	}
	if cost.Max > c.CostLimit {
		return nil, fmt.Errorf("%w: may cost %d, the limit is %d", ErrExpression, cost.Max, c.CostLimit)
	}
	program, err := c.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(pricing{}), cel.CostLimit(c.CostLimit))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExpression, err)
	}
	return &predicate{program: program, source: ast.NativeRep().SourceInfo(), limit: c.CostLimit, whole: r.whole}, nil
}
