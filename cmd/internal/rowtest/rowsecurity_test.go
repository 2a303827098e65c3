package rowtest

import (
	"database/sql"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/pgxrow"
	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

const playerARN = "arn:aws:iam::111122223333:role/Player"

// player is a session of the role Player with tags.
func player(t testing.TB, document string, tags map[string]string) *engine.Caller {
	p, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/Player/s")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	for name, value := range tags {
		require.NoError(t, x.Set("aws:PrincipalTag/"+name, value))
	}
	return &engine.Caller{Principal: p, Evaluator: evaluatorOf(t, document), Session: x}
}

// TestRowSecurityKeepsWhatDecideAllows holds row security of PostgreSQL to
// Decide: for random policies, rows, and values of the session's variables that
// are often what the policy speaks of.
func TestRowSecurityKeepsWhatDecideAllows(t *testing.T) {
	db := openPostgres(t)
	for _, ddl := range []string{"CREATE ROLE player", "GRANT SELECT ON " + quoted(db.dialect, tableName) + " TO player"} {
		_, err := db.ExecContext(t.Context(), ddl)
		require.NoError(t, err)
	}
	r := rand.New(rand.NewPCG(*oracleSeed, 5))
	var pairs, kept, refused int
	reasons := map[string]int{}
	n := 12_000
	if raceEnabled {
		n = 2_000
	}
	for group := 0; pairs < n; {
		q := newQuestion(t, r, db, group)
		if q == nil {
			continue
		}
		group++
		q.document = strings.ReplaceAll(q.document, "${aws:username}", "${aws:PrincipalTag/name}")
		g := &generator{Rand: r, pool: append(literals(q.document), "ann")}
		tags := map[string]string{"name": "", "odd": ""}
		for name := range tags {
			for tags[name] == "" || !db.storable(1, tags[name]) {
				tags[name] = g.text()
			}
		}
		caller := player(t, q.document, tags)
		q.evaluator, q.request = caller.Evaluator, caller.NewRequest("app:Read", "arn:aws:app:us-east-1:111122223333:doc/1")
		names := make([]string, len(q.table.Columns))
		for i, c := range q.table.Columns {
			names[i] = c.Key
		}
		var err error
		q.filter, err = q.evaluator.Filter(q.request, names...)
		require.NoError(t, err)
		// Rows that hold what the variables do.
		for i, c := range q.table.Columns {
			if c.Type == sqlrow.Text {
				for _, v := range []string{tags["name"], tags["odd"], "a" + tags["odd"], tags["name"] + "/x"} {
					if db.storable(q.slot[i], v) {
						q.rows[r.IntN(len(q.rows))][i] = v
					}
				}
			}
		}
		db.insert(t, []*question{q})
		db.readBack(t, q)
		document, err := policy.Parse("policy.json", []byte(q.document))
		require.NoError(t, err)
		security := &sqlrow.RowSecurity{
			Table: q.table, Role: "player", Principal: playerARN, Policies: [][]*policy.Document{{document}}, Vocabulary: conditions.AWS(),
			Variables: map[string]string{"aws:PrincipalTag/name": "rowan.name", "aws:PrincipalTag/odd": "rowan.odd"},
		}
		security.Table.Access = sqlrow.Access{Resource: q.request.Resource, Read: "app:Read"}
		statements, err := security.Statements()
		var unsupported *sqlrow.UnsupportedError
		if errors.As(err, &unsupported) {
			refused++
			reasons[unsupported.Reason]++
			continue
		}
		require.NoError(t, err, q.document)
		found := db.underRowSecurity(t, security, statements, caller, q)
		for id, row := range q.values {
			want := q.filter.Keep(row)
			require.Equal(t, want, q.decide(t, row))
			require.Equal(t, want, found[id], "%s\n%q\nrow %v\n%s", q.document, tags, row, statements)
			pairs++
			if want {
				kept++
			}
		}
	}
	t.Logf("%d pairs, 0 disagreements, %d kept; %d policies refused: %v", pairs, kept, refused, reasons)
	require.Greater(t, kept, pairs/20)
}

// literals are the texts of a document.
func literals(document string) (out []string) {
	parts := strings.Split(document, `"`)
	for i := 1; i < len(parts); i += 2 {
		out = append(out, parts[i])
	}
	return out
}

// underRowSecurity is which rows of a question a session finds. Nothing stays
// of it.
func (db *database) underRowSecurity(t *testing.T, s *sqlrow.RowSecurity, statements []string, caller *engine.Caller, q *question) map[int]bool {
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	for _, statement := range statements {
		_, err := tx.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	settings, err := s.Settings(caller)
	require.NoError(t, err)
	var free bool
	require.NoError(t, tx.QueryRowContext(t.Context(), settings.SQL, settings.Args...).Scan(new(string), new(string), new(string), &free))
	require.False(t, free)
	rows, err := tx.QueryContext(t.Context(), "SELECT id FROM "+quoted(db.dialect, tableName)+" WHERE grp = "+strconv.Itoa(q.group))
	require.NoError(t, err, "%s\n%s", q.document, statements)
	found := map[int]bool{}
	for rows.Next() {
		var id int
		require.NoError(t, rows.Scan(&id))
		found[id] = true
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()), "%s\n%s", q.document, statements)
	return found
}

// taggedPolicy is docsPolicy for sessions with a tag.
var taggedPolicy = strings.ReplaceAll(docsPolicy, "${aws:username}", "${aws:PrincipalTag/name}")

// TestRowSecurityHoldsAnyStatement lets a database role run statements that
// nobody guarded.
func TestRowSecurityHoldsAnyStatement(t *testing.T) {
	db := openPostgres(t)
	guarded(t, db)
	document, err := policy.Parse("policy.json", []byte(taggedPolicy))
	require.NoError(t, err)
	security := &sqlrow.RowSecurity{
		Table: docsTable(), Role: "clerk", Principal: playerARN, Policies: [][]*policy.Document{{document}}, Vocabulary: conditions.AWS(),
		Variables: map[string]string{"aws:PrincipalTag/name": "rowan.name"},
	}
	statements, err := security.Statements()
	require.NoError(t, err)
	for _, s := range append([]string{"CREATE ROLE clerk", "GRANT SELECT, INSERT, UPDATE, DELETE ON docs TO clerk"}, append(statements, statements...)...) {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	db.SetMaxOpenConns(1)
	ctx := engine.WithCaller(t.Context(), player(t, taggedPolicy, map[string]string{"name": "ann"}))
	count := func(tx *sql.Tx, query string) (n int) {
		require.NoError(t, tx.QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
	boom := errors.New("boom")
	run := func(f func(tx *sql.Tx) error) error { return security.RunAs(ctx, db.DB, f) }
	require.NoError(t, run(func(tx *sql.Tx) error {
		require.Equal(t, 4, count(tx, "SELECT COUNT(*) FROM docs"))
		require.Equal(t, 1, count(tx, "SELECT COUNT(*) FROM docs WHERE id IN (4, 5) OR title = 'b1'"))
		return nil
	}))
	for statement, fails := range map[string]bool{
		`INSERT INTO docs VALUES (20, 'ann', 'draft', 1, 'x')`: false,
		`INSERT INTO docs VALUES (20, 'bob', 'draft', 1, 'x')`: true,
		`INSERT INTO docs (id, title) VALUES (20, 'x')`:        true,
		`UPDATE docs SET state = 'final' WHERE id = 1`:         false,
		`UPDATE docs SET owner = 'bob' WHERE id = 1`:           true,
		`UPDATE docs SET "rank" = 10 WHERE id = 1`:             true,
		`TRUNCATE docs`: true,
	} {
		err := run(func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				return err
			}
			return boom
		})
		require.Equal(t, fails, !errors.Is(err, boom), "%s: %v", statement, err)
	}
	require.ErrorIs(t, run(func(tx *sql.Tx) error {
		for statement, want := range map[string]int64{
			`UPDATE docs SET title = title || '!'`: 2,
			`DELETE FROM docs`:                     1,
			`DELETE FROM docs WHERE id = 4`:        0,
		} {
			r, err := tx.ExecContext(t.Context(), statement)
			require.NoError(t, err)
			n, err := r.RowsAffected()
			require.NoError(t, err)
			require.LessOrEqual(t, n, want, statement)
		}
		return boom
	}), boom)

	pool, err := pgxpool.New(t.Context(), db.url)
	require.NoError(t, err)
	defer pool.Close()
	require.NoError(t, pgxrow.RunAs(ctx, pool, security, func(tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM docs").Scan(&n))
		require.Equal(t, 4, n)
		return nil
	}))
	require.ErrorIs(t, pgxrow.RunAs(t.Context(), pool, security, func(pgx.Tx) error { t.Fatal("it ran"); return nil }), sqlrow.ErrNoCaller)

	// Nothing of a session is left on its connection, and without one there is
	// no row.
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	var left sql.NullString
	require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT current_setting('rowan.name', true)").Scan(&left))
	require.Empty(t, left.String)
	_, err = conn.ExecContext(t.Context(), "SET ROLE clerk")
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM docs").Scan(&n))
	require.Zero(t, n)
	_, err = conn.ExecContext(t.Context(), "RESET ROLE")
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	// Who may not have a session has none.
	never := func(*sql.Tx) error { t.Fatal("it ran"); return nil }
	require.ErrorIs(t, security.RunAs(t.Context(), db.DB, never), sqlrow.ErrNoCaller)
	for name, caller := range map[string]*engine.Caller{
		"no tag":    player(t, taggedPolicy, nil),
		"empty tag": player(t, taggedPolicy, map[string]string{"name": ""}),
		"NUL":       player(t, taggedPolicy, map[string]string{"name": "a\x00"}),
		"no UTF-8":  player(t, taggedPolicy, map[string]string{"name": "\xff"}),
		"a user":    callerOf(t, "ann", taggedPolicy),
	} {
		require.ErrorIs(t, security.RunAs(engine.WithCaller(t.Context(), caller), db.DB, never), sqlrow.ErrSession, name)
	}
	limited := player(t, taggedPolicy, map[string]string{"name": "ann"})
	limited.Evaluator.Session = limited.Evaluator.Identity
	require.ErrorIs(t, security.RunAs(engine.WithCaller(t.Context(), limited), db.DB, never), sqlrow.ErrSession)
	_, err = db.ExecContext(t.Context(), "ALTER ROLE clerk BYPASSRLS")
	require.NoError(t, err)
	require.ErrorIs(t, security.RunAs(ctx, db.DB, never), sqlrow.ErrSession)
}

// TestDriftFindsWhatWasChanged makes each change to a live database that lets
// rows through or holds them back, and none.
func TestDriftFindsWhatWasChanged(t *testing.T) {
	db := openPostgres(t)
	guarded(t, db)
	_, err := db.ExecContext(t.Context(), `ALTER TABLE docs ADD COLUMN labels text[], ADD COLUMN at timestamptz, ADD COLUMN price numeric`)
	require.NoError(t, err)
	text := strings.Replace(taggedPolicy, `"Statement": [`, `"Statement": [
		{"Effect": "Allow", "Action": "docs:Read", "Resource": "*", "Condition": {"ForAnyValue:StringLike": {"docs:labels": "team-${aws:PrincipalTag/name}*"}}},
		{"Effect": "Allow", "Action": "docs:Read", "Resource": "*", "Condition": {"DateLessThan": {"docs:at": "2026-03-01T12:00:00Z"}, "NumericLessThan": {"docs:price": "9.5"}}},`, 1)
	document, err := policy.Parse("policy.json", []byte(text))
	require.NoError(t, err)
	security := &sqlrow.RowSecurity{
		Table: docsTable(), Role: "auditor", Principal: playerARN, Policies: [][]*policy.Document{{document}}, Vocabulary: conditions.AWS(),
		Variables: map[string]string{"aws:PrincipalTag/name": "rowan.name"},
	}
	security.Table.Columns = append(security.Table.Columns, sqlrow.Column{Key: "docs:labels", Name: "labels", Type: sqlrow.TextArray},
		sqlrow.Column{Key: "docs:at", Name: "at", Type: sqlrow.TimestampTZ}, sqlrow.Column{Key: "docs:price", Name: "price", Type: sqlrow.Decimal})
	statements, err := security.Statements()
	require.NoError(t, err)
	conn := sqlrow.NewConn(db.DB)
	drift := func() []sqlrow.Drift {
		found, err := security.Drift(t.Context(), conn, 300, 1)
		require.NoError(t, err)
		return found
	}
	exec := func(statements ...string) {
		for _, s := range statements {
			_, err := db.ExecContext(t.Context(), s)
			require.NoError(t, err, s)
		}
	}
	_, err = security.Drift(t.Context(), conn, 300, 1)
	require.ErrorIs(t, err, sqlrow.ErrTable, "no such role")
	exec("CREATE ROLE auditor")
	exec(statements...)
	require.Empty(t, drift())
	for change, undo := range map[string]string{
		"ALTER TABLE docs NO FORCE ROW LEVEL SECURITY":                                                      "ALTER TABLE docs FORCE ROW LEVEL SECURITY",
		"ALTER TABLE docs DISABLE ROW LEVEL SECURITY":                                                       "ALTER TABLE docs ENABLE ROW LEVEL SECURITY",
		"ALTER ROLE auditor BYPASSRLS":                                                                      "ALTER ROLE auditor NOBYPASSRLS",
		"CREATE POLICY more ON docs USING (state = 'final')":                                                "DROP POLICY more ON docs",
		"CREATE POLICY less ON docs AS RESTRICTIVE FOR SELECT USING (owner > 'b')":                          "DROP POLICY less ON docs",
		"ALTER POLICY rowan_auditor_select ON docs USING (owner ILIKE current_setting('rowan.name', true))": "",
		"ALTER POLICY rowan_auditor_update ON docs WITH CHECK (true)":                                       "",
		"DROP POLICY rowan_auditor_delete ON docs":                                                          "",
	} {
		exec(change)
		require.NotEmpty(t, drift(), change)
		if undo == "" {
			exec(statements...)
		} else {
			exec(undo)
		}
		require.Empty(t, drift(), change)
	}
	var rows int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM docs").Scan(&rows))
	require.Equal(t, 7, rows)
}
