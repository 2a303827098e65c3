package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGoUsage: people and credentials are counted, refusals are not, and who
// may not see it does not.
func TestGoUsage(t *testing.T) {
	f := serveShop(t)
	f.signUp("jane")
	f.signUp("joe")
	tokens := f.signIn("jane")
	f.signIn("jane")
	for range 3 {
		_, _, err := f.exchange(rulesPool, logins(tokens.IdToken))
		require.NoError(t, err)
	}
	_, _, err := f.exchange(closedPool, nil)
	require.Error(t, err)

	status, month := f.ask(operatorKey, operatorSecret, "/admin/usage", map[string]string{})
	require.Equal(t, http.StatusOK, status, "%v", month)
	require.Regexp(t, `^\d{4}-\d\d$`, month["month"])
	users := map[string]float64{}
	for _, p := range month["userPools"].([]any) {
		x := p.(map[string]any)
		users[x["pool"].(string)] = x["activeUsers"].(float64)
	}
	require.Equal(t, float64(2), users[userPool])
	exchanged := map[string]float64{}
	for _, p := range month["identityPools"].([]any) {
		x := p.(map[string]any)
		exchanged[x["pool"].(string)] = x["authentications"].(float64)
	}
	require.Equal(t, float64(3), exchanged[rulesPool])
	require.Contains(t, exchanged, closedPool)
	require.Zero(t, exchanged[closedPool])
	require.Equal(t, float64(0), month["decisions"])

	status, answer := f.ask(operatorKey, operatorSecret, "/admin/usage", map[string]string{"Month": "2026-13"})
	require.Equal(t, []any{http.StatusBadRequest, "InvalidParameterException"}, []any{status, answer["__type"]})
	status, answer = f.ask(viewerKey, viewerSecret, "/admin/usage", map[string]string{})
	require.Equal(t, []any{http.StatusBadRequest, "AccessDeniedException"}, []any{status, answer["__type"]})
}
