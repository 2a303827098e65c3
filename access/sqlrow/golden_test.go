package sqlrow_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/sqlrow"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/corpus"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

var dialects = []sqlrow.Dialect{sqlrow.PostgreSQL, sqlrow.MySQL, sqlrow.SQLite}

// corpusTable has a column of text for each key, and for a list in PostgreSQL
// an array.
func corpusTable(u *conditions.Unknowns, d sqlrow.Dialect) *sqlrow.Table {
	t := &sqlrow.Table{Name: "docs"}
	for i := range u.Len() {
		k := u.Key(i)
		c := sqlrow.Column{Key: k.Name, Name: strings.ToLower(k.Name[strings.LastIndexAny(k.Name, ":/")+1:])}
		if k.List && d == sqlrow.PostgreSQL && !strings.HasPrefix(k.Name, "dynamodb:") {
			c.Type = sqlrow.TextArray
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

// TestGolden writes the filters of testdata/filters in every dialect.
func TestGolden(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.String(), func(t *testing.T) {
			var b strings.Builder
			for _, c := range corpus.Filters(t) {
				q, err := c.Scenario.Question(conditions.AWS(), corpus.Now)
				require.NoError(t, err)
				f, err := q.Evaluator.Filter(q.Request, c.Unknown...)
				require.NoError(t, err)
				fmt.Fprintf(&b, "# %s: %s\n# %s\n", c.File, c.Name, c.Filter)
				clause, err := sqlrow.Where(&f, corpusTable(f.Unknown(), d), d)
				if err != nil {
					require.ErrorAs(t, err, new(*sqlrow.UnsupportedError))
					fmt.Fprintf(&b, "%v\n\n", err)
					continue
				}
				fmt.Fprintf(&b, "%s\n%q\n\n", clause.SQL, clause.Args)
			}
			path := filepath.Join("testdata", "golden", strings.ToLower(d.String())+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
				require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "run go test ./access/sqlrow -update and review the difference")
			require.Equal(t, string(want), b.String())
		})
	}
}
