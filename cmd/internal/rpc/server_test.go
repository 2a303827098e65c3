package rpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/decidetest"
	"github.com/rowan-authz/rowan/cmd/internal/rpc"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// serve serves a fixture on l and returns a client of it.
func serve(t testing.TB, o rpc.Options, l net.Listener, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s, err := rpc.New(o)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	target := l.Addr().String()
	if l.Addr().Network() == "unix" {
		target = "unix:" + target
	}
	c, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func tcp(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func question(of *rowanv1.Subject, row string) *rowanv1.DecideRequest {
	return &rowanv1.DecideRequest{
		Subject: of, Action: "dynamodb:GetItem", Resource: decidetest.Table,
		Context: []*rowanv1.ContextKey{{Name: "dynamodb:LeadingKeys", Values: []string{row}}},
	}
}

// TestBeginning: a connection is one of HTTP/2 from its first words, however
// they come in pieces.
func TestBeginning(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	l := tcp(t)
	serve(t, rpc.Options{Decider: f.Decider}, l, insecure.NewCredentials())
	for name, c := range map[string]struct {
		words  []string
		served bool
	}{
		"at once":         {[]string{http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}, true},
		"in pieces":       {[]string{http2.ClientPreface[:10], http2.ClientPreface[10:], "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}, true},
		"one letter off":  {[]string{http2.ClientPreface[:23] + "\r"}, false},
		"HTTP/1.1":        {[]string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, false},
		"TLS, where none": {[]string{"\x16\x03\x01" + strings.Repeat("\x00", 40)}, false},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err, name)
		for _, w := range c.words {
			_, err = io.WriteString(conn, w)
			require.NoError(t, err, name)
		}
		frame, err := http2.NewFramer(nil, conn).ReadFrame()
		if c.served {
			require.NoError(t, err, name)
			require.IsType(t, &http2.SettingsFrame{}, frame, name)
		} else {
			require.Error(t, err, name)
		}
		require.NoError(t, conn.Close())
	}
}

func TestCalls(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	c := serve(t, rpc.Options{Decider: f.Decider, Trusted: true}, tcp(t), insecure.NewCredentials())
	a, p, ctx := rowanv1.NewAuthorizationServiceClient(c), rowanv1.NewPolicyServiceClient(c), t.Context()
	one, err := a.Decide(ctx, question(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, one.GetAnswer().GetDecision())
	batch, err := a.DecideBatch(ctx, &rowanv1.DecideBatchRequest{Subject: alice.Session(), Requests: []*rowanv1.DecideRequest{question(nil, alice.IdentityID), question(nil, "x")}})
	require.NoError(t, err)
	require.Equal(t, rowanv1.Decision_DECISION_IMPLICIT_DENY, batch.GetResults()[1].GetAnswer().GetDecision())
	rows, err := a.DecideRows(ctx, &rowanv1.DecideRowsRequest{
		Subject: alice.Session(), Action: "dynamodb:GetItem", Resource: decidetest.Table, Rows: 2,
		Columns: []*rowanv1.Column{{Key: "dynamodb:LeadingKeys", Values: []byte("x" + alice.IdentityID), Ends: []uint32{1, 1 + uint32(len(alice.IdentityID))}}},
	})
	require.NoError(t, err)
	require.Equal(t, []byte{2}, rows.GetAllowed())
	x, err := a.Explain(ctx, &rowanv1.ExplainRequest{Request: question(alice.Session(), "x")})
	require.NoError(t, err)
	require.NotEmpty(t, x.GetText())
	filter, err := a.Filter(ctx, &rowanv1.FilterRequest{Subject: alice.Session(), Action: "dynamodb:Query", Resource: decidetest.Table, Unknown: []string{"dynamodb:LeadingKeys"}})
	require.NoError(t, err)
	require.Equal(t, rowanv1.FilterScope_FILTER_SCOPE_SOME, filter.GetScope())
	d, err := p.Describe(ctx, &rowanv1.DescribeRequest{})
	require.NoError(t, err)
	require.Equal(t, decidetest.Account, d.GetAccount())
	tests, err := p.Test(ctx, &rowanv1.TestRequest{})
	require.NoError(t, err)
	require.True(t, tests.GetPassed())
	v, err := p.Validate(ctx, &rowanv1.ValidateRequest{Document: []byte("{}")})
	require.NoError(t, err)
	require.NotEmpty(t, v.GetFaults())
	health, err := healthv1.NewHealthClient(c).Check(ctx, &healthv1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthv1.HealthCheckResponse_SERVING, health.GetStatus())
	r, err := reflectionv1.NewServerReflectionClient(c).ServerReflectionInfo(ctx)
	require.NoError(t, err)
	require.NoError(t, r.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}))
	listed, err := r.Recv()
	require.NoError(t, err)
	require.Contains(t, listed.String(), "rowan.v1.AuthorizationService")
}

// TestStream asks a thousand questions before it reads an answer, and reads
// them in their order.
func TestStream(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	c := serve(t, rpc.Options{Decider: f.Decider}, tcp(t), insecure.NewCredentials())
	stream, err := rowanv1.NewAuthorizationServiceClient(c).DecideStream(t.Context())
	require.NoError(t, err)
	const n = 1000
	var sent sync.WaitGroup
	sent.Go(func() {
		for i := range n {
			q := question(alice.Session(), alice.IdentityID)
			switch i % 3 {
			case 1:
				q = question(alice.Session(), "x")
			case 2:
				q = question(nil, "x")
			}
			if err := stream.Send(&rowanv1.DecideStreamRequest{Request: q}); err != nil {
				t.Error(err)
				return
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	})
	for i := range n {
		out, err := stream.Recv()
		require.NoError(t, err)
		switch i % 3 {
		case 0:
			require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, out.GetResult().GetAnswer().GetDecision())
		case 1:
			require.Equal(t, rowanv1.Decision_DECISION_IMPLICIT_DENY, out.GetResult().GetAnswer().GetDecision())
		case 2:
			require.Equal(t, int32(codes.InvalidArgument), out.GetResult().GetProblem().GetCode())
		}
	}
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
	sent.Wait()
}

func TestUnixSocket(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{Files: fstest.MapFS{"services/me.yaml": {Data: []byte("uids: [" + itoa(os.Getuid()) + "]\nrights: [assert]\n")}}})
	for _, granted := range []bool{true, false} { // in this order, as the bundle stays
		t.Run(map[bool]string{true: "with a grant", false: "without"}[granted], func(t *testing.T) {
			if !granted {
				f.Use(decidetest.Load(t, nil))
			}
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			require.NoError(t, err)
			c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider}, l, insecure.NewCredentials()))
			out, err := c.Decide(t.Context(), question(decidetest.Asserted("us-east-1:a"), "us-east-1:a"))
			if !granted {
				require.Equal(t, codes.PermissionDenied, status.Code(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, rowanv1.Decision_DECISION_ALLOWED, out.GetAnswer().GetDecision())
		})
	}
}

func itoa(n int) string { return big.NewInt(int64(n)).String() }

func TestKeys(t *testing.T) {
	sum := sha256.Sum256([]byte("the key"))
	f := decidetest.New(t, decidetest.Options{Files: fstest.MapFS{"services/s.yaml": {Data: []byte("keys: sha256:" + hex.EncodeToString(sum[:]) + "\nrights: [assert]\n")}}})
	c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider}, tcp(t), insecure.NewCredentials()))
	for name, x := range map[string]struct {
		headers []string
		want    codes.Code
	}{
		"the key":         {[]string{"authorization", "Bearer the key"}, codes.OK},
		"in lower case":   {[]string{"authorization", "bearer the key"}, codes.OK},
		"another":         {[]string{"authorization", "Bearer the kez"}, codes.Unauthenticated},
		"none":            {nil, codes.PermissionDenied},
		"another scheme":  {[]string{"authorization", "Basic the key"}, codes.Unauthenticated},
		"an empty header": {[]string{"authorization", ""}, codes.Unauthenticated},
		"two":             {[]string{"authorization", "Bearer the key", "authorization", "Bearer the key"}, codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Decide(metadata.AppendToOutgoingContext(t.Context(), x.headers...), question(decidetest.Asserted("a"), "a"))
			require.Equal(t, x.want, status.Code(err), "%v", err)
		})
	}
}

// authority makes certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{t, cert, key}
}

func (a *authority) issue(name string, usage x509.ExtKeyUsage) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	of := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func TestMutualTLS(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{Files: fstest.MapFS{"services/s.yaml": {Data: []byte("certificates: orders.internal\nrights: [assert]\n")}}})
	ours, theirs := newAuthority(t), newAuthority(t)
	l := tcp(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{ours.issue("rowan.internal", x509.ExtKeyUsageServerAuth)}, MinVersion: tls.VersionTLS13,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ours.pool(), NextProtos: []string{"h2"},
	}
	s, err := rpc.New(rpc.Options{Decider: f.Decider, TLS: config, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	for name, x := range map[string]struct {
		certificates []tls.Certificate
		want         codes.Code
	}{
		"the service":        {[]tls.Certificate{ours.issue("orders.internal", x509.ExtKeyUsageClientAuth)}, codes.OK},
		"another name":       {[]tls.Certificate{ours.issue("orders.evil", x509.ExtKeyUsageClientAuth)}, codes.Unauthenticated},
		"no certificate":     {nil, codes.PermissionDenied}, // local
		"another authority":  {[]tls.Certificate{theirs.issue("orders.internal", x509.ExtKeyUsageClientAuth)}, codes.Unavailable},
		"a server's own one": {[]tls.Certificate{ours.issue("orders.internal", x509.ExtKeyUsageServerAuth)}, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			send := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(x.certificates) == 0 {
					return &tls.Certificate{}, nil
				}
				return &x.certificates[0], nil // whoever is asked for
			}
			creds := credentials.NewTLS(&tls.Config{RootCAs: ours.pool(), GetClientCertificate: send, ServerName: "rowan.internal"})
			c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(creds))
			require.NoError(t, err)
			defer func() { _ = c.Close() }()
			_, err = rowanv1.NewAuthorizationServiceClient(c).Decide(t.Context(), question(decidetest.Asserted("a"), "a"))
			require.Equal(t, x.want, status.Code(err), "%v", err)
		})
	}
	stop()
	require.NoError(t, <-ended)
}

// TestShedding holds that more calls than are bargained for are refused at once
// and the others answered.
func TestShedding(t *testing.T) {
	hold := make(chan struct{})
	entered := make(chan struct{}, 8)
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{Record: func(context.Context, *decide.Record) error {
		entered <- struct{}{}
		<-hold
		return nil
	}}})
	alice := f.User("alice")
	c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider, InFlight: 2}, tcp(t), insecure.NewCredentials()))
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := c.Decide(t.Context(), question(alice.Session(), alice.IdentityID))
			errs <- err
		}()
	}
	<-entered
	<-entered
	_, err := c.Decide(t.Context(), question(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	close(hold)
	require.NoError(t, errors.Join(<-errs, <-errs))
	_, err = c.Decide(t.Context(), question(alice.Session(), alice.IdentityID))
	require.NoError(t, err, "the slots were not given back")
}

func TestPanic(t *testing.T) {
	var once sync.Once
	f := decidetest.New(t, decidetest.Options{Decide: decide.Options{Record: func(context.Context, *decide.Record) error {
		once.Do(func() { panic("seeded") })
		return nil
	}}})
	alice := f.User("alice")
	c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider}, tcp(t), insecure.NewCredentials()))
	out, err := c.Decide(t.Context(), question(alice.Session(), alice.IdentityID))
	require.Equal(t, codes.Internal, status.Code(err))
	require.NotContains(t, err.Error(), "seeded")
	require.Nil(t, out)
	_, err = c.Decide(t.Context(), question(alice.Session(), alice.IdentityID))
	require.NoError(t, err)
}

func TestNotReady(t *testing.T) {
	d, err := decide.New(decide.Options{Current: func() *server.Deployment { return nil }, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	c := serve(t, rpc.Options{Decider: d}, tcp(t), insecure.NewCredentials())
	require.Eventually(t, func() bool {
		out, err := healthv1.NewHealthClient(c).Check(t.Context(), &healthv1.HealthCheckRequest{Service: "rowan.v1.AuthorizationService"})
		return err == nil && out.GetStatus() == healthv1.HealthCheckResponse_NOT_SERVING
	}, 10*time.Second, 10*time.Millisecond)
}

func TestLargeMessage(t *testing.T) {
	f := decidetest.New(t, decidetest.Options{})
	alice := f.User("alice")
	c := rowanv1.NewAuthorizationServiceClient(serve(t, rpc.Options{Decider: f.Decider}, tcp(t), insecure.NewCredentials()))
	q := question(alice.Session(), strings.Repeat("x", 4<<20))
	_, err := c.Decide(t.Context(), q)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
}
