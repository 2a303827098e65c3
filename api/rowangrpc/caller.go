package rowangrpc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// identified is who makes a call: into puts them into a context, still says whether
// their credentials are good.
type identified struct {
	into  func(context.Context) context.Context
	still func() error
}

type sessionKey struct{}

// SessionFrom returns the session of the temporary credentials that made the
// call; ok is false outside of one, and for an administrator. engine.CallerFrom
// has the caller of both.
func SessionFrom(ctx context.Context) (s *identity.Session, ok bool) {
	s, _ = ctx.Value(sessionKey{}).(*identity.Session)
	return s, s != nil
}

// authenticate finds out who makes a call. Its errors are those of clients.
func (g *Guard) authenticate(ctx context.Context, method string, md metadata.MD) (*identified, error) {
	p, ok := peer.FromContext(ctx)
	switch {
	case !plain(method):
		return nil, &refusal{codes.Unauthenticated, "the method's name can be read in two ways", nil}
	case !ok || !g.o.Private(p):
		return nil, &refusal{codes.Unauthenticated, "credentials count over TLS or on this machine alone", nil}
	case g.o.Data != nil:
		return g.named(ctx, md)
	}
	return g.signed(ctx, method, md)
}

// signed verifies the signature of a call.
func (g *Guard) signed(ctx context.Context, method string, md metadata.MD) (*identified, error) {
	if len(md[":authority"]) != 1 {
		return nil, &refusal{codes.Unauthenticated, "the call names no host", nil}
	}
	r := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: method}, RequestURI: method, Host: md[":authority"][0],
		Header: http.Header{}, Body: http.NoBody,
	}).WithContext(ctx)
	for name, values := range md {
		// All x-amz-… must be signed, whatever they mean.
		if name == "authorization" || strings.HasPrefix(name, "x-amz-") {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	verified, err := g.o.Verifier.Verify(r)
	if err != nil {
		return nil, unsigned(err)
	}
	caller, err := g.o.Credentials.Caller(verified)
	if err != nil || caller == nil {
		return nil, unsigned(err)
	}
	session, _ := verified.Value.(*identity.Session)
	return &identified{
		into: func(ctx context.Context) context.Context {
			return context.WithValue(engine.WithCaller(ctx, caller), sessionKey{}, session)
		},
		still: func() error {
			if _, err := g.o.Credentials.Caller(verified); err != nil {
				return unsigned(err)
			}
			return nil
		},
	}, nil
}

// unsigned is the refusal of a call by an error of Verify or Caller. What it does
// not know is an outage.
func unsigned(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		e = sigv4.Refusal(err)
	}
	if e.Kind == sigv4.Unavailable {
		return &refusal{codes.Unavailable, "who calls cannot be found out now", err}
	}
	return &refusal{codes.Unauthenticated, e.Message, err}
}

// named verifies what a proxy says of who calls.
func (g *Guard) named(ctx context.Context, md metadata.MD) (*identified, error) {
	lines := md[strings.ToLower(httpauth.DataHeader)]
	if len(lines) != 1 {
		return nil, &refusal{codes.Unauthenticated, "the call does not say once who makes it", nil}
	}
	data, err := g.o.Data.Verify(ctx, lines[0])
	if err != nil {
		return nil, unnamed(err)
	}
	return &identified{
		into:  func(ctx context.Context) context.Context { return httpauth.WithData(ctx, data) },
		still: func() error { return unnamed(g.o.Data.Current(data)) },
	}, nil
}

func unnamed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, httpauth.ErrData):
		return &refusal{codes.Unauthenticated, "what is said of who calls does not hold", err}
	}
	return &refusal{codes.Unavailable, "what is said of who calls cannot be verified now", err}
}

// credentialNames are what a caller proves itself by: no handler needs them.
var credentialNames = map[string]bool{"authorization": true, "x-amz-security-token": true}

// cleaned returns metadata without credentials and without what the outside says
// of who calls, be it called binary.
func cleaned(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for name, values := range md {
		if plain := strings.TrimSuffix(name, "-bin"); !credentialNames[plain] && !httpauth.Reserved(plain) {
			out[name] = values
		}
	}
	return out
}

// private reports whether a call came over TLS to this process, over a Unix
// socket or loopback.
func private(p *peer.Peer) bool {
	if _, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		return true
	}
	switch at := p.Addr.(type) {
	case *net.TCPAddr:
		return at.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
