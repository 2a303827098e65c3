package main

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

// canIdentities are the identities of a store that may get a role.
type canIdentities struct {
	// Looked is how many may get the role, and were asked about; Complete says
	// that the store has no more.
	Looked   int  `json:"looked"`
	Complete bool `json:"complete"`
	// Can are those that may, Unknown those of which it cannot be told.
	Can     []canIdentity `json:"can"`
	Unknown []canIdentity `json:"unknown,omitempty"`
}

type canIdentity struct {
	Identity string       `json:"identity"`
	How      string       `json:"how"`
	Reason   string       `json:"reason,omitempty"`
	Request  *witnessJSON `json:"request,omitempty"`
}

// storedIdentities are identities of a store.
type storedIdentities struct {
	all      []storedIdentity
	complete bool
}

type storedIdentity struct {
	pool *bundle.IdentityPool
	identityAnswer
}

// pageOfIdentities is how many are read at once. Source: identity-protocol §1.2.
const pageOfIdentities = 60

// stored reads the identities of the store, nil without one. Those that were
// merged into others are left out.
func (w *whoCanCommand) stored(c *console, b *bundle.Bundle) (*storedIdentities, error) {
	if w.Store == "" {
		if w.Keys != "" || w.URL != "" {
			return nil, errors.New("--keys and --url are for --store")
		}
		return nil, nil
	}
	if w.Identities < 1 {
		return nil, errors.New("--identities: want at least 1")
	}
	out := &storedIdentities{complete: true}
	ctx := context.Background()
	err := w.read(ctx, c, b, func(l *local) error {
		for _, pool := range b.IdentityPools {
			if err := out.read(ctx, l, pool, w.Identities); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// read reads the identities of a pool.
func (s *storedIdentities) read(ctx context.Context, l *local, pool *bundle.IdentityPool, most int) error {
	in := &identity.ListIdentitiesInput{IdentityPoolID: pool.ID, MaxResults: pageOfIdentities, HideDisabled: true}
	for {
		page, err := l.pools.ListIdentities(ctx, in)
		if err != nil {
			return err
		}
		for _, d := range page.Identities {
			if len(s.all) == most {
				s.complete = false
				return nil
			}
			s.all = append(s.all, storedIdentity{pool, identityAnswer{IdentityID: d.IdentityID, Pool: d.Pool, Links: d.Links}})
		}
		if in.NextToken = page.NextToken; in.NextToken == "" {
			return nil
		}
	}
}

// identities asks of each identity that may get a role whether it may. What no
// session of the role may none of theirs may.
func (w *whoCanCommand) identities(c *console, b *bundle.Bundle, r *bundle.Role, v *conditions.Vocabulary, meant *analysis.Policies, whole *analysis.Answer, stored *storedIdentities) (*canIdentities, error) {
	out := &canIdentities{Complete: stored.complete, Can: []canIdentity{}}
	for i := range stored.all {
		x := &stored.all[i]
		looked := false
		for _, m := range sessionsOf(b, x.pool, &x.identityAnswer) {
			if m.Role != r {
				continue
			}
			looked = true
			if whole.Verdict == analysis.Never {
				break
			}
			q, err := w.question(c, b, r, v, meant)
			if err != nil {
				return nil, err
			}
			maps.Copy(q.Keys, m.Keys)
			q.By.Session = m.Policies
			a, err := w.search(b, q)
			if err != nil {
				return nil, err
			}
			one := canIdentity{x.IdentityID, m.how, a.Reason, witnessOf(a.Witness)}
			if a.Verdict == analysis.Found {
				out.Can = append(out.Can, one)
				break
			}
			if a.Verdict == analysis.Unknown {
				out.Unknown = append(out.Unknown, one)
			}
		}
		if looked {
			out.Looked++
		}
	}
	if len(out.Unknown) > 0 || !out.Complete {
		c.raise(exitUnloadable)
	}
	return out, nil
}

// maxShownIdentities is how many are printed; JSON has all.
const maxShownIdentities = 20

func (c *console) printIdentities(x *canIdentities) {
	if x == nil {
		return
	}
	c.printf("         identities of the store: %d of %d that may get the role\n", len(x.Can), x.Looked)
	for i := range x.Can {
		if i == maxShownIdentities {
			c.printf("           and %d more: see --format json\n", len(x.Can)-i)
			break
		}
		c.printf("           %s, %s\n", plain(x.Can[i].Identity), plain(x.Can[i].How))
	}
	for i := range x.Unknown {
		c.printf("           %s: %s: %s\n", c.paint(yellow, "unknown"), plain(x.Unknown[i].Identity), plain(strings.TrimSpace(x.Unknown[i].Reason)))
	}
	if !x.Complete {
		c.printf("           %s: the store has more identities, which were not looked at\n", c.paint(yellow, "unknown"))
	}
}
