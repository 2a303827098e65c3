package proof

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

// constants asks whether somebody may do more because a policy names them: what
// the policies allow, and do not where that is left out. Source: analysis A9 K.
func constants(b *bundle.Bundle, t *bundle.Table, everything []string) check {
	g := generic{identity: t.Isolation.Identity, account: b.Account, privileged: t.Isolation.Privileged}
	claim := "grants no identity or account more because a policy names it"
	if len(g.privileged) > 0 {
		claim += ", but " + strings.Join(g.privileged, ", ")
	}
	return check{
		name: constantCheck, claim: claim, applies: isolated,
		asked: []string{statement("Allow", []string{"dynamodb:*"}, everything, nil)},
		part:  func(q *analysis.Question) { q.Not = g.policies(q.By) },
	}
}

// generic takes from policies what they grant to constants: Allows of identities
// that they name, and the exceptions that Denies make for them.
type generic struct {
	identity, account string
	privileged        []string // may be named
}

// identityKeys say who asks, whatever the table's own identity key is.
var identityKeys = []string{
	"cognito-identity.amazonaws.com:sub", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:userid", "aws:username", "aws:SourceIdentity",
	"accounts.google.com:sub", "graph.facebook.com:id", "www.amazon.com:user_id", "saml:sub",
}

func (g *generic) policies(p *analysis.Policies) *analysis.Policies {
	out := &analysis.Policies{Identity: g.documents(p.Identity), Boundary: g.documents(p.Boundary), Session: g.documents(p.Session), Endpoint: g.documents(p.Endpoint)}
	if p.Resource != nil {
		out.Resource = g.document(p.Resource)
	}
	for _, l := range p.ServiceControl {
		out.ServiceControl = append(out.ServiceControl, g.documents(l))
	}
	for _, l := range p.ResourceControl {
		out.ResourceControl = append(out.ResourceControl, g.documents(l))
	}
	return out
}

func (g *generic) documents(docs []*policy.Document) []*policy.Document {
	if docs == nil {
		return nil
	}
	out := make([]*policy.Document, len(docs))
	for i, d := range docs {
		out[i] = g.document(d)
	}
	return out
}

func (g *generic) document(d *policy.Document) *policy.Document {
	out := *d
	out.Statements = make([]policy.Statement, 0, len(d.Statements))
	changed := false
	for _, s := range d.Statements {
		names := func(c policy.Condition) bool { return g.names(&c, s.Effect, d.Variables()) }
		switch {
		case !slices.ContainsFunc(s.Conditions, names):
			out.Statements = append(out.Statements, s)
			continue
		case s.Effect == policy.Deny:
			s.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), names)
			out.Statements = append(out.Statements, s)
		}
		changed = true
	}
	if !changed {
		return d
	}
	return &out
}

// names reports whether a condition has an effect that is good for constants: an
// Allow for them, or a Deny for all others.
func (g *generic) names(c *policy.Condition, effect policy.Effect, variables bool) bool {
	key := c.Key.Value
	own := strings.EqualFold(key, g.identity) || strings.EqualFold(key, amr) ||
		slices.ContainsFunc(identityKeys, func(k string) bool { return strings.EqualFold(k, key) })
	_, operator, qualified := strings.Cut(c.Operator.Value, ":")
	if !qualified {
		operator = c.Operator.Value
	}
	if !own || strings.EqualFold(operator, "Null") {
		return false
	}
	negated := strings.Contains(strings.ToLower(operator), "not")
	if negated != (effect == policy.Deny) {
		return false
	}
	return slices.ContainsFunc(c.Values, func(v policy.Value) bool { return g.constant(key, v.Value, variables) })
}

// constant reports whether a value names somebody. A pattern that all
// identities match does not.
func (g *generic) constant(key, value string, variables bool) bool {
	if variables && strings.Contains(strings.NewReplacer("${*}", "", "${?}", "", "${$}", "").Replace(value), "${") {
		return false
	}
	region, rest, _ := strings.Cut(value, ":")
	switch {
	case strings.Trim(value, "*?") == "", slices.Contains(g.privileged, value):
		return false
	case strings.EqualFold(key, amr): // one login of a provider
		_, login, found := strings.Cut(value, ":CognitoSignIn:")
		return found && strings.Trim(login, "*?") != ""
	case strings.EqualFold(key, "aws:PrincipalAccount"):
		return value != g.account
	case strings.EqualFold(key, "aws:PrincipalArn"):
		return !strings.HasSuffix(value, ":*") && !strings.HasSuffix(value, ":role/*")
	}
	return strings.Trim(rest, "*?") != "" || strings.ContainsAny(region, "*?") || rest == ""
}
