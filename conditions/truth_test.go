package conditions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestTruthIsKleenes holds And, Or and Not to the tables of Kleene's logic:
// False wins in an AND, True in an OR. Source: iam-semantics §10.3.
func TestTruthIsKleenes(t *testing.T) {
	const f, u, tr = conditions.False, conditions.Unknown, conditions.True
	require.Equal(t, f, conditions.Truth(0), "the zero value is False")
	for _, row := range []struct{ a, b, and, or conditions.Truth }{
		{f, f, f, f},
		{f, u, f, u},
		{f, tr, f, tr},
		{u, u, u, u},
		{u, tr, u, tr},
		{tr, tr, tr, tr},
	} {
		require.Equal(t, row.and, row.a.And(row.b), "%v and %v", row.a, row.b)
		require.Equal(t, row.and, row.b.And(row.a), "%v and %v", row.b, row.a)
		require.Equal(t, row.or, row.a.Or(row.b), "%v or %v", row.a, row.b)
		require.Equal(t, row.or, row.b.Or(row.a), "%v or %v", row.b, row.a)
	}
	require.Equal(t, tr, f.Not())
	require.Equal(t, u, u.Not())
	require.Equal(t, f, tr.Not())
	require.Equal(t, []string{"false", "unknown", "true"}, []string{f.String(), u.String(), tr.String()})
}
