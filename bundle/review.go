package bundle

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
	"github.com/rowan-authz/rowan/policy/lint"
)

// warn notes lawful writing that is probably not meant, for Bundle.Lint.
func (l *loader) warn(code string, n node, format string, args ...any) {
	l.bundle.warnings = append(l.bundle.warnings, lint.New(code, n.file.name, n.pos(), n.path, format, args...))
}

// reviewRoles refuses roles by token of those who do not know our roles, and
// warns of rules that a user could satisfy on their own. Source:
// identity-protocol §1.9, §6.2.
func (l *loader) reviewRoles(p *identity.PoolProvider, n node) {
	if p.Roles.Type == "Token" && l.bundle.ownUserPool(p) == nil {
		n.fault("type token is for a user pool of this bundle: another issuer's cognito:roles could name any role")
	}
	for i := range p.Roles.Rules {
		r := &p.Roles.Rules[i]
		if r.Claim == "" {
			continue
		}
		at := n.member("rules").element(i)
		switch client := l.writer(p, r.Claim); {
		case client != "":
			l.warn("writable-role-claim", at, "the claim %q chooses a role, and users can write it with the client %q: leave it out of writeAttributes", short(r.Claim), client)
		case r.Match == "Contains" && slices.Contains(personalClaims, r.Claim):
			l.warn("loose-role-claim", at, "contains on the claim %q, whose text users choose: %q is also within longer texts", short(r.Claim), short(r.Value))
		}
	}
}

// reviewTags warns of principal tags that a user could choose on their own.
func (l *loader) reviewTags(p *identity.PoolProvider, n node) {
	for _, t := range p.PrincipalTags.Claims {
		if client := l.writer(p, t.Claim); client != "" {
			l.warn("writable-tag-claim", n.member(t.Tag), "the claim %q makes the tag %q, and users can write it with the client %q: leave it out of writeAttributes",
				short(t.Claim), t.Tag, client)
		}
	}
}

// personalClaims are claims whose text people usually choose on their own.
var personalClaims = append([]string{"username", "cognito:username", "upn", "unique_name"}, standardAttributes...)

// writer returns the name of a client with which users can write a claim that
// the pool's tokens have, empty if there is none or that is not known. What
// cannot change can be chosen at sign-up.
func (l *loader) writer(p *identity.PoolProvider, claim string) string {
	u := l.bundle.ownUserPool(p)
	if u == nil || !attributeName(claim) {
		return ""
	}
	mutable := !strings.HasPrefix(claim, "custom:")
	if i := slices.IndexFunc(u.Attributes, func(a userpool.AttributeConfig) bool { return a.Name == claim }); i >= 0 {
		mutable = u.Attributes[i].Mutable
	}
	if !mutable && !u.SignUp {
		return ""
	}
	for i := range u.Clients {
		if c := &u.Clients[i]; c.WriteAttributes == nil || slices.Contains(c.WriteAttributes, claim) {
			return c.Name
		}
	}
	return ""
}
