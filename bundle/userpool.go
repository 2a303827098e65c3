package bundle

import "strings"

// UserPool is the userPool of pools/NAME.yaml: a directory of users. The users
// live in a store, not in the bundle.
type UserPool struct {
	Name string
	// ID is REGION_ID; a login's key and a token's issuer end in it.
	ID string
	// MFA is "off", "optional" or "on".
	MFA string
	// SignUp lets people sign themselves up.
	SignUp bool
	// MinimumPassword is how many characters a password has at least.
	MinimumPassword int
	// Clients and Groups are in source order.
	Clients []UserPoolClient
	Groups  []UserPoolGroup
}

// UserPoolClient is an app that signs users in.
type UserPoolClient struct {
	Name, ID string
	// Secret says that the client has one. It stands outside the bundle.
	Secret bool
	// Flows are the sign-in flows that the client may use.
	Flows []string
	// CallbackURLs and LogoutURLs are those of the hosted sign-in page.
	CallbackURLs, LogoutURLs []string
}

// UserPoolGroup is a group of users.
type UserPoolGroup struct {
	Name string
	// Role is the name of a role of the bundle, empty if the group has none.
	Role string
	// Precedence decides between groups, the lowest first; negative if the
	// group has none and comes last.
	Precedence int
}

// Limits of a user pool. Source: Amazon Cognito Developer Guide, "Quotas".
const (
	maxClients = 1000
	maxGroups  = 10000
)

// signInFlows are the flows that a client may use. Source: identity-protocol
// §2.1.
var signInFlows = []string{"USER_SRP_AUTH", "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", "ADMIN_USER_PASSWORD_AUTH"}

func (l *loader) userPool(name string, n node) *UserPool {
	p := &UserPool{Name: name, MFA: "off", MinimumPassword: 8}
	n.object("id, mfa, signUp, minimumPassword, clients or groups", func(member string, x node) bool {
		switch member {
		case "id":
			p.ID = x.userPoolID()
			l.later(func() { l.uniquePool(name, p.ID, x) })
		case "mfa":
			p.MFA = x.choice("off", "optional", "on")
		case "signUp":
			p.SignUp = x.truth()
		case "minimumPassword":
			p.MinimumPassword = x.integer(6, 99)
		case "clients":
			x.named(false, func(name string, x node) { p.Clients = append(p.Clients, x.client(name)) })
		case "groups":
			x.named(true, func(name string, x node) { p.Groups = append(p.Groups, l.group(name, x)) })
		default:
			return false
		}
		return true
	})
	n.need("id", "clients")
	if len(p.Clients) > maxClients || len(p.Groups) > maxGroups {
		n.fault("more than %d clients or %d groups", maxClients, maxGroups)
	}
	ids := map[string]bool{}
	for _, c := range p.Clients {
		if ids[c.ID] && c.ID != "" {
			n.fault("two clients with the id %q", short(c.ID))
		}
		ids[c.ID] = true
	}
	return p
}

func (n node) userPoolID() string {
	s := n.name()
	region, id, ok := strings.Cut(s, "_")
	if s != "" && (!ok || region == "" || id == "" || len(s) > 55 || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
		strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "") {
		n.fault("a user pool's id is REGION_ID, have %s", n.kind())
	}
	return s
}

func (n node) client(name string) UserPoolClient {
	c := UserPoolClient{Name: name, Flows: []string{"USER_SRP_AUTH", "REFRESH_TOKEN_AUTH"}}
	n.object("id, secret, flows, callbackURLs or logoutURLs", func(member string, x node) bool {
		switch member {
		case "id":
			c.ID = x.name()
		case "secret":
			c.Secret = x.truth()
		case "flows":
			c.Flows = nil
			x.list(func(x node) { c.Flows = append(c.Flows, x.choice(signInFlows...)) })
		case "callbackURLs":
			c.CallbackURLs = x.names()
		case "logoutURLs":
			c.LogoutURLs = x.names()
		default:
			return false
		}
		return true
	})
	n.need("id")
	return c
}

func (l *loader) group(name string, n node) UserPoolGroup {
	g := UserPoolGroup{Name: name, Precedence: -1}
	n.object("role or precedence", func(member string, x node) bool {
		switch member {
		case "role":
			g.Role = l.roleName(x)
		case "precedence":
			g.Precedence = x.integer(0, 1<<30)
		default:
			return false
		}
		return true
	})
	return g
}
