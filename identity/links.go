package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of records. An identity's key is its id, its group the pool. A
// login's key is the pool and a hash of provider and subject, which may be
// longer than a key: that only one record has it is what ties a login to one
// identity. Source: identity-protocol §1.6.
const (
	kindIdentity = "identity"
	kindLogin    = "login"
)

// Link ties a login to an identity.
type Link struct {
	// Provider is the key of the login; for developers, their provider's name.
	Provider string       `json:"provider"`
	Subject  string       `json:"subject"`
	Kind     ProviderKind `json:"kind"`
	Since    time.Time    `json:"since"`
}

// identityRecord is an identity as the store keeps it.
type identityRecord struct {
	ID       string    `json:"-"`
	Pool     string    `json:"pool"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	// Authenticated is when the first login was linked, zero for a guest. It
	// stays when the last login goes: what was a user's is no guest's.
	Authenticated time.Time `json:"authenticated,omitzero"`
	// Enabled is false after a merge; MergedInto is where the logins went.
	Enabled    bool   `json:"enabled"`
	MergedInto string `json:"mergedInto,omitempty"`
	Links      []Link `json:"links,omitempty"`

	// expires is when a guest is forgotten who never asked for credentials;
	// zero means never.
	expires time.Time
}

// guest reports whether nobody ever logged in as the identity.
func (r *identityRecord) guest() bool {
	return r.Enabled && r.Authenticated.IsZero() && len(r.Links) == 0
}

func (r *identityRecord) clone() *identityRecord {
	c := *r
	c.Links = slices.Clone(r.Links)
	return &c
}

// link returns the link to a login.
func (r *identityRecord) link(provider, subject string) (*Link, bool) {
	for i := range r.Links {
		if l := &r.Links[i]; l.Provider == provider && l.Subject == subject {
			return l, true
		}
	}
	return nil, false
}

// loadIdentity returns an identity, nil if there is none that lives at now.
func loadIdentity(tx Tx, id string, now time.Time) (*identityRecord, error) {
	record, err := tx.Get(kindIdentity, id)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readIdentity(record, now)
}

func readIdentity(record Record, now time.Time) (*identityRecord, error) {
	if !record.Expires.IsZero() && !now.Before(record.Expires) {
		return nil, nil
	}
	r := &identityRecord{ID: record.Key, expires: record.Expires}
	if err := json.Unmarshal(record.Value, r); err != nil {
		return nil, fmt.Errorf("identity %s: %w", shortID(record.Key), err)
	}
	return r, nil
}

func (r *identityRecord) record() (Record, error) {
	value, err := json.Marshal(r)
	return Record{Kind: kindIdentity, Key: r.ID, Group: r.Pool, Value: value, Expires: r.expires}, err
}

func (r *identityRecord) put(tx Tx) error {
	record, err := r.record()
	if err != nil {
		return err
	}
	return tx.Put(record)
}

func (r *identityRecord) insert(tx Tx) error {
	record, err := r.record()
	if err != nil {
		return err
	}
	return tx.Insert(record)
}

// survivor follows merges from a disabled identity to the one that is left; nil
// if that is gone.
func survivor(tx Tx, r *identityRecord, now time.Time) (*identityRecord, error) {
	const most = 64
	for range most {
		if r == nil || r.Enabled {
			return r, nil
		}
		next, err := loadIdentity(tx, r.MergedInto, now)
		if err != nil {
			return nil, err
		}
		if next != nil && next.Pool != r.Pool {
			return nil, fmt.Errorf("identity %s was merged out of its pool", shortID(r.ID))
		}
		r = next
	}
	return nil, nil
}

// loginRecord says whose a login is.
type loginRecord struct {
	Identity string `json:"identity"`
	Provider string `json:"provider"`
	Subject  string `json:"subject"`
}

// loginKey is the key of a login's record.
func loginKey(pool, provider, subject string) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(provider))))
	h.Write([]byte(provider))
	h.Write([]byte(subject))
	return pool + "/" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (l *loginRecord) record(pool string) (Record, error) {
	value, err := json.Marshal(l)
	return Record{Kind: kindLogin, Key: loginKey(pool, l.Provider, l.Subject), Value: value}, err
}

// loginOwner returns the identity that a login is linked to, nil if it is
// linked to none.
func loginOwner(tx Tx, pool, provider, subject string, now time.Time) (*identityRecord, error) {
	record, err := tx.Get(kindLogin, loginKey(pool, provider, subject))
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l loginRecord
	if err := json.Unmarshal(record.Value, &l); err != nil {
		return nil, fmt.Errorf("login %s: %w", record.Key, err)
	}
	owner, err := loadIdentity(tx, l.Identity, now)
	if err != nil {
		return nil, err
	}
	if owner != nil && owner.Enabled && owner.Pool == pool && l.Provider == provider && l.Subject == subject {
		if _, linked := owner.link(provider, subject); linked {
			return owner, nil
		}
	}
	return nil, fmt.Errorf("login %s and identity %s do not agree", record.Key, shortID(l.Identity))
}
