package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/policy"
)

// mayBe is a session that an identity may have.
type mayBe struct {
	proof.Session
	// how says how it comes to the role; open what is not known of it.
	how, open string
}

// sessionsOf returns the sessions that an identity of a pool may have: of each
// role and, where there are several logins, by each of them. What is not known
// here is what a token claims: a role that a rule, or the token itself, may give
// counts, and so do all values of tags that claims make.
func sessionsOf(b *bundle.Bundle, pool *bundle.IdentityPool, a *identityAnswer) []mayBe {
	var out []mayBe
	for _, r := range b.Roles {
		if len(a.Links) == 0 {
			if how := guestRole(pool, r); how != "" {
				out = append(out, asGuest(b, pool, r, a.IdentityID, how))
			}
			continue
		}
		for i := range a.Links {
			p, known := pool.Provider(a.Links[i].Provider)
			how := signedInRole(pool, r, p)
			if !known && a.Links[i].Provider != pool.DeveloperProvider || how == "" {
				continue // the pool does not take its logins any more
			}
			if len(a.Links) > 1 {
				how += ", signed in by " + a.Links[i].Provider
			}
			out = append(out, signedIn(b, pool, r, p, a.IdentityID, &a.Links[i], how))
		}
	}
	return out
}

// guestRole says how a guest comes to a role, empty if it does not.
func guestRole(pool *bundle.IdentityPool, r *bundle.Role) string {
	switch {
	case pool.Unauthenticated == r.ARN:
		return "the role of guests"
	case pool.Unauthenticated != "" && pool.ClassicFlow && r.TrustDocument() != nil:
		return "by the classic flow, if its trust policy lets guests in"
	}
	return ""
}

// signedInRole says how somebody who is signed in comes to a role. p is nil for
// a developer's provider.
func signedInRole(pool *bundle.IdentityPool, r *bundle.Role, p *identity.PoolProvider) string {
	fallsBack := p == nil || p.Roles.Type == "" || p.Roles.Ambiguous == "AuthenticatedRole"
	switch {
	case pool.Authenticated == r.ARN && fallsBack:
		return "the role of who is signed in"
	case p != nil && slices.ContainsFunc(p.Roles.Rules, func(rule identity.RoleRule) bool { return rule.Role == r.ARN }):
		return "by a rule of " + p.Name
	case p != nil && p.Roles.Type == "Token" && p.Kind == identity.UserPoolProvider && r.TrustDocument() != nil:
		return "if the token names it and its trust policy lets them in"
	case pool.ClassicFlow && r.TrustDocument() != nil:
		return "by the classic flow, if its trust policy lets them in"
	}
	return ""
}

// ofPool is a session that a pool makes. Source: iam-semantics §5.4.
func ofPool(pool *bundle.IdentityPool, r *bundle.Role, id, how string) mayBe {
	return mayBe{how: how, Session: proof.Session{Role: r, Keys: map[string][]string{
		"aws:FederatedProvider":              {"cognito-identity.amazonaws.com"},
		"cognito-identity.amazonaws.com:sub": {id},
		"cognito-identity.amazonaws.com:aud": {pool.ID},
	}}}
}

func asGuest(b *bundle.Bundle, pool *bundle.IdentityPool, r *bundle.Role, id, how string) mayBe {
	out := ofPool(pool, r, id, how)
	out.Keys["cognito-identity.amazonaws.com:amr"] = []string{"unauthenticated"}
	if d := pool.GuestDocument(); d != nil && !pool.ClassicFlow {
		out.Policies = []*policy.Document{d}
	}
	out.tags(b, nil)
	return out
}

func signedIn(b *bundle.Bundle, pool *bundle.IdentityPool, r *bundle.Role, p *identity.PoolProvider, id string, l *identity.Link, how string) mayBe {
	out := ofPool(pool, r, id, how)
	const amr = "cognito-identity.amazonaws.com:amr"
	switch {
	case p == nil || p.Kind == identity.OpenIDProvider: // a third value has the account's name for the provider
		out.open = "what amr has is left open"
	case p.Kind == identity.UserPoolProvider:
		out.Keys[amr] = []string{"authenticated", l.Provider, l.Provider + ":CognitoSignIn:" + l.Subject}
	default:
		out.Keys[amr] = []string{"authenticated", l.Provider}
	}
	var mapped []string
	if p != nil {
		for _, t := range p.PrincipalTags.Claims {
			mapped = append(mapped, t.Tag)
		}
		if p.PrincipalTags.Defaults {
			mapped = []string{"client", "username"}
		}
	}
	if len(mapped) > 0 {
		out.open = strings.TrimPrefix(out.open+"; tags that claims make are left open: "+strings.Join(mapped, ", "), "; ")
	}
	out.tags(b, mapped)
	return out
}

var principalTag = regexp.MustCompile(`(?i)aws:PrincipalTag/[^"',}]+`)

// tags gives the session the tags of its role, and none but those that claims
// make.
func (m *mayBe) tags(b *bundle.Bundle, mapped []string) {
	open := func(key string) bool {
		return slices.ContainsFunc(mapped, func(t string) bool { return strings.EqualFold(t, key) })
	}
	own := map[string]bool{}
	for _, t := range m.Role.Tags {
		own[strings.ToLower(t.Key)] = true
		if !open(t.Key) {
			m.Keys["aws:PrincipalTag/"+t.Key] = []string{t.Value}
		}
	}
	for _, d := range b.Policies() {
		for _, name := range principalTag.FindAllString(string(d.Print()), -1) {
			key := name[len("aws:PrincipalTag/"):]
			if !open(key) && !own[strings.ToLower(key)] {
				m.Keys["aws:PrincipalTag/"+key] = nil
			}
		}
	}
}

// sessionOf is a session of a role that flags describe. What they leave out is
// open.
func sessionOf(b *bundle.Bundle, role string, context []string) (mayBe, error) {
	r, ok := b.Role(role)
	if !ok {
		return mayBe{}, fmt.Errorf("no role %q", role)
	}
	keys, err := contextKeys(context)
	if err != nil {
		return mayBe{}, err
	}
	if _, err := b.RoleAsker(role, keys); err != nil { // which checks the values
		return mayBe{}, err
	}
	return mayBe{how: "any session", open: "context keys that --context does not give are left open", Session: proof.Session{Role: r, Keys: keys}}, nil
}
