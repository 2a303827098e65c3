package generate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// form is what documents of a kind may hold. Section 1.3.
type form struct {
	principal bool // a Principal is needed
	trust     bool // a role trust policy: no Resource, few actions
	denyOnly  bool // a resource control policy
	exclusion bool // NotAction may stand in for Action
	// allow is how often, in percent, a statement is an Allow.
	allow float64
	// cover is how often, in percent, there is a statement that allows all.
	cover float64
}

var (
	identityForm  = form{exclusion: true, allow: 82, cover: 8}
	guardrailForm = form{exclusion: true, allow: 85, cover: 60}
	endpointForm  = form{principal: true, exclusion: true, allow: 85, cover: 60}
	resourceForm  = form{principal: true, exclusion: true, allow: 80}
	trustForm     = form{principal: true, trust: true, allow: 85}
	rcpForm       = form{principal: true, denyOnly: true}
)

// policies chooses which kinds there are, and writes their documents.
func (g *generator) policies() {
	d := &g.c.Documents
	if g.chance(85) {
		d.Identity = g.documents(identityForm, 0, 1, 1, 2, 3)
	}
	if g.chance(15) {
		d.PermissionsBoundary = g.documents(guardrailForm, 0, 1, 1, 1)
	}
	if g.chance(15) || strings.Contains(g.c.Principal, ":federated-user/") && g.chance(60) {
		d.Session = g.documents(guardrailForm, 0, 1, 1, 2)
	}
	if g.chance(10) {
		d.Endpoint = g.documents(endpointForm, 0, 1, 1, 1)
	}
	if g.chance(15) {
		for range 1 + g.IntN(3) {
			d.ServiceControl = append(d.ServiceControl, g.documents(guardrailForm, 0, 1, 1, 1, 2))
		}
	}
	if g.chance(10) {
		for range 1 + g.IntN(2) {
			d.ResourceControl = append(d.ResourceControl, g.documents(rcpForm, 0, 1, 1))
		}
	}
	g.resourcePolicy()
}

// resourcePolicy gives the resource a policy of its own: most often where one
// is needed.
func (g *generator) resourcePolicy() {
	unsigned := g.c.Provider || g.c.Principal == "" || !strings.Contains(g.c.Principal, ":")
	role := strings.Contains(g.c.Resource, ":role/")
	likely := 40.0
	if unsigned || role {
		likely = 85
	}
	switch {
	case !g.chance(likely):
	case role && strings.HasPrefix(strings.ToLower(g.c.Action), "sts:"):
		g.c.Documents.Resource = g.document(trustForm)
	case !role:
		g.c.Documents.Resource = g.document(resourceForm)
	}
}

// documents are as many as one of the counts.
func (g *generator) documents(f form, counts ...int) []string {
	out := []string{}
	for range pick(g.Rand, counts...) {
		if f.denyOnly && g.chance(20) {
			out = append(out, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)
			continue
		}
		out = append(out, g.document(f))
	}
	return out
}

func (g *generator) document(f form) string {
	version := pick(g.Rand, "2012-10-17", "2012-10-17", "2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", "")
	if f.denyOnly {
		version = "2012-10-17"
	}
	g.variables = version == "2012-10-17"
	var statements []string
	for i := range pick(g.Rand, 1, 1, 2, 3) {
		statements = append(statements, g.statement(f, i))
	}
	if g.chance(f.cover) {
		statements = append(statements, g.covering(f))
	}
	var doc object
	if version != "" {
		doc.add("Version", quote(version))
	}
	if len(statements) == 1 && g.chance(50) {
		doc.add("Statement", statements[0])
	} else {
		doc.add("Statement", "["+strings.Join(statements, ",")+"]")
	}
	g.Shuffle(len(doc), func(i, j int) { doc[i], doc[j] = doc[j], doc[i] })
	return doc.String()
}

// covering is a statement that allows everything.
func (g *generator) covering(f form) string {
	o := object{{"Effect", `"Allow"`}, {"Action", `"*"`}, {"Resource", `"*"`}}
	if f.principal {
		o.add("Principal", `"*"`)
	}
	return o.String()
}

func (g *generator) statement(f form, i int) string {
	var o object
	if g.chance(50) {
		o.add("Sid", quote("S"+strconv.Itoa(i)))
	}
	deny := f.denyOnly || !g.chance(f.allow)
	effect := "Allow"
	if deny {
		effect = "Deny"
	}
	o.add("Effect", quote(effect))
	g.addPrincipal(&o, f, deny)
	g.addAction(&o, f)
	if !f.trust {
		g.addResource(&o)
	}
	block := g.conditions()
	if deny && len(block) == 0 && g.chance(70) {
		block = g.conditions() // a bare Deny says little
	}
	if len(block) > 0 {
		o.add("Condition", block.String())
	}
	g.spoil(&o)
	g.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	return o.String()
}

func (g *generator) addAction(o *object, f form) {
	name, entry := "Action", g.action
	if f.trust {
		entry = g.trustAction
	}
	if f.exclusion && g.chance(8) {
		name = "NotAction"
	}
	out := make([]string, pick(g.Rand, 1, 1, 2, 3))
	for i := range out {
		out[i] = entry()
		if f.denyOnly && out[i] == "*" {
			out[i] = "s3:*"
		}
	}
	o.add(name, list(g.Rand, out))
}

func (g *generator) trustAction() string {
	if g.chance(75) {
		return g.c.Action
	}
	return pick(g.Rand, "sts:AssumeRole", "sts:TagSession", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity")
}

func (g *generator) addResource(o *object) {
	name := "Resource"
	if g.chance(12) {
		name = "NotResource"
	}
	out := make([]string, pick(g.Rand, 1, 1, 1, 2, 3))
	for i := range out {
		out[i] = g.resource()
	}
	o.add(name, list(g.Rand, out))
}

// list is JSON of some strings: an array, or at times the only one alone.
func list(r *rand.Rand, values []string) string {
	if len(values) == 1 && r.IntN(2) == 0 {
		return quote(values[0])
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// spoil makes one statement in a few hundred invalid.
func (g *generator) spoil(o *object) {
	if !g.chance(0.4) {
		return
	}
	bad := pick(g.Rand,
		`{"StringEqualz":{"aws:username":"ana"}}`,
		`{"stringEquals":{"aws:username":"ana"}}`,
		`{"NullIfExists":{"aws:username":"true"}}`,
		`{"ForAllValues:Null":{"aws:TagKeys":"true"}}`,
		`{"StringEquals":{"aws:TagKeys":"a"}}`,
		`{"StringEquals":{"aws:UserNam":"a"}}`,
		`{"StringEquals":{"aws:PrincipalTag/":"a"}}`,
		`{"NumericEquals":{"aws:username":"1"}}`,
		`{"StringEquals":{"s3:max-keys":"1"}}`,
		`{"NumericEquals":{"s3:max-keys":"1_0"}}`,
		`{"DateLessThan":{"aws:CurrentTime":"2026-13"}}`,
		`{"IpAddress":{"aws:SourceIp":"10.0.0.01"}}`,
		`{"BinaryEquals":{"app:k":"A-_="}}`,
		`{"Bool":{"aws:SecureTransport":["true","false"]}}`,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:s3"}}`,
		`{"ArnNotLike":{"aws:SourceArn":"b:*"}}`,
		`{"StringEquals":{"app:k":[]}}`,
		`{"StringEquals":{"aws:username":"${aws:nobody}"},"StringLike":{"aws:username":"${"}}`,
	)
	for i := range *o {
		if (*o)[i][0] == "Condition" {
			(*o)[i][1] = bad
			return
		}
	}
	o.add("Condition", bad)
}

// String shows a case when it fails.
func (c Case) String() string {
	return fmt.Sprintf("%q asks %q on %q of %q\n%q\n%+v", c.Principal, c.Action, c.Resource, c.ResourceAccount, c.Context, c.Documents)
}
