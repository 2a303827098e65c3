package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/identity"
)

// whoamiCommand is `rowan whoami`.
type whoamiCommand struct {
	Token    string `required:"" placeholder:"TOKEN" help:"The token of a login; - reads it from standard input, where other users of the machine do not see it."`
	Provider string `placeholder:"KEY" help:"The provider, as pools call it; without it the one whose issuer the token names."`
	Pool     string `placeholder:"POOL" help:"The identity pool, by name or id, if there are several."`
	operatorFlags
}

// Help describes the command.
func (*whoamiCommand) Help() string {
	return `Shows what a login comes to, by the code that issues credentials, and changes nothing: the claims that are read, the identity, each role rule and why it matched or not, the tags, what the role's trust policy says, and every context key of the session, which policies know as variables.

Exit status: 0 the login gets credentials, 1 it does not, 2 the question cannot be asked.

Examples:

    rowan whoami --token - --endpoint https://rowan.example < id-token
    rowan whoami --token - --store sqlite:rowan.db --keys keys.json --url https://rowan.example < id-token`
}

// maxToken is how long a login may be.
const maxToken = 50_000

// Run looks at a login.
func (w *whoamiCommand) Run(c *console) error {
	token, err := w.token(c)
	if err != nil {
		return err
	}
	b, err := w.load()
	if err != nil {
		return c.unloadable(err)
	}
	pool, err := poolOf(b, w.Pool)
	if err != nil {
		return err
	}
	provider := w.Provider
	if provider == "" {
		if provider, err = issuerOf(b, pool, token); err != nil {
			return err
		}
	}
	return w.ask(c, b, func(ctx context.Context, q questions) error {
		l, err := q.whoami(ctx, pool.ID, map[string]string{provider: token})
		var refusal *identity.Error
		if errors.As(err, &refusal) && refusal.Code == identity.NotAuthorized {
			c.raise(exitUnmet)
			c.say("the login is refused: %s", refusal.Message)
			return nil
		}
		if err != nil {
			return err
		}
		if l.Refusal != nil {
			c.raise(exitUnmet)
		}
		if c.format == "json" {
			return c.encode(l)
		}
		return c.printLens(l)
	})
}

func (w *whoamiCommand) token(c *console) (string, error) {
	if w.Token != "-" {
		return w.Token, nil
	}
	text, err := io.ReadAll(io.LimitReader(c.stdin, maxToken+2))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(token) > maxToken {
		return "", fmt.Errorf("want a token of at most %d characters on standard input", maxToken)
	}
	return token, nil
}

// issuerOf finds the provider of a pool by what an unproven token says of its
// issuer: it is only a guess whom to ask.
func issuerOf(b *bundle.Bundle, pool *bundle.IdentityPool, token string) (string, error) {
	var claims struct {
		Issuer string `json:"iss"`
	}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || json.Unmarshal(text, &claims) != nil {
			claims.Issuer = ""
		}
	}
	_, key, _ := strings.Cut(claims.Issuer, "://")
	for i := range pool.Providers {
		p := &pool.Providers[i]
		id := userPoolID(p)
		switch {
		case claims.Issuer == "":
		case p.Name == key || p.Name == claims.Issuer, id != "" && ownPool(b, id) && strings.HasSuffix(claims.Issuer, "/"+id):
			return p.Name, nil
		}
	}
	return "", fmt.Errorf("the token names no issuer that is a provider of the pool %s: say which with --provider", pool.Name)
}

// userPoolID is the id of the user pool that a provider is, empty if it is
// another.
func userPoolID(p *identity.PoolProvider) string {
	if p.Kind != identity.UserPoolProvider {
		return ""
	}
	return path.Base(p.Name)
}

func (c *console) printLens(l *identity.Lens) error {
	for i := range l.Logins {
		c.printLensLogin(&l.Logins[i])
	}
	c.printf("%s\n", c.paint(bold, "identity"))
	switch {
	case l.New:
		c.printf("  there is none yet: GetId would make it\n")
	default:
		c.printf("  %s\n", l.IdentityID)
	}
	for _, provider := range l.Links {
		c.printf("  GetId would link the login at %s\n", plain(provider))
	}
	for _, id := range l.Merges {
		c.printf("  GetId would merge %s into it\n", id)
	}
	c.printf("%s\n", c.paint(bold, "role"))
	if l.Role == "" {
		c.printf("  none\n")
	} else {
		c.printf("  %s\n", plain(l.Role))
	}
	if l.Reason != "" {
		c.printf("  because %s\n", plain(l.Reason))
	}
	c.printTags(l.Tags)
	for i := range l.Trust {
		t := &l.Trust[i]
		c.printf("%s\n  %s\n", c.paint(bold, "trust policy, "+t.Action), c.trustVerdict(t))
	}
	if len(l.Context) > 0 {
		c.printf("%s\n", c.paint(bold, "context keys, with one value variables too"))
	}
	for _, k := range l.Context {
		c.printf("  %s = %s\n", plain(k.Name), plain(strings.Join(k.Values, ", ")))
	}
	for _, p := range l.SessionPolicies {
		c.printf("%s\n  %s\n", c.paint(bold, "session policy"), plain(p))
	}
	if l.Refusal != nil {
		c.printf("%s\n  %s: %s\n", c.paint(red, "no credentials"), l.Refusal.Code, plain(l.Refusal.Message))
	}
	return c.broken()
}

func (c *console) printLensLogin(l *identity.LensLogin) {
	c.printf("%s\n  %s (%s)\n  subject %s\n", c.paint(bold, "login"), plain(l.Provider), l.Kind, plain(l.Subject))
	if l.Issuer != "" {
		c.printf("  issuer %s, for %s, until %s\n", plain(l.Issuer), plain(l.Audience), when(l.Expires))
	}
	for _, x := range l.Claims {
		if x.Present {
			c.printf("  claim %s = %s\n", plain(x.Name), plain(strings.Join(x.Values, ", ")))
		} else {
			c.printf("  claim %s is not there\n", plain(x.Name))
		}
	}
	m := l.Mapping
	if m == nil {
		c.printf("  no role mapping\n")
		return
	}
	for _, role := range m.Candidates {
		c.printf("  the token offers %s\n", plain(role))
	}
	for i, r := range m.Rules {
		mark := c.paint(red, "✗")
		if r.Matched {
			mark = c.paint(green, "✓")
		}
		c.printf("  %s rule %d: %s %s %s gives %s: %s\n", mark, i+1, plain(r.Claim), r.Match, plain(fmt.Sprintf("%q", r.Value)), path.Base(r.Role), plain(r.Why))
	}
	if m.Role == "" { // else it is the reason of the role
		c.printf("  %s\n", plain(m.Reason))
	}
}

func (c *console) printTags(tags []identity.TagTrace) {
	if len(tags) > 0 {
		c.printf("%s\n", c.paint(bold, "tags"))
	}
	for _, t := range tags {
		if t.Set {
			c.printf("  %s %s = %s, of the claim %s\n", c.paint(green, "✓"), plain(t.Tag), plain(t.Value), plain(t.Claim))
			continue
		}
		c.printf("  %s %s of the claim %s: %s\n", c.paint(red, "✗"), plain(t.Tag), plain(t.Claim), plain(t.Why))
	}
}

func (c *console) trustVerdict(t *identity.LensTrust) string {
	switch {
	case t.Allowed:
		return c.paint(green, "✓ allowed")
	case t.Fault != "":
		return c.paint(red, "✗ cannot be asked") + ": " + plain(t.Fault)
	}
	return c.paint(red, "✗ not allowed")
}
