package identity

import (
	"context"
	"maps"
	"slices"
	"time"
)

// GetOpenIDTokenForDeveloperIdentityInput says who a user is, in the words of
// the developer's own directory. The call is signed.
type GetOpenIDTokenForDeveloperIdentityInput struct {
	// IdentityID links the user to an identity; empty finds the user's or
	// makes one.
	IdentityID     string `json:"IdentityId,omitempty"`
	IdentityPoolID string `json:"IdentityPoolId"`
	// Logins hold the user id under the pool's developer provider name, and
	// tokens of public providers.
	Logins map[string]string `json:"Logins"`
	// PrincipalTags win over what the pool's mapping says.
	PrincipalTags map[string]string `json:"PrincipalTags,omitempty"`
	// TokenDuration is in seconds; nil means 900.
	TokenDuration *int64 `json:"TokenDuration,omitempty"`
}

// GetOpenIDTokenForDeveloperIdentityOutput is the answer.
type GetOpenIDTokenForDeveloperIdentityOutput struct {
	IdentityID string `json:"IdentityId"`
	Token      string `json:"Token"`
}

// GetOpenIDTokenForDeveloperIdentity makes a token that its bearer presents as
// a login under cognito-identity.amazonaws.com, or to STS. The caller must have
// been authorized: this trusts what it says. Source: identity-protocol §1.6.
func (p *Pools) GetOpenIDTokenForDeveloperIdentity(ctx context.Context, in *GetOpenIDTokenForDeveloperIdentityInput) (*GetOpenIDTokenForDeveloperIdentityOutput, error) {
	out, err := p.developerToken(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetOpenIdTokenForDeveloperIdentity", err)
	}
	return out, nil
}

func (p *Pools) developerToken(ctx context.Context, in *GetOpenIDTokenForDeveloperIdentityInput) (*GetOpenIDTokenForDeveloperIdentityOutput, error) {
	var f faults
	f.optional("identityId", in.IdentityID, idRule)
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	f.logins(in.Logins, true)
	life := f.number("tokenDuration", in.TokenDuration, 1, maxTokenSeconds, developerSeconds)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	given, err := givenTags(in.PrincipalTags)
	if err != nil {
		return nil, err
	}
	pool, err := p.pool(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	proofs, err := p.proveDeveloper(ctx, pool, in.Logins)
	if err != nil {
		return nil, err
	}
	now := p.now()
	tags, _, err := mapTags(given, proofs)
	if err != nil {
		return nil, err
	}
	r, err := p.settle(ctx, &question{pool: pool, id: in.IdentityID, proofs: proofs, signed: true, now: now})
	if err != nil {
		return nil, err
	}
	t := &poolToken{
		pool: pool.ID, identity: r.identity.ID, amr: p.sessionAMR(pool, proofs), tags: tags, issued: now, life: time.Duration(life) * time.Second,
	}
	for _, tag := range tags {
		t.transitive = append(t.transitive, tag.Key)
	}
	token, err := p.issueToken(ctx, t)
	if err != nil {
		return nil, err
	}
	return &GetOpenIDTokenForDeveloperIdentityOutput{IdentityID: r.identity.ID, Token: token}, nil
}

// givenTags reads PrincipalTags. A value has at least one character here.
func givenTags(tags map[string]string) ([]Tag, error) {
	var out []Tag
	for _, key := range sortedKeys(tags) {
		out = append(out, Tag{key, tags[key]})
		if tags[key] == "" {
			return nil, Errorf(InvalidParameter, "The principal tag %s has no value.", shown(key))
		}
	}
	if err := checkTags(out); err != nil {
		return nil, Errorf(InvalidParameter, "PrincipalTags: %s.", err)
	}
	return out, nil
}

// proveDeveloper takes the word of the pool's developer for one login, and
// verifies the public ones. The developer's comes first, by which a token of
// the pool is known for one: see ownToken.by.
func (p *Pools) proveDeveloper(ctx context.Context, pool *PoolConfig, logins map[string]string) ([]proof, error) {
	user, ok := logins[pool.DeveloperProvider]
	if pool.DeveloperProvider == "" || !ok {
		return nil, Errorf(InvalidParameter, "Please provide a login of the developer provider of this identity pool.")
	}
	var f faults
	f.required("logins."+pool.DeveloperProvider, user, developerUserRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	public := maps.Clone(logins)
	delete(public, pool.DeveloperProvider)
	if _, own := public[poolPrincipal]; own {
		return nil, Errorf(InvalidParameter, "Please provide a valid public provider.")
	}
	proofs, err := p.prove(ctx, pool, public)
	if err != nil {
		return nil, err
	}
	developer := proof{kind: DeveloperProvider, login: &Login{Provider: pool.DeveloperProvider, Subject: user}}
	return append([]proof{developer}, proofs...), nil
}

// LookupDeveloperIdentityInput has an identity, a developer's user id, or both.
type LookupDeveloperIdentityInput struct {
	DeveloperUserIdentifier string `json:"DeveloperUserIdentifier,omitempty"`
	IdentityID              string `json:"IdentityId,omitempty"`
	IdentityPoolID          string `json:"IdentityPoolId"`
	// MaxResults is 1 to 60; nil means 60.
	MaxResults *int64 `json:"MaxResults,omitempty"`
	NextToken  string `json:"NextToken,omitempty"`
}

// LookupDeveloperIdentityOutput is an identity with its developer's user ids.
type LookupDeveloperIdentityOutput struct {
	DeveloperUserIdentifierList []string `json:"DeveloperUserIdentifierList"`
	IdentityID                  string   `json:"IdentityId"`
	NextToken                   string   `json:"NextToken,omitempty"`
}

// LookupDeveloperIdentity maps a developer's user id to its identity, and back.
func (p *Pools) LookupDeveloperIdentity(ctx context.Context, in *LookupDeveloperIdentityInput) (*LookupDeveloperIdentityOutput, error) {
	out, err := p.lookupDeveloper(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "LookupDeveloperIdentity", err)
	}
	return out, nil
}

func (p *Pools) lookupDeveloper(ctx context.Context, in *LookupDeveloperIdentityInput) (*LookupDeveloperIdentityOutput, error) {
	var f faults
	f.optional("developerUserIdentifier", in.DeveloperUserIdentifier, developerUserRule)
	f.optional("identityId", in.IdentityID, idRule)
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	most := f.number("maxResults", in.MaxResults, 1, maxPage, maxPage)
	f.optional("nextToken", in.NextToken, nextTokenRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	if in.IdentityID == "" && in.DeveloperUserIdentifier == "" {
		return nil, Errorf(InvalidParameter, "Please provide an IdentityId or a DeveloperUserIdentifier.")
	}
	pool, err := p.pool(in.IdentityPoolID)
	if err != nil {
		return nil, err
	}
	now := p.now()
	r, err := p.developerIdentity(ctx, pool, in.IdentityID, in.DeveloperUserIdentifier, now)
	if err != nil {
		return nil, err
	}
	scope := "LookupDeveloperIdentity " + r.ID
	after, err := p.openPage(now, scope, in.NextToken)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, l := range r.Links {
		if l.Kind == DeveloperProvider && l.Provider == pool.DeveloperProvider && l.Subject > after {
			users = append(users, l.Subject)
		}
	}
	slices.Sort(users)
	out := &LookupDeveloperIdentityOutput{IdentityID: r.ID, DeveloperUserIdentifierList: users}
	if int64(len(users)) > most {
		out.DeveloperUserIdentifierList = users[:most]
		out.NextToken, err = p.sealPage(now, scope, users[most-1])
	}
	return out, err
}

// developerIdentity finds an identity by its id, by a user of the developer, or
// by both, which must then belong together.
func (p *Pools) developerIdentity(ctx context.Context, pool *PoolConfig, id, user string, now time.Time) (*identityRecord, error) {
	var byID, byUser *identityRecord
	err := p.options.Store.View(ctx, func(tx Tx) (err error) {
		if id != "" {
			if byID, err = loadIdentity(tx, id, now); err != nil {
				return err
			}
		}
		if user != "" {
			byUser, err = loginOwner(tx, pool.ID, pool.DeveloperProvider, user, now)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case id != "" && (byID == nil || byID.Pool != pool.ID):
		return nil, unknownIdentity(id)
	case user != "" && byUser == nil:
		return nil, unknownUser(user)
	case id == "":
		return byUser, nil
	case user != "" && byUser.ID != byID.ID:
		return nil, Errorf(ResourceConflict, "The developer user identifier is not linked to this identity.")
	}
	return byID, nil
}

func unknownUser(user string) *Error {
	return Errorf(ResourceNotFound, "Developer user %s is not linked to an identity.", shown(user))
}

// MergeDeveloperIdentitiesInput names two users of the developer's directory.
type MergeDeveloperIdentitiesInput struct {
	DestinationUserIdentifier string `json:"DestinationUserIdentifier"`
	DeveloperProviderName     string `json:"DeveloperProviderName"`
	IdentityPoolID            string `json:"IdentityPoolId"`
	SourceUserIdentifier      string `json:"SourceUserIdentifier"`
}

// MergeDeveloperIdentitiesOutput is the identity that is left.
type MergeDeveloperIdentitiesOutput struct {
	IdentityID string `json:"IdentityId"`
}

// MergeDeveloperIdentities moves the logins of the source's identity to the
// destination's and disables the former.
func (p *Pools) MergeDeveloperIdentities(ctx context.Context, in *MergeDeveloperIdentitiesInput) (*MergeDeveloperIdentitiesOutput, error) {
	out, err := p.mergeDevelopers(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "MergeDeveloperIdentities", err)
	}
	return out, nil
}

func (p *Pools) mergeDevelopers(ctx context.Context, in *MergeDeveloperIdentitiesInput) (*MergeDeveloperIdentitiesOutput, error) {
	var f faults
	f.required("destinationUserIdentifier", in.DestinationUserIdentifier, developerUserRule)
	f.required("developerProviderName", in.DeveloperProviderName, developerRule)
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	f.required("sourceUserIdentifier", in.SourceUserIdentifier, developerUserRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	pool, err := p.developerPool(in.IdentityPoolID, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	now := p.now()
	var r *resolution
	err = p.options.Store.Update(ctx, func(tx Tx) error {
		r = nil
		users := [2]string{in.SourceUserIdentifier, in.DestinationUserIdentifier}
		var owners [2]*identityRecord
		for i, user := range users {
			owner, err := loginOwner(tx, pool.ID, pool.DeveloperProvider, user, now)
			if err != nil {
				return err
			}
			if owner == nil {
				return unknownUser(user)
			}
			owners[i] = owner
		}
		if owners[0].ID == owners[1].ID {
			return Errorf(InvalidParameter, "Both users are linked to the same identity.")
		}
		r = &resolution{identity: owners[1].clone()}
		r.absorb(owners[0], now)
		if err := r.identity.coherent(); err != nil {
			return err
		}
		return r.apply(tx)
	})
	if err != nil {
		return nil, err
	}
	p.auditResolution(ctx, r, now)
	return &MergeDeveloperIdentitiesOutput{IdentityID: r.identity.ID}, nil
}

// developerPool returns a pool whose developer provider has the name.
func (p *Pools) developerPool(id, provider string) (*PoolConfig, error) {
	pool, err := p.pool(id)
	if err != nil {
		return nil, err
	}
	if pool.DeveloperProvider != provider {
		return nil, Errorf(InvalidParameter, "%s is not the developer provider of this identity pool.", shown(provider))
	}
	return pool, nil
}

// UnlinkDeveloperIdentityInput names one user and its identity.
type UnlinkDeveloperIdentityInput struct {
	DeveloperProviderName   string `json:"DeveloperProviderName"`
	DeveloperUserIdentifier string `json:"DeveloperUserIdentifier"`
	IdentityID              string `json:"IdentityId"`
	IdentityPoolID          string `json:"IdentityPoolId"`
}

// UnlinkDeveloperIdentityOutput is empty.
type UnlinkDeveloperIdentityOutput struct{}

// UnlinkDeveloperIdentity takes a user id off an identity. The next token for
// that user makes a new one.
func (p *Pools) UnlinkDeveloperIdentity(ctx context.Context, in *UnlinkDeveloperIdentityInput) (*UnlinkDeveloperIdentityOutput, error) {
	out, err := p.unlinkDeveloper(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "UnlinkDeveloperIdentity", err)
	}
	return out, nil
}

func (p *Pools) unlinkDeveloper(ctx context.Context, in *UnlinkDeveloperIdentityInput) (*UnlinkDeveloperIdentityOutput, error) {
	var f faults
	f.required("developerProviderName", in.DeveloperProviderName, developerRule)
	f.required("developerUserIdentifier", in.DeveloperUserIdentifier, developerUserRule)
	f.required("identityId", in.IdentityID, idRule)
	f.required("identityPoolId", in.IdentityPoolID, idRule)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	pool, err := p.developerPool(in.IdentityPoolID, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	now := p.now()
	if _, err := p.developerIdentity(ctx, pool, in.IdentityID, in.DeveloperUserIdentifier, now); err != nil {
		return nil, err
	}
	gone := Link{Provider: pool.DeveloperProvider, Subject: in.DeveloperUserIdentifier}
	err = p.options.Store.Update(ctx, func(tx Tx) error {
		r, err := loginOwner(tx, pool.ID, gone.Provider, gone.Subject, now)
		if err != nil {
			return err
		}
		if r == nil || r.ID != in.IdentityID {
			return Errorf(ResourceConflict, "The developer user identifier is not linked to this identity.")
		}
		return r.unlink(tx, now, gone)
	})
	if err != nil {
		return nil, err
	}
	p.audit(ctx, Event{Name: EventUnlink, Time: now, Pool: pool.ID, Identity: in.IdentityID, Providers: []string{gone.Provider}})
	return &UnlinkDeveloperIdentityOutput{}, nil
}
