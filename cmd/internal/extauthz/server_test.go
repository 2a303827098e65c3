package extauthz_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/cmd/internal/extauthz"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
)

// site is the service on a gRPC server, as Envoy asks it. No Envoy takes part.
type site struct {
	*decidetest.Fixture
	t      testing.TB
	client authv3.AuthorizationClient
}

func newSite(t testing.TB) *site {
	t.Helper()
	const shop = "arn:aws:execute-api:us-east-1:111122223333:shop/$default/"
	f := decidetest.New(t, decidetest.Options{Files: fstest.MapFS{
		"policies/Leaderboard.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": ["` + shop + `GET/orders/*", "` + shop + `POST/orders"]},
			{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}]}`)},
		"policies/KeepRows.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)},
		"routes/shop.yaml":       {Data: []byte("hosts: shop.example.com\n")},
	}})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := edge.NewSigner(key, "k", "https://auth.example.com")
	require.NoError(t, err)
	checker, err := edge.New(edge.Options{Decider: f.Decider, Signer: signer, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	s, err := rpc.New(rpc.Options{Decider: f.Decider, Log: slog.New(slog.DiscardHandler), Register: extauthz.New(checker).Register})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		stop()
		require.NoError(t, <-ended)
	})
	return &site{f, t, authv3.NewAuthorizationClient(c)}
}

// request is what Envoy tells of a call.
func request(method, path string, headers map[string]string, changes ...func(*authv3.AttributeContext)) *authv3.CheckRequest {
	a := &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: address("192.0.2.9")},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: method, Path: path, Host: "shop.example.com", Scheme: "https", Protocol: "HTTP/1.1", Size: -1, Headers: map[string]string{":authority": "shop.example.com", ":path": path},
		}},
		ContextExtensions: map[string]string{"routes": "shop"},
	}
	for name, value := range headers {
		a.Request.Http.Headers[name] = value
	}
	for _, change := range changes {
		change(a)
	}
	return &authv3.CheckRequest{Attributes: a}
}

func address(ip string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: ip}}}
}

type http1 = authv3.AttributeContext_HttpRequest

func on(f func(*http1)) func(*authv3.AttributeContext) {
	return func(a *authv3.AttributeContext) { f(a.GetRequest().GetHttp()) }
}

// TestCheck asks with crafted requests; each that is denied differs from the
// first in one thing.
func TestCheck(t *testing.T) {
	s := newSite(t)
	alice := s.User("alice")
	token := map[string]string{"authorization": "Bearer " + alice.IDToken}
	list := func(pairs ...string) func(*authv3.AttributeContext) {
		return on(func(r *http1) {
			r.Headers, r.HeaderMap = nil, &corev3.HeaderMap{}
			for i := 0; i < len(pairs); i += 2 {
				r.HeaderMap.Headers = append(r.HeaderMap.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
			}
		})
	}
	bearer := "Bearer " + alice.IDToken
	extensions := func(m map[string]string) func(*authv3.AttributeContext) {
		return func(a *authv3.AttributeContext) { a.ContextExtensions = m }
	}
	for name, x := range map[string]struct {
		in   *authv3.CheckRequest
		want int
	}{
		"an order":               {request("GET", "/orders/7?a=b", token), 200},
		"headers one by one":     {request("GET", "/orders/7", nil, list("authorization", bearer)), 200},
		"an API":                 {request("GET", "/orders/7", token, extensions(map[string]string{"api": "shop"})), 200},
		"another method":         {request("PUT", "/orders/7", token), 403},
		"another path":           {request("GET", "/admin", token), 403},
		"two readings":           {request("GET", "/orders/%2e%2e/admin", token), 403},
		"two slashes":            {request("GET", "//orders/7", token), 403},
		"another host":           {request("GET", "/orders/7", token, on(func(r *http1) { r.Host = "evil.example.com" })), 403},
		"another source":         {request("GET", "/orders/7", map[string]string{"authorization": bearer, "x-forwarded-for": "192.0.2.9"}, func(a *authv3.AttributeContext) { a.Source.Address = address("203.0.113.1") }), 403},
		"no source":              {request("GET", "/orders/7", token, func(a *authv3.AttributeContext) { a.Source = nil }), 403},
		"a strange source":       {request("GET", "/orders/7", token, func(a *authv3.AttributeContext) { a.Source.Address = address("localhost") }), 403},
		"no scheme":              {request("GET", "/orders/7", token, on(func(r *http1) { r.Scheme = "" })), 403},
		"no extensions":          {request("GET", "/orders/7", token, extensions(nil)), 500},
		"unknown routes":         {request("GET", "/orders/7", token, extensions(map[string]string{"routes": "bank"})), 500},
		"routes from the client": {request("GET", "/orders/7", map[string]string{"authorization": bearer, "routes": "shop"}, extensions(nil)), 500},
		"a query beside":         {request("GET", "/orders/7", token, on(func(r *http1) { r.Query = "a=b" })), 403},
		"no HTTP":                {&authv3.CheckRequest{Attributes: &authv3.AttributeContext{}}, 403},
		"nothing":                {&authv3.CheckRequest{}, 403},
		"no token":               {request("GET", "/orders/7", nil), 401},
		"a bad token":            {request("GET", "/orders/7", map[string]string{"authorization": bearer + "x"}), 401},
		"two tokens in a map":    {request("GET", "/orders/7", map[string]string{"authorization": bearer + "," + bearer}), 401},
		"two tokens":             {request("GET", "/orders/7", nil, list("authorization", bearer, "Authorization", bearer)), 401},
		"a forged identity":      {request("GET", "/orders/7", map[string]string{"x-rowan-identity": alice.IdentityID, "x-amzn-oidc-data": "x"}), 401},
		"headers in two ways": {request("GET", "/orders/7", token, on(func(r *http1) {
			r.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "a", Value: "b"}}}
		})), 403},
		"a header in two ways":    {request("GET", "/orders/7", nil, list("authorization", bearer), on(func(r *http1) { r.HeaderMap.Headers[0].Value = "x" })), 403},
		"Connection":              {request("GET", "/orders/7", map[string]string{"authorization": bearer, "connection": "close, X-Rowan-Identity"}), 403},
		"Connection, underscores": {request("GET", "/orders/7", map[string]string{"authorization": bearer, "connection": "x_rowan_principal"}), 403},
		"a body in two ways":      {request("GET", "/orders/7", token, on(func(r *http1) { r.Body, r.RawBody = "a", []byte("b") })), 403},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.client.Check(t.Context(), x.in)
			require.NoError(t, err)
			if x.want == 200 {
				require.EqualValues(t, codes.OK, out.GetStatus().GetCode(), "%v", out)
				require.Nil(t, out.GetDeniedResponse())
				require.NotNil(t, out.GetOkResponse())
				return
			}
			require.NotEqualValues(t, codes.OK, out.GetStatus().GetCode())
			require.Nil(t, out.GetOkResponse())
			require.EqualValues(t, x.want, out.GetDeniedResponse().GetStatus().GetCode(), "%v", out)
			challenged := false
			for _, h := range out.GetDeniedResponse().GetHeaders() {
				challenged = challenged || h.GetHeader().GetKey() == "www-authenticate"
			}
			require.Equal(t, x.want == 401, challenged)
		})
	}
}

// TestThreatHeaders holds that whatever a client sends of who it is is replaced
// or removed, in each spelling.
func TestThreatHeaders(t *testing.T) {
	s := newSite(t)
	alice := s.User("alice")
	forged := []string{"x-rowan-identity", "x_rowan_identity", "x-rowan-other", "x-rowan-subject", "x-amzn-oidc-data", "x_amzn-oidc_data", "x-amzn-oidc-identity", "x-auth-user", "x_auth_user", "remote-user", "x-forwarded-user"}
	headers := map[string]string{"authorization": "Bearer " + alice.IDToken, "accept": "*/*"}
	for _, name := range forged {
		headers[name] = "root"
	}
	out, err := s.client.Check(t.Context(), request("GET", "/orders/7", headers))
	require.NoError(t, err)
	ok := out.GetOkResponse()
	require.NotNil(t, ok)
	set := map[string]string{}
	for _, h := range ok.GetHeaders() {
		require.Equal(t, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD, h.GetAppendAction())
		set[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	require.Equal(t, alice.IdentityID, set["x-rowan-identity"])
	require.Contains(t, set["x-rowan-principal"], "assumed-role/Player/")
	require.Len(t, strings.Split(set["x-amzn-oidc-data"], "."), 3)
	for _, name := range forged {
		_, replaced := set[name]
		removed := false
		for _, r := range ok.GetHeadersToRemove() {
			removed = removed || r == name
		}
		require.True(t, replaced != removed, name)
	}
	require.NotContains(t, ok.GetHeadersToRemove(), "accept")
	require.NotContains(t, ok.GetHeadersToRemove(), "authorization")

	// Envoy need not show them.
	out, err = s.client.Check(t.Context(), request("GET", "/orders/7", map[string]string{"authorization": "Bearer " + alice.IDToken}))
	require.NoError(t, err)
	require.Contains(t, out.GetOkResponse().GetHeadersToRemove(), "x-forwarded-user")
}

// TestThreatPeers holds that the service's own authorization is that of Envoy.
func TestThreatPeers(t *testing.T) {
	s := newSite(t)
	alice := s.User("alice")
	in := request("GET", "/orders/7", map[string]string{"authorization": "Bearer " + alice.IDToken})
	out, err := s.client.Check(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer nobody's"), in)
	require.NoError(t, err)
	require.EqualValues(t, 500, out.GetDeniedResponse().GetStatus().GetCode())
	_, err = s.client.Check(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Basic x"), in)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}

// TestSigned asks with calls that are signed as AWS SDKs do, with bodies too.
func TestSigned(t *testing.T) {
	s := newSite(t)
	alice := s.User("alice")
	signed := func(method, path, body string, changes ...func(*authv3.AttributeContext)) *authv3.CheckRequest {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://shop.example.com"+path, nil)
		require.NoError(t, err)
		sum := sha256.Sum256([]byte(body))
		c := aws.Credentials{AccessKeyID: alice.Credentials.AccessKeyID, SecretAccessKey: string(alice.Credentials.Secret.Reveal()), SessionToken: alice.Credentials.Token}
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), "execute-api", "us-east-1", time.Now()))
		headers := map[string]string{}
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		if method == http.MethodPost {
			headers["content-length"] = strconv.Itoa(len(body))
		}
		return request(method, path, headers, append([]func(*authv3.AttributeContext){on(func(h *http1) { h.RawBody = []byte(body) })}, changes...)...)
	}
	for name, x := range map[string]struct {
		in   *authv3.CheckRequest
		want codes.Code
	}{
		"a read":              {signed("GET", "/orders/7?b=c", ""), codes.OK},
		"a body":              {signed("POST", "/orders", `{"n":1}`), codes.OK},
		"an empty body":       {signed("POST", "/orders", ""), codes.OK},
		"another body":        {signed("POST", "/orders", `{"n":1}`, on(func(h *http1) { h.RawBody = []byte(`{"n":2}`) })), codes.Unauthenticated},
		"half of a body":      {signed("POST", "/orders", `{"n":1}`, on(func(h *http1) { h.RawBody = []byte(`{"n"`) })), codes.Unauthenticated},
		"a body not shown":    {signed("POST", "/orders", "", on(func(h *http1) { h.Headers["content-length"] = "7" })), codes.Unauthenticated},
		"a body in chunks":    {signed("POST", "/orders", "", on(func(h *http1) { delete(h.Headers, "content-length"); h.Headers["transfer-encoding"] = "chunked" })), codes.Unauthenticated},
		"a body of no length": {signed("POST", "/orders", "", on(func(h *http1) { delete(h.Headers, "content-length") })), codes.Unauthenticated},
		"another path":        {signed("GET", "/orders/7", "", on(func(h *http1) { h.Path = "/orders/8" })), codes.Unauthenticated},
		"another host":        {signed("GET", "/orders/7", "", on(func(h *http1) { h.Host = "evil.example.com" })), codes.PermissionDenied},
		"no token":            {signed("GET", "/orders/7", "", on(func(h *http1) { delete(h.Headers, "x-amz-security-token") })), codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.client.Check(t.Context(), x.in)
			require.NoError(t, err)
			require.EqualValues(t, x.want, out.GetStatus().GetCode(), "%v", out)
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("GET", "/orders/7", "authorization", "Bearer a.b.c", "shop.example.com")
	f.Add("PUT", "//", "connection", "x_rowan_a", "")
	checker := func(t testing.TB) *extauthz.Server {
		d := decidetest.New(t, decidetest.Options{})
		c, err := edge.New(edge.Options{Decider: d.Decider, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		return extauthz.New(c)
	}(f)
	f.Fuzz(func(t *testing.T, method, path, name, value, host string) {
		out, err := checker.Check(t.Context(), request(method, path, map[string]string{name: value}, on(func(h *http1) { h.Host = host })))
		require.NoError(t, err)
		require.Nil(t, out.GetOkResponse(), "nobody is known here")
		require.NotEqualValues(t, codes.OK, out.GetStatus().GetCode())
	})
}
