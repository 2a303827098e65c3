package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// keyFile holds the master keys of a deployment. Secrets are base64url without
// padding, times RFC 3339.
type keyFile struct {
	Version  int        `json:"version"`
	Sessions []keyEntry `json:"sessions"`
	Storage  []keyEntry `json:"storage"`
}

type keyEntry struct {
	ID        uint32    `json:"id"`
	Secret    string    `json:"secret"`
	SealFrom  time.Time `json:"sealFrom,omitzero"`
	SealUntil time.Time `json:"sealUntil,omitzero"`
	OpenUntil time.Time `json:"openUntil,omitzero"`
}

const (
	keyFileVersion = 1
	maxKeyFile     = 64 << 10
)

// ParseKeys reads a key file: the keys of session tokens, and those of what a
// store holds. It refuses unknown and double members, and a secret that is
// there twice: who learns one ring must not learn the other. No error shows a
// secret.
func ParseKeys(src []byte) (sessions, storage []Key, err error) {
	f, err := parseKeyFile(src)
	if err != nil {
		return nil, nil, fmt.Errorf("key file: %w", err)
	}
	if sessions, err = readKeys(f.Sessions); err != nil {
		return nil, nil, fmt.Errorf("key file: sessions: %w", err)
	}
	if storage, err = readKeys(f.Storage); err != nil {
		return nil, nil, fmt.Errorf("key file: storage: %w", err)
	}
	for i := range sessions {
		if slices.ContainsFunc(storage, func(k Key) bool { return k.Secret.Equal(sessions[i].Secret) }) {
			return nil, nil, fmt.Errorf("key file: key %d of sessions is a key of storage too", sessions[i].ID)
		}
	}
	return sessions, storage, nil
}

func parseKeyFile(src []byte) (*keyFile, error) {
	if err := strictjson.Check(src, strictjson.Limits{Depth: 4, Members: 6*2*maxKeys + 3, Bytes: maxKeyFile}); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.DisallowUnknownFields()
	f := &keyFile{}
	if err := decoder.Decode(f); err != nil {
		return nil, errors.New("not the members that a key file has")
	}
	if f.Version != keyFileVersion {
		return nil, fmt.Errorf("version %d, not %d", f.Version, keyFileVersion)
	}
	return f, nil
}

// readKeys returns the keys of a ring that NewKeyring takes.
func readKeys(entries []keyEntry) ([]Key, error) {
	keys, err := decodeKeys(entries)
	if err != nil {
		return nil, err
	}
	return keys, checkKeys(keys)
}

func decodeKeys(entries []keyEntry) ([]Key, error) {
	keys := make([]Key, len(entries))
	for i, e := range entries {
		secret, err := base64.RawURLEncoding.Strict().DecodeString(e.Secret)
		if err != nil {
			return nil, fmt.Errorf("key %d: the secret is not base64url", e.ID)
		}
		keys[i] = Key{ID: e.ID, Secret: NewSecret(secret), SealFrom: e.SealFrom, SealUntil: e.SealUntil, OpenUntil: e.OpenUntil}
	}
	return keys, nil
}

// GenerateKeys makes a key file with one new key of each ring, which seal from
// an hour before now: clocks of other machines may be behind.
func GenerateKeys(random io.Reader, now time.Time) ([]byte, error) {
	f := &keyFile{Version: keyFileVersion}
	for _, ring := range []*[]keyEntry{&f.Sessions, &f.Storage} {
		e, err := newKeyEntry(random, 1, now.Add(-time.Hour))
		if err != nil {
			return nil, err
		}
		*ring = []keyEntry{e}
	}
	return f.print()
}

// RotateKeys returns the key file with a new key of session tokens, which seals
// from overlap after now: until then the file must have reached every process.
// The key before it seals until then and opens for maxLifetime longer, so that
// no session ends before its time. Keys whose time is over go. One rotation
// must have ended before another begins. Storage keys stay: what they sealed
// has no end.
func RotateKeys(src []byte, random io.Reader, now time.Time, overlap, maxLifetime time.Duration) ([]byte, error) {
	if overlap <= 0 || maxLifetime <= 0 {
		return nil, errors.New("rotation: overlap and lifetime must be above zero")
	}
	if _, _, err := ParseKeys(src); err != nil {
		return nil, err
	}
	f, err := parseKeyFile(src)
	if err != nil {
		return nil, err
	}
	if f.Sessions, err = rotated(f.Sessions, 1, random, now, overlap, maxLifetime); err != nil {
		return nil, fmt.Errorf("rotation: %w", err)
	}
	out, err := f.print()
	if err != nil {
		return nil, err
	}
	_, _, err = ParseKeys(out) // such as too many keys
	return out, err
}

// rotated returns entries with a new one, which seals from overlap after now,
// and without those whose time is over. Its id is one above the highest, first
// if there are none.
func rotated(entries []keyEntry, first uint32, random io.Reader, now time.Time, overlap, maxLifetime time.Duration) ([]keyEntry, error) {
	// A whole second that is not before overlap has passed.
	from := now.Add(overlap + time.Second - 1).UTC().Truncate(time.Second)
	newest := first - 1
	var out []keyEntry
	for _, e := range entries {
		newest = max(newest, e.ID)
		switch {
		case e.SealFrom.After(now):
			return nil, fmt.Errorf("key %d seals only from %s", e.ID, e.SealFrom.Format(time.RFC3339))
		case e.SealUntil.IsZero():
			e.SealUntil, e.OpenUntil = from, from.Add(maxLifetime)
		}
		if e.OpenUntil.IsZero() || now.Before(e.OpenUntil) {
			out = append(out, e)
		}
	}
	if newest == ^uint32(0) {
		return nil, errors.New("no id is left")
	}
	e, err := newKeyEntry(random, newest+1, from)
	if err != nil {
		return nil, err
	}
	return append(out, e), nil
}

func newKeyEntry(random io.Reader, id uint32, from time.Time) (keyEntry, error) {
	secret := make([]byte, keyLength)
	if _, err := io.ReadFull(random, secret); err != nil {
		return keyEntry{}, fmt.Errorf("randomness for a key: %w", err)
	}
	return keyEntry{ID: id, Secret: base64.RawURLEncoding.EncodeToString(secret), SealFrom: from.UTC().Truncate(time.Second)}, nil
}

func (f *keyFile) print() ([]byte, error) {
	out, err := json.MarshalIndent(f, "", "  ")
	return append(out, '\n'), err
}
