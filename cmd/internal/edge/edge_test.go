package edge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

const shop = "arn:aws:execute-api:us-east-1:111122223333:shop/$default/"

// files let players read orders, their own rows over HTTP, and from one network.
func files() fstest.MapFS {
	policy := `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": ["` + shop + `GET/orders/*", "` + shop + `POST/orders"]},
		{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "` + shop + `GET/near", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
		{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "` + shop + `GET/café"},
		{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}`
	return fstest.MapFS{
		"policies/Leaderboard.json": {Data: []byte(policy)},
		"policies/KeepRows.json":    {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)},
		"routes/game.yaml": {Data: []byte(`
hosts: game.example.com
routes:
  - {path: "/rows/{row}", methods: [GET], action: "dynamodb:GetItem", resource: "` + decidetest.Table + `", context: {"dynamodb:LeadingKeys": "{row}"}}
`)},
	}
}

type fixture struct {
	*decidetest.Fixture
	checker *Checker
	t       testing.TB
}

func newFixture(t testing.TB) *fixture {
	f := decidetest.New(t, decidetest.Options{Files: files()})
	c, err := New(Options{Decider: f.Decider, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return &fixture{f, c, t}
}

func (f *fixture) ctx() context.Context {
	return decide.WithPeer(f.t.Context(), &decide.Peer{Local: true})
}

func call(method, target string, headers ...string) *Call {
	c := &Call{
		Method: method, Target: target, Host: "game.example.com", Header: http.Header{},
		Client: identity.Client{Address: netip.MustParseAddr("192.0.2.9"), TLS: true},
	}
	for i := 0; i < len(headers); i += 2 {
		c.Header.Add(headers[i], headers[i+1])
	}
	return c
}

// TestThreatPaths holds that a path is refused that could be read in another way,
// and that others are what they say.
func TestThreatPaths(t *testing.T) {
	for target, want := range map[string]string{
		"/": "/", "/a": "/a", "/a/b": "/a/b", "/a/": "/a/", "/a?b=//..": "/a", "/a%20b": "/a b", "/caf%C3%A9": "/café", "/us-east-1%3Aa": "/us-east-1:a", "/us-east-1%3aa": "/us-east-1:a",
		"/a:b@c,d+e=f!g$h&i'(j)*": "/a:b@c,d+e=f!g$h&i'(j)*", "/...": "/...", "/.a": "/.a",
	} {
		path, ok := canonicalPath(target)
		require.True(t, ok, target)
		require.Equal(t, want, path)
	}
	for _, target := range []string{
		"", "a", "*", "http://a/b", "//a", "/a//b", "/a/./b", "/a/../b", "/.", "/..", "/a/..", "/a/.", "/%2e", "/%2E%2e/a", "/a/%2e%2e", "/a%2fb", "/a%2Fb", "/a%5cb", `/a\b`, `/a\..\b`,
		"/a;b", "/a%3Bb", "/a%00", "/a%0d%0a", "/a\x00", "/a\tb", "/a b", "/a%", "/a%4", "/a%zz", "/%41", "/%61dmin", "/a%2561", "/a%3fb", "/a%23b", "/a#b", "/caf\xe9", "/caf%E9", "/a%7f", "/a{b}", "/a|b", "/a^b", "/a\"b", "/a<b>",
		"/" + strings.Repeat("a", maxPath),
	} {
		_, ok := canonicalPath(target)
		require.False(t, ok, "%q", target)
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a%20b/c?d", "/caf%C3%A9", "//a", "/a/../b", "/%2e%2e/", "/a;b", `/a\b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, ok := canonicalPath(target)
		if !ok {
			return
		}
		require.True(t, strings.HasPrefix(path, "/"))
		require.NotContains(t, path, "//")
		require.NotContains(t, path, "/../")
		require.NotContains(t, path, "/./")
		require.False(t, strings.HasSuffix(path, "/..") || strings.HasSuffix(path, "/."))
		require.NotContains(t, path, ";")
		require.NotContains(t, path, `\`)
		require.NotContains(t, path, "%")
		raw, _, _ := strings.Cut(target, "?")
		require.Equal(t, strings.Count(raw, "/"), strings.Count(path, "/"), "a slash appeared")
	})
}

// TestBearer checks calls with ID tokens.
func TestBearer(t *testing.T) {
	f := newFixture(t)
	alice := f.User("alice")
	token := "Bearer " + alice.IDToken
	for name, x := range map[string]struct {
		target Target
		call   *Call
		want   int
	}{
		"an order":            {Target{API: "shop"}, call("GET", "/orders/7?a=b", "Authorization", token), 200},
		"in lower case":       {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", "bearer "+alice.IDToken), 200},
		"another method":      {Target{API: "shop"}, call("PUT", "/orders/7", "Authorization", token), 403},
		"a small method":      {Target{API: "shop"}, call("get", "/orders/7", "Authorization", token), 403},
		"another API":         {Target{API: "bank"}, call("GET", "/orders/7", "Authorization", token), 403},
		"a stage":             {Target{API: "shop", Stage: "prod"}, call("GET", "/orders/7", "Authorization", token), 403},
		"no API":              {Target{}, call("GET", "/orders/7", "Authorization", token), 500},
		"an API with a slash": {Target{API: "shop/$default/GET/orders"}, call("GET", "/orders/7", "Authorization", token), 500},
		"routes and an API":   {Target{API: "shop", Routes: "game"}, call("GET", "/orders/7", "Authorization", token), 500},
		"unknown routes":      {Target{Routes: "nothing"}, call("GET", "/orders/7", "Authorization", token), 500},
		"another pool":        {Target{API: "shop", Pool: "us-east-1:x"}, call("GET", "/orders/7", "Authorization", token), 403},
		"a slash at the end":  {Target{API: "shop"}, call("GET", "/orders/7/", "Authorization", token), 403},
		"encoded letters":     {Target{API: "shop"}, call("GET", "/caf%C3%A9", "Authorization", token), 200},
		"no token":            {Target{API: "shop"}, call("GET", "/orders/7"), 401},
		"an empty token":      {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", "Bearer "), 401},
		"two":                 {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", token, "Authorization", token), 401},
		"joined by a comma":   {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", token+","+token), 401},
		"a password":          {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", "Basic YTpi"), 401},
		"another's token":     {Target{API: "shop"}, call("GET", "/orders/7", "Authorization", token[:len(token)-4]+"AAAA"), 401},
		"own row":             {Target{Routes: "game"}, call("GET", "/rows/"+strings.Replace(alice.IdentityID, ":", "%3A", 1), "Authorization", token), 200},
		"another's row":       {Target{Routes: "game"}, call("GET", "/rows/us-east-1:other", "Authorization", token), 403},
		"no route":            {Target{Routes: "game"}, call("GET", "/orders/7", "Authorization", token), 403},
		"another host":        {Target{Routes: "game"}, with(call("GET", "/rows/"+alice.IdentityID, "Authorization", token), func(c *Call) { c.Host = "evil.example.com" }), 403},
		"from near":           {Target{API: "shop"}, call("GET", "/near", "Authorization", token), 200},
		"from far":            {Target{API: "shop"}, with(call("GET", "/near", "Authorization", token, "X-Forwarded-For", "192.0.2.9"), func(c *Call) { c.Client.Address = netip.MustParseAddr("203.0.113.1") }), 403},
		"in the open":         {Target{API: "shop"}, with(call("GET", "/orders/7", "Authorization", token), func(c *Call) { c.Client.TLS = false }), 403},
	} {
		t.Run(name, func(t *testing.T) {
			v := f.checker.Check(f.ctx(), x.target, x.call)
			require.Equal(t, x.want, v.Status, v.Message)
			require.Equal(t, x.want == 200, v.Allowed())
			require.Equal(t, x.want == 401, v.Challenge != "")
			if !v.Allowed() {
				require.Zero(t, v.Who)
				return
			}
			require.Equal(t, alice.IdentityID, v.Who.Identity)
			require.Contains(t, v.Who.Principal, "assumed-role/Player/")
			require.NotEmpty(t, v.DecisionID)
		})
	}
	v := f.checker.Check(t.Context(), Target{API: "shop"}, call("GET", "/orders/7", "Authorization", token))
	require.Equal(t, 500, v.Status, "a proxy that nobody knows")
	v = f.checker.Check(decide.WithPeer(t.Context(), &decide.Peer{}), Target{API: "shop"}, call("GET", "/orders/7", "Authorization", token))
	require.Equal(t, 500, v.Status, "a proxy from afar")
}

func with(c *Call, f func(*Call)) *Call {
	f(c)
	return c
}

// signed signs a call as AWS SDKs do.
func (f *fixture) signed(u *decidetest.User, method, target, body, service string) *Call {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "https://game.example.com"+target, strings.NewReader(body))
	require.NoError(f.t, err)
	sum := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: u.Credentials.AccessKeyID, SecretAccessKey: string(u.Credentials.Secret.Reveal()), SessionToken: u.Credentials.Token}
	require.NoError(f.t, v4.NewSigner().SignHTTP(f.t.Context(), credentials, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()))
	c := call(method, target)
	c.Header, c.Body = r.Header, []byte(body)
	return c
}

// TestSigned checks calls that are signed with temporary credentials.
func TestSigned(t *testing.T) {
	f := newFixture(t)
	alice, bob := f.User("alice"), f.User("bob")
	get := func() *Call { return f.signed(alice, "GET", "/orders/7?b=c", "", "execute-api") }
	for name, x := range map[string]struct {
		call *Call
		want int
	}{
		"an order":        {get(), 200},
		"a body":          {f.signed(alice, "POST", "/orders", `{"n":1}`, "execute-api"), 200},
		"another body":    {with(f.signed(alice, "POST", "/orders", `{"n":1}`, "execute-api"), func(c *Call) { c.Body = []byte(`{"n":2}`) }), 401},
		"a hidden body":   {with(f.signed(alice, "POST", "/orders", "", "execute-api"), func(c *Call) { c.Unread = true }), 401},
		"another path":    {with(get(), func(c *Call) { c.Target = "/orders/8?b=c" }), 401},
		"another query":   {with(get(), func(c *Call) { c.Target = "/orders/7?b=d" }), 401},
		"another method":  {with(get(), func(c *Call) { c.Method = "HEAD" }), 401},
		"another host":    {with(get(), func(c *Call) { c.Host = "evil.example.com" }), 401},
		"another service": {f.signed(alice, "GET", "/orders/7", "", "s3"), 401},
		"another's token": {with(get(), func(c *Call) { c.Header.Set("X-Amz-Security-Token", bob.Credentials.Token) }), 401},
		"two tokens":      {with(get(), func(c *Call) { c.Header.Add("X-Amz-Security-Token", bob.Credentials.Token) }), 401},
		"no token":        {with(get(), func(c *Call) { c.Header.Del("X-Amz-Security-Token") }), 401},
		"a header more":   {with(get(), func(c *Call) { c.Header.Set("X-Amz-Target", "x") }), 401},
		"a bearer too":    {with(get(), func(c *Call) { c.Header.Add("Authorization", "Bearer "+alice.IDToken) }), 401},
	} {
		t.Run(name, func(t *testing.T) {
			v := f.checker.Check(f.ctx(), Target{API: "shop"}, x.call)
			require.Equal(t, x.want, v.Status, v.Message)
			if v.Allowed() {
				require.Equal(t, alice.IdentityID, v.Who.Identity)
			}
		})
	}
}

// TestData holds that what is signed verifies where it is for, and nowhere else.
func TestData(t *testing.T) {
	f := newFixture(t)
	alice := f.User("alice")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	const kid = "12345678-90ab-cdef-1234-567890abcdef"
	signer, err := NewSigner(key, kid, "https://auth.example.com")
	require.NoError(t, err)
	f.checker.options.Signer = signer
	v := f.checker.Check(f.ctx(), Target{API: "shop"}, call("GET", "/orders/7", "Authorization", "Bearer "+alice.IDToken))
	require.Equal(t, 200, v.Status)
	text, ok := f.checker.PublicKey(kid)
	require.True(t, ok)
	_, ok = f.checker.PublicKey("another")
	require.False(t, ok)
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	verify := func(api string, now time.Time) (*httpauth.Data, error) {
		o := httpauth.DataOptions{
			Signer: "arn:aws:execute-api:us-east-1:111122223333:" + api + "/$default", Issuer: "https://auth.example.com", Client: api, Now: func() time.Time { return now },
			Key: func(_ context.Context, id string) (*ecdsa.PublicKey, error) {
				require.Equal(t, kid, id)
				return parsed.(*ecdsa.PublicKey), nil
			},
		}
		verifier, err := httpauth.NewDataVerifier(o)
		require.NoError(t, err)
		return verifier.Verify(t.Context(), v.Data)
	}
	d, err := verify("shop", time.Now())
	require.NoError(t, err)
	require.Equal(t, alice.IdentityID, d.Claim("sub"))
	require.Contains(t, d.Claim("principal"), "assumed-role/Player/")
	require.Equal(t, decidetest.Pool, d.Claim("identity_pool"))
	_, err = verify("bank", time.Now())
	require.ErrorIs(t, err, httpauth.ErrData, "for another API")
	_, err = verify("shop", time.Now().Add(3*time.Minute))
	require.ErrorIs(t, err, httpauth.ErrData, "too late")
	denied := f.checker.Check(f.ctx(), Target{API: "shop"}, call("PUT", "/orders/7", "Authorization", "Bearer "+alice.IDToken))
	require.Empty(t, denied.Data)
}

// TestHeaders holds that what cannot stand in a header is not cut but left out.
func TestHeaders(t *testing.T) {
	v := Verdict{Who: decide.Who{Identity: "us-east-1:a", Subject: "a\r\nX-Rowan-Principal: root", Provider: "é"}}
	got := map[string]string{}
	for _, h := range v.Headers() {
		got[h.Name] = h.Value
	}
	require.Equal(t, map[string]string{
		IdentityHeader: "us-east-1:a", PrincipalHeader: "", ProviderHeader: "", SubjectHeader: "", DecisionHeader: "", DataHeader: "",
	}, got)
}
