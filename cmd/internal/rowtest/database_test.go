package rowtest

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// slots is how many keys of a row the table has columns for; each slot has one
// column of every type that the database has.
const slots = 6

// tableName is hard to quote too.
const tableName = "rows of \"`all"

// database is a real database with a table of rows of every type.
type database struct {
	*sql.DB
	dialect sqlrow.Dialect
	url     string
	pool    *pgxpool.Pool // of pgx, for tests that use it
	// types are the SQL types of each slot's columns; a column that is missing
	// is one that the database does not have.
	types [slots]map[sqlrow.Type]string
	// read is how a column is selected, with %s for its name.
	read map[sqlrow.Type]string
}

// each runs a test against every database.
func each(t *testing.T, test func(t *testing.T, db *database)) {
	for _, d := range []struct {
		name string
		open func(testing.TB) *database
	}{{"PostgreSQL", openPostgres}, {"SQLite", openSQLite}, {"MariaDB", openMariaDB}} {
		t.Run(d.name, func(t *testing.T) { test(t, d.open(t)) })
	}
}

// column is the name of a slot's column; the first slot's are hard to quote.
func column(slot int, k sqlrow.Type) string {
	name := fmt.Sprintf("c%d %s", slot, k)
	if slot == 0 {
		name += " \"`?$1"
	}
	return name
}

func quoted(d sqlrow.Dialect, name string) string {
	mark := map[sqlrow.Dialect]string{sqlrow.PostgreSQL: `"`, sqlrow.SQLite: `"`, sqlrow.MySQL: "`"}[d]
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

func (db *database) create(t testing.TB) {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + quoted(db.dialect, tableName) + " (grp integer NOT NULL, id integer NOT NULL")
	for slot, types := range db.types {
		for k := sqlrow.Text; k <= sqlrow.TextArray; k++ {
			if ddl, ok := types[k]; ok {
				b.WriteString(", " + quoted(db.dialect, column(slot, k)) + " " + ddl)
			}
		}
	}
	b.WriteString(", PRIMARY KEY (grp, id))")
	_, err := db.ExecContext(t.Context(), b.String())
	require.NoError(t, err, b.String())
}

func open(t testing.TB, driver, dsn string) *sql.DB {
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func openPostgres(t testing.TB) *database {
	url := needs.Postgres(t) + "&jit=off&enable_seqscan=off"
	db := &database{DB: open(t, "pgx", url), dialect: sqlrow.PostgreSQL, url: url}
	// A collation that takes case for nothing, and one that takes accents too.
	for _, ddl := range []string{
		`CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
		`CREATE COLLATION letters (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
	} {
		_, err := db.ExecContext(t.Context(), ddl)
		require.NoError(t, err)
	}
	db.read = map[sqlrow.Type]string{sqlrow.Text: "%s::text", sqlrow.TextArray: "array_to_json(%s)"}
	texts := [slots]string{`text COLLATE anycase`, `text`, `varchar`, `char(40)`, `text COLLATE letters`, `text COLLATE "en-US-x-icu"`}
	for i := range db.types {
		db.types[i] = map[sqlrow.Type]string{
			sqlrow.Text: texts[i], sqlrow.Integer: []string{"bigint", "integer"}[i%2], sqlrow.Decimal: []string{"numeric", "numeric(40,12)"}[i%2],
			sqlrow.Bool: "boolean", sqlrow.Bytes: "bytea", sqlrow.Timestamp: "timestamp", sqlrow.TimestampTZ: "timestamptz",
			sqlrow.UUID: "uuid", sqlrow.TextArray: []string{`text[] COLLATE anycase`, "text[]"}[i%2],
		}
	}
	db.create(t)
	return db
}

func openSQLite(t testing.TB) *database {
	db := &database{DB: open(t, "sqlite", filepath.Join(t.TempDir(), "rows.db")+"?_pragma=busy_timeout(30000)&_txlock=immediate"), dialect: sqlrow.SQLite}
	texts := [slots]string{"TEXT COLLATE NOCASE", "TEXT", "TEXT COLLATE RTRIM", "", "NUMERIC", "BLOB"}
	for i := range db.types {
		db.types[i] = map[sqlrow.Type]string{
			sqlrow.Text: texts[i], sqlrow.Integer: []string{"INTEGER", "", "TEXT"}[i%3], sqlrow.Bool: []string{"INTEGER", ""}[i%2], sqlrow.Bytes: []string{"BLOB", "TEXT"}[i%2],
		}
	}
	db.create(t)
	return db
}

func openMariaDB(t testing.TB) *database {
	db := &database{DB: open(t, "mysql", needs.MariaDB(t)+"?parseTime=true"), dialect: sqlrow.MySQL}
	utf8mb4 := func(collation string) string { return "text CHARACTER SET utf8mb4 COLLATE " + collation }
	texts := [slots]string{
		utf8mb4("utf8mb4_general_ci"), utf8mb4("utf8mb4_unicode_ci"), utf8mb4("utf8mb4_bin"),
		"text CHARACTER SET latin1", "char(40) CHARACTER SET utf8mb4", "text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_nopad_ci",
	}
	db.read = map[sqlrow.Type]string{sqlrow.Text: "CONVERT(%s USING utf8mb4)"}
	for i := range db.types {
		db.types[i] = map[sqlrow.Type]string{
			sqlrow.Text: texts[i], sqlrow.Integer: []string{"bigint", "bigint unsigned", "int"}[i%3], sqlrow.Decimal: []string{"decimal(65,30)", "decimal(40,12)"}[i%2],
			sqlrow.Bool: "tinyint", sqlrow.Bytes: "blob", sqlrow.Timestamp: "datetime(6)",
		}
	}
	db.create(t)
	return db
}

// storable reports whether a slot's column of text can hold a text.
func (db *database) storable(slot int, s string) bool {
	switch db.dialect {
	case sqlrow.PostgreSQL:
		return utf8.ValidString(s) && !strings.Contains(s, "\x00") && (slot != 3 || utf8.RuneCountInString(s) <= 40)
	case sqlrow.MySQL:
		switch slot {
		case 3:
			return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 && utf8.ValidString(s)
		case 4:
			return utf8.ValidString(s) && utf8.RuneCountInString(s) <= 40
		}
		return utf8.ValidString(s)
	case sqlrow.SQLite:
	}
	return true
}
