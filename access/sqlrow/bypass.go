package sqlrow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// Audit hears of everything that is done past the policies, before it is done.
type Audit interface {
	// Bypassed records it. If it fails, nothing is done.
	Bypassed(ctx context.Context, b Bypass) error
}

// Bypass is something done past the policies.
type Bypass struct {
	At time.Time
	// Reason is why, in the words of whoever did it.
	Reason string
	// Caller is on whose behalf it was done; nil if the context had none.
	Caller *engine.Caller
	// Table is the only table that is read, empty if it may be any.
	Table string
}

// ErrBypass means that the policies may not be passed: there is no reason given,
// or nobody to hear it.
var ErrBypass = errors.New("no bypass of the policies")

// Bypass records that something is to be done past the policies. It wraps
// ErrBypass.
func (ts *Tables) Bypass(ctx context.Context, reason, table string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return fmt.Errorf("%w: no reason", ErrBypass)
	case ts.config.Audit == nil:
		return fmt.Errorf("%w: no audit", ErrBypass)
	}
	b := Bypass{At: ts.config.Now(), Reason: reason, Table: table}
	b.Caller, _ = engine.CallerFrom(ctx)
	if err := ts.config.Audit.Bypassed(ctx, b); err != nil {
		return fmt.Errorf("%w: %w", ErrBypass, err)
	}
	return nil
}

// Sight is whether a caller sees a row, and why.
type Sight struct {
	engine.Explanation
	// Request is what was asked, the keys of the row in it.
	Request *engine.Request
	// Filter is the text of what shows rows to the caller.
	Filter string
	// Keys are the context keys of the row, and Values what it has for them.
	Keys   []string
	Values []conditions.Value
}

// WhyHidden explains to an administrator whether a caller sees one row, which
// where names. It reads the row past the policies, and so is a Bypass with its
// reason; the context's own caller, if any, is whoever asks. It wraps ErrBypass,
// ErrTable, and ErrNoRow if there is no such row, and fails for several.
func (ts *Tables) WhyHidden(ctx context.Context, c Conn, reason string, of *engine.Caller, table string, where ...Condition) (Sight, error) {
	t, err := ts.table(table)
	if err != nil {
		return Sight{}, err
	}
	if of == nil || of.Evaluator == nil {
		return Sight{}, ErrNoCaller
	}
	if err := ts.Bypass(ctx, reason, table); err != nil {
		return Sight{}, err
	}
	asked, err := ts.questionOf(ctx, of, t, ask{Read, named(where, nil), "SPECIFIC_ATTRIBUTES"})
	if err != nil {
		return Sight{}, err
	}
	row, err := ts.readKeys(ctx, c, t, where)
	if err != nil {
		return Sight{}, err
	}
	u := asked.filter.Unknown()
	s := Sight{Filter: asked.filter.String(), Keys: u.Names(), Values: row}
	if err := u.Fill(asked.request.Context, row); err != nil {
		return Sight{}, err
	}
	s.Request, s.Explanation = asked.request, asked.evaluator.Explain(asked.request)
	return s, nil
}

// readKeys reads what one row has for each key.
func (ts *Tables) readKeys(ctx context.Context, c Conn, t *Table, where []Condition) ([]conditions.Value, error) {
	var rows [][]conditions.Value
	_, err := ts.eachKeys(ctx, c, t, where, 2, func(row []conditions.Value) error {
		rows = append(rows, row)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, ErrNoRow
	case len(rows) > 1:
		return nil, fmt.Errorf("%w: several rows of %s", ErrTable, t.Name)
	}
	return rows[0], nil
}

// EachRow hands what the rows of a table have for each key of its columns to f,
// in no order, whoever may see them: it is a Bypass with its reason. It stops
// after most rows; more says that there are others. It wraps ErrBypass and
// ErrTable, and returns the error of f.
func (ts *Tables) EachRow(ctx context.Context, c Conn, reason, table string, most int, f func(row []conditions.Value) error) (more bool, err error) {
	t, err := ts.table(table)
	if err != nil {
		return false, err
	}
	if err := ts.Bypass(ctx, reason, table); err != nil {
		return false, err
	}
	return ts.eachKeys(ctx, c, t, nil, most, f)
}

// eachKeys reads what at most so many rows have for each key.
func (ts *Tables) eachKeys(ctx context.Context, c Conn, t *Table, where []Condition, most int, f func([]conditions.Value) error) (more bool, err error) {
	b := &builder{dialect: ts.config.Dialect}
	b.write("SELECT 1")
	for i := range t.Columns {
		b.write(", ", t.Columns[i].Read(b.dialect))
	}
	b.write(" FROM ", t.qualified(b.dialect), " WHERE ", always)
	b.conditions(where)
	b.write(" LIMIT ", strconv.Itoa(max(most, 0)+1))
	s, err := b.statement(Unfiltered)
	if err != nil {
		return false, err
	}
	read := 0
	err = c.Query(ctx, s, func(scan func(into ...any) error) error {
		if read++; read > most {
			more = true
			return nil
		}
		raw := make([]any, len(t.Columns)+1)
		into := make([]any, len(raw))
		for i := range raw {
			into[i] = &raw[i]
		}
		if err := scan(into...); err != nil {
			return err
		}
		row := make([]conditions.Value, len(t.Columns))
		for i := range t.Columns {
			row[i] = t.Columns[i].Value(ts.config.Dialect, raw[i+1])
		}
		return f(row)
	})
	return more, err
}

// Read is the column as an SQL expression that gives what Value takes, whatever
// the driver.
func (c *Column) Read(d Dialect) string {
	name := d.quote(c.Name)
	switch {
	case d == SQLite:
		return "+" + name // or a driver would make of it what the column declares
	case d == MySQL && c.Type == Text:
		return "CONVERT(" + name + " USING utf8mb4)"
	case d == PostgreSQL && slices.Contains([]Type{Text, Decimal, UUID}, c.Type):
		return name + "::text"
	case d == PostgreSQL && c.Type == TextArray:
		return "array_to_json(" + name + ")::text"
	case d == PostgreSQL && (c.Type == Timestamp || c.Type == TimestampTZ): // drivers have no infinite time
		return "CASE WHEN isfinite(" + name + ") IS FALSE THEN '10000-01-01' ELSE " + name + " END"
	}
	return name
}
