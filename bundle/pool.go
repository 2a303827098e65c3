package bundle

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// IdentityPool is the identityPool of pools/NAME.yaml: whose tokens it takes
// and which role they get. No secret stands in a bundle.
type IdentityPool struct {
	Name string
	// ID is REGION:UUID, the value of cognito-identity.amazonaws.com:aud.
	ID string
	// Authenticated and Unauthenticated are the names of the default roles.
	// Without the latter there are no guests.
	Authenticated, Unauthenticated string
	// GuestServices are the services that guests may reach at most, such as
	// "dynamodb", whatever their role allows. Nil means that nothing but the
	// role limits them.
	GuestServices []string
	// GuestSession is the session policy that GuestServices make, nil if there
	// are none.
	GuestSession *engine.Set
	// ClassicFlow lets clients take the pool's token to STS themselves.
	ClassicFlow bool
	// DeveloperProvider is the provider name of developer-authenticated
	// identities, empty if there are none.
	DeveloperProvider string
	// Providers are in source order.
	Providers []Provider

	guests *document
}

// ProviderKind is the sort of an identity provider; the key of a login tells
// it. Source: identity-protocol §1.5.
type ProviderKind string

// The sorts of providers.
const (
	UserPoolProvider  ProviderKind = "userPool"
	SocialProvider    ProviderKind = "social"
	OIDCProvider      ProviderKind = "oidc"
	SAMLProvider      ProviderKind = "saml"
	DeveloperProvider ProviderKind = "developer"
)

// Provider is one source of logins of an identity pool.
type Provider struct {
	// Name is the key of its logins: a host with a path, or the ARN of a SAML
	// provider.
	Name string
	Kind ProviderKind
	// Clients are the client ids that tokens may be for. SAML has none.
	Clients []string
	// ServerSideTokenCheck asks the user pool whether a token was revoked.
	ServerSideTokenCheck bool
	// Roles says which role a login gets; its zero value means the pool's
	// default role.
	Roles RoleMapping
	// PrincipalTags are the session tags that claims give.
	PrincipalTags PrincipalTags
}

// RoleMapping chooses the role of a login. Source: identity-protocol §1.9.
type RoleMapping struct {
	// Type is "token", "rules", or empty for no mapping.
	Type string
	// Ambiguous is "authenticatedRole" or "deny": what happens when nothing
	// chooses.
	Ambiguous string
	// Rules are tried in order.
	Rules []RoleRule
}

// RoleRule gives a role to a login by one of its claims.
type RoleRule struct {
	Claim string
	// Match is "equals", "notEqual", "startsWith" or "contains".
	Match string
	Value string
	// Role is the name of a role of the bundle.
	Role string
}

// PrincipalTags map claims to session tags. Source: identity-protocol §1.11.
type PrincipalTags struct {
	// Defaults means client from aud and username from sub.
	Defaults bool
	// Claims are in source order.
	Claims []TagClaim
}

// TagClaim says which claim gives a tag its value.
type TagClaim struct{ Tag, Claim string }

// Limits of identity pools. Source: identity-protocol §1.1.
const (
	maxProviders = 10
	maxRules     = 25
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
	p := &IdentityPool{Name: name}
	const fields = "id, authenticated, unauthenticated, guestServices, classicFlow, developerProvider or providers"
	n.object(fields, func(member string, x node) bool {
		switch member {
		case "id":
			p.ID = x.poolID()
			l.later(func() { l.uniquePool(name, p.ID, x) })
		case "authenticated":
			p.Authenticated = l.roleName(x)
		case "unauthenticated":
			p.Unauthenticated = l.roleName(x)
		case "guestServices":
			if p.GuestServices = x.services(); len(p.GuestServices) > 0 {
				p.guests = x.guestPolicy(name, p.GuestServices)
				l.use(p.guests, policy.Session)
			}
		case "classicFlow":
			p.ClassicFlow = x.truth()
		case "developerProvider":
			p.DeveloperProvider = x.name()
		case "providers":
			p.Providers = l.providers(x)
		default:
			return false
		}
		return true
	})
	n.need("id")
	if p.GuestServices != nil && p.Unauthenticated == "" {
		n.fault("guestServices without a role for guests, unauthenticated")
	}
	if n.Kind == yaml.MappingNode && p.Authenticated == "" && p.Unauthenticated == "" {
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

// roleName reads the name of a role of the bundle.
func (l *loader) roleName(n node) string {
	name := n.name()
	l.later(func() {
		if _, ok := l.bundle.Role(name); !ok && name != "" && l.bundle.text("roles/"+name+".yaml") == nil {
			n.fault("no roles/%s.yaml", short(name))
		}
	})
	return name
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

// guestPolicy writes the session policy of a pool's guests. Source:
// identity-protocol §1.10.
func (n node) guestPolicy(pool string, services []string) *document {
	actions := make([]string, len(services))
	for i, s := range services {
		actions[i] = quote(s + ":*")
	}
	text := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [` + strings.Join(actions, ", ") + "]}]}"
	pos := n.pos()
	doc, err := policy.ParseAt(n.file.name, []byte(text), func(policy.Position) policy.Position { return pos })
	if !n.file.faults.document(err, n.path) {
		return nil
	}
	return &document{Document: doc, name: "pools/" + pool + "/guests", path: n.path, kind: policy.Session}
}

func (l *loader) providers(n node) []Provider {
	var out []Provider
	n.named(false, func(name string, x node) {
		p := Provider{Name: name, Kind: providerKind(name)}
		x.object("clients, serverSideTokenCheck, roles or principalTags", func(member string, x node) bool {
			switch member {
			case "clients":
				p.Clients = x.names()
			case "serverSideTokenCheck":
				p.ServerSideTokenCheck = x.truth()
			case "roles":
				p.Roles = l.roleMapping(x)
			case "principalTags":
				p.PrincipalTags = x.principalTags()
			default:
				return false
			}
			return true
		})
		switch {
		case p.Kind == "":
			x.fault("a provider is a host such as accounts.google.com, with the path of its issuer, or the ARN of a saml-provider")
		case p.Kind == SAMLProvider && len(p.Clients) > 0:
			x.fault("a SAML provider has no clients")
		case p.Kind != SAMLProvider && len(p.Clients) == 0:
			x.fault("no clients: whose tokens would these be?")
		case p.ServerSideTokenCheck && p.Kind != UserPoolProvider:
			x.fault("serverSideTokenCheck is for user pools")
		}
		out = append(out, p)
	})
	if len(out) > maxProviders {
		n.fault("more than %d providers", maxProviders)
	}
	l.later(func() { l.ownUserPools(n, out) })
	return out
}

var socialProviders = []string{"accounts.google.com", "appleid.apple.com", "graph.facebook.com", "www.amazon.com", "api.twitter.com"}

// providerKind tells the sort of a provider by the key of its logins; empty if
// it is none.
func providerKind(name string) ProviderKind {
	host, rest, path := strings.Cut(name, "/")
	if strings.HasPrefix(name, "arn:") {
		parts := strings.SplitN(name, ":", 6)
		if len(parts) == 6 && parts[2] == "iam" && accountID(parts[4]) && strings.HasPrefix(parts[5], "saml-provider/") {
			return SAMLProvider
		}
		return ""
	}
	switch {
	case slices.Contains(socialProviders, name):
		return SocialProvider
	case strings.HasPrefix(host, "cognito-idp.") && strings.HasSuffix(host, ".amazonaws.com") && path && rest != "":
		return UserPoolProvider
	case strings.Contains(host, ".") && host == strings.ToLower(host) && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == "":
		return OIDCProvider
	}
	return ""
}

// ownUserPools checks what a pool says of a user pool of the same bundle.
func (l *loader) ownUserPools(n node, providers []Provider) {
	for _, p := range providers {
		_, id, _ := strings.Cut(p.Name, "/")
		for _, u := range l.bundle.UserPools {
			if p.Kind != UserPoolProvider || u.ID != id {
				continue
			}
			for _, client := range p.Clients {
				if !slices.ContainsFunc(u.Clients, func(c UserPoolClient) bool { return c.ID == client }) {
					n.fault("pools/%s.yaml has no client %q", u.Name, short(client))
				}
			}
		}
	}
}

func (l *loader) roleMapping(n node) RoleMapping {
	var m RoleMapping
	n.object("type, ambiguous or rules", func(member string, x node) bool {
		switch member {
		case "type":
			m.Type = x.choice("token", "rules")
		case "ambiguous":
			m.Ambiguous = x.choice("authenticatedRole", "deny")
		case "rules":
			x.list(func(x node) { m.Rules = append(m.Rules, l.roleRule(x)) })
		default:
			return false
		}
		return true
	})
	n.need("type", "ambiguous")
	switch {
	case m.Type == "token" && len(m.Rules) > 0:
		n.fault("rules with the type token: the token's claims choose the role then")
	case m.Type == "rules" && len(m.Rules) == 0:
		n.fault("no rules")
	case len(m.Rules) > maxRules:
		n.fault("more than %d rules", maxRules)
	}
	return m
}

func (l *loader) roleRule(n node) RoleRule {
	var r RoleRule
	n.object("claim, match, value or role", func(member string, x node) bool {
		switch member {
		case "claim":
			r.Claim = x.name()
		case "match":
			r.Match = x.choice("equals", "notEqual", "startsWith", "contains")
		case "value":
			r.Value = x.text()
		case "role":
			r.Role = l.roleName(x)
		default:
			return false
		}
		return true
	})
	n.need("claim", "match", "value", "role")
	return r
}

// principalTags reads {TAG: CLAIM}, or the word defaults.
func (n node) principalTags() PrincipalTags {
	if n.Kind == yaml.ScalarNode {
		n.choice("defaults")
		return PrincipalTags{Defaults: true}
	}
	var out PrincipalTags
	n.named(false, func(tag string, x node) {
		if !tagText(tag, maxTagKey) {
			x.fault("a tag's key has 1 to %d letters, digits, spaces or _.:/=+-@", maxTagKey)
		}
		if len(out.Claims) == maxTags {
			x.fault("more than %d tags", maxTags)
			return
		}
		out.Claims = append(out.Claims, TagClaim{tag, x.name()})
	})
	return out
}
