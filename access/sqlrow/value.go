package sqlrow

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-authz/rowan/conditions"
)

// Value is what a row has for the column's key where the database holds v: what
// to ask engine.Filter.Keep, for rows that Pushdown let through and for rows
// that are to be written. v is nil for NULL, a []byte that is nil is an empty one;
// or it is of a type that a driver gives:
// string, []byte, bool, an integer, time.Time, or a list of texts; a TextArray
// may also be the JSON text of one, as array_to_json gives it. Anything else, and
// whatever is not of the column's type, is unreadable, a nil list absent.
//
// SQLite holds what it is given: there, Text is a string, Bytes are a []byte and
// a number is no text. A time.Time for a Timestamp is read as the database has
// it, in UTC whatever its location says; fractions of microseconds are
// unreadable.
func (c *Column) Value(d Dialect, v any) conditions.Value {
	if v == nil {
		return conditions.Value{}
	}
	if c.Type == TextArray {
		return listValue(v)
	}
	if d == SQLite && !c.sqliteHolds(v) {
		return conditions.Unreadable()
	}
	if s, ok := c.textOf(v); ok {
		return conditions.Text(s)
	}
	return conditions.Unreadable()
}

// sqliteHolds reports whether a value is of the storage class of the column's
// type.
func (c *Column) sqliteHolds(v any) bool {
	_, text := v.(string)
	_, blob := v.([]byte)
	switch c.Type {
	case Text:
		return text
	case Bytes:
		return blob
	case Integer, Bool:
		return !text && !blob
	case Decimal, Timestamp, TimestampTZ, UUID, TextArray:
	}
	return false
}

// textOf is the text of a value of the column's type.
func (c *Column) textOf(v any) (s string, ok bool) {
	switch c.Type {
	case Text, Bytes:
		return rawText(v)
	case Integer:
		n, ok := wholeNumber(v)
		return strconv.FormatInt(n, 10), ok
	case Decimal:
		if n, ok := wholeNumber(v); ok {
			return strconv.FormatInt(n, 10), true
		}
		s, ok := rawText(v)
		if !ok {
			return "", false
		}
		return readDecimal(s)
	case Bool:
		if b, ok := v.(bool); ok {
			return strconv.FormatBool(b), true
		}
		n, ok := wholeNumber(v)
		return strconv.FormatBool(n == 1), ok && (n == 0 || n == 1)
	case Timestamp, TimestampTZ:
		t, ok := v.(time.Time)
		if !ok {
			return "", false
		}
		if c.Type == Timestamp {
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		}
		t = t.UTC()
		readable := t.After(firstInstant) && t.Before(afterInstant) && t.Nanosecond()%1000 == 0
		return t.Format(time.RFC3339Nano), readable
	case UUID:
		s, ok := rawText(v)
		if b, is := v.([16]byte); is {
			s, ok = spellUUID(b), true
		}
		return s, ok && isUUID(s)
	case TextArray:
	}
	return "", false
}

// rawText is a value that is text or bytes.
func rawText(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// wholeNumber is a value that is an integer of 64 bits, or its text.
func wholeNumber(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int16:
		return int64(v), true
	case int8:
		return int64(v), true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case uint32:
		return int64(v), true
	case []byte, string: // as MySQL sends what it does not prepare
		s, _ := rawText(v)
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil && strconv.FormatInt(n, 10) == s
	}
	return 0, false
}

// listValue is a list of texts, none of which may be missing.
func listValue(v any) conditions.Value {
	var texts []string
	switch v := v.(type) {
	case []string:
		if v == nil {
			return conditions.Value{}
		}
		texts = v
	case []any:
		if v == nil {
			return conditions.Value{}
		}
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return conditions.Unreadable()
			}
			texts = append(texts, s)
		}
	case string, []byte:
		s, _ := rawText(v)
		var read []any
		// What is no UTF-8, or half a code point, would be read as another text.
		if !utf8.ValidString(s) || json.Unmarshal([]byte(s), &read) != nil || read == nil || replaced(read, s) {
			return conditions.Unreadable()
		}
		return listValue(read)
	default:
		return conditions.Unreadable()
	}
	return conditions.List(texts)
}

// replaced reports whether one of the texts read from JSON has a replacement
// character that the JSON does not have.
func replaced(read []any, from string) bool {
	return !strings.ContainsRune(from, utf8.RuneError) && slices.ContainsFunc(read, func(x any) bool {
		s, ok := x.(string)
		return ok && strings.ContainsRune(s, utf8.RuneError)
	})
}

func spellUUID(b [16]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}
