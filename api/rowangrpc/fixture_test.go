package rowangrpc_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rowan-authz/rowan/api/rowangrpc"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
	"github.com/rowan-authz/rowan/policy"
)

const (
	accountID = "111122223333"
	playerARN = "arn:aws:iam::111122223333:role/Player"
	aliceID   = "us-east-1:aaaaaaaa-95d3-4a47-9c67-0c2f1de6b7aa"
	bobID     = "us-east-1:bbbbbbbb-95d3-4a47-9c67-0c2f1de6b7aa"
	poolID    = "us-east-1:3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	scores    = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores"
	secret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	sessionID = "ASIAABCDEFGHIJKLMNOP"
	otherID   = "ASIAABCDEFGHIJKLMNOQ"
	adminID   = "AKIAABCDEFGHIJKLMNOP"
	host      = "scores.example"
	getMethod = "/scores.v1.Scores/Get"
	allMethod = "/scores.v1.Scores/Watch"

	ownRows = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*",
		"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${cognito-identity.amazonaws.com:sub}"}, "Null": {"dynamodb:LeadingKeys": "false"}}}]}`
	allRows = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}`
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func compiled(t testing.TB, text string) *engine.Set {
	t.Helper()
	doc, err := policy.Parse("test", []byte(text))
	require.NoError(t, err)
	set, err := engine.Compile(conditions.AWS(), policy.Identity, doc)
	require.NoError(t, err)
	return set
}

// site is identities, and a service that says whether its caller may read a row.
type site struct {
	at       atomic.Int64
	ring     *identity.Keyring
	sessions *identity.Sessions
	options  rowangrpc.Options

	mu   sync.Mutex
	seen context.Context // of the last call
	log  bytes.Buffer
}

func (s *site) now() time.Time { return time.Unix(s.at.Load(), 0) }

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{}
	s.at.Store(noon.Unix())
	var err error
	s.ring, err = identity.NewKeyring([]identity.Key{{ID: 1, Secret: identity.NewSecret(bytes.Repeat([]byte{7}, 32))}}, rand.Reader)
	require.NoError(t, err)
	account := &identity.Account{
		ID: accountID, Partition: "aws", Region: "us-east-1", Vocabulary: conditions.AWS(),
		Roles: map[string]*identity.Role{playerARN: {ARN: playerARN, UniqueID: "AROAPLAYERPLAYER2345", Identity: compiled(t, ownRows), MaxSession: time.Hour}},
		Administrators: map[string]*identity.Administrator{adminID: {
			ARN: "arn:aws:iam::111122223333:user/ops", UniqueID: "AIDAOPSOPSOPSOPS2345", AccessKeyID: adminID, Identity: compiled(t, allRows),
		}},
	}
	s.sessions, err = identity.NewSessions(identity.SessionsOptions{Account: account, Keys: s.ring, Store: identity.NewMemory(), Now: s.now})
	require.NoError(t, err)
	require.NoError(t, s.sessions.Refresh(t.Context()))
	s.options.Credentials, err = httpauth.NewCredentials(httpauth.CredentialsOptions{
		Sessions: s.sessions, Account: account, Secrets: map[string]identity.Secret{adminID: identity.NewSecret([]byte(secret))},
	})
	require.NoError(t, err)
	s.options.Verifier, err = sigv4.New(sigv4.Options{
		Region: "us-east-1", Services: []string{"execute-api"}, Hosts: []string{host}, REST: true, Now: s.now, Lookup: s.options.Credentials.Lookup,
	})
	require.NoError(t, err)
	s.options.Log = slog.New(slog.NewTextHandler(&locked{s: s}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return s
}

// locked writes into the site's log.
type locked struct{ s *site }

func (l *locked) Write(p []byte) (int, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.log.Write(p)
}

// answer says whether the caller of ctx may read a row, and as whom.
func (s *site) answer(ctx context.Context, row string) (*wrapperspb.StringValue, error) {
	s.mu.Lock()
	s.seen = ctx
	s.mu.Unlock()
	if d, ok := httpauth.DataFrom(ctx); ok {
		return wrapperspb.String(d.Claim("sub")), nil
	}
	caller, ok := engine.CallerFrom(ctx)
	if !ok {
		return wrapperspb.String("nobody"), nil
	}
	request := caller.NewRequest("dynamodb:GetItem", scores)
	if err := request.Context.Set("dynamodb:LeadingKeys", row); err != nil {
		return nil, err
	}
	who := "administrator"
	if session, ok := rowangrpc.SessionFrom(ctx); ok {
		who = session.IdentityID
	}
	return wrapperspb.String(fmt.Sprint(who, " ", caller.Evaluator.Decide(request).Allowed())), nil
}

// scoresServer is the interface that the description of the service wants.
type scoresServer interface {
	answer(ctx context.Context, row string) (*wrapperspb.StringValue, error)
}

var description = grpc.ServiceDesc{
	ServiceName: "scores.v1.Scores", HandlerType: (*scoresServer)(nil),
	Methods: []grpc.MethodDesc{method("Get"), method("Other")},
	Streams: []grpc.StreamDesc{{StreamName: "Watch", ServerStreams: true, ClientStreams: true, Handler: func(server any, stream grpc.ServerStream) error {
		for {
			in := &wrapperspb.StringValue{}
			if err := stream.RecvMsg(in); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			out, err := server.(scoresServer).answer(stream.Context(), in.GetValue())
			if err != nil {
				return err
			}
			if err := stream.SendMsg(out); err != nil {
				return err
			}
		}
	}}},
}

func method(name string) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(server any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := &wrapperspb.StringValue{}
		if err := decode(in); err != nil {
			return nil, err
		}
		next := func(ctx context.Context, request any) (any, error) {
			return server.(scoresServer).answer(ctx, request.(*wrapperspb.StringValue).GetValue())
		}
		return intercept(ctx, in, &grpc.UnaryServerInfo{Server: server, FullMethod: "/scores.v1.Scores/" + name}, next)
	}}
}

// serve serves the site and connects to it: over TCP, or within the process, which
// counts as private then.
func (s *site) serve(t testing.TB, tcp bool) *grpc.ClientConn {
	t.Helper()
	o := s.options
	var l net.Listener
	var target string
	dial := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host)}
	if tcp {
		var err error
		l, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		target = l.Addr().String()
	} else {
		buffer := bufconn.Listen(1 << 16)
		l, target = buffer, "passthrough:///buffer"
		dial = append(dial, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return buffer.DialContext(ctx) }))
		if o.Private == nil {
			o.Private = func(*peer.Peer) bool { return true }
		}
	}
	guard, err := rowangrpc.New(o)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream))
	server.RegisterService(&description, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(target, dial...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// both runs a test over each way to the server.
func both(t *testing.T, f func(t *testing.T, connect func(*site) *grpc.ClientConn)) {
	for name, tcp := range map[string]bool{"within the process": false, "TCP": true} {
		t.Run(name, func(t *testing.T) { f(t, func(s *site) *grpc.ClientConn { return s.serve(t, tcp) }) })
	}
}

// get calls Get for a row with metadata.
func get(t testing.TB, conn *grpc.ClientConn, row string, pairs ...string) (string, error) {
	t.Helper()
	return call(t, conn, getMethod, row, pairs...)
}

func call(t testing.TB, conn *grpc.ClientConn, method, row string, pairs ...string) (string, error) {
	t.Helper()
	out := &wrapperspb.StringValue{}
	err := conn.Invoke(metadata.AppendToOutgoingContext(t.Context(), pairs...), method, wrapperspb.String(row), out)
	return out.GetValue(), err
}

func requireCode(t testing.TB, want codes.Code, err error) {
	t.Helper()
	require.Equal(t, want, status.Code(err), "%v", err)
}

// session is alice's, of an access key.
func session(accessKeyID string) *identity.Session {
	return &identity.Session{
		AccessKeyID: accessKeyID, Secret: identity.NewSecret([]byte(secret)),
		Account: accountID, Partition: "aws", RoleARN: playerARN, RoleID: "AROAPLAYERPLAYER2345",
		SessionName: "CognitoIdentityCredentials", IdentityID: aliceID, PoolID: poolID,
		Authenticated: true, AMR: []string{"authenticated", "accounts.google.com"},
		Provider: "cognito-identity.amazonaws.com", Subject: "alice",
		IssuedAt: noon, Expires: noon.Add(time.Hour), ID: "6f1d" + accessKeyID,
	}
}

func (s *site) token(t testing.TB, accessKeyID string) string {
	t.Helper()
	token, err := s.ring.SealSession(noon, session(accessKeyID))
	require.NoError(t, err)
	return token
}

// signing is what a client signs.
type signing struct {
	method, host, service, accessKeyID, secret, token string
	at                                                time.Time
	// more are further headers, signed.
	more map[string]string
}

func (s *site) signing(t testing.TB) signing {
	return signing{method: getMethod, host: host, service: "execute-api", accessKeyID: sessionID, secret: secret, token: s.token(t, sessionID), at: noon}
}

// pairs are the metadata of a call that is signed so.
func (x signing) pairs() []string {
	date := x.at.UTC().Format("20060102T150405Z")
	lines, names := "host:"+x.host+"\nx-amz-date:"+date+"\n", "host;x-amz-date"
	out := []string{"x-amz-date", date}
	if x.token != "" {
		lines, names = lines+"x-amz-security-token:"+x.token+"\n", names+";x-amz-security-token"
		out = append(out, "x-amz-security-token", x.token)
	}
	for name, value := range x.more {
		lines, names = lines+name+":"+value+"\n", names+";"+name
		out = append(out, name, value)
	}
	canonical := strings.Join([]string{"POST", x.method, "", lines, names, sum("")}, "\n")
	scope := date[:8] + "/us-east-1/" + x.service + "/aws4_request"
	key := []byte("AWS4" + x.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+sum(canonical)))
	return append(out, "authorization", "AWS4-HMAC-SHA256 Credential="+x.accessKeyID+"/"+scope+", SignedHeaders="+names+", Signature="+signature)
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
