package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/access/sqlrow"
)

// WantSQL is the predicate that a list must have in a dialect.
type WantSQL struct {
	Dialect sqlrow.Dialect
	// Text is the predicate as sqlrow.Where writes it, Args its arguments as
	// text.
	Text string
	Args []string
}

// dialects are those of sqlrow by their names in suites.
var dialects = []struct {
	name    string
	dialect sqlrow.Dialect
}{{"postgres", sqlrow.PostgreSQL}, {"mysql", sqlrow.MySQL}, {"sqlite", sqlrow.SQLite}}

// wantSQL reads {DIALECT: TEXT, args: [VALUE]}, for lists of a table that has
// SQL; index is the index that is listed, empty for the table.
func (n node) wantSQL(t *Table, index string) []WantSQL {
	var out []WantSQL
	args := []string{}
	n.object("postgres, mysql, sqlite or args", func(member string, x node) bool {
		if member == "args" {
			args = x.texts()
			return true
		}
		for _, d := range dialects {
			if d.name == member {
				out = append(out, WantSQL{Dialect: d.dialect, Text: strings.TrimSpace(x.text())})
				return true
			}
		}
		return false
	})
	switch {
	case len(out) == 0:
		n.fault("no dialect: want postgres, mysql or sqlite")
	case t.SQL.Table == "":
		n.fault("tables/%s.yaml says nothing of sql", t.Name)
	case index != "":
		n.fault("an index has no sql: its partition key is another")
	}
	for i := range out {
		out[i].Args = args
	}
	return out
}

// checkSQL compares the predicates of a list with those that it must have.
func (r *CellResult) checkSQL(now time.Time) {
	if len(r.Want.SQL) == 0 {
		return
	}
	table, _ := r.list.table.SQLRow()
	keys := make([]string, len(table.Columns))
	for i := range table.Columns {
		keys[i] = table.Columns[i].Key
	}
	q, err := r.Question(now)
	if err != nil {
		r.Problems = append(r.Problems, "no question: "+err.Error())
		return
	}
	f, err := q.Evaluator.Filter(q.Request, keys...)
	if err != nil {
		r.Problems = append(r.Problems, "no filter for sql: "+err.Error())
		return
	}
	for _, want := range r.Want.SQL {
		clause, err := sqlrow.Where(&f, &table, want.Dialect)
		if err != nil {
			r.Problems = append(r.Problems, "no sql: "+err.Error())
			continue
		}
		args := make([]string, len(clause.Args))
		for i, v := range clause.Args {
			args[i] = argumentText(v)
		}
		if clause.SQL != want.Text || !slices.Equal(args, want.Args) {
			r.Problems = append(r.Problems, "want for "+want.Dialect.String()+" "+spelt(want.Text, want.Args)+"; have "+spelt(clause.SQL, args))
		}
	}
}

// spelt is a predicate with its arguments, which may be copied into a suite.
func spelt(text string, args []string) string {
	quoted := make([]string, len(args))
	for i, s := range args {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return text + " args: " + bracketed(quoted)
}

// argumentText is an argument as suites write it.
func argumentText(v any) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
