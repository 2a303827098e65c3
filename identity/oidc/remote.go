package oidc

import (
	"context"
	"crypto"
	"net/http"
	"time"
)

// RemoteOptions say where a key set is.
type RemoteOptions struct {
	// Issuer is the exact issuer, an https address.
	Issuer string
	// KeysURL is the key set's https address; empty means that discovery at the
	// issuer tells, once.
	KeysURL string
	// Client fetches; nil means a GuardedClient with no exceptions. Redirects
	// are never followed.
	Client *http.Client
	Now    func() time.Time
	// MaxAge is how long a fetched set is good: at most one hour, which zero
	// means.
	MaxAge time.Duration
	// MaxStale is how old a set may become while its provider cannot be
	// reached: at most 24 hours; zero means 6.
	MaxStale time.Duration
}

// Remote is a key set that is fetched. It may be shared.
type Remote struct{}

// NewRemote returns the key set of an issuer. Nothing is fetched yet.
func NewRemote(o RemoteOptions) (*Remote, error) { _ = o; return &Remote{}, nil }

// Key returns a key; see Keys.
func (r *Remote) Key(context.Context, string, string) (crypto.PublicKey, error) {
	return nil, ErrUnavailable
}

// Refresh fetches the set now.
func (r *Remote) Refresh(context.Context) error { return ErrUnavailable }
