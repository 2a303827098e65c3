package identity

import (
	"container/list"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// sessionCache keeps the sessions that were opened last. It holds only what a
// key opened, so that nobody fills it with guesses, and does not ask whether a
// session is still good: Sessions does, each time.
//
// Sessions are found by a hash whose seed nobody knows. Only who has the seed
// could make another token of the same hash, so that comparing the two tells a
// stranger nothing, however long it takes.
type sessionCache struct {
	size int
	seed maphash.Seed
	// hits and misses count calls of get.
	hits, misses atomic.Uint64

	mu     sync.Mutex
	byHash map[uint64]*list.Element
	recent *list.List // of cachedSession, the last used first
}

// openedName is what an opened session is found by.
type openedName struct {
	hash               uint64
	accessKeyID, token string
}

type cachedSession struct {
	name    openedName
	session *Session
}

// CacheStats counts the sessions that Open found open already, and those that it
// had to open.
func (s *Sessions) CacheStats() (hits, misses uint64) {
	return s.cache.hits.Load(), s.cache.misses.Load()
}

func newSessionCache(size int) *sessionCache {
	return &sessionCache{size: size, seed: maphash.MakeSeed(), byHash: map[uint64]*list.Element{}, recent: list.New()}
}

// name makes the name of a session. An access key id has a fixed length, so
// that no two are written alike.
func (c *sessionCache) name(accessKeyID, token string) openedName {
	var h maphash.Hash
	h.SetSeed(c.seed)
	_, _ = h.WriteString(accessKeyID) // it never fails
	_, _ = h.WriteString(token)
	return openedName{h.Sum64(), accessKeyID, token}
}

// get returns nil if the session is not there.
func (c *sessionCache) get(name openedName) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byHash[name.hash]
	if !ok {
		c.misses.Add(1)
		return nil
	}
	found := e.Value.(*cachedSession)
	if found.name != name {
		c.misses.Add(1)
		return nil
	}
	c.hits.Add(1)
	c.recent.MoveToFront(e)
	return found.session
}

func (c *sessionCache) put(name openedName, s *Session) {
	// A session must not keep the headers of its first request in memory.
	name.accessKeyID, name.token = strings.Clone(name.accessKeyID), strings.Clone(name.token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byHash[name.hash]; ok {
		c.recent.Remove(e)
	}
	c.byHash[name.hash] = c.recent.PushFront(&cachedSession{name, s})
	for c.recent.Len() > c.size {
		last := c.recent.Back()
		delete(c.byHash, c.recent.Remove(last).(*cachedSession).name.hash)
	}
}

func (c *sessionCache) remove(name openedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byHash[name.hash]; ok && e.Value.(*cachedSession).name == name {
		c.recent.Remove(e)
		delete(c.byHash, name.hash)
	}
}
