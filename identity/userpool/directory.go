package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// Options are what the user pools of a deployment need from outside. All but
// Secrets, Log and HashParams must be there.
type Options struct {
	// Store keeps users, codes and refresh tokens.
	Store identity.Store
	// Storage seals what is at rest: signing keys, SRP verifiers, TOTP secrets.
	// Its keys must stay as long as the users do. Sessions seals what clients
	// hold for minutes, and may rotate.
	Storage, Sessions *identity.Keyring
	// Sender delivers codes and invitations.
	Sender Sender
	// Secrets are the clients' secrets, by client id.
	Secrets map[string]identity.Secret
	// Issuer gives the iss of a pool's tokens: a URL that serves its keys.
	Issuer func(poolID string) string
	Now    func() time.Time
	// Random is crypto/rand.Reader but for tests.
	Random io.Reader
	// Log gets what clients may not see; nil discards it.
	Log *slog.Logger
	// Active is told of every user who was made, changed or looked up by an
	// administrator, signed up or in, got new tokens, or has a new password or new
	// attributes; nil is nobody. It must not wait.
	// Source: Amazon Cognito pricing, "monthly active users".
	Active func(poolID, sub string)
	// HashParams are argon2id's; nil means 19 MiB and 2 passes.
	HashParams *argon2id.Params
	// Before is the Directory that this one takes the place of when a new bundle
	// does; nil at first. Both hash passwords within one bound.
	Before *Directory
}

// Directory holds the user pools of a deployment. It may be shared, and so may
// its Store by several processes: everything that it must remember is there.
type Directory struct {
	store             identity.Store
	storage, sessions *identity.Keyring
	sender            Sender
	now               func() time.Time
	random            io.Reader
	log               *slog.Logger
	active            func(poolID, sub string)
	params            *argon2id.Params
	// dummy is the hash of a password that nobody has.
	dummy string
	*hashing

	pools   map[string]*pool
	ids     []string // of the pools, sorted
	clients map[string]*client
}

// hashing bounds how many passwords are hashed at once, and how many wait.
type hashing struct {
	work    chan struct{}
	waiting atomic.Int64
}

// pool is a user pool that is in service.
type pool struct {
	*Config
	issuer, srpName  string
	idKey, accessKey oidc.SigningKey
	// keys is what is published; idKeys and accessKeys take tokens of one sort
	// each.
	keys, idKeys, accessKeys *oidc.KeySet
	schema                   map[string]AttributeConfig
	clients                  []*client
}

// client is an app client that is in service.
type client struct {
	*ClientConfig
	pool   *pool
	secret identity.Secret
}

// New puts user pools into service. It refuses a configuration that it cannot
// honour, a client that should have a secret and has none, and a client id that
// is there twice. It makes the signing keys of new pools, which takes a second
// each.
func New(ctx context.Context, configs []Config, o Options) (*Directory, error) {
	if o.Store == nil || o.Storage == nil || o.Sessions == nil || o.Sender == nil || o.Issuer == nil || o.Now == nil || o.Random == nil {
		return nil, errors.New("user pools need a store, keyrings, a sender, an issuer, a clock and randomness")
	}
	d := &Directory{
		store: o.Store, storage: o.Storage, sessions: o.Sessions, sender: o.Sender,
		now: o.Now, random: o.Random, log: o.Log, active: o.Active, params: o.HashParams,
		hashing: &hashing{work: make(chan struct{}, workSlots())},
		pools:   map[string]*pool{}, clients: map[string]*client{},
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.active == nil {
		d.active = func(string, string) {}
	}
	if d.params == nil {
		d.params = &defaultHash
	}
	if o.Before != nil && o.Before.params == d.params {
		d.hashing, d.dummy = o.Before.hashing, o.Before.dummy
	} else if err := d.makeDummy(); err != nil {
		return nil, err
	}
	for i := range configs {
		if err := d.add(ctx, configs[i], &o); err != nil {
			return nil, fmt.Errorf("user pool %q: %w", configs[i].ID, err)
		}
	}
	d.ids = slices.Sorted(maps.Keys(d.pools))
	return d, nil
}

func (d *Directory) makeDummy() error {
	password, err := d.token(16)
	if err != nil {
		return err
	}
	d.dummy, err = argon2id.CreateHash(password, d.params)
	return err
}

// add puts one pool into service.
func (d *Directory) add(ctx context.Context, c Config, o *Options) error {
	if err := c.settle(); err != nil {
		return err
	}
	p := &pool{Config: &c, issuer: o.Issuer(c.ID), srpName: srpPoolName(c.ID), schema: c.schema()}
	if d.pools[p.ID] != nil {
		return errors.New("there twice")
	}
	if p.issuer == "" {
		return errors.New("no issuer")
	}
	if err := d.addClients(p, o.Secrets); err != nil {
		return err
	}
	keys, err := identity.LoadSigningKeys(ctx, o.Store, o.Storage, "userpool/"+p.ID, 2, "RS256", o.Random, o.Now())
	if err != nil {
		return err
	}
	if len(keys) != 2 || keys[0].ID == keys[1].ID {
		return errors.New("signing keys: want two with ids of their own")
	}
	p.idKey, p.accessKey = keys[0], keys[1]
	p.idKeys, p.accessKeys = oidc.NewKeySet(keys[0].Public()), oidc.NewKeySet(keys[1].Public())
	p.keys = oidc.NewKeySet(keys[0].Public(), keys[1].Public())
	d.pools[p.ID] = p
	return nil
}

func (d *Directory) addClients(p *pool, secrets map[string]identity.Secret) error {
	for i := range p.Clients {
		c := &client{ClientConfig: &p.Clients[i], pool: p}
		if d.clients[c.ID] != nil {
			return fmt.Errorf("client %q: there twice", c.ID)
		}
		if err := c.settle(p); err != nil {
			return fmt.Errorf("client %q: %w", c.ID, err)
		}
		if c.HasSecret {
			c.secret = secrets[c.ID]
			if n := len(c.secret.Reveal()); n < 24 || n > 64 {
				return fmt.Errorf("client %q: wants a secret of 24 to 64 characters, has one of %d", c.ID, n)
			}
		}
		d.clients[c.ID] = c
		p.clients = append(p.clients, c)
	}
	return nil
}

// KeySet returns the public keys of a pool, for its JWKS document.
func (d *Directory) KeySet(poolID string) (*oidc.KeySet, bool) {
	p, ok := d.pools[poolID]
	if !ok {
		return nil, false
	}
	return p.keys, true
}

// pool returns a pool by its id, or ResourceNotFound.
func (d *Directory) pool(id string) (*pool, error) {
	var f faults
	f.text("userPoolId", id, poolIDRule)
	if err := f.err(); err != nil {
		return nil, err
	}
	p, ok := d.pools[id]
	if !ok {
		return nil, identity.Errorf(identity.ResourceNotFound, "User pool %s does not exist.", id)
	}
	return p, nil
}

// client returns a client by its id, or ResourceNotFound.
func (d *Directory) client(id string) (*client, error) {
	c, ok := d.clients[id]
	if !ok || clientIDRule.broken(id) != "" {
		return nil, errUnknownClient(id)
	}
	return c, nil
}

func errUnknownClient(id string) error {
	return identity.Errorf(identity.ResourceNotFound, "User pool client %s does not exist.", id)
}

// poolClient returns a client of one pool.
func (d *Directory) poolClient(poolID, clientID string) (*client, error) {
	p, err := d.pool(poolID)
	if err != nil {
		return nil, err
	}
	c, err := d.client(clientID)
	if err != nil {
		return nil, err
	}
	if c.pool != p {
		return nil, errUnknownClient(clientID)
	}
	return c, nil
}

// key joins the parts of a record's key. A pool's id has no slash, and of the
// parts only the last may have one.
func (p *pool) key(parts ...string) string { return p.ID + "/" + strings.Join(parts, "/") }

// aad is what a sealed text at rest is bound to.
func (p *pool) aad(what, sub string) []byte { return []byte(p.key(what, sub)) }

// byEmail reports whether users of the pool sign in with their address and
// have their sub as user name.
func (p *pool) byEmail() bool { return slices.Contains(p.UsernameAttributes, attrEmail) }

// verifiesEmail reports whether addresses are verified by a code.
func (p *pool) verifiesEmail() bool { return slices.Contains(p.AutoVerified, attrEmail) }

// group returns a group of the pool.
func (p *pool) group(name string) (*GroupConfig, bool) {
	i := slices.IndexFunc(p.Groups, func(g GroupConfig) bool { return g.Name == name })
	if i < 0 {
		return nil, false
	}
	return &p.Groups[i], true
}
