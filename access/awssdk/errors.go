package awssdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/rowan-authz/rowan/engine"
)

var (
	// ErrNoCaller means a call whose context says of nobody on whose behalf it
	// is made: see engine.WithCaller.
	ErrNoCaller = errors.New("no caller in the context of the call")
	// ErrUnguarded means a request of a guarded client that was not decided as
	// it was about to be sent: something took the guard out of the stack, or
	// changed the request behind it.
	ErrUnguarded = errors.New("the request is not the one that was decided")
)

// DeniedError means a call that the policies of its caller do not allow. It has
// not left. It is a smithy.APIError with the code that the service itself would
// answer with, AccessDeniedException or AccessDenied.
type DeniedError struct {
	// Action and Resource are those of the check that was denied.
	Action, Resource string
	// Member is the part of the call that the check is about, such as
	// "TransactItems[2].Update"; empty for all of it.
	Member   string
	Decision engine.Decision
	// Reason says why nothing is left of a call that was to be narrowed; nil if
	// narrowing was not asked for.
	Reason error

	evaluator *engine.Evaluator
	request   *engine.Request
}

// Explain says how each statement fared. It costs as much as there are
// statements, and it names other rows' conditions: it is for developers and
// logs. The zero value explains nothing.
func (e *DeniedError) Explain() engine.Explanation {
	if e.evaluator == nil || e.request == nil {
		return engine.Explanation{}
	}
	return e.evaluator.Explain(e.request)
}

func (e *DeniedError) Error() string {
	s := "not authorized to perform " + e.Action + " on " + e.Resource
	if e.Member != "" {
		s += " in " + e.Member
	}
	s += ": " + e.Decision.Outcome.String()
	if e.Decision.Fault != engine.NoFault {
		s += ", " + e.Decision.Fault.String()
	}
	if e.Reason != nil {
		s += fmt.Sprintf("; not narrowed: %v", e.Reason)
	}
	return s
}

// Unwrap returns the Reason.
func (e *DeniedError) Unwrap() error { return e.Reason }

// ErrorCode is the one of the service.
func (e *DeniedError) ErrorCode() string {
	if strings.HasPrefix(e.Action, "s3:") {
		return "AccessDenied"
	}
	return "AccessDeniedException"
}

// ErrorMessage is the text of the error.
func (e *DeniedError) ErrorMessage() string { return e.Error() }

// ErrorFault is the client's.
func (e *DeniedError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

// refusal is an error of a request that has not left and never will, so that
// the SDK does not try it again.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// RetryableError is what retryers of the SDK ask.
func (r *refusal) RetryableError() bool { return false }

func refuse(format string, args ...any) error { return &refusal{fmt.Errorf(format, args...)} }
