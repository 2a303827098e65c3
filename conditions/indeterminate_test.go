package conditions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// TestSetIndeterminate wants Unknown of everything that reads the key, what an absent key would
// satisfy by itself included, and nothing of its neighbours.
func TestSetIndeterminate(t *testing.T) {
	v := conditions.AWS()
	for _, key := range []string{"dynamodb:LeadingKeys", "aws:PrincipalTag/team", "idp.example.com:amr", "aws:CurrentTime"} {
		t.Run(key, func(t *testing.T) {
			c := v.NewContext()
			require.NoError(t, c.Set("aws:username", "ana"))
			require.NoError(t, c.SetIndeterminate(key))
			_, state := c.Value(key)
			require.Equal(t, conditions.Indeterminate, state)

			null, faults := v.Compile("Null", key, []string{"true"}, true)
			require.Empty(t, faults)
			require.Equal(t, conditions.Unknown, null.Test(c, "", ""))

			_, state = c.Value("aws:username")
			require.Equal(t, conditions.Present, state)
		})
	}

	c := v.NewContext()
	require.NoError(t, c.SetIndeterminate("dynamodb:LeadingKeys"))
	all, faults := v.Compile("ForAllValues:StringEquals", "dynamodb:LeadingKeys", []string{"u1"}, true)
	require.Empty(t, faults)
	require.Equal(t, conditions.Unknown, all.Test(c, "", ""), "an absent key would be True here")

	require.NoError(t, c.Set("dynamodb:LeadingKeys", "u1"))
	require.Equal(t, conditions.True, all.Test(c, "", ""), "Set replaces it")
	require.NoError(t, c.SetIndeterminate("DYNAMODB:leadingkeys"))
	require.Equal(t, conditions.Unknown, all.Test(c, "", ""), "it replaces what Set stored, in any case of the name")
	c.Reset(nil)
	require.Equal(t, conditions.True, all.Test(c, "", ""), "Reset forgets it")

	require.ErrorIs(t, c.SetIndeterminate("dynamodb:LeadingKey"), conditions.ErrUnknownKey)
	require.ErrorIs(t, c.SetIndeterminate("nothing"), conditions.ErrKeyName)
}
