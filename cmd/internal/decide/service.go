package decide

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/bundle"
)

// Peer is what is known of the calling service: how its connection or its
// request proves who it is. The zero value is nobody, from afar.
type Peer struct {
	// Key is the SHA-256 of the bearer key that the request brought, if HasKey.
	Key    [sha256.Size]byte
	HasKey bool
	// Certificate is that of a client whose chain was verified; nil without.
	Certificate *x509.Certificate
	// UID is the peer's user id on a Unix socket, if HasUID.
	UID    uint32
	HasUID bool
	// Local says that the peer is on loopback, or on a Unix socket of ours and
	// runs as we do.
	Local bool
	// Trusted gives all rights to a peer that names itself by nothing: for
	// development.
	Trusted bool
}

// KeyOf makes a peer that brings a bearer key.
func (p Peer) KeyOf(key string) Peer {
	p.Key, p.HasKey = sha256.Sum256([]byte(key)), true
	return p
}

type peerKey struct{}

// WithPeer returns ctx with the calling service.
func WithPeer(ctx context.Context, p *Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// services finds the services of a bundle by how they prove who they are. The
// hash of a key is as good as random, so finding it by a map tells nothing.
type services struct {
	keys  map[[sha256.Size]byte]*bundle.Service
	names map[string]*bundle.Service
	uids  map[uint32]*bundle.Service
}

func newServices(b *bundle.Bundle) services {
	s := services{
		keys:  make(map[[sha256.Size]byte]*bundle.Service),
		names: make(map[string]*bundle.Service),
		uids:  make(map[uint32]*bundle.Service),
	}
	for _, x := range b.Services {
		for _, k := range x.Keys {
			s.keys[k] = x
		}
		for _, n := range x.Certificates {
			s.names[n] = x
		}
		for _, u := range x.UIDs {
			s.uids[u] = x
		}
	}
	return s
}

// anonymous are local peers that name themselves by nothing, and developer the
// same where they are trusted. Neither is a name that a file can have.
var (
	anonymous = &bundle.Service{}
	developer = &bundle.Service{Rights: bundle.ServiceRights()}
)

var errService = status.Error(codes.Unauthenticated, "the calling service is not known: it needs a key, a client certificate or a user id that the bundle's services name")

// service returns who calls. Whoever says who they are and is wrong is refused,
// wherever they are.
func (s *services) service(ctx context.Context) (*bundle.Service, error) {
	p, _ := ctx.Value(peerKey{}).(*Peer)
	switch {
	case p == nil:
		return nil, errService
	case p.HasKey:
		if x, ok := s.keys[p.Key]; ok {
			return x, nil
		}
		return nil, errService
	case p.Certificate != nil:
		return s.certified(p.Certificate)
	}
	if x, ok := s.uids[p.UID]; ok && p.HasUID {
		return x, nil
	}
	switch {
	case p.Local && p.Trusted:
		return developer, nil
	case p.Local:
		return anonymous, nil
	}
	return nil, errService
}

// certified returns the one service that a certificate names.
func (s *services) certified(c *x509.Certificate) (*bundle.Service, error) {
	names := slices.Clone(c.DNSNames)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	var found *bundle.Service
	for _, n := range names {
		x, ok := s.names[n]
		if !ok {
			continue
		}
		if found != nil && found != x {
			return nil, status.Error(codes.Unauthenticated, "the client certificate names several services")
		}
		found = x
	}
	if found == nil {
		return nil, errService
	}
	return found, nil
}

// lacks refuses a service that does not have a right.
func lacks(right string) error {
	return status.Errorf(codes.PermissionDenied, "the calling service lacks the right %q", right)
}
