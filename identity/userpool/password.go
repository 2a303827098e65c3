package userpool

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"

	"github.com/alexedwards/argon2id"

	"github.com/rowan-authz/rowan/identity"
)

// defaultHash is the OWASP recommendation for argon2id: 19 MiB, 2 passes. With
// maxWork of them at once it bounds the memory of a flood of sign-ins.
var defaultHash = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// maxWaiting bounds the calls that wait for their turn to hash.
const maxWaiting = 256

// workSlots is how many slow computations run at once.
func workSlots() int { return max(2, runtime.GOMAXPROCS(0)) }

// hard runs f, which costs memory or time: a password hash, SRP. A bounded
// number run at once, never inside a transaction; others wait until ctx ends,
// and when too many wait the answer is TooManyRequests.
func (d *Directory) hard(ctx context.Context, f func() error) error {
	if d.waiting.Add(1) > maxWaiting {
		d.waiting.Add(-1)
		return identity.Errorf(identity.TooManyRequests, "Rate exceeded")
	}
	defer d.waiting.Add(-1)
	select {
	case d.work <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.work }()
	return f()
}

// Symbols that a password policy counts. Source: identity-protocol §2.8; a
// space is refused, as the model's pattern does.
const passwordSymbols = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-"

// check returns InvalidPassword, with the message of identity-protocol §2.5,
// for a password that the policy refuses.
func (p PasswordPolicy) check(password string) error {
	var why string
	has := func(f func(rune) bool) bool { return strings.ContainsFunc(password, f) }
	switch {
	case len([]rune(password)) < p.MinimumLength:
		why = "Password not long enough"
	case p.RequireUppercase && !has(func(r rune) bool { return 'A' <= r && r <= 'Z' }):
		why = "Password must have uppercase characters"
	case p.RequireLowercase && !has(func(r rune) bool { return 'a' <= r && r <= 'z' }):
		why = "Password must have lowercase characters"
	case p.RequireNumbers && !has(digit):
		why = "Password must have numeric characters"
	case p.RequireSymbols && !has(func(r rune) bool { return strings.ContainsRune(passwordSymbols, r) }):
		why = "Password must have symbol characters"
	default:
		return nil
	}
	return identity.Errorf(InvalidPassword, "Password did not conform with policy: %s", why)
}

// credential is what is kept of a password.
type credential struct {
	// Hash is argon2id's, for flows that send the password.
	Hash string `json:"hash"`
	// Salt and Verifier are SRP's; Verifier is sealed, see the package comment.
	Salt     []byte `json:"salt"`
	Verifier []byte `json:"verifier"`
}

// newCredential hashes a password, at some cost: call it outside of
// transactions.
func (d *Directory) newCredential(ctx context.Context, p *pool, u *user, password string) (*credential, error) {
	c := &credential{Salt: make([]byte, srpSalt)}
	if _, err := io.ReadFull(d.random, c.Salt); err != nil {
		return nil, fmt.Errorf("randomness for a salt: %w", err)
	}
	var v *big.Int
	err := d.hard(ctx, func() (err error) {
		v = srpVerifier(p.srpName, u.Username, password, c.Salt)
		c.Hash, err = argon2id.CreateHash(password, d.params)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.Verifier, err = d.storage.Seal(d.now(), identity.PurposeVerifier, p.aad("srp", u.Sub), v.Bytes())
	return c, err
}

// verifier opens the credential's SRP verifier.
func (d *Directory) verifier(p *pool, u *user) (*big.Int, error) {
	raw, err := d.storage.Open(d.now(), identity.PurposeVerifier, p.aad("srp", u.Sub), u.Password.Verifier)
	if err != nil {
		return nil, fmt.Errorf("SRP verifier of user %s: %w", u.Sub, err)
	}
	return new(big.Int).SetBytes(raw), nil
}

// matches reports whether the password is the one of the user; a user that is
// nil or has none costs as much and matches nothing.
func (d *Directory) matches(ctx context.Context, u *user, password string) (bool, error) {
	hash := d.dummy
	if u != nil && u.Password != nil {
		hash = u.Password.Hash
	}
	var match bool
	err := d.hard(ctx, func() (err error) {
		match, err = argon2id.ComparePasswordAndHash(password, hash)
		return err
	})
	return match && u != nil && u.Password != nil, err
}

// same reports whether a credential is still the one that was checked.
func (c *credential) same(other *credential) bool {
	return c != nil && other != nil && hmac.Equal([]byte(c.Hash), []byte(other.Hash))
}

// Letters of temporary passwords; what reads alike is left out.
const (
	temporaryUpper   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	temporaryLower   = "abcdefghijkmnopqrstuvwxyz"
	temporaryDigits  = "23456789"
	temporarySymbols = "!@#%&*=+-"
)

// temporaryPassword makes a password that every policy takes: at least 16
// characters, of all classes.
func (d *Directory) temporaryPassword(p *pool) (string, error) {
	classes := []string{temporaryUpper, temporaryLower, temporaryDigits, temporarySymbols}
	n := max(16, p.Password.MinimumLength)
	out := make([]byte, 0, n)
	for i := range n {
		class := classes[i%len(classes)]
		k, err := d.below(len(class))
		if err != nil {
			return "", err
		}
		out = append(out, class[k])
	}
	return string(out), nil
}

// below draws a number from 0 to n-1 without bias.
func (d *Directory) below(n int) (int, error) {
	limit := 1<<32 - 1<<32%uint64(n)
	for range 128 {
		var b [4]byte
		if _, err := io.ReadFull(d.random, b[:]); err != nil {
			return 0, fmt.Errorf("randomness: %w", err)
		}
		v := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		if v < limit {
			return int(v % uint64(n)), nil
		}
	}
	return 0, fmt.Errorf("randomness: %w", io.ErrNoProgress)
}

// token draws n random bytes as hexadecimal digits.
func (d *Directory) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.random, b); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// uuid draws a version 4 UUID.
func (d *Directory) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(d.random, b[:]); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	return formatUUID(b), nil
}

func formatUUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
