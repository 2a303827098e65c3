package sqlrow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Conn is a connection to a database, as Tables need it to write rows. Guard
// makes one of database/sql, access/pgxrow of pgx.
type Conn interface {
	// Exec runs a statement and says how many rows it touched.
	Exec(ctx context.Context, s Statement) (int64, error)
	// Query runs a statement and calls each for every row.
	Query(ctx context.Context, s Statement, each func(scan func(into ...any) error) error) error
	// Atomic runs f in a transaction, or in a savepoint of the one at hand,
	// and undoes what f did if it fails.
	Atomic(ctx context.Context, f func(Conn) error) error
}

// NewRows are rows to be inserted.
type NewRows struct {
	Table string
	// Columns are those of Rows, in order.
	Columns []string
	Rows    [][]any
}

// Change changes rows.
type Change struct {
	Table string
	// Set is the new value of each column.
	Set   map[string]any
	Where []Condition
}

// Removal deletes rows.
type Removal struct {
	Table string
	Where []Condition
}

// ErrNoRow means a write that touched no row: there is none, or none that the
// caller may see. Which of the two is not told.
var ErrNoRow = errors.New("no such row")

// RefusedError means that the database refused a write. Its text does not say
// why: the database's own would tell of rows that the caller may not see, as
// that of a unique index does. Err has it, for the log.
type RefusedError struct {
	Table string
	Err   error
}

func (e *RefusedError) Error() string { return "the database refused to write to " + e.Table }

// Unwrap returns what the database said.
func (e *RefusedError) Unwrap() error { return e.Err }

// Insert inserts rows, if the caller in ctx may insert each of them, and returns
// how many. In PostgreSQL and SQLite they are held to the policies as the
// database has them, after its defaults and triggers. For MySQL, which cannot
// say, every column that holds a key must be given, and sql_mode be strict.
//
// It wraps ErrNoCaller, ErrTable, *UnsupportedError, and returns a *DeniedError
// if one of the rows is not allowed, and a *RefusedError for what the database
// refuses. Then no row is inserted.
func (ts *Tables) Insert(ctx context.Context, c Conn, n NewRows) (int64, error) {
	t, err := ts.table(n.Table)
	if err != nil {
		return 0, err
	}
	asked, err := ts.question(ctx, t, ask{operation: Insert, columns: n.Columns})
	if err != nil {
		return 0, err
	}
	if len(n.Rows) == 0 || len(n.Columns) == 0 {
		return 0, fmt.Errorf("%w: nothing to insert into %s", ErrTable, t.Name)
	}
	if err := ts.distinct(n.Columns); err != nil {
		return 0, err
	}
	if visibility(&asked.filter) == Denied {
		return 0, asked.denied()
	}
	rows := make([][]any, len(n.Rows))
	known := true
	for i, row := range n.Rows {
		if rows[i], err = convertRow(n.Columns, row); err != nil {
			return 0, err
		}
		var kept bool
		if kept, known = asked.keep(ts.config.Dialect, n.Columns, rows[i]); known && !kept {
			return 0, asked.denied()
		}
	}
	if !known && ts.config.Dialect == MySQL {
		return 0, fmt.Errorf("%w: a row for %s lacks a column that holds a key", ErrTable, t.Name)
	}
	b := &builder{dialect: ts.config.Dialect}
	b.write("INSERT INTO ", t.qualified(b.dialect), " (")
	b.names(n.Columns)
	b.write(") VALUES ")
	for i, row := range rows {
		if i > 0 {
			b.write(", ")
		}
		b.write("(")
		for j, v := range row {
			if j > 0 {
				b.write(", ")
			}
			b.value(v)
		}
		b.write(")")
	}
	return ts.write(ctx, c, asked, b)
}

// distinct refuses a column that is written twice.
func (ts *Tables) distinct(columns []string) error {
	for i, c := range columns {
		if slices.ContainsFunc(columns[:i], func(other string) bool { return ts.config.Dialect.sameName(c, other) }) {
			return fmt.Errorf("%w: column %s is there twice", ErrTable, c)
		}
	}
	return nil
}

func convertRow(columns []string, row []any) ([]any, error) {
	if len(row) != len(columns) {
		return nil, fmt.Errorf("%w: %d values for %d columns", ErrTable, len(row), len(columns))
	}
	out := make([]any, len(row))
	for i, v := range row {
		var err error
		if out[i], err = convert(v); err != nil {
			return nil, fmt.Errorf("column %s: %w", columns[i], err)
		}
	}
	return out, nil
}

// write runs a statement that inserts or updates rows, and undoes it if one of
// them, as it is then, does not meet the policies.
func (ts *Tables) write(ctx context.Context, c Conn, asked *question, b *builder) (int64, error) {
	refused := func(err error) error { return &RefusedError{Table: asked.table.Name, Err: err} }
	if ts.config.Dialect == MySQL {
		s, err := b.statement(Filtered)
		if err != nil {
			return 0, err
		}
		n, err := c.Exec(ctx, s)
		if err != nil {
			return 0, refused(err)
		}
		return n, nil
	}
	clause, err := asked.where(ts.config.Dialect)
	if err != nil {
		return 0, err
	}
	b.write(" RETURNING ")
	b.clause(&clause)
	s, err := b.statement(Filtered)
	if err != nil {
		return 0, err
	}
	var n int64
	denied := false
	err = c.Atomic(ctx, func(c Conn) error {
		err := c.Query(ctx, s, func(scan func(into ...any) error) error {
			var kept bool
			if err := scan(&kept); err != nil {
				return err
			}
			n++
			denied = denied || !kept
			return nil
		})
		if err == nil && denied {
			return asked.denied()
		}
		return err
	})
	switch {
	case denied && err != nil:
		return 0, asked.denied()
	case err != nil:
		return 0, refused(err)
	}
	return n, nil
}

// Update changes those rows that the caller in ctx may change, and returns how
// many these were. A row must meet the policies before and after; if one that
// may be changed would not afterwards, nothing is changed.
//
// It returns a *DeniedError if that is so, if no row at all may be changed, and
// if those that the caller sees may not be, but ErrNoRow if it sees none. Else
// it fails as Insert does.
func (ts *Tables) Update(ctx context.Context, c Conn, u Change) (int64, error) {
	t, err := ts.table(u.Table)
	if err != nil {
		return 0, err
	}
	columns := slices.Sorted(maps.Keys(u.Set))
	if len(columns) == 0 {
		return 0, fmt.Errorf("%w: nothing to change in %s", ErrTable, t.Name)
	}
	if err := ts.distinct(columns); err != nil {
		return 0, err
	}
	asked, err := ts.question(ctx, t, ask{operation: Update, columns: slices.Concat(columns, named(u.Where, nil))})
	if err != nil {
		return 0, err
	}
	values := make([]any, len(columns))
	for i, name := range columns {
		if values[i], err = convert(u.Set[name]); err != nil {
			return 0, fmt.Errorf("column %s: %w", name, err)
		}
	}
	after, err := ts.after(asked, columns, values)
	switch {
	case err != nil:
		return 0, err
	case after.SQL == never: // before the database says whether such a row is there already
		return 0, asked.denied()
	}
	return ts.touch(ctx, c, asked, u.Where, func(c Conn, clause *Clause) (int64, error) {
		b := &builder{dialect: ts.config.Dialect}
		b.write("UPDATE ", t.qualified(b.dialect), " SET ")
		for i, name := range columns {
			if i > 0 {
				b.write(", ")
			}
			b.name(name)
			b.write(" = ")
			b.value(values[i])
		}
		b.write(" WHERE ")
		b.clause(clause)
		b.conditions(u.Where)
		if b.dialect == MySQL {
			return ts.updateMySQL(ctx, c, asked, b, u.Where, clause, &after)
		}
		return ts.write(ctx, c, asked, b)
	})
}

// after is the predicate that a row meets before it is changed if it meets the
// policies afterwards.
func (ts *Tables) after(asked *question, columns []string, values []any) (Clause, error) {
	fixed := make(map[string]any, len(columns))
	for i, name := range columns {
		if ts.config.Dialect == MySQL && !isASCII(name) && !slices.ContainsFunc(asked.table.Columns, func(c Column) bool { return c.Name == name }) {
			// Whether it is another spelling of a column with a key is for MySQL to say.
			return Clause{}, fmt.Errorf("%w: the name of column %q", ErrTable, name)
		}
		fixed[name] = values[i]
	}
	e := emitter{dialect: ts.config.Dialect, table: asked.table, places: map[string]int{}, fixed: fixed}
	marked, err := e.expr(asked.filter.Root())
	if err != nil {
		return Clause{}, err
	}
	return e.clause(marked)
}

// updateMySQL runs an update where the database cannot say what became of the
// rows: those that would not meet the policies afterwards are looked for before,
// and left out should there be new ones.
func (ts *Tables) updateMySQL(ctx context.Context, c Conn, asked *question, b *builder, where []Condition, before, after *Clause) (n int64, err error) {
	find := func(not bool) (n int64, err error) {
		q := &builder{dialect: b.dialect}
		q.write("SELECT COUNT(*) FROM ", asked.table.qualified(b.dialect), " WHERE ")
		q.clause(before)
		q.conditions(where)
		if not {
			q.write(" AND NOT (")
			q.clause(after)
			q.write(")")
		}
		q.write(" FOR UPDATE")
		s, err := q.statement(Filtered)
		if err != nil {
			return 0, err
		}
		return count(ctx, c, s)
	}
	if n, err = find(true); err != nil {
		return 0, err
	}
	if n > 0 {
		return 0, asked.denied()
	}
	// The database counts the rows that differ afterwards, not those it found.
	if n, err = find(false); err != nil || n == 0 {
		return 0, err
	}
	b.write(" AND ")
	b.clause(after)
	s, err := b.statement(Filtered)
	if err != nil {
		return 0, err
	}
	if _, err := c.Exec(ctx, s); err != nil {
		return 0, &RefusedError{Table: asked.table.Name, Err: err}
	}
	return n, nil
}

// Delete deletes those rows that the caller in ctx may delete, and returns how
// many these were. It fails as Update does.
func (ts *Tables) Delete(ctx context.Context, c Conn, r Removal) (int64, error) {
	t, err := ts.table(r.Table)
	if err != nil {
		return 0, err
	}
	asked, err := ts.question(ctx, t, ask{operation: Delete, columns: named(r.Where, nil)})
	if err != nil {
		return 0, err
	}
	return ts.touch(ctx, c, asked, r.Where, func(c Conn, clause *Clause) (int64, error) {
		b := &builder{dialect: ts.config.Dialect}
		b.write("DELETE FROM ", t.qualified(b.dialect), " WHERE ")
		b.clause(clause)
		b.conditions(r.Where)
		s, err := b.statement(Filtered)
		if err != nil {
			return 0, err
		}
		n, err := c.Exec(ctx, s)
		if err != nil {
			return 0, &RefusedError{Table: t.Name, Err: err}
		}
		return n, nil
	})
}

// touch runs a write of existing rows, and where it finds none says why, as far
// as the caller may know.
func (ts *Tables) touch(ctx context.Context, c Conn, asked *question, where []Condition, write func(Conn, *Clause) (int64, error)) (int64, error) {
	if visibility(&asked.filter) == Denied {
		return 0, asked.denied()
	}
	clause, err := asked.where(ts.config.Dialect)
	if err != nil {
		return 0, err
	}
	var n int64
	err = c.Atomic(ctx, func(c Conn) error {
		var err error
		if n, err = write(c, &clause); err != nil || n > 0 {
			return err
		}
		return ts.missed(ctx, c, asked, where)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// missed is why a write found no row: the caller sees one, and may not touch it,
// or sees none.
func (ts *Tables) missed(ctx context.Context, c Conn, asked *question, where []Condition) error {
	s, err := ts.Count(ctx, Query{Table: asked.table.Name, Where: where})
	if err != nil {
		if errors.As(err, new(*DeniedError)) {
			return ErrNoRow // nobody may say more
		}
		return err
	}
	seen, err := count(ctx, c, s)
	switch {
	case err != nil:
		return err
	case seen > 0:
		return asked.denied()
	}
	return ErrNoRow
}

// count runs a statement that counts.
func count(ctx context.Context, c Conn, s Statement) (n int64, err error) {
	err = c.Query(ctx, s, func(scan func(into ...any) error) error { return scan(&n) })
	return n, err
}
