package server

import (
	"net/netip"
	"sync"
)

// Bounds of the memory that strangers can take for bodies, whatever the number
// of connections and streams: of all together, and of one address, lest it keep
// all others out. A proxy on this machine is not bound by the latter. Small
// requests find room the longest.
const (
	maxBodies      = 256 << 20
	maxBodiesOfOne = 32 << 20
)

// bodies counts the sizes of the bodies that are being read or worked on.
type bodies struct {
	mu  sync.Mutex
	all int64
	of  map[netip.Prefix]int64
}

// take reports whether there is room for a body of a client; give frees it.
func (b *bodies) take(client netip.Addr, size int64) bool {
	of := shared(client)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all+size > maxBodies || of.IsValid() && b.of[of]+size > maxBodiesOfOne {
		return false
	}
	b.add(of, size)
	return true
}

func (b *bodies) give(client netip.Addr, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(shared(client), -size)
}

func (b *bodies) add(of netip.Prefix, size int64) {
	b.all += size
	if !of.IsValid() || size == 0 {
		return
	}
	if b.of == nil {
		b.of = make(map[netip.Prefix]int64)
	}
	if b.of[of] += size; b.of[of] == 0 {
		delete(b.of, of)
	}
}

// shared is the network whose share counts; the zero value for a client on this
// machine.
func shared(client netip.Addr) netip.Prefix {
	if !client.IsValid() || client.IsLoopback() {
		return netip.Prefix{}
	}
	return network(client)
}
