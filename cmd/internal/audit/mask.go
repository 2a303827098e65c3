package audit

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// masking is what is done to a value. The zero value hides it.
type masking uint8

const (
	dropped masking = iota
	hashed
	shown
)

// Mask hides the values of a context key, or of one of the members principal,
// session, identity, client, resource and guardrail. They are replaced by a keyed
// hash, which is the same for the same value in all of a log, or dropped.
type Mask struct {
	// Key is compared without case; one that ends in "/" is all its family.
	Key  string
	Drop bool
}

// ParseMask reads KEY or KEY=drop.
func ParseMask(text string) (Mask, error) {
	key, how, _ := strings.Cut(text, "=")
	if key == "" || how != "" && how != "drop" && how != "hash" {
		return Mask{}, fmt.Errorf("mask %q: want KEY, KEY=hash or KEY=drop", text)
	}
	return Mask{Key: key, Drop: how == "drop"}, nil
}

// masks are those of a log.
type masks struct {
	all    []Mask
	text   []byte     // the member that names them, empty if there are none
	hashes *sync.Pool // of *keyedHash
}

// keyedHash is memory to hash with.
type keyedHash struct {
	hash.Hash
	in  []byte
	out []byte
}

// newMasks makes the secret of the hashes out of the log's key, so that it is the
// same after a restart.
func newMasks(all []Mask, key ed25519.PrivateKey) (masks, error) {
	for _, m := range all {
		if m.Key == "" {
			return masks{}, errors.New("a mask without a key")
		}
	}
	secret, err := hkdf.Key(sha256.New, key.Seed(), nil, "rowan audit masks v1", sha256.Size)
	if err != nil {
		return masks{}, err
	}
	var text []byte
	for i, x := range all {
		text = append(text, ","...)
		if i == 0 {
			text = append(text[:0], `,"masks":[`...)
		}
		text = appendString(text, x.Key)
	}
	if text != nil {
		text = append(text, ']')
	}
	return masks{all: all, text: text, hashes: &sync.Pool{New: func() any { return &keyedHash{Hash: hmac.New(sha256.New, secret)} }}}, nil
}

// of says what is done to a key. Of several masks the one that hides more counts.
func (m masks) of(name string) masking {
	how := shown
	for i := range m.all {
		x := &m.all[i]
		if !x.Covers(name) {
			continue
		}
		if x.Drop {
			return dropped
		}
		how = hashed
	}
	return how
}

// Covers reports whether a mask hides a context key.
func (m *Mask) Covers(name string) bool {
	if strings.HasSuffix(m.Key, "/") && len(name) > len(m.Key) {
		name = name[:len(m.Key)]
	}
	return len(name) == len(m.Key) && strings.EqualFold(name, m.Key)
}

func (m masks) hash(sum *[sha256.Size]byte, value string) {
	h, ok := m.hashes.Get().(*keyedHash)
	if !ok {
		return // and the hash says nothing
	}
	defer m.hashes.Put(h)
	h.Reset()
	h.in = append(h.in[:0], value...)
	_, _ = h.Write(h.in) // a hash takes everything
	h.out = h.Sum(h.out[:0])
	copy(sum[:], h.out)
	clear(h.in)
}
