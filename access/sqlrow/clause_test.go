package sqlrow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// filterOf is the filter of one identity policy for the user ann.
func filterOf(t testing.TB, document string, open ...string) engine.Filter {
	t.Helper()
	d, err := policy.Parse("policy.json", []byte(document))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
	require.NoError(t, err)
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	require.NoError(t, err)
	x := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(x))
	r := &engine.Request{Principal: p, Action: "app:Read", Resource: "arn:aws:app:us-east-1:111122223333:doc/1", Context: x}
	f, err := (&engine.Evaluator{Identity: set}).Filter(r, open...)
	require.NoError(t, err)
	return f
}

// allow is a policy of one statement with a condition.
func allow(condition string) string {
	return `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": ` + condition + `}}`
}

var docs = sqlrow.Table{Schema: "app", Name: "docs", Columns: []sqlrow.Column{
	{Key: "app:owner", Name: "owner"},
	{Key: "app:rank", Name: "rank", Type: sqlrow.Integer},
	{Key: "app:price", Name: "price", Type: sqlrow.Decimal},
	{Key: "app:from", Name: "from", Type: sqlrow.TimestampTZ},
	{Key: "app:labels", Name: "labels", Type: sqlrow.TextArray},
}}

func TestTheZeroFilterKeepsNothing(t *testing.T) {
	for _, d := range dialects {
		clause, err := sqlrow.Where(&engine.Filter{}, &docs, d)
		require.NoError(t, err)
		require.Equal(t, "1 = 0", clause.SQL)
		require.Empty(t, clause.Args)
		require.False(t, clause.Rest)
	}
}

func TestUnusableDescriptions(t *testing.T) {
	f := filterOf(t, allow(`{"StringEquals": {"app:owner": "${aws:username}"}}`), "app:owner")
	columns := func(c ...sqlrow.Column) []sqlrow.Column { return c }
	for name, table := range map[string]sqlrow.Table{
		"no name":          {Columns: docs.Columns},
		"a NUL":            {Name: "a\x00b", Columns: docs.Columns},
		"no UTF-8":         {Name: "a", Schema: "\xff", Columns: docs.Columns},
		"a long name":      {Name: strings.Repeat("a", 300), Columns: docs.Columns},
		"a NUL in a name":  {Name: "a", Columns: columns(sqlrow.Column{Key: "app:owner", Name: "o\x00"})},
		"a NUL in alias":   {Name: "a", Alias: "\x00", Columns: docs.Columns},
		"no column name":   {Name: "a", Columns: columns(sqlrow.Column{Key: "app:owner"})},
		"no key":           {Name: "a", Columns: columns(sqlrow.Column{Name: "owner"})},
		"no type":          {Name: "a", Columns: columns(sqlrow.Column{Key: "app:owner", Name: "owner", Type: 99})},
		"a key in two":     {Name: "a", Columns: columns(sqlrow.Column{Key: "app:owner", Name: "owner"}, sqlrow.Column{Key: "app:owner", Name: "other"})},
		"a key in another": {Name: "a", Columns: columns(sqlrow.Column{Key: "app:owner", Name: "owner"}, sqlrow.Column{Key: "app:OWNER", Name: "other"})},
	} {
		_, err := sqlrow.Where(&f, &table, sqlrow.PostgreSQL)
		require.ErrorIs(t, err, sqlrow.ErrTable, name)
	}
	for _, d := range []sqlrow.Dialect{0, 99} {
		_, err := sqlrow.Where(&f, &docs, d)
		require.ErrorIs(t, err, sqlrow.ErrTable, d)
	}
}

func TestAKeyWithoutAColumnIsNotLeftOut(t *testing.T) {
	f := filterOf(t, allow(`{"StringEquals": {"app:owner": "ann", "app:team": "reds"}}`), "app:owner", "app:team")
	var unsupported *sqlrow.UnsupportedError
	_, err := sqlrow.Where(&f, &docs, sqlrow.PostgreSQL)
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, "app:team", unsupported.Key)
	_, err = sqlrow.Pushdown(&f, &docs, sqlrow.PostgreSQL)
	require.ErrorAs(t, err, &unsupported)
}

func TestUnsupportedNamesTheCondition(t *testing.T) {
	f := filterOf(t, allow(`{"StringLike": {"app:price": "1*"}}`), "app:price")
	_, err := sqlrow.Where(&f, &docs, sqlrow.PostgreSQL)
	require.EqualError(t, err, `PostgreSQL cannot say exactly in column "price": app:price like "1*": the operator, in a column of decimals`)
}

// TestPushdownDropsConjunctsOnly holds that what a dialect cannot say widens the
// part that it stands in, and nothing else.
func TestPushdownDropsConjunctsOnly(t *testing.T) {
	two := func(first, second string) string {
		return `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": ` + first + `},
			{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": ` + second + `}]}`
	}
	for _, test := range []struct {
		document, sql string
		rest          bool
	}{
		{allow(`{"StringEquals": {"app:owner": "ann"}, "StringLike": {"app:price": "1*"}}`), "(`owner` IS NOT NULL AND (`owner` = ? AND CAST(CONVERT(`owner` USING utf8mb4) AS BINARY) = CAST(? AS BINARY)))", true},
		{
			two(`{"NumericEquals": {"app:rank": "1"}, "StringLike": {"app:price": "1*"}}`, `{"NumericEquals": {"app:rank": "2"}}`),
			"(((`rank` IS NOT NULL AND `rank` <= 9223372036854775807) AND `rank` = ?) OR ((`rank` IS NOT NULL AND `rank` <= 9223372036854775807) AND `rank` = ?))", true,
		},
		{two(`{"StringLike": {"app:price": "1*"}}`, `{"NumericEquals": {"app:rank": "2"}}`), "1 = 1", true},
		{allow(`{"StringLike": {"app:price": "1*"}}`), "1 = 1", true},
		{allow(`{"NumericEquals": {"app:rank": "2"}}`), "((`rank` IS NOT NULL AND `rank` <= 9223372036854775807) AND `rank` = ?)", false},
	} {
		f := filterOf(t, test.document, "app:owner", "app:rank", "app:price")
		clause, err := sqlrow.Pushdown(&f, &docs, sqlrow.MySQL)
		require.NoError(t, err)
		require.Equal(t, test.sql, clause.SQL)
		require.Equal(t, test.rest, clause.Rest)
		require.Len(t, clause.Args, strings.Count(clause.SQL, "?"))
		_, err = sqlrow.Where(&f, &docs, sqlrow.MySQL)
		require.Equal(t, test.rest, err != nil)
	}
}

func TestAfterCountsPlaceholders(t *testing.T) {
	f := filterOf(t, allow(`{"StringEquals": {"app:owner": ["ann", "bob"]}}`), "app:owner")
	clause, err := sqlrow.Where(&f, &docs, sqlrow.SQLite)
	require.NoError(t, err)
	require.Equal(t, "(typeof(`owner`) = 'text' AND `owner` COLLATE BINARY IN (?1, ?2))", clause.SQL)
	require.Equal(t, "(typeof(`owner`) = 'text' AND `owner` COLLATE BINARY IN (?4, ?5))", clause.After(3))
	clause, err = sqlrow.Where(&f, &docs, sqlrow.PostgreSQL)
	require.NoError(t, err)
	require.Equal(t, strings.NewReplacer("$1", "$8", "$2", "$9").Replace(clause.SQL), clause.After(7))
	clause, err = sqlrow.Where(&f, &docs, sqlrow.MySQL)
	require.NoError(t, err)
	require.Equal(t, clause.SQL, clause.After(7))
	require.Equal(t, []any{"ann", "bob", "ann", "bob"}, clause.Args)
}

func TestAnAliasQualifiesColumns(t *testing.T) {
	f := filterOf(t, allow(`{"Null": {"app:owner": "true"}}`), "app:owner")
	table := docs
	table.Alias = `d"`
	clause, err := sqlrow.Where(&f, &table, sqlrow.PostgreSQL)
	require.NoError(t, err)
	require.Equal(t, `"d"""."owner" IS NULL`, clause.SQL)
}

func TestTooManyArguments(t *testing.T) {
	var values []string
	for i := range 40_000 {
		values = append(values, fmt.Sprintf(`"u%d"`, i))
	}
	var unsupported *sqlrow.UnsupportedError
	f := filterOf(t, allow(`{"StringEquals": {"app:owner": [`+strings.Join(values, ",")+`]}}`), "app:owner")
	for _, d := range dialects {
		_, err := sqlrow.Where(&f, &docs, d)
		require.ErrorAs(t, err, &unsupported, d)
	}
}
