package rowtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/corpus"
)

// TestCorpus asks the databases about the rows of testdata/filters.
func TestCorpus(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		var group, rows, refused int
		for _, c := range corpus.Filters(t) {
			asked, err := c.Scenario.Question(conditions.AWS(), corpus.Now)
			require.NoError(t, err)
			f, err := asked.Evaluator.Filter(asked.Request, c.Unknown...)
			require.NoError(t, err)
			q := &question{group: group, document: c.Name, evaluator: asked.Evaluator, request: asked.Request, filter: f, table: sqlrow.Table{Name: tableName}}
			group++
			for i := range f.Unknown().Len() {
				k := f.Unknown().Key(i)
				in := sqlrow.Text
				if k.List && db.dialect == sqlrow.PostgreSQL && !strings.HasPrefix(k.Name, "dynamodb:") {
					in = sqlrow.TextArray
				}
				q.table.Columns = append(q.table.Columns, sqlrow.Column{Key: k.Name, Name: column(i, in), Type: in})
				q.slot = append(q.slot, i)
			}
			var kept []bool
			for _, sort := range []struct {
				rows [][]conditions.Value
				kept bool
			}{{c.Kept, true}, {c.Hidden, false}} {
				for _, row := range sort.rows {
					if stored, ok := q.store(t, row); ok {
						q.rows = append(q.rows, stored)
						kept = append(kept, sort.kept)
					}
				}
			}
			db.insert(t, []*question{q})
			db.readBack(t, q)
			clause, err := sqlrow.Where(&q.filter, &q.table, db.dialect)
			if err != nil {
				require.ErrorAs(t, err, new(*sqlrow.UnsupportedError))
				refused++
				continue
			}
			db.compare(t, q, &clause, kept)
			rows += len(kept)
		}
		t.Logf("%d rows; %d filters refused", rows, refused)
		require.Greater(t, rows, 100)
		require.LessOrEqual(t, refused, 2)
	})
}

// store is the row as the table's columns hold it; ok is false for what they do
// not have.
func (q *question) store(t *testing.T, row []conditions.Value) (stored []any, ok bool) {
	x := conditions.AWS().NewContext()
	require.NoError(t, q.filter.Unknown().Fill(x, row))
	for i, v := range row {
		c := &q.table.Columns[i]
		texts, state := x.Value(c.Key)
		switch {
		case v.String() == "absent":
			stored = append(stored, nil)
		case v.String() == `""`: // which makes some keys indeterminate
			stored = append(stored, "")
		case state == conditions.Indeterminate && len(texts) != 1:
			return nil, false
		case c.Type == sqlrow.TextArray:
			stored = append(stored, texts)
		case len(texts) == 1:
			stored = append(stored, texts[0])
		default:
			return nil, false
		}
		if texts, isText := stored[i].(string); isText && c.Type == sqlrow.TextArray {
			stored[i] = []string{texts}
		}
	}
	return stored, true
}
