package oidc_test

import (
	"compress/gzip"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func errorIs(err, target error) bool { return errors.Is(err, target) }

// endless writes until nobody reads any more.
func endless(w http.ResponseWriter, _ *http.Request) {
	answer(w, `{"keys":[`)
	for {
		if _, err := w.Write([]byte(strings.Repeat("[],", 1000))); err != nil {
			return
		}
	}
}

// zipped is small on the wire and endless when it is unpacked.
func zipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	for range 100 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			return
		}
	}
	_ = z.Close()
}

// A provider's name that leads home, or to where a cloud keeps credentials, is
// refused when it is dialled: after it was resolved, so that a second answer of
// a name server does not help.
func TestThreatSSRF(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	closed := oidc.GuardedClient(oidc.GuardOptions{Roots: p.roots()})
	r, _ := p.remote(t, func(o *oidc.RemoteOptions) { o.Client = closed })
	require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)
	r, _ = p.remote(t, func(o *oidc.RemoteOptions) { o.Client, o.KeysURL = closed, "" })
	require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)
	require.Zero(t, p.fetches.Load()+p.found.Load())

	open, _ := p.remote(t, nil)
	require.NoError(t, has(t, open, "rsa"), "the same with loopback allowed")

	port := p.URL[strings.LastIndexByte(p.URL, ':'):]
	for _, address := range []string{
		"https://localhost" + port, p.URL, "https://127.1.2.3" + port, "https://[::ffff:127.0.0.1]" + port, "https://0.0.0.0" + port,
		"https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://192.168.1.1/",
	} {
		answer, err := closed.Get(address)
		require.ErrorContains(t, err, "address is not public", address)
		require.Nil(t, answer)
	}
}

func TestGuardedClientSpeaksHTTPSAlone(t *testing.T) {
	p := newProvider(t)
	for _, address := range []string{"http://192.0.2.1/", "http://localhost.example.com/", "http://0.0.0.0/", "ftp://127.0.0.1/", "file:///etc/passwd"} {
		_, err := p.client().Get(address)
		require.ErrorContains(t, err, "address is not https")
	}
	_, err := oidc.GuardedClient(oidc.GuardOptions{}).Get("http://127.0.0.1:1/")
	require.ErrorContains(t, err, "address is not https")
	_, err = oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: true}).Get(p.URL + "/keys")
	require.ErrorContains(t, err, "certificate", "an authority that nobody vouches for")
}

func TestGuardedClientFollowsNothing(t *testing.T) {
	to := newProvider(t, aKey("rsa"))
	p := newProvider(t)
	p.serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to.URL+"/keys", http.StatusFound) })
	answer, err := p.client().Get(p.URL + "/keys")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusFound, answer.StatusCode)
	require.Zero(t, to.fetches.Load())
}

// A provider under development may be one without TLS, but only on this machine
// and only where that was allowed.
func TestProviderWithoutTLS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, string(jwks(t, aKey("rsa")))) }))
	defer server.Close()
	o := oidc.RemoteOptions{
		Issuer: server.URL, KeysURL: server.URL + "/keys", Client: oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: true}),
		AllowLoopback: true, Now: func() time.Time { return now },
	}
	r, err := oidc.NewRemote(o)
	require.NoError(t, err)
	require.NoError(t, has(t, r, "rsa"))
	o.AllowLoopback = false
	_, err = oidc.NewRemote(o)
	require.ErrorContains(t, err, "address is not https")
	for _, issuer := range []string{"http://idp.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://LOCALHOST.", "http://[::]"} {
		require.Error(t, oidc.CheckAddress(issuer, true), issuer)
	}
	for _, issuer := range []string{"http://localhost:8080/realms/a", "http://[::1]:8080", "http://127.0.0.1"} {
		require.NoError(t, oidc.CheckAddress(issuer, true))
		require.Error(t, oidc.CheckAddress(issuer, false))
	}
}
