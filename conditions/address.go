package conditions

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseAddress reads one address of a context. An IPv4-mapped IPv6 address is
// the IPv4 address. Source: iam-semantics §3.5; choice C9.
func parseAddress(s string) (netip.Addr, bool) {
	// An error of netip costs memory, which a decision must not; most texts
	// that are no address are seen to be none before.
	if !strings.Contains(s, ":") && !dotted(s) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// dotted reports whether s is four numbers of one to three digits with a dot
// between each two.
func dotted(s string) bool {
	for i := range 4 {
		part, rest, more := strings.Cut(s, ".")
		_, ok := fixed(part, 255)
		if !ok || len(part) > 1 && part[0] == '0' || more != (i < 3) {
			return false
		}
		s = rest
	}
	return true
}

// parsePrefix reads an address or CIDR of a policy. Bits after the mask are
// ignored. A mapped prefix of at least 96 bits is the IPv4 prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, ok := parseAddress(s)
		if !ok {
			return netip.Prefix{}, fmt.Errorf("%q is no IP address or CIDR", s)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no IP address or CIDR", s)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
