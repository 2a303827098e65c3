package bundle

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/identity/userpool"
)

// UserPool is the userPool of pools/NAME.yaml: a directory of users. The users
// and the secrets of clients live elsewhere.
type UserPool struct {
	userpool.Config
}

// client returns the client of that id, nil if there is none.
func (u *UserPool) client(id string) *userpool.ClientConfig {
	for i := range u.Clients {
		if u.Clients[i].ID == id {
			return &u.Clients[i]
		}
	}
	return nil
}

// Limits of a user pool. Source: identity-protocol §2.1; Amazon Cognito
// Developer Guide, "Quotas".
const (
	maxClients    = 1000
	maxGroups     = 10000
	maxAttributes = 50
	maxURLs       = 100
	maxScopes     = 50
)

// signInFlows are the flows that a client may use. Source: identity-protocol
// §2.1.
var signInFlows = []string{"USER_SRP_AUTH", "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", "ADMIN_USER_PASSWORD_AUTH"}

// standardAttributes are the attributes that every pool has. Source: Amazon
// Cognito Developer Guide, "Working with user attributes".
var standardAttributes = []string{
	"address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname",
	"phone_number", "picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo",
}

func (l *loader) userPool(name string, n node) *UserPool {
	p := &UserPool{userpool.Config{Name: name, MFA: "OFF", Password: defaultPassword}}
	const fields = "id, mfa, totpIssuer, signUp, usernameAttributes, aliasAttributes, autoVerified, attributes, password, clients or groups"
	n.object(fields, func(member string, x node) bool {
		switch member {
		case "id":
			p.ID = x.userPoolID()
			l.later(func() { l.uniquePool(name, p.ID, x) })
		case "mfa":
			p.MFA = strings.ToUpper(x.choice("off", "optional", "on"))
		case "totpIssuer":
			if p.TOTPIssuer = x.name(); strings.Contains(p.TOTPIssuer, ":") {
				x.fault("no colons: authenticator apps end the issuer there")
			}
		case "signUp":
			p.SignUp = x.truth()
		case "usernameAttributes":
			p.UsernameAttributes = x.choices("email")
		case "aliasAttributes":
			p.AliasAttributes = x.choices("email", "preferred_username")
		case "autoVerified":
			p.AutoVerified = x.choices("email")
		case "attributes":
			p.Attributes = x.attributes()
		case "password":
			p.Password = x.passwordPolicy()
		case "clients":
			l.clients(p, x)
		case "groups":
			l.groups(p, x)
		default:
			return false
		}
		return true
	})
	n.need("id", "clients")
	if len(p.UsernameAttributes) > 0 && len(p.AliasAttributes) > 0 {
		n.fault("usernameAttributes and aliasAttributes: users sign in with the one, or with a name and its aliases")
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

// choices reads a list of some of a few words, each once.
func (n node) choices(words ...string) []string {
	var out []string
	n.list(func(x node) {
		s := x.choice(words...)
		if slices.Contains(out, s) && s != "" {
			x.fault("%q stands twice", s)
			return
		}
		out = append(out, s)
	})
	return out
}

// defaultPassword is the policy of a pool that has none: the one of AWS.
// Source: Amazon Cognito Developer Guide, "Adding user pool password
// requirements".
var defaultPassword = userpool.PasswordPolicy{
	MinimumLength: 8, RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true, TemporaryDays: 7,
}

// passwordPolicy reads what passwords must have; what is left out stays as the
// default has it.
func (n node) passwordPolicy() userpool.PasswordPolicy {
	p := defaultPassword
	const fields = "minimumLength, requireUppercase, requireLowercase, requireNumbers, requireSymbols or temporaryDays"
	n.object(fields, func(member string, x node) bool {
		switch member {
		case "minimumLength":
			p.MinimumLength = x.integer(6, 99)
		case "requireUppercase":
			p.RequireUppercase = x.truth()
		case "requireLowercase":
			p.RequireLowercase = x.truth()
		case "requireNumbers":
			p.RequireNumbers = x.truth()
		case "requireSymbols":
			p.RequireSymbols = x.truth()
		case "temporaryDays":
			p.TemporaryDays = x.integer(1, 365)
		default:
			return false
		}
		return true
	})
	return p
}

// attributeName reports whether s may name an attribute of users.
func attributeName(s string) bool {
	own, custom := strings.CutPrefix(s, "custom:")
	if !custom {
		return slices.Contains(standardAttributes, s)
	}
	return own != "" && len(s) <= 32 && word(own, "-.")
}

const wantAttribute = "want a standard attribute such as email, or custom:NAME of at most 32 letters, digits or _.-"

// attributes reads the custom attributes, and what is special about standard
// ones. Standard attributes may change, custom ones only if they say so.
func (n node) attributes() []userpool.AttributeConfig {
	var out []userpool.AttributeConfig
	n.named(false, func(name string, x node) {
		a := userpool.AttributeConfig{Name: name, Mutable: !strings.HasPrefix(name, "custom:"), Max: 2048}
		x.object("mutable, required, minLength or maxLength", func(member string, x node) bool {
			switch member {
			case "mutable":
				a.Mutable = x.truth()
			case "required":
				a.Required = x.truth()
			case "minLength":
				a.Min = x.integer(0, 2048)
			case "maxLength":
				a.Max = x.integer(1, 2048)
			default:
				return false
			}
			return true
		})
		switch {
		case !attributeName(name):
			x.fault(wantAttribute)
		case a.Required && strings.HasPrefix(name, "custom:"):
			x.fault("a custom attribute cannot be required")
		case a.Min > a.Max:
			x.fault("minLength is more than maxLength")
		case len(out) == maxAttributes:
			n.fault("more than %d attributes", maxAttributes)
			return
		}
		out = append(out, a)
	})
	return out
}

// clients reads the apps through which users sign in, by their names.
func (l *loader) clients(p *UserPool, n node) {
	n.named(false, func(name string, x node) {
		if len(p.Clients) == maxClients {
			n.fault("more than %d clients", maxClients)
			return
		}
		c := userpool.ClientConfig{
			Name: name, Flows: []string{"USER_SRP_AUTH", "REFRESH_TOKEN_AUTH"},
			PreventUserExistenceErrors: true, Revocation: true,
			IDTokenLife: time.Hour, AccessTokenLife: time.Hour, RefreshTokenLife: 30 * day, SessionLife: 3 * time.Minute,
		}
		l.client(p, &c, x)
		p.Clients = append(p.Clients, c)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		n.fault("no clients: nobody could sign in")
	}
}

const clientFields = "id, secret, flows, lifetimes, callbackURLs, logoutURLs, scopes, readAttributes, writeAttributes, " +
	"preventUserExistenceErrors, tokenRevocation, rotateRefresh or rotateGrace"

func (l *loader) client(p *UserPool, c *userpool.ClientConfig, n node) {
	n.object(clientFields, func(member string, x node) bool {
		switch member {
		case "id":
			c.ID = x.clientID()
			id := c.ID
			l.later(func() { l.uniqueClient(p.Name, id, x) })
		case "secret":
			c.HasSecret = x.truth()
		case "flows":
			c.Flows = x.choices(signInFlows...)
		case "lifetimes":
			x.lifetimes(c)
		case "callbackURLs":
			c.CallbackURLs = x.urls()
		case "logoutURLs":
			c.LogoutURLs = x.urls()
		case "scopes":
			c.Scopes = x.scopes()
		case "readAttributes":
			c.ReadAttributes = x.attributeNames("email_verified", "phone_number_verified")
			l.later(func() { x.customAttributes(p) })
		case "writeAttributes":
			c.WriteAttributes = x.attributeNames()
			l.later(func() { x.customAttributes(p) })
		case "preventUserExistenceErrors":
			c.PreventUserExistenceErrors = x.truth()
		case "tokenRevocation":
			c.Revocation = x.truth()
		case "rotateRefresh":
			c.RotateRefresh = x.truth()
		case "rotateGrace":
			c.RotateGrace = x.duration(0, time.Minute)
		default:
			return false
		}
		return true
	})
	n.need("id")
	if n.has("rotateGrace") && !c.RotateRefresh {
		n.fault("rotateGrace without rotateRefresh")
	}
}

func (n node) clientID() string {
	s := n.name()
	if s != "" && (len(s) > 128 || !word(s, "+")) {
		n.fault("a client's id has 1 to 128 letters, digits, _ or +, have %s", n.kind())
	}
	return s
}

// uniqueClient refuses an id that another client of the bundle has: calls name
// their client, and the client names its pool.
func (l *loader) uniqueClient(pool, id string, n node) {
	if other, taken := l.claim("client "+id, pool); taken && id != "" {
		n.fault("pools/%s.yaml has a client with the same id", other)
	}
}

// attributeNames reads a list of attributes, those of more among them. None is
// not nil: nil means all.
func (n node) attributeNames(more ...string) []string {
	out := []string{}
	n.list(func(x node) {
		s := x.name()
		switch {
		case s == "":
		case !slices.Contains(more, s) && !attributeName(s):
			x.fault(wantAttribute)
		case slices.Contains(out, s):
			x.fault("%q stands twice", s)
		default:
			out = append(out, s)
		}
	})
	return out
}

// customAttributes refuses custom attributes that the pool has not.
func (n node) customAttributes(p *UserPool) {
	n.list(func(x node) {
		has := slices.ContainsFunc(p.Attributes, func(a userpool.AttributeConfig) bool { return a.Name == x.Value })
		if strings.HasPrefix(x.Value, "custom:") && !has {
			x.fault("the pool has no attribute %q", short(x.Value))
		}
	})
}

// lifetimes reads how long tokens last. Source: identity-protocol §2.1.
func (n node) lifetimes(c *userpool.ClientConfig) {
	n.object("id, access, refresh or session", func(member string, x node) bool {
		switch member {
		case "id":
			c.IDTokenLife = x.duration(5*time.Minute, day)
		case "access":
			c.AccessTokenLife = x.duration(5*time.Minute, day)
		case "refresh":
			c.RefreshTokenLife = x.duration(time.Hour, 3650*day)
		case "session":
			c.SessionLife = x.duration(3*time.Minute, 15*time.Minute)
		default:
			return false
		}
		return true
	})
}

const day = 24 * time.Hour

var units = []struct {
	suffix string
	of     time.Duration
}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// duration reads a whole number of one unit, such as 90s, 5m, 1h or 30d.
func (n node) duration(least, most time.Duration) time.Duration {
	for _, u := range units {
		digits, ok := strings.CutSuffix(n.Value, u.suffix)
		if !ok || !n.isText() {
			continue
		}
		i, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || strconv.FormatInt(i, 10) != digits || i < 0 || i > int64(most/u.of) || time.Duration(i)*u.of < least {
			break
		}
		return time.Duration(i) * u.of
	}
	n.fault("want a time from %s to %s, have %s", spell(least), spell(most), n.kind())
	return least
}

// spell writes a duration as duration reads it.
func spell(d time.Duration) string {
	for _, u := range units {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + u.suffix
		}
	}
	return "0s"
}

// urls reads addresses that a browser may be sent to. They are compared
// exactly, so they stand as a client will send them. Source: RFC 6749, section
// 3.1.2; RFC 9700, section 2.1.
func (n node) urls() []string {
	out := n.names()
	if len(out) > maxURLs {
		n.fault("more than %d addresses", maxURLs)
	}
	n.list(func(x node) {
		if problem := userpool.RedirectFault(x.Value); problem != "" && x.isText() {
			x.fault("%s, have %s", problem, x.kind())
		}
	})
	return out
}

func (n node) scopes() []string {
	out := n.names()
	if len(out) > maxScopes {
		n.fault("more than %d scopes", maxScopes)
	}
	n.list(func(x node) {
		// Source: RFC 6749, section 3.3.
		bad := strings.ContainsFunc(x.Value, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' })
		if x.isText() && (bad || len(x.Value) > 256) {
			x.fault("want the name of a scope, such as openid, have %s", x.kind())
		}
	})
	return out
}

// groups reads the groups that administrators put users into, by their names.
func (l *loader) groups(p *UserPool, n node) {
	n.named(true, func(name string, x node) {
		if len(p.Groups) == maxGroups {
			n.fault("more than %d groups", maxGroups)
			return
		}
		at := len(p.Groups)
		p.Groups = append(p.Groups, userpool.GroupConfig{Name: name, Precedence: -1})
		l.group(p, at, x)
	})
}

func (l *loader) group(p *UserPool, at int, n node) {
	if name := p.Groups[at].Name; len(name) > 128 || strings.Contains(name, " ") {
		n.fault("a group is called with 1 to 128 characters, none of them a space")
	}
	n.object("role, precedence or description", func(member string, x node) bool {
		switch member {
		case "role":
			l.roleOf(x, func(arn string) { p.Groups[at].RoleARN = arn })
		case "precedence":
			p.Groups[at].Precedence = x.integer(0, 1<<30)
		case "description":
			if p.Groups[at].Description = x.text(); len(p.Groups[at].Description) > 2048 {
				x.fault("a description has at most 2048 characters")
			}
		default:
			return false
		}
		return true
	})
}
