package rowtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/pgxrow"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

// docsPolicy lets a user read its own rows and those that are public, insert its
// own, change its own that are no drafts of the board, and delete its own drafts.
const docsPolicy = `{"Version": "2012-10-17", "Statement": [
	{"Sid": "Own", "Effect": "Allow", "Action": ["docs:Read", "docs:Create", "docs:Change"], "Resource": "*",
	 "Condition": {"StringEquals": {"docs:owner": "${aws:username}"}}},
	{"Sid": "Public", "Effect": "Allow", "Action": "docs:Read", "Resource": "*", "Condition": {"StringEquals": {"docs:state": "public"}}},
	{"Sid": "Drafts", "Effect": "Allow", "Action": "docs:Drop", "Resource": "*",
	 "Condition": {"StringEquals": {"docs:owner": "${aws:username}", "docs:state": "draft"}}},
	{"Sid": "Board", "Effect": "Deny", "Action": "docs:Change", "Resource": "*", "Condition": {"NumericGreaterThan": {"docs:rank": "9"}}}]}`

const docsARN = "arn:aws:docs:eu-west-1:111122223333:table/docs"

func docsTable() sqlrow.Table {
	return sqlrow.Table{
		Name: "docs",
		Columns: []sqlrow.Column{
			{Key: "docs:owner", Name: "owner"}, {Key: "docs:state", Name: "state"}, {Key: "docs:rank", Name: "rank", Type: sqlrow.Integer},
		},
		Access: sqlrow.Access{Resource: docsARN, Read: "docs:Read", Insert: "docs:Create", Update: "docs:Change", Delete: "docs:Drop"},
	}
}

// callerOf is a user with a policy.
func callerOf(t testing.TB, name, document string) *engine.Caller {
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/" + name)
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	return &engine.Caller{Principal: p, Evaluator: evaluatorOf(t, document), Session: x}
}

func as(t testing.TB, name string) context.Context {
	return engine.WithCaller(t.Context(), callerOf(t, name, docsPolicy))
}

func clock() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// audit remembers.
type audit struct {
	heard []sqlrow.Bypass
	fails error
}

func (a *audit) Bypassed(_ context.Context, b sqlrow.Bypass) error {
	a.heard = append(a.heard, b)
	return a.fails
}

// rowGuard is what the guards of database/sql and of pgx have in common.
type rowGuard interface {
	Tables() *sqlrow.Tables
	Conn() sqlrow.Conn
	Count(ctx context.Context, q sqlrow.Query) (int64, sqlrow.Visibility, error)
	Insert(ctx context.Context, n sqlrow.NewRows) (int64, error)
	Update(ctx context.Context, c sqlrow.Change) (int64, error)
	Delete(ctx context.Context, r sqlrow.Removal) (int64, error)
}

// inTx runs f with a guard of one transaction.
func inTx(ctx context.Context, g rowGuard, f func(rowGuard) error) error {
	if g, ok := g.(*pgxrow.Guard); ok {
		return g.InTx(ctx, func(g *pgxrow.Guard) error { return f(g) })
	}
	return g.(*sqlrow.Guard).InTx(ctx, func(g *sqlrow.Guard) error { return f(g) })
}

// bypass returns the database past the policies.
func bypass(ctx context.Context, g rowGuard, reason string) (any, error) {
	if g, ok := g.(*pgxrow.Guard); ok {
		return g.Bypass(ctx, reason)
	}
	return g.(*sqlrow.Guard).Bypass(ctx, reason)
}

// eachGuard runs a test against every database, and against PostgreSQL by way
// of pgx too.
func eachGuard(t *testing.T, test func(t *testing.T, db *database)) {
	each(t, test)
	t.Run("pgx", func(t *testing.T) {
		db := openPostgres(t)
		var err error
		db.pool, err = pgxpool.New(t.Context(), db.url)
		require.NoError(t, err)
		t.Cleanup(db.pool.Close)
		test(t, db)
	})
}

// newGuard guards the database, by way of pgx if there is a pool.
func newGuard(t *testing.T, db *database, a sqlrow.Audit, tables ...sqlrow.Table) (rowGuard, error) {
	c := sqlrow.Config{Dialect: db.dialect, Tables: tables, Now: clock, Audit: a}
	if db.pool != nil {
		return pgxrow.NewGuard(t.Context(), db.pool, c)
	}
	return sqlrow.NewGuard(t.Context(), db.DB, c)
}

// guarded makes a table of documents, and a guard of it.
func guarded(t *testing.T, db *database) (rowGuard, *audit) {
	for _, ddl := range []string{
		`CREATE TABLE docs (id integer PRIMARY KEY, owner varchar(40) DEFAULT 'nobody', state varchar(20), ` + quoted(db.dialect, "rank") + ` bigint, title varchar(100) UNIQUE)`,
		`INSERT INTO docs VALUES (1, 'ann', 'draft', 1, 'a1'), (2, 'ann', 'public', 2, 'a2'), (3, 'ann', 'final', 10, 'a3'),
			(4, 'bob', 'draft', 1, 'b1'), (5, 'bob', 'public', 2, 'b2'), (6, NULL, 'draft', 1, 'n1'), (7, 'Ann', 'draft', 1, 'c1')`,
	} {
		_, err := db.ExecContext(t.Context(), ddl)
		require.NoError(t, err)
	}
	a := &audit{}
	g, err := newGuard(t, db, a, docsTable())
	require.NoError(t, err)
	return g, a
}

// selected are the ids that a query finds.
func selected(t *testing.T, g rowGuard, ctx context.Context, q sqlrow.Query) (ids []int, visibility sqlrow.Visibility) {
	q.Table, q.Columns = "docs", []string{"id"}
	if q.Order == nil {
		q.Order = []sqlrow.Order{{Column: "id"}}
	}
	if g, ok := g.(*pgxrow.Guard); ok {
		rows, visibility, err := g.Select(ctx, q)
		require.NoError(t, err)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		require.NoError(t, err)
		return ids, visibility
	}
	rows, visibility, err := g.(*sqlrow.Guard).Select(ctx, q)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id int
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	return ids, visibility
}

// owners reads the table past the guard.
func owners(t *testing.T, db *database) map[int]string {
	rows, err := db.QueryContext(t.Context(), "SELECT id, COALESCE(owner, 'NULL') FROM docs")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	out := map[int]string{}
	for rows.Next() {
		var id int
		var owner string
		require.NoError(t, rows.Scan(&id, &owner))
		out[id] = owner
	}
	require.NoError(t, rows.Err())
	return out
}

func TestGuardReads(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		ids, visibility := selected(t, g, as(t, "ann"), sqlrow.Query{})
		require.Equal(t, []int{1, 2, 3, 5}, ids)
		require.Equal(t, sqlrow.Filtered, visibility)
		ids, _ = selected(t, g, as(t, "ann"), sqlrow.Query{Order: []sqlrow.Order{{Column: "id", Descending: true}}, Limit: 2, Offset: 1})
		require.Equal(t, []int{3, 2}, ids, "a page is cut out of what is seen")
		ids, _ = selected(t, g, as(t, "ann"), sqlrow.Query{Offset: 3})
		require.Equal(t, []int{5}, ids)
		ids, _ = selected(t, g, as(t, "ann"), sqlrow.Query{Where: []sqlrow.Condition{sqlrow.In("id", 1, 4, 5), sqlrow.NotEqual("state", "draft")}})
		require.Equal(t, []int{5}, ids)
		ids, _ = selected(t, g, as(t, "ann"), sqlrow.Query{Where: []sqlrow.Condition{sqlrow.In("id")}})
		require.Empty(t, ids)
		n, visibility, err := g.Count(as(t, "bob"), sqlrow.Query{Table: "docs", Where: []sqlrow.Condition{sqlrow.GreaterOrEqual("id", 2)}})
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
		require.Equal(t, sqlrow.Filtered, visibility)

		// Empty is not forbidden.
		ids, visibility = selected(t, g, as(t, "zoe"), sqlrow.Query{Where: []sqlrow.Condition{sqlrow.Equal("state", "draft")}})
		require.Empty(t, ids)
		require.Equal(t, sqlrow.Filtered, visibility)
		nobody := engine.WithCaller(t.Context(), callerOf(t, "ann", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "docs:Drop", "Resource": "*"}}`))
		ids, visibility = selected(t, g, nobody, sqlrow.Query{})
		require.Empty(t, ids)
		require.Equal(t, sqlrow.Denied, visibility)
		all := engine.WithCaller(t.Context(), callerOf(t, "ann", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`))
		ids, visibility = selected(t, g, all, sqlrow.Query{})
		require.Len(t, ids, 7)
		require.Equal(t, "none", visibility.String())
	})
}

func TestNothingRunsWithoutACaller(t *testing.T) {
	db := openSQLite(t)
	g, _ := guarded(t, db)
	require.NoError(t, db.Close()) // whatever runs fails from here on
	for name, ctx := range map[string]context.Context{
		"no caller":    t.Context(),
		"nil":          engine.WithCaller(t.Context(), nil),
		"zero":         engine.WithCaller(t.Context(), &engine.Caller{}),
		"no evaluator": engine.WithCaller(t.Context(), &engine.Caller{Session: conditions.AWS().NewContext()}),
		"no session":   engine.WithCaller(t.Context(), &engine.Caller{Evaluator: &engine.Evaluator{}}),
	} {
		_, _, err := g.(*sqlrow.Guard).Select(ctx, sqlrow.Query{Table: "docs", Columns: []string{"id"}})
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
		_, _, err = g.Count(ctx, sqlrow.Query{Table: "docs"})
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
		_, err = g.Insert(ctx, sqlrow.NewRows{Table: "docs", Columns: []string{"id"}, Rows: [][]any{{8}}})
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
		_, err = g.Update(ctx, sqlrow.Change{Table: "docs", Set: map[string]any{"id": 8}})
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
		_, err = g.Delete(ctx, sqlrow.Removal{Table: "docs"})
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
		_, _, err = g.Tables().Clause(ctx, "docs", sqlrow.Read)
		require.ErrorIs(t, err, sqlrow.ErrNoCaller, name)
	}
	_, _, err := g.Count(as(t, "ann"), sqlrow.Query{Table: "docs"})
	require.ErrorContains(t, err, "closed")
}

func TestGuardInserts(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		insert := func(ctx context.Context, columns []string, rows ...[]any) (int64, error) {
			return g.Insert(ctx, sqlrow.NewRows{Table: "docs", Columns: columns, Rows: rows})
		}
		full := []string{"id", "owner", "state", "rank", "title"}
		n, err := insert(as(t, "ann"), full, []any{10, "ann", "draft", 1, "x"}, []any{11, "ann", nil, nil, "y"})
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		denied := new(sqlrow.DeniedError)
		for _, row := range [][]any{
			{12, "bob", "draft", 1, "z"},
			{12, "ann ", "draft", 1, "z"},
			{12, "Ann", "draft", 1, "z"},
			{12, nil, "draft", 1, "z"},
			{12, 7, "draft", 1, "z"},
		} {
			_, err = insert(as(t, "ann"), full, []any{13, "ann", "draft", 1, "ok"}, row)
			require.ErrorAs(t, err, &denied, "%v", row)
		}
		require.EqualError(t, denied, "denied: docs:Create on docs")
		// A row of another's title: before the policies nobody learns of it.
		_, err = insert(as(t, "ann"), full, []any{12, "bob", "draft", 1, "b1"})
		require.ErrorAs(t, err, &denied)
		refused := new(sqlrow.RefusedError)
		_, err = insert(as(t, "ann"), full, []any{12, "ann", "draft", 1, "b1"})
		require.ErrorAs(t, err, &refused)
		require.EqualError(t, err, "the database refused to write to docs")
		require.Error(t, errors.Unwrap(refused))

		// A column that is not given has a default, which only some databases tell.
		_, err = insert(as(t, "ann"), []string{"id", "state", "rank"}, []any{14, "draft", 1})
		if db.dialect == sqlrow.MySQL {
			require.ErrorIs(t, err, sqlrow.ErrTable)
		} else {
			require.ErrorAs(t, err, &denied)
			n, err = insert(as(t, "nobody"), []string{"id", "state", "rank"}, []any{14, "draft", 1})
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
		}
		for _, columns := range [][]string{{"id", "owner", "OWNER", "state", "rank"}, {"id", "OWNER", "state", "rank", "owner"}} {
			_, err = insert(as(t, "ann"), columns, []any{15, "ann", "bob", 1, "ann"})
			require.Error(t, err, "a column twice")
		}
		_, err = insert(as(t, "ann"), []string{"id", "OWNER", "state", "rank"}, []any{15, "bob", "draft", 1})
		require.Error(t, err)
		_, err = insert(as(t, "ann"), full, []any{15, "ann"})
		require.ErrorIs(t, err, sqlrow.ErrTable)
		_, err = insert(as(t, "ann"), full)
		require.ErrorIs(t, err, sqlrow.ErrTable)
		got := owners(t, db)
		delete(got, 14)
		require.Equal(t, map[int]string{1: "ann", 2: "ann", 3: "ann", 4: "bob", 5: "bob", 6: "NULL", 7: "Ann", 10: "ann", 11: "ann"}, got)
	})
}

func TestGuardUpdates(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		update := func(name string, set map[string]any, where ...sqlrow.Condition) (int64, error) {
			return g.Update(as(t, name), sqlrow.Change{Table: "docs", Set: set, Where: where})
		}
		denied := new(sqlrow.DeniedError)
		before := owners(t, db)
		n, err := update("ann", map[string]any{"state": "final"})
		require.NoError(t, err)
		require.EqualValues(t, 2, n, "the third is the board's")
		n, err = update("ann", map[string]any{"state": "final"}, sqlrow.Equal("id", 1))
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "also where nothing differs afterwards")
		for _, set := range []map[string]any{
			{"owner": "bob"},
			{"owner": nil},
			{"owner": "ANN"},
			{"rank": 10},
			{"rank": "many"},
			{"owner": "bob", "title": "b1"}, // nobody learns that b1 is taken
		} {
			_, err = update("ann", set, sqlrow.Equal("id", 1))
			require.ErrorAs(t, err, &denied, "%v", set)
		}
		_, err = update("ann", map[string]any{"OWNER": "bob"}, sqlrow.Equal("id", 1))
		require.Error(t, err, "by another spelling of the column")
		_, err = update("ann", map[string]any{"state": "x"}, sqlrow.Equal("id", 4))
		require.ErrorIs(t, err, sqlrow.ErrNoRow, "another's, not seen")
		_, err = update("ann", map[string]any{"state": "x"}, sqlrow.Equal("id", 99))
		require.ErrorIs(t, err, sqlrow.ErrNoRow, "none")
		_, err = update("ann", map[string]any{"state": "x"}, sqlrow.Equal("id", 5))
		require.ErrorAs(t, err, &denied, "another's, seen")
		_, err = update("ann", map[string]any{"state": "x"}, sqlrow.Equal("id", 3))
		require.ErrorAs(t, err, &denied, "its own, and the board's")
		refused := new(sqlrow.RefusedError)
		_, err = update("ann", map[string]any{"title": "b1"}, sqlrow.Equal("id", 1))
		require.ErrorAs(t, err, &refused)
		_, err = update("ann", nil)
		require.ErrorIs(t, err, sqlrow.ErrTable)
		require.Equal(t, before, owners(t, db))

		// One of two would be the board's afterwards: neither is changed.
		halfway := `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": ["docs:Change", "docs:Read"], "Resource": "*", "Condition": {"StringEquals": {"docs:owner": "ann", "docs:state": ["a", "b"]}}},
			{"Effect": "Allow", "Action": "docs:Change", "Resource": "*", "Condition": {"StringEquals": {"docs:owner": "ann"}, "NumericLessThan": {"docs:rank": "2"}}}]}`
		ctx := engine.WithCaller(t.Context(), callerOf(t, "ann", halfway))
		_, err = db.ExecContext(t.Context(), "UPDATE docs SET state = 'a' WHERE id IN (1, 2)")
		require.NoError(t, err)
		_, err = g.Update(ctx, sqlrow.Change{Table: "docs", Set: map[string]any{"state": "c"}})
		require.ErrorAs(t, err, &denied)
		n, err = g.Update(ctx, sqlrow.Change{Table: "docs", Set: map[string]any{"state": "b"}})
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
	})
}

func TestGuardDeletes(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		drop := func(name string, where ...sqlrow.Condition) (int64, error) {
			return g.Delete(as(t, name), sqlrow.Removal{Table: "docs", Where: where})
		}
		denied := new(sqlrow.DeniedError)
		_, err := drop("ann", sqlrow.Equal("id", 4))
		require.ErrorIs(t, err, sqlrow.ErrNoRow)
		_, err = drop("ann", sqlrow.Equal("id", 5))
		require.ErrorAs(t, err, &denied)
		_, err = drop("ann", sqlrow.Equal("id", 2))
		require.ErrorAs(t, err, &denied)
		n, err := drop("ann")
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		require.Len(t, owners(t, db), 6)
		nobody := engine.WithCaller(t.Context(), callerOf(t, "ann", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "docs:Read", "Resource": "*"}}`))
		_, err = g.Delete(nobody, sqlrow.Removal{Table: "docs", Where: []sqlrow.Condition{sqlrow.Equal("id", 99)}})
		require.ErrorAs(t, err, &denied, "whatever there is")
		// Who reads nothing learns nothing of what is there.
		blind := engine.WithCaller(t.Context(), callerOf(t, "ann", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "docs:Drop", "Resource": "*", "Condition": {"StringEquals": {"docs:owner": "ann"}}}}`))
		_, err = g.Delete(blind, sqlrow.Removal{Table: "docs", Where: []sqlrow.Condition{sqlrow.Equal("id", 5)}})
		require.ErrorIs(t, err, sqlrow.ErrNoRow)
	})
}

func TestGuardInTransactions(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		before := owners(t, db)
		boom := errors.New("boom")
		require.ErrorIs(t, inTx(as(t, "ann"), g, func(g rowGuard) error {
			n, err := g.Delete(as(t, "ann"), sqlrow.Removal{Table: "docs"})
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			return boom
		}), boom)
		require.Equal(t, before, owners(t, db))

		// What is denied is undone also for one who goes on as if it was not.
		require.NoError(t, inTx(as(t, "ann"), g, func(g rowGuard) error {
			_, err := g.Update(as(t, "ann"), sqlrow.Change{Table: "docs", Set: map[string]any{"rank": 11}, Where: []sqlrow.Condition{sqlrow.Equal("id", 1)}})
			require.Error(t, err)
			_, err = g.Insert(as(t, "ann"), sqlrow.NewRows{Table: "docs", Columns: []string{"id", "owner", "state", "rank"}, Rows: [][]any{{20, "bob", "draft", 1}}})
			require.Error(t, err)
			_, err = bypass(as(t, "ann"), g, "because")
			require.ErrorIs(t, err, sqlrow.ErrBypass)
			ids, _ := selected(t, g, as(t, "ann"), sqlrow.Query{})
			require.Equal(t, []int{1, 2, 3, 5}, ids)
			return inTx(as(t, "ann"), g, func(g rowGuard) error {
				_, err := g.Update(as(t, "ann"), sqlrow.Change{Table: "docs", Set: map[string]any{"state": "final"}, Where: []sqlrow.Condition{sqlrow.Equal("id", 1)}})
				return err
			})
		}))
		require.Equal(t, before, owners(t, db))
		ids, _ := selected(t, g, as(t, "ann"), sqlrow.Query{Where: []sqlrow.Condition{sqlrow.Equal("state", "final")}})
		require.Equal(t, []int{1, 3}, ids)
	})
}

// TestTriggersAreSeenThrough holds a row to the policies as the database has it.
func TestTriggersAreSeenThrough(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, _ := guarded(t, db)
		ddl := map[sqlrow.Dialect][]string{
			sqlrow.PostgreSQL: {
				`CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.title = 'trojan' THEN NEW.owner := 'bob'; END IF; RETURN NEW; END $$`,
				`CREATE TRIGGER theirs BEFORE INSERT OR UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION theirs()`,
			},
			sqlrow.MySQL: {`CREATE TRIGGER theirs BEFORE INSERT ON docs FOR EACH ROW SET NEW.owner = 'bob'`},
		}[db.dialect]
		for _, s := range ddl {
			_, err := db.ExecContext(t.Context(), s)
			require.NoError(t, err)
		}
		switch db.dialect {
		case sqlrow.MySQL:
			_, err := newGuard(t, db, nil, docsTable())
			require.ErrorIs(t, err, sqlrow.ErrTable)
		case sqlrow.PostgreSQL:
			before := owners(t, db)
			denied := new(sqlrow.DeniedError)
			_, err := g.Update(as(t, "ann"), sqlrow.Change{Table: "docs", Set: map[string]any{"title": "trojan"}, Where: []sqlrow.Condition{sqlrow.Equal("id", 1)}})
			require.ErrorAs(t, err, &denied)
			_, err = g.Insert(as(t, "ann"), sqlrow.NewRows{Table: "docs", Columns: []string{"id", "owner", "state", "rank", "title"}, Rows: [][]any{{20, "ann", "draft", 1, "trojan"}}})
			require.ErrorAs(t, err, &denied)
			require.Equal(t, before, owners(t, db))
		case sqlrow.SQLite: // has no triggers that change a new row
		}
	})
}

func TestBypassIsHeard(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, a := guarded(t, db)
		_, err := bypass(as(t, "ann"), g, "  ")
		require.ErrorIs(t, err, sqlrow.ErrBypass)
		require.Empty(t, a.heard)
		raw, err := bypass(as(t, "ann"), g, "nightly report")
		require.NoError(t, err)
		if db.pool != nil {
			require.Same(t, db.pool, raw)
		} else {
			require.Same(t, db.DB, raw)
		}
		require.Len(t, a.heard, 1)
		require.Equal(t, "nightly report", a.heard[0].Reason)
		require.Equal(t, clock(), a.heard[0].At)
		require.NotNil(t, a.heard[0].Caller)
		a.fails = errors.New("disk full")
		_, err = bypass(t.Context(), g, "nightly report")
		require.ErrorIs(t, err, sqlrow.ErrBypass)
		require.ErrorIs(t, err, a.fails)

		silent, err := newGuard(t, db, nil, docsTable())
		require.NoError(t, err)
		_, err = bypass(t.Context(), silent, "nightly report")
		require.ErrorIs(t, err, sqlrow.ErrBypass)
	})
}

func TestWhyHidden(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		g, a := guarded(t, db)
		ann := callerOf(t, "ann", docsPolicy)
		why := func(id int) (sqlrow.Sight, error) {
			return g.Tables().WhyHidden(t.Context(), g.Conn(), "ticket 7", ann, "docs", sqlrow.Equal("id", id))
		}
		s, err := why(4)
		require.NoError(t, err)
		require.Equal(t, engine.ImplicitDeny, s.Decision.Outcome)
		require.Equal(t, []string{"docs:owner", "docs:state", "docs:rank"}, s.Keys)
		require.Equal(t, `["bob" "draft" "1"]`, str(s.Values))
		require.NotNil(t, s.Nearest)
		s, err = why(5)
		require.NoError(t, err)
		require.True(t, s.Decision.Allowed())
		require.Equal(t, "Public", s.Statements[0].Sid)
		s, err = why(6)
		require.NoError(t, err)
		require.Equal(t, `[absent "draft" "1"]`, str(s.Values))
		_, err = why(99)
		require.ErrorIs(t, err, sqlrow.ErrNoRow)
		_, err = g.Tables().WhyHidden(t.Context(), g.Conn(), "ticket 7", ann, "docs")
		require.ErrorIs(t, err, sqlrow.ErrTable)
		require.Len(t, a.heard, 5)
		require.Equal(t, "docs", a.heard[0].Table)
		_, err = g.Tables().WhyHidden(t.Context(), g.Conn(), "", ann, "docs", sqlrow.Equal("id", 4))
		require.ErrorIs(t, err, sqlrow.ErrBypass)
	})
}

func str(values []conditions.Value) string {
	out := "["
	for i, v := range values {
		if i > 0 {
			out += " "
		}
		out += v.String()
	}
	return out + "]"
}

// TestDescriptionsAreHeldToTheDatabase holds that what would be read wrongly is
// refused when the guard is made.
func TestDescriptionsAreHeldToTheDatabase(t *testing.T) {
	eachGuard(t, func(t *testing.T, db *database) {
		guarded(t, db)
		for name, change := range map[string]func(*sqlrow.Table){
			"a column that is not there": func(d *sqlrow.Table) { d.Columns[0].Name = "ownr" },
			"a table that is not there":  func(d *sqlrow.Table) { d.Name = "dcs" },
			"no resource":                func(d *sqlrow.Table) { d.Access.Resource = "" },
			"an alias":                   func(d *sqlrow.Table) { d.Alias = "d" },
			"another type":               func(d *sqlrow.Table) { d.Columns[2].Type = sqlrow.Timestamp },
			"text for a number":          func(d *sqlrow.Table) { d.Columns[2].Type = sqlrow.Text },
		} {
			table := docsTable()
			change(&table)
			_, err := newGuard(t, db, nil, table)
			if db.dialect == sqlrow.SQLite && (name == "another type" || name == "text for a number") {
				require.NoError(t, err, "each value is asked what it is")
				continue
			}
			require.ErrorIs(t, err, sqlrow.ErrTable, name)
		}
		_, err := sqlrow.NewGuard(t.Context(), db.DB, sqlrow.Config{Dialect: db.dialect, Tables: []sqlrow.Table{docsTable(), docsTable()}, Now: clock})
		require.ErrorIs(t, err, sqlrow.ErrTable)
		_, err = sqlrow.NewGuard(t.Context(), db.DB, sqlrow.Config{Dialect: db.dialect, Tables: []sqlrow.Table{docsTable()}})
		require.ErrorIs(t, err, sqlrow.ErrTable, "no clock")
	})
}

// TestConflictsThatReplaceAreRefused holds that no insert takes the place of
// another's row.
func TestConflictsThatReplaceAreRefused(t *testing.T) {
	db := openSQLite(t)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE docs (id integer PRIMARY KEY, owner text, state text, "rank" integer, title text UNIQUE ON CONFLICT REPLACE)`)
	require.NoError(t, err)
	_, err = newGuard(t, db, nil, docsTable())
	require.ErrorIs(t, err, sqlrow.ErrTable)
	table := docsTable()
	table.Access.Insert, table.Access.Update = "", ""
	_, err = newGuard(t, db, nil, table)
	require.NoError(t, err)
}
