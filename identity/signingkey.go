package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

const (
	signingKeyKind = "signingkey"
	// signingKeyBits is the size of new keys; maxSigningKeys how many one issuer
	// has.
	signingKeyBits = 2048
	maxSigningKeys = 8
)

// LoadSigningKeys returns the n RSA keys that the group, one issuer of tokens,
// signs with by the algorithm. The first process that asks makes them; all get
// the same ones in the same order, whoever asks first. At rest they are sealed
// by storage and bound to their place and algorithm. It fails for a record that
// storage does not open: nobody replaces a key that others verify with.
func LoadSigningKeys(ctx context.Context, store Store, storage *Keyring, group string, n int, algorithm string, random io.Reader, now time.Time) ([]oidc.SigningKey, error) {
	if group == "" || n < 1 || n > maxSigningKeys || !rsaAlgorithm(algorithm) {
		return nil, fmt.Errorf("signing keys of %.80q: want 1 to %d keys, not %d, for RS256, RS384 or RS512, not %.20q", group, maxSigningKeys, n, algorithm)
	}
	keys := make([]oidc.SigningKey, n)
	for i := range keys {
		place := group + "/" + strconv.Itoa(i)
		key, err := loadSigningKey(ctx, store, storage, place, algorithm, random, now)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", place, err)
		}
		keys[i] = oidc.SigningKey{ID: signingKeyID(&key.PublicKey), Algorithm: algorithm, Key: key}
	}
	return keys, nil
}

// LoadECSigningKey returns the P-256 key that the group signs with by ES256, and
// its id, a UUID that follows from the public key. Like those of LoadSigningKeys
// it is made once, for all who share the store.
func LoadECSigningKey(ctx context.Context, store Store, storage *Keyring, group string, random io.Reader, now time.Time) (*ecdsa.PrivateKey, string, error) {
	if group == "" {
		return nil, "", errors.New("a signing key of nobody")
	}
	place := group + "/ec"
	parsed, err := loadKey(ctx, store, storage, place, "ES256", func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), random) }, now)
	if err != nil {
		return nil, "", fmt.Errorf("signing key %s: %w", place, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, "", fmt.Errorf("signing key %s: not a P-256 key", place)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, "", fmt.Errorf("signing key %s: %w", place, err)
	}
	sum := sha256.Sum256(der)
	return key, fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]), nil
}

func loadSigningKey(ctx context.Context, store Store, storage *Keyring, place, algorithm string, random io.Reader, now time.Time) (*rsa.PrivateKey, error) {
	parsed, err := loadKey(ctx, store, storage, place, algorithm, func() (any, error) { return rsa.GenerateKey(random, signingKeyBits) }, now)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < signingKeyBits {
		return nil, errors.New("not an RSA key of 2048 bits")
	}
	return key, nil
}

// loadKey reads the key at a place, which generate makes if there is none.
func loadKey(ctx context.Context, store Store, storage *Keyring, place, algorithm string, generate func() (any, error), now time.Time) (any, error) {
	sealed, err := readSigningKey(ctx, store, place)
	if errors.Is(err, ErrNoRecord) {
		if err = makeSigningKey(ctx, store, storage, place, algorithm, generate, now); err != nil {
			return nil, err
		}
		sealed, err = readSigningKey(ctx, store, place) // ours, or that of who was faster
	}
	if err != nil {
		return nil, err
	}
	der, err := storage.Open(now, PurposeSigningKey, signingKeyPlace(place, algorithm), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: another storage key or another algorithm than when it was made", err)
	}
	defer clear(der)
	return x509.ParsePKCS8PrivateKey(der)
}

func readSigningKey(ctx context.Context, store Store, place string) (sealed []byte, err error) {
	err = store.View(ctx, func(tx Tx) error {
		r, err := tx.Get(signingKeyKind, place)
		sealed = bytes.Clone(r.Value)
		return err
	})
	return sealed, err
}

// makeSigningKey stores a new key unless somebody else did.
func makeSigningKey(ctx context.Context, store Store, storage *Keyring, place, algorithm string, generate func() (any, error), now time.Time) error {
	key, err := generate()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(der)
	sealed, err := storage.Seal(now, PurposeSigningKey, signingKeyPlace(place, algorithm), der)
	if err != nil {
		return err
	}
	err = store.Update(ctx, func(tx Tx) error {
		return tx.Insert(Record{Kind: signingKeyKind, Key: place, Value: sealed})
	})
	if errors.Is(err, ErrRecordExists) {
		return nil
	}
	return err
}

func rsaAlgorithm(name string) bool {
	return name == "RS256" || name == "RS384" || name == "RS512"
}

// signingKeyPlace binds a sealed key to where it stands and what it is for.
func signingKeyPlace(place, algorithm string) []byte { return []byte(algorithm + " " + place) }

// signingKeyID is a kid: a hash of the public key, so that no two keys share
// one.
func signingKeyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
