package identity

import (
	"context"
	"slices"
	"time"
)

// UnlinkIdentityInput names providers whose logins leave an identity.
type UnlinkIdentityInput struct {
	IdentityID     string            `json:"IdentityId"`
	Logins         map[string]string `json:"Logins"`
	LoginsToRemove []string          `json:"LoginsToRemove"`
}

// UnlinkIdentityOutput is empty.
type UnlinkIdentityOutput struct{}

// UnlinkIdentity takes logins off an identity; each must be proven by a token.
// An identity that loses its last login can be reached no more. Source:
// identity-protocol §1.6.
func (p *Pools) UnlinkIdentity(ctx context.Context, in *UnlinkIdentityInput) (*UnlinkIdentityOutput, error) {
	out, err := p.unlinkIdentity(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "UnlinkIdentity", err)
	}
	return out, nil
}

func (p *Pools) unlinkIdentity(ctx context.Context, in *UnlinkIdentityInput) (*UnlinkIdentityOutput, error) {
	var f faults
	f.required("identityId", in.IdentityID, idRule)
	f.logins(in.Logins, true)
	f.names("loginsToRemove", in.LoginsToRemove)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	now := p.now()
	pool, err := p.poolOf(ctx, in.IdentityID, now)
	if err != nil {
		return nil, err
	}
	proofs, err := p.prove(ctx, pool, in.Logins)
	if err != nil {
		return nil, err
	}
	q := &question{pool: pool, id: in.IdentityID, proofs: proofs, now: now}
	var left string
	err = p.options.Store.Update(ctx, func(tx Tx) error {
		owners, unlinked, err := q.owners(tx)
		if err != nil {
			return err
		}
		r, err := q.addressed(tx, owners)
		if err != nil {
			return err
		}
		if len(owners) != 1 || owners[0].ID != r.ID || len(unlinked) > 0 {
			return Errorf(NotAuthorized, "Logins don't match. Please include only logins of this identity.")
		}
		left = r.ID
		var gone []Link
		for _, name := range in.LoginsToRemove {
			l, err := q.proven(name)
			if err != nil {
				return err
			}
			gone = append(gone, l)
		}
		return r.unlink(tx, now, gone...)
	})
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(slices.Values(in.LoginsToRemove))
	p.audit(ctx, Event{Name: EventUnlink, Time: now, Pool: pool.ID, Identity: left, Providers: slices.Compact(names)})
	return &UnlinkIdentityOutput{}, nil
}

// proven returns the link of the proof with that name.
func (q *question) proven(name string) (Link, error) {
	for i := range q.proofs {
		if f := &q.proofs[i]; f.name() == name && f.own == nil {
			return Link{Provider: name, Subject: f.login.Subject}, nil
		}
	}
	return Link{}, Errorf(NotAuthorized, "The login of %s can be removed only with a token of it.", shown(name))
}

// unlink removes logins of an identity with their records.
func (r *identityRecord) unlink(tx Tx, now time.Time, gone ...Link) error {
	for _, l := range gone {
		r.Links = slices.DeleteFunc(r.Links, func(o Link) bool { return o.Provider == l.Provider && o.Subject == l.Subject })
		if err := tx.Delete(kindLogin, loginKey(r.Pool, l.Provider, l.Subject)); err != nil {
			return err
		}
	}
	r.Modified = now
	return r.put(tx)
}
