package identity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-authz/rowan/engine"
)

// ErrSessionExpired means a session token that was good and whose time is over.
var ErrSessionExpired = errors.New("session token expired")

// SessionsOptions says what Sessions works with. Account, Keys, Store and Now
// are required.
type SessionsOptions struct {
	Account *Account
	// Keys opens session tokens.
	Keys *Keyring
	// Store holds revocations, and the keys of NewSharedKeyring.
	Store Store
	Now   func() time.Time
	// Poll is how often Run asks for revocations, 1 s if zero: so soon, and the
	// time of one read later, every replica knows of one. MaxStale is how long
	// sessions are opened while the store cannot be asked, one minute if zero,
	// at least Poll and at most MaxStaleness: the bound of a revocation whatever
	// happens.
	Poll, MaxStale time.Duration
	// CacheSize is how many sessions are kept open, 10,000 if zero.
	CacheSize int
	// Before are the Sessions that these take the place of when a new bundle
	// does; nil at first. Both know the same revocations from then on, whichever
	// of them learns of one, so that Run of one is enough and no revocation is
	// lost between the two. Store and Now are to be the same.
	Before *Sessions
}

// Sessions opens session tokens of one account. It may be shared. A new bundle
// makes new Sessions.
//
// Clocks of the processes that share keys may differ by MaxClockSkew; a session
// from further in the future opens nowhere until then, since no revocation of
// now would end it.
type Sessions struct {
	account        *Account
	keys           *Keyring
	store          Store
	now            func() time.Time
	poll, maxStale time.Duration
	cache          *sessionCache
	*revoked
}

// revoked is what Sessions that follow each other know together.
type revoked struct {
	known      atomic.Pointer[revocations]
	refreshing sync.Mutex
}

const (
	defaultPoll      = time.Second
	defaultMaxStale  = time.Minute
	defaultCacheSize = 10_000
)

// MaxStaleness is the longest MaxStale. With the skew of clocks and the time of
// a commit it is within SessionKeyOverlap: whoever opens sessions knows the keys
// that seal.
const MaxStaleness = 5 * time.Minute

// MaxClockSkew is how far the clocks of processes that share keys or a store
// may differ. What was issued further ahead of our clock is not taken, and what
// must be remembered until it is over is remembered so much longer: whose clock
// is ahead may sweep the store.
const MaxClockSkew = 15 * time.Second

// NewSessions returns Sessions that open nothing until Refresh or Run has read
// the revocations.
func NewSessions(o SessionsOptions) (*Sessions, error) {
	switch {
	case o.Account == nil || o.Account.Vocabulary == nil:
		return nil, errors.New("sessions need an account with its vocabulary")
	case o.Keys == nil || o.Store == nil || o.Now == nil:
		return nil, errors.New("sessions need a keyring, a store and a clock")
	case o.Poll < 0 || o.MaxStale < 0 || o.CacheSize < 0:
		return nil, errors.New("sessions: a time or a size below zero")
	}
	s := &Sessions{account: o.Account, keys: o.Keys, store: o.Store, now: o.Now, poll: o.Poll, maxStale: o.MaxStale}
	if s.poll == 0 {
		s.poll = defaultPoll
	}
	if s.maxStale == 0 {
		s.maxStale = max(defaultMaxStale, s.poll)
	}
	if s.maxStale < s.poll || s.maxStale > MaxStaleness {
		return nil, fmt.Errorf("sessions: revocations are asked for every %v and stale after %v, which is from that to %v", s.poll, s.maxStale, MaxStaleness)
	}
	size := o.CacheSize
	if size == 0 {
		size = defaultCacheSize
	}
	s.cache = newSessionCache(size)
	s.revoked = new(revoked)
	if o.Before != nil {
		s.revoked = o.Before.revoked
	}
	return s, nil
}

// opened is what is kept of a session beside itself.
type opened struct {
	by      *Sessions
	session *Session // itself: what counts, whatever became of a copy
	key     *ringKey // which opened the token
	names   []revocationName
	caller  func() (*engine.Caller, error) // made once
}

// Open returns the session of a token that came with an access key id. Its
// secret is for verifying the signature of the request, and until that is done
// nobody has proved anything.
//
// It wraps ErrSessionToken for a token that is not ours, not of this access
// key, or of a role that is gone or was made anew; ErrSessionExpired;
// ErrSessionRevoked; and ErrRevocationsStale when revocations could not be read
// for MaxStale. All of that is checked each time, also for a session that is
// still open.
func (s *Sessions) Open(ctx context.Context, accessKeyID, token string) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(token) > MaxSessionToken || !uniqueID("ASIA", accessKeyID) {
		return nil, ErrSessionToken
	}
	name := s.cache.name(accessKeyID, token)
	if session := s.cache.get(name); session != nil {
		err := s.check(session)
		if err == nil {
			return session, nil
		}
		if !errors.Is(err, ErrRevocationsStale) { // which passes
			s.cache.remove(name)
		}
		return nil, err
	}
	if err := s.Ready(); err != nil { // the key may be one that we do not know yet
		return nil, err
	}
	session, err := s.open(accessKeyID, token)
	if err == nil {
		err = s.check(session)
	}
	if err != nil {
		return nil, err
	}
	s.cache.put(name, session)
	return session, nil
}

func (s *Sessions) open(accessKeyID, token string) (*Session, error) {
	session, key, err := s.keys.openSession(s.now(), accessKeyID, token)
	if err != nil {
		return nil, err
	}
	if _, err := s.account.role(session); err != nil {
		return nil, err
	}
	session.opened = &opened{
		by: s, session: session, key: key, names: session.revocationNames(),
		caller: sync.OnceValues(func() (*engine.Caller, error) { return s.account.Caller(session, session.IssuedAt) }),
	}
	return session, nil
}

// check refuses an opened session whose time, key or right to be is over.
func (s *Sessions) check(session *Session) error {
	known := s.known.Load() // before the clock is read, lest it lie ahead
	now := s.now()
	switch {
	case s.stale(known, now):
		return ErrRevocationsStale
	case !s.keys.opens(session.opened.key, now):
		return ErrSessionToken
	case !now.Before(session.Expires):
		return ErrSessionExpired
	case session.IssuedAt.After(now.Add(MaxClockSkew)):
		return fmt.Errorf("%w: issued in the future", ErrSessionToken)
	case known.revoked(session.opened.names, session.IssuedAt.Unix()):
		return ErrSessionRevoked
	}
	return nil
}

func (s *Sessions) stale(known *revocations, now time.Time) bool {
	return known == nil || now.Before(known.asked) || now.Sub(known.asked) > s.maxStale
}

// Ready returns ErrRevocationsStale if no session would be opened now because
// revocations could not be read for MaxStale.
func (s *Sessions) Ready() error {
	if s.stale(s.known.Load(), s.now()) {
		return ErrRevocationsStale
	}
	return nil
}

// Age is how long ago what is known of revocations and shared keys was read; the
// longest duration before the first time.
func (s *Sessions) Age() time.Duration {
	known := s.known.Load()
	if known == nil {
		return math.MaxInt64
	}
	return max(0, s.now().Sub(known.asked))
}

// Caller returns what the engine needs to decide requests of a session that
// Open returned; the caller is for requests that begin now. It fails as Open
// does if the session's time is over meanwhile, and for a session policy that
// the vocabulary does not take.
func (s *Sessions) Caller(session *Session) (*engine.Caller, error) {
	if session == nil || session.opened == nil || session.opened.by != s {
		return nil, fmt.Errorf("%w: not opened here", ErrSessionToken)
	}
	session = session.opened.session
	if err := s.check(session); err != nil {
		return nil, err
	}
	caller, err := session.opened.caller()
	if err != nil || !session.MFA {
		return caller, err
	}
	return s.account.aged(caller, session, s.now())
}

// Refresh asks once for revocations and shared keys. After an error what was
// known holds on, until it is stale.
func (s *Sessions) Refresh(ctx context.Context) error {
	s.refreshing.Lock() // so that no slow reader puts back what was before
	defer s.refreshing.Unlock()
	var fresh *revocations
	var keys []byte
	now := s.now()
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if s.keys.shared != nil {
			if keys, err = readShared(tx); err != nil {
				return fmt.Errorf("session keys: %w", err)
			}
		}
		fresh, err = s.known.Load().refreshed(tx, now, s.maxStale)
		return err
	})
	if err == nil {
		err = s.keys.adopt(keys, now, s.maxStale)
	}
	if err != nil {
		return fmt.Errorf("reading revocations: %w", err)
	}
	s.known.Store(fresh)
	return nil
}

// Run refreshes at once, then every Poll, and when the store announces a change,
// until ctx ends; and it rotates keys. It tells failed of errors, if that is not
// nil.
func (s *Sessions) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	var heard <-chan struct{}
	if a, ok := s.store.(Announcer); ok {
		heard = a.Announcements(ctx)
	}
	for {
		err := s.refreshWithin(ctx, s.maxStale)
		if err == nil {
			err = s.Rotate(ctx)
		}
		if err != nil && ctx.Err() == nil && failed != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-heard:
			time.Sleep(announcementGap)
		}
	}
}

// announcementGap bounds how often announcements make Run ask: many at once are
// one.
const announcementGap = 5 * time.Millisecond

// refreshWithin gives up in time for another attempt.
func (s *Sessions) refreshWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit/2)
	defer cancel()
	return s.Refresh(ctx)
}
