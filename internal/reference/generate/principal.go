package generate

import "strings"

// addPrincipal gives a statement the Principal or NotPrincipal that its kind
// of document needs.
func (g *generator) addPrincipal(o *object, f form, deny bool) {
	switch {
	case !f.principal:
		return
	case f.denyOnly:
		o.add("Principal", `"*"`)
		return
	case deny && !f.trust && f.cover == 0 && g.chance(30):
		o.add("NotPrincipal", g.chain())
		return
	case g.chance(15):
		o.add("Principal", `"*"`)
		return
	}
	var o2 object
	aws := g.awsPrincipals()
	if aws != nil {
		o2.add("AWS", list(g.Rand, aws))
	}
	if aws == nil || g.chance(15) {
		g.otherPrincipal(&o2, f)
	}
	o.add("Principal", o2.String())
}

// awsPrincipals are entries of "AWS": most often one that matches.
func (g *generator) awsPrincipals() []string {
	if !strings.HasPrefix(g.c.Principal, "arn:") && g.chance(70) {
		return nil
	}
	var out []string
	for range pick(g.Rand, 1, 1, 2) {
		switch n := g.IntN(100); {
		case n < 50 && len(g.levels()) > 0:
			out = append(out, pick(g.Rand, g.levels()...))
		case n < 60:
			out = append(out, "*")
		case n < 65:
			out = append(out, pick(g.Rand, "AROAEXAMPLEID", "AIDAEXAMPLEID", "AROAOTHEREXAMPLE"))
		default:
			if p := pick(g.Rand, principals...); strings.HasPrefix(p, "arn:") {
				out = append(out, p)
			} else {
				out = append(out, other)
			}
		}
	}
	return out
}

// otherPrincipal adds a service, a provider or a canonical user.
func (g *generator) otherPrincipal(o *object, f form) {
	switch {
	case f.trust && (g.c.Provider || g.chance(30)):
		provider := pick(g.Rand, providers...)
		if g.c.Provider && g.chance(80) {
			provider = g.c.Principal
		}
		o.add("Federated", list(g.Rand, []string{provider}))
	case !f.trust && g.chance(15):
		o.add("CanonicalUser", quote(strings.Repeat("0a", 32)))
	default:
		o.add("Service", list(g.Rand, []string{pick(g.Rand, "lambda.amazonaws.com", "lambda.amazonaws.com", "ec2.amazonaws.com")}))
	}
}

// levels are the entries that name some level of the requester's chain.
func (g *generator) levels() []string {
	parts := strings.SplitN(g.c.Principal, ":", 6)
	if g.c.Provider || len(parts) != 6 {
		return nil
	}
	out := []string{parts[4], "arn:aws:iam::" + parts[4] + ":root"}
	if parts[5] != "root" {
		out = append(out, g.c.Principal)
	}
	name := strings.Split(parts[5], "/")
	if name[0] == "assumed-role" {
		role := "arn:aws:iam::" + parts[4] + ":role/" + name[1]
		if has := g.c.Context["aws:PrincipalArn"]; len(has) == 1 && g.chance(80) {
			role = has[0]
		}
		out = append(out, role, role)
	}
	if g.c.User != "" {
		out = append(out, g.c.User)
	}
	return out
}

// chain is a NotPrincipal: often the whole chain of the requester.
func (g *generator) chain() string {
	var entries []string
	for _, level := range g.levels() {
		if g.chance(90) {
			entries = append(entries, level)
		}
	}
	if g.chance(5) {
		entries = append(entries, "*")
	}
	var o object
	if len(entries) > 0 {
		o.add("AWS", list(g.Rand, entries))
	}
	if len(entries) == 0 || g.chance(10) {
		o.add("Service", `"lambda.amazonaws.com"`)
	}
	return o.String()
}
