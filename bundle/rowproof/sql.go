package rowproof

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// SQL is a store over database/sql. It works in a temporary table on a
// connection of its own: nothing that the database has is read or changed. Use
// OpenSQL.
type SQL struct {
	// Where writes the predicate that is proved: sqlrow.Where, as OpenSQL sets it,
	// or one that a test of the proof itself has spoilt.
	Where func(*engine.Filter, *sqlrow.Table, sqlrow.Dialect) (sqlrow.Clause, error)

	dialect sqlrow.Dialect
	conn    *sql.Conn
	table   string // the table that there is, empty if none
	columns string // its columns
	tables  int    // how many there were
}

// OpenSQL takes a connection of db, of which Close gives it back. For MySQL that
// is one in utf8mb4 and UTC.
func OpenSQL(ctx context.Context, db *sql.DB, d sqlrow.Dialect) (*SQL, error) {
	if _, ok := columnTypes[d]; !ok {
		return nil, fmt.Errorf("%s is no dialect", d)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &SQL{Where: sqlrow.Where, dialect: d, conn: conn}, nil
}

// Close drops the temporary table and gives the connection back.
func (s *SQL) Close() error {
	var err error
	if s.table != "" {
		_, err = s.conn.ExecContext(context.Background(), "DROP TABLE "+s.table)
	}
	return errors.Join(err, s.conn.Close())
}

// Name is the dialect's.
func (s *SQL) Name() string { return s.dialect.String() }

// columnTypes are the types of columns. What a dialect does not have is a text
// there, or in SQLite anything.
var columnTypes = map[sqlrow.Dialect]map[sqlrow.Type]string{
	sqlrow.PostgreSQL: {
		sqlrow.Text: "text", sqlrow.Integer: "bigint", sqlrow.Decimal: "numeric", sqlrow.Bool: "boolean", sqlrow.Bytes: "bytea",
		sqlrow.Timestamp: "timestamp", sqlrow.TimestampTZ: "timestamptz", sqlrow.UUID: "uuid", sqlrow.TextArray: "text[]",
	},
	sqlrow.MySQL: {
		sqlrow.Text: "text CHARACTER SET utf8mb4", sqlrow.Integer: "bigint", sqlrow.Decimal: "decimal(65,30)", sqlrow.Bool: "tinyint", sqlrow.Bytes: "blob",
		sqlrow.Timestamp: "datetime(6)", sqlrow.TimestampTZ: "datetime(6)", sqlrow.UUID: "text", sqlrow.TextArray: "text",
	},
	// A collation that takes case for nothing is the harder one.
	sqlrow.SQLite: {
		sqlrow.Text: "TEXT COLLATE NOCASE", sqlrow.Integer: "INTEGER", sqlrow.Bool: "INTEGER", sqlrow.Bytes: "BLOB",
	},
}

// Ask loads the rows and asks sqlrow.Where about them, or sqlrow.Pushdown where
// the dialect cannot say the filter exactly.
func (s *SQL) Ask(ctx context.Context, c *Case, rows []Row) (Answer, error) {
	table := &sqlrow.Table{Name: "rowan_proof", Columns: c.Keys} // a clause does not name it
	clause, err := s.Where(c.Filter(), table, s.dialect)
	var a Answer
	var unsupported *sqlrow.UnsupportedError
	if errors.As(err, &unsupported) {
		a.Refused = fmt.Errorf("%s: %s", unsupported.Condition, unsupported.Reason)
		if clause, err = sqlrow.Pushdown(c.Filter(), table, s.dialect); errors.As(err, &unsupported) {
			return a, nil
		}
	}
	if err != nil {
		return a, err
	}
	a.Rest = clause.Rest
	a.Statement = fmt.Sprintf("%s %q", clause.SQL, clause.Args)
	if err := s.load(ctx, c, rows); err != nil {
		return a, err
	}
	return a, s.read(ctx, c, &clause, &a)
}

// load fills an empty table with those rows that it can hold.
func (s *SQL) load(ctx context.Context, c *Case, rows []Row) error {
	var b strings.Builder
	for i := range c.Keys {
		fmt.Fprintf(&b, ", %s %s", c.Keys[i].Name, columnTypes[s.dialect][c.Keys[i].Type])
	}
	if err := s.empty(ctx, b.String()); err != nil {
		return err
	}
	if s.insert(ctx, c, 0, rows) == nil {
		return nil
	}
	for i := range rows { // one of them is at fault
		err := s.insert(ctx, c, i, rows[i:i+1])
		if ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// empty makes an empty table of such columns. Each shape has a name of its own:
// a driver may remember how a statement was answered.
func (s *SQL) empty(ctx context.Context, columns string) error {
	if s.table != "" && s.columns == columns {
		_, err := s.conn.ExecContext(ctx, "DELETE FROM "+s.table)
		return err
	}
	if s.table != "" {
		if _, err := s.conn.ExecContext(ctx, "DROP TABLE "+s.table); err != nil {
			return err
		}
	}
	s.tables++
	s.table, s.columns = "", columns
	name := fmt.Sprintf("rowan_proof_%d", s.tables)
	if _, err := s.conn.ExecContext(ctx, "CREATE TEMPORARY TABLE "+name+" (id integer PRIMARY KEY"+columns+")"); err != nil {
		return err
	}
	s.table = name
	return nil
}

// insert writes rows whose ids begin with one.
func (s *SQL) insert(ctx context.Context, c *Case, first int, rows []Row) error {
	var b strings.Builder
	b.WriteString("INSERT INTO " + s.table + " VALUES ")
	var args []any
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "(%d", first+i)
		for j, v := range row {
			args = append(args, s.argument(v))
			b.WriteString(", " + s.placeholder(c.Keys[j].Type, len(args)))
		}
		b.WriteString(")")
	}
	_, err := s.conn.ExecContext(ctx, b.String(), args...)
	return err
}

func (s *SQL) placeholder(t sqlrow.Type, n int) string {
	if s.dialect != sqlrow.PostgreSQL {
		return "?"
	}
	return "$" + strconv.Itoa(n) + "::" + columnTypes[s.dialect][t]
}

// argument is a value as any driver takes it.
func (s *SQL) argument(v any) any {
	switch v := v.(type) {
	case bool:
		if s.dialect == sqlrow.PostgreSQL {
			return v
		}
		return map[bool]int{true: 1}[v]
	case []string:
		quoted := make([]string, len(v))
		for i, text := range v {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
		return "{" + strings.Join(quoted, ",") + "}"
	case time.Time:
		if s.dialect == sqlrow.SQLite {
			return v.Format(time.RFC3339Nano)
		}
	}
	return v
}

// read reads the rows back, and which of them the clause lets through.
func (s *SQL) read(ctx context.Context, c *Case, clause *sqlrow.Clause, a *Answer) error {
	selected := "SELECT id"
	for i := range c.Keys {
		selected += ", " + c.Keys[i].Read(s.dialect)
	}
	places := map[int64]int{}
	err := s.query(ctx, selected+" FROM "+s.table, nil, len(c.Keys), func(id int64, raw []any) {
		h := Held{Values: make([]conditions.Value, len(raw))}
		for i := range raw {
			h.Values[i] = c.Keys[i].Value(s.dialect, raw[i])
		}
		places[id] = len(a.Held)
		a.Held = append(a.Held, h)
	})
	if err != nil {
		return err
	}
	for _, where := range []struct {
		sql  string
		mark func(*Held)
	}{
		{"(" + clause.SQL + ")", func(h *Held) { h.Kept = true }},
		{"NOT (" + clause.SQL + ")", func(h *Held) { h.Dropped = true }},
	} {
		err := s.query(ctx, "SELECT id FROM "+s.table+" WHERE "+where.sql, clause.Args, 0, func(id int64, _ []any) {
			where.mark(&a.Held[places[id]])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// query calls each with the id and the columns of every row.
func (s *SQL) query(ctx context.Context, text string, args []any, columns int, each func(id int64, raw []any)) (err error) {
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		raw := make([]any, columns)
		into := []any{&id}
		for i := range raw {
			into = append(into, &raw[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		each(id, raw)
	}
	return rows.Err()
}
