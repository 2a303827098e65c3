package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCanonicalPath holds that a path which is taken means the same to whoever
// reads it: decoded it is clean, and decoding it twice changes nothing more.
func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/", "/orders/7", "/a%20b", "/..", "/%2e%2e/x", "//", "/a//b", "/a/", "/%C3%A9", "/a;b", `/a\b`, "/%2F", "/%00", "/%zz", "/%4", "a", "/a?b", "/%25%32%65"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !canonicalPath(s) {
			return
		}
		once, err := url.PathUnescape(s)
		require.NoError(t, err)
		twice, err := url.PathUnescape(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
		clean := path.Clean(once)
		if strings.HasSuffix(once, "/") && clean != "/" {
			clean += "/"
		}
		require.Equal(t, clean, once)
		require.NotContains(t, once, `\`)
		require.Equal(t, strings.Count(s, "/"), strings.Count(once, "/"))
	})
}

// FuzzQuestion holds that whatever JSON is a question, its context has what the
// JSON has.
func FuzzQuestion(f *testing.F) {
	f.Add(own)
	f.Add(`{"context": {"a:b": [1, true, "x"], "c:d": -1e9}, "subject": {"session": {"accessKeyId": "a", "token": "b"}}}`)
	f.Add(`{"context": {"a:b": []}}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/decide", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		x := &exchange{w: httptest.NewRecorder(), r: r}
		var in question
		if x.read(&in, true) != nil {
			return
		}
		q, err := in.message()
		if err != nil {
			return
		}
		require.Len(t, q.GetContext(), len(in.Context))
		for _, k := range q.GetContext() {
			raw := in.Context[k.GetName()]
			require.NotEmpty(t, raw)
			if raw[0] != '[' {
				require.Len(t, k.GetValues(), 1)
			}
		}
	})
}
