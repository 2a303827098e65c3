package sqlrow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTable means a table description that cannot be used.
var ErrTable = errors.New("unusable table description")

// Table says where a table keeps the context keys of its rows. It must not be
// changed while it is in use and may then be shared.
type Table struct {
	// Schema and Name are the table's in SQL, without quotes. An empty Schema
	// leaves it to the connection.
	Schema, Name string
	// Alias, if there is one, is what the statement calls the table; it
	// qualifies every column.
	Alias string
	// Columns say which column holds which key. Two keys may share a column.
	Columns []Column
	// Access is for a guard; Where and Pushdown do not look at it.
	Access Access
}

// Column is a column that holds a context key of the row.
type Column struct {
	// Key is the context key, such as "dynamodb:LeadingKeys".
	Key string
	// Name is the column's in SQL, without quotes.
	Name string
	// Type is what the column holds.
	Type Type
}

// Type is what a column holds, and so what a row has for its key. NULL is an
// absent key in each of them. A value of another type, which only SQLite has,
// is unreadable. The zero value is Text.
type Type uint8

// The types of columns.
const (
	// Text holds text: text, varchar, char (without its padding), enum, citext.
	Text Type = iota
	// Integer holds whole numbers of 64 bits; the key's text is the number in
	// decimal.
	Integer
	// Decimal holds numeric, exactly; the key's text is the number without
	// zeros that say nothing. More than 30 digits before or after the point
	// are unreadable. Not for SQLite, whose numbers are binary.
	Decimal
	// Bool holds boolean; MySQL and SQLite have 0 and 1 for it, and any other
	// number is unreadable. The key's text is true or false.
	Bool
	// Bytes holds bytea, blob or varbinary, for a key of binary kind.
	Bytes
	// Timestamp holds a date and time without a zone, which are in UTC.
	// MySQL: DATETIME, not TIMESTAMP. Years before 1 and after 9999 are
	// unreadable, and so is the first instant of the year 1. Not for SQLite.
	Timestamp
	// TimestampTZ is PostgreSQL's timestamptz.
	TimestampTZ
	// UUID is PostgreSQL's uuid; the key's text is in lower case.
	UUID
	// TextArray is PostgreSQL's text[]: several values. An empty array has
	// none; NULL among the values, or more than one dimension, is unreadable.
	// MySQL and SQLite have a JSON array of strings, which only Pushdown and
	// Column.Value take.
	TextArray
)

var typeNames = [...]string{"text", "integer", "decimal", "bool", "bytes", "timestamp", "timestamptz", "uuid", "text[]"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// ParseType returns the type of that name, as String writes it.
func ParseType(name string) (t Type, ok bool) {
	i := slices.Index(typeNames[:], name)
	return Type(max(i, 0)), i >= 0
}

// column returns the column of a key; keys compare without regard to the case
// of ASCII letters only where the vocabulary's own spelling differs, so the
// name is the one that the filter has.
func (t *Table) column(key string) (*Column, bool) {
	for i := range t.Columns {
		if t.Columns[i].Key == key {
			return &t.Columns[i], true
		}
	}
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Key, key) {
			return &t.Columns[i], true
		}
	}
	return nil, false
}

// check refuses a description that says too little or too much.
func (t *Table) check() error {
	if err := checkName(t.Name); err != nil {
		return err
	}
	for _, name := range []string{t.Schema, t.Alias} {
		if name != "" {
			if err := checkName(name); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Key == "" || int(c.Type) >= len(typeNames) {
			return fmt.Errorf("%w: %s: column %q: no key or no type", ErrTable, t.Name, c.Name)
		}
		if err := checkName(c.Name); err != nil {
			return fmt.Errorf("%s: %s: %w", t.Name, c.Key, err)
		}
		for _, d := range t.Columns[:i] {
			if strings.EqualFold(d.Key, c.Key) {
				return fmt.Errorf("%w: %s: %s is in the columns %s and %s", ErrTable, t.Name, c.Key, d.Name, c.Name)
			}
		}
	}
	return nil
}

// qualified writes the table's name.
func (t *Table) qualified(d Dialect) string {
	if t.Schema == "" {
		return d.quote(t.Name)
	}
	return d.quote(t.Schema) + "." + d.quote(t.Name)
}
