package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// proof is a login that was verified in this call.
type proof struct {
	login *Login
	kind  ProviderKind
	// provider is what the pool says of the login's provider, nil for a
	// developer's.
	provider *PoolProvider
	// own is set for a token of the pool itself, which proves an identity
	// rather than a login of it.
	own *ownToken
}

// name is what the session's amr, and the records, call the login's provider.
func (f *proof) name() string { return f.login.Provider }

// prove verifies all logins of a call that will do something, and ties those
// that can be spent to the pool.
func (p *Pools) prove(ctx context.Context, pool *PoolConfig, logins map[string]string) ([]proof, error) {
	proofs, err := p.verifyLogins(ctx, pool, logins)
	if err != nil {
		return nil, err
	}
	for i := range proofs {
		f := &proofs[i]
		if f.provider == nil {
			continue
		}
		if s, ok := p.options.Verifiers[f.provider.Name].(Spender); ok {
			if err := s.Spend(ctx, f.login, pool.ID); err != nil {
				return nil, err
			}
		}
	}
	return proofs, nil
}

// verifyLogins verifies all logins of a call; one bad token fails it. They come
// back in the order of their keys. Source: identity-protocol §1.5.
func (p *Pools) verifyLogins(ctx context.Context, pool *PoolConfig, logins map[string]string) ([]proof, error) {
	keys := sortedKeys(logins)
	out := make([]proof, len(keys))
	for i, key := range keys { // the cheap refusals first
		switch provider, ok := pool.Provider(key); {
		case pool.DeveloperProvider != "" && key == pool.DeveloperProvider:
			return nil, Errorf(InvalidParameter, "Please provide a valid public provider.")
		case ok:
			out[i] = proof{provider: provider, kind: provider.Kind}
		case key == poolPrincipal && pool.DeveloperProvider != "":
			out[i] = proof{kind: DeveloperProvider}
		default:
			return nil, Errorf(NotAuthorized, "Token is not from a supported provider of this identity pool.")
		}
	}
	for i, key := range keys {
		if err := p.proveOne(ctx, pool, key, logins[key], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *Pools) proveOne(ctx context.Context, pool *PoolConfig, key, token string, f *proof) error {
	if f.provider == nil {
		own, err := p.verifyOwn(ctx, token, []string{pool.ID})
		if err != nil {
			return err
		}
		if !own.by(pool.DeveloperProvider) {
			return Errorf(NotAuthorized, "Token is not from a supported provider of this identity pool.")
		}
		f.login, f.own = own.login, own
		return nil
	}
	verifier := p.options.Verifiers[key]
	login, err := verifier.Verify(ctx, token, f.provider.Clients)
	if err != nil {
		return err
	}
	if login == nil || login.Provider != key || login.Subject == "" || len(login.Subject) > maxSubject {
		return fmt.Errorf("the verifier of %s returned a login of another provider or without a subject", key)
	}
	if f.provider.ServerSideTokenCheck {
		checker, ok := verifier.(Checker) // New saw to it
		if !ok {
			return fmt.Errorf("the verifier of %s cannot check tokens", key)
		}
		if err := checker.Check(ctx, login); err != nil {
			return err
		}
	}
	f.login = login
	return nil
}

// amr returns the values that a login adds to cognito-identity.amazonaws.com:amr.
// Source: identity-protocol §1.8.
func (p *Pools) amr(pool *PoolConfig, f *proof) []string {
	switch name, subject := f.name(), f.login.Subject; {
	case f.own != nil:
		return f.own.amr[1:]
	case f.kind == UserPoolProvider:
		return []string{name, name + ":CognitoSignIn:" + subject}
	case f.kind == OpenIDProvider:
		return []string{name, p.oidcARN(name) + ":OIDC:" + subject}
	case f.kind == DeveloperProvider:
		return []string{name, developerAMR(pool.ID, name, subject)}
	default: // social and SAML
		return []string{name}
	}
}

// developerAMR is the value that tells which user of a developer a token is
// for. It is made and compared, never taken apart.
func developerAMR(pool, provider, user string) string { return provider + ":" + pool + ":" + user }

// sessionAMR is the amr of all logins; of a guest if there are none.
func (p *Pools) sessionAMR(pool *PoolConfig, proofs []proof) []string {
	if len(proofs) == 0 {
		return []string{guestAMR}
	}
	out := []string{authenticatedAMR}
	for i := range proofs {
		for _, value := range p.amr(pool, &proofs[i]) {
			if !slices.Contains(out, value) {
				out = append(out, value)
			}
		}
	}
	return out
}

// oidcARN is the ARN of an OIDC provider, registered or not.
func (p *Pools) oidcARN(name string) string {
	if o, ok := p.options.Account.OIDC[name]; ok {
		return o.ARN
	}
	return "arn:" + p.options.Account.Partition + ":iam::" + p.options.Account.ID + ":oidc-provider/" + name
}

// ownToken is a verified token of a pool. Source: identity-protocol §1.8.
type ownToken struct {
	login *Login // Subject is the identity, Audience the pool
	// amr begins with authenticated or unauthenticated.
	amr        []string
	tags       []Tag
	transitive []string
}

// by reports whether the token was made for a user of the developer provider,
// whose name comes right after "authenticated": see developerToken.
func (t *ownToken) by(provider string) bool {
	return provider != "" && len(t.amr) > 1 && t.amr[0] == authenticatedAMR && t.amr[1] == provider
}

// verifyOwn verifies a token of one of the pools.
func (p *Pools) verifyOwn(ctx context.Context, token string, pools []string) (*ownToken, error) {
	claims, err := oidc.Verify(ctx, token, p.keys, &oidc.Expect{
		Issuers: []string{p.options.Issuer}, Audiences: pools, Algorithms: []string{poolTokenAlgorithm}, MaxBytes: maxLoginToken,
	}, p.options.Now())
	if err != nil {
		return nil, RefuseToken(err)
	}
	t := &ownToken{login: &Login{Provider: poolPrincipal, Claims: claims}}
	l := t.login
	l.Subject, _ = claims.String("sub")
	l.Issuer, _ = claims.String("iss")
	l.Audience, _ = claims.String("aud")
	l.Expires, _ = claims.Time("exp")
	l.ID, _ = claims.String("jti")
	var ok bool
	if t.amr, ok = claims.Strings("amr"); !ok || len(t.amr) == 0 || l.Audience == "" {
		return nil, RefuseToken(fmt.Errorf("%w: amr or aud", oidc.ErrMalformed))
	}
	if t.tags, t.transitive, err = claimedTags(claims); err != nil {
		return nil, RefuseToken(fmt.Errorf("%w: %w", oidc.ErrMalformed, err))
	}
	l.Keys = []ContextKey{
		{poolPrincipal + ":sub", []string{l.Subject}},
		{poolPrincipal + ":aud", []string{l.Audience}},
		{poolPrincipal + ":amr", t.amr},
	}
	return t, nil
}

// holder returns the identity that a pool's own token proves, which may be the
// one that its identity was merged into; nil if nobody is left who may use it:
// the identity is gone, or the developer has unlinked the user.
func (t *ownToken) holder(tx Tx, pool *PoolConfig, now time.Time) (*identityRecord, error) {
	r, err := loadIdentity(tx, t.login.Subject, now)
	if err != nil || r == nil || r.Pool != pool.ID {
		return nil, err
	}
	if r, err = survivor(tx, r, now); err != nil || r == nil {
		return nil, err
	}
	for _, l := range r.Links {
		if l.Kind == DeveloperProvider && slices.Contains(t.amr, developerAMR(pool.ID, l.Provider, l.Subject)) {
			return r, nil
		}
	}
	return nil, nil
}

// kindOneTime are the tokens that were used up.
const kindOneTime = "onetime"

// spend uses up a developer's token in a pool whose tokens are good for one
// exchange. Source: identity-protocol §6.2, "token replay".
func (p *Pools) spend(ctx context.Context, pool *PoolConfig, t *ownToken) error {
	if !pool.OneTimeTokens || !t.by(pool.DeveloperProvider) {
		return nil
	}
	used := Record{Kind: kindOneTime, Key: pool.ID + "/" + t.login.ID, Expires: t.login.Expires.Add(MaxClockSkew)}
	err := p.options.Store.Update(ctx, func(tx Tx) error { return tx.Insert(used) })
	if errors.Is(err, ErrRecordExists) {
		return Errorf(NotAuthorized, "Token is inactive").Because(err)
	}
	return err
}

// ownVerifier is what Pools.Verifier returns.
type ownVerifier struct{ pools *Pools }

// Verify proves an identity by a token of its pool; clients are pool ids.
func (v ownVerifier) Verify(ctx context.Context, token string, clients []string) (*Login, error) {
	t, err := v.pools.verifyOwn(ctx, token, clients)
	if err != nil {
		return nil, err
	}
	return t.login, nil
}
