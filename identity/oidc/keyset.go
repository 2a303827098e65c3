package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// Keys finds the key of a token. It may be shared.
type Keys interface {
	// Key returns the key that a key set has under kid for the algorithm. It
	// wraps ErrUnknownKey if there is none, ErrUnavailable if that cannot be
	// known.
	Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error)
}

// PublicKey is a key of a set.
type PublicKey struct {
	// ID is its kid, 1 to 256 bytes.
	ID string
	// Algorithm is the one that it is for. Empty means any that its type fits:
	// RS256, RS384 and RS512 for an RSA key.
	Algorithm string
	Key       crypto.PublicKey
}

// Limits of a key set. Source: identity-protocol §6.1, "JWKS bomb".
const (
	maxKeys     = 20
	maxKeyID    = 256
	maxDocument = 150 << 10
)

// KeySet is a fixed set of public keys, at most 20. It is immutable and may be
// shared. The zero value holds no key.
type KeySet struct {
	keys []PublicKey
}

// NewKeySet returns a set of those keys that are fit for use: RSA of 2048 to
// 8192 bits with an odd exponent of 3 or more, or a point on P-256, P-384 or
// P-521, and an algorithm to match. Of two keys with one id for one algorithm
// the first counts.
func NewKeySet(keys ...PublicKey) *KeySet {
	s := &KeySet{}
	for _, k := range keys {
		if usable(k) {
			s.keys = append(s.keys, k)
		}
	}
	return s
}

func usable(k PublicKey) bool {
	if k.ID == "" || len(k.ID) > maxKeyID {
		return false
	}
	for alg := range methods {
		if (k.Algorithm == alg || k.Algorithm == "") && fits(k.Key, alg) {
			return sound(k.Key)
		}
	}
	return false
}

// Key returns the key with that id and for that algorithm. It wraps
// ErrUnknownKey if there is none.
func (s *KeySet) Key(_ context.Context, kid, alg string) (crypto.PublicKey, error) {
	for _, k := range s.keys {
		if k.ID == kid && (k.Algorithm == alg || k.Algorithm == "") && fits(k.Key, alg) {
			return k.Key, nil
		}
	}
	return nil, ErrUnknownKey
}

// ParseKeySet reads a JSON Web Key Set (RFC 7517) of at most 150 KiB and 20
// keys. Keys that are of no use here are skipped: weak, of another type, for
// encryption, without an id, or with their private half.
func ParseKeySet(src []byte) (*KeySet, error) {
	doc, err := strictjson.Object(src, strictjson.Limits{Members: 1000, Bytes: maxDocument})
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	list, ok := doc["keys"].([]any)
	if !ok {
		return nil, fmt.Errorf("key set: no array %q", "keys")
	}
	if len(list) > maxKeys {
		return nil, fmt.Errorf("key set: %d keys, at most %d are taken", len(list), maxKeys)
	}
	var keys []PublicKey
	for _, e := range list {
		if members, ok := e.(map[string]any); ok {
			if k, ok := parseKey(members); ok {
				keys = append(keys, k)
			}
		}
	}
	return NewKeySet(keys...), nil
}

// parseKey reads a JSON Web Key; what it returns may still be weak.
func parseKey(jwk Claims) (PublicKey, bool) {
	if !forSignatures(jwk) {
		return PublicKey{}, false
	}
	var k PublicKey
	var ok bool
	if k.ID, ok = jwk.String("kid"); !ok {
		return PublicKey{}, false
	}
	if _, given := jwk["alg"]; given {
		if k.Algorithm, ok = jwk.String("alg"); !ok {
			return PublicKey{}, false
		}
	}
	switch jwk["kty"] {
	case "RSA":
		k.Key, ok = parseRSA(jwk)
	case "EC":
		k.Key, ok = parseEC(jwk)
	default:
		ok = false
	}
	return k, ok
}

func forSignatures(jwk Claims) bool {
	if _, private := jwk["d"]; private {
		return false
	}
	if use, given := jwk["use"]; given && use != "sig" {
		return false
	}
	if _, given := jwk["key_ops"]; given {
		ops, ok := jwk.Strings("key_ops")
		return ok && slices.Contains(ops, "verify")
	}
	return true
}

func parseRSA(jwk Claims) (crypto.PublicKey, bool) {
	n, ok := octets(jwk, "n")
	if !ok || len(n) > maxRSA/8+1 {
		return nil, false
	}
	e, ok := octets(jwk, "e")
	if !ok || len(e) > 4 {
		return nil, false
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	if exponent >= 1<<31 {
		return nil, false
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, true
}

func parseEC(jwk Claims) (crypto.PublicKey, bool) {
	var curve elliptic.Curve
	switch jwk["crv"] {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, false
	}
	x, okX := octets(jwk, "x")
	y, okY := octets(jwk, "y")
	size := (curve.Params().BitSize + 7) / 8
	if !okX || !okY || len(x) != size || len(y) != size {
		return nil, false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	return key, err == nil
}

func octets(jwk Claims, name string) ([]byte, bool) {
	text, ok := jwk.String(name)
	if !ok {
		return nil, false
	}
	b, err := decodeSegment(text)
	return b, err == nil
}

// jsonKey is a JSON Web Key as we publish it.
type jsonKey struct {
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv,omitempty"`
	E         string `json:"e,omitempty"`
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	N         string `json:"n,omitempty"`
	Use       string `json:"use"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

// MarshalJSON returns the set as a JSON Web Key Set.
func (s *KeySet) MarshalJSON() ([]byte, error) {
	keys := make([]jsonKey, len(s.keys))
	for i, k := range s.keys {
		j := jsonKey{ID: k.ID, Algorithm: k.Algorithm, Use: "sig"}
		switch key := k.Key.(type) {
		case *rsa.PublicKey:
			j.Type = "RSA"
			j.N = encode(key.N.Bytes())
			j.E = encode(big.NewInt(int64(key.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := key.Bytes()
			if err != nil {
				return nil, fmt.Errorf("key %q: %w", k.ID, err)
			}
			half := len(point) / 2
			j.Type, j.Curve = "EC", key.Params().Name
			j.X, j.Y = encode(point[1:1+half]), encode(point[1+half:])
		}
		keys[i] = j
	}
	return json.Marshal(map[string]any{"keys": keys})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
