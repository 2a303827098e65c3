package identity

import (
	"fmt"
	"strings"
	"time"
)

// Check returns an error that wraps ErrRecordSize if no Store takes r.
func (r Record) Check() error {
	switch {
	case r.Kind == "" || len(r.Kind) > MaxRecordKind || strings.ContainsRune(r.Kind, 0):
		return fmt.Errorf("%w: kind %.80q", ErrRecordSize, r.Kind)
	case r.Key == "" || len(r.Key) > MaxRecordKey || strings.ContainsRune(r.Key, 0):
		return fmt.Errorf("%w: %s: key of %d bytes", ErrRecordSize, r.Kind, len(r.Key))
	case len(r.Group) > MaxRecordGroup:
		return fmt.Errorf("%w: %s: group of %d bytes", ErrRecordSize, r.Kind, len(r.Group))
	case len(r.Value) > MaxRecord:
		return fmt.Errorf("%w: %s: value of %d bytes", ErrRecordSize, r.Kind, len(r.Value))
	case !r.Expires.IsZero() && (r.Expires.Before(minExpiry) || r.Expires.After(maxExpiry)):
		return fmt.Errorf("%w: %s: expires in the year %d", ErrRecordSize, r.Kind, r.Expires.Year())
	}
	return nil
}

// Microseconds of these fit an int64, and every engine has them.
var (
	minExpiry = time.Unix(0, 0)
	maxExpiry = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)
