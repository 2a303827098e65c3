package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask sends a request to where an operator is answered.
func ask(t *testing.T, c *http.Client, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w, err := c.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Body.Close()) }()
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return w.StatusCode, string(text)
}

func TestServeAnswersOperators(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	s := startServe(t, "--dev", "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--data", dir,
		"--admin-listen", "unix:"+socket, "--metrics-listen", "127.0.0.1:0", "--audit", filepath.Join(dir, "log"), "--audit-mask", "dynamodb:LeadingKeys")
	s.decide("aaaa")
	_, other := s.decide("bbbb")
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(c.CloseIdleConnections)
	at := "http://localhost"
	info, err := os.Stat(socket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	code, text := ask(t, c, "GET", at+"/metrics", "")
	require.Equal(t, http.StatusOK, code)
	for _, line := range []string{
		`rowan_decisions_total{effect="allowed",kind="decide"} 1`, `rowan_decisions_total{effect="implicitDeny",kind="decide"} 1`,
		`rowan_decision_seconds_count{effect="allowed"} 1`, `rowan_calls_limit{listener="grpc"} 4096`, `rowan_calls_under_way{listener="http"} 0`,
		`rowan_policy_load_total{reason="",result="loaded"} 1`, `rowan_ready 1`, `rowan_audit_dropped_total 0`, `rowan_audit_queue_limit_bytes 8.388608e+06`,
	} {
		require.Contains(t, text, "\n"+line)
	}
	require.NotContains(t, text, "aaaa")
	for path, want := range map[string]string{"/healthz": "healthy", "/readyz": `"ready"`, "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		code, text = ask(t, c, "GET", at+path, "")
		require.Equal(t, http.StatusOK, code, path)
		require.Contains(t, text, want)
	}

	w, err := c.Get(at + "/")
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Regexp(t, `^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; .*form-action 'none'.*frame-ancestors 'none'; require-trusted-types-for 'script'$`,
		w.Header.Get("Content-Security-Policy"))

	// What is decided, masked as in the log, and why.
	code, text = ask(t, c, "GET", at+"/api/decisions?since=1", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, text, other.DecisionID)
	require.Contains(t, text, `"dynamodb:LeadingKeys":["hmac:`)
	require.NotContains(t, text, "bbbb")
	code, text = ask(t, c, "GET", at+"/api/why?id="+other.DecisionID, "")
	require.Equal(t, http.StatusOK, code, text)
	require.Contains(t, text, "dynamodb:LeadingKeys is masked in the log")
	code, _ = ask(t, c, "GET", at+"/api/why?id=none", "")
	require.Equal(t, http.StatusNotFound, code)

	// A question, which is on record as all are.
	const question = `{"principal":"Player","identityId":"us-east-1:aaaa","action":"dynamodb:GetItem",
		"resource":"arn:aws:dynamodb:us-east-1:111122223333:table/GameScores","context":{"dynamodb:LeadingKeys":["us-east-1:%"]}}`
	for row, want := range map[string]string{"aaaa": "allowed", "bbbb": "implicitDeny"} {
		code, text = ask(t, c, "POST", at+"/api/ask", strings.Replace(question, "%", row, 1), "Content-Type", "application/json")
		require.Equal(t, http.StatusOK, code, text)
		var x struct {
			DecisionID, Decision string
			Statements           []struct{ Sid string }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &x))
		require.Equal(t, want, x.Decision)
		require.NotEmpty(t, x.Statements)
		_, text = ask(t, c, "GET", at+"/api/decisions", "")
		require.Contains(t, text, x.DecisionID)
	}

	// What it refuses.
	for _, x := range []struct {
		method, path, body string
		header             []string
		code               int
	}{
		{"POST", "/api/ask", question, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		{"POST", "/api/ask", question, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"POST", "/api/ask", question, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, http.StatusForbidden},
		{"POST", "/api/ask", `{"principals":"Player"}`, []string{"Content-Type", "application/json"}, http.StatusBadRequest},
		{"POST", "/api/ask", `{"principal":"Nobody"}`, []string{"Content-Type", "application/json"}, http.StatusBadRequest},
		{"GET", "/api/state", "", []string{"Host", "evil.example"}, http.StatusMisdirectedRequest},
		{"GET", "/", "", []string{"Host", "127.0.0.1.evil.example"}, http.StatusMisdirectedRequest},
		{"GET", "/debug/pprof/cmdline", "", nil, http.StatusNotFound},
		{"POST", "/metrics", "", nil, http.StatusMethodNotAllowed},
	} {
		code, text = ask(t, c, x.method, at+x.path, x.body, x.header...)
		require.Equal(t, x.code, code, "%s %s %v: %s", x.method, x.path, x.header, text)
	}

	// Machines elsewhere see metrics and health, and no more.
	at = "http://" + s.at("answering metrics")
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/": 404, "/api/state": 404, "/api/decisions": 404, "/debug/pprof/": 404} {
		code, _ = ask(t, http.DefaultClient, "GET", at+path, "")
		require.Equal(t, want, code, path)
	}
	s.end()
}

func TestServeShowsOperatorsToNobodyElse(t *testing.T) {
	for _, args := range [][]string{
		{"--admin-listen", "0.0.0.0:0"},
		{"--admin-listen", ":0"},
		{"--admin-listen", "127.0.0.1.evil.example:80"},
		{"--admin-listen", "8083"},
		{"--check", "--admin-listen", "0.0.0.0:0"},
		{"--metrics-listen", "0.0.0.0:0"},
	} {
		out, err := runRowan(t, append([]string{"serve", "--dev", "--listen", "127.0.0.1:0"}, args...)...)
		require.Error(t, err, "%v", args)
		require.Contains(t, out, args[len(args)-2], "%v", args)
	}
}
