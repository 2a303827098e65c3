package identity

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// openedName is what an opened session is found by: a hash, so that finding it
// takes as long whatever a stranger sends.
type openedName [sha256.Size]byte

func nameOpened(accessKeyID, token string) openedName {
	// An access key id has a fixed length.
	text := make([]byte, 0, 2<<10)
	return sha256.Sum256(append(append(text, accessKeyID...), token...))
}

// sessionCache keeps the sessions that were opened last. It holds only what a
// key opened, so that nobody fills it with guesses, and does not ask whether a
// session is still good: Sessions does, each time.
type sessionCache struct {
	size int

	mu     sync.Mutex
	byName map[openedName]*list.Element
	recent *list.List // of cachedSession, the last used first
}

type cachedSession struct {
	name    openedName
	session *Session
}

func newSessionCache(size int) *sessionCache {
	return &sessionCache{size: size, byName: map[openedName]*list.Element{}, recent: list.New()}
}

// get returns nil if the session is not there.
func (c *sessionCache) get(name openedName) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byName[name]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cachedSession).session
}

func (c *sessionCache) put(name openedName, s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byName[name]; ok {
		return
	}
	c.byName[name] = c.recent.PushFront(&cachedSession{name, s})
	for c.recent.Len() > c.size {
		last := c.recent.Back()
		delete(c.byName, c.recent.Remove(last).(*cachedSession).name)
	}
}

func (c *sessionCache) remove(name openedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byName[name]; ok {
		c.recent.Remove(e)
		delete(c.byName, name)
	}
}
