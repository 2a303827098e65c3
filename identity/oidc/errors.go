package oidc

import (
	"errors"
	"fmt"
	"time"
)

// Why a token is refused. Errors of this package wrap one of these. None holds
// a part of a token or an address.
var (
	// ErrMalformed means that the token is not one that can be understood.
	ErrMalformed = errors.New("malformed token")
	// ErrSignature means that the signature is not by the key that the token
	// names, or by an algorithm that is not allowed.
	ErrSignature = errors.New("signature does not verify")
	// ErrUnknownKey means that the key set has no such key for the algorithm.
	ErrUnknownKey = errors.New("unknown key")
	// ErrUnavailable means that there is no key set to look in: its provider
	// cannot be reached. It says nothing about the token.
	ErrUnavailable = errors.New("key set unavailable")
	// ErrExpired is what an *ExpiredError wraps.
	ErrExpired = errors.New("token expired")
	// ErrNotYet means that the token is from the future.
	ErrNotYet = errors.New("token not yet valid")
	// ErrIssuer means that iss is not the issuer expected.
	ErrIssuer = errors.New("wrong issuer")
	// ErrAudience means that the token is for somebody else.
	ErrAudience = errors.New("wrong audience")
	// ErrMissingClaim is what a *MissingClaimError wraps.
	ErrMissingClaim = errors.New("missing claim")
	// ErrTokenUse means another sort of token: an access token for an ID token,
	// or the other way round.
	ErrTokenUse = errors.New("wrong sort of token")
)

// ExpiredError says when a token expired.
type ExpiredError struct{ Now, Exp time.Time }

// Error gives both times as seconds since 1970.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("token expired: %d >= %d", e.Now.Unix(), e.Exp.Unix())
}

// Unwrap returns ErrExpired.
func (e *ExpiredError) Unwrap() error { return ErrExpired }

// MissingClaimError names a claim that a token must have.
type MissingClaimError struct{ Claim string }

// Error names the claim.
func (e *MissingClaimError) Error() string { return "missing claim " + e.Claim }

// Unwrap returns ErrMissingClaim.
func (e *MissingClaimError) Unwrap() error { return ErrMissingClaim }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
