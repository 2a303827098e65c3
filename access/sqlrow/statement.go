package sqlrow

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is a list of rows, or a count of them.
type Query struct {
	Table string
	// Columns are what is selected, in order; a count needs none.
	Columns []string
	// Where are the caller's own conditions, all of which must hold.
	Where []Condition
	Order []Order
	// Limit and Offset cut a page out of the rows that the caller may see. No
	// limit is 0.
	Limit, Offset int
}

// Condition is a caller's own condition on a column, in the database's own
// semantics. See Equal and its like.
type Condition struct {
	column, operator string
	values           []any
}

// Equal is column = value; NULL equals nothing, see IsNull.
func Equal(column string, value any) Condition { return Condition{column, " = ", []any{value}} }

// NotEqual is column <> value.
func NotEqual(column string, value any) Condition { return Condition{column, " <> ", []any{value}} }

// Less is column < value.
func Less(column string, value any) Condition { return Condition{column, " < ", []any{value}} }

// LessOrEqual is column <= value.
func LessOrEqual(column string, value any) Condition { return Condition{column, " <= ", []any{value}} }

// Greater is column > value.
func Greater(column string, value any) Condition { return Condition{column, " > ", []any{value}} }

// GreaterOrEqual is column >= value.
func GreaterOrEqual(column string, value any) Condition {
	return Condition{column, " >= ", []any{value}}
}

// In is whether the column has one of some values; of none it never has one.
func In(column string, values ...any) Condition { return Condition{column, " IN ", values} }

// IsNull is whether the column has no value.
func IsNull(column string) Condition { return Condition{column, " IS NULL", nil} }

// IsNotNull is whether the column has a value.
func IsNotNull(column string) Condition { return Condition{column, " IS NOT NULL", nil} }

// Order is a column by which rows are sorted.
type Order struct {
	Column     string
	Descending bool
}

// Statement is SQL with its arguments.
type Statement struct {
	SQL  string
	Args []any
	// Visibility is what the policies show of the rows that it reads.
	Visibility Visibility
}

// builder writes a statement.
type builder struct {
	dialect Dialect
	sql     strings.Builder
	args    []any
	err     error
}

// write adds SQL.
func (b *builder) write(parts ...string) {
	for _, p := range parts {
		b.sql.WriteString(p)
	}
}

// name adds a column.
func (b *builder) name(column string) {
	if err := checkName(column); err != nil {
		b.fail(err)
		return
	}
	b.write(b.dialect.quote(column))
}

func (b *builder) names(columns []string) {
	for i, c := range columns {
		if i > 0 {
			b.write(", ")
		}
		b.name(c)
	}
}

// value adds an argument.
func (b *builder) value(v any) {
	b.args = append(b.args, v)
	switch b.dialect {
	case PostgreSQL:
		b.write("$", strconv.Itoa(len(b.args)))
	case SQLite:
		b.write("?", strconv.Itoa(len(b.args)))
	case MySQL:
		b.write("?")
	}
}

// clause adds a predicate.
func (b *builder) clause(c *Clause) {
	b.write(c.After(len(b.args)))
	b.args = append(b.args, c.Args...)
}

// conditions adds conditions, each after AND.
func (b *builder) conditions(where []Condition) {
	for _, c := range where {
		b.write(" AND ")
		if c.operator == " IN " && len(c.values) == 0 {
			b.write(never)
			continue
		}
		b.name(c.column)
		b.write(c.operator)
		if c.operator != " IN " {
			for _, v := range c.values {
				b.value(v)
			}
			continue
		}
		b.write("(")
		for i, v := range c.values {
			if i > 0 {
				b.write(", ")
			}
			b.value(v)
		}
		b.write(")")
	}
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *builder) statement(v Visibility) (Statement, error) {
	if b.err == nil && len(b.args) > b.dialect.maxArguments()*2 {
		b.err = fmt.Errorf("%w: %d arguments are too many for a statement", ErrTable, len(b.args))
	}
	return Statement{SQL: b.sql.String(), Args: b.args, Visibility: v}, b.err
}

// named are the columns that conditions and an order name.
func named(where []Condition, order []Order) []string {
	out := make([]string, 0, len(where)+len(order))
	for _, c := range where {
		out = append(out, c.column)
	}
	for _, o := range order {
		out = append(out, o.Column)
	}
	return out
}

// Select writes a query of rows that the caller in ctx may see. Where the
// policies show it none, the statement still is good SQL, and finds none.
//
// It wraps ErrNoCaller, ErrTable and an *UnsupportedError, and returns a
// *DeniedError for a table that nobody may read.
func (ts *Tables) Select(ctx context.Context, q Query) (Statement, error) {
	if len(q.Columns) == 0 {
		return Statement{}, fmt.Errorf("%w: a query of %q selects no column", ErrTable, q.Table)
	}
	return ts.read(ctx, &q, "SPECIFIC_ATTRIBUTES", func(b *builder) { b.names(q.Columns) })
}

// Count writes a query of how many rows the caller in ctx may see; the query's
// columns, order and page do not matter. It fails as Select does.
func (ts *Tables) Count(ctx context.Context, q Query) (Statement, error) {
	counted := Query{Table: q.Table, Where: q.Where}
	return ts.read(ctx, &counted, "COUNT", func(b *builder) { b.write("COUNT(*)") })
}

func (ts *Tables) read(ctx context.Context, q *Query, selects string, what func(*builder)) (Statement, error) {
	t, err := ts.table(q.Table)
	if err != nil {
		return Statement{}, err
	}
	asked, err := ts.question(ctx, t, ask{Read, slices.Concat(q.Columns, named(q.Where, q.Order)), selects})
	if err != nil {
		return Statement{}, err
	}
	clause, err := asked.where(ts.config.Dialect)
	if err != nil {
		return Statement{}, err
	}
	b := &builder{dialect: ts.config.Dialect}
	b.write("SELECT ")
	what(b)
	b.write(" FROM ", t.qualified(b.dialect), " WHERE ")
	b.clause(&clause)
	b.conditions(q.Where)
	b.page(q)
	return b.statement(visibility(&asked.filter))
}

// page adds the order, and which part of the rows is wanted.
func (b *builder) page(q *Query) {
	for i, o := range q.Order {
		b.write(map[bool]string{true: " ORDER BY ", false: ", "}[i == 0])
		b.name(o.Column)
		if o.Descending {
			b.write(" DESC")
		}
	}
	switch {
	case q.Limit < 0 || q.Offset < 0:
		b.fail(fmt.Errorf("%w: a page of %d rows after %d", ErrTable, q.Limit, q.Offset))
	case q.Limit > 0:
		b.write(" LIMIT ", strconv.Itoa(q.Limit))
	case q.Offset > 0 && b.dialect != PostgreSQL: // an offset needs a limit there
		b.write(" LIMIT 9223372036854775807")
	}
	if q.Offset > 0 {
		b.write(" OFFSET ", strconv.Itoa(q.Offset))
	}
}

// Clause writes the predicate of the rows on which the caller in ctx may do an
// operation, for a statement of the caller's own making: that it stands there,
// and guards every row of the table that the statement reads or writes, is then
// the caller's to see to. columns are those that the statement names. For an
// Update it is which rows may be changed, and in their new form stay; for an
// Insert what a new row has to meet. It fails as Select does.
func (ts *Tables) Clause(ctx context.Context, table string, o Operation, columns ...string) (Clause, Visibility, error) {
	t, err := ts.table(table)
	if err != nil {
		return Clause{}, Denied, err
	}
	asked, err := ts.question(ctx, t, ask{o, columns, "SPECIFIC_ATTRIBUTES"})
	if err != nil {
		return Clause{}, Denied, err
	}
	clause, err := asked.where(ts.config.Dialect)
	if err != nil {
		return Clause{}, Denied, err
	}
	return clause, visibility(&asked.filter), nil
}

// convert makes of a value what a driver gets, NULL as nil.
func convert(v any) (any, error) {
	if list, ok := v.([]string); ok {
		return list, nil
	}
	if id, ok := v.([16]byte); ok {
		return spellUUID(id), nil
	}
	out, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil, err
	}
	switch out := out.(type) {
	case []byte:
		if out == nil {
			return nil, nil
		}
	case time.Time:
		return out.UTC(), nil // what a column without a zone holds
	}
	return out, nil
}
