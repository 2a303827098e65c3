package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Revocation ends sessions before they expire: those of one identity, role or
// pool that were issued before a time, or a single one. Exactly one of
// Identity, Role, Pool and SessionID is given. With an identity end the
// sessions of those that were merged into it. Source: identity-protocol §3.4.
type Revocation struct {
	// Identity is an identity id, Role the ARN of a role with its path, Pool
	// the id of an identity pool, SessionID a Session.ID.
	Identity, Role, Pool, SessionID string
	// Before is when the sessions were issued that are to end; zero means now.
	// Sessions count whole seconds, so that those of the second of Before end
	// too. What counts is the clock of who issued them: to be sure of sessions
	// of the last seconds while clocks differ, say so many seconds later.
	// SessionID takes no Before.
	Before time.Time
}

var (
	// ErrSessionRevoked means a session that Revoke ended.
	ErrSessionRevoked = errors.New("session was revoked")
	// ErrRevocationsStale means that revocations could not be read for so long
	// that nobody knows whether the session still holds.
	ErrRevocationsStale = errors.New("revocations are stale")
)

const (
	revocationKind = "revocation"
	// Every revocation is of this group, the count of changes of the other.
	revocationGroup  = "all"
	revocationChange = "changes"
	// revocationPage is how many are read at a time, maxRevocations how many
	// there may be: more than that cannot be known, so nothing is.
	revocationPage = 1000
	maxRevocations = 1 << 20
	// revocationAhead is how far Before may lie ahead of our own clock.
	revocationAhead = 15 * time.Minute
)

// revocationName names what a revocation is about; the longest is the ARN of a
// role.
type revocationName string

func ofIdentity(id string) revocationName { return revocationName("identity:" + id) }
func ofRole(arn string) revocationName    { return revocationName("role:" + arn) }
func ofPool(id string) revocationName     { return revocationName("pool:" + id) }

// ofSession names a session by the hash of its id, so that who reads the
// store learns nothing that a log shows.
func ofSession(id string) revocationName {
	sum := sha256.Sum256([]byte(id))
	return revocationName("session:" + hex.EncodeToString(sum[:]))
}

// revocationRecord is the value of a record: sessions that were issued before
// Cut, in seconds since 1970, are over.
type revocationRecord struct {
	Cut int64 `json:"cut"`
}

// resolve says what r is about, and from when on sessions are good again.
func (r *Revocation) resolve(now time.Time) (revocationName, int64, error) {
	var names []revocationName
	for _, x := range []struct {
		text string
		name func(string) revocationName
	}{{r.Identity, ofIdentity}, {r.Role, ofRole}, {r.Pool, ofPool}, {r.SessionID, ofSession}} {
		if x.text != "" {
			names = append(names, x.name(x.text))
		}
	}
	before := r.Before
	switch {
	case len(names) != 1:
		return "", 0, Errorf(InvalidParameter, "A revocation has exactly one of identity, role, pool and session id.")
	case r.Identity+r.Pool != "" && !isID(r.Identity+r.Pool):
		return "", 0, Errorf(InvalidParameter, "An identity or a pool is REGION:UUID, whole.")
	case len(names[0]) > MaxRecordKey || strings.ContainsRune(string(names[0]), 0):
		return "", 0, Errorf(InvalidParameter, "The name in a revocation is too long, or has a NUL.")
	case r.SessionID != "" && !before.IsZero():
		return "", 0, Errorf(InvalidParameter, "A single session ends whenever it was issued.")
	case before.After(now.Add(revocationAhead)):
		return "", 0, Errorf(InvalidParameter, "The time of the revocation, %s, is to come.", before.UTC().Format(time.RFC3339))
	case r.SessionID != "":
		before = now.Add(MaxClockSkew) // whatever the clock of its issuer said
	case before.IsZero():
		before = now
	}
	return names[0], before.Unix() + 1, nil
}

// Revoke ends sessions. When it returns nil, that is durable, and this replica
// knows; every other one knows it within Poll of SessionsOptions, at once if the
// store is an Announcer, and opens nothing if it could not ask for MaxStale. What is malformed, and a role that
// the account does not have, is refused with InvalidParameter: whoever misspelt
// it must not believe that sessions ended. An identity or a pool that is gone
// may still have some.
func (s *Sessions) Revoke(ctx context.Context, r Revocation) error {
	now := s.now()
	name, cut, err := r.resolve(now)
	if err != nil {
		return err
	}
	if r.Role != "" && s.account.Roles[r.Role] == nil {
		return Errorf(InvalidParameter, "The account has no role %s: give its whole ARN, with the path.", shown(r.Role))
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		names := []revocationName{name}
		if r.Identity != "" {
			ids, err := mergedInto(tx, r.Identity)
			if err != nil {
				return err
			}
			for _, id := range ids {
				names = append(names, ofIdentity(id))
			}
		}
		return putRevocations(tx, names, cut)
	})
	if err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	return s.Refresh(ctx)
}

// putRevocations writes cuts, and counts the change, so that a poll reads one
// record as long as nothing changed.
func putRevocations(tx Tx, names []revocationName, cut int64) error {
	for _, name := range names {
		if err := putRevocation(tx, name, cut); err != nil {
			return err
		}
	}
	changes, err := countChanges(tx)
	if err != nil {
		return err
	}
	value, err := json.Marshal(changes + 1)
	if err != nil {
		return err
	}
	if err := tx.Put(Record{Kind: revocationKind, Key: revocationChange, Value: value}); err != nil {
		return err
	}
	if a, ok := tx.(AnnouncerTx); ok {
		return a.Announce()
	}
	return nil
}

// putRevocation writes a cut unless there is a later one.
func putRevocation(tx Tx, name revocationName, cut int64) error {
	known, err := tx.Get(revocationKind, string(name))
	if err == nil {
		var old revocationRecord
		if err := json.Unmarshal(known.Value, &old); err != nil {
			return err
		}
		cut = max(cut, old.Cut)
	} else if !errors.Is(err, ErrNoRecord) {
		return err
	}
	value, err := json.Marshal(revocationRecord{cut})
	if err != nil {
		return err
	}
	// When it expires, every session that was issued before is over, for every
	// replica.
	expires := time.Unix(cut, 0).Add(MaxSessionLife + MaxClockSkew)
	return tx.Put(Record{Kind: revocationKind, Key: string(name), Group: revocationGroup, Value: value, Expires: expires})
}

// countChanges returns how often a revocation was written.
func countChanges(tx Tx) (changes uint64, err error) {
	r, err := tx.Get(revocationKind, revocationChange)
	if errors.Is(err, ErrNoRecord) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return changes, json.Unmarshal(r.Value, &changes)
}

// revocations is what was known at one time. It is immutable.
type revocations struct {
	asked   time.Time // when we began to ask
	read    time.Time // when we began to read cuts
	changes uint64
	cuts    map[revocationName]int64
}

// refreshed returns what the store knows now, reading as little as it can.
func (r *revocations) refreshed(tx Tx, now time.Time, reread time.Duration) (*revocations, error) {
	changes, err := countChanges(tx)
	if err != nil {
		return nil, err
	}
	fresh := &revocations{asked: now, read: now, changes: changes}
	if r != nil && r.changes == changes && now.Sub(r.read) < reread {
		fresh.read, fresh.cuts = r.read, r.cuts
		return fresh, nil
	}
	fresh.cuts, err = readCuts(tx)
	return fresh, err
}

func readCuts(tx Tx) (map[revocationName]int64, error) {
	cuts := map[revocationName]int64{}
	after := ""
	for {
		page, err := tx.List(revocationKind, revocationGroup, after, revocationPage)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			var x revocationRecord
			if err := json.Unmarshal(r.Value, &x); err != nil || x.Cut <= 0 {
				return nil, fmt.Errorf("malformed record %.200q", r.Key)
			}
			cuts[revocationName(r.Key)] = x.Cut
			after = r.Key
		}
		if len(page) < revocationPage {
			return cuts, nil
		}
		if len(cuts) > maxRevocations {
			return nil, fmt.Errorf("more than %d", maxRevocations)
		}
	}
}

// revoked reports whether a session with these names, issued at the second
// given, is over.
func (r *revocations) revoked(names []revocationName, issued int64) bool {
	for _, n := range names {
		if cut, ok := r.cuts[n]; ok && issued < cut {
			return true
		}
	}
	return false
}

// revocationNames are the names under which the session may be revoked.
func (s *Session) revocationNames() []revocationName {
	names := []revocationName{ofRole(s.RoleARN), ofSession(s.ID)}
	if s.IdentityID != "" {
		names = append(names, ofIdentity(s.IdentityID), ofPool(s.PoolID))
	}
	return names
}
