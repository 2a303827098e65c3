package sqlrow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verify holds the tables to a database: that its text is UTF-8, and that each
// column with a key is there and of the type that the description says. MySQL
// cannot say what became of a row that was written, and so must change none of
// these columns itself: not on update, not by a trigger. SQLite must not resolve
// conflicts with REPLACE. It wraps ErrTable.
func (ts *Tables) Verify(ctx context.Context, c Conn) error {
	var err error
	switch ts.config.Dialect {
	case PostgreSQL:
		err = expect(ctx, c, Statement{SQL: "SELECT current_setting('server_encoding')"}, "UTF8", "the database's encoding")
	case MySQL:
		err = verifyMySQL(ctx, c)
	case SQLite:
		err = expect(ctx, c, Statement{SQL: "PRAGMA encoding"}, "UTF-8", "the database's encoding")
	}
	if err != nil {
		return err
	}
	for i := range ts.config.Tables {
		if err := ts.verify(ctx, c, &ts.config.Tables[i]); err != nil {
			return err
		}
	}
	return nil
}

// expect runs a statement whose one value must be want.
func expect(ctx context.Context, c Conn, s Statement, want, what string) error {
	got, err := strs(ctx, c, s)
	if err != nil {
		return err
	}
	if len(got) != 1 || got[0] != want {
		return fmt.Errorf("%w: %s is %q, not %s", ErrTable, what, got, want)
	}
	return nil
}

// strs runs a statement of one column of text.
func strs(ctx context.Context, c Conn, s Statement) (out []string, err error) {
	err = c.Query(ctx, s, func(scan func(into ...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		out = append(out, text)
		return nil
	})
	return out, err
}

// verifyMySQL sends a text and a time, and looks at how they arrive; and that
// what does not fit a column is refused rather than cut.
func verifyMySQL(ctx context.Context, c Conn) error {
	err := expect(ctx, c, Statement{SQL: "SELECT HEX(CAST(? AS BINARY))", Args: []any{"é"}}, "C3A9", "the text é on the wire")
	if err != nil {
		return err
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	err = expect(ctx, c, Statement{SQL: "SELECT CAST(CAST(? AS DATETIME(6)) AS CHAR)", Args: []any{at}}, at.Format("2006-01-02 15:04:05.000000"), "a time in UTC on the wire")
	if err != nil {
		return err
	}
	return expect(ctx, c, Statement{SQL: "SELECT IF(@@sql_mode LIKE '%STRICT_ALL_TABLES%' OR @@sql_mode LIKE '%STRICT_TRANS_TABLES%', 'strict', @@sql_mode)"}, "strict", "sql_mode")
}

// columnTypes are the database's names of types that hold what a Type says.
var columnTypes = map[Dialect]map[Type][]string{
	PostgreSQL: {
		Text: {"text", "character varying", "character", "citext", "name", "enum"}, Integer: {"smallint", "integer", "bigint"},
		Decimal: {"numeric"}, Bool: {"boolean"}, Bytes: {"bytea"}, Timestamp: {"timestamp without time zone"},
		TimestampTZ: {"timestamp with time zone"}, UUID: {"uuid"}, TextArray: {"text[]", "character varying[]"},
	},
	MySQL: {
		Text: {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"}, Integer: {"tinyint", "smallint", "mediumint", "int", "bigint"},
		Decimal: {"decimal"}, Bool: {"tinyint"}, Bytes: {"varbinary", "tinyblob", "blob", "mediumblob", "longblob"}, Timestamp: {"datetime"},
	},
}

// describe finds the type of a column. A type with a length says it in
// parentheses, which are cut off; an enum of PostgreSQL has a name of its own.
var describe = map[Dialect]string{
	PostgreSQL: `SELECT CASE WHEN t.typtype = 'e' THEN 'enum' ELSE format_type(a.atttypid, NULL) END FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = to_regclass($1::text) AND a.attname::text = $2::text AND a.attnum > 0 AND NOT a.attisdropped`,
	MySQL: `SELECT CONCAT(data_type, IF(extra = '' OR extra LIKE '%DEFAULT_GENERATED' OR extra = 'auto_increment', '', CONCAT(', ', extra)))
		FROM information_schema.columns WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ? AND column_name = ?`,
	SQLite: `SELECT name FROM pragma_table_info(?1) WHERE name = ?2`,
}

// triggers finds what changes rows before they are written.
const triggers = `SELECT trigger_name FROM information_schema.triggers
	WHERE event_object_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND event_object_table = ? AND action_timing = 'BEFORE' AND event_manipulation <> 'DELETE'`

// verifyWrites refuses a table in which a write does more than it says: where a
// trigger of MySQL changes the row, or SQLite makes room for it by deleting
// others, whosever they are.
func (ts *Tables) verifyWrites(ctx context.Context, c Conn, t *Table) error {
	switch ts.config.Dialect {
	case MySQL:
		found, err := strs(ctx, c, Statement{SQL: triggers, Args: []any{t.Schema, t.Name}})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%w: %s has a trigger that may change what is written: %q", ErrTable, t.Name, found)
		}
	case SQLite:
		ddl, err := strs(ctx, c, Statement{SQL: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND lower(tbl_name) = lower(?1) AND type IN ('table', 'index')", Args: []any{t.Name}})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(ddl, func(sql string) bool { return strings.Contains(strings.ToUpper(sql), "REPLACE") }) {
			return fmt.Errorf("%w: %s resolves a conflict with REPLACE, which deletes the other row", ErrTable, t.Name)
		}
	case PostgreSQL:
	}
	return nil
}

func (ts *Tables) verify(ctx context.Context, c Conn, t *Table) error {
	d := ts.config.Dialect
	if t.Access.Insert+t.Access.Update != "" {
		if err := ts.verifyWrites(ctx, c, t); err != nil {
			return err
		}
	}
	for _, column := range t.Columns {
		args := []any{t.Name, column.Name}
		switch {
		case d == PostgreSQL:
			args[0] = t.qualified(d)
		case d == MySQL:
			args = []any{t.Schema, t.Name, column.Name}
		case t.Schema != "":
			continue // of an attached database; a column that is not there fails when it is asked
		}
		found, err := strs(ctx, c, Statement{SQL: describe[d], Args: args})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%w: %s has no column %q", ErrTable, t.Name, column.Name)
		}
		if d == SQLite {
			continue // any column holds anything, and each value is asked what it is
		}
		if !slices.Contains(columnTypes[d][column.Type], strings.ToLower(found[0])) {
			return fmt.Errorf("%w: %s.%s is of type %s, which is no %s", ErrTable, t.Name, column.Name, found[0], column.Type)
		}
	}
	return nil
}
