package identity

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// How long the pools' own tokens are good for. Source: identity-protocol §1.1,
// §1.3.
const (
	openIDTokenLife  = 10 * time.Minute
	developerSeconds = 900
)

// GetOpenIDTokenInput asks for the pool's own token of an identity.
type GetOpenIDTokenInput struct {
	IdentityID string            `json:"IdentityId"`
	Logins     map[string]string `json:"Logins,omitempty"`
}

// GetOpenIDTokenOutput is the answer of GetOpenIDToken. IdentityID may differ
// from the one sent, after a merge.
type GetOpenIDTokenOutput struct {
	IdentityID string `json:"IdentityId"`
	Token      string `json:"Token"`
}

// GetOpenIDToken makes a token of the pool that is good for ten minutes: the
// basic flow, which the pool must allow. Source: identity-protocol §1.7, §1.8.
func (p *Pools) GetOpenIDToken(ctx context.Context, in *GetOpenIDTokenInput) (*GetOpenIDTokenOutput, error) {
	out, err := p.getOpenIDToken(ctx, in)
	if err != nil {
		return nil, p.failed(ctx, "GetOpenIdToken", err)
	}
	return out, nil
}

func (p *Pools) getOpenIDToken(ctx context.Context, in *GetOpenIDTokenInput) (*GetOpenIDTokenOutput, error) {
	var f faults
	f.required("identityId", in.IdentityID, idRule)
	f.logins(in.Logins, false)
	if err := f.err(InvalidParameter); err != nil {
		return nil, err
	}
	now := p.now()
	pool, err := p.poolOf(ctx, in.IdentityID, now)
	if err != nil {
		return nil, err
	}
	if err := basicFlow(pool, in.Logins); err != nil {
		return nil, err
	}
	id, proofs, err := p.enter(ctx, pool, in.IdentityID, in.Logins, now)
	if err != nil {
		return nil, err
	}
	tags, _, err := mapTags(nil, proofs)
	if err != nil {
		return nil, err
	}
	token, err := p.issueToken(ctx, &poolToken{
		pool: pool.ID, identity: id, amr: p.sessionAMR(pool, proofs), tags: tags, issued: now, life: openIDTokenLife,
	})
	if err != nil {
		return nil, err
	}
	return &GetOpenIDTokenOutput{IdentityID: id, Token: token}, nil
}

// basicFlow refuses what the basic flow does not take: SAML, and a token of a
// pool, which could else renew itself for ever. Source: identity-protocol §1.7.
func basicFlow(pool *PoolConfig, logins map[string]string) error {
	if !pool.ClassicFlow {
		return Errorf(InvalidParameter, "Basic (classic) flow is not enabled, please use enhanced flow.")
	}
	for _, key := range sortedKeys(logins) {
		provider, ok := pool.Provider(key)
		if key == poolPrincipal || ok && provider.Kind == SAML2Provider {
			return Errorf(InvalidParameter, "Logins of %s need the enhanced flow.", shown(key))
		}
	}
	return nil
}

// poolToken is a token of a pool before it is signed.
type poolToken struct {
	pool, identity string
	amr            []string
	tags           []Tag
	transitive     []string
	issued         time.Time
	life           time.Duration
}

// issueToken signs a token of a pool. Source: identity-protocol §1.8.
func (p *Pools) issueToken(ctx context.Context, t *poolToken) (string, error) {
	id, err := p.random(16)
	if err != nil {
		return "", err
	}
	issued := t.issued.Unix()
	claims := map[string]any{
		"iss": p.options.Issuer, "aud": t.pool, "sub": t.identity, "amr": t.amr,
		"iat": issued, "exp": issued + int64(t.life/time.Second), "jti": hex.EncodeToString(id),
		"https://cognito-identity.amazonaws.com/identity-pool-arn": p.poolARN(t.pool),
	}
	if len(t.tags) > 0 {
		principal := map[string][]string{}
		for _, tag := range t.tags {
			principal[tag.Key] = []string{tag.Value}
		}
		tags := map[string]any{"principal_tags": principal}
		if len(t.transitive) > 0 {
			tags["transitive_tag_keys"] = t.transitive
		}
		claims[tagsClaim] = tags
	}
	token, err := oidc.Sign(p.signing, claims)
	if err != nil {
		return "", err
	}
	e := Event{Name: EventToken, Time: t.issued, Pool: t.pool, Identity: t.identity, Session: hex.EncodeToString(id)}
	if t.amr[0] == guestAMR {
		e.Identity = shortID(t.identity)
	}
	p.audit(ctx, e)
	return token, nil
}

// poolARN is the ARN of an identity pool. Source: identity-protocol §1.1.
func (p *Pools) poolARN(pool string) string {
	a := p.options.Account
	return "arn:" + a.Partition + ":cognito-identity:" + a.Region + ":" + a.ID + ":identitypool/" + pool
}
