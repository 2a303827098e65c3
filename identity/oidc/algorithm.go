package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// methods are all algorithms that there are; names are compared exactly. HMAC
// and none are not among them, so no public key can become a secret. Source:
// identity-protocol §3.2, RFC 7518 §3.
var methods = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256,
	"RS384": jwt.SigningMethodRS384,
	"RS512": jwt.SigningMethodRS512,
	"ES256": jwt.SigningMethodES256,
	"ES384": jwt.SigningMethodES384,
	"ES512": jwt.SigningMethodES512,
}

// Supported reports whether tokens signed with an algorithm can be verified:
// RS256, RS384, RS512, ES256, ES384 or ES512.
func Supported(algorithm string) bool { return methods[algorithm] != nil }

// fits reports whether a key is of the sort that alg needs, and strong enough.
func fits(key crypto.PublicKey, alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512":
		k, ok := key.(*rsa.PublicKey)
		return ok && strongRSA(k)
	case "ES256":
		return over(key, elliptic.P256())
	case "ES384":
		return over(key, elliptic.P384())
	case "ES512":
		return over(key, elliptic.P521())
	}
	return false
}

// Bounds of an RSA modulus, in bits: below it is weak, above it is a way to
// make us work.
const minRSA, maxRSA = 2048, 8192

func strongRSA(k *rsa.PublicKey) bool {
	if k == nil || k.N == nil || k.N.Sign() <= 0 || k.N.Bit(0) == 0 {
		return false
	}
	bits := k.N.BitLen()
	return bits >= minRSA && bits <= maxRSA && k.E >= 3 && k.E&1 == 1 && int64(k.E) < 1<<31
}

func over(key crypto.PublicKey, curve elliptic.Curve) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k != nil && k.Curve == curve && *k != (ecdsa.PublicKey{Curve: curve})
}

// sound reports whether the point of an EC key is on its curve. Verification
// looks again; a set does it once, so that no such key is in one.
func sound(key crypto.PublicKey) bool {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return true
	}
	_, err := k.ECDH()
	return err == nil
}
