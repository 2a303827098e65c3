package httpauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/httpauth"
)

const (
	albSigner = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188"
	albIssuer = "https://issuer.example.com"
	albClient = "client-1"
	albKID    = "12345678-90ab-cdef-1234-567890abcdef"
)

var albNow = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// alb signs as an Application Load Balancer does.
type alb struct {
	t   testing.TB
	key *ecdsa.PrivateKey
}

func newALB(t testing.TB) *alb {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &alb{t, key}
}

func (a *alb) head() map[string]any {
	return map[string]any{"typ": "JWT", "kid": albKID, "alg": "ES256", "iss": albIssuer, "client": albClient, "signer": albSigner, "exp": albNow.Add(2 * time.Minute).Unix()}
}

func (a *alb) sign(head map[string]any, body string, encoding *base64.Encoding) string {
	raw, err := json.Marshal(head)
	require.NoError(a.t, err)
	text := encoding.EncodeToString(raw) + "." + encoding.EncodeToString([]byte(body))
	signature, err := jwt.SigningMethodES256.Sign(text, a.key)
	require.NoError(a.t, err)
	return text + "." + encoding.EncodeToString(signature)
}

func (a *alb) verifier(change func(*httpauth.DataOptions)) *httpauth.DataVerifier {
	o := httpauth.DataOptions{
		Signer: albSigner, Issuer: albIssuer, Client: albClient, Now: func() time.Time { return albNow },
		Key: func(_ context.Context, kid string) (*ecdsa.PublicKey, error) {
			if kid != albKID {
				return nil, fmt.Errorf("%w: no such key", httpauth.ErrData)
			}
			return &a.key.PublicKey, nil
		},
	}
	if change != nil {
		change(&o)
	}
	v, err := httpauth.NewDataVerifier(o)
	require.NoError(a.t, err)
	return v
}

const albBody = `{"sub":"alice","email":"alice@example.com"}`

func TestData(t *testing.T) {
	a := newALB(t)
	d, err := a.verifier(nil).Verify(t.Context(), a.sign(a.head(), albBody, base64.URLEncoding))
	require.NoError(t, err)
	require.Equal(t, "alice", d.Claim("sub"))
	require.Empty(t, d.Claim("none"))
	require.Equal(t, albNow.Add(2*time.Minute).Unix(), d.Expires.Unix())
	for _, change := range []func(*httpauth.DataOptions){
		func(o *httpauth.DataOptions) { o.Signer = "" }, func(o *httpauth.DataOptions) { o.Issuer = "" }, func(o *httpauth.DataOptions) { o.Client = "" },
		func(o *httpauth.DataOptions) { o.Key = nil }, func(o *httpauth.DataOptions) { o.Now = nil },
	} {
		o := httpauth.DataOptions{Signer: "a", Issuer: "b", Client: "c", Now: time.Now, Key: func(context.Context, string) (*ecdsa.PublicKey, error) { return nil, nil }}
		change(&o)
		_, err := httpauth.NewDataVerifier(o)
		require.Error(t, err)
	}
}

// TestThreatData holds that another's signature, another's key and another form
// are refused. Each differs from TestData in one thing.
func TestThreatData(t *testing.T) {
	a, other := newALB(t), newALB(t)
	set := func(name string, value any) string {
		h := a.head()
		if value == nil {
			delete(h, name)
		} else {
			h[name] = value
		}
		return a.sign(h, albBody, base64.URLEncoding)
	}
	good := a.sign(a.head(), albBody, base64.URLEncoding)
	parts := strings.Split(good, ".")
	for name, text := range map[string]string{
		"another's ALB":        set("signer", strings.Replace(albSigner, "shop", "evil", 1)),
		"no signer":            set("signer", nil),
		"another issuer":       set("iss", albIssuer+"/"),
		"another client":       set("client", "client-2"),
		"a client list":        set("client", []string{albClient}),
		"expired":              set("exp", albNow.Unix()),
		"no exp":               set("exp", nil),
		"an exp of text":       set("exp", "9999999999"),
		"an exp of a fraction": set("exp", 1e300),
		"alg none":             set("alg", "none"),
		"alg HS256":            set("alg", "HS256"),
		"alg in lower case":    set("alg", "es256"),
		"crit":                 set("crit", []string{"exp"}),
		"a kid as path":        set("kid", "../../../../../../../../etc/passwd-xx"),
		"a kid in capitals":    set("kid", strings.ToUpper(albKID)),
		"another kid":          set("kid", strings.Replace(albKID, "1", "2", 1)),
		"another's key":        other.sign(a.head(), albBody, base64.URLEncoding),
		"another body":         parts[0] + "." + base64.URLEncoding.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"two parts":            parts[0] + "." + parts[1],
		"four parts":           good + ".",
		"a sub twice":          a.sign(a.head(), `{"sub":"alice","sub":"root"}`, base64.URLEncoding),
		"no object":            a.sign(a.head(), `"alice"`, base64.URLEncoding),
		"without padding":      a.sign(a.head(), albBody+" ", base64.RawURLEncoding),
		"a line break":         parts[0] + "\n." + parts[1] + "." + parts[2],
		"too long":             a.sign(a.head(), `{"sub":"`+strings.Repeat("a", 20_000)+`"}`, base64.URLEncoding),
		"empty":                "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.verifier(nil).Verify(t.Context(), text)
			require.ErrorIs(t, err, httpauth.ErrData)
		})
	}
	_, err := a.verifier(func(o *httpauth.DataOptions) {
		o.Key = func(context.Context, string) (*ecdsa.PublicKey, error) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			return &key.PublicKey, err
		}
	}).Verify(t.Context(), good)
	require.ErrorIs(t, err, httpauth.ErrData, "a key of another curve")
}

// TestDataKeys fetches each key once, and asks for no other after one that was
// not there.
func TestDataKeys(t *testing.T) {
	a := newALB(t)
	der, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
	require.NoError(t, err)
	var asked atomic.Int32
	down := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case down:
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/alb-keys/"+albKID:
			_ = pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	now := albNow
	keys, err := httpauth.NewDataKeys(s.URL+"/alb-keys", nil, func() time.Time { return now })
	require.NoError(t, err)
	v := a.verifier(func(o *httpauth.DataOptions) { o.Key = keys.Key })
	for range 3 {
		_, err = v.Verify(t.Context(), a.sign(a.head(), albBody, base64.URLEncoding))
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, asked.Load())
	other := strings.Repeat("0", 36)
	for range 3 {
		_, err = keys.Key(t.Context(), other)
		require.ErrorIs(t, err, httpauth.ErrData)
	}
	require.EqualValues(t, 2, asked.Load())
	now, down = now.Add(2*time.Second), true
	_, err = keys.Key(t.Context(), other)
	require.Error(t, err)
	require.False(t, errors.Is(err, httpauth.ErrData), "an outage is not the client's fault")
	_, err = keys.Key(t.Context(), "../"+albKID)
	require.ErrorIs(t, err, httpauth.ErrData)
	require.EqualValues(t, 3, asked.Load())
	for _, address := range []string{"http://example.com/keys", "ftp://example.com", "https://u:p@example.com", "https://example.com/?a", ""} {
		_, err := httpauth.NewDataKeys(address, nil, time.Now)
		require.Error(t, err, address)
	}
}

// TestProtect holds that a handler sees who was verified and nothing beside.
func TestProtect(t *testing.T) {
	a := newALB(t)
	good := a.sign(a.head(), albBody, base64.URLEncoding)
	outage := false
	v := a.verifier(func(o *httpauth.DataOptions) {
		key := o.Key
		o.Key = func(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
			if outage {
				return nil, errors.New("down")
			}
			return key(ctx, kid)
		}
	})
	h := v.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, ok := httpauth.DataFrom(r.Context())
		require.True(t, ok)
		require.Empty(t, r.Header["X-Amzn-Oidc-Identity"])
		require.Empty(t, r.Header["X_amzn_oidc_data"])
		_, _ = w.Write([]byte(d.Claim("sub")))
	}))
	ask := func(values ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["X-Amzn-Oidc-Data"] = values
		r.Header.Set("X-Amzn-Oidc-Identity", "root")
		r.Header["X_amzn_oidc_data"] = []string{"root"}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	require.Equal(t, "alice", ask(good).Body.String())
	require.Equal(t, http.StatusUnauthorized, ask().Code)
	require.Equal(t, http.StatusUnauthorized, ask(good, good).Code)
	require.Equal(t, http.StatusUnauthorized, ask(good+"A").Code)
	outage = true
	require.Equal(t, http.StatusServiceUnavailable, ask(good).Code)
}

func FuzzData(f *testing.F) {
	a := newALB(f)
	f.Add(a.sign(a.head(), albBody, base64.URLEncoding))
	f.Add("e30=.e30=.AA==")
	v := a.verifier(nil)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := v.Verify(t.Context(), text); err != nil {
			require.ErrorIs(t, err, httpauth.ErrData)
		}
	})
}
