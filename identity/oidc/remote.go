package oidc

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"
)

// RemoteOptions say where a key set is and how long it is good.
type RemoteOptions struct {
	// Issuer is the exact issuer; see CheckAddress.
	Issuer string
	// KeysURL is the key set's https address. If it is empty, discovery at the
	// issuer tells; what it tells first holds for the life of the Remote.
	KeysURL string
	// Client fetches; nil means a GuardedClient without exceptions. Redirects
	// are never followed.
	Client *http.Client
	// AllowLoopback takes http addresses on this machine, which Client must
	// take too: see GuardOptions.
	AllowLoopback bool
	Now           func() time.Time
	// MaxAge is how long a set that was fetched is good: at most one hour, which
	// zero means. A key that is withdrawn is refused after it.
	MaxAge time.Duration
	// MaxStale is how old a set may become while the provider cannot be
	// reached: at most 24 hours. Zero means 6.
	MaxStale time.Duration
}

// Bounds of how often a key set is fetched. Source: identity-protocol §6.1.
const (
	maxAge       = time.Hour
	maxStale     = 24 * time.Hour
	defaultStale = 6 * time.Hour
	unknownPause = 30 * time.Second // between fetches because of an unknown kid
	firstBackOff = time.Second      // after the first failure; it doubles
	lastBackOff  = 5 * time.Minute
)

// Remote is a key set that is fetched when it is needed, and kept. It may be
// shared. There is never more than one fetch at a time, and only those wait for
// it who need what it brings: a key that is known is answered at once.
type Remote struct {
	issuer           string
	client           *http.Client
	allowLoopback    bool
	now              func() time.Time
	maxAge, maxStale time.Duration

	mu        sync.Mutex
	keysURL   string    // empty until discovery told
	set       *KeySet   // the last good one, nil if there is none
	fetched   time.Time // when the fetch of set began
	attempted time.Time // when the last fetch began
	failures  int       // fetches that failed since the last good one
	flight    *flight   // the fetch that is going on, nil if none is
}

// flight is a fetch. err may be read when done is closed.
type flight struct {
	done chan struct{}
	err  error
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// NewRemote returns the key set of an issuer. Nothing is fetched before it is
// needed. It returns an error for an address that it would not fetch from, for
// times out of bounds, and without a clock.
func NewRemote(o RemoteOptions) (*Remote, error) {
	if o.Now == nil {
		return nil, errors.New("key set: no clock")
	}
	if err := CheckAddress(o.Issuer, o.AllowLoopback); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if o.KeysURL != "" {
		if err := checkURL(o.KeysURL, o.AllowLoopback); err != nil {
			return nil, fmt.Errorf("key set: %w", err)
		}
	}
	r := &Remote{
		issuer: o.Issuer, keysURL: o.KeysURL, allowLoopback: o.AllowLoopback, now: o.Now, maxAge: o.MaxAge, maxStale: o.MaxStale,
	}
	if r.maxAge == 0 {
		r.maxAge = maxAge
	}
	if r.maxStale == 0 {
		r.maxStale = max(defaultStale, r.maxAge)
	}
	if r.maxAge < 0 || r.maxAge > maxAge || r.maxStale < r.maxAge || r.maxStale > maxStale {
		return nil, fmt.Errorf("key set of %s: age limits %s and %s: want at most %s and %s, the first not above the second",
			o.Issuer, r.maxAge, r.maxStale, maxAge, maxStale)
	}
	client := GuardedClient(GuardOptions{})
	if o.Client != nil {
		own := *o.Client
		client = &own
	}
	client.CheckRedirect = noRedirect
	r.client = client
	return r, nil
}

// Key returns a key of the set. It waits, as long as ctx lets it, if the set
// must be fetched first. It wraps ErrUnknownKey if the set has no such key, and
// ErrUnavailable if there is no set young enough to tell.
func (r *Remote) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	set, fetch := r.lookup(ctx, kid, alg)
	if fetch != nil {
		if err := fetch.wait(ctx); err != nil {
			return nil, err
		}
		set = r.lastGood()
	}
	if set == nil {
		return nil, ErrUnavailable
	}
	return set.Key(ctx, kid, alg)
}

// lookup returns the set to look in, and the fetch to wait for before that; nil
// if there is no need to, or it is too early for one.
func (r *Remote) lookup(ctx context.Context, kid, alg string) (*KeySet, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	age := elapsed(now, r.fetched)
	if r.set == nil || age >= r.maxAge {
		return r.good(now), r.fetch(now, r.backOff())
	}
	if age >= r.maxAge/4*3 {
		r.fetch(now, max(r.backOff(), unknownPause)) // ahead of time, so that nobody need wait
	}
	if _, err := r.set.Key(ctx, kid, alg); err == nil {
		return r.set, nil
	}
	return r.set, r.fetch(now, max(r.backOff(), unknownPause))
}

func (r *Remote) lastGood() *KeySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.good(r.now())
}

// good returns the last set that was fetched, unless it is too old even for a
// provider that cannot be reached.
func (r *Remote) good(now time.Time) *KeySet {
	if elapsed(now, r.fetched) >= r.maxStale {
		return nil
	}
	return r.set
}

// fetch returns the fetch that is going on, or a new one if the last began at
// least pause ago.
func (r *Remote) fetch(now time.Time, pause time.Duration) *flight {
	if r.flight == nil && elapsed(now, r.attempted) >= pause {
		r.start(now)
	}
	return r.flight
}

// start begins a fetch, which no caller can cancel, since others wait for it
// too.
func (r *Remote) start(now time.Time) {
	f := &flight{done: make(chan struct{})}
	r.flight, r.attempted = f, now
	go r.run(f, now, r.keysURL)
}

func (r *Remote) run(f *flight, began time.Time, keysURL string) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	set, keysURL, err := r.load(ctx, keysURL)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failures++
		f.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	} else {
		r.set, r.fetched, r.keysURL, r.failures = set, began, keysURL, 0
	}
	r.flight = nil
	close(f.done)
}

// backOff is how long to wait after a failure, zero if the last fetch was good.
func (r *Remote) backOff() time.Duration {
	if r.failures == 0 {
		return 0
	}
	return min(firstBackOff<<min(r.failures-1, 16), lastBackOff)
}

// Refresh fetches the set now, however young it is: for an operator who knows
// that a key was withdrawn. It returns when a fetch that began after the call
// has ended. An error wraps ErrUnavailable, and the old set stays.
func (r *Remote) Refresh(ctx context.Context) error {
	for {
		f, ours := r.force()
		if err := f.wait(ctx); err != nil {
			return err
		}
		if ours {
			return f.err
		}
	}
}

func (r *Remote) force() (f *flight, ours bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight, false
	}
	r.start(r.now())
	return r.flight, true
}

// elapsed is how long ago since was. A time that never was, or that is to come
// because the clock was set back, was infinitely long ago.
func elapsed(now, since time.Time) time.Duration {
	if since.IsZero() || now.Before(since) {
		return math.MaxInt64
	}
	return now.Sub(since)
}
