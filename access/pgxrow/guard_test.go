package pgxrow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// recorder is a database that is not there. What a guard does on a real one is
// tested in cmd/internal/rowtest.
type recorder struct {
	asked []string
	args  [][]any
}

var errNotThere = errors.New("no database")

func (r *recorder) record(sql string, args []any) {
	r.asked, r.args = append(r.asked, sql), append(r.args, args)
}

func (r *recorder) Begin(context.Context) (pgx.Tx, error) {
	r.record("BEGIN", nil)
	return nil, errNotThere
}

func (r *recorder) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r.record(sql, args)
	return pgconn.CommandTag{}, errNotThere
}

func (r *recorder) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	r.record(sql, args)
	return nil, errNotThere
}

func (r *recorder) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	r.record(sql, args)
	return noRow{}
}

type noRow struct{}

func (noRow) Scan(...any) error { return errNotThere }

func config() sqlrow.Config {
	return sqlrow.Config{
		Dialect: sqlrow.PostgreSQL,
		Now:     func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
		Tables: []sqlrow.Table{{
			Schema: "app", Name: "docs", Columns: []sqlrow.Column{{Key: "docs:owner", Name: "owner"}},
			Access: sqlrow.Access{
				Resource: "arn:aws:docs:eu-west-1:111122223333:table/docs",
				Read:     "docs:Read", Insert: "docs:Write", Update: "docs:Write", Delete: "docs:Write",
			},
		}},
	}
}

func guarded(t *testing.T) (*Guard, *recorder) {
	tables, err := sqlrow.NewTables(config())
	require.NoError(t, err)
	r := &recorder{}
	return &Guard{tables: tables, conn: conn{r}}, r
}

func TestNothingRunsWithoutACaller(t *testing.T) {
	g, r := guarded(t)
	ctx := t.Context()
	_, _, err := g.Select(ctx, sqlrow.Query{Table: "docs", Columns: []string{"id"}})
	require.ErrorIs(t, err, sqlrow.ErrNoCaller)
	_, _, err = g.Count(ctx, sqlrow.Query{Table: "docs"})
	require.ErrorIs(t, err, sqlrow.ErrNoCaller)
	_, err = g.Insert(ctx, sqlrow.NewRows{Table: "docs", Columns: []string{"owner"}, Rows: [][]any{{"ann"}}})
	require.ErrorIs(t, err, sqlrow.ErrNoCaller)
	_, err = g.Update(ctx, sqlrow.Change{Table: "docs", Set: map[string]any{"title": "x"}})
	require.ErrorIs(t, err, sqlrow.ErrNoCaller)
	_, err = g.Delete(ctx, sqlrow.Removal{Table: "docs"})
	require.ErrorIs(t, err, sqlrow.ErrNoCaller)
	_, err = g.Bypass(ctx, "because")
	require.ErrorIs(t, err, sqlrow.ErrBypass)
	require.Empty(t, r.asked)
}

func TestSelectAsksWithTheFilter(t *testing.T) {
	g, r := guarded(t)
	d, err := policy.Parse("policy.json", []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "docs:*", "Resource": "*",
		"Condition": {"StringEquals": {"docs:owner": "${aws:username}"}}}}`))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
	require.NoError(t, err)
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	ctx := engine.WithCaller(t.Context(), &engine.Caller{Principal: p, Evaluator: &engine.Evaluator{Identity: set}, Session: x})
	_, v, err := g.Select(ctx, sqlrow.Query{Table: "docs", Columns: []string{"id"}, Where: []sqlrow.Condition{sqlrow.Equal("state", "open")}, Limit: 5})
	require.ErrorIs(t, err, errNotThere)
	require.Equal(t, sqlrow.Denied, v)
	require.Equal(t, []string{`SELECT "id" FROM "app"."docs" WHERE ("owner" IS NOT NULL AND ("owner"::text = $1::text AND "owner"::text COLLATE "C" = $1::text)) AND "state" = $2 LIMIT 5`}, r.asked)
	require.Equal(t, []any{"ann", "open"}, r.args[0])
	_, err = g.Insert(ctx, sqlrow.NewRows{Table: "docs", Columns: []string{"owner"}, Rows: [][]any{{"bob"}}})
	require.ErrorAs(t, err, new(*sqlrow.DeniedError))
	require.Len(t, r.asked, 1, "what is denied is not asked")
}

func TestGuardSpeaksPostgreSQL(t *testing.T) {
	c := config()
	c.Dialect = sqlrow.MySQL
	_, err := NewGuard(t.Context(), nil, c)
	require.ErrorIs(t, err, sqlrow.ErrTable)
}
