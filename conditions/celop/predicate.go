package celop

import (
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"

	"github.com/rowan-authz/rowan/conditions"
)

// predicate is a compiled expression.
type predicate struct {
	program cel.Program
	source  *ast.SourceInfo
	limit   uint64
	whole   []string // maps that must be readable whole
}

// Test implements conditions.Predicate.
func (p *predicate) Test(c *conditions.Context, action, resource string) (bool, error) {
	if c == nil || c.Vocabulary() == nil {
		return false, errors.New("the request has no context")
	}
	for _, name := range p.whole {
		if err := readable(c, prefixes[name]); err != nil {
			return false, &failure{clean(err.Error()), err}
		}
	}
	value, _, err := p.program.Eval(&view{context: c, action: action, resource: resource})
	if err != nil {
		return false, p.failed(err)
	}
	b, ok := value.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the expression is of type %s, not bool", value.Type())
	}
	return bool(b), nil
}

// failure is an error of an evaluation whose text is fit to print, whatever
// the request held.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

// failed says where in the expression err arose.
func (p *predicate) failed(err error) error {
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		return fmt.Errorf("%w: more than %d", ErrCostLimit, p.limit)
	}
	text := clean(err.Error())
	var at *types.Err
	if errors.As(err, &at) && at.NodeID() != 0 {
		place := p.source.GetStartLocation(at.NodeID())
		text = fmt.Sprintf("%d:%d: %s", place.Line(), place.Column()+1, text)
	}
	return &failure{text, err}
}
