package identity

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Purpose is what a sealed text or a MAC is for. Each purpose has keys of its
// own: what was made for one is worthless for another.
type Purpose string

// The purposes there are.
const (
	PurposeSession    Purpose = "session"     // tokens of temporary credentials
	PurposeAuth       Purpose = "auth"        // the Session between two challenges of a sign-in
	PurposeSRP        Purpose = "srp"         // SECRET_BLOCK, stable fakes
	PurposePage       Purpose = "page"        // pagination tokens
	PurposeVerifier   Purpose = "verifier"    // password verifiers and TOTP secrets at rest
	PurposeSigningKey Purpose = "signing-key" // private keys at rest
	PurposeCode       Purpose = "code"        // confirmation and authorization codes

	PurposeSessionKeys Purpose = "session-keys" // keys of session tokens at rest
)

var (
	// ErrSealed means a text that the keyring did not seal for this purpose and
	// these additional data, or whose key is no longer to be used. It tells no
	// more, and takes as long for each cause.
	ErrSealed = errors.New("sealed text does not open")
	// ErrNoSealingKey means that every key's time to seal is over or to come, or
	// that nobody knows, since shared keys could not be read for too long.
	ErrNoSealingKey = errors.New("no key of the ring may seal now")
)

// Key is a master key of a ring, with the times in which it is used. A zero
// time is no bound.
type Key struct {
	// ID is not zero and unique in the ring.
	ID uint32
	// Secret is 32 random bytes.
	Secret Secret
	// The key seals from SealFrom until before SealUntil, and opens until before
	// OpenUntil.
	SealFrom, SealUntil, OpenUntil time.Time
}

// Limits of a ring.
const (
	maxKeys   = 64
	keyLength = 32
)

// Keyring seals and opens short texts with keys that rotate. Keys are random
// and nonces of 96 bits are too, so that one key must not seal more than 2^32
// texts of a purpose: rotate well before. It may be shared, and every process
// that has the same keys opens what any of them sealed.
//
// Source: identity-protocol §3.3; NIST SP 800-38D §8.3; RFC 5869.
type Keyring struct {
	random io.Reader
	ring   atomic.Pointer[ring]
	shared *sharedKeys // nil for keys that stay as they are
}

// ring is the keys at one time. It is immutable.
type ring struct {
	keys []*ringKey // those that seal first come first
	// asked is when the keys were read from where they are shared, and maxStale
	// how long they are used; a maxStale of zero is for keys that are not shared.
	asked    time.Time
	maxStale time.Duration
}

// ringKey is a key with what is derived from it.
type ringKey struct {
	Key
	ciphers sync.Map // by Purpose: cipher.AEAD
}

// NewKeyring makes a ring of at least one key. random gives the nonces and is
// crypto/rand.Reader but for tests.
func NewKeyring(keys []Key, random io.Reader) (*Keyring, error) {
	if random == nil {
		return nil, errors.New("a keyring needs a source of randomness")
	}
	r, err := newRing(keys)
	if err != nil {
		return nil, err
	}
	k := &Keyring{random: random}
	k.ring.Store(r)
	return k, nil
}

func newRing(keys []Key) (*ring, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	r := &ring{keys: make([]*ringKey, len(keys))}
	for i := range keys {
		r.keys[i] = &ringKey{Key: keys[i]}
	}
	slices.SortFunc(r.keys, func(a, b *ringKey) int {
		return cmp.Or(a.SealFrom.Compare(b.SealFrom), cmp.Compare(a.ID, b.ID))
	})
	return r, nil
}

// checkKeys refuses keys that make no ring.
func checkKeys(keys []Key) error {
	if len(keys) == 0 || len(keys) > maxKeys {
		return fmt.Errorf("a keyring has 1 to %d keys, not %d", maxKeys, len(keys))
	}
	for i := range keys {
		if err := keys[i].check(); err != nil {
			return fmt.Errorf("key %d: %w", keys[i].ID, err)
		}
		for j := range i {
			if keys[j].ID == keys[i].ID || keys[j].Secret.Equal(keys[i].Secret) {
				return fmt.Errorf("key %d: its id or its secret is there twice", keys[i].ID)
			}
		}
	}
	return nil
}

func (k *Key) check() error {
	secret := k.Secret.view()
	switch {
	case k.ID == 0:
		return errors.New("an id is not 0")
	case len(secret) != keyLength:
		return fmt.Errorf("a secret has %d bytes, not %d", keyLength, len(secret))
	case k.Secret.Equal(NewSecret(make([]byte, keyLength))):
		return errors.New("a secret of zeros")
	case !k.SealUntil.IsZero() && !k.SealFrom.Before(k.SealUntil):
		return errors.New("sealFrom is not before sealUntil")
	case !k.OpenUntil.IsZero() && (k.SealUntil.IsZero() || k.OpenUntil.Before(k.SealUntil)):
		return errors.New("a key that seals opens: openUntil needs a sealUntil that is not later")
	case k.derive("mac", "") == nil:
		return errors.New("HKDF refuses the secret")
	}
	return nil
}

func (k *Key) seals(now time.Time) bool {
	return !now.Before(k.SealFrom) && (k.SealUntil.IsZero() || now.Before(k.SealUntil))
}

func (k *Key) opens(now time.Time) bool { return k.OpenUntil.IsZero() || now.Before(k.OpenUntil) }

// Form of a sealed text: version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖
// tag (16).
const (
	sealedVersion = 1
	sealedHead    = 1 + 4
	nonceLength   = 12
	sealedMin     = sealedHead + nonceLength + 16
)

// Seal encrypts and authenticates plaintext with the newest key that may seal
// at now, bound to the purpose and to aad, which is not part of the result. It
// wraps ErrNoSealingKey, and fails if there is no randomness.
func (k *Keyring) Seal(now time.Time, purpose Purpose, aad, plaintext []byte) ([]byte, error) {
	r := k.ring.Load()
	if r.stale(now) {
		return nil, fmt.Errorf("%w: shared keys were last read at %s", ErrNoSealingKey, r.asked.UTC().Format(time.RFC3339))
	}
	for _, key := range slices.Backward(r.keys) {
		if key.seals(now) {
			return k.seal(key, purpose, aad, plaintext)
		}
	}
	return nil, fmt.Errorf("%w (%s)", ErrNoSealingKey, now.UTC().Format(time.RFC3339))
}

func (k *Keyring) seal(key *ringKey, purpose Purpose, aad, plaintext []byte) ([]byte, error) {
	aead, err := key.cipher(purpose)
	if err != nil {
		return nil, err
	}
	out := make([]byte, sealedHead+nonceLength, sealedMin+len(plaintext))
	out[0] = sealedVersion
	binary.BigEndian.PutUint32(out[1:], key.ID)
	if _, err := io.ReadFull(k.random, out[sealedHead:]); err != nil {
		return nil, fmt.Errorf("randomness for a nonce: %w", err)
	}
	return aead.Seal(out, out[sealedHead:], plaintext, boundData(purpose, out[:sealedHead], aad)), nil
}

// Open returns what Seal was given. Every cause of failure is ErrSealed.
func (k *Keyring) Open(now time.Time, purpose Purpose, aad, sealed []byte) ([]byte, error) {
	plaintext, _, err := k.open(now, purpose, aad, sealed)
	return plaintext, err
}

// open also returns the key that opened the text: whoever keeps what it says
// asks opens again.
func (k *Keyring) open(now time.Time, purpose Purpose, aad, sealed []byte) ([]byte, *ringKey, error) {
	if len(sealed) < sealedMin {
		return nil, nil, ErrSealed
	}
	r := k.ring.Load()
	id := binary.BigEndian.Uint32(sealed[1:])
	i := slices.IndexFunc(r.keys, func(key *ringKey) bool { return key.ID == id })
	key := r.keys[max(i, 0)] // some key, so that a bad id takes as long
	good := i >= 0 && sealed[0] == sealedVersion && key.opens(now) && !r.stale(now)
	aead, err := key.cipher(purpose)
	if err != nil {
		return nil, nil, ErrSealed
	}
	head, nonce := sealed[:sealedHead], sealed[sealedHead:sealedHead+nonceLength]
	plaintext, err := aead.Open(nil, nonce, sealed[sealedHead+nonceLength:], boundData(purpose, head, aad))
	if err != nil || !good {
		return nil, nil, ErrSealed
	}
	return plaintext, key, nil
}

// opens reports whether the key, which was of the ring, is still to open at
// now.
func (k *Keyring) opens(key *ringKey, now time.Time) bool {
	r := k.ring.Load()
	if r.stale(now) {
		return false
	}
	for _, x := range r.keys {
		if x == key || x.ID == key.ID && x.Secret.Equal(key.Secret) {
			return x.opens(now)
		}
	}
	return false
}

// stale reports whether the keys were read so long ago that others may use
// different ones. A reader's now may be from just before.
func (r *ring) stale(now time.Time) bool {
	return r.maxStale > 0 && (now.Sub(r.asked) > r.maxStale || r.asked.Sub(now) > MaxClockSkew)
}

// MAC authenticates data, part by part, with the oldest key of the ring, so
// that it stays the same while newer keys come. It changes when the oldest key
// goes: what must never change, such as an answer about a user that does not
// exist, wants a ring whose keys stay.
func (k *Keyring) MAC(purpose Purpose, data ...[]byte) [32]byte {
	var out [32]byte
	oldest := slices.MinFunc(k.ring.Load().keys, func(a, b *ringKey) int { return cmp.Compare(a.ID, b.ID) })
	h := hmac.New(sha256.New, oldest.derive("mac", purpose))
	for _, part := range data {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Sum(out[:0])
	return out
}

// boundData is what a sealed text is bound to beside its content.
func boundData(purpose Purpose, head, aad []byte) []byte {
	out := make([]byte, 0, 16+len(purpose)+len(head)+len(aad))
	out = append(out, "rowan sealed\x00"...)
	out = append(append(out, purpose...), 0)
	return append(append(out, head...), aad...)
}

// cipher returns the key's cipher for the purpose.
func (k *ringKey) cipher(purpose Purpose) (cipher.AEAD, error) {
	if made, ok := k.ciphers.Load(purpose); ok {
		return made.(cipher.AEAD), nil
	}
	block, err := aes.NewCipher(k.derive("seal", purpose))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	k.ciphers.Store(purpose, aead)
	return aead, nil
}

// derive makes the key for one use and purpose; nil means that HKDF refused,
// which check ruled out: it depends on the secret alone.
func (k *Key) derive(use string, purpose Purpose) []byte {
	out, err := hkdf.Key(sha256.New, k.Secret.view(), nil, "rowan "+use+"\x00"+string(purpose), keyLength)
	if err != nil {
		return nil
	}
	return out
}
