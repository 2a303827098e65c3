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

// Access is what a guard asks about a table.
type Access struct {
	// Resource is the table's ARN, and Account the account that owns it, which
	// may be empty if the ARN names it.
	Resource, Account string
	// Policy is the table's resource policy; nil if it has none.
	Policy *engine.Set
	// Read, Insert, Update and Delete are the IAM actions that reading a row,
	// writing a new one, changing and deleting one need, such as
	// dynamodb:Query. An operation whose action is empty is refused to all.
	Read, Insert, Update, Delete string
	// Attributes says what a column is called in dynamodb:Attributes, where
	// that is not its own name.
	Attributes map[string]string
}

// Config is what Tables are made of.
type Config struct {
	Dialect Dialect
	// Tables are known by their names.
	Tables []Table
	// Now is the clock of aws:CurrentTime and aws:EpochTime.
	Now func() time.Time
	// Fill, if there is one, adds context keys of the request at hand, such as
	// aws:SourceIp. It must not add what rows have or a session determines.
	Fill func(ctx context.Context, r *engine.Request) error
	// Audit hears of what is done past the policies; without one, nothing is.
	Audit Audit
}

// Tables write the statements that a caller may run on some tables, whatever
// runs them: Guard for database/sql, access/pgxrow for pgx. They are immutable
// and safe for concurrent use.
type Tables struct {
	config Config
}

// NewTables checks a description. It wraps ErrTable.
func NewTables(c Config) (*Tables, error) {
	switch {
	case !c.Dialect.known():
		return nil, fmt.Errorf("%w: %s is no dialect", ErrTable, c.Dialect)
	case c.Now == nil:
		return nil, fmt.Errorf("%w: no clock", ErrTable)
	case len(c.Tables) == 0:
		return nil, fmt.Errorf("%w: no table", ErrTable)
	}
	c.Tables = slices.Clone(c.Tables)
	for i := range c.Tables {
		t := &c.Tables[i]
		if err := t.check(); err != nil {
			return nil, err
		}
		if t.Alias != "" || t.Access.Resource == "" {
			return nil, fmt.Errorf("%w: %s: a guarded table has a resource and no alias", ErrTable, t.Name)
		}
		if slices.ContainsFunc(c.Tables[:i], func(other Table) bool { return other.Name == t.Name }) {
			return nil, fmt.Errorf("%w: %s is there twice", ErrTable, t.Name)
		}
	}
	return &Tables{config: c}, nil
}

// Dialect returns the dialect of the statements.
func (ts *Tables) Dialect() Dialect { return ts.config.Dialect }

func (ts *Tables) table(name string) (*Table, error) {
	for i := range ts.config.Tables {
		if ts.config.Tables[i].Name == name {
			return &ts.config.Tables[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %q is not described", ErrTable, name)
}

// ErrNoCaller means a context without a caller: then nothing runs.
var ErrNoCaller = errors.New("no caller in the context")

// DeniedError means that a caller may not do what it asked: for any row, or for
// one that it wrote or wanted to, and may see.
type DeniedError struct {
	Action, Resource string
	// Table is the table's name.
	Table string
}

func (e *DeniedError) Error() string {
	action := e.Action
	if action == "" {
		action = "no action"
	}
	return fmt.Sprintf("denied: %s on %s", action, e.Table)
}

// Visibility says what stands between a caller and the rows of a table. The zero
// value is Denied. That a list is empty says less: it may be that there is no
// row, or that none of them is for the caller to see.
type Visibility uint8

// The visibilities.
const (
	// Denied: the policies show the caller no row, whatever there is.
	Denied Visibility = iota
	// Filtered: they may show some.
	Filtered
	// Unfiltered: they show every row.
	Unfiltered
)

func (v Visibility) String() string {
	switch v {
	case Filtered:
		return "filtered"
	case Unfiltered:
		return "none"
	case Denied:
	}
	return "denied"
}

func visibility(f *engine.Filter) Visibility {
	switch f.Scope() {
	case engine.Everything:
		return Unfiltered
	case engine.Partly:
		return Filtered
	case engine.Nothing:
	}
	return Denied
}

// Operation is what is done to rows.
type Operation uint8

// The operations. The zero value is none and refused.
const (
	_ Operation = iota
	Read
	Insert
	Update
	Delete
)

func (a *Access) action(o Operation) string {
	switch o {
	case Read:
		return a.Read
	case Insert:
		return a.Insert
	case Update:
		return a.Update
	case Delete:
		return a.Delete
	}
	return ""
}

// ask is what an operation says of itself in a request, beside the row.
type ask struct {
	operation Operation
	// columns are those that the statement names.
	columns []string
	// selects is dynamodb:Select of a read.
	selects string
}

// question is a request about rows of a table, with what answers it.
type question struct {
	table     *Table
	evaluator engine.Evaluator
	request   *engine.Request
	filter    engine.Filter
}

// question asks what is left of a caller's policies. It wraps ErrNoCaller, and
// returns a *DeniedError for an operation that has no action.
func (ts *Tables) question(ctx context.Context, t *Table, a ask) (*question, error) {
	caller, ok := engine.CallerFrom(ctx)
	if !ok || caller.Evaluator == nil {
		return nil, ErrNoCaller
	}
	return ts.questionOf(ctx, caller, t, a)
}

func (ts *Tables) questionOf(ctx context.Context, caller *engine.Caller, t *Table, a ask) (*question, error) {
	action := t.Access.action(a.operation)
	if action == "" {
		return nil, &DeniedError{Resource: t.Access.Resource, Table: t.Name}
	}
	q := &question{table: t, evaluator: *caller.Evaluator, request: caller.NewRequest(action, t.Access.Resource)}
	if t.Access.Policy != nil {
		q.evaluator.Resource = t.Access.Policy
	}
	q.request.ResourceAccount = t.Access.Account
	if q.request.Context == nil {
		return nil, fmt.Errorf("%w: it has no session", ErrNoCaller)
	}
	if err := ts.fill(ctx, q.request, t, a); err != nil {
		return nil, err
	}
	keys := make([]string, len(t.Columns))
	for i := range t.Columns {
		keys[i] = t.Columns[i].Key
	}
	var err error
	if q.filter, err = q.evaluator.Filter(q.request, keys...); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", action, t.Name, err)
	}
	return q, nil
}

// fill adds what is known of any request about rows. Source: iam-semantics
// §5.3, §6.3, §6.4.
func (ts *Tables) fill(ctx context.Context, r *engine.Request, t *Table, a ask) error {
	now := ts.config.Now()
	parts := strings.SplitN(t.Access.Resource, ":", 6)
	account, region := t.Access.Account, ""
	if len(parts) == 6 {
		region = parts[3]
		if parts[4] != "" {
			account = parts[4]
		}
	}
	settings := [][]string{
		{"aws:CurrentTime", now.UTC().Format("2006-01-02T15:04:05Z")},
		{"aws:EpochTime", strconv.FormatInt(now.Unix(), 10)},
	}
	if account != "" {
		settings = append(settings, []string{"aws:ResourceAccount", account})
	}
	if region != "" {
		settings = append(settings, []string{"aws:RequestedRegion", region})
	}
	if strings.HasPrefix(strings.ToLower(r.Action), "dynamodb:") {
		settings = append(settings, t.dynamo(a)...)
	}
	for _, s := range settings {
		if err := r.Context.Set(s[0], s[1:]...); err != nil {
			return err
		}
	}
	for _, key := range t.untold(r.Action) {
		if err := r.Context.SetIndeterminate(key); err != nil {
			return err
		}
	}
	if ts.config.Fill != nil {
		return ts.config.Fill(ctx, r)
	}
	return nil
}

// dynamo are the keys that an action of DynamoDB has. LeadingKeys is not among
// them: that is the row's.
func (t *Table) dynamo(a ask) [][]string {
	attributes := []string{"dynamodb:Attributes"}
	for _, c := range a.columns {
		name := c
		if other, ok := t.Access.Attributes[c]; ok {
			name = other
		}
		if !slices.Contains(attributes[1:], name) {
			attributes = append(attributes, name)
		}
	}
	out := [][]string{attributes}
	if a.operation == Read {
		return append(out, []string{"dynamodb:Select", a.selects})
	}
	return append(out, []string{"dynamodb:ReturnValues", "NONE"})
}

// untold are the keys that a request of DynamoDB has, and of which nobody here
// knows the values: absent, they would satisfy ForAllValues.
func (t *Table) untold(action string) (keys []string) {
	action = strings.ToLower(action)
	if !strings.HasPrefix(action, "dynamodb:") {
		return nil
	}
	if action == "dynamodb:partiqlselect" { // which rows the database looks at is its own affair
		keys = append(keys, "dynamodb:FullTableScan")
	}
	const leading, first = "dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"
	_, one := t.column(leading)
	if _, other := t.column(first); !one && !other {
		keys = append(keys, leading, first)
	}
	return keys
}

// where is the clause of a question.
func (q *question) where(d Dialect) (Clause, error) {
	clause, err := Where(&q.filter, q.table, d)
	if err != nil {
		return Clause{}, fmt.Errorf("%s on %s: %w", q.request.Action, q.table.Name, err)
	}
	return clause, nil
}

func (q *question) denied() error {
	return &DeniedError{Action: q.request.Action, Resource: q.request.Resource, Table: q.table.Name}
}

// keep decides about a row that is given column by column; known is false if
// one of the columns is not.
func (q *question) keep(d Dialect, columns []string, row []any) (kept, known bool) {
	values := make([]conditions.Value, len(q.table.Columns))
	for i := range q.table.Columns {
		c := &q.table.Columns[i]
		at := slices.Index(columns, c.Name)
		if at < 0 {
			return false, false
		}
		values[i] = c.Value(d, row[at])
	}
	return q.filter.Keep(values), true
}
