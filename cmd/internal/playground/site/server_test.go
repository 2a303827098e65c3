package site_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/playground"
	"github.com/rowan-authz/rowan/cmd/internal/playground/site"
)

// TestServer holds who is answered, and with what.
func TestServer(t *testing.T) {
	h, err := site.New(func() time.Time { return time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) })
	require.NoError(t, err)
	const question = `{"ask": "decision"}`
	do := func(method, path, body string, change func(*http.Request)) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8084"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	for _, x := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		want                     int
	}{
		{"the page", "GET", "/", "", nil, 200},
		{"its script", "GET", "/page.js", "", nil, 200},
		{"its examples", "GET", "/examples.json", "", nil, 200},
		{"a file that is not of this page", "GET", "/worker.js", "", nil, 404},
		{"a file beyond", "GET", "/../server.go", "", nil, 307},
		{"a question", "POST", "/answer", question, nil, 200},
		{"a question from here by another name", "POST", "/answer", question, func(r *http.Request) { r.Host = "localhost:1" }, 200},
		{"a question by IPv6", "POST", "/answer", question, func(r *http.Request) { r.Host = "[::1]:1" }, 200},
		{"a question by a name that points here", "POST", "/answer", question, func(r *http.Request) { r.Host = "evil.example:8084" }, 421},
		{"the page by that name", "GET", "/", "", func(r *http.Request) { r.Host = "evil.example:8084" }, 421},
		{"a question of another site's page", "POST", "/answer", question, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"a question of its own page", "POST", "/answer", question, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 200},
		{"a form", "POST", "/answer", question, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"a question that is too large", "POST", "/answer", strings.Repeat(" ", playground.MaxQuestion+1), nil, 413},
		{"a question by GET", "GET", "/answer", "", nil, 405},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := do(x.method, x.path, x.body, x.change)
			require.Equal(t, x.want, w.StatusCode)
		})
	}
	page := do("GET", "/", "", nil)
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; script-src 'self';")
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "nosniff", page.Header.Get("X-Content-Type-Options"))
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.NotContains(t, string(text), "http://")
	require.NotContains(t, string(text), "https://")
	answer := do("POST", "/answer", question, nil)
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	var out struct{ Faults []json.RawMessage }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&out))
	require.NotEmpty(t, out.Faults)
}
