package sqlrow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Clause is a predicate over the columns of a table, to stand behind WHERE or
// within parentheses anywhere else. It is true or false for every row and never
// NULL, so that NOT of it is exact too. The zero value is not usable SQL.
type Clause struct {
	// SQL is the predicate, whose placeholders count from the first argument.
	SQL string
	// Args are the arguments in the order of the placeholders.
	Args []any
	// Rest says that the clause lets more rows through than the filter keeps:
	// the caller must ask engine.Filter.Keep for each, and a LIMIT or a COUNT
	// beside the clause is wrong. Only Pushdown sets it.
	Rest bool

	dialect Dialect
	marked  string
	all     []argument
}

// After returns the predicate for a statement that has n arguments before those
// of the clause.
func (c *Clause) After(n int) string {
	sql, _ := render(c.dialect, c.marked, c.all, n)
	return sql
}

// UnsupportedError means a condition that a database cannot express exactly, or a
// key of the row that the table has no column for.
type UnsupportedError struct {
	Dialect Dialect
	// Key is the context key and Column the column, empty if there is none.
	Key, Column string
	// Condition is what the row would have to meet, for people.
	Condition string
	// Reason says what is in the way.
	Reason string
}

func (e *UnsupportedError) Error() string {
	column := ""
	if e.Column != "" {
		column = fmt.Sprintf(" in column %q", e.Column)
	}
	return fmt.Sprintf("%s cannot say exactly%s: %.300s: %s", e.Dialect, column, e.Condition, e.Reason)
}

// reasonError is why a test cannot be written; the emitter makes an UnsupportedError
// of it.
type reasonError string

func (e reasonError) Error() string { return string(e) }

// Where writes a filter as a predicate over a table's columns, exactly. The
// zero filter, and one that keeps nothing, is a predicate that is false.
//
// It wraps ErrTable for a description that cannot be used, and returns an
// *UnsupportedError for a condition that the dialect cannot express.
func Where(f *engine.Filter, t *Table, d Dialect) (Clause, error) { return write(f, t, d, false) }

// Pushdown is Where for a caller that asks Keep for each row that it reads: what
// the dialect cannot express is left out, if that lets more rows through and
// never fewer, and Clause.Rest says so. See Column.Value for what to ask Keep.
func Pushdown(f *engine.Filter, t *Table, d Dialect) (Clause, error) { return write(f, t, d, true) }

func write(f *engine.Filter, t *Table, d Dialect, weak bool) (Clause, error) {
	if !d.known() {
		return Clause{}, fmt.Errorf("%w: %s is no dialect", ErrTable, d)
	}
	if err := t.check(); err != nil {
		return Clause{}, err
	}
	e := emitter{dialect: d, table: t, weak: weak, places: map[string]int{}}
	marked, err := e.expr(f.Root())
	if err != nil {
		return Clause{}, err
	}
	return e.clause(marked)
}

// clause makes a Clause of marked SQL.
func (e *emitter) clause(marked string) (Clause, error) {
	c := Clause{Rest: e.rest, dialect: e.dialect, marked: marked, all: e.args}
	c.SQL, c.Args = render(e.dialect, marked, e.args, 0)
	if n := len(c.Args); n > e.dialect.maxArguments() {
		return Clause{}, &UnsupportedError{
			Dialect: e.dialect, Condition: "the filter",
			Reason: fmt.Sprintf("it needs %d arguments, more than %d", n, e.dialect.maxArguments()),
		}
	}
	return c, nil
}

// emitter writes SQL in which an argument is a mark, the number of the argument
// between two NULs, which no name and no other part of the SQL has.
type emitter struct {
	dialect Dialect
	table   *Table
	// weak says that tests may be left out, rest that some are.
	weak, rest bool
	// fixed are columns whose values are known, by name.
	fixed  map[string]any
	args   []argument
	places map[string]int // by kind and value
	// symbols stand in texts for what only a session knows, see session.go.
	symbols symbols
}

// arg marks an argument. Equal ones are one, where placeholders have numbers.
func (e *emitter) arg(kind argKind, value any) string {
	key := fmt.Sprintf("%d %T %v", kind, value, value)
	n, ok := e.places[key]
	if !ok {
		n = len(e.args)
		e.places[key] = n
		e.args = append(e.args, argument{kind, value})
	}
	return "\x00" + strconv.Itoa(n) + "\x00"
}

// render replaces the marks, counting placeholders from first + 1. Where they
// have numbers, an argument has the same one wherever it stands.
func render(d Dialect, marked string, all []argument, first int) (sql string, args []any) {
	var b strings.Builder
	numbers := make([]int, len(all))
	for i, part := range strings.Split(marked, "\x00") {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n >= len(all) {
			continue // no such mark is written
		}
		if numbers[n] == 0 || d == MySQL {
			args = append(args, all[n].value)
			numbers[n] = len(args)
		}
		b.WriteString(d.placeholder(all[n].kind, first+numbers[n]))
	}
	return b.String(), args
}

// The constants, which every dialect knows in this form.
const (
	always = "1 = 1"
	never  = "1 = 0"
)

func constant(b bool) string {
	if b {
		return always
	}
	return never
}

// all joins predicates by AND, any by OR; constants go.
func allOf(parts ...string) string { return join(" AND ", always, never, parts) }

func anyOf(parts ...string) string { return join(" OR ", never, always, parts) }

// widest is how many parts stand side by side: SQLite reads a chain of them as
// a tree as deep as the chain is long, and has a limit.
const widest = 100

func join(word, neutral, decides string, parts []string) string {
	var kept []string
	for _, p := range parts {
		if p == decides {
			return decides
		}
		if p != neutral {
			kept = append(kept, p)
		}
	}
	switch n := len(kept); {
	case n == 0:
		return neutral
	case n == 1:
		return kept[0]
	case n > widest:
		return "(" + join(word, neutral, decides, kept[:n/2]) + word + join(word, neutral, decides, kept[n/2:]) + ")"
	}
	return "(" + strings.Join(kept, word) + ")"
}

// not negates a predicate that is true or false, not NULL.
func not(p string) string {
	switch p {
	case always:
		return never
	case never:
		return always
	}
	if inner, ok := strings.CutPrefix(p, "(NOT ("); ok { // which only not writes
		return strings.TrimSuffix(inner, "))")
	}
	return "(NOT (" + p + "))"
}

// expr writes an expression.
func (e *emitter) expr(x *engine.Expr) (string, error) {
	switch x.Op {
	case engine.ExprTrue:
		return always, nil
	case engine.ExprTest:
		return e.test(x.Test)
	case engine.ExprAnd, engine.ExprOr:
		parts := make([]string, len(x.Args))
		for i := range x.Args {
			var err error
			if parts[i], err = e.expr(&x.Args[i]); err != nil {
				return "", err
			}
		}
		if x.Op == engine.ExprAnd {
			return allOf(parts...), nil
		}
		return anyOf(parts...), nil
	case engine.ExprFalse:
	}
	return never, nil
}

// test writes the test of one key, or with weak, if it cannot, what is true for
// every row: there is no NOT above it, so that nothing is lost.
func (e *emitter) test(r *conditions.Residual) (string, error) {
	c, ok := e.table.column(r.Key.Name)
	if !ok {
		// Not to be left out: Keep could not be asked either.
		return "", &UnsupportedError{Dialect: e.dialect, Key: r.Key.Name, Condition: r.String(), Reason: "no column holds the key"}
	}
	if v, known := e.known(c.Name); known {
		value := c.Value(e.dialect, v)
		return constant(r.Holds(&value)), nil
	}
	sql, err := e.column(c, r)
	if err == nil {
		return sql, nil
	}
	var reason reasonError
	if !errors.As(err, &reason) {
		return "", err
	}
	if e.weak {
		e.rest = true
		return always, nil
	}
	return "", &UnsupportedError{Dialect: e.dialect, Key: r.Key.Name, Column: c.Name, Condition: r.String(), Reason: string(reason)}
}

// known is the value of a column that is fixed.
func (e *emitter) known(column string) (v any, known bool) {
	for name, v := range e.fixed {
		if e.dialect.sameName(name, column) {
			return v, true
		}
	}
	return nil, false
}

// name writes a column.
func (e *emitter) name(c *Column) string {
	if e.table.Alias != "" {
		return e.dialect.quote(e.table.Alias) + "." + e.dialect.quote(c.Name)
	}
	return e.dialect.quote(c.Name)
}

// column writes a residual as a predicate over the column that holds its key:
// the answer for NULL, for a value that is readable, and false for any other.
func (e *emitter) column(c *Column, r *conditions.Residual) (string, error) {
	name := e.name(c)
	present, value, err := e.value(c, r, name)
	if err != nil {
		return "", err
	}
	if r.Null {
		if e.dialect != SQLite && present == name+" IS NOT NULL" {
			present = always // the value is asked beside IS NULL, and then it is not
		}
		return anyOf(name+" IS NULL", allOf(present, value)), nil
	}
	return allOf(present, value), nil
}

// value writes what a value that is there must meet. present is what makes it a
// readable value of the column's type, not NULL among others.
func (e *emitter) value(c *Column, r *conditions.Residual, name string) (present, value string, err error) {
	present = name + " IS NOT NULL"
	if e.symbols.in(r.Test.Texts()) {
		return e.symbolic(c, r, name)
	}
	switch c.Type {
	case Text:
		if e.dialect == SQLite {
			present = "typeof(" + name + ") = 'text'"
		}
		value, err = e.text(text{raw: name, e: e}, r, r.HoldsText(""))
	case Integer:
		return e.integer(r, name)
	case Decimal:
		return e.decimal(r, name)
	case Bool:
		return e.boolean(r, name)
	case Bytes:
		return e.bytes(r, name)
	case Timestamp, TimestampTZ:
		return e.timestamp(c.Type, r, name)
	case UUID:
		value, err = e.uuid(r, name)
	case TextArray:
		value, err = e.array(r, name)
	}
	return present, value, err
}
