package identity

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"
)

// Guests cost a record each and anybody may ask for one, so that they are
// limited: by address, and over all of a pool. One who never asks for
// credentials is forgotten after a day. Source: identity-protocol §1.6, §6.3.
const (
	guestBurst    = 50 // guests that one address may make at once
	guestInterval = 2 * time.Second
	siteBurst     = 200 // that all networks of one site of IPv6 may make
	siteInterval  = 500 * time.Millisecond
	poolBurst     = 500
	poolInterval  = 40 * time.Millisecond // 25 a second
	unusedGuest   = 24 * time.Hour
	maxBuckets    = 10_000
)

// guestLimit counts new guests by address and by pool, in memory.
type guestLimit struct {
	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  list.List // of *bucket, the one used last first
}

// bucket holds tokens: one is taken for each guest, and one comes back every
// interval.
type bucket struct {
	key   string
	taken int
	since time.Time // when the tokens began to come back
}

// allow reports whether a guest of the address may be made in the pool, and
// counts it if so. A client whose address is not known is limited by the pool
// alone.
func (g *guestLimit) allow(pool string, address netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.bucket("pool "+pool, now)
	if !of.has(poolBurst, poolInterval, now) {
		return false
	}
	counted := []*bucket{of}
	for _, n := range networks(address) {
		by := g.bucket(n.name, now)
		if !by.has(n.burst, n.interval, now) {
			return false
		}
		counted = append(counted, by)
	}
	for _, b := range counted {
		b.taken++
	}
	return true
}

// limited is a network whose guests are counted.
type limited struct {
	name     string
	burst    int
	interval time.Duration
}

// networks are what an address is counted by, the widest first: whoever has a
// site of IPv6 has 65,536 networks of 64 bits.
func networks(address netip.Addr) []limited {
	a := address.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return nil
	case a.Is4():
		return []limited{{"address " + a.String(), guestBurst, guestInterval}}
	}
	site, subscriber := netip.PrefixFrom(a, 48).Masked(), netip.PrefixFrom(a, 64).Masked()
	return []limited{
		{"site " + site.String(), siteBurst, siteInterval},
		{"address " + subscriber.String(), guestBurst, guestInterval},
	}
}

// bucket returns the bucket of a key, dropping the one unused longest when
// there are too many.
func (g *guestLimit) bucket(key string, now time.Time) *bucket {
	if e, ok := g.buckets[key]; ok {
		g.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if g.buckets == nil {
		g.buckets = map[string]*list.Element{}
	}
	if len(g.buckets) >= maxBuckets {
		last := g.recent.Back()
		delete(g.buckets, g.recent.Remove(last).(*bucket).key)
	}
	b := &bucket{key: key, since: now}
	g.buckets[key] = g.recent.PushFront(b)
	return b
}

// has reports whether the bucket has a token left.
func (b *bucket) has(burst int, interval time.Duration, now time.Time) bool {
	if back := now.Sub(b.since) / interval; back > 0 {
		b.taken = max(0, b.taken-int(min(back, time.Duration(burst))))
		b.since = b.since.Add(back * interval)
	}
	return b.taken < burst
}

// newGuest makes an unauthenticated identity. Source: identity-protocol §1.6.
func (p *Pools) newGuest(ctx context.Context, pool *PoolConfig, now time.Time) (string, error) {
	if pool.Unauthenticated == "" {
		return "", noGuests()
	}
	if !p.guests.allow(pool.ID, ClientFrom(ctx).Address, now) {
		return "", Errorf(TooManyRequests, "Too many new identities. Try again later.")
	}
	id, err := p.newID(pool)
	if err != nil {
		return "", err
	}
	r := &identityRecord{ID: id, Pool: pool.ID, Created: now, Modified: now, Enabled: true, expires: now.Add(unusedGuest)}
	if err := p.options.Store.Update(ctx, r.insert); err != nil {
		return "", err
	}
	p.audit(ctx, Event{Name: EventCreate, Time: now, Pool: pool.ID, Identity: shortID(id)})
	return id, nil
}

func noGuests() *Error {
	return Errorf(NotAuthorized, "Unauthenticated access is not supported for this identity pool.")
}

// enterAsGuest checks that whoever only knows an identity's id may use it, and
// keeps a guest that is used. Source: identity-protocol §1.4.
func (p *Pools) enterAsGuest(ctx context.Context, pool *PoolConfig, id string, now time.Time) (*identityRecord, error) {
	var r *identityRecord
	read := func(tx Tx) (err error) {
		if r, err = loadIdentity(tx, id, now); err != nil {
			return err
		}
		switch {
		case r == nil || r.Pool != pool.ID:
			return unknownIdentity(id)
		case !r.guest():
			return forbidden(id)
		case pool.Unauthenticated == "":
			return noGuests()
		}
		return nil
	}
	if err := p.options.Store.View(ctx, read); err != nil {
		return nil, err
	}
	if r.expires.IsZero() {
		return r, nil
	}
	err := p.options.Store.Update(ctx, func(tx Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		r.expires = time.Time{}
		return r.put(tx)
	})
	return r, err
}
