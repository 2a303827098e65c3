package identity

import (
	"context"
	"slices"
	"time"
)

// question is whose identity a set of proven logins is.
type question struct {
	pool *PoolConfig
	// id is the identity that the client speaks of, empty if none.
	id     string
	proofs []proof
	// signed says that the pool's developer vouches for the call, so that the
	// identity needs no further proof.
	signed bool
	now    time.Time
	// fresh is the id of an identity that has to be made.
	fresh string
}

// resolution is the answer, with what has to be written for it.
type resolution struct {
	// identity is as it will be.
	identity *identityRecord
	created  bool
	// linked are logins that are new to the identity; moved are those of the
	// identities in merged, which the identity swallows.
	linked, moved []Link
	merged        []*identityRecord
}

func (r *resolution) changes() bool {
	return r.created || len(r.linked) > 0 || len(r.merged) > 0
}

// resolve answers a question by §1.6 of identity-protocol. It only reads.
func (q *question) resolve(tx Tx) (*resolution, error) {
	owners, unlinked, err := q.owners(tx)
	if err != nil {
		return nil, err
	}
	all := owners
	if q.id != "" {
		base, err := q.addressed(tx, owners)
		if err != nil {
			return nil, err
		}
		if !holds(owners, base) {
			all = append([]*identityRecord{base}, owners...)
		}
	}
	r := &resolution{linked: unlinked}
	if len(all) == 0 {
		r.created = true
		r.identity = &identityRecord{ID: q.fresh, Pool: q.pool.ID, Created: q.now, Modified: q.now, Enabled: true}
	} else {
		r.unite(all, q.now)
	}
	if len(unlinked) > 0 {
		r.identity.Links = append(r.identity.Links, unlinked...)
		r.identity.expires = time.Time{}
		r.identity.Modified = q.now
		if r.identity.Authenticated.IsZero() {
			r.identity.Authenticated = q.now
		}
	}
	return r, q.check(r, all)
}

// owners returns the identities that the proofs belong to, each once, and the
// logins that belong to none.
func (q *question) owners(tx Tx) (owners []*identityRecord, unlinked []Link, err error) {
	for i := range q.proofs {
		f := &q.proofs[i]
		var owner *identityRecord
		if f.own != nil {
			if owner, err = f.own.holder(tx, q.pool, q.now); err == nil && owner == nil {
				err = Errorf(NotAuthorized, "Token is inactive")
			}
		} else {
			owner, err = loginOwner(tx, q.pool.ID, f.name(), f.login.Subject, q.now)
		}
		switch {
		case err != nil:
			return nil, nil, err
		case owner == nil:
			unlinked = append(unlinked, Link{Provider: f.name(), Subject: f.login.Subject, Kind: f.kind, Since: q.now})
		case !holds(owners, owner):
			owners = append(owners, owner)
		}
	}
	return owners, unlinked, nil
}

func holds(all []*identityRecord, r *identityRecord) bool {
	return slices.ContainsFunc(all, func(o *identityRecord) bool { return o.ID == r.ID })
}

// addressed returns the identity that the client speaks of, once the proofs
// entitle to it.
func (q *question) addressed(tx Tx, owners []*identityRecord) (*identityRecord, error) {
	base, err := loadIdentity(tx, q.id, q.now)
	if err != nil {
		return nil, err
	}
	if base == nil || base.Pool != q.pool.ID {
		return nil, unknownIdentity(q.id)
	}
	if q.signed {
		if err := q.registeredElsewhere(tx, base); err != nil {
			return nil, err
		}
	}
	if !base.Enabled {
		left, err := survivor(tx, base, q.now)
		if err != nil {
			return nil, err
		}
		if left == nil || !holds(owners, left) {
			return nil, forbidden(q.id)
		}
		return left, nil
	}
	// Who knows a guest's id may make it theirs; a user's takes a login of it.
	if !base.guest() && !holds(owners, base) && !q.signed {
		return nil, Errorf(NotAuthorized, "Logins don't match. Please include at least one valid login for this identity or identity pool.")
	}
	return base, nil
}

// registeredElsewhere refuses to link a user of the developer to a second
// identity.
func (q *question) registeredElsewhere(tx Tx, base *identityRecord) error {
	for i := range q.proofs {
		f := &q.proofs[i]
		if f.kind != DeveloperProvider {
			continue
		}
		owner, err := loginOwner(tx, q.pool.ID, f.name(), f.login.Subject, q.now)
		if err != nil {
			return err
		}
		if owner != nil && base.Enabled && owner.ID != base.ID {
			return Errorf(DeveloperUserAlreadyRegistered, "The developer user is linked to another identity.")
		}
	}
	return nil
}

// unite makes one identity of several. The one that was authenticated first
// survives, so that a newcomer's login never disables an older user.
func (r *resolution) unite(all []*identityRecord, now time.Time) {
	first := slices.MinFunc(all, older)
	r.identity = first.clone()
	for _, o := range all {
		if o.ID != first.ID {
			r.absorb(o, now)
		}
	}
}

// absorb disables an identity and takes its logins.
func (r *resolution) absorb(o *identityRecord, now time.Time) {
	gone := o.clone()
	gone.Enabled, gone.MergedInto, gone.Links, gone.Modified, gone.expires = false, r.identity.ID, nil, now, time.Time{}
	r.merged = append(r.merged, gone)
	r.moved = append(r.moved, o.Links...)
	r.identity.Links = append(r.identity.Links, o.Links...)
	r.identity.Modified = now
}

// older orders identities by their first login, guests last, then by age and
// id.
func older(a, b *identityRecord) int {
	switch {
	case a.Authenticated.IsZero() != b.Authenticated.IsZero():
		if a.Authenticated.IsZero() {
			return 1
		}
		return -1
	case !a.Authenticated.Equal(b.Authenticated):
		return a.Authenticated.Compare(b.Authenticated)
	case !a.Created.Equal(b.Created):
		return a.Created.Compare(b.Created)
	case a.ID < b.ID:
		return -1
	}
	return 1
}

// check refuses an identity that must not be: one with two users of one public
// provider, one with too many logins, and one that the pool's switch forbids.
func (q *question) check(r *resolution, before []*identityRecord) error {
	if err := r.identity.coherent(); err != nil {
		return err
	}
	if q.pool.NoLinking && !q.signed && !r.created && r.joins(before) {
		return Errorf(ResourceConflict, "This identity pool links no further logins to an identity.")
	}
	return nil
}

// joins reports whether the resolution brings logins together that were apart.
func (r *resolution) joins(before []*identityRecord) bool {
	apart := 0
	for _, o := range before {
		if len(o.Links) > 0 {
			apart++
		}
	}
	return apart > 1 || apart == 1 && len(r.linked) > 0
}

// coherent refuses what no identity may hold. Several users of a developer are
// fine.
func (r *identityRecord) coherent() error {
	if len(r.Links) > maxLinks {
		return Errorf(ResourceConflict, "An identity has at most %d linked logins.", maxLinks)
	}
	for i, l := range r.Links {
		if l.Kind == DeveloperProvider {
			continue
		}
		if slices.ContainsFunc(r.Links[:i], func(o Link) bool { return o.Provider == l.Provider }) {
			return Errorf(ResourceConflict, "Logins of two users of %s cannot be linked to one identity.", shown(l.Provider))
		}
	}
	return nil
}

// apply writes a resolution, in the transaction that it was read in.
func (r *resolution) apply(tx Tx) error {
	if r.created {
		if err := r.identity.insert(tx); err != nil {
			return err
		}
	} else if err := r.identity.put(tx); err != nil {
		return err
	}
	for _, gone := range r.merged {
		if err := gone.put(tx); err != nil {
			return err
		}
		if err := putMerged(tx, gone); err != nil {
			return err
		}
	}
	for _, l := range r.linked {
		record, err := r.login(l)
		if err != nil {
			return err
		}
		if err := tx.Insert(record); err != nil { // the unique key
			return err
		}
	}
	for _, l := range r.moved {
		record, err := r.login(l)
		if err != nil {
			return err
		}
		if err := tx.Put(record); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolution) login(l Link) (Record, error) {
	return (&loginRecord{Identity: r.identity.ID, Provider: l.Provider, Subject: l.Subject}).record(r.identity.Pool)
}

// settle answers a question and stores what follows from the answer. Most
// calls change nothing and take no write.
func (p *Pools) settle(ctx context.Context, q *question) (*resolution, error) {
	fresh, err := p.newID(q.pool)
	if err != nil {
		return nil, err
	}
	q.fresh = fresh
	var r *resolution
	read := func(tx Tx) (err error) {
		r, err = q.resolve(tx)
		return err
	}
	if err := p.options.Store.View(ctx, read); err != nil {
		return nil, err
	}
	if !r.changes() {
		return r, nil
	}
	err = p.options.Store.Update(ctx, func(tx Tx) error {
		if err := read(tx); err != nil || !r.changes() {
			return err
		}
		return r.apply(tx)
	})
	if err != nil {
		return nil, err
	}
	p.auditResolution(ctx, r, q.now)
	return r, nil
}

func unknownIdentity(id string) *Error {
	return Errorf(ResourceNotFound, "Identity %s not found.", shown(id))
}

func forbidden(id string) *Error {
	return Errorf(NotAuthorized, "Access to Identity %s is forbidden.", shown(id))
}
