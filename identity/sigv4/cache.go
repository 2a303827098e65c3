package sigv4

import (
	"strings"
	"sync"
	"time"
)

// cache keeps what requests have in common: the signing keys of today, and the
// few lists of headers that clients sign. What it holds is never changed.
//
// It holds two generations of keys: new ones enter the young one, and when that
// is full it becomes the old one, whose keys are forgotten unless they are used
// again. So it drops about the least recently used, and a hit in the young
// generation writes nothing.
type cache struct {
	half int // the most that one generation holds

	mu         sync.RWMutex
	young, old map[string]*signingKey // by credential
	day        string                 // the newest seen; a key of an older day is not kept
	// dummies are the keys made for access keys that nobody has, by scope.
	// They stand apart, since what is found by credential is not parsed again.
	dummies map[string]*signingKey
	lists   map[string]*headerList // by text
}

// known is the signing key of a client, nil if there is none. By now the client
// may have another secret, or none.
type known struct {
	key   *signingKey
	young bool
}

// Bounds on the lists that are kept.
const (
	maxLists    = 256
	maxListText = 1024
)

func newCache(size int) *cache {
	c := &cache{half: max(size/2, 1), lists: map[string]*headerList{}}
	c.forgetKeys()
	return c
}

func (c *cache) forgetKeys() {
	c.young, c.old, c.dummies = map[string]*signingKey{}, nil, map[string]*signingKey{}
}

// find returns what is known of a credential, and the list of a text, nil if it
// is not known. Both texts were parsed before they came in.
func (c *cache) find(credential, signedHeaders string) (known, *headerList) {
	c.mu.RLock()
	k, young := c.young[credential]
	if !young {
		k = c.old[credential]
	}
	list := c.lists[signedHeaders]
	c.mu.RUnlock()
	return known{k, young}, list
}

// key returns the signing key of a request. Keys of days before oldest, which
// only presigned requests still have, are made and not kept; neither is more
// than one key made for access keys that nobody has.
func (c *cache) key(a *authorization, secret []byte, oldest time.Time) *signingKey {
	k := a.known
	if a.unknown {
		k = c.findDummy(a.scope)
	}
	if !k.key.isOf(secret) {
		k = known{key: newSigningKey(secret, a.credential)}
	}
	if !k.young && a.time.After(oldest) {
		c.put(k.key, a.unknown)
	}
	return k.key
}

func (c *cache) findDummy(scope string) known {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.dummies[scope]
	return known{k, ok}
}

func (c *cache) put(k *signingKey, dummy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.client.day > c.day {
		// The day before goes too: around midnight both are in use, and the
		// one that still is comes back.
		c.day = k.client.day
		c.forgetKeys()
	}
	if dummy {
		c.dummies[k.client.scope] = k
		return
	}
	if len(c.young) >= c.half {
		c.young, c.old = map[string]*signingKey{}, c.young
	}
	c.young[k.client.credential] = k
}

// putList keeps a list with which a signature held, so that strangers fill
// nothing.
func (c *cache) putList(list *headerList) {
	if len(list.text) > maxListText {
		return
	}
	// It must not keep the headers of its first request in memory.
	kept := &headerList{}
	if err := kept.parse(strings.Clone(list.text)); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lists) >= maxLists {
		clear(c.lists)
	}
	c.lists[kept.text] = kept
}
