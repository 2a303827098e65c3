package playground_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/playground"
)

// FuzzAnswer holds that any question has an answer that is bounded JSON, that
// what has a fault is not decided, and that a row is kept if it is allowed.
func FuzzAnswer(f *testing.F) {
	for _, q := range examples(f) {
		for _, ask := range []string{playground.AskDecision, playground.AskProof} {
			q.Ask = ask
			text, err := json.Marshal(q)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Add([]byte(`{"ask": "decision", "policy": "{}", "rows": "[[1], {}", "context": "{\"a\"", "session": "\""}`))
	f.Add([]byte(`{"ask": "decision", "rows": "{\"a\": {\"b\": 1}, \"a\"", "keyType": "N", "partitionKey": "a"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a reply
		at := now()
		hurried := func() time.Time { at = at.Add(time.Second); return at } // proofs are to end soon here
		out := playground.Answer(t.Context(), text, hurried)
		require.NoError(t, json.Unmarshal(out, &a))
		require.Less(t, len(out), 16<<20)
		if a.Error != "" {
			require.Nil(t, a.Decision)
			return
		}
		for _, p := range a.Faults {
			require.NotEmpty(t, p.Text)
			if !slices.Contains([]string{"partitionKey", "rows", "owner", "other"}, p.Part) {
				require.Nil(t, a.Decision, "%+v", p)
			}
		}
		for _, r := range a.Rows {
			require.Equal(t, r.Kept, r.Outcome == "allowed" && a.Filter.Error == "")
		}
	})
}
