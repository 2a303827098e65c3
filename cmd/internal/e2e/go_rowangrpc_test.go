package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/api/rowangrpc"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// sign is the example of docs/grpc.md.
func sign(ctx context.Context, credentials aws.Credentials, host, method string) (context.Context, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+method, nil)
	if err != nil {
		return nil, err
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, empty, "execute-api", "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		ctx = metadata.AppendToOutgoingContext(ctx, name, r.Header.Get(name))
	}
	return ctx, nil
}

// TestGoGRPCInterceptors: credentials of a pool, signed by the AWS SDK, are known to
// a server of gRPC over TLS, until they are revoked; others are not.
func TestGoGRPCInterceptors(t *testing.T) {
	own, err := os.ReadFile("go_rowangrpc_test.go")
	require.NoError(t, err)
	begin := strings.Index(string(own), "func sign(")
	end := strings.Index(string(own)[begin:], "\n}\n")
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "grpc.md"))
	require.NoError(t, err)
	require.Contains(t, string(page), "```go\n"+string(own)[begin:begin+end]+"\n}\n```", "docs/grpc.md has another example")

	f := serveShop(t)
	f.signUp("jane")
	_, keys, err := f.exchange(rulesPool, logins(f.signIn("jane").IdToken))
	require.NoError(t, err)
	jane, err := keys.Retrieve(t.Context())
	require.NoError(t, err)

	conn, asked := serveGuarded(t, f)
	const method = healthpb.Health_Check_FullMethodName
	call := func(c aws.Credentials, method string) error {
		ctx, err := sign(t.Context(), c, conn.Target(), method)
		require.NoError(t, err)
		_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	require.NoError(t, call(jane, method))
	require.Equal(t, 1, *asked)
	other := jane
	other.SecretAccessKey = strings.Repeat("x", 40)
	for name, err := range map[string]error{
		"another secret": call(other, method), "another method": call(jane, healthpb.Health_Watch_FullMethodName),
		"nobody": func() error {
			_, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
			return err
		}(),
	} {
		require.Equal(t, codes.Unauthenticated, status.Code(err), "%s: %v", name, err)
	}
	answer, _ := f.ask(operatorKey, operatorSecret, "/admin/sessions/revoke", map[string]any{"IdentityPoolId": rulesPool})
	require.Equal(t, http.StatusOK, answer)
	require.NoError(t, f.Current().Sessions.Refresh(t.Context()))
	require.ErrorContains(t, call(jane, method), "Unauthenticated")
	require.Equal(t, 1, *asked)
}

// serveGuarded serves a service behind interceptors that know the shop's sessions,
// over TLS, and counts what is asked of Authorize.
func serveGuarded(t *testing.T, f *shopServer) (conn *grpc.ClientConn, asked *int) {
	t.Helper()
	known := f.Current().Credentials
	verifier, err := sigv4.New(sigv4.Options{Region: "us-east-1", Services: []string{"execute-api"}, REST: true, Now: f.clock.now, Lookup: known.Lookup})
	require.NoError(t, err)
	asked = new(int)
	guard, err := rowangrpc.New(rowangrpc.Options{
		Verifier: verifier, Credentials: known,
		Private: nil, // TLS
		Authorize: func(ctx context.Context, _ rowangrpc.Call) (bool, error) {
			*asked++
			_, ok := rowangrpc.SessionFrom(ctx)
			return ok, nil
		},
	})
	require.NoError(t, err)
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})),
		grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream),
	)
	healthpb.RegisterHealthServer(server, grpchealth.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12})))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn, asked
}
