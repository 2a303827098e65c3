package rowangrpc_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rowan-authz/rowan/api/rowangrpc"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// newServer is the example of docs/grpc.md.
func newServer(sessions *identity.Sessions, now func() time.Time) (*grpc.Server, error) {
	credentials, err := httpauth.NewCredentials(httpauth.CredentialsOptions{Sessions: sessions})
	if err != nil {
		return nil, err
	}
	verifier, err := sigv4.New(sigv4.Options{
		Region: "us-east-1", Services: []string{"execute-api"}, REST: true, Skew: time.Minute,
		Now: now, Lookup: credentials.Lookup,
	})
	if err != nil {
		return nil, err
	}
	guard, err := rowangrpc.New(rowangrpc.Options{
		Verifier: verifier, Credentials: credentials,
		Anonymous: []string{"/grpc.health.v1.Health/Check"},
		Authorize: func(ctx context.Context, c rowangrpc.Call) (bool, error) {
			caller, known := engine.CallerFrom(ctx)
			row, one := c.Request.(*wrapperspb.StringValue)
			if !known || !one {
				return false, nil
			}
			request := caller.NewRequest("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores")
			if err := request.Context.Set("dynamodb:LeadingKeys", row.GetValue()); err != nil {
				return false, err
			}
			return caller.Evaluator.Decide(request).Allowed(), nil
		},
	})
	if err != nil {
		return nil, err
	}
	return grpc.NewServer(grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream)), nil
}

// TestGuide holds the example of docs/grpc.md to the one above, and to what the
// page says that it does.
func TestGuide(t *testing.T) {
	own, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	begin := strings.Index(string(own), "func newServer(")
	end := strings.Index(string(own)[begin:], "\n}\n")
	page, err := os.ReadFile("../../docs/grpc.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "```go\n"+string(own)[begin:begin+end]+"\n}\n```", "docs/grpc.md has another example")

	s := newSite(t)
	server, err := newServer(s.sessions, s.now)
	require.NoError(t, err)
	server.RegisterService(&description, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	for row, want := range map[string]codes.Code{aliceID: codes.OK, bobID: codes.PermissionDenied} {
		_, err = get(t, conn, row, s.signing(t).pairs()...)
		requireCode(t, want, err)
	}
	_, err = get(t, conn, aliceID)
	requireCode(t, codes.Unauthenticated, err)
}
