package rowangrpc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rowan-authz/rowan/api/rowangrpc"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

// TestHandlerFindsTheCaller, and the row of another is not the caller's.
func TestHandlerFindsTheCaller(t *testing.T) {
	both(t, func(t *testing.T, connect func(*site) *grpc.ClientConn) {
		s := newSite(t)
		conn, signed := connect(s), s.signing(t)
		for row, want := range map[string]string{aliceID: aliceID + " true", bobID: aliceID + " false"} {
			out, err := get(t, conn, row, signed.pairs()...)
			require.NoError(t, err)
			require.Equal(t, want, out)
		}
		signed.accessKeyID, signed.token = adminID, ""
		out, err := get(t, conn, bobID, signed.pairs()...)
		require.NoError(t, err)
		require.Equal(t, "administrator true", out)
	})
}

// TestThreatCalls refuses calls that differ in one thing from one that is
// answered. None of them reaches the handler.
func TestThreatCalls(t *testing.T) {
	changed := func(change func(*signing)) func(*testing.T, *site) []string {
		return func(t *testing.T, s *site) []string {
			x := s.signing(t)
			change(&x)
			return x.pairs()
		}
	}
	edited := func(edit func([]string) []string) func(*testing.T, *site) []string {
		return func(t *testing.T, s *site) []string { return edit(s.signing(t).pairs()) }
	}
	without := func(name string) func(*testing.T, *site) []string {
		return edited(func(pairs []string) []string {
			at := slices.Index(pairs, name)
			return slices.Delete(pairs, at, at+2)
		})
	}
	twice := func(name string) func(*testing.T, *site) []string {
		return edited(func(pairs []string) []string { return append(pairs, name, pairs[slices.Index(pairs, name)+1]) })
	}
	for name, pairs := range map[string]func(*testing.T, *site) []string{
		"nothing":        func(*testing.T, *site) []string { return nil },
		"no signature":   without("authorization"),
		"no token":       without("x-amz-security-token"),
		"no date":        without("x-amz-date"),
		"two signatures": twice("authorization"),
		"two tokens":     twice("x-amz-security-token"),
		"two dates":      twice("x-amz-date"),
		"the token alone": func(t *testing.T, s *site) []string {
			return []string{"authorization", "Bearer " + s.token(t, sessionID)}
		},
		"the token unsigned":      changed(func(x *signing) { x.accessKeyID, x.token = sessionID, "" }),
		"a forged token":          changed(func(x *signing) { x.token = flip(x.token) }),
		"no token at all":         changed(func(x *signing) { x.token = "x" }),
		"another's token":         changed(func(x *signing) { x.accessKeyID = otherID }),
		"another secret":          changed(func(x *signing) { x.secret = flip(x.secret) }),
		"a forged signature":      edited(func(pairs []string) []string { pairs[len(pairs)-1] = flip(pairs[len(pairs)-1]); return pairs }),
		"another method":          changed(func(x *signing) { x.method = "/scores.v1.Scores/Other" }),
		"another host":            changed(func(x *signing) { x.host = "other.example" }),
		"another service":         changed(func(x *signing) { x.service = "dynamodb" }),
		"too old":                 changed(func(x *signing) { x.at = noon.Add(-16 * time.Minute) }),
		"too early":               changed(func(x *signing) { x.at = noon.Add(16 * time.Minute) }),
		"an unsigned header":      edited(func(pairs []string) []string { return append(pairs, "x-amz-meta", "1") }),
		"a signed body":           changed(func(x *signing) { x.more = map[string]string{"x-amz-z-content": "1"}; x.secret = flip(x.secret) }),
		"an administrator's none": changed(func(x *signing) { x.accessKeyID, x.token = "AKIAABCDEFGHIJKLMNOQ", "" }),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			conn := s.serve(t, false)
			_, err := get(t, conn, aliceID, pairs(t, s)...)
			requireCode(t, codes.Unauthenticated, err)
			require.Nil(t, s.seen)
			require.NotContains(t, s.log.String(), secret)
			stream, err := conn.NewStream(metadata.AppendToOutgoingContext(t.Context(), pairs(t, s)...), &description.Streams[0], allMethod)
			require.NoError(t, err)
			requireCode(t, codes.Unauthenticated, stream.RecvMsg(&wrapperspb.StringValue{}))
			require.Nil(t, s.seen)
		})
	}
	t.Run("signed headers more", func(t *testing.T) { // the neighbour of an unsigned one
		s := newSite(t)
		x := s.signing(t)
		x.more = map[string]string{"x-amz-z": "1"}
		_, err := get(t, s.serve(t, false), aliceID, x.pairs()...)
		require.NoError(t, err)
	})
}

// flip changes the last letter or digit of a text, which for base64 must not be
// one of bits that do not count.
func flip(text string) string {
	at := len(text) / 2
	c := byte('A')
	if text[at] == c {
		c = 'B'
	}
	return text[:at] + string(c) + text[at+1:]
}

// TestSessionsEnd: what is over or revoked is refused, whatever was cached.
func TestSessionsEnd(t *testing.T) {
	both(t, func(t *testing.T, connect func(*site) *grpc.ClientConn) {
		s := newSite(t)
		conn := connect(s)
		x := s.signing(t)
		x.at = noon.Add(59 * time.Minute)
		s.at.Store(noon.Add(time.Hour - time.Second).Unix())
		require.NoError(t, s.sessions.Refresh(t.Context()))
		_, err := get(t, conn, aliceID, x.pairs()...)
		require.NoError(t, err)
		s.at.Store(noon.Add(time.Hour).Unix())
		require.NoError(t, s.sessions.Refresh(t.Context()))
		_, err = get(t, conn, aliceID, x.pairs()...)
		requireCode(t, codes.Unauthenticated, err)
		require.ErrorContains(t, err, "expired")

		s = newSite(t)
		conn, x = connect(s), s.signing(t)
		_, err = get(t, conn, aliceID, x.pairs()...)
		require.NoError(t, err)
		require.NoError(t, s.sessions.Revoke(t.Context(), identity.Revocation{SessionID: "6f1d" + otherID}))
		_, err = get(t, conn, aliceID, x.pairs()...)
		require.NoError(t, err, "another's session was revoked")
		require.NoError(t, s.sessions.Revoke(t.Context(), identity.Revocation{SessionID: "6f1d" + sessionID}))
		_, err = get(t, conn, aliceID, x.pairs()...)
		requireCode(t, codes.Unauthenticated, err)
	})
	t.Run("revocations that cannot be read", func(t *testing.T) {
		s := newSite(t)
		conn := s.serve(t, false)
		s.at.Store(noon.Add(2 * time.Minute).Unix())
		_, err := get(t, conn, aliceID, s.signing(t).pairs()...)
		requireCode(t, codes.Unavailable, err)
		require.Contains(t, s.log.String(), "level=ERROR")
	})
}

// TestStreamsEnd: a stream ends with the session, before another message comes
// or goes.
func TestStreamsEnd(t *testing.T) {
	both(t, func(t *testing.T, connect func(*site) *grpc.ClientConn) {
		for name, end := range map[string]func(*testing.T, *site){
			"not": nil,
			"expired": func(t *testing.T, s *site) {
				s.at.Store(noon.Add(time.Hour).Unix())
				require.NoError(t, s.sessions.Refresh(t.Context()))
			},
			"revoked": func(t *testing.T, s *site) {
				require.NoError(t, s.sessions.Revoke(t.Context(), identity.Revocation{SessionID: "6f1d" + sessionID}))
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := newSite(t)
				x := s.signing(t)
				x.method = allMethod
				stream, err := connect(s).NewStream(metadata.AppendToOutgoingContext(t.Context(), x.pairs()...), &description.Streams[0], allMethod)
				require.NoError(t, err)
				out := &wrapperspb.StringValue{}
				require.NoError(t, stream.SendMsg(wrapperspb.String(aliceID)))
				require.NoError(t, stream.RecvMsg(out))
				require.Equal(t, aliceID+" true", out.GetValue())
				if end != nil {
					end(t, s)
				}
				s.mu.Lock()
				s.seen = nil
				s.mu.Unlock()
				require.NoError(t, stream.SendMsg(wrapperspb.String(bobID)))
				err = stream.RecvMsg(out)
				if end == nil {
					require.NoError(t, err)
					require.Equal(t, aliceID+" false", out.GetValue())
					return
				}
				requireCode(t, codes.Unauthenticated, err)
				s.mu.Lock()
				defer s.mu.Unlock()
				require.Nil(t, s.seen, "the message reached the handler")
			})
		}
	})
}

// TestAnswersEndToo: a stream on which the server alone speaks ends as well.
func TestAnswersEndToo(t *testing.T) {
	s := newSite(t)
	guard, err := rowangrpc.New(s.options)
	require.NoError(t, err)
	x := s.signing(t)
	x.method = allMethod
	md := metadata.Pairs(append(x.pairs(), ":authority", host)...)
	ctx := peer.NewContext(metadata.NewIncomingContext(t.Context(), md), &peer.Peer{Addr: loopback})
	sent := 0
	err = guard.Stream(nil, &oneWay{ctx: ctx, sent: &sent}, &grpc.StreamServerInfo{FullMethod: allMethod}, func(_ any, stream grpc.ServerStream) error {
		require.NoError(t, stream.SendMsg(wrapperspb.String("1")))
		require.NoError(t, s.sessions.Revoke(t.Context(), identity.Revocation{SessionID: "6f1d" + sessionID}))
		return stream.SendMsg(wrapperspb.String("2"))
	})
	requireCode(t, codes.Unauthenticated, err)
	require.Equal(t, 1, sent)
}

// TestMetadataOfTheOutside: what clients say of who calls is not there for
// handlers, in no spelling, and neither are credentials; all else is.
func TestMetadataOfTheOutside(t *testing.T) {
	both(t, func(t *testing.T, connect func(*site) *grpc.ClientConn) {
		s := newSite(t)
		s.options.Anonymous = []string{"/scores.v1.Scores/Other"}
		conn := connect(s)
		outside := []string{
			"x-amzn-oidc-data", "a.b.c", "x-amzn-oidc-identity", "mallory", "X-Rowan-Principal", "root", "x_rowan_principal", "root",
			"x-auth-user", "root", "x-forwarded-user", "root", "remote-user", "root", "x-forwarded-user-bin", "root", "x-rowan-id-bin", "root",
		}
		_, err := get(t, conn, aliceID, append(append(s.signing(t).pairs(), outside...), "x-request-id", "7", "x-forwarded-for", "192.0.2.1")...)
		require.NoError(t, err)
		requireClean(t, s)
		out, err := call(t, conn, "/scores.v1.Scores/Other", aliceID, append(append(s.signing(t).pairs(), outside...), "x-request-id", "7", "x-forwarded-for", "192.0.2.1")...)
		require.NoError(t, err)
		require.Equal(t, "nobody", out)
		requireClean(t, s)
	})
}

func requireClean(t *testing.T, s *site) {
	t.Helper()
	md, _ := metadata.FromIncomingContext(s.seen)
	for name := range md {
		require.False(t, httpauth.Reserved(strings.TrimSuffix(name, "-bin")), name)
	}
	require.NotContains(t, md, "authorization")
	require.NotContains(t, md, "x-amz-security-token")
	require.Equal(t, []string{"7"}, md["x-request-id"])
	require.Equal(t, []string{"192.0.2.1"}, md["x-forwarded-for"])
}

// TestAuthorize is asked with the caller in its context, and what it does not
// allow is not done.
func TestAuthorize(t *testing.T) {
	s := newSite(t)
	s.options.Anonymous = []string{"/scores.v1.Scores/Other"}
	var asked []rowangrpc.Call
	s.options.Authorize = func(ctx context.Context, c rowangrpc.Call) (bool, error) {
		asked = append(asked, c)
		caller, ok := engine.CallerFrom(ctx)
		require.True(t, ok)
		row, unary := c.Request.(*wrapperspb.StringValue)
		if !unary {
			return false, nil
		}
		switch row.GetValue() {
		case "outage":
			return true, errors.New("the store is away")
		case "busy":
			return true, status.Error(codes.ResourceExhausted, "too many")
		}
		request := caller.NewRequest("dynamodb:GetItem", scores)
		require.NoError(t, request.Context.Set("dynamodb:LeadingKeys", row.GetValue()))
		return caller.Evaluator.Decide(request).Allowed(), nil
	}
	conn := s.serve(t, false)
	for row, want := range map[string]codes.Code{aliceID: codes.OK, bobID: codes.PermissionDenied, "outage": codes.Unavailable, "busy": codes.ResourceExhausted} {
		s.seen = nil
		_, err := get(t, conn, row, s.signing(t).pairs()...)
		requireCode(t, want, err)
		require.Equal(t, want == codes.OK, s.seen != nil, row)
		if err != nil {
			require.NotContains(t, err.Error(), "the store is away")
		}
	}
	require.Contains(t, s.log.String(), "the store is away")
	x := s.signing(t)
	x.method = allMethod
	stream, err := conn.NewStream(metadata.AppendToOutgoingContext(t.Context(), x.pairs()...), &description.Streams[0], allMethod)
	require.NoError(t, err)
	requireCode(t, codes.PermissionDenied, stream.RecvMsg(&wrapperspb.StringValue{}))
	require.Len(t, asked, 5)
	require.Equal(t, rowangrpc.Call{Method: allMethod}, asked[4])
	_, err = get(t, conn, aliceID)
	requireCode(t, codes.Unauthenticated, err)
	_, err = call(t, conn, "/scores.v1.Scores/Other", aliceID)
	require.NoError(t, err)
	require.Len(t, asked, 5, "who is not known, and who need not be, is not asked about")
}

// TestPrivate: credentials count where nobody between can alter the call.
func TestPrivate(t *testing.T) {
	s := newSite(t)
	s.options.Private = func(*peer.Peer) bool { return false }
	_, err := get(t, s.serve(t, false), aliceID, s.signing(t).pairs()...)
	requireCode(t, codes.Unauthenticated, err)
	require.ErrorContains(t, err, "TLS")
	s.options.Private = nil
	_, err = get(t, s.serve(t, true), aliceID, s.signing(t).pairs()...)
	require.NoError(t, err)
	guard, err := rowangrpc.New(s.options)
	require.NoError(t, err)
	for _, x := range places {
		t.Run(x.name, func(t *testing.T) {
			md := metadata.Pairs(append(s.signing(t).pairs(), ":authority", host)...)
			ctx := metadata.NewIncomingContext(t.Context(), md)
			if x.peer != nil {
				ctx = peer.NewContext(ctx, x.peer)
			}
			_, err := guard.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: getMethod}, func(context.Context, any) (any, error) { return nil, nil })
			requireCode(t, x.want, err)
		})
	}
}

// TestMethodsAreReadInOneWay refuses names that only a handler of unknown methods
// would see.
func TestMethodsAreReadInOneWay(t *testing.T) {
	s := newSite(t)
	guard, err := rowangrpc.New(s.options)
	require.NoError(t, err)
	for method, want := range map[string]codes.Code{
		getMethod: codes.OK, "scores.v1.Scores/Get": codes.Unauthenticated, "/scores.v1.Scores/Get?x": codes.Unauthenticated, "/scores.v1.Scores/a/Get": codes.Unauthenticated,
		"/scores.v1.Scores/%47et": codes.Unauthenticated, "//Get": codes.Unauthenticated, "/scores.v1.Scores/": codes.Unauthenticated, "": codes.Unauthenticated,
	} {
		x := s.signing(t)
		x.method = method
		md := metadata.Pairs(append(x.pairs(), ":authority", host)...)
		ctx := peer.NewContext(metadata.NewIncomingContext(t.Context(), md), &peer.Peer{Addr: loopback})
		_, err := guard.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) { return nil, nil })
		requireCode(t, want, err)
	}
}

// TestNew refuses options that would leave open who calls.
func TestNew(t *testing.T) {
	good := newSite(t).options
	for name, change := range map[string]func(*rowangrpc.Options){
		"nothing":           func(o *rowangrpc.Options) { *o = rowangrpc.Options{} },
		"no credentials":    func(o *rowangrpc.Options) { o.Credentials = nil },
		"no verifier":       func(o *rowangrpc.Options) { o.Verifier = nil },
		"both":              func(o *rowangrpc.Options) { o.Data = &httpauth.DataVerifier{} },
		"data and a half":   func(o *rowangrpc.Options) { o.Data, o.Verifier = &httpauth.DataVerifier{}, nil },
		"a pattern":         func(o *rowangrpc.Options) { o.Anonymous = []string{"/grpc.health.v1.Health/*"} },
		"a relative method": func(o *rowangrpc.Options) { o.Anonymous = []string{"grpc.health.v1.Health/Check"} },
	} {
		o := good
		change(&o)
		_, err := rowangrpc.New(o)
		require.Error(t, err, name)
	}
	_, err := rowangrpc.New(good)
	require.NoError(t, err)
}
