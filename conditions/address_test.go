package conditions

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParseAddress holds what an address of a context is. Source:
// iam-semantics §3.5; choice C9.
func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"203.0.113.1": "203.0.113.1", "::ffff:203.0.113.1": "203.0.113.1", "::FFFF:cb00:7101": "203.0.113.1",
		"2001:DB8::9": "2001:db8::9", "::": "::", "0.0.0.0": "0.0.0.0", "::203.0.113.1": "::203.0.113.1",
	} {
		a, ok := parseAddress(s)
		require.True(t, ok, s)
		require.Equal(t, netip.MustParseAddr(want), a, s)
	}
	for _, s := range []string{
		"", " ", "203.0.113.1 ", "203.0.113", "203.0.113.256", "203.0.113.01", "0203.0.113.1", "203.0.113.1/32", "203.0.113.1-9", "0x7f.0.0.1",
		"2130706433", "fe80::1%eth0", "::ffff:203.0.113.1%1", "2001:db8::9/128", "[::1]", "1::2::3", "localhost", "*",
	} {
		_, ok := parseAddress(s)
		require.False(t, ok, s)
	}
}

// TestParsePrefix holds what an address or CIDR of a policy is: bits after the
// mask are ignored, a mapped prefix of 96 bits or more is the IPv4 one.
func TestParsePrefix(t *testing.T) {
	for s, want := range map[string]string{
		"203.0.113.77/24": "203.0.113.0/24", "203.0.113.77": "203.0.113.77/32", "203.0.113.77/32": "203.0.113.77/32",
		"203.0.113.77/0": "0.0.0.0/0", "2001:db8:1::/32": "2001:db8::/32", "2001:db8::9": "2001:db8::9/128", "::/0": "::/0",
		"::ffff:10.0.0.7/120": "10.0.0.0/24", "::ffff:10.0.0.7/96": "0.0.0.0/0", "::ffff:10.0.0.7": "10.0.0.7/32",
		"::ffff:10.0.0.7/128": "10.0.0.7/32",
	} {
		p, err := parsePrefix(s)
		require.NoError(t, err, s)
		require.Equal(t, netip.MustParsePrefix(want), p, s)
	}
	for _, s := range []string{
		"", "/", "/24", "203.0.113.0/", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/+1", "203.0.113.0/024", "203.0.113.0/24/8",
		"203.0.113/24", "203.0.113.0-203.0.113.9", "203.0.113.*", "2001:db8::/129", "fe80::1%eth0", "fe80::%eth0/64", "10", "any",
	} {
		_, err := parsePrefix(s)
		require.Error(t, err, s)
	}
	under, err := parsePrefix("::ffff:0:0/90")
	require.NoError(t, err)
	require.True(t, under.Addr().Is6(), "shorter than 96 bits it stays IPv6")
}

// TestPrefixContains compares containment with a count of equal bits.
func TestPrefixContains(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	random := func() netip.Addr {
		b := [16]byte{}
		for i := range b {
			b[i] = byte(r.IntN(2)) * 0x80
		}
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrFrom16(b)
	}
	inside := 0
	for range 4_000 {
		a, of := random(), random()
		p, err := of.Prefix(r.IntN(of.BitLen() + 1))
		require.NoError(t, err)
		parsed, err := parsePrefix(netip.PrefixFrom(of, p.Bits()).String())
		require.NoError(t, err)
		want := a.BitLen() == of.BitLen()
		for i := range p.Bits() {
			want = want && bit(a, i) == bit(of, i)
		}
		require.Equal(t, want, parsed.Contains(a), "%v in %v", a, parsed)
		if want {
			inside++
		}
	}
	require.Greater(t, inside, 300)
}

func bit(a netip.Addr, i int) byte { return a.AsSlice()[i/8] >> (7 - i%8) & 1 }
