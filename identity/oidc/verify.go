package oidc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// Expect is what a token must be. Its zero value expects nothing that could be
// had: every token is refused.
type Expect struct {
	// Issuers are the values that iss may have, compared byte by byte.
	Issuers []string
	// Audiences are the client ids that a token may be for. A token with azp
	// must name one of them there, and in aud too; one without must have a
	// single audience.
	Audiences []string
	// Algorithms are those that a token may be signed with; see Supported.
	Algorithms []string
	// TokenUse is the value that token_use must have; empty if the issuer's
	// tokens have no such claim.
	TokenUse string
	// MaxBytes is how long a token may be; zero means 16 KiB.
	MaxBytes int
	// Skew is how far the issuer's clock may be from ours, at most MaxSkew.
	Skew time.Duration
	// AllowNoAudience takes a token without aud if its client_id is one of
	// Audiences. Only access tokens of user pools are like that.
	AllowNoAudience bool
}

const (
	// MaxSkew bounds the difference of clocks. Source: identity-protocol §1.5.
	MaxSkew = 5 * time.Minute
	// DefaultBytes is how long a token may be if Expect does not say.
	DefaultBytes = 16 << 10
	// MaxSubject is how many bytes sub may have.
	MaxSubject = 255
)

// Verify returns the claims of a token that keys and e vouch for at now. Claims
// are not even decoded before the signature has been verified, over the very
// bytes that they are then decoded from. Errors wrap one of the errors of this
// package. It may be called by any number of goroutines. Source:
// identity-protocol §1.5.
func Verify(ctx context.Context, token string, keys Keys, e *Expect, now time.Time) (Claims, error) {
	t, err := split(token, e.MaxBytes)
	if err != nil {
		return nil, err
	}
	h, err := e.header(t.header)
	if err != nil {
		return nil, err
	}
	key, err := keys.Key(ctx, h.kid, h.alg)
	if err != nil {
		return nil, keyError(err)
	}
	if !fits(key, h.alg) {
		return nil, fmt.Errorf("%w: key does not fit %s", ErrSignature, h.alg)
	}
	if methods[h.alg].Verify(t.signed, t.signature, key) != nil {
		return nil, ErrSignature
	}
	return e.claims(t.payload, now)
}

// keyError makes sure that an error of a foreign Keys is one of ours.
func keyError(err error) error {
	if errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// parts are those of a token in compact form (RFC 7515 §7.1).
type parts struct {
	signed                     string // what the signature is over
	header, payload, signature []byte
}

func split(token string, limit int) (parts, error) {
	if limit == 0 {
		limit = DefaultBytes
	}
	if len(token) > limit {
		return parts{}, malformed("longer than %d bytes", limit)
	}
	if strings.Count(token, ".") != 2 {
		return parts{}, malformed("not three parts")
	}
	last := strings.LastIndexByte(token, '.')
	t := parts{signed: token[:last]}
	header, payload, _ := strings.Cut(t.signed, ".")
	for _, s := range []struct {
		text string
		to   *[]byte
	}{{header, &t.header}, {payload, &t.payload}, {token[last+1:], &t.signature}} {
		b, err := decodeSegment(s.text)
		if err != nil {
			return parts{}, err
		}
		*s.to = b
	}
	return t, nil
}

var segments = base64.RawURLEncoding.Strict()

// decodeSegment decodes base64url without padding, in its one canonical form.
// encoding/base64 would skip line breaks.
func decodeSegment(text string) ([]byte, error) {
	if text == "" {
		return nil, malformed("empty part")
	}
	if strings.ContainsAny(text, "\r\n") {
		return nil, malformed("line break in base64url")
	}
	b, err := segments.DecodeString(text)
	if err != nil {
		return nil, malformed("not base64url")
	}
	return b, nil
}

// header is what the header of a token says that we listen to. Keys and
// addresses in it (jwk, jku, x5c, x5u) are not read.
type header struct{ kid, alg string }

func (e *Expect) header(src []byte) (header, error) {
	object, err := strictjson.Object(src, strictjson.Limits{})
	if err != nil {
		return header{}, malformed("header: %v", err)
	}
	for _, name := range []string{"crit", "b64", "zip", "enc", "cty"} {
		if _, given := object[name]; given {
			return header{}, malformed("header: %s is not taken", name)
		}
	}
	members := Claims(object)
	alg, ok := members.String("alg")
	if !ok || !Supported(alg) || !slices.Contains(e.Algorithms, alg) {
		return header{}, fmt.Errorf("%w: algorithm not allowed", ErrSignature)
	}
	if err := e.tokenType(members); err != nil {
		return header{}, err
	}
	kid, ok := members.String("kid")
	if !ok || len(kid) > maxKeyID {
		return header{}, malformed("header: kid must be a string of 1 to %d bytes", maxKeyID)
	}
	return header{kid, alg}, nil
}

// tokenType refuses a token that says it is of another sort, such as an access
// token or a logout token (RFC 8725 §3.11).
func (e *Expect) tokenType(members Claims) error {
	if _, given := members["typ"]; !given {
		return nil
	}
	typ, _ := members.String("typ")
	switch strings.ToLower(typ) {
	case "jwt", "jws":
		return nil
	case "at+jwt":
		if e.AllowNoAudience {
			return nil
		}
	}
	return fmt.Errorf("%w: typ", ErrTokenUse)
}

// claims reads a payload whose signature has been verified.
func (e *Expect) claims(payload []byte, now time.Time) (Claims, error) {
	c, err := strictjson.Object(payload, strictjson.Limits{})
	if err != nil {
		return nil, malformed("claims: %v", err)
	}
	for _, check := range []func(Claims) error{
		e.issuer, e.audience, e.tokenUse, func(c Claims) error { return e.times(c, now) }, subject,
	} {
		if err := check(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (e *Expect) issuer(c Claims) error {
	issuer, err := required(c, "iss")
	if err == nil && !slices.Contains(e.Issuers, issuer) {
		err = ErrIssuer
	}
	return err
}

// audience wants a single aud, or an azp that says which of several is meant:
// a token that was made for somebody else too is worth nothing here, unless its
// issuer says that it was given to us. Source: identity-protocol §1.5 (6),
// OpenID Connect Core §3.1.3.7.
func (e *Expect) audience(c Claims) error {
	if _, given := c["aud"]; !given && e.AllowNoAudience {
		return e.client(c, "client_id")
	}
	if _, given := c["aud"]; !given {
		return &MissingClaimError{"aud"}
	}
	audiences, ok := c.Strings("aud")
	if !ok {
		return malformed("aud must be a string or an array of strings")
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return a != "" && slices.Contains(e.Audiences, a) }) {
		return ErrAudience
	}
	if _, given := c["azp"]; given {
		return e.client(c, "azp")
	}
	if len(audiences) != 1 {
		return fmt.Errorf("%w: several audiences without azp", ErrAudience)
	}
	return nil
}

func (e *Expect) client(c Claims, name string) error {
	id, err := required(c, name)
	if err == nil && !slices.Contains(e.Audiences, id) {
		err = ErrAudience
	}
	return err
}

func (e *Expect) tokenUse(c Claims) error {
	if e.TokenUse == "" {
		return nil
	}
	use, err := required(c, "token_use")
	if err == nil && use != e.TokenUse {
		err = ErrTokenUse
	}
	return err
}

// times allows for the clock of an issuer. Replicas of one deployment, whose
// Skew is zero, may still differ by MaxSkew when they say when a token was
// made, since nothing hangs on that.
func (e *Expect) times(c Claims, now time.Time) error {
	skew := min(max(e.Skew, 0), MaxSkew)
	if _, given := c["exp"]; !given {
		return &MissingClaimError{"exp"}
	}
	exp, ok := c.Time("exp")
	if !ok {
		return malformed("exp is no time")
	}
	if !now.Before(exp.Add(skew)) {
		return &ExpiredError{Now: now, Exp: exp}
	}
	if err := notAfter(c, "nbf", now.Add(skew)); err != nil {
		return err
	}
	return notAfter(c, "iat", now.Add(MaxSkew))
}

func notAfter(c Claims, name string, latest time.Time) error {
	if _, given := c[name]; !given {
		return nil
	}
	at, ok := c.Time(name)
	if !ok {
		return malformed("%s is no time", name)
	}
	if at.After(latest) {
		return fmt.Errorf("%w: %s", ErrNotYet, name)
	}
	return nil
}

func subject(c Claims) error {
	sub, err := required(c, "sub")
	if err != nil {
		return err
	}
	if len(sub) > MaxSubject || strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return malformed("sub must be 1 to %d bytes without control characters", MaxSubject)
	}
	return nil
}

// required returns a claim that must be a string and not empty.
func required(c Claims, name string) (string, error) {
	if _, given := c[name]; !given {
		return "", &MissingClaimError{name}
	}
	s, ok := c.String(name)
	if !ok {
		return "", malformed("%s must be a string that is not empty", name)
	}
	return s, nil
}
