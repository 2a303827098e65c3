package httpauth

import (
	"crypto/tls"
	"net/http"
	"net/netip"

	"github.com/rowan-authz/rowan/identity"
)

// ClientOf says who is at the other end of the connection. Headers have no say
// in it.
func ClientOf(r *http.Request) identity.Client {
	c := identity.Client{UserAgent: r.UserAgent(), TLS: r.TLS != nil && r.TLS.Version >= tls.VersionTLS12}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Address = at.Addr().Unmap().WithZone("")
	}
	return c
}
