package dynamoitem

import (
	"errors"
	"strconv"
)

// Errors that callers branch on. All that Parse, Checks and Split return is an
// *Error; what wraps none of these is a request that DynamoDB refuses as not
// valid, or one that this package does not understand.
var (
	// ErrUnknownOperation means an operation that has no checks here.
	ErrUnknownOperation = errors.New("unknown operation")
	// ErrUnknownTable means a table whose key schema the caller does not know.
	ErrUnknownTable = errors.New("unknown table")
	// ErrUnknownIndex means an index that the table's schema does not have.
	ErrUnknownIndex = errors.New("unknown index")
	// ErrKeys means a request that does not fit the key schema of its table: a
	// key attribute is missing, too many, or of another type. If the schema may
	// be out of date, it is time to learn it again.
	ErrKeys = errors.New("does not fit the key schema")
)

// Error says what of a request is wrong, and where. Its text holds names and
// parts of expressions that the request brought, and no values of attributes.
type Error struct {
	// Member is the place in the body, such as
	// "TransactItems[2].Put.ConditionExpression"; empty for the body as a whole.
	Member string
	// At is the byte of the member's text, from 1, if the member is an
	// expression or a statement; else 0.
	At  int
	Err error
}

func (e *Error) Error() string {
	s := e.Member
	if e.At > 0 {
		s += ":" + strconv.Itoa(e.At)
	}
	if s == "" {
		return e.Err.Error()
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }
