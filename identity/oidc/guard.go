package oidc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// GuardOptions say what a guarded client may do beyond the ordinary.
type GuardOptions struct {
	// AllowLoopback lets it call 127.0.0.0/8 and ::1, over http too: for tests
	// and for providers on the same machine.
	AllowLoopback bool
	// Roots are the authorities of certificates; nil means the system's.
	Roots *x509.CertPool
}

// fetchTimeout bounds one fetch, from the resolution of the name to the last
// byte.
const fetchTimeout = 5 * time.Second

// GuardedClient returns a client for addresses that configuration names. It
// speaks https alone, follows no redirect, takes no proxy from the environment,
// and gives up after 5 seconds. It refuses to connect to addresses that are not
// public. That is looked at when it dials, after names are resolved, so a name
// that means another address the second time is caught.
func GuardedClient(o GuardOptions) *http.Client {
	dialer := &net.Dialer{
		Timeout: fetchTimeout,
		Control: func(network, address string, _ syscall.RawConn) error {
			return o.dial(network, address)
		},
	}
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: noRedirect,
		Transport: schemeGuard{o.AllowLoopback, &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout:    fetchTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxConnsPerHost:        32,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}},
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

type schemeGuard struct {
	allowLoopback bool
	*http.Transport
}

// RoundTrip refuses addresses that are not https before anything is dialled.
func (g schemeGuard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkScheme(r.URL, g.allowLoopback); err != nil {
		return nil, err
	}
	return g.Transport.RoundTrip(r)
}

// errGuarded does not say which address: who asked may not know it either.
var errGuarded = errors.New("address is not public")

func (o GuardOptions) dial(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("network %s is not taken", network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errGuarded
	}
	ip := to.Addr().Unmap()
	if public(ip) || o.AllowLoopback && ip.IsLoopback() {
		return nil
	}
	return errGuarded
}

// public reports whether an address is one of the open Internet's. Of IPv6 only
// 2000::/3 is, so that translated and embedded forms of IPv4 addresses (NAT64,
// 6to4, Teredo) are no way around the list. Source: the IANA special-purpose
// address registries (RFC 6890).
func public(ip netip.Addr) bool {
	if ip.Is6() && !global6.Contains(ip) { // nor does it contain an address with a zone
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

var global6 = netip.MustParsePrefix("2000::/3")

var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, where clouds keep credentials
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/3"),     // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("3fff::/20"),       // documentation
}
