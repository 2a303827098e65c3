package archive

import "fmt"

// RefusedError is why a bundle was not taken.
type RefusedError struct {
	// Kind is one word for metrics: unreadable, invalid, unsigned, expired or
	// rollback.
	Kind string
	Err  error
}

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// Reason returns Kind.
func (e *RefusedError) Reason() string { return e.Kind }

func refuse(kind, format string, args ...any) error {
	return &RefusedError{kind, fmt.Errorf(format, args...)}
}
