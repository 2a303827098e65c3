package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Rate bounds the calls of one client address that nobody signed. The zero
// value refuses them all.
type Rate struct {
	// PerSecond is how many calls an address may make in the long run, Burst
	// how many at once.
	PerSecond float64
	Burst     int
}

// maxAddresses is how many addresses are remembered. The one that was quiet
// longest is forgotten first, and begins anew with a whole burst.
const maxAddresses = 1 << 16

// limiter is a token bucket for each address.
type limiter struct {
	rate Rate

	mu      sync.Mutex
	buckets map[netip.Prefix]*list.Element
	recent  list.List // of *bucket, the latest first
}

type bucket struct {
	of     netip.Prefix
	tokens float64
	at     time.Time
}

func newLimiter(rate Rate) *limiter {
	return &limiter{rate: rate, buckets: make(map[netip.Prefix]*list.Element)}
}

// take counts a call and reports whether it may be made; one that may not is
// not counted, since clients repeat it by themselves. Source: identity-protocol
// §0.5. A connection without an address, which is a local socket, is not
// limited: whoever listens on the other side of it knows the clients.
func (l *limiter) take(a netip.Addr, now time.Time) bool { return l.spend(a, now, 1) }

// open reports whether take would succeed, and counts nothing.
func (l *limiter) open(a netip.Addr, now time.Time) bool { return l.spend(a, now, 0) }

func (l *limiter) spend(a netip.Addr, now time.Time, n float64) bool {
	if !a.IsValid() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	of := network(a)
	var site *bucket
	if a.Is6() {
		// Whoever has a /48 has 65,536 networks, and would have as many buckets.
		whole := netip.PrefixFrom(of.Addr(), siteBits).Masked()
		if site = l.bucket(whole, now, siteShare); site.tokens < 1 {
			return false
		}
	}
	b := l.bucket(of, now, 1)
	if b.tokens < 1 {
		return false
	}
	b.tokens -= n
	if site != nil {
		site.tokens -= n
	}
	return true
}

// siteBits is the size of what a site of IPv6 gets at most, and siteShare how
// many clients' rates it has: some providers have many of their customers in
// one. Source: RFC 6177.
const siteBits, siteShare = 48, 16

// bucket returns the bucket of a network, which has the rate of so many
// clients, filled up to now.
func (l *limiter) bucket(of netip.Prefix, now time.Time, clients float64) *bucket {
	burst := float64(l.rate.Burst) * clients
	if e, ok := l.buckets[of]; ok {
		l.recent.MoveToFront(e)
		b := e.Value.(*bucket)
		if d := now.Sub(b.at); d > 0 {
			b.tokens = min(burst, b.tokens+d.Seconds()*l.rate.PerSecond*clients)
			b.at = now
		}
		return b
	}
	if len(l.buckets) >= maxAddresses {
		oldest := l.recent.Back()
		delete(l.buckets, l.recent.Remove(oldest).(*bucket).of)
	}
	b := &bucket{of: of, tokens: burst, at: now}
	l.buckets[of] = l.recent.PushFront(b)
	return b
}

// network is what one client has to itself: an address of IPv4, and a /64 of
// IPv6, within which addresses are free.
func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
