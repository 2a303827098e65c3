package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"
)

// signingKey signs with the key of one access key, day, region and service. It
// may be shared.
type signingKey struct {
	client client
	secret []byte
	key    [sha256.Size]byte
	macs   sync.Pool // of *keyedMAC
}

// keyedMAC is an HMAC that has absorbed its key, with room for its sum.
type keyedMAC struct {
	hash.Hash
	sum [sha256.Size]byte
}

// newSigningKey derives the signing key of a credential. Source:
// identity-protocol §4.2.
func newSigningKey(secret []byte, credential string) *signingKey {
	k := &signingKey{secret: bytes.Clone(secret)}
	// A key must not keep the headers of its first request in memory.
	k.client.split(strings.Clone(credential))
	derived := append([]byte("AWS4"), secret...)
	for _, part := range [...]string{k.client.day, k.client.region, k.client.service, terminator} {
		mac := hmac.New(sha256.New, derived)
		mac.Write([]byte(part))
		derived = mac.Sum(nil)
	}
	copy(k.key[:], derived)
	k.macs.New = func() any { return &keyedMAC{Hash: hmac.New(sha256.New, k.key[:])} }
	return k
}

// isOf reports whether k was derived from a secret; nil was not. Inlined, the
// comparison runs out of registers and takes four times as long.
//
//go:noinline
func (k *signingKey) isOf(secret []byte) bool {
	return k != nil && hmac.Equal(k.secret, secret)
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
