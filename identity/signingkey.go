package identity

import (
	"bytes"
	"context"
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

func loadSigningKey(ctx context.Context, store Store, storage *Keyring, place, algorithm string, random io.Reader, now time.Time) (*rsa.PrivateKey, error) {
	sealed, err := readSigningKey(ctx, store, place)
	if errors.Is(err, ErrNoRecord) {
		if err = makeSigningKey(ctx, store, storage, place, algorithm, random, now); err != nil {
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
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < signingKeyBits {
		return nil, errors.New("not an RSA key of 2048 bits")
	}
	return key, nil
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
func makeSigningKey(ctx context.Context, store Store, storage *Keyring, place, algorithm string, random io.Reader, now time.Time) error {
	key, err := rsa.GenerateKey(random, signingKeyBits)
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
