package sqlrow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

const scoresARN = "arn:aws:dynamodb:us-east-1:111122223333:table/Scores"

// scores is a table that is guarded as DynamoDB's are.
func scores() sqlrow.Table {
	return sqlrow.Table{
		Name: "scores",
		Columns: []sqlrow.Column{
			{Key: "dynamodb:LeadingKeys", Name: "user_id"},
		},
		Access: sqlrow.Access{
			Resource: scoresARN, Read: "dynamodb:Query", Insert: "dynamodb:PutItem", Update: "dynamodb:UpdateItem",
			Attributes: map[string]string{"user_id": "UserId", "top": "TopScore"},
		},
	}
}

func clock() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func tablesOf(t *testing.T, c sqlrow.Config) *sqlrow.Tables {
	t.Helper()
	c.Dialect, c.Now = sqlrow.PostgreSQL, clock
	tables, err := sqlrow.NewTables(c)
	require.NoError(t, err)
	return tables
}

// as is the user ann with an identity policy.
func as(t testing.TB, document string) context.Context {
	t.Helper()
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	return engine.WithCaller(t.Context(), &engine.Caller{Principal: p, Evaluator: &engine.Evaluator{Identity: set(t, policy.Identity, document)}, Session: x})
}

func set(t testing.TB, kind policy.Kind, document string) *engine.Set {
	t.Helper()
	d, err := policy.Parse("policy.json", []byte(document))
	require.NoError(t, err)
	s, err := engine.Compile(conditions.AWS(), kind, d)
	require.NoError(t, err)
	return s
}

// TestKeysOfDynamoDB holds that a statement says of itself what a call of
// DynamoDB does, every column that it names among it.
func TestKeysOfDynamoDB(t *testing.T) {
	tables := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}})
	ctx := as(t, allow(`{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:username}", "dynamodb:Attributes": ["UserId", "TopScore"]},
		"StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:ReturnValues": "NONE", "aws:RequestedRegion": "us-east-1", "aws:ResourceAccount": "111122223333"},
		"DateGreaterThan": {"aws:CurrentTime": "2026-03-01T11:59:59Z"}}`))
	visible := func(q sqlrow.Query) sqlrow.Visibility {
		q.Table = "scores"
		s, err := tables.Select(ctx, q)
		require.NoError(t, err)
		return s.Visibility
	}
	require.Equal(t, sqlrow.Filtered, visible(sqlrow.Query{Columns: []string{"user_id", "top"}}))
	require.Equal(t, sqlrow.Denied, visible(sqlrow.Query{Columns: []string{"user_id", "secret"}}))
	require.Equal(t, sqlrow.Denied, visible(sqlrow.Query{Columns: []string{"top"}, Where: []sqlrow.Condition{sqlrow.Equal("secret", 1)}}))
	require.Equal(t, sqlrow.Denied, visible(sqlrow.Query{Columns: []string{"top"}, Order: []sqlrow.Order{{Column: "secret"}}}))
	s, err := tables.Count(ctx, sqlrow.Query{Table: "scores"})
	require.NoError(t, err)
	require.Equal(t, sqlrow.Denied, s.Visibility, "COUNT is another selection")
	_, err = tables.Insert(ctx, nil, sqlrow.NewRows{Table: "scores", Columns: []string{"user_id", "secret"}, Rows: [][]any{{"ann", 1}}})
	require.ErrorAs(t, err, new(*sqlrow.DeniedError))
	_, err = tables.Update(ctx, nil, sqlrow.Change{Table: "scores", Set: map[string]any{"secret": 1}})
	require.ErrorAs(t, err, new(*sqlrow.DeniedError))
	_, v, err := tables.Clause(ctx, "scores", sqlrow.Update, "top")
	require.NoError(t, err)
	require.Equal(t, sqlrow.Filtered, v)
}

func TestNobodyKnowsWhetherATableIsScanned(t *testing.T) {
	table := scores()
	table.Access.Read = "dynamodb:PartiQLSelect"
	tables := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{table}})
	q := sqlrow.Query{Table: "scores", Columns: []string{"top"}}
	for _, document := range []string{
		allow(`{"Bool": {"dynamodb:FullTableScan": "false"}}`),
		allow(`{"Bool": {"dynamodb:FullTableScan": "true"}}`),
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
			{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"dynamodb:FullTableScan": "true"}}}]}`,
	} {
		s, err := tables.Select(as(t, document), q)
		require.NoError(t, err)
		require.Equal(t, sqlrow.Denied, s.Visibility, document)
	}
}

func TestAnOperationWithoutAnActionIsRefused(t *testing.T) {
	tables := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}})
	ctx := as(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	_, err := tables.Delete(ctx, nil, sqlrow.Removal{Table: "scores"})
	require.ErrorAs(t, err, new(*sqlrow.DeniedError))
	require.EqualError(t, err, "denied: no action on scores")
	_, _, err = tables.Clause(ctx, "scores", 0)
	require.ErrorAs(t, err, new(*sqlrow.DeniedError))
	_, err = tables.Select(ctx, sqlrow.Query{Table: "other", Columns: []string{"a"}})
	require.ErrorIs(t, err, sqlrow.ErrTable)
	_, err = tables.Select(ctx, sqlrow.Query{Table: "scores"})
	require.ErrorIs(t, err, sqlrow.ErrTable, "no column")
	for _, q := range []sqlrow.Query{
		{Columns: []string{""}},
		{Columns: []string{"a"}, Limit: -1},
		{Columns: []string{"a"}, Offset: -1},
		{Columns: []string{"a"}, Where: []sqlrow.Condition{sqlrow.Equal("a\x00", 1)}},
		{Columns: []string{"a"}, Order: []sqlrow.Order{{Column: "\xff"}}},
	} {
		q.Table = "scores"
		_, err = tables.Select(ctx, q)
		require.ErrorIs(t, err, sqlrow.ErrTable, "%v", q)
	}
}

func TestATableMayHaveAPolicyOfItsOwn(t *testing.T) {
	table := scores()
	table.Access.Policy = set(t, policy.Resource, `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
		"Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "mallory"}}}}`)
	ctx := as(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	q := sqlrow.Query{Table: "scores", Columns: []string{"top"}}
	s, err := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{table}}).Select(ctx, q)
	require.NoError(t, err)
	require.Equal(t, sqlrow.Filtered, s.Visibility)
	require.Equal(t, []any{"", "mallory"}, s.Args)
	s, err = tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}}).Select(ctx, q)
	require.NoError(t, err)
	require.Equal(t, sqlrow.Unfiltered, s.Visibility)
}

func TestFillAddsWhatTheRequestSays(t *testing.T) {
	address, fault := "10.0.0.1", error(nil)
	tables := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}, Fill: func(_ context.Context, r *engine.Request) error {
		return errors.Join(fault, r.Context.Set("aws:SourceIp", address))
	}})
	ctx := as(t, allow(`{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}`))
	q := sqlrow.Query{Table: "scores", Columns: []string{"top"}, Where: []sqlrow.Condition{sqlrow.In("top", 1, 2), sqlrow.IsNotNull("game"), sqlrow.IsNull("note"), sqlrow.Less("top", 9)}, Offset: 3, Limit: 2}
	s, err := tables.Select(ctx, q)
	require.NoError(t, err)
	require.Equal(t, `SELECT "top" FROM "scores" WHERE 1 = 1 AND "top" IN ($1, $2) AND "game" IS NOT NULL AND "note" IS NULL AND "top" < $3 LIMIT 2 OFFSET 3`, s.SQL)
	require.Equal(t, []any{1, 2, 9}, s.Args)
	address = "11.0.0.1"
	s, err = tables.Select(ctx, q)
	require.NoError(t, err)
	require.Equal(t, sqlrow.Denied, s.Visibility)
	require.Contains(t, s.SQL, "WHERE 1 = 0")
	fault = errors.New("no peer address")
	_, err = tables.Select(ctx, q)
	require.ErrorIs(t, err, fault)
}

// TestWhatCannotBeFilteredIsAnError holds that nobody is shown rows by a policy
// that only the whole request can answer.
func TestWhatCannotBeFilteredIsAnError(t *testing.T) {
	tables := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}})
	q := sqlrow.Query{Table: "scores", Columns: []string{"top"}}
	_, err := tables.Select(as(t, allow(`{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "*a?b"}, "IpAddress": {"app:x": "10.0.0.1"}}`)), q)
	require.NoError(t, err)
	table := scores()
	table.Columns[0].Type = sqlrow.UUID
	table.Columns = append(table.Columns, sqlrow.Column{Key: "app:address", Name: "address"})
	_, err = tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{table}}).Select(as(t, allow(`{"IpAddress": {"app:address": "10.0.0.1"}}`)), q)
	require.ErrorAs(t, err, new(*sqlrow.UnsupportedError))
}

// TestATableOfDynamoDBHasAPartitionKey holds that a description without the
// partition key shows nobody the rows of a policy about it: an absent key would
// satisfy ForAllValues.
func TestATableOfDynamoDBHasAPartitionKey(t *testing.T) {
	table := scores()
	table.Columns[0].Key = "app:user"
	q := sqlrow.Query{Table: "scores", Columns: []string{"top"}}
	for _, key := range []string{"dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"} {
		ctx := as(t, allow(`{"ForAllValues:StringEquals": {"`+key+`": "${aws:username}"}}`))
		s, err := tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{table}}).Select(ctx, q)
		require.NoError(t, err)
		require.Equal(t, sqlrow.Denied, s.Visibility)
		s, err = tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{scores()}}).Select(ctx, q)
		require.NoError(t, err)
		require.Equal(t, sqlrow.Filtered, s.Visibility)
		table.Columns[0].Key = "dynamodb:FirstPartitionKeyValues"
		s, err = tablesOf(t, sqlrow.Config{Tables: []sqlrow.Table{table}}).Select(ctx, q)
		require.NoError(t, err)
		require.Equal(t, sqlrow.Filtered, s.Visibility)
		table.Columns[0].Key = "app:user"
	}
}
