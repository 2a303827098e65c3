package userpool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lifetimes. Source: identity-protocol §2.1.
const (
	defaultTokenLife   = time.Hour
	minTokenLife       = 5 * time.Minute
	maxTokenLife       = 24 * time.Hour
	defaultRefreshLife = 30 * 24 * time.Hour
	minRefreshLife     = time.Hour
	maxRefreshLife     = 3650 * 24 * time.Hour
	defaultSessionLife = 3 * time.Minute
	maxSessionLife     = 15 * time.Minute
	maxRotateGrace     = time.Minute
)

// Values of Config.MFA.
const (
	mfaOff      = "OFF"
	mfaOptional = "OPTIONAL"
	mfaOn       = "ON"
)

// settle puts defaults in place and refuses what cannot be honoured. It writes
// to no slice of the caller's.
func (c *Config) settle() error {
	c.Clients = slices.Clone(c.Clients)
	if tail := srpPoolName(c.ID); poolIDRule.broken(c.ID) != "" || tail == "" || tail == c.ID || strings.Contains(tail, "-") {
		return errors.New("an id is such as us-east-1_Ab12Cd34E")
	}
	if c.MFA == "" {
		c.MFA = mfaOff
	}
	if c.TOTPIssuer == "" {
		c.TOTPIssuer = c.Name
	}
	if !slices.Contains([]string{mfaOff, mfaOptional, mfaOn}, c.MFA) {
		return fmt.Errorf("MFA %q: want OFF, OPTIONAL or ON", c.MFA)
	}
	for _, err := range []error{
		only("username attribute", c.UsernameAttributes, attrEmail),
		only("alias attribute", c.AliasAttributes, attrEmail, attrPreferredUsername),
		only("auto-verified attribute", c.AutoVerified, attrEmail),
		c.Password.settle(), c.checkAttributes(), c.checkGroups(),
	} {
		if err != nil {
			return err
		}
	}
	if len(c.UsernameAttributes) > 0 && len(c.AliasAttributes) > 0 {
		return errors.New("username attributes and alias attributes exclude each other")
	}
	return nil
}

// only refuses names that are not among the known, and names given twice.
func only(what string, names []string, known ...string) error {
	for i, n := range names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("%s %q: want one of %s", what, n, strings.Join(known, ", "))
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("%s %q: there twice", what, n)
		}
	}
	return nil
}

func (p *PasswordPolicy) settle() error {
	if p.MinimumLength == 0 {
		p.MinimumLength = 8
	}
	if p.TemporaryDays == 0 {
		p.TemporaryDays = 7
	}
	if p.MinimumLength < 6 || p.MinimumLength > 99 {
		return fmt.Errorf("password: minimum length %d: want 6 to 99", p.MinimumLength)
	}
	if p.TemporaryDays < 1 || p.TemporaryDays > 365 {
		return fmt.Errorf("password: temporary for %d days: want 1 to 365", p.TemporaryDays)
	}
	return nil
}

func (c *Config) checkAttributes() error {
	for i, a := range c.Attributes {
		if slices.ContainsFunc(c.Attributes[:i], func(b AttributeConfig) bool { return b.Name == a.Name }) {
			return fmt.Errorf("attribute %q: there twice", a.Name)
		}
		custom, isCustom := strings.CutPrefix(a.Name, "custom:")
		if isCustom && (custom == "" || attrRule.broken(a.Name) != "") || !isCustom && !slices.Contains(standardAttributes, a.Name) {
			return fmt.Errorf("attribute %q: want a standard one, or custom: and a name, 32 characters at most", a.Name)
		}
		if reserved(a.Name) {
			return fmt.Errorf("attribute %q: the pool's own", a.Name)
		}
		if a.Min < 0 || a.Max < 0 || a.Max > maxAttributeValue || a.Max > 0 && a.Min > a.Max {
			return fmt.Errorf("attribute %q: lengths %d to %d", a.Name, a.Min, a.Max)
		}
	}
	return nil
}

func (c *Config) checkGroups() error {
	for i, g := range c.Groups {
		if why := groupRule.broken(g.Name); why != "" {
			return fmt.Errorf("group %q: %s", g.Name, why)
		}
		if slices.ContainsFunc(c.Groups[:i], func(h GroupConfig) bool { return h.Name == g.Name }) {
			return fmt.Errorf("group %q: there twice", g.Name)
		}
		if g.Precedence < -1 {
			return fmt.Errorf("group %q: precedence %d", g.Name, g.Precedence)
		}
	}
	return nil
}

// schema returns what is said of each attribute that users may have.
func (c *Config) schema() map[string]AttributeConfig {
	out := make(map[string]AttributeConfig, len(standardAttributes)+len(c.Attributes))
	for _, name := range standardAttributes {
		out[name] = AttributeConfig{Name: name, Mutable: true, Max: maxAttributeValue}
	}
	for _, a := range c.Attributes {
		if a.Max == 0 {
			a.Max = maxAttributeValue
		}
		out[a.Name] = a
	}
	for _, name := range c.UsernameAttributes {
		a := out[name]
		a.Required = true
		out[name] = a
	}
	return out
}

// settle puts defaults in place and refuses what cannot be honoured.
func (c *client) settle(p *pool) error {
	if why := clientIDRule.broken(c.ID); why != "" {
		return errors.New(why)
	}
	for _, l := range []struct {
		what              string
		life              *time.Duration
		usual, low, above time.Duration
	}{
		{"ID token", &c.IDTokenLife, defaultTokenLife, minTokenLife, maxTokenLife},
		{"access token", &c.AccessTokenLife, defaultTokenLife, minTokenLife, maxTokenLife},
		{"refresh token", &c.RefreshTokenLife, defaultRefreshLife, minRefreshLife, maxRefreshLife},
		{"session", &c.SessionLife, defaultSessionLife, defaultSessionLife, maxSessionLife},
		{"rotation grace", &c.RotateGrace, 0, 0, maxRotateGrace},
	} {
		if *l.life == 0 {
			*l.life = l.usual
		}
		if *l.life < l.low || *l.life > l.above {
			return fmt.Errorf("%s life of %s: want %s to %s", l.what, *l.life, l.low, l.above)
		}
	}
	for _, name := range slices.Concat(c.ReadAttributes, c.WriteAttributes) {
		if _, ok := p.schema[name]; !ok && !reserved(name) {
			return fmt.Errorf("attribute %q: the pool has none of that name", name)
		}
	}
	for _, address := range slices.Concat(c.CallbackURLs, c.LogoutURLs) {
		if why := RedirectFault(address); why != "" {
			return fmt.Errorf("address %q: %s", address, why)
		}
	}
	for _, s := range c.Scopes {
		if !scopeName(s) {
			return fmt.Errorf("scope %q: want the name of a scope, such as openid", s)
		}
	}
	return only("flow", c.Flows, flowSRP, flowPassword, flowRefresh, flowAdmin)
}
