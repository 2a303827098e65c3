package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/cmd/internal/decide"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

type uidKey struct{}

// serviceKey is where a proxy puts its own key: what it passes on in
// Authorization is its client's.
const serviceKey = "X-Rowan-Service-Key"

// peer finds out which service calls.
func (s *Server) peer(r *http.Request) (*decide.Peer, error) {
	p := &decide.Peer{Trusted: s.options.Trusted}
	if uid, ok := r.Context().Value(uidKey{}).(uint32); ok {
		p.UID, p.HasUID, p.Local = uid, true, int(uid) == os.Getuid()
	} else if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		ip := net.ParseIP(host)
		p.Local = ip != nil && ip.IsLoopback()
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.PeerCertificates) > 0 {
		p.Certificate = r.TLS.PeerCertificates[0]
	}
	key, err := s.key(r)
	if err != nil {
		return nil, err
	}
	if key != nil {
		*p = p.KeyOf(*key)
	}
	return p, nil
}

// key returns the key of the calling service, nil if it brings none.
func (s *Server) key(r *http.Request) (*string, error) {
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		if all, ok := r.Header[serviceKey]; ok {
			if len(all) != 1 {
				return nil, status.Error(codes.Unauthenticated, "more than one "+serviceKey)
			}
			return &all[0], nil
		}
		return nil, nil
	}
	switch all := r.Header["Authorization"]; {
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		return nil, status.Error(codes.Unauthenticated, "more than one Authorization")
	default:
		key, ok := bearer(all[0])
		if !ok {
			return nil, status.Error(codes.Unauthenticated, `the Authorization is not "Bearer KEY"`)
		}
		return &key, nil
	}
}

// bearer returns what follows the scheme.
func bearer(line string) (token string, ok bool) {
	const scheme = "bearer "
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", false
	}
	return line[len(scheme):], true
}

// admit refuses who may not ask, before anything is read. A nameless service
// must call this machine by a name of its own: a page in a browser here, whose
// host resolves to this machine, sends the name of that host.
func (x *exchange) admit(p *decide.Peer) error {
	if !p.HasKey && p.Certificate == nil && !p.HasUID && !x.own(x.r.Host) {
		return status.Error(codes.Unauthenticated, "a service without a name calls this server by the name of this machine, or by the server's address")
	}
	return x.options.Decider.Admit(x.r.Context())
}

// own reports whether a host is this machine, or that of the server's address.
func (s *Server) own(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.IsLoopback()
	}
	if server.Loopback(name) {
		return true
	}
	u, err := url.Parse(s.options.URL)
	return err == nil && u.Host != "" && strings.EqualFold(host, u.Host)
}
