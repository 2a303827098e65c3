package bundle

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// IdentityPool is the identityPool of pools/NAME.yaml: whose tokens it takes
// and which role they get. No secret stands in a bundle.
type IdentityPool struct {
	identity.PoolConfig
	// GuestServices are the services that guests may reach at most, such as
	// "dynamodb", whatever their role allows. Nil means that nothing but the
	// role limits them.
	GuestServices []string
	// GuestSession is the session policy that GuestServices make, nil if there
	// are none.
	GuestSession *engine.Set

	guests *document
}

// Limits of identity pools. Source: identity-protocol §1.1.
const (
	maxProviders = 10
	maxRules     = 25
	maxClaim     = 64
	maxRuleValue = 128
)

// pool reads pools/NAME.yaml, which describes one pool.
func (l *loader) pool(name string, n node) {
	pools := 0
	n.object("identityPool or userPool", func(member string, x node) bool {
		switch member {
		case "identityPool":
			l.bundle.IdentityPools = append(l.bundle.IdentityPools, l.identityPool(name, x))
		case "userPool":
			l.bundle.UserPools = append(l.bundle.UserPools, l.userPool(name, x))
		default:
			return false
		}
		pools++
		return true
	})
	if n.Kind == yaml.MappingNode && pools != 1 {
		n.fault("want one of identityPool and userPool")
	}
}

func (l *loader) identityPool(name string, n node) *IdentityPool {
	p := &IdentityPool{PoolConfig: identity.PoolConfig{Name: name}}
	const fields = "id, authenticated, unauthenticated, guestServices, classicFlow, noLinking, developerProvider or providers"
	n.object(fields, func(member string, x node) bool {
		switch member {
		case "id":
			p.ID = x.poolID()
			l.later(func() { l.uniquePool(name, p.ID, x) })
		case "authenticated":
			l.roleOf(x, func(arn string) { p.Authenticated = arn })
		case "unauthenticated":
			l.roleOf(x, func(arn string) { p.Unauthenticated = arn })
		case "guestServices":
			p.GuestServices = x.services()
			l.guests(p, x)
		case "classicFlow":
			p.ClassicFlow = x.truth()
		case "noLinking":
			p.NoLinking = x.truth()
		case "developerProvider":
			p.DeveloperProvider = x.developerProvider()
			l.later(func() { p.distinct(x) })
		case "providers":
			p.Providers = l.providers(x)
		default:
			return false
		}
		return true
	})
	n.need("id")
	if p.GuestServices != nil && !n.has("unauthenticated") {
		n.fault("guestServices without a role for guests, unauthenticated")
	}
	if n.Kind == yaml.MappingNode && !n.has("authenticated") && !n.has("unauthenticated") {
		n.fault("no role: want authenticated, unauthenticated or both")
	}
	return p
}

// uniquePool refuses an id that another pool has.
func (l *loader) uniquePool(name, id string, n node) {
	if other, taken := l.claim("pool "+id, name); taken && id != "" {
		n.fault("pools/%s.yaml has the same id", other)
	}
}

// roleOf reads the name of a role of the bundle and hands its ARN to set, once
// every role was read.
func (l *loader) roleOf(n node, set func(arn string)) {
	name := n.name()
	l.later(func() {
		r, ok := l.bundle.Role(name)
		switch {
		case ok:
			set(r.ARN)
		case name != "" && l.bundle.text("roles/"+name+".yaml") == nil:
			n.fault("no roles/%s.yaml", short(name))
		}
	})
}

// poolID reads REGION:UUID.
func (n node) poolID() string {
	s := n.name()
	region, id, ok := strings.Cut(s, ":")
	if s != "" && (!ok || region == "" || id == "" || len(s) > 55 || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
		strings.Trim(id, "0123456789abcdef-") != "") {
		n.fault("an identity pool's id is REGION:UUID in lower case, have %s", n.kind())
	}
	return s
}

// services reads the services of guests; none, which is a fault, must not come
// to mean that there is no limit.
func (n node) services() []string {
	var out []string
	n.list(func(x node) {
		s := x.name()
		switch {
		case s == "":
		case strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			x.fault("a service is the first part of an action, such as dynamodb, have %s", x.kind())
		default:
			out = append(out, s)
		}
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		n.fault("no services: guests could do nothing")
	}
	return out
}

// guests writes the session policy of a pool's guests. Source:
// identity-protocol §1.10.
func (l *loader) guests(p *IdentityPool, n node) {
	if len(p.GuestServices) == 0 {
		return
	}
	actions := make([]string, len(p.GuestServices))
	for i, s := range p.GuestServices {
		actions[i] = quote(s + ":*")
	}
	p.GuestPolicy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [` + strings.Join(actions, ", ") + "]}]}"
	pos := n.pos()
	doc, err := policy.ParseAt(n.file.name, []byte(p.GuestPolicy), func(policy.Position) policy.Position { return pos })
	if !n.file.faults.document(err, n.path) {
		return
	}
	p.guests = &document{Document: doc, name: "pools/" + p.Name + "/guests", path: n.path, kind: policy.Session}
	l.use(p.guests, policy.Session)
}

// developerProvider reads the provider name of developer-authenticated
// identities. It may not pass for that of a public provider. Source:
// identity-protocol §1.1, §6.2.
func (n node) developerProvider() string {
	s := n.name()
	switch {
	case s == "":
	case len(s) > 128 || !word(s, "._-"):
		n.fault("a developer provider is called with 1 to 128 letters, digits or _.-, have %s", n.kind())
	case slices.Contains(socialProviders, strings.ToLower(s)) || strings.EqualFold(s, "cognito-identity.amazonaws.com"):
		n.fault("%q is a public provider", s)
	}
	return s
}

// distinct refuses a developer provider that is called as another provider of
// the pool.
func (p *IdentityPool) distinct(n node) {
	for i := range p.Providers {
		if strings.EqualFold(p.Providers[i].Name, p.DeveloperProvider) {
			n.fault("a provider of the pool has the same name")
		}
	}
}

// word reports whether s is ASCII letters, digits, underscores and others.
func word(s, others string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"+others) == ""
}

func (l *loader) providers(n node) []identity.PoolProvider {
	// Rules refer to roles by pointers into the slice: it must not move.
	out := make([]identity.PoolProvider, 0, maxProviders)
	n.named(false, func(name string, x node) {
		if len(out) == maxProviders {
			n.fault("more than %d providers", maxProviders)
			return
		}
		out = append(out, identity.PoolProvider{Name: name, Kind: providerKind(name)})
		l.provider(&out[len(out)-1], x)
	})
	if len(out) == 0 {
		return nil
	}
	return out
}

func (l *loader) provider(p *identity.PoolProvider, n node) {
	n.object("clients, serverSideTokenCheck, roles or principalTags", func(member string, x node) bool {
		switch member {
		case "clients":
			p.Clients = x.names()
			l.later(func() { l.ownClients(p, x) })
		case "serverSideTokenCheck":
			p.ServerSideTokenCheck = x.truth()
		case "roles":
			l.roleMapping(&p.Roles, x)
			l.later(func() { l.reviewRoles(p, x) })
		case "principalTags":
			p.PrincipalTags = x.principalTags()
			l.later(func() { l.reviewTags(p, x) })
		default:
			return false
		}
		return true
	})
	switch {
	case len(p.Name) > 128 && p.Kind != identity.SAML2Provider:
		n.fault("the name of a provider has at most 128 characters")
	case p.Kind == "":
		n.fault("a provider is a host such as accounts.google.com, with the path of its issuer, or the ARN of a saml-provider")
	case p.Kind == identity.SAML2Provider && len(p.Clients) > 0:
		n.fault("a SAML provider has no clients")
	case p.Kind != identity.SAML2Provider && len(p.Clients) == 0:
		n.fault("no clients: whose tokens would these be?")
	case p.ServerSideTokenCheck && p.Kind != identity.UserPoolProvider:
		n.fault("serverSideTokenCheck is for user pools")
	}
	l.later(func() { l.known(p, n) })
}

var socialProviders = []string{"accounts.google.com", "appleid.apple.com", "graph.facebook.com", "www.amazon.com", "api.twitter.com"}

// providerKind tells the sort of a provider by the key of its logins; empty if
// it is none.
func providerKind(name string) identity.ProviderKind {
	host, rest, path := strings.Cut(name, "/")
	if strings.HasPrefix(name, "arn:") {
		parts, ok := splitARN(name)
		if ok && parts[2] == "iam" && accountID(parts[4]) && strings.HasPrefix(parts[5], "saml-provider/") {
			return identity.SAML2Provider
		}
		return ""
	}
	switch {
	case slices.Contains(socialProviders, name):
		return identity.SocialProvider
	case strings.HasPrefix(host, "cognito-idp.") && strings.HasSuffix(host, ".amazonaws.com") && path && rest != "":
		return identity.UserPoolProvider
	case issuerHost(host):
		return identity.OpenIDProvider
	}
	return ""
}

// issuerHost reports whether s may be the host of an issuer, with a port.
func issuerHost(s string) bool {
	return (strings.Contains(s, ".") || strings.HasPrefix(s, "localhost")) &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == ""
}

// known refuses a provider of which nothing here could verify a token: what is
// only found out at the first login is found out too late.
func (l *loader) known(p *identity.PoolProvider, n node) {
	switch {
	case p.Kind == identity.SAML2Provider && l.unregistered(p.Name):
		n.fault("no providers/NAME.yaml with saml has the ARN %s", short(p.Name))
	case p.Name == "graph.facebook.com" && l.unregistered(p.Name):
		n.fault("no providers/NAME.yaml with facebook: its access tokens must be asked about")
	case p.Name == "www.amazon.com" || p.Name == "api.twitter.com":
		l.warn("unverifiable-provider", n, "nothing here verifies tokens of %s: nobody can sign in with them", p.Name)
	case p.Kind == identity.UserPoolProvider:
		if u := l.bundle.ownUserPool(p); u != nil && p.Name != userPoolKey(u.ID) {
			n.fault("the user pool %s is called %s as a provider", u.ID, userPoolKey(u.ID))
		}
	}
}

// userPoolKey is the key of logins of a user pool. Source: identity-protocol
// §1.5.
func userPoolKey(id string) string {
	region, _, _ := strings.Cut(id, "_")
	return "cognito-idp." + region + ".amazonaws.com/" + id
}

// ownUserPool returns the user pool of the bundle that a provider is, nil if it
// is another.
func (b *Bundle) ownUserPool(p *identity.PoolProvider) *UserPool {
	if p.Kind != identity.UserPoolProvider {
		return nil
	}
	_, id, _ := strings.Cut(p.Name, "/")
	i := slices.IndexFunc(b.UserPools, func(u *UserPool) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return b.UserPools[i]
}

// ownClients checks the clients of a user pool of the same bundle.
func (l *loader) ownClients(p *identity.PoolProvider, n node) {
	u := l.bundle.ownUserPool(p)
	if u == nil {
		return
	}
	for _, id := range p.Clients {
		if u.client(id) == nil {
			n.fault("pools/%s.yaml has no client %q", u.Name, short(id))
		}
	}
}

// wireWords are the words of bundles as the wire has them. Source:
// identity-protocol §1.9.
var wireWords = map[string]string{
	"token": "Token", "rules": "Rules",
	"authenticatedRole": "AuthenticatedRole", "deny": "Deny",
	"equals": "Equals", "notEqual": "NotEqual", "startsWith": "StartsWith", "contains": "Contains",
}

func (l *loader) roleMapping(m *identity.RoleMapping, n node) {
	n.object("type, ambiguous or rules", func(member string, x node) bool {
		switch member {
		case "type":
			m.Type = wireWords[x.choice("token", "rules")]
		case "ambiguous":
			m.Ambiguous = wireWords[x.choice("authenticatedRole", "deny")]
		case "rules":
			l.roleRules(m, x)
		default:
			return false
		}
		return true
	})
	n.need("type", "ambiguous")
	switch {
	case m.Type == "Token" && len(m.Rules) > 0:
		n.fault("rules with the type token: the token's claims choose the role then")
	case m.Type == "Rules" && len(m.Rules) == 0:
		n.fault("no rules")
	}
}

// roleRules reads the rules that choose a role, of which the first that matches
// does.
func (l *loader) roleRules(m *identity.RoleMapping, n node) {
	m.Rules = make([]identity.RoleRule, 0, maxRules)
	n.list(func(x node) {
		if len(m.Rules) == maxRules {
			n.fault("more than %d rules", maxRules)
			return
		}
		m.Rules = append(m.Rules, identity.RoleRule{})
		l.roleRule(&m.Rules[len(m.Rules)-1], x)
	})
}

func (l *loader) roleRule(r *identity.RoleRule, n node) {
	n.object("claim, match, value or role", func(member string, x node) bool {
		switch member {
		case "claim":
			if r.Claim = x.name(); len(r.Claim) > maxClaim || strings.Contains(r.Claim, " ") {
				x.fault("the name of a claim has 1 to %d characters, none of them a space", maxClaim)
			}
		case "match":
			r.Match = wireWords[x.choice("equals", "notEqual", "startsWith", "contains")]
		case "value":
			// Empty, it would be the start and a part of every claim.
			if r.Value = x.name(); len(r.Value) > maxRuleValue {
				x.fault("a value has 1 to %d characters", maxRuleValue)
			}
		case "role":
			l.roleOf(x, func(arn string) { r.Role = arn })
		default:
			return false
		}
		return true
	})
	n.need("claim", "match", "value", "role")
}

// principalTags reads {TAG: CLAIM}, or the word defaults.
func (n node) principalTags() identity.PrincipalTags {
	if n.Kind == yaml.ScalarNode {
		n.choice("defaults")
		return identity.PrincipalTags{Defaults: true}
	}
	var out identity.PrincipalTags
	n.named(false, func(tag string, x node) {
		if !tagText(tag, maxTagKey) || strings.HasPrefix(strings.ToLower(tag), "aws:") {
			x.fault("a tag's key has 1 to %d letters, digits, spaces or _.:/=+-@ and does not begin with aws:", maxTagKey)
		}
		if len(out.Claims) == maxTags {
			x.fault("more than %d tags", maxTags)
			return
		}
		out.Claims = append(out.Claims, identity.TagClaim{Tag: tag, Claim: x.name()})
	})
	return out
}
