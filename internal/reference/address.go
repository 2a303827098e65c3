package reference

import "net/netip"

// parseAddress reads a single address, as a context holds it. C9: no zone,
// and an IPv4 address mapped into IPv6 is the IPv4 address.
func parseAddress(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil && a.Zone() == ""
}

// parseNetwork reads an address or CIDR, as policies write it. Section 3.5
// and C9: a mapped network of 96 bits or more is the IPv4 network.
func parseNetwork(s string) (netip.Prefix, bool) {
	if a, ok := parseAddress(s); ok {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
