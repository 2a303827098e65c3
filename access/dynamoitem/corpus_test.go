package dynamoitem_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/corpus"
)

// checksOf reads a call and derives its checks.
func checksOf(c corpus.Call) ([]dynamoitem.Check, error) {
	op, err := dynamoitem.Parse(c.Scope, c.Operation, c.Body)
	if err != nil {
		return nil, err
	}
	return op.Checks(c.Tables)
}

// kind names the sentinel that an error wraps.
func kind(err error) string {
	for name, sentinel := range map[string]error{
		"operation": dynamoitem.ErrUnknownOperation, "table": dynamoitem.ErrUnknownTable,
		"index": dynamoitem.ErrUnknownIndex, "keys": dynamoitem.ErrKeys,
	} {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return ""
}

// TestCalls is the table of iam-semantics §6.2 to §6.5, and of what is refused.
func TestCalls(t *testing.T) {
	for _, c := range corpus.Calls(t) {
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			checks, err := checksOf(c)
			if c.Checks == nil {
				require.EqualError(t, err, c.Error)
				require.Equal(t, c.Kind, kind(err))
				var of *dynamoitem.Error
				require.ErrorAs(t, err, &of)
				return
			}
			require.NoError(t, err)
			have := make([]corpus.CallCheck, len(checks))
			for i := range checks {
				have[i] = corpus.CallCheck{Action: checks[i].Action, Resource: checks[i].Resource, Context: maps.Collect(checks[i].All())}
			}
			require.Equal(t, c.Checks, have)
		})
	}
}

// TestFill holds the context of a check to what it yields.
func TestFill(t *testing.T) {
	for _, c := range corpus.Calls(t) {
		checks, err := checksOf(c)
		if err != nil {
			continue
		}
		for i := range checks {
			x := conditions.AWS().NewContext()
			require.NoError(t, checks[i].Fill(x), c.Name)
			require.Len(t, maps.Collect(x.All()), len(maps.Collect(checks[i].All())), c.Name)
			for key, want := range checks[i].All() {
				have, state := x.Value(key)
				require.Equal(t, conditions.Present, state, "%s: %s", c.Name, key)
				require.ElementsMatch(t, want, have, "%s: %s", c.Name, key)
			}
		}
	}
}
