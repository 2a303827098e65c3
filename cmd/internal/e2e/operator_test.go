package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// of returns where something of a server listens.
func (s *rowanServer) of(t *testing.T, name string) (at string) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(s.out)
		require.NoError(t, err)
		_, after, ok := strings.Cut(string(text), name+" on ")
		if ok = ok && strings.Contains(after, "\n"); ok {
			at = strings.Fields(after)[0]
		}
		return ok
	}, 20*time.Second, 5*time.Millisecond)
	return "http://" + at
}

// TestOperatorPage looks at the operator's page with Chromium.
func TestOperatorPage(t *testing.T) {
	t.Parallel()
	node, dir := nodeFolder(t)
	chromium := needs.Chromium(t)
	const table, hostile = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores", `<img src=x onerror=owned=1>`
	server := startRowan(t, nil, "--dev", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--audit", filepath.Join(t.TempDir(), "log"), "--audit-mask", "dynamodb:LeadingKeys")
	decide := func(resource, row string) (digest string) {
		in, err := json.Marshal(map[string]any{
			"subject": map[string]any{"principal": map[string]string{"principal": "Player", "identityId": "us-east-1:aaaa"}},
			"action":  "dynamodb:GetItem", "resource": resource, "context": map[string][]string{"dynamodb:LeadingKeys": {row}},
		})
		require.NoError(t, err)
		w, err := http.Post(server.of(t, "answering http")+"/v1/decide", "application/json", strings.NewReader(string(in)))
		require.NoError(t, err)
		text, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		var out struct{ Bundle struct{ Digest string } }
		require.NoError(t, json.Unmarshal(text, &out))
		require.NotEmpty(t, out.Bundle.Digest, "%s", text)
		return out.Bundle.Digest
	}
	decide(table, "us-east-1:bbbb")
	decide("arn:aws:s3:::scores/"+hostile, "us-east-1:aaaa")
	told, err := json.Marshal(map[string]any{
		"admin": server.of(t, "answering operators"), "chromium": chromium, "table": table, "hostile": hostile, "digest": decide(table, "us-east-1:aaaa"),
	})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "operator.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ROWAN_E2E="+string(told))
	runChecks(t, cmd)
}
