package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/gateway"
)

// TestRecords has every decision recorded before anything comes of it.
func TestRecords(t *testing.T) {
	forwarded, counted := 0, 0
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		forwarded++
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	defer upstream.Close()
	var out bytes.Buffer
	var log *audit.Log
	url := newDynamo(t, upstream.URL, func(o *gateway.Options) {
		var err error
		log, err = audit.OpenStream(audit.Options{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Now: o.Now, Log: o.Log}, &out)
		require.NoError(t, err)
		o.Count = func(at time.Time, n int) {
			require.False(t, at.IsZero())
			counted += n
		}
		o.Record = func(ctx context.Context, r *audit.Record) error { return log.Write(ctx, r) }
	})
	ann := dynamoClient(url, keys["ann"], secretOf("ann"))
	ask := func(user string) error {
		_, err := ann.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Scores"), Key: key(user, "go")})
		return err
	}
	require.NoError(t, ask("ann"))
	requireCode(t, ask("bob"), "AccessDeniedException")
	require.NoError(t, log.Close())
	// What cannot be recorded is not done, allowed or not.
	requireCode(t, ask("ann"), "ServiceUnavailableException")
	requireCode(t, ask("bob"), "ServiceUnavailableException")
	require.Equal(t, 1, forwarded)
	require.Equal(t, 4, counted)

	lines := bytes.Split(out.Bytes(), []byte("\n"))
	require.Len(t, lines, 5) // with two heads, and behind the last newline
	for i, want := range []string{"allowed", "implicitDeny"} {
		var x struct {
			ID, Kind, Principal, Client, Action, Decision, DecidedBy string
			Keys                                                     map[string][]string
			Statements                                               []struct{ Policy string }
		}
		require.NoError(t, json.Unmarshal(lines[1+i], &x))
		require.Equal(t, want, x.Decision)
		require.Equal(t, "dynamodb", x.Kind)
		require.Equal(t, "dynamodb:GetItem", x.Action)
		require.Equal(t, "127.0.0.1", x.Client)
		require.Equal(t, "arn:aws:iam::111122223333:user/ann", x.Principal)
		require.Equal(t, []string{[]string{"ann", "bob"}[i]}, x.Keys["dynamodb:LeadingKeys"])
		require.Equal(t, []string{"ann"}, x.Keys["aws:username"])
		require.Len(t, x.ID, 32)
		require.Len(t, x.Statements, 1-i)
	}
}
