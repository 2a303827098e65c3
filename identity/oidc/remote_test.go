package oidc_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// provider is an issuer on this machine.
type provider struct {
	*httptest.Server
	fetches atomic.Int64 // of keys
	found   atomic.Int64 // discoveries
	keys    atomic.Value // an http.HandlerFunc
	config  atomic.Value // an http.HandlerFunc
}

func newProvider(t testing.TB, keys ...object) *provider {
	t.Helper()
	p := &provider{}
	p.publish(t, keys...)
	p.config.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, text(t, object{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}))
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		p.keys.Load().(http.HandlerFunc)(w, r)
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.found.Add(1)
		p.config.Load().(http.HandlerFunc)(w, r)
	})
	p.Server = httptest.NewUnstartedServer(mux)
	p.Config.ErrorLog = discard()
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write([]byte(body))
}

// publish sets what the provider's key set is.
func (p *provider) publish(t testing.TB, keys ...object) {
	set := string(jwks(t, keys...))
	p.serve(func(w http.ResponseWriter, _ *http.Request) { answer(w, set) })
}

func (p *provider) serve(f http.HandlerFunc) { p.keys.Store(f) }

func (p *provider) fail() {
	p.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
}

func (p *provider) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	return roots
}

func (p *provider) client() *http.Client {
	return oidc.GuardedClient(oidc.GuardOptions{AllowLoopback: true, Roots: p.roots()})
}

// remote returns the provider's set as it is fetched from /keys.
func (p *provider) remote(t testing.TB, change func(*oidc.RemoteOptions)) (*oidc.Remote, *clock) {
	t.Helper()
	c := &clock{at: now}
	o := oidc.RemoteOptions{Issuer: p.URL, KeysURL: p.URL + "/keys", Client: p.client(), Now: c.now}
	if change != nil {
		change(&o)
	}
	r, err := oidc.NewRemote(o)
	require.NoError(t, err)
	return r, c
}

func has(t testing.TB, r *oidc.Remote, kid string) error {
	t.Helper()
	_, err := r.Key(t.Context(), kid, "RS256")
	return err
}

func aKey(id string) object { return rsaJWK(id, &rsaKey().PublicKey) }

func TestRemoteVerifiesWithFetchedKeys(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, _ := p.remote(t, func(o *oidc.RemoteOptions) { o.KeysURL = "" })
	require.Zero(t, p.fetches.Load(), "nothing is fetched before it is needed")
	e := expect()
	e.Issuers = []string{p.URL}
	for range 10 {
		_, err := oidc.Verify(t.Context(), rs256(t, header(nil), claims(object{"iss": p.URL})), r, e, now)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, p.fetches.Load())
	require.EqualValues(t, 1, p.found.Load())
}

func TestRemoteTakesOnlyTheIssuersConfiguration(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	keys := p.URL + "/keys"
	for name, c := range map[string]struct {
		document string
		taken    bool
	}{
		"genuine":              {text(t, object{"issuer": p.URL, "jwks_uri": keys, "more": []string{"x"}}), true},
		"of another issuer":    {text(t, object{"issuer": "https://evil.example", "jwks_uri": keys}), false},
		"slash behind":         {text(t, object{"issuer": p.URL + "/", "jwks_uri": keys}), false},
		"of no issuer":         {text(t, object{"jwks_uri": keys}), false},
		"without address":      {text(t, object{"issuer": p.URL}), false},
		"plain http":           {text(t, object{"issuer": p.URL, "jwks_uri": strings.Replace(keys, "https", "http", 1)}), false},
		"a file":               {text(t, object{"issuer": p.URL, "jwks_uri": "file:///etc/passwd"}), false},
		"user in the address":  {text(t, object{"issuer": p.URL, "jwks_uri": strings.Replace(keys, "https://", "https://a@", 1)}), false},
		"a number":             {text(t, object{"issuer": p.URL, "jwks_uri": 1}), false},
		"two addresses":        {fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"jwks_uri":"https://evil.example"}`, p.URL, keys), false},
		"two names, case only": {fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"JWKS_URI":"https://evil.example"}`, p.URL, keys), false},
		"not JSON":             {"<html>", false},
		"an array":             {"[]", false},
		"empty":                {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			p.config.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, c.document) }))
			r, _ := p.remote(t, func(o *oidc.RemoteOptions) { o.KeysURL = "" })
			if c.taken {
				require.NoError(t, has(t, r, "rsa"))
				return
			}
			require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)
		})
	}
}

// A client of one's own may call this machine and follow redirects: neither
// what discovery says nor what the provider answers makes use of it.
func TestThreatLaxClient(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, string(jwks(t, aKey("rsa")))) }))
	defer plain.Close()
	p := newProvider(t, aKey("rsa"))
	lax := func(o *oidc.RemoteOptions) { o.Client, o.KeysURL = p.Client(), "" }
	r, _ := p.remote(t, lax)
	require.NoError(t, has(t, r, "rsa"))

	p.config.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, text(t, object{"issuer": p.URL, "jwks_uri": plain.URL}))
	}))
	r, _ = p.remote(t, lax)
	require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)

	p.serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) })
	r, _ = p.remote(t, func(o *oidc.RemoteOptions) { o.Client = p.Client() })
	require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)
}

// What discovery said first holds: the address of the keys cannot be changed
// under a running server.
func TestThreatDiscoveryMoves(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, c := p.remote(t, func(o *oidc.RemoteOptions) { o.KeysURL = "" })
	require.NoError(t, has(t, r, "rsa"))
	p.config.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, text(t, object{"issuer": p.URL, "jwks_uri": p.URL + "/elsewhere"}))
	}))
	c.pass(2 * time.Hour)
	require.NoError(t, has(t, r, "rsa"))
	require.EqualValues(t, 1, p.found.Load())
	require.EqualValues(t, 2, p.fetches.Load())
}

// A thousand tokens with unknown kids cause one fetch, and known keys are
// answered meanwhile.
func TestThreatUnknownKeyFlood(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, c := p.remote(t, nil)
	require.NoError(t, has(t, r, "rsa"))
	require.EqualValues(t, 1, p.fetches.Load())

	flood := func() {
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				if err := has(t, r, fmt.Sprint("unknown-", i)); !errorIs(err, oidc.ErrUnknownKey) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
	}
	c.pass(29 * time.Second)
	flood()
	require.EqualValues(t, 1, p.fetches.Load(), "too early for another fetch")

	c.pass(time.Second)
	release, entered := make(chan struct{}), make(chan struct{})
	p.serve(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		answer(w, string(jwks(t, aKey("rsa"))))
	})
	var flooded sync.WaitGroup
	flooded.Go(flood)
	<-entered
	require.NoError(t, has(t, r, "rsa"), "a known key must not wait for strangers")
	close(release)
	flooded.Wait()
	require.EqualValues(t, 2, p.fetches.Load())
}

// A thousand logins after a start cause one fetch.
func TestThreatThunderingHerd(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, _ := p.remote(t, func(o *oidc.RemoteOptions) { o.KeysURL = "" })
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if err := has(t, r, "rsa"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, p.fetches.Load())
	require.EqualValues(t, 1, p.found.Load())
}

// A key that is withdrawn is refused after the set's age; a refresh ends it at
// once.
func TestThreatWithdrawnKeyCached(t *testing.T) {
	p := newProvider(t, aKey("old"), aKey("new"))
	r, c := p.remote(t, nil)
	require.NoError(t, has(t, r, "old"))
	p.publish(t, aKey("new"))
	c.pass(44 * time.Minute)
	require.NoError(t, has(t, r, "old"))
	c.pass(16 * time.Minute)
	require.ErrorIs(t, has(t, r, "old"), oidc.ErrUnknownKey)
	require.NoError(t, has(t, r, "new"))

	p.publish(t)
	require.NoError(t, has(t, r, "new"))
	require.NoError(t, r.Refresh(t.Context()))
	require.ErrorIs(t, has(t, r, "new"), oidc.ErrUnknownKey, "an empty set is an answer")
}

// A set that is three quarters old is fetched again while it still answers.
func TestRemoteFetchesAheadOfTime(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, c := p.remote(t, nil)
	require.NoError(t, has(t, r, "rsa"))
	fetched := make(chan struct{})
	p.serve(func(http.ResponseWriter, *http.Request) { close(fetched) })
	c.pass(45 * time.Minute)
	require.NoError(t, has(t, r, "rsa"))
	<-fetched
	require.NoError(t, has(t, r, "rsa"))
}

func TestRemoteFollowsRotation(t *testing.T) {
	p := newProvider(t, aKey("old"))
	r, c := p.remote(t, nil)
	require.NoError(t, has(t, r, "old"))
	p.publish(t, aKey("old"), aKey("new"))
	require.ErrorIs(t, has(t, r, "new"), oidc.ErrUnknownKey)
	c.pass(30 * time.Second)
	require.NoError(t, has(t, r, "new"))
}

// While the provider is away the last set answers, up to a bound, and attempts
// become rare.
func TestRemoteOutlivesItsProvider(t *testing.T) {
	p := newProvider(t, aKey("rsa"))
	r, c := p.remote(t, func(o *oidc.RemoteOptions) { o.MaxStale = 3 * time.Hour })
	require.NoError(t, has(t, r, "rsa"))
	p.fail()
	c.pass(time.Hour)
	for range 100 {
		require.NoError(t, has(t, r, "rsa"))
	}
	require.EqualValues(t, 2, p.fetches.Load(), "no second attempt within the same second")
	for range 3600 {
		c.pass(time.Second)
		require.NoError(t, has(t, r, "rsa"))
	}
	require.Less(t, p.fetches.Load(), int64(2+9+3600/300+1))
	c.pass(time.Hour - time.Second)
	require.NoError(t, has(t, r, "rsa"))
	c.pass(time.Second)
	require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable, "three hours are over")

	p.publish(t, aKey("rsa"))
	c.pass(5 * time.Minute)
	require.NoError(t, has(t, r, "rsa"))
}

// Nothing that a provider answers makes us fetch more, read more, or forget the
// set that we have.
func TestThreatKeySetBomb(t *testing.T) {
	padding := strings.Repeat("x", 150<<10)
	many := func(n int) string {
		keys := make([]object, n)
		for i := range keys {
			keys[i] = aKey(fmt.Sprint("k", i))
		}
		return string(jwks(t, keys...))
	}
	elsewhere := newProvider(t, aKey("rsa"))
	p := newProvider(t, aKey("rsa"))
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		taken bool
	}{
		"twenty keys":     {func(w http.ResponseWriter, _ *http.Request) { answer(w, many(20)) }, true},
		"21 keys":         {func(w http.ResponseWriter, _ *http.Request) { answer(w, many(21)) }, false},
		"1000 keys":       {func(w http.ResponseWriter, _ *http.Request) { answer(w, many(1000)) }, false},
		"too long":        {func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"keys":[],"x":"`+padding+`"}`) }, false},
		"endless":         {endless, false},
		"endless, zipped": {zipped, false},
		"deep":            {func(w http.ResponseWriter, _ *http.Request) { answer(w, strings.Repeat("[", 100_000)) }, false},
		"not JSON":        {func(w http.ResponseWriter, _ *http.Request) { answer(w, "keys") }, false},
		"no keys":         {func(w http.ResponseWriter, _ *http.Request) { answer(w, "{}") }, false},
		"keys twice":      {func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"keys":[],"Keys":[]}`) }, false},
		"page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(many(1)))
		}, false},
		"no type": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = w.Write([]byte(many(1)))
		}, false},
		"its own type": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_, _ = w.Write([]byte(many(1)))
		}, true},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/keys", http.StatusFound)
		}, false},
		"redirect home": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/.well-known/openid-configuration", http.StatusTemporaryRedirect)
		}, false},
		"not found": {http.NotFound, false},
		"another status": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(many(1)))
		}, false},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, false},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			answer(w, `{"keys":[`)
		}, false},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p.publish(t, aKey("rsa"))
			r, _ := p.remote(t, nil)
			require.NoError(t, has(t, r, "rsa"))
			p.serve(c.serve)
			err := r.Refresh(t.Context())
			if c.taken {
				require.NoError(t, err)
				require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnknownKey)
				require.NoError(t, has(t, r, "k0"))
				return
			}
			require.ErrorIs(t, err, oidc.ErrUnavailable)
			require.NoError(t, has(t, r, "rsa"), "the old set is kept")
		})
	}
	require.Zero(t, elsewhere.fetches.Load())
	require.Zero(t, p.found.Load())
}

// A provider that hangs blocks nobody longer than the caller likes, and nobody
// who needs nothing of it.
func TestThreatProviderHangs(t *testing.T) {
	p := newProvider(t)
	release := make(chan struct{})
	defer close(release)
	p.serve(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	r, _ := p.remote(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Key(ctx, "rsa", "RS256")
	require.ErrorIs(t, err, oidc.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, r.Refresh(ctx), context.Canceled)
}

// hanging is a network that never answers, and counts who asks.
type hanging struct{ asked atomic.Int64 }

func (h *hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked.Add(1)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A provider that hangs is given five seconds, even by a patient client.
func TestThreatProviderHangsForFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &hanging{}
		r, err := oidc.NewRemote(oidc.RemoteOptions{
			Issuer: "https://idp.example.com", KeysURL: "https://idp.example.com/keys", Client: &http.Client{Transport: network}, Now: time.Now,
		})
		require.NoError(t, err)
		begun := time.Now()
		require.ErrorIs(t, has(t, r, "rsa"), oidc.ErrUnavailable)
		require.Equal(t, 5*time.Second, time.Since(begun))
		require.EqualValues(t, 1, network.asked.Load())
	})
}

// Whatever a token's header says of keys, only the issuer's own address is
// asked, and no more often.
func TestThreatHeaderAsAddress(t *testing.T) {
	evil := newProvider(t, rsaJWK("rsa", &otherRSA().PublicKey))
	p := newProvider(t, aKey("rsa"))
	r, _ := p.remote(t, nil)
	require.NoError(t, has(t, r, "rsa"))
	e := expect()
	e.Issuers = []string{p.URL}
	for _, more := range []object{
		{"kid": evil.URL + "/keys"},
		{"kid": "../../dev/null"},
		{"kid": "' or 1=1--"},
		{"jku": evil.URL + "/keys"},
		{"x5u": evil.URL + "/keys"},
		{"jwk": rsaJWK("rsa", &otherRSA().PublicKey)},
		{"jku": evil.URL + "/keys", "kid": evil.URL + "/keys"},
	} {
		token := sign(t, jwt.SigningMethodRS256, otherRSA(), header(more), claims(object{"iss": p.URL}))
		_, err := oidc.Verify(t.Context(), token, r, e, now)
		require.Error(t, err)
	}
	token := sign(t, jwt.SigningMethodRS256, rsaKey(), header(object{"jku": evil.URL + "/keys"}), claims(object{"iss": p.URL}))
	_, err := oidc.Verify(t.Context(), token, r, e, now)
	require.NoError(t, err)
	require.Zero(t, evil.fetches.Load())
	require.Zero(t, evil.found.Load())
	require.EqualValues(t, 1, p.fetches.Load())
}

// One caller that goes away does not end the fetch that others wait for.
func TestRemoteFetchOutlivesItsCaller(t *testing.T) {
	p := newProvider(t)
	release, entered := make(chan struct{}), make(chan struct{})
	p.serve(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		answer(w, string(jwks(t, aKey("rsa"))))
	})
	r, _ := p.remote(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := r.Key(ctx, "rsa", "RS256")
		gone <- err
	}()
	<-entered
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(release)
	require.NoError(t, has(t, r, "rsa"))
	require.EqualValues(t, 1, p.fetches.Load())
}

func TestRemoteWhenTheClockIsSetBack(t *testing.T) {
	p := newProvider(t, aKey("old"))
	r, c := p.remote(t, nil)
	require.NoError(t, has(t, r, "old"))
	p.publish(t, aKey("new"))
	c.pass(-24 * time.Hour)
	require.ErrorIs(t, has(t, r, "old"), oidc.ErrUnknownKey, "a set from the future is not trusted")
	require.NoError(t, has(t, r, "new"))
}

func TestNewRemoteRefuses(t *testing.T) {
	base := oidc.RemoteOptions{Issuer: "https://idp.example.com", Now: func() time.Time { return now }}
	_, err := oidc.NewRemote(base)
	require.NoError(t, err)
	for name, change := range map[string]func(*oidc.RemoteOptions){
		"no clock":              func(o *oidc.RemoteOptions) { o.Now = nil },
		"no issuer":             func(o *oidc.RemoteOptions) { o.Issuer = "" },
		"plain issuer":          func(o *oidc.RemoteOptions) { o.Issuer = "http://idp.example.com" },
		"issuer without host":   func(o *oidc.RemoteOptions) { o.Issuer = "https:///realms/a" },
		"issuer with user":      func(o *oidc.RemoteOptions) { o.Issuer = "https://good@evil.example" },
		"issuer with query":     func(o *oidc.RemoteOptions) { o.Issuer += "?a=b" },
		"issuer with fragment":  func(o *oidc.RemoteOptions) { o.Issuer += "#" },
		"issuer, no scheme":     func(o *oidc.RemoteOptions) { o.Issuer = "idp.example.com" },
		"issuer is no address":  func(o *oidc.RemoteOptions) { o.Issuer = "https://a b" },
		"plain keys":            func(o *oidc.RemoteOptions) { o.KeysURL = "http://idp.example.com/keys" },
		"keys in a file":        func(o *oidc.RemoteOptions) { o.KeysURL = "file:///keys" },
		"age above the limit":   func(o *oidc.RemoteOptions) { o.MaxAge = time.Hour + 1 },
		"age below zero":        func(o *oidc.RemoteOptions) { o.MaxAge = -1 },
		"stale above the limit": func(o *oidc.RemoteOptions) { o.MaxStale = 24*time.Hour + 1 },
		"stale before old":      func(o *oidc.RemoteOptions) { o.MaxAge, o.MaxStale = time.Hour, time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			o := base
			change(&o)
			_, err := oidc.NewRemote(o)
			require.Error(t, err)
		})
	}
}
