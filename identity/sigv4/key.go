package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"strings"
	"sync"
	"time"
)

// signingKey signs with the key of one access key, day, region and service. It
// may be shared.
type signingKey struct {
	secret []byte
	key    [sha256.Size]byte
	macs   sync.Pool // of *keyedMAC
}

// keyedMAC is an HMAC that has absorbed its key, with room for its sum.
type keyedMAC struct {
	hash.Hash
	sum [sha256.Size]byte
}

// newSigningKey derives a signing key. Source: identity-protocol §4.2.
func newSigningKey(secret []byte, day, region, service string) *signingKey {
	k := &signingKey{secret: bytes.Clone(secret)}
	derived := append([]byte("AWS4"), secret...)
	for _, part := range [...]string{day, region, service, terminator} {
		mac := hmac.New(sha256.New, derived)
		mac.Write([]byte(part))
		derived = mac.Sum(nil)
	}
	copy(k.key[:], derived)
	k.macs.New = func() any { return &keyedMAC{Hash: hmac.New(sha256.New, k.key[:])} }
	return k
}

// sign returns the HMAC-SHA256 of a string to sign.
func (k *signingKey) sign(text []byte) [sha256.Size]byte {
	mac := k.macs.Get().(*keyedMAC)
	mac.Reset()
	mac.Write(text)
	mac.Sum(mac.sum[:0])
	sum := mac.sum
	k.macs.Put(mac)
	return sum
}

// cacheKey names a signing key. The region is the verifier's.
type cacheKey struct{ accessKeyID, day, service string }

// keyCache keeps the signing keys of today. It holds two generations: new keys
// enter the young one, and when that is full it becomes the old one, whose keys
// are forgotten unless they are used again. So it drops about the least
// recently used, and a hit in the young generation writes nothing.
type keyCache struct {
	half int // the most that one generation holds

	mu         sync.RWMutex
	young, old map[cacheKey]*signingKey
	day        string // the newest seen; a key of an older day is not kept
}

func newKeyCache(size int) *keyCache {
	return &keyCache{half: max(size/2, 1), young: map[cacheKey]*signingKey{}}
}

// get returns the signing key of a request. Keys of days before oldest, which
// only presigned requests still have, are made and not kept; neither is more
// than one key made for access keys that nobody has.
func (c *keyCache) get(a *authorization, secret []byte, oldest time.Time) *signingKey {
	id := cacheKey{a.accessKeyID, a.day, a.service}
	if a.unknown {
		id.accessKeyID = ""
	}
	c.mu.RLock()
	k, young := c.young[id]
	if !young {
		k = c.old[id]
	}
	c.mu.RUnlock()
	fresh := k == nil || subtle.ConstantTimeCompare(k.secret, secret) != 1
	if fresh {
		k = newSigningKey(secret, a.day, a.region, a.service)
	}
	if (fresh || !young) && a.time.After(oldest) {
		c.put(id, k)
	}
	return k
}

func (c *keyCache) put(id cacheKey, k *signingKey) {
	// A key must not keep the headers of its first request in memory.
	id = cacheKey{strings.Clone(id.accessKeyID), strings.Clone(id.day), strings.Clone(id.service)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id.day > c.day {
		// The day before goes too: around midnight both are in use, and the
		// one that still is comes back.
		c.day = id.day
		c.young, c.old = map[cacheKey]*signingKey{}, nil
	}
	if len(c.young) >= c.half {
		c.young, c.old = map[cacheKey]*signingKey{}, c.young
	}
	c.young[id] = k
}
