package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
)

// connection is what the transport knows of a peer.
type connection struct {
	credentials.CommonAuthInfo
	peer decide.Peer
}

// AuthType names the sort of authentication.
func (connection) AuthType() string { return "rowan" }

// transport does the handshake of a connection: TLS where there is a
// certificate, the user id of the peer on a Unix socket, and the words with which
// a client of HTTP/2 begins.
type transport struct {
	config  *tls.Config // nil: none
	trusted bool
}

// ServerHandshake finds out who connects, and that they speak HTTP/2: a connection
// costs buffers and goroutines only from then on, so that thousands that say
// nothing cost little.
func (t *transport) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := t.identify(c)
	if err != nil {
		return nil, nil, err
	}
	var said [len(http2.ClientPreface)]byte
	if _, err := io.ReadFull(c, said[:]); err != nil {
		return nil, nil, err
	}
	if string(said[:]) != http2.ClientPreface {
		return nil, nil, errors.New("the client does not speak HTTP/2")
	}
	return &spoken{c, http2.ClientPreface}, info, nil
}

// spoken is a connection of which something was read, which is read again.
type spoken struct {
	net.Conn
	rest string
}

// Read reads what was read before, and then from the connection.
func (s *spoken) Read(b []byte) (int, error) {
	if s.rest == "" {
		return s.Conn.Read(b)
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// identify finds out who connects.
func (t *transport) identify(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	p := decide.Peer{Trusted: t.trusted}
	if t.config != nil && c.LocalAddr().Network() != "unix" {
		out, info, err := credentials.NewTLS(t.config).ServerHandshake(c)
		if err != nil {
			return nil, nil, err
		}
		if state, ok := info.(credentials.TLSInfo); ok {
			p.Certificate = verified(&state.State)
		}
		p.Local = loopback(c.RemoteAddr())
		return out, connection{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, p}, nil
	}
	if c.LocalAddr().Network() == "unix" {
		uid, err := PeerUID(c)
		if err != nil {
			return nil, nil, err
		}
		p.UID, p.HasUID, p.Local = uid, true, int(uid) == os.Getuid()
	} else {
		p.Local = loopback(c.RemoteAddr())
	}
	return c, connection{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}, p}, nil
}

// verified returns the client's certificate if its chain was verified.
func verified(s *tls.ConnectionState) *x509.Certificate {
	if len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
		return nil
	}
	return s.PeerCertificates[0]
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// ClientHandshake is not for servers.
func (*transport) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("a server does not connect")
}

// Info describes the transport.
func (t *transport) Info() credentials.ProtocolInfo {
	protocol := "insecure"
	if t.config != nil {
		protocol = "tls"
	}
	return credentials.ProtocolInfo{SecurityProtocol: protocol}
}

// Clone copies the transport.
func (t *transport) Clone() credentials.TransportCredentials {
	out := *t
	return &out
}

// OverrideServerName is not for servers.
func (*transport) OverrideServerName(string) error { return nil }

// bearer is how a key is told from other schemes, which are refused: a caller
// that means to be known is not to pass for nobody.
const bearer = "bearer "

// withPeer returns ctx with who calls.
func withPeer(ctx context.Context) (context.Context, error) {
	on, ok := peer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "a call without a connection")
	}
	of, ok := on.AuthInfo.(connection)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "a call without a transport")
	}
	p := of.peer
	md, _ := metadata.FromIncomingContext(ctx)
	switch all := md["authorization"]; {
	case len(all) > 1:
		return nil, status.Error(codes.Unauthenticated, "more than one authorization")
	case len(all) == 1:
		if len(all[0]) < len(bearer) || !strings.EqualFold(all[0][:len(bearer)], bearer) {
			return nil, status.Error(codes.Unauthenticated, "the authorization is not \"Bearer KEY\"")
		}
		p = p.KeyOf(all[0][len(bearer):])
	}
	return decide.WithPeer(ctx, &p), nil
}

// peerStream is a stream that knows who calls.
type peerStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the context of the stream.
func (s *peerStream) Context() context.Context { return s.ctx }
