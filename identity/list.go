package identity

import (
	"context"
	"strconv"
	"time"
)

// ListIdentitiesInput asks for a page of a pool's identities.
type ListIdentitiesInput struct {
	HideDisabled   bool   `json:"HideDisabled,omitempty"`
	IdentityPoolID string `json:"IdentityPoolId"`
	// MaxResults is 1 to 60.
	MaxResults int64  `json:"MaxResults"`
	NextToken  string `json:"NextToken,omitempty"`
}

// ListIdentitiesOutput is a page; it is the last one if NextToken is empty.
type ListIdentitiesOutput struct {
	Identities     []DescribeIdentityOutput `json:"Identities"`
	IdentityPoolID string                   `json:"IdentityPoolId"`
	NextToken      string                   `json:"NextToken,omitempty"`
}

// ListIdentities lists the identities of a pool in the order of their ids.
func (p *Pools) ListIdentities(ctx context.Context, in *ListIdentitiesInput) (*ListIdentitiesOutput, error) {
	out, err := p.listIdentities(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "ListIdentities", err)
	}
	return out, nil
}

func (p *Pools) listIdentities(ctx context.Context, in *ListIdentitiesInput) (*ListIdentitiesOutput, error) {
	var f faults
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	most := f.number("maxResults", &in.MaxResults, 1, maxPage, 0)
	f.optional("nextToken", in.NextToken, nextTokenRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	pool, err := p.pool(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	now := p.now()
	scope := "ListIdentities " + pool.ID
	after, err := p.openPage(now, scope, in.NextToken)
	if err != nil {
		return nil, err
	}
	page := identityPage{pool: pool.ID, hide: in.HideDisabled, most: int(most), last: after, now: now}
	if err := p.options.Store.View(ctx, page.read); err != nil {
		return nil, err
	}
	out := &ListIdentitiesOutput{IdentityPoolID: pool.ID, Identities: page.found}
	if page.more {
		out.NextToken, err = p.sealPage(now, scope, page.last)
	}
	return out, err
}

// identityPage reads one page of a pool's identities.
type identityPage struct {
	pool  string
	hide  bool // disabled ones
	most  int
	now   time.Time
	found []DescribeIdentityOutput
	// last is the key that was looked at last; more says that others may follow.
	last string
	more bool
}

// read looks at a bounded number of records: a page may be short, or empty,
// though others follow.
func (g *identityPage) read(tx Tx) error {
	const batches = 20
	g.found, g.more = []DescribeIdentityOutput{}, true
	for range batches {
		records, err := tx.List(kindIdentity, g.pool, g.last, maxPage)
		if err != nil {
			return err
		}
		for _, record := range records {
			if len(g.found) == g.most {
				return nil
			}
			r, err := readIdentity(record, g.now)
			if err != nil {
				return err
			}
			g.last = record.Key
			if r != nil && (r.Enabled || !g.hide) {
				g.found = append(g.found, *r.description())
			}
		}
		if len(records) < maxPage {
			g.more = false
			return nil
		}
	}
	return nil
}

// DescribeIdentityInput names an identity.
type DescribeIdentityInput struct {
	IdentityID string `json:"IdentityId"`
}

// DescribeIdentityOutput is an identity. Its JSON is the wire's, which knows no
// subjects: Links, Disabled and MergedInto are for operators.
type DescribeIdentityOutput struct {
	CreationDate     Epoch  `json:"CreationDate"`
	IdentityID       string `json:"IdentityId"`
	LastModifiedDate Epoch  `json:"LastModifiedDate"`
	// Logins are names of providers, sorted.
	Logins []string `json:"Logins,omitempty"`

	Pool  string `json:"-"`
	Links []Link `json:"-"`
	// Disabled says that the identity was merged, into MergedInto.
	Disabled   bool   `json:"-"`
	MergedInto string `json:"-"`
}

// DescribeIdentity returns an identity.
func (p *Pools) DescribeIdentity(ctx context.Context, in *DescribeIdentityInput) (*DescribeIdentityOutput, error) {
	out, err := p.describeIdentity(ctx, in.IdentityID)
	if err != nil {
		return nil, p.failed(ctx, "DescribeIdentity", err)
	}
	return out, nil
}

func (p *Pools) describeIdentity(ctx context.Context, id string) (*DescribeIdentityOutput, error) {
	var f faults
	f.required("identityId", id, idRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	var r *identityRecord
	err := p.options.Store.View(ctx, func(tx Tx) (err error) {
		r, err = loadIdentity(tx, id, p.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	if r == nil || p.options.Account.Pools[r.Pool] == nil {
		return nil, unknownIdentity(id)
	}
	return r.description(), nil
}

func (r *identityRecord) description() *DescribeIdentityOutput {
	return &DescribeIdentityOutput{
		IdentityID: r.ID, CreationDate: Epoch(r.Created), LastModifiedDate: Epoch(r.Modified), Logins: providerNames(r.Links),
		Pool: r.Pool, Links: r.Links, Disabled: !r.Enabled, MergedInto: r.MergedInto,
	}
}

// DeleteIdentitiesInput names 1 to 60 identities.
type DeleteIdentitiesInput struct {
	IdentityIDsToDelete []string `json:"IdentityIdsToDelete"`
}

// DeleteIdentitiesOutput names those that are left.
type DeleteIdentitiesOutput struct {
	UnprocessedIdentityIDs []UnprocessedIdentity `json:"UnprocessedIdentityIds"`
}

// UnprocessedIdentity is an identity that was not deleted. ErrorCode is
// AccessDenied or InternalServerError.
type UnprocessedIdentity struct {
	ErrorCode  string `json:"ErrorCode"`
	IdentityID string `json:"IdentityId"`
}

// DeleteIdentities deletes identities with their logins. Credentials that they
// hold live on until they expire or are revoked.
func (p *Pools) DeleteIdentities(ctx context.Context, in *DeleteIdentitiesInput) (*DeleteIdentitiesOutput, error) {
	out, err := p.deleteIdentities(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "DeleteIdentities", err)
	}
	return out, nil
}

func (p *Pools) deleteIdentities(ctx context.Context, in *DeleteIdentitiesInput) (*DeleteIdentitiesOutput, error) {
	var f faults
	if n := len(in.IdentityIDsToDelete); n == 0 || n > maxPage {
		f.add("of "+strconv.Itoa(n)+" entries", "identityIdsToDelete", "Member must have length between 1 and "+strconv.Itoa(maxPage))
	}
	for _, id := range in.IdentityIDsToDelete {
		f.required("identityIdsToDelete", id, idRule)
	}
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	now := p.now()
	out := &DeleteIdentitiesOutput{UnprocessedIdentityIDs: []UnprocessedIdentity{}}
	for _, id := range in.IdentityIDsToDelete {
		switch err := p.deleteIdentity(ctx, id, now); {
		case CodeOf(err) == NotAuthorized:
			out.UnprocessedIdentityIDs = append(out.UnprocessedIdentityIDs, UnprocessedIdentity{"AccessDenied", id})
		case err != nil:
			p.options.Log.ErrorContext(ctx, "failed", "operation", "DeleteIdentities", "error", err.Error())
			out.UnprocessedIdentityIDs = append(out.UnprocessedIdentityIDs, UnprocessedIdentity{"InternalServerError", id})
		}
	}
	return out, nil
}

// deleteIdentity deletes an identity and its logins; one that is not there is
// deleted already. One of a pool that the account does not have is refused.
func (p *Pools) deleteIdentity(ctx context.Context, id string, now time.Time) error {
	var r *identityRecord
	err := p.options.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = loadIdentity(tx, id, now); err != nil || r == nil {
			return err
		}
		if p.options.Account.Pools[r.Pool] == nil {
			return forbidden(id)
		}
		for _, l := range r.Links {
			if err := tx.Delete(kindLogin, loginKey(r.Pool, l.Provider, l.Subject)); err != nil {
				return err
			}
		}
		return tx.Delete(kindIdentity, id)
	})
	if err == nil && r != nil {
		p.audit(ctx, Event{Name: EventDelete, Time: now, Pool: r.Pool, Identity: shortID(id), Providers: providerNames(r.Links)})
	}
	return err
}

// Lookup returns the identity of a provider's subject. The error is
// ResourceNotFound if it has none.
func (p *Pools) Lookup(ctx context.Context, poolID, provider, subject string) (string, error) {
	pool, err := p.pool(poolID)
	if err != nil {
		return "", p.failed(ctx, "Lookup", err)
	}
	var owner *identityRecord
	err = p.options.Store.View(ctx, func(tx Tx) (err error) {
		owner, err = loginOwner(tx, pool.ID, provider, subject, p.now())
		return err
	})
	if err == nil && owner == nil {
		err = Errorf(ResourceNotFound, "No identity of this pool has that login.")
	}
	if err != nil {
		return "", p.failed(ctx, "Lookup", err)
	}
	return owner.ID, nil
}
