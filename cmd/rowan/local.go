package main

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// localOptions say what the pools of a bundle work with inside this process.
type localOptions struct {
	bundle *bundle.Bundle
	store  identity.Store
	// sealing is for session tokens, storage for what the store keeps.
	sealing, storage *identity.Keyring
	// issuer begins the issuers of our own tokens.
	issuer string
	sender userpool.Sender
	// foreign finds the keys of an issuer that is not ours.
	foreign func(*identity.OIDCProvider) (oidc.Keys, error)
	now     func() time.Time
}

// local holds the pools of a bundle in this process, without a server.
type local struct {
	bundle  *bundle.Bundle
	store   identity.Store
	account *identity.Account
	users   *userpool.Directory
	pools   *identity.Pools
}

func newLocal(ctx context.Context, o localOptions) (*local, error) {
	account, err := o.bundle.IdentityAccount()
	if err != nil {
		return nil, err
	}
	l := &local{bundle: o.bundle, store: o.store, account: account}
	configs := o.bundle.UserPoolConfigs()
	l.users, err = userpool.New(ctx, configs, userpool.Options{
		Store: o.store, Storage: o.storage, Sessions: o.sealing, Sender: o.sender, Secrets: unknownSecrets(configs),
		Now: o.now, Random: rand.Reader,
		Issuer: func(poolID string) string { return strings.TrimSuffix(o.issuer, "/") + "/" + poolID },
	})
	if err != nil {
		return nil, err
	}
	verifiers, err := l.verifiers(&o)
	if err != nil {
		return nil, err
	}
	l.pools, err = identity.New(ctx, identity.Options{
		Account: account, Store: o.store, Sessions: o.sealing, Storage: o.storage, Verifiers: verifiers, Issuer: o.issuer,
		Now: o.now, Random: rand.Reader,
	})
	return l, err
}

// unknownSecrets gives the clients that have a secret one that nobody knows:
// the real ones are rowan serve's, and no call of a client comes here.
func unknownSecrets(configs []userpool.Config) map[string]identity.Secret {
	out := map[string]identity.Secret{}
	for i := range configs {
		for _, c := range configs[i].Clients {
			if c.HasSecret {
				out[c.ID] = identity.NewSecret([]byte(rand.Text()))
			}
		}
	}
	return out
}

// verifiers of every provider of the account and its pools.
func (l *local) verifiers(o *localOptions) (map[string]identity.Verifier, error) {
	out := map[string]identity.Verifier{}
	for _, pool := range o.bundle.IdentityPools {
		for _, p := range pool.Providers {
			if out[p.Name] != nil {
				continue
			}
			v, err := l.verifier(o, p.Name, p.Kind)
			if err != nil {
				return nil, err
			}
			out[p.Name] = v
		}
	}
	for _, p := range o.bundle.Providers {
		switch {
		case p.OIDC != nil && out[p.OIDC.Name] == nil:
			v, err := l.verifier(o, p.OIDC.Name, identity.OpenIDProvider)
			if err != nil {
				return nil, err
			}
			out[p.OIDC.Name] = v
		case p.SAML != nil:
			out[p.SAML.ARN] = unverified{}
		}
	}
	return out, nil
}

func (l *local) verifier(o *localOptions, name string, kind identity.ProviderKind) (identity.Verifier, error) {
	_, id, _ := strings.Cut(name, "/")
	switch {
	case kind == identity.UserPoolProvider && ownPool(o.bundle, id):
		return l.users.Verifier(id, name), nil
	case kind == identity.UserPoolProvider:
		keys, err := o.foreign(l.account.Issuer(name))
		if err != nil {
			return nil, err
		}
		return identity.NewUserPoolVerifier(name, "https://"+name, keys, o.now)
	case kind == identity.SAML2Provider || name == "graph.facebook.com":
		return unverified{}, nil
	}
	issuer := l.account.Issuer(name)
	keys, err := o.foreign(issuer)
	if err != nil {
		return nil, err
	}
	return identity.NewOIDCVerifier(issuer, keys, o.now, 5*time.Minute)
}

func ownPool(b *bundle.Bundle, id string) bool {
	return slices.ContainsFunc(b.UserPools, func(u *bundle.UserPool) bool { return u.ID == id })
}

// unverified is a provider whose logins only rowan serve can verify: it has the
// secret of the app, or remembers assertions.
type unverified struct{}

// Verify refuses every login.
func (unverified) Verify(context.Context, string, []string) (*identity.Login, error) {
	return nil, identity.Errorf(identity.NotAuthorized, "Logins of this provider are verified by rowan serve alone: ask it with --endpoint.")
}
