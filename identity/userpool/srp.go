package userpool

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// The group of SRP-6a as Cognito uses it: the 3072-bit prime of RFC 3526 group
// 15, with generator 2. Source: identity-protocol §2.6, A.1.
const srpPrimeHex = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33" +
	"A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

const (
	srpHexDigits = 768
	srpSecret    = 32 // bytes of the server's b
	srpSalt      = 16
	srpInfo      = "Caldera Derived Key"
	srpKey       = 16
	srpTime      = "Mon Jan 2 15:04:05 MST 2006"
)

var (
	srpN, _ = new(big.Int).SetString(srpPrimeHex, 16)
	srpG    = big.NewInt(2)
	srpK    = new(big.Int).SetBytes(srpHash(pad(srpN), pad(srpG)))
)

var errSRP = errors.New("SRP value out of range")

// pad returns the minimal big-endian bytes of n, with a zero in front if the
// top bit is set.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

func srpHash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// srpPoolName is the part of a pool's id that the proofs name.
func srpPoolName(poolID string) string { return poolID[strings.LastIndexByte(poolID, '_')+1:] }

// srpVerifier returns v = g^x, which proves a password without holding it.
// Whoever has v can guess passwords at the speed of SHA-256: it is sealed at
// rest.
func srpVerifier(poolName, userID, password string, salt []byte) *big.Int {
	inner := srpHash([]byte(poolName + userID + ":" + password))
	x := new(big.Int).SetBytes(srpHash(pad(new(big.Int).SetBytes(salt)), inner))
	return new(big.Int).Exp(srpG, x, srpN)
}

// parseSRPA reads a client's A. It refuses what is not hexadecimal, is longer
// than the group, is 0 or 1, or is not below N: an A that is a multiple of N
// makes a key that anybody knows.
func parseSRPA(text string) (*big.Int, error) {
	if text == "" || len(text) > srpHexDigits || strings.ContainsFunc(text, func(r rune) bool { return !hexDigit(r) }) {
		return nil, errSRP
	}
	a, ok := new(big.Int).SetString(text, 16)
	if !ok || a.Cmp(big.NewInt(1)) <= 0 || a.Cmp(srpN) >= 0 {
		return nil, errSRP
	}
	return a, nil
}

func hexDigit(r rune) bool { return digit(r) || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F' }

// srpChallenge draws the server's b and returns it with B = k·v + g^b.
func srpChallenge(v *big.Int, random io.Reader) (b, public *big.Int, err error) {
	for range 8 {
		secret := make([]byte, srpSecret)
		if _, err := io.ReadFull(random, secret); err != nil {
			return nil, nil, fmt.Errorf("randomness for SRP: %w", err)
		}
		b = new(big.Int).SetBytes(secret)
		public = new(big.Int).Exp(srpG, b, srpN)
		public.Add(public, new(big.Int).Mul(srpK, v)).Mod(public, srpN)
		if b.Sign() > 0 && public.Sign() > 0 {
			return b, public, nil
		}
	}
	return nil, nil, errSRP
}

// srpServerKey returns the key K that server and client share if the client
// knows the password. math/big is not constant in time: callers bound how
// often strangers make it run, and nothing of it is logged.
func srpServerKey(a, v, b, public *big.Int) ([]byte, error) {
	u := new(big.Int).SetBytes(srpHash(pad(a), pad(public)))
	if u.Sign() == 0 {
		return nil, errSRP
	}
	s := new(big.Int).Exp(v, u, srpN)
	s.Mul(s, a).Exp(s, b, srpN)
	return hkdf.Key(sha256.New, pad(s), pad(u), srpInfo, srpKey)
}

// srpSignature is what a client proves to have K with.
func srpSignature(key []byte, poolName, userID string, block []byte, timestamp string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(poolName + userID))
	h.Write(block)
	h.Write([]byte(timestamp))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
