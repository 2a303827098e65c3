package oidc

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// SigningKey signs tokens of our own.
type SigningKey struct {
	// ID is the kid that tokens name.
	ID string
	// Algorithm is RS256, RS384 or RS512.
	Algorithm string
	// Key is an *rsa.PrivateKey.
	Key crypto.Signer
}

// Public returns the half that a KeySet publishes.
func (k SigningKey) Public() PublicKey {
	if k.Key == nil {
		return PublicKey{ID: k.ID, Algorithm: k.Algorithm}
	}
	return PublicKey{ID: k.ID, Algorithm: k.Algorithm, Key: k.Key.Public()}
}

// Sign returns a token with claims, which json.Marshal must turn into an
// object. It refuses a key whose tokens Verify would not take.
func Sign(key SigningKey, claims any) (string, error) {
	private, ok := key.Key.(*rsa.PrivateKey)
	method, known := methods[key.Algorithm].(*jwt.SigningMethodRSA)
	if !ok || !known || !usable(key.Public()) {
		return "", fmt.Errorf("signing key %q is no RSA key fit for %q", key.ID, key.Algorithm)
	}
	header, err := json.Marshal(map[string]string{"alg": key.Algorithm, "kid": key.ID, "typ": "JWT"})
	if err != nil {
		return "", fmt.Errorf("token header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("token claims: %w", err)
	}
	if payload[0] != '{' {
		return "", errors.New("token claims: not an object")
	}
	signed := encode(header) + "." + encode(payload)
	signature, err := method.Sign(signed, private)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed + "." + encode(signature), nil
}
