package generate

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// request chooses who asks for what, in which context.
func (g *generator) request() {
	g.c.Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g.c.Context = map[string][]string{}
	g.c.Principal = pick(g.Rand, principals...)
	chosen := pick(g.Rand, calls...)
	if g.chance(6) {
		g.c.Provider, g.c.Principal = true, pick(g.Rand, providers...)
		chosen = call{pick(g.Rand, "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"), roles}
	}
	g.c.Action, g.c.Resource = chosen.action, pick(g.Rand, chosen.resources...)
	if g.chance(5) {
		g.c.Action = strings.ToUpper(g.c.Action)
	}
	if g.chance(1) {
		g.c.Resource = pick(g.Rand, tables...)
	}
	if strings.Contains(g.c.Principal, ":federated-user/") && g.chance(60) {
		g.c.User = "arn:aws:iam::" + own + ":user/ana"
	}
	g.account()
	g.context()
}

// account names the resource's owner where its ARN does not, and sometimes
// where it does.
func (g *generator) account() {
	account := ""
	if parts := strings.SplitN(g.c.Resource, ":", 6); len(parts) == 6 {
		account = parts[4]
	}
	switch {
	case account != "" && g.chance(30):
		g.c.ResourceAccount = account
	case account != "" || g.c.Resource == "*" && g.chance(60):
	default:
		g.c.ResourceAccount = pick(g.Rand, own, own, own, other)
	}
}

// context gives the request some of the keys that documents read.
func (g *generator) context() {
	for _, k := range keys {
		if g.chance(30) {
			g.set(k)
		}
	}
	g.principalKeys()
	if g.chance(0.5) {
		g.unset("aws:PrincipalTag/team")
		for _, tag := range []string{"team", "Team"} {
			g.c.Context["aws:PrincipalTag/"+tag] = []string{g.word()}
		}
		g.c.Irregular = true
	}
}

// principalKeys are those that the principal determines and the scenario
// may say more of.
func (g *generator) principalKeys() {
	role, isRole := "", false
	if parts := strings.Split(g.c.Principal, "/"); len(parts) > 1 {
		isRole = strings.Contains(parts[0], ":assumed-role") || strings.Contains(parts[0], ":role")
		role = parts[1]
	}
	if isRole {
		g.unset("aws:PrincipalArn")
		g.unset("aws:userid")
	}
	if isRole && !strings.Contains(g.c.Principal, ":role/") && g.chance(30) {
		account := strings.Split(g.c.Principal, ":")[4]
		path := pick(g.Rand, "", "svc/", "aws-service-role/app.amazonaws.com/")
		g.c.Context["aws:PrincipalArn"] = []string{"arn:aws:iam::" + account + ":role/" + path + role}
	}
	if g.chance(30) {
		switch {
		case isRole:
			g.c.Context["aws:userid"] = []string{"AROAEXAMPLEID:s1"}
		case strings.Contains(g.c.Principal, ":user/"):
			g.unset("aws:userid")
			g.c.Context["aws:userid"] = []string{"AIDAEXAMPLEID"}
		}
	}
}

// unset removes a key however it is spelt.
func (g *generator) unset(name string) {
	for spelt := range g.c.Context {
		if strings.EqualFold(spelt, name) {
			delete(g.c.Context, spelt)
		}
	}
}

// set gives a key values of its kind, or now and then others.
func (g *generator) set(k key) {
	name := g.keyName(k)
	g.unset(name)
	values := make([]string, g.count(k.kind))
	for i := range values {
		values[i] = g.value(k.kind)
	}
	if len(values) > 1 && k.kind != listKey && !k.kind.untyped() || !regular(values) {
		g.c.Irregular = true
	}
	g.c.Context[g.respell(name)] = values
}

// count is how many values a key of a kind has.
func (g *generator) count(kind keyKind) int {
	switch {
	case kind == listKey:
		return pick(g.Rand, 0, 1, 1, 2, 2, 3)
	case kind.untyped():
		return pick(g.Rand, 0, 1, 1, 1, 1, 2)
	case g.chance(2):
		return pick(g.Rand, 0, 2)
	}
	return 1
}

// value is one value of a kind, or now and then of another.
func (g *generator) value(kind keyKind) string {
	typed := kind != textKey && kind != listKey && kind != providerKey && !kind.untyped()
	if typed && g.chance(6) {
		return pick(g.Rand, wrong...)
	}
	switch kind {
	case numberKey:
		return pick(g.Rand, numbers...)
	case dateKey, epochKey:
		return pick(g.Rand, dates...)
	case boolKey:
		return pick(g.Rand, booleans...)
	case addressKey:
		return pick(g.Rand, addresses...)
	case arnKey:
		return pick(g.Rand, arns...)
	case providerKey:
		return pick(g.Rand, providers...)
	case partsKey:
		if g.chance(90) {
			return "us-east-1:" + own
		}
	case untypedKey:
		if g.chance(30) {
			return pick(g.Rand, slices.Concat(numbers, dates, booleans, addresses, arns, wrong)...)
		}
	case textKey, listKey:
	}
	return g.contextWord()
}

// word is a string that a document may hold.
func (g *generator) word() string {
	if g.chance(0.2) {
		return long
	}
	return pick(g.Rand, words...)
}

// contextWord is a string that only a request may hold.
func (g *generator) contextWord() string {
	if g.chance(0.5) {
		return pick(g.Rand, broken...)
	}
	return g.word()
}

// keyName is the name of a key as this case's documents spell it.
func (g *generator) keyName(k key) string {
	if strings.HasSuffix(k.name, "Tag/") {
		return k.name + g.tag
	}
	return k.name
}

// respell changes the case of a name now and then, beyond ASCII too.
func (g *generator) respell(name string) string {
	if g.chance(85) {
		return name
	}
	return strings.Map(func(r rune) rune {
		for range g.IntN(3) {
			r = unicode.SimpleFold(r)
		}
		return r
	}, name)
}
