package bundle

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
)

// keyFinder is what settings needs of a vocabulary.
type keyFinder interface {
	Key(name string) (conditions.Key, error)
}

func untyped(k conditions.Key) bool { return k.Kind == conditions.Untyped }

// suiteIdentity is who asks in a suite: a session of a role, usually one that an
// identity pool made.
type suiteIdentity struct {
	name      string
	role      string
	principal engine.Principal
	session   *engine.Set // nil if there is none
	settings  []setting
}

// identityReader holds the members of an identity until all are read.
type identityReader struct {
	suite         *suiteReader
	place         node
	role, id      string
	authenticated bool
	claims        node
	tags          []identity.Tag
	pool          string
	provider      string
	context       []setting
}

const identityFields = "role, identityId, authenticated, claims, tags, pool, provider or context"

func (s *suiteReader) identity(name string, n node) *suiteIdentity {
	r := &identityReader{suite: s, place: n}
	n.object(identityFields, func(member string, x node) bool {
		switch member {
		case "role":
			r.role = x.name()
		case "identityId":
			r.id = x.name()
		case "authenticated":
			r.authenticated = x.truth()
		case "claims":
			r.claims = x
			x.members(func(_, _ node) {})
		case "tags":
			r.tags = x.tags()
		case "pool":
			r.pool = x.name()
		case "provider":
			r.provider = x.name()
		case "context":
			r.context = x.settings(s.bundle.vocabulary)
		default:
			return false
		}
		return true
	})
	n.need("role")
	return r.identity(name)
}

// identity resolves what the members name and derives the context keys of the
// session.
func (r *identityReader) identity(name string) *suiteIdentity {
	b, n := r.suite.bundle, r.place
	out := &suiteIdentity{name: name, role: r.role}
	role, ok := b.Role(r.role)
	if !ok {
		if r.role != "" {
			n.fault("no roles/%s.yaml", short(r.role))
		}
		return out
	}
	p, err := b.Principal(r.role, SessionName)
	if err != nil {
		n.fault("%v", err)
		return out
	}
	out.principal = p
	pool := r.pooled(role)
	if pool != nil && !r.authenticated {
		out.session = pool.GuestSession
	}
	out.settings = append(r.federation(pool), r.sessionTags(role, pool)...)
	out.settings = append(out.settings, r.context...)
	return out
}

// pooled returns the pool of the identity; nil if it has none.
func (r *identityReader) pooled(role *Role) *IdentityPool {
	b, n := r.suite.bundle, r.place
	if r.id == "" {
		for _, member := range []string{"authenticated", "claims", "pool", "provider"} {
			if n.has(member) {
				n.fault("%s without an identityId: it is said of identities of a pool", member)
			}
		}
		return nil
	}
	var pool *IdentityPool
	switch {
	case r.pool != "":
		var ok bool
		if pool, ok = b.IdentityPool(r.pool); !ok {
			n.fault("no identity pool pools/%s.yaml", short(r.pool))
			return nil
		}
	case len(b.IdentityPools) > 1:
		n.fault("no pool: the bundle has %d identity pools", len(b.IdentityPools))
		return nil
	case len(b.IdentityPools) == 1:
		pool = b.IdentityPools[0]
	default:
		return nil
	}
	switch {
	case r.authenticated:
	case n.has("claims"):
		n.fault("claims of an identity that is not authenticated: nobody vouched for them")
	case pool.Unauthenticated == "":
		n.fault("pools/%s.yaml has no guests: say authenticated: true", pool.Name)
	case pool.Unauthenticated != role.ARN && !pool.ClassicFlow:
		n.fault("guests of pools/%s.yaml get the role %s, not %s", pool.Name, path.Base(pool.Unauthenticated), short(r.role))
	}
	return pool
}

// login returns the provider that the identity signed in with; nil if that
// does not matter or cannot be told.
func (r *identityReader) login(pool *IdentityPool) *identity.PoolProvider {
	if pool == nil || !r.authenticated {
		if r.provider != "" {
			r.place.fault("a provider is said of an authenticated identity of a pool")
		}
		return nil
	}
	if r.provider != "" {
		i := slices.IndexFunc(pool.Providers, func(p identity.PoolProvider) bool { return p.Name == r.provider })
		switch {
		case i >= 0:
			return &pool.Providers[i]
		case pool.DeveloperProvider == r.provider:
			return &identity.PoolProvider{Name: r.provider, Kind: identity.DeveloperProvider}
		}
		r.place.fault("pools/%s.yaml has no provider %q", pool.Name, short(r.provider))
		return nil
	}
	own := r.suite.bundle.ownProviders(pool)
	switch {
	case len(pool.Providers) == 1 && pool.DeveloperProvider == "":
		return &pool.Providers[0]
	case len(own) == 1:
		return own[0]
	case len(pool.Providers) > 0:
		r.place.fault("no provider: pools/%s.yaml has several", pool.Name)
	}
	return nil
}

// ownProviders returns the user pools of the bundle among a pool's providers.
func (b *Bundle) ownProviders(pool *IdentityPool) []*identity.PoolProvider {
	var out []*identity.PoolProvider
	for i := range pool.Providers {
		if b.ownUserPool(&pool.Providers[i]) != nil {
			out = append(out, &pool.Providers[i])
		}
	}
	return out
}

// federation gives the context keys of an identity pool's session. Source:
// iam-semantics §5.4.
func (r *identityReader) federation(pool *IdentityPool) []setting {
	if r.id == "" {
		return nil
	}
	out := []setting{
		{key: "aws:FederatedProvider", values: []string{"cognito-identity.amazonaws.com"}},
		{key: "cognito-identity.amazonaws.com:sub", values: []string{r.id}},
	}
	if pool != nil {
		out = append(out, setting{key: "cognito-identity.amazonaws.com:aud", values: []string{pool.ID}})
	}
	amr := []string{"unauthenticated"}
	if r.authenticated {
		amr = []string{"authenticated"}
		if p := r.login(pool); p != nil {
			amr = append(amr, p.Name)
			if sub, ok := r.claim("sub"); ok && p.Kind == identity.UserPoolProvider {
				amr = append(amr, p.Name+":CognitoSignIn:"+sub)
			}
		}
	}
	return append(out, setting{key: "cognito-identity.amazonaws.com:amr", values: amr})
}

// sessionTags gives the tags of the session: those of the role, and on top of
// them the session's own, which replace a role's whose key differs by case
// alone. Source: iam-semantics §5.3.
func (r *identityReader) sessionTags(role *Role, pool *IdentityPool) []setting {
	own := r.tags
	if mapped, ok := r.mapped(pool); ok {
		if r.place.has("tags") && !sameTags(own, mapped) {
			r.place.fault("tags: pools/%s.yaml makes %s of the claims, not %s", pool.Name, tagList(mapped), tagList(own))
		}
		own = mapped
	}
	var out []setting
	for _, t := range role.Tags {
		if !slices.ContainsFunc(own, func(o identity.Tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			out = append(out, setting{key: "aws:PrincipalTag/" + t.Key, values: []string{t.Value}})
		}
	}
	for _, t := range own {
		out = append(out, setting{key: "aws:PrincipalTag/" + t.Key, values: []string{t.Value}})
	}
	return out
}

// mapped returns the session tags that the pool makes of the claims; ok is
// false if there is no pool that maps any.
func (r *identityReader) mapped(pool *IdentityPool) (tags []identity.Tag, ok bool) {
	if pool == nil {
		return nil, false
	}
	for i := range pool.Providers {
		t := &pool.Providers[i].PrincipalTags
		ok = ok || t.Defaults || len(t.Claims) > 0
	}
	if !ok || !r.authenticated {
		return nil, ok
	}
	p := r.login(pool)
	if p == nil {
		return nil, true
	}
	from := p.PrincipalTags.Claims
	if p.PrincipalTags.Defaults {
		from = []identity.TagClaim{{Tag: "client", Claim: "aud"}, {Tag: "username", Claim: "sub"}}
	}
	for _, x := range from {
		// A claim that is missing or a list makes no tag, never an empty one.
		value, found := r.claim(x.Claim)
		if !found || value == "" {
			continue
		}
		if !tagText(value, maxTagValue) {
			r.claims.fault("the claim %q cannot be the tag %q: it has characters or a length that tags have not", short(x.Claim), x.Tag)
		}
		tags = append(tags, identity.Tag{Key: x.Tag, Value: value})
	}
	return tags, true
}

// claim returns a claim with one value. Case matters.
func (r *identityReader) claim(name string) (value string, ok bool) {
	if r.claims.Node == nil {
		return "", false
	}
	for i := 0; i+1 < len(r.claims.Content); i += 2 {
		x := r.claims.child(name, r.claims.Content[i+1])
		if r.claims.Content[i].Value == name && x.Kind == yaml.ScalarNode && !x.null() {
			return x.Value, true
		}
	}
	return "", false
}

func sameTags(a, b []identity.Tag) bool {
	if len(a) != len(b) {
		return false
	}
	for _, t := range a {
		if !slices.Contains(b, t) {
			return false
		}
	}
	return true
}

func tagList(tags []identity.Tag) string {
	if len(tags) == 0 {
		return "no tags"
	}
	parts := make([]string, len(tags))
	for i, t := range tags {
		parts[i] = t.Key + ": " + quote(t.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
