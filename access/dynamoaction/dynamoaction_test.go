package dynamoaction_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/policy/catalogue"
)

// TestEveryAction holds the lists to what AWS documents, so that an action that
// is new to the catalogue is looked at by somebody.
func TestEveryAction(t *testing.T) {
	c, err := catalogue.AWS()
	require.NoError(t, err)
	var want []string
	for _, name := range c.Actions("dynamodb") {
		want = append(want, "dynamodb:"+name)
	}
	got := slices.Concat(dynamoaction.Reads(), dynamoaction.Writes(), dynamoaction.Keyless(), dynamoaction.Changes(), dynamoaction.Describes())
	require.ElementsMatch(t, want, got)
	for _, a := range dynamoaction.Describes() {
		require.Contains(t, []string{"Read", "List"}, c.Access("dynamodb", a[len("dynamodb:"):]), a)
	}
}
