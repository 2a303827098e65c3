package sqlrow_test

import (
	"testing"

	"github.com/rowan-authz/rowan/access/sqlrow"
)

// BenchmarkSelect is what a guard adds to a query: to ask for the filter and to
// write it.
func BenchmarkSelect(b *testing.B) {
	tables, err := sqlrow.NewTables(sqlrow.Config{Dialect: sqlrow.PostgreSQL, Now: clock, Tables: []sqlrow.Table{scores()}})
	if err != nil {
		b.Fatal(err)
	}
	ctx := as(b, allow(`{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:username}"}, "Null": {"dynamodb:LeadingKeys": "false"}}`))
	q := sqlrow.Query{Table: "scores", Columns: []string{"user_id", "top"}, Where: []sqlrow.Condition{sqlrow.Greater("top", 5)}, Limit: 20}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tables.Select(ctx, q); err != nil {
			b.Fatal(err)
		}
	}
}
