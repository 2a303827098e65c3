package rowangrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rowan-authz/rowan/identity/httpauth"
)

const dataName = "x-amzn-oidc-data"

// proxy signs who calls, as an Application Load Balancer does.
type proxy struct{ key *ecdsa.PrivateKey }

func newProxy(t testing.TB) *proxy {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &proxy{key}
}

func (p *proxy) says(t testing.TB, expires time.Time) string {
	t.Helper()
	part := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.URLEncoding.EncodeToString(raw)
	}
	text := part(map[string]any{
		"alg": "ES256", "kid": "12345678-90ab-cdef-1234-567890abcdef", "signer": "arn:lb", "iss": "https://rowan.example", "client": "scores", "exp": expires.Unix(),
	}) + "." + part(map[string]any{"sub": "alice"})
	signature, err := jwt.SigningMethodES256.Sign(text, p.key)
	require.NoError(t, err)
	return text + "." + base64.URLEncoding.EncodeToString(signature)
}

// behind is a site that takes a proxy's word.
func behind(t testing.TB, p *proxy, fault error) *site {
	t.Helper()
	s := newSite(t)
	s.options.Verifier, s.options.Credentials = nil, nil
	var err error
	s.options.Data, err = httpauth.NewDataVerifier(httpauth.DataOptions{
		Signer: "arn:lb", Issuer: "https://rowan.example", Client: "scores", Now: s.now,
		Key: func(context.Context, string) (*ecdsa.PublicKey, error) { return &p.key.PublicKey, fault },
	})
	require.NoError(t, err)
	return s
}

// TestData: the handler finds whom the proxy names, and only the proxy names one.
func TestData(t *testing.T) {
	both(t, func(t *testing.T, connect func(*site) *grpc.ClientConn) {
		p := newProxy(t)
		s := behind(t, p, nil)
		conn := connect(s)
		good := p.says(t, noon.Add(time.Minute))
		out, err := get(t, conn, "", dataName, good, "authorization", "Bearer x", "x-amzn-oidc-identity", "mallory")
		require.NoError(t, err)
		require.Equal(t, "alice", out)
		md, _ := metadata.FromIncomingContext(s.seen)
		require.NotContains(t, md, dataName)
		require.NotContains(t, md, "x-amzn-oidc-identity")
		s.seen = nil
		for name, pairs := range map[string][]string{
			"missing":    nil,
			"doubled":    {dataName, good, dataName, good},
			"in one":     {dataName, good + "," + good},
			"expired":    {dataName, p.says(t, noon)},
			"forged":     {dataName, newProxy(t).says(t, noon.Add(time.Minute))},
			"unsigned":   {"x-amzn-oidc-identity", "alice"},
			"underscore": {"x_amzn_oidc_data", good},
			"a session":  newSite(t).signing(t).pairs(),
		} {
			_, err := get(t, conn, "", pairs...)
			requireCode(t, codes.Unauthenticated, err)
			require.Nil(t, s.seen, name)
		}
	})
	t.Run("keys that cannot be had", func(t *testing.T) {
		p := newProxy(t)
		_, err := get(t, behind(t, p, errors.New("away")).serve(t, false), "", dataName, p.says(t, noon.Add(time.Minute)))
		requireCode(t, codes.Unavailable, err)
	})
	t.Run("a stream", func(t *testing.T) {
		p := newProxy(t)
		s := behind(t, p, nil)
		ctx := metadata.AppendToOutgoingContext(t.Context(), dataName, p.says(t, noon.Add(time.Minute)))
		stream, err := s.serve(t, false).NewStream(ctx, &description.Streams[0], allMethod)
		require.NoError(t, err)
		require.NoError(t, stream.SendMsg(wrapperspb.String("")))
		require.NoError(t, stream.RecvMsg(&wrapperspb.StringValue{}))
		s.at.Add(60)
		require.NoError(t, stream.SendMsg(wrapperspb.String("")))
		requireCode(t, codes.Unauthenticated, stream.RecvMsg(&wrapperspb.StringValue{}))
	})
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

// places are where calls come from, and what becomes of them.
var places = []struct {
	name string
	peer *peer.Peer
	want codes.Code
}{
	{"nowhere", nil, codes.Unauthenticated},
	{"no address", &peer.Peer{}, codes.Unauthenticated},
	{"loopback", &peer.Peer{Addr: loopback}, codes.OK},
	{"a socket", &peer.Peer{Addr: &net.UnixAddr{Net: "unix"}}, codes.OK},
	{"the network", &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}, codes.Unauthenticated},
	{"the network, with TLS", &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, AuthInfo: credentials.TLSInfo{}}, codes.OK},
}

// oneWay is a stream to which messages are only sent.
type oneWay struct {
	grpc.ServerStream
	ctx  context.Context
	sent *int
}

func (o *oneWay) Context() context.Context { return o.ctx }

func (o *oneWay) SendMsg(any) error { *o.sent++; return nil }
