package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/identity"
)

// identitiesCommand is `rowan identities`.
type identitiesCommand struct {
	Lookup lookupCommand `cmd:"" help:"Find the identity of a login, or the logins of an identity."`
}

// lookupCommand is `rowan identities lookup`.
type lookupCommand struct {
	Sub      string `placeholder:"SUBJECT" help:"Find the identity of this sub, as the provider calls its user."`
	Provider string `placeholder:"KEY" help:"With --sub: the provider, as pools call it; without it the only one of the pool, or the only user pool of the bundle."`
	Pool     string `placeholder:"POOL" help:"With --sub: the identity pool, by name or id, if there are several."`
	Identity string `placeholder:"ID" help:"Find the logins of this identity."`
	operatorFlags
}

// Help describes the command.
func (*lookupCommand) Help() string {
	return `Exit status: 0 found, 1 there is none, 2 the question cannot be asked.

Examples:

    rowan identities lookup --sub 7d3f0c1e-… --endpoint https://rowan.example
    rowan identities lookup --identity us-east-1:6f1b2c1e-… --store sqlite:rowan.db --keys keys.json --url https://rowan.example`
}

// identityAnswer is an identity with its logins, for operators.
type identityAnswer struct {
	IdentityID string          `json:"identityId"`
	Pool       string          `json:"pool"`
	Created    identity.Epoch  `json:"created"`
	Modified   identity.Epoch  `json:"modified"`
	Links      []identity.Link `json:"links"`
	// Disabled says that the identity was merged, into MergedInto.
	Disabled   bool   `json:"disabled,omitempty"`
	MergedInto string `json:"mergedInto,omitempty"`
}

// Run finds an identity.
func (l *lookupCommand) Run(c *console) error {
	if (l.Sub == "") == (l.Identity == "") {
		return errors.New("want --sub or --identity")
	}
	b, err := l.load()
	if err != nil {
		return c.unloadable(err)
	}
	return l.ask(c, b, func(ctx context.Context, q questions) error {
		a, err := l.find(ctx, b, q)
		var refusal *identity.Error
		if errors.As(err, &refusal) && refusal.Code == identity.ResourceNotFound {
			c.raise(exitUnmet)
			c.say("%s", refusal.Message)
			return nil
		}
		if err != nil {
			return err
		}
		if c.format == "json" {
			return c.encode(a)
		}
		return c.printIdentity(a)
	})
}

func (l *lookupCommand) find(ctx context.Context, b *bundle.Bundle, q questions) (*identityAnswer, error) {
	if l.Identity != "" {
		return q.describe(ctx, l.Identity)
	}
	pool, err := poolOf(b, l.Pool)
	if err != nil {
		return nil, err
	}
	provider := l.Provider
	if provider == "" {
		if provider, err = providerOf(b, pool); err != nil {
			return nil, err
		}
	}
	return q.lookup(ctx, pool.ID, provider, l.Sub)
}

// poolOf finds an identity pool by its name or id.
func poolOf(b *bundle.Bundle, name string) (*bundle.IdentityPool, error) {
	if name == "" && len(b.IdentityPools) == 1 {
		return b.IdentityPools[0], nil
	}
	if name == "" {
		return nil, fmt.Errorf("the bundle has %d identity pools: say which with --pool", len(b.IdentityPools))
	}
	i := slices.IndexFunc(b.IdentityPools, func(p *bundle.IdentityPool) bool { return p.Name == name || p.ID == name })
	if i < 0 {
		return nil, fmt.Errorf("the bundle has no identity pool %q", name)
	}
	return b.IdentityPools[i], nil
}

// providerOf finds the provider that goes without saying.
func providerOf(b *bundle.Bundle, pool *bundle.IdentityPool) (string, error) {
	if len(pool.Providers) == 1 && pool.DeveloperProvider == "" {
		return pool.Providers[0].Name, nil
	}
	var own []string
	for i := range pool.Providers {
		if ownPool(b, userPoolID(&pool.Providers[i])) {
			own = append(own, pool.Providers[i].Name)
		}
	}
	if len(own) != 1 {
		return "", fmt.Errorf("the pool %s has several providers: say which with --provider", pool.Name)
	}
	return own[0], nil
}

func (c *console) printIdentity(a *identityAnswer) error {
	c.printf("identity  %s\npool      %s\ncreated   %s\n", plain(a.IdentityID), plain(a.Pool), when(a.Created))
	if a.Disabled {
		c.printf("disabled  merged into %s\n", plain(a.MergedInto))
	}
	for _, l := range a.Links {
		c.printf("login     %s (%s): %s, since %s\n", plain(l.Provider), l.Kind, plain(l.Subject), l.Since.UTC().Format(time.RFC3339))
	}
	if len(a.Links) == 0 {
		c.printf("login     none: a guest\n")
	}
	return c.broken()
}

func when(e identity.Epoch) string { return time.Time(e).UTC().Format(time.RFC3339) }
