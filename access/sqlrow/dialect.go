package sqlrow

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Dialect is a database's SQL. The zero value is none and refused.
type Dialect uint8

// The dialects. MySQL is MariaDB's too.
const (
	_ Dialect = iota
	PostgreSQL
	MySQL
	SQLite
)

func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	case SQLite:
		return "SQLite"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

func (d Dialect) known() bool { return d == PostgreSQL || d == MySQL || d == SQLite }

// quote writes a name as an identifier. SQLite takes a name in double quotes
// that is no column for a string, which would make a misspelt column a
// constant; one in backquotes stays a name.
func (d Dialect) quote(name string) string {
	mark := "`"
	if d == PostgreSQL {
		mark = `"`
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// sameName reports whether two names, quoted as they are here, may be of one
// column. Only PostgreSQL tells them apart by case.
func (d Dialect) sameName(a, b string) bool {
	return a == b || d != PostgreSQL && strings.EqualFold(a, b)
}

// checkName refuses what no identifier can be.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: an empty name", ErrTable)
	case len(name) > 255 || !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: %.100q is no name", ErrTable, name)
	}
	return nil
}

// maxArguments is how many arguments one statement may have. Source: the limits
// of the protocols of PostgreSQL and MySQL, 65535, and SQLite's default, 32766;
// half of each is left to the rest of the statement.
func (d Dialect) maxArguments() int {
	if d == SQLite {
		return 16_000
	}
	return 32_000
}

// storable reports whether a text can be in a column at all. PostgreSQL has no
// NUL; it and MySQL have nothing that is not UTF-8, and refuse to be asked for
// it.
func (d Dialect) storable(s string) bool {
	switch d {
	case PostgreSQL:
		return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
	case MySQL:
		return utf8.ValidString(s)
	case SQLite:
	}
	return true
}

// argKind is what an argument is, where the database must be told.
type argKind uint8

const (
	argText    argKind = iota
	argPattern         // a text for LIKE
	argInteger
	argDecimal
	argBytes
	argTimestamp
	argTimestampTZ
	argUUID
)

// argument is a value that travels beside the statement.
type argument struct {
	kind  argKind
	value any
}

var postgresTypes = [...]string{
	argText: "text", argPattern: "text", argInteger: "bigint", argDecimal: "numeric", argBytes: "bytea",
	argTimestamp: "timestamp", argTimestampTZ: "timestamptz", argUUID: "uuid",
}

// placeholder writes the argument that is number n of the statement, from 1.
func (d Dialect) placeholder(kind argKind, n int) string {
	switch d {
	case PostgreSQL:
		return "$" + strconv.Itoa(n) + "::" + postgresTypes[kind]
	case SQLite:
		return "?" + strconv.Itoa(n)
	case MySQL:
		switch kind {
		case argDecimal:
			return "CAST(? AS DECIMAL(65,30))"
		case argTimestamp:
			return "CAST(? AS DATETIME(6))"
		case argText, argPattern, argInteger, argBytes, argTimestampTZ, argUUID:
		}
	}
	return "?"
}
