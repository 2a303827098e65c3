package decide_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
)

// BenchmarkDecide is one question with a session that is kept open.
func BenchmarkDecide(b *testing.B) {
	f := decidetest.New(b, decidetest.Options{})
	alice := f.User("alice")
	in, ctx := getItem(alice.Session(), alice.IdentityID), local(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decider.Decide(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecideRows is 10,000 rows of one column.
func BenchmarkDecideRows(b *testing.B) {
	f := decidetest.New(b, decidetest.Options{})
	alice := f.User("alice")
	rows := make([]string, 10_000)
	for i := range rows {
		rows[i] = alice.IdentityID
		if i%2 == 0 {
			rows[i] = "us-east-1:00000000-0000-4000-8000-" + strconv.Itoa(100_000_000_000+i)
		}
	}
	in, ctx := rowsOf(alice.Session(), rows...), local(b.Context())
	out, err := f.Decider.DecideRows(ctx, in)
	require.NoError(b, err)
	require.Equal(b, uint32(5000), out.GetCount())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decider.DecideRows(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(in.GetRows())/b.Elapsed().Seconds(), "rows/s")
}
