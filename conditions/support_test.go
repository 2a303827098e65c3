package conditions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// compile compiles a condition of a document with variables.
func compile(t testing.TB, operator, key string, values ...string) *conditions.Condition {
	t.Helper()
	c, faults := conditions.AWS().Compile(operator, key, values, true)
	require.Empty(t, faults, "%s %s %q", operator, key, values)
	return &c
}

// request fills a context: each row is a key and its values.
func request(t testing.TB, keys ...[]string) *conditions.Context {
	t.Helper()
	c := conditions.AWS().NewContext()
	for _, k := range keys {
		require.NoError(t, c.Set(k[0], k[1:]...))
	}
	return c
}

// test answers a condition on one key of a request.
func test(t testing.TB, x *conditions.Context, operator, key string, values ...string) conditions.Truth {
	t.Helper()
	return compile(t, operator, key, values...).Test(x, "", "")
}

// truth is True or False.
func truth(b bool) conditions.Truth {
	if b {
		return conditions.True
	}
	return conditions.False
}
