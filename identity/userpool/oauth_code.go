package userpool

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// authCodeLife is how long a code may be redeemed. Source: identity-protocol
// §2.1.
const authCodeLife = 5 * time.Minute

// authCode is the record of an authorization code, found by its hash. What it
// gives was settled when the user signed in.
type authCode struct {
	Sub       string `json:"sub"`
	Client    string `json:"client"`
	Redirect  string `json:"redirect"`
	Challenge string `json:"challenge"`
	Scope     string `json:"scope"`
	Nonce     string `json:"nonce,omitempty"`
	// AuthTime, MFA and Epoch are those of the sign-in.
	AuthTime time.Time `json:"authTime"`
	MFA      bool      `json:"mfa,omitempty"`
	Epoch    int       `json:"epoch"`
	Expires  time.Time `json:"expires"`
	// Used says that somebody presented the code, rightly or not; Origin is the
	// sign-in that it gave, if rightly.
	Used   bool   `json:"used,omitempty"`
	Origin string `json:"origin,omitempty"`
}

// issueAuthCode makes the code that a sign-in on the hosted page ends with: 256
// random bits, of which only the hash is kept.
func (d *Directory) issueAuthCode(tx identity.Tx, s *signIn) (Sensitive, error) {
	text, err := d.bearer()
	if err != nil {
		return "", err
	}
	a, now := s.by.page, d.now()
	k := authCode{
		Sub: s.user.Sub, Client: s.client.ID, Redirect: a.redirect, Challenge: a.challenge,
		Scope: strings.Join(a.scopes, " "), Nonce: a.nonce,
		AuthTime: now, MFA: s.mfa, Epoch: s.user.Epoch, Expires: now.Add(authCodeLife),
	}
	return Sensitive(text), put(tx, kindAuthCode, s.client.pool.key(bearerHash(text)), k, k.Expires)
}

func errGrant(description string) error { return oauthError(oauthInvalidGrant, description) }

// redeemAuthCode turns a code into a sign-in. Whoever presents a code uses it
// up, whether or not it is theirs; when it comes again, what it gave is revoked,
// since one of the two had stolen it. Source: RFC 6749 §4.1.2, §10.5; RFC 7636
// §4.6. That is remembered as long as the first access token lasts.
func (d *Directory) redeemAuthCode(tx identity.Tx, c *client, form url.Values) (*grant, error) {
	p := c.pool
	key := p.key(bearerHash(one(form, "code")))
	k := new(authCode)
	err := get(tx, kindAuthCode, key, k)
	if errors.Is(err, identity.ErrNoRecord) {
		return nil, errGrant("The code is unknown or has expired.")
	}
	if err != nil {
		return nil, err
	}
	if k.Used {
		return nil, d.codeTheft(tx, k)
	}
	k.Used = true
	g, refusal := d.openAuthCode(tx, c, k, form)
	if refusal != nil && !isOAuth(refusal) {
		return nil, refusal
	}
	if refusal == nil {
		k.Origin = g.origin
	}
	if err := put(tx, kindAuthCode, key, k, d.now().Add(max(authCodeLife, c.AccessTokenLife))); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, keep(refusal)
	}
	return g, nil
}

func isOAuth(err error) bool {
	_, ok := errors.AsType[*OAuthError](err)
	return ok
}

// openAuthCode begins the sign-in of a code that was not used before, or says
// why the code is not good.
func (d *Directory) openAuthCode(tx identity.Tx, c *client, k *authCode, form url.Values) (*grant, error) {
	switch {
	case !d.now().Before(k.Expires):
		return nil, errGrant("The code is unknown or has expired.")
	case k.Client != c.ID:
		return nil, errGrant("The code is another client's.")
	case k.Redirect != one(form, "redirect_uri"):
		return nil, errGrant("The redirect_uri is not that of the authorization request.")
	case !proves(one(form, "code_verifier"), k.Challenge):
		return nil, errGrant("The code_verifier does not fit the code_challenge.")
	}
	u, err := c.pool.load(tx, k.Sub)
	if errors.Is(err, errNoUser) || err == nil && (u.Epoch != k.Epoch || !u.Enabled || u.Status != statusReady) {
		return nil, errGrant("The sign-in has ended.")
	}
	if err != nil {
		return nil, err
	}
	g, err := d.begin(tx, c, u, family{AuthTime: k.AuthTime, MFA: k.MFA, Epoch: k.Epoch, Scope: k.Scope, OAuth: true})
	if err != nil {
		return nil, err
	}
	g.nonce = k.Nonce
	return g, nil
}

// proves reports whether a verifier is the one that the challenge was made of.
// Source: RFC 7636 §4.1, §4.6.
func proves(verifier, challenge string) bool {
	unreserved := func(r rune) bool { return word(r) || strings.ContainsRune("-.~", r) }
	if len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, func(r rune) bool { return !unreserved(r) }) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}

// codeTheft ends the sign-in that a code gave when it came first.
func (d *Directory) codeTheft(tx identity.Tx, k *authCode) error {
	used := errGrant("The code was used before; what it gave is revoked.")
	c := d.clients[k.Client]
	if k.Origin == "" || c == nil {
		return used
	}
	fam := new(family)
	err := get(tx, kindFamily, c.pool.key(k.Sub, k.Origin), fam)
	if errors.Is(err, identity.ErrNoRecord) {
		return used
	}
	if err != nil {
		return err
	}
	if err := d.revoke(tx, c, k.Sub, k.Origin, fam); err != nil {
		return err
	}
	return keep(used)
}
