package rowangrpc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// Options say how calls are authenticated: by Verifier and Credentials, or by
// Data.
type Options struct {
	// Verifier has REST, one service of your choice and the Lookup of Credentials.
	Verifier    *sigv4.Verifier
	Credentials *httpauth.Credentials
	// Data verifies what a proxy says of who calls.
	Data *httpauth.DataVerifier
	// Authorize says whether a call may be made; nil lets everybody who is known.
	// It is asked once, with the context that the handler gets. After an error,
	// which is the client's if it is a status, the call is not made.
	Authorize func(ctx context.Context, c Call) (allowed bool, err error)
	// Anonymous are full names of methods, such as /grpc.health.v1.Health/Check,
	// that anybody may call, Authorize or not. Their handlers find no caller.
	Anonymous []string
	// Private says that nobody between could alter a call; nil means TLS to this
	// process, a Unix socket, or a peer on loopback.
	Private func(*peer.Peer) bool
	// Log gets refusals, with causes that clients do not see, at level Debug and
	// outages at level Error; nil means nobody.
	Log *slog.Logger
}

// Call is what Authorize is asked about.
type Call struct {
	// Method is the full name: /package.Service/Method.
	Method string
	// Request is the message of a unary call; nil for a stream, whose messages are
	// not there yet.
	Request any
}

// Guard is interceptors. It may be shared.
type Guard struct{ o Options }

// New makes a Guard.
func New(o Options) (*Guard, error) {
	signed := o.Verifier != nil && o.Credentials != nil
	switch {
	case (o.Verifier != nil) != (o.Credentials != nil):
		return nil, errors.New("rowangrpc: Verifier and Credentials come together")
	case signed == (o.Data != nil):
		return nil, errors.New("rowangrpc: want Verifier and Credentials, or Data")
	}
	for _, m := range o.Anonymous {
		if !plain(m) {
			return nil, errors.New("rowangrpc: Anonymous has a name that is not /package.Service/Method")
		}
	}
	o.Anonymous = slices.Clone(o.Anonymous)
	if o.Private == nil {
		o.Private = private
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Guard{o}, nil
}

// plain reports whether a method is named as protobuf names them, so that it
// cannot be read in two ways.
func plain(method string) bool {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return ok && strings.HasPrefix(method, "/") && word(service, ".") && word(name, "")
}

func word(s, more string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"+more) == ""
}

// Unary is a grpc.UnaryServerInterceptor. The handler finds who calls, and no
// metadata that says so.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	known, _, err := g.admit(ctx, Call{info.FullMethod, request})
	if err != nil {
		return nil, err
	}
	return next(known, request)
}

// Stream is a grpc.StreamServerInterceptor. Beside what Unary does it asks with
// every message whether the caller's credentials are still good: a stream ends
// with them, and with a revocation.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	known, still, err := g.admit(stream.Context(), Call{Method: info.FullMethod})
	if err != nil {
		return err
	}
	return next(server, &guarded{ServerStream: stream, ctx: known, still: still})
}

// guarded is a stream that ends when the credentials do.
type guarded struct {
	grpc.ServerStream
	ctx   context.Context
	still func() error
}

// Context returns the context with the caller.
func (s *guarded) Context() context.Context { return s.ctx }

// SendMsg sends a message.
func (s *guarded) SendMsg(m any) error {
	if err := s.still(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

// RecvMsg receives a message. The time it waited for it may have been long.
func (s *guarded) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.still()
}

// admit returns the context of the handler, and what asks whether the caller's
// credentials are still good.
func (g *Guard) admit(ctx context.Context, c Call) (known context.Context, still func() error, err error) {
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	if slices.Contains(g.o.Anonymous, c.Method) {
		return metadata.NewIncomingContext(ctx, cleaned(md)), func() error { return nil }, nil
	}
	by, err := g.authenticate(ctx, c.Method, md)
	if err != nil {
		return nil, nil, g.refused(ctx, c.Method, err)
	}
	known = by.into(metadata.NewIncomingContext(ctx, cleaned(md)))
	if g.o.Authorize != nil {
		allowed, err := g.o.Authorize(known, c)
		switch {
		case err != nil:
			return nil, nil, g.refused(ctx, c.Method, undecided(err))
		case !allowed:
			return nil, nil, g.refused(ctx, c.Method, status.Error(codes.PermissionDenied, "the caller may not make this call"))
		}
	}
	return known, func() error {
		if err := by.still(); err != nil {
			return g.refused(ctx, c.Method, err)
		}
		return nil
	}, nil
}

// undecided is the error of a question that has no answer.
func undecided(err error) error {
	if s, ok := status.FromError(err); ok && s.Code() != codes.OK {
		return err
	}
	return &refusal{codes.Unavailable, "whether the caller may make this call cannot be decided now", err}
}

// refusal is an error whose cause the client does not see.
type refusal struct {
	code  codes.Code
	text  string
	cause error
}

func (r *refusal) Error() string              { return r.text }
func (r *refusal) Unwrap() error              { return r.cause }
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.text) }

// refused tells the log of a refusal and returns what the client gets.
func (g *Guard) refused(ctx context.Context, method string, err error) error {
	level := slog.LevelDebug
	s, _ := status.FromError(err)
	if s.Code() == codes.Unavailable {
		level = slog.LevelError
	}
	g.o.Log.LogAttrs(ctx, level, "call refused", slog.String("method", method), slog.String("reason", s.Message()), slog.Any("cause", errors.Unwrap(err)))
	return s.Err()
}
