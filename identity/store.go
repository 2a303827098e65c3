package identity

import (
	"context"
	"errors"
	"time"
)

// Store keeps what pools must remember: identities and their logins, users,
// refresh tokens, codes, revocations. It keeps records; what they mean is the
// business of whoever owns their kind. A Store may be shared by goroutines and,
// where the engine behind it allows, by processes.
//
// storetest.Run proves an implementation.
type Store interface {
	// View runs f on one consistent snapshot. f must not write.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f in a serializable transaction: all that it wrote is there,
	// durably, when Update returns nil, and nothing of it otherwise, but for
	// ErrUncertain. If f returns an error, Update returns that error as it is.
	// f may run several times, when the transaction collides with another, and
	// so must have no other effects; what it saw in a run that collided may be
	// inconsistent. f must not call the Store: some would wait for themselves.
	Update(ctx context.Context, f func(Tx) error) error
	// Sweep deletes records that expired at or before now, a bounded number at
	// a time, and returns how many.
	Sweep(ctx context.Context, now time.Time) (int, error)
}

// Tx is a transaction of a Store. It must not be kept after the function that
// got it, nor shared by goroutines. Expiry does not hide a record: readers
// compare Expires with their own clock.
type Tx interface {
	// Get returns a record. It wraps ErrNoRecord if there is none, and for a
	// name that no record can have.
	Get(kind, key string) (Record, error)
	// Insert writes a record that must not exist. It wraps ErrRecordExists if
	// it does; the transaction may go on.
	Insert(Record) error
	// Put writes a record, in place of the one with its kind and key if there
	// is one.
	Put(Record) error
	// Delete removes a record; none is no error.
	Delete(kind, key string) error
	// List returns at most limit records of a kind and group whose keys come
	// after the given one, in bytewise order of their keys. "" is before all;
	// the group "" is that of records without one. A limit below 1 lists none.
	List(kind, group, after string, limit int) ([]Record, error)
}

// Announcer is a Store whose processes hear of each other's changes at once,
// instead of with their next poll. Whoever waits for a change polls all the
// same: announcements may get lost.
type Announcer interface {
	Store
	// Announcements receives when a transaction that announced was committed by
	// any process, when several were, and when some may have been missed, until
	// ctx ends. A nil channel means that nothing is ever heard.
	Announcements(ctx context.Context) <-chan struct{}
}

// AnnouncerTx is a Tx that can announce what it writes.
type AnnouncerTx interface {
	Tx
	// Announce has all processes hear of this transaction once it is committed.
	Announce() error
}

// Record is one thing that a Store keeps. Kind and Key name it.
type Record struct {
	// Kind is such as "identity" or "user": 1 to 64 bytes, any of them but NUL.
	Kind string
	// Key is unique within the kind: 1 to 1024 bytes, any of them but NUL.
	Key string
	// Group is what List selects by, often a pool or an owner: up to 1024
	// bytes, empty if the kind is never listed.
	Group string
	// Value is up to MaxRecord bytes, usually JSON.
	Value []byte
	// Expires is when Sweep may delete it, in whole microseconds (what is finer
	// is cut off), from 1970 to 9999; zero means never.
	Expires time.Time
}

// Limits of a Record; a Store refuses more with ErrRecordSize.
const (
	MaxRecordKind  = 64
	MaxRecordKey   = 1024
	MaxRecordGroup = 1024
	MaxRecord      = 256 << 10
)

// MaxSweep is how many records one call of Sweep deletes at most. Who wants
// them all gone calls it until it returns 0.
const MaxSweep = 1000

var (
	// ErrNoRecord means that Get found nothing.
	ErrNoRecord = errors.New("no such record")
	// ErrRecordExists means that Insert found a record of that kind and key.
	ErrRecordExists = errors.New("record exists")
	// ErrRecordSize means a kind, key, group or value that is empty, too long
	// or not allowed.
	ErrRecordSize = errors.New("record too large or malformed")
	// ErrReadOnly means that the function of a View wrote.
	ErrReadOnly = errors.New("write in a view")
	// ErrTxDone means that a Tx was used after its function had returned.
	ErrTxDone = errors.New("transaction is over")
	// ErrUncertain means that the answer to a commit was lost, as a network
	// may: the transaction is there as a whole or not at all, and only reading
	// tells which. It is never retried by a Store.
	ErrUncertain = errors.New("outcome of the transaction is unknown")
)
