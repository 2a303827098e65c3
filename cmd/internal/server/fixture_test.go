package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

const (
	demoPool   = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	identities = "AWSCognitoIdentityService."
	users      = "AWSCognitoIdentityProviderService."
	demoKey    = "AKIAROWANDEMO0000001"
)

type silent struct{}

func (silent) Send(context.Context, userpool.Message) error { return nil }

// fixture is a server of the demo's bundle that is called without a network.
type fixture struct {
	t testing.TB
	*Live
	log *bytes.Buffer
	at  time.Time
}

func testOptions(t testing.TB) Options {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	file, err := identity.GenerateKeys(rand.Reader, time.Now())
	require.NoError(t, err)
	s, k, err := identity.ParseKeys(file)
	require.NoError(t, err)
	sessions, err := identity.NewKeyring(s, rand.Reader)
	require.NoError(t, err)
	storage, err := identity.NewKeyring(k, rand.Reader)
	require.NoError(t, err)
	return Options{
		Bundle: b, Store: identity.NewMemory(), Sessions: sessions, Storage: storage, URL: "https://auth.example.com", Sender: silent{},
		Rate:       Rate{PerSecond: 1e6, Burst: 1e6},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Now:        time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
}

func newFixture(t testing.TB, change func(*Options)) *fixture {
	f := &fixture{t: t, log: &bytes.Buffer{}, at: time.Now()}
	o := testOptions(t)
	o.Now = func() time.Time { return f.at }
	o.Log = slog.New(slog.NewJSONHandler(f.log, nil))
	if change != nil {
		change(&o)
	}
	var err error
	f.Live, err = New(context.Background(), o)
	require.NoError(t, err)
	return f
}

// send sends one request from an address.
func (f *fixture) send(method, target, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "RemoteAddr" {
			r.RemoteAddr = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// call calls an operation of a JSON service.
func (f *fixture) call(target, body string, headers ...string) *httptest.ResponseRecorder {
	return f.send(http.MethodPost, "/", json11, body, append([]string{"X-Amz-Target", target}, headers...)...)
}

// requireJSONError holds that a refusal has its four parts, which agree.
func requireJSONError(t testing.TB, w *httptest.ResponseRecorder, status int, code string) (message string) {
	t.Helper()
	require.Equal(t, status, w.Code, "%s", w.Body)
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), "%s", w.Body)
	require.Equal(t, code, body["__type"])
	require.Equal(t, code+":", w.Header().Get("X-Amzn-Errortype"))
	require.NotEmpty(t, w.Header().Get("X-Amzn-Errormessage"))
	require.NotEmpty(t, w.Header().Get("X-Amzn-Requestid"))
	require.NotEmpty(t, w.Header().Get("Date"))
	return body["message"].(string)
}
