package userpool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Kinds of records.
const (
	kindUser     = "user"        // pool/sub → user; group is the pool
	kindName     = "username"    // pool/normal name → nameRecord
	kindFamily   = "userfamily"  // pool/sub/origin_jti → family
	kindRefresh  = "refresh"     // pool/hash → refreshToken
	kindAuthCode = "authcode"    // pool/hash → authCode
	kindCode     = "code"        // pool/purpose/subject → code
	kindAttempts = "attempts"    // pool/what/subject → attempts
	kindNonce    = "nonce"       // pool/nonce: a session or block that was used
	statusNew    = "UNCONFIRMED" // signed up, not confirmed
	statusReady  = "CONFIRMED"   // may sign in
	statusReset  = "RESET_REQUIRED"
	statusForce  = "FORCE_CHANGE_PASSWORD"
)

// user is the record of a user. What is secret in it is hashed or sealed.
type user struct {
	Sub string `json:"sub"`
	// Username is the normal form of the name; the sub where users sign in
	// with their address. It never changes: SRP verifiers hold it.
	Username string    `json:"username"`
	Status   string    `json:"status"`
	Enabled  bool      `json:"enabled"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	// Attributes are sorted by name and hold no sub.
	Attributes []Attribute `json:"attributes,omitempty"`
	Password   *credential `json:"password,omitempty"`
	// Temporary is until when an administrator's password is good.
	Temporary time.Time `json:"temporary,omitzero"`
	TOTP      *totp     `json:"totp,omitempty"`
	// Pending is a sealed TOTP secret that no code has proven yet.
	Pending []byte   `json:"pending,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	// Epoch counts the events that end all sign-ins before them; SignedOut is
	// when the last one was.
	Epoch     int       `json:"epoch"`
	SignedOut time.Time `json:"signedOut,omitzero"`
	// Known are pseudonyms of the addresses that the user signed in from last.
	Known []string `json:"known,omitempty"`
}

// nameRecord says whose a name is, and what sort of name it is: "username" or
// an attribute.
type nameRecord struct {
	Sub string `json:"sub"`
	As  string `json:"as"`
}

// attribute returns the value of an attribute, "" if there is none.
func (u *user) attribute(name string) string {
	if name == attrSub {
		return u.Sub
	}
	if i := slices.IndexFunc(u.Attributes, func(a Attribute) bool { return a.Name == name }); i >= 0 {
		return u.Attributes[i].Value
	}
	return ""
}

// set gives an attribute a value; "" removes it.
func (u *user) set(name, value string) {
	u.Attributes = slices.DeleteFunc(slices.Clone(u.Attributes), func(a Attribute) bool { return a.Name == name })
	if value == "" {
		return
	}
	i, _ := slices.BinarySearchFunc(u.Attributes, name, func(a Attribute, n string) int { return compare(a.Name, n) })
	u.Attributes = slices.Insert(u.Attributes, i, Attribute{name, value})
}

// endSignIns revokes every sign-in of the user so far.
func (u *user) endSignIns(now time.Time) {
	u.Epoch++
	u.SignedOut = now
}

// verified reports whether the address of the user is proven.
func (u *user) verified(name string) bool { return u.attribute(name+"_verified") == "true" }

// name is a name that leads to a user.
type name struct{ text, as string }

// names returns all that lead to u. Source: identity-protocol §2.2; an alias
// leads to a user only once it is verified (§6.3, "Alias hijack").
func (p *pool) names(u *user) []name {
	out := []name{{u.Username, nameUsername}}
	add := func(attribute string) {
		text, ok := normal(u.attribute(attribute))
		if ok && !slices.ContainsFunc(out, func(n name) bool { return n.text == text }) {
			out = append(out, name{text, attribute})
		}
	}
	if p.byEmail() || slices.Contains(p.AliasAttributes, attrEmail) && u.verified(attrEmail) {
		add(attrEmail)
	}
	if slices.Contains(p.AliasAttributes, attrPreferredUsername) {
		add(attrPreferredUsername)
	}
	return out
}

const nameUsername = "username"

// errNoUser means that no user has the name; wire errors are made of it where
// they are known to be right.
var errNoUser = errors.New("no such user")

// find returns the user that a name leads to. It wraps errNoUser.
func (p *pool) find(tx identity.Tx, typed string) (*user, error) {
	text, ok := normal(typed)
	if !ok {
		return nil, errNoUser
	}
	var n nameRecord
	if err := get(tx, kindName, p.key(text), &n); err != nil {
		return nil, noUser(err)
	}
	return p.load(tx, n.Sub)
}

// load returns the user with a sub. It wraps errNoUser.
func (p *pool) load(tx identity.Tx, sub string) (*user, error) {
	u := new(user)
	if err := get(tx, kindUser, p.key(sub), u); err != nil {
		return nil, noUser(err)
	}
	return u, nil
}

func noUser(err error) error {
	if errors.Is(err, identity.ErrNoRecord) {
		return errNoUser
	}
	return err
}

// takenError means that a name leads to somebody else.
type takenError struct{ name }

func (e takenError) Error() string { return "name taken as " + e.as }

// insert writes a new user. It wraps takenError.
func (p *pool) insert(tx identity.Tx, u *user, force bool) error {
	if err := p.claim(tx, u, nil, force); err != nil {
		return err
	}
	r, err := p.record(u)
	if err != nil {
		return err
	}
	return tx.Insert(r)
}

// save writes a user that was old before, with the names that lead to it. It
// wraps takenError. force takes a verified address away from another user:
// only for somebody who has just proven to own it.
func (p *pool) save(tx identity.Tx, old, u *user, force bool) error {
	if err := p.claim(tx, u, p.names(old), force); err != nil {
		return err
	}
	r, err := p.record(u)
	if err != nil {
		return err
	}
	return tx.Put(r)
}

func (p *pool) record(u *user) (identity.Record, error) {
	value, err := json.Marshal(u)
	if len(value) > identity.MaxRecord {
		return identity.Record{}, invalid("The attributes of the user are too long together.")
	}
	return identity.Record{Kind: kindUser, Key: p.key(u.Sub), Group: p.ID, Value: value}, err
}

// claim makes the names of u lead to it, and those it had before to nobody.
func (p *pool) claim(tx identity.Tx, u *user, had []name, force bool) error {
	names := p.names(u)
	for _, n := range had {
		if !slices.Contains(names, n) {
			if err := tx.Delete(kindName, p.key(n.text)); err != nil {
				return err
			}
		}
	}
	for _, n := range names {
		if slices.Contains(had, n) {
			continue
		}
		if err := p.free(tx, n, u); err != nil {
			return err
		}
		if err := p.evict(tx, n, u, force); err != nil {
			return err
		}
		if err := put(tx, kindName, p.key(n.text), nameRecord{u.Sub, n.as}, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// free refuses a name that is the sub of another user: policies and
// administrators may speak of either.
func (p *pool) free(tx identity.Tx, n name, u *user) error {
	if n.text == u.Sub || !uuidLike(n.text) {
		return nil
	}
	if _, err := p.load(tx, n.text); !errors.Is(err, errNoUser) {
		return cmp.Or(err, error(takenError{n}))
	}
	return nil
}

// evict sees to it that a name leads to nobody but u. An address is only taken
// from another user if it is the very one: that of u may be another mailbox
// with the same normal form, and nobody has proven to own both.
func (p *pool) evict(tx identity.Tx, n name, u *user, force bool) error {
	var held nameRecord
	err := get(tx, kindName, p.key(n.text), &held)
	if errors.Is(err, identity.ErrNoRecord) || err == nil && held.Sub == u.Sub {
		return nil
	}
	if err != nil {
		return err
	}
	if !force || n.as != attrEmail || held.As != attrEmail || p.byEmail() {
		return takenError{n}
	}
	loser, err := p.load(tx, held.Sub)
	if err != nil {
		return err
	}
	if lowerASCII(loser.attribute(attrEmail)) != lowerASCII(u.attribute(attrEmail)) {
		return takenError{n}
	}
	was := *loser
	loser.set(attrEmailVerified, "false")
	return p.save(tx, &was, loser, false)
}

// remove deletes a user with its names. What else there is of it refers to the
// sub, which never comes again.
func (p *pool) remove(tx identity.Tx, u *user) error {
	for _, n := range p.names(u) {
		if err := tx.Delete(kindName, p.key(n.text)); err != nil {
			return err
		}
	}
	return tx.Delete(kindUser, p.key(u.Sub))
}

// get reads the JSON value of a record.
func get(tx identity.Tx, kind, key string, v any) error {
	r, err := tx.Get(kind, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.Value, v); err != nil {
		return fmt.Errorf("%s %s: %w", kind, key, err)
	}
	return nil
}

// put writes a record with a JSON value.
func put(tx identity.Tx, kind, key string, v any, expires time.Time) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, key, err)
	}
	return tx.Put(identity.Record{Kind: kind, Key: key, Value: value, Expires: expires.Truncate(time.Microsecond)})
}
