package rowtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// evaluatorOf compiles an identity policy.
func evaluatorOf(t testing.TB, document string) *engine.Evaluator {
	d, err := policy.Parse("policy.json", []byte(document))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
	require.NoError(t, err)
	return &engine.Evaluator{Identity: set}
}

// TestLargeFilters asks with thousands of statements, and thousands of values.
func TestLargeFilters(t *testing.T) {
	var statements, values []string
	n := 2000
	if raceEnabled {
		n = 1200 // a chain of so many is too deep for SQLite still
	}
	for i := range n {
		statements = append(statements, fmt.Sprintf(`{"Effect": "Allow", "Action": "*", "Resource": "*",
			"Condition": {"StringEquals": {"app:k": "u%d"}, "NumericLessThan": {"app:l": "%d"}}}`, i, i))
		values = append(values, fmt.Sprintf(`"u%d"`, i))
	}
	each(t, func(t *testing.T, db *database) {
		for name, document := range map[string]string{
			"statements": `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`,
			"values": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
				"Condition": {"StringEquals": {"app:k": [` + strings.Join(values, ",") + `]}, "NumericLessThan": {"app:l": "1500"}}}}`,
		} {
			q := &question{document: name, evaluator: evaluatorOf(t, document), request: newRequest(t), slot: []int{1, 2}, group: len(name)}
			q.table = sqlrow.Table{Name: tableName, Columns: []sqlrow.Column{
				{Key: "app:k", Name: column(1, sqlrow.Text)}, {Key: "app:l", Name: column(2, sqlrow.Integer), Type: sqlrow.Integer},
			}}
			if db.dialect == sqlrow.SQLite {
				q.table.Columns[1].Name, q.slot[1] = column(0, sqlrow.Integer), 0
			}
			var err error
			q.filter, err = q.evaluator.Filter(q.request, "app:k", "app:l")
			require.NoError(t, err)
			q.rows = [][]any{{"u1000", int64(999)}, {"u1000", int64(1000)}, {"u1199", int64(5)}, {"u1199", int64(1600)}, {"U1199", int64(5)}, {nil, int64(5)}, {"u5", nil}}
			db.insert(t, []*question{q})
			db.readBack(t, q)
			clause, err := sqlrow.Where(&q.filter, &q.table, db.dialect)
			require.NoError(t, err)
			kept := make([]bool, len(q.values))
			for i, row := range q.values {
				kept[i] = q.filter.Keep(row)
			}
			require.True(t, kept[0])
			db.compare(t, q, &clause, kept)
		}
	})
}

// TestAMisspeltColumnIsAnError holds that no dialect takes the name of a column
// for a constant.
func TestAMisspeltColumnIsAnError(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		e := evaluatorOf(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
			"Condition": {"StringNotEquals": {"app:k": "ann"}}}}`)
		f, err := e.Filter(newRequest(t), "app:k")
		require.NoError(t, err)
		clause, err := sqlrow.Where(&f, &sqlrow.Table{Name: tableName, Columns: []sqlrow.Column{{Key: "app:k", Name: "ownr"}}}, db.dialect)
		require.NoError(t, err)
		rows, err := db.QueryContext(t.Context(), "SELECT 1 FROM "+quoted(db.dialect, tableName)+" WHERE "+clause.SQL, clause.Args...)
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		require.Error(t, err)
	})
}
