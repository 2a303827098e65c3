package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// SharedKeysOptions say how keys of session tokens are shared.
type SharedKeysOptions struct {
	// Storage seals them at rest. It is required.
	Storage *Keyring
	// Life is how long a key seals before the next one does, at least
	// MinSessionKeyLife; zero makes no keys, and those that others make count all
	// the same.
	Life time.Duration
}

const (
	// SessionKeyOverlap is how long before a key begins to seal it is in the
	// store: longer than anybody opens a session without having read it since,
	// however far apart the clocks are.
	SessionKeyOverlap = 10 * time.Minute
	// MinSessionKeyLife keeps the ring small: all keys of the last MaxSessionLife
	// are in it.
	MinSessionKeyLife = 30 * time.Minute
	// firstSharedKey and all above it are ids of keys in the store; those of a
	// key file count from 1.
	firstSharedKey = 1 << 31

	sessionKeysKind = "sessionkeys"
	sessionKeysKey  = "ring"
)

// NewSharedKeyring makes the ring of session tokens of several processes, which
// share its keys through the store that their Sessions have: Sessions.Refresh
// reads them, and Sessions.Rotate makes the next one by schedule. Until the
// first of them begins to seal, the keys of the key file do, and they open until
// every session from before is over. Without anybody who makes keys, the newest
// one seals on.
//
// The ring seals and opens nothing until it was read, nor when it could not be
// read for the MaxStale of the Sessions. A store that lost its keys begins
// anew: what they sealed does not open any more.
func NewSharedKeyring(file []Key, random io.Reader, o SharedKeysOptions) (*Keyring, error) {
	switch {
	case o.Storage == nil:
		return nil, errors.New("shared keys need the keyring that seals them")
	case o.Life != 0 && o.Life < MinSessionKeyLife:
		return nil, fmt.Errorf("shared keys: each seals for %v at least, not %v", MinSessionKeyLife, o.Life)
	}
	k, err := NewKeyring(file, random)
	if err != nil {
		return nil, err
	}
	for i := range file {
		if file[i].ID >= firstSharedKey {
			return nil, fmt.Errorf("shared keys: key %d of the file has an id of the store's", file[i].ID)
		}
	}
	k.ring.Load().maxStale = time.Nanosecond // and was asked in the year 1
	k.shared = &sharedKeys{SharedKeysOptions: o, file: file}
	return k, nil
}

// sharedKeys is what a ring needs to follow the store.
type sharedKeys struct {
	SharedKeysOptions
	file []Key

	mu sync.Mutex
	// sealed is the record as it was read last, and due when the next key is to
	// be made by it; zero is never.
	sealed []byte
	due    time.Time
}

// keyRecord is the value of the record, which Storage seals. The zero value is
// that of a store without one.
type keyRecord struct {
	Version int `json:"version"`
	// Began is when the first key began to seal, which may be to come.
	Began time.Time  `json:"began"`
	Keys  []keyEntry `json:"keys"`
}

const keyRecordVersion = 1

// readShared returns the record as it stands, nil if there is none.
func readShared(tx Tx) ([]byte, error) {
	r, err := tx.Get(sessionKeysKind, sessionKeysKey)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	return bytes.Clone(r.Value), err
}

// open reads a record.
func (s *sharedKeys) open(now time.Time, sealed []byte) (r keyRecord, err error) {
	if sealed == nil {
		return keyRecord{}, nil
	}
	text, err := s.Storage.Open(now, PurposeSessionKeys, []byte(sessionKeysKey), sealed)
	if err != nil {
		return r, fmt.Errorf("%w: another storage key than when it was written", err)
	}
	defer clear(text)
	if err := strictjson.Check(text, strictjson.Limits{Depth: 4, Members: 6*maxKeys + 3, Bytes: maxKeyFile}); err != nil {
		return r, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil || r.Version != keyRecordVersion || len(r.Keys) == 0 || r.Began.IsZero() {
		return keyRecord{}, errors.New("not the members that it has in this version")
	}
	for _, e := range r.Keys {
		if e.ID < firstSharedKey {
			return keyRecord{}, fmt.Errorf("key %d has an id of the key file's", e.ID)
		}
	}
	return r, nil
}

// adopt makes the ring what was read when asked.
func (k *Keyring) adopt(sealed []byte, asked time.Time, maxStale time.Duration) error {
	s := k.shared
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := k.ring.Load()
	fresh := &ring{keys: known.keys, asked: asked, maxStale: maxStale}
	if known.asked.IsZero() || !bytes.Equal(sealed, s.sealed) {
		record, err := s.open(asked, sealed)
		if err == nil {
			fresh.keys, err = s.merged(&record)
		}
		if err != nil {
			return fmt.Errorf("session keys in the store: %w", err)
		}
		s.sealed, s.due = sealed, s.next(&record, asked)
	}
	k.ring.Store(fresh)
	return nil
}

// merged returns the keys of the file and of the store. Those of the file seal
// until the first of the store does.
func (s *sharedKeys) merged(r *keyRecord) ([]*ringKey, error) {
	keys, err := decodeKeys(r.Keys)
	if err != nil {
		return nil, err
	}
	for _, k := range s.file {
		if !r.Began.IsZero() {
			if !k.SealFrom.Before(r.Began) {
				continue
			}
			if k.SealUntil.IsZero() || k.SealUntil.After(r.Began) {
				k.SealUntil, k.OpenUntil = r.Began, r.Began.Add(MaxSessionLife)
			}
		}
		keys = append(keys, k)
	}
	made, err := newRing(keys)
	if err != nil {
		return nil, err
	}
	return made.keys, nil
}

// next says when the key after those of a record is to be made; zero is never.
func (s *sharedKeys) next(r *keyRecord, now time.Time) time.Time {
	switch {
	case s.Life == 0:
		return time.Time{}
	case len(r.Keys) == 0:
		return now
	}
	return r.Keys[len(r.Keys)-1].SealFrom.Add(s.Life - SessionKeyOverlap)
}

// isDue reports whether a time has come that may be never.
func isDue(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// nextRecord returns the record with the next key, sealed, and nil if that is
// not due.
func (k *Keyring) nextRecord(now time.Time, sealed []byte) ([]byte, error) {
	s := k.shared
	r, err := s.open(now, sealed)
	if err != nil || !isDue(s.next(&r, now), now) {
		return nil, err
	}
	r.Version = keyRecordVersion
	if r.Keys, err = rotated(r.Keys, firstSharedKey, k.random, now, SessionKeyOverlap, MaxSessionLife); err != nil {
		return nil, err
	}
	if r.Began.IsZero() {
		r.Began = r.Keys[0].SealFrom
	}
	if _, err := s.merged(&r); err != nil { // such as too many keys
		return nil, err
	}
	text, err := json.Marshal(&r)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return s.Storage.Seal(now, PurposeSessionKeys, []byte(sessionKeysKey), text)
}

// Rotate makes the next key of session tokens if it is due and the keyring is
// that of NewSharedKeyring; otherwise it does nothing. Of several processes that
// do at once, one makes it. What Refresh read last says whether it is due.
func (s *Sessions) Rotate(ctx context.Context) error {
	if s.keys.shared == nil || s.Ready() != nil || !s.keys.due(s.now()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, rotateWithin)
	defer cancel()
	err := s.store.Update(ctx, func(tx Tx) error {
		sealed, err := readShared(tx)
		if err != nil {
			return err
		}
		next, err := s.keys.nextRecord(s.now(), sealed)
		if err != nil || next == nil {
			return err
		}
		return tx.Put(Record{Kind: sessionKeysKind, Key: sessionKeysKey, Value: next})
	})
	if err != nil {
		return fmt.Errorf("the next session key: %w", err)
	}
	return nil
}

func (k *Keyring) due(now time.Time) bool {
	k.shared.mu.Lock()
	defer k.shared.mu.Unlock()
	return isDue(k.shared.due, now)
}

// rotateWithin bounds making a key.
const rotateWithin = 10 * time.Second
