package proof_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/dynamoaction"
	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/proof"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

var (
	randomN    = flag.Int("proof.n", 20, "how many bundles TestRandomBundles makes")
	randomSeed = flag.Uint64("proof.seed", 1, "seed of the first")
)

const (
	randomSub = "cognito-identity.amazonaws.com:sub"
	randomTag = "aws:PrincipalTag/team"
	// partner is a role of another account, job one of the bundle's account that the
	// bundle does not have.
	partner = "arn:aws:iam::444455556666:role/shops/Partner"
	job     = "arn:aws:iam::111122223333:role/Job"
)

// strangers are no roles of the bundle.
var strangers = []string{partner, job, "arn:aws:sts::999988887777:assumed-role/Any/one", "arn:aws:iam::444455556666:user/ana"}

// maker makes bundles of one table and one role, and requests, of words so few
// that they meet.
type maker struct {
	*rand.Rand
	role string // its ARN
}

func (g maker) pick(all ...string) string { return all[g.IntN(len(all))] }

func (g maker) actions() string {
	var all []string
	for range 1 + g.IntN(2) {
		all = append(all, g.pick(`"dynamodb:GetItem"`, `"dynamodb:GetItem"`, `"dynamodb:Query"`, `"dynamodb:PutItem"`, `"dynamodb:Scan"`, `"dynamodb:UpdateTable"`,
			`"dynamodb:DescribeTable"`, `"dynamodb:*Item"`, `"dynamodb:*"`, `"*"`, `"iam:PutRolePolicy"`))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (g maker) condition() string {
	keys := g.pick(`"${`+randomSub+`}"`, `"${`+randomSub+`}"`, `["${`+randomSub+`}","all"]`, `"${`+randomSub+`}*"`, `"a"`, `"all"`, `"${`+randomTag+`}"`)
	null := `"Null":{"dynamodb:LeadingKeys":"` + g.pick("false", "false", "true") + `"}`
	switch g.IntN(9) {
	case 0, 1, 2:
		return fmt.Sprintf(`{"ForAllValues:String%s":{"dynamodb:LeadingKeys":%s},%s}`, g.pick("Equals", "Equals", "Like", "NotEquals"), keys, null)
	case 3:
		return fmt.Sprintf(`{"%sString%s":{"dynamodb:LeadingKeys":%s}}`, g.pick("ForAllValues:", "ForAnyValue:"), g.pick("Equals", "NotEquals", "Like"), keys)
	case 4:
		return fmt.Sprintf(`{"String%s":{"aws:PrincipalArn":"%s"}}`, g.pick("Equals", "NotEquals"), g.pick(g.role, partner, "arn:aws:iam::111122223333:role/User"))
	case 5:
		return fmt.Sprintf(`{"String%s":{"%s":"%s"}}`, g.pick("Equals", "NotEquals", "EqualsIfExists"), g.pick(randomSub, randomTag), g.pick("a", "b"))
	case 6:
		return g.pick(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/shops/*"}}`, `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}`,
			`{"StringEquals":{"aws:PrincipalType":"User"}}`, `{"StringEquals":{"aws:username":"ana"}}`, `{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`)
	case 7:
		return fmt.Sprintf(`{"StringEquals":{"%s":"%s"}}`, g.pick("aws:PrincipalAccount", "aws:ResourceAccount"), g.pick("111122223333", "444455556666"))
	}
	return ""
}

func (g maker) statement(principals bool, effects ...string) string {
	resource := g.pick(`"`+table+`"`, `"`+table+`"`, `["`+table+`","`+table+`/index/*"]`, `"`+table+`/index/ByTopic"`, `"`+table+`*"`, `"*"`, `"arn:aws:dynamodb:*:111122223333:table/*"`)
	out := fmt.Sprintf(`{"Effect":%q,"Action":%s,"Resource":%s`, g.pick(effects...), g.actions(), resource)
	if principals {
		out += `,"Principal":` + g.pick(`"*"`, `{"AWS":"`+g.role+`"}`, `{"AWS":"arn:aws:iam::111122223333:role/User"}`, `{"AWS":"111122223333"}`, `{"AWS":"444455556666"}`,
			`{"AWS":"`+partner+`"}`, `{"AWS":"`+job+`"}`, `{"AWS":"arn:aws:sts::111122223333:assumed-role/User/CognitoIdentityCredentials"}`)
	}
	if c := g.condition(); c != "" {
		out += `,"Condition":` + c
	}
	return out + "}"
}

func (g maker) document(principals bool, effects ...string) string {
	var all []string
	for range 1 + g.IntN(2) {
		all = append(all, g.statement(principals, effects...))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

// files are those of a bundle.
func (g *maker) files() fstest.MapFS {
	path, of := "", "role/User"
	if g.IntN(2) == 0 {
		path, of = "path: /games/\n", "role/games/User"
	}
	g.role = "arn:aws:iam::111122223333:" + of
	role := path + "inline:\n  P: " + g.document(false, "Allow", "Allow", "Allow", "Deny") + "\n"
	if g.IntN(3) == 0 {
		role += "boundary: Limit\n"
	}
	files := map[string]string{
		"rowan.yaml": "account: \"111122223333\"\nregion: us-east-1\n", "roles/User.yaml": role,
		"policies/Limit.json": g.document(false, "Allow", "Allow", "Deny"),
		"tables/Notes.yaml":   "partitionKey: {name: owner}\nindexes:\n  ByTopic: {partitionKey: {name: topic}}\n  ByTitle: {partitionKey: {name: owner}, sortKey: {name: title}}\nisolation: {shared: [all]}\n",
	}
	for i, arn := range []string{table, "arn:aws:dynamodb:us-east-1:111122223333:table/N*", table + "/index/ByTopic"} {
		if g.IntN(3) == 0 {
			files[fmt.Sprintf("resources/r%d.yaml", i)] = "arn: \"" + arn + "\"\npolicy: " + g.document(true, "Allow", "Allow", "Deny") + "\n"
		}
	}
	if g.IntN(3) == 0 {
		files["guardrails/scp/00-root/FullAWSAccess.json"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		files["guardrails/scp/00-root/Some.json"] = `{"Version":"2012-10-17","Statement":[` + g.statement(false, "Deny") + `]}`
	}
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// asked is a request that a bundle decides.
type asked struct {
	*engine.Request
	sub  string
	keys []string
}

func (g maker) request(t *testing.T, p engine.Principal) asked {
	t.Helper()
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	out := asked{sub: g.pick("a", "b", "al"), Request: &engine.Request{Principal: p, Context: c, ResourceAccount: "111122223333"}}
	if p.Account() == "111122223333" {
		require.NoError(t, c.Set(randomSub, out.sub))
	}
	if g.IntN(2) == 0 {
		require.NoError(t, c.Set(randomTag, g.pick("a", "b")))
	}
	for range g.IntN(3) {
		out.keys = append(out.keys, g.pick("a", "b", "ab", "all", "al"))
	}
	if len(out.keys) > 0 {
		require.NoError(t, c.Set("dynamodb:LeadingKeys", out.keys...))
	}
	require.NoError(t, c.Set("aws:ResourceAccount", "111122223333"))
	out.Action = g.pick("dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateTable", "dynamodb:DescribeTable",
		"dynamodb:TransmogrifyItem", "iam:PutRolePolicy")
	out.Resource = g.pick(table, table, table+"/index/ByTopic", table+"/index/ByTitle", table+"Old", table+"/backup/1")
	return out
}

// breaks are the checks that are refuted if the request is allowed.
func (r asked) breaks() (checks []string) {
	rows := slices.Concat(dynamoaction.Reads(), dynamoaction.Writes())
	own := r.Resource == table || r.Resource == table+"/index/ByTitle"
	within := r.Resource == table || strings.HasPrefix(r.Resource, table+"/")
	foreign := slices.ContainsFunc(r.keys, func(k string) bool { return k != r.sub && k != "all" })
	add := func(check string, broken bool) {
		if broken {
			checks = append(checks, check)
		}
	}
	row := slices.Contains(rows, r.Action)
	indexed := strings.HasPrefix(r.Resource, table+"/index/")
	add("isolation", own && foreign && (row || slices.Contains(dynamoaction.Keyless(), r.Action)))
	add("missing-key", row && (r.Resource == table || indexed) && len(r.keys) == 0)
	add("keyless", within && slices.Contains(dynamoaction.Keyless(), r.Action))
	add("escalation", within && slices.Contains(dynamoaction.Changes(), r.Action) || r.Action == "iam:PutRolePolicy")
	add("index", r.Resource == table+"/index/ByTopic" && (r.Action == "dynamodb:Query" || r.Action == "dynamodb:Scan"))
	add("table-prefix", row && r.Resource == table+"Old")
	return checks
}

// evaluatorOf returns what decides about a principal that is no role of the
// bundle: one of another account may do everything there.
func evaluatorOf(t *testing.T, b *bundle.Bundle, p *engine.Principal, resource string) *engine.Evaluator {
	t.Helper()
	e, err := b.Evaluator("User", resource, nil)
	require.NoError(t, err)
	of := *e
	of.Identity, of.Boundary = nil, nil
	if p.Account() != "111122223333" {
		all, err := policy.Parse("all", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
		require.NoError(t, err)
		of.ServiceControl = nil
		of.Identity, err = engine.Compile(conditions.AWS(), policy.Identity, all)
		require.NoError(t, err)
	}
	return &of
}

// TestRandomBundles proves what random bundles claim, and has their evaluators
// decide random requests: what breaks a claim that is proved is allowed to nobody.
func TestRandomBundles(t *testing.T) {
	verdicts := map[proof.Verdict]int{}
	decided := map[string]int{} // requests that are allowed and break a claim
	for i := range uint64(*randomN) {
		g := &maker{Rand: rand.New(rand.NewPCG(*randomSeed, i))}
		files := g.files()
		b, err := bundle.Load(files, "b", conditions.AWS())
		require.NoError(t, err, "seed %d", i)
		results, err := proof.Prove(t.Context(), b, proof.Options{})
		require.NoError(t, err, "seed %d", i)
		open := map[string]bool{} // checks that are not proved
		for _, r := range results {
			verdicts[r.Verdict]++
			open[r.Check] = open[r.Check] || r.Verdict != proof.Proved
		}
		role, err := b.Principal("User", bundle.SessionName)
		require.NoError(t, err)
		who := []engine.Principal{role, role}
		for _, arn := range strangers {
			p, err := engine.ParsePrincipal(arn)
			require.NoError(t, err)
			who = append(who, p)
		}
		for range 400 {
			p := who[g.IntN(len(who))]
			r := g.request(t, p)
			broken := r.breaks()
			e, err := b.Evaluator("User", r.Resource, nil)
			require.NoError(t, err)
			if p.String() != role.String() {
				e = evaluatorOf(t, b, &p, r.Resource)
				shared := len(r.keys) > 0 && !slices.ContainsFunc(r.keys, func(k string) bool { return k != "all" })
				row := slices.Contains(slices.Concat(dynamoaction.Reads(), dynamoaction.Writes()), r.Action)
				broken = nil
				if (r.Resource == table || strings.HasPrefix(r.Resource, table+"/")) && r.Action != "dynamodb:DescribeTable" && r.Action != "iam:PutRolePolicy" && (!row || !shared) {
					broken = []string{"outsiders"}
				}
			}
			if len(broken) == 0 || !e.Decide(r.Request).Allowed() {
				continue
			}
			for _, check := range broken {
				decided[check]++
				require.True(t, open[check], "seed %d: %s is proved, and %s may %s %s %v as %s\n%s", i, check, p.String(), r.Action, r.Resource, r.keys, r.sub, texts(files))
			}
		}
	}
	t.Log(verdicts, decided)
	for _, check := range []string{"isolation", "missing-key", "keyless", "escalation", "index", "table-prefix", "outsiders"} {
		require.NotZero(t, decided[check], "no request breaks %s", check)
	}
	require.NotZero(t, verdicts[proof.Proved])
	require.Less(t, verdicts[proof.Unknown]*10, verdicts[proof.Proved], "hardly anything is proved")
}

// TestRandomDiff compares random bundles, and has the evaluators of both decide
// random requests: what is said to be allowed by neither alone is not.
func TestRandomDiff(t *testing.T) {
	relations := map[analysis.Relation]int{}
	alone, outside := 0, 0 // requests that one bundle alone allows to its role, and to others
	for i := range uint64(*randomN) {
		g := &maker{Rand: rand.New(rand.NewPCG(*randomSeed+31, i))}
		files := g.files()
		old, err := bundle.Load(files, "old", conditions.AWS())
		require.NoError(t, err, "seed %d", i)
		changed := maps.Clone(files)
		for {
			maps.Copy(changed, g.files())
			if strings.HasPrefix(string(changed["roles/User.yaml"].Data), "path") == strings.HasPrefix(string(files["roles/User.yaml"].Data), "path") {
				break
			}
		}
		for name := range changed { // some stay as they were
			if files[name] != nil && g.IntN(2) == 0 {
				changed[name] = files[name]
			}
		}
		now, err := bundle.Load(changed, "now", conditions.AWS())
		require.NoError(t, err, "seed %d", i)
		p, err := now.Principal("User", bundle.SessionName)
		require.NoError(t, err)
		was, is := policiesOf(t, old), policiesOf(t, now)
		role, _ := now.Role("User")
		d, err := proof.Diff(t.Context(), now, old, &analysis.Question{By: is, Not: was, Principal: p.String(), Keys: map[string][]string{"aws:PrincipalArn": {role.ARN}}}, 1)
		require.NoError(t, err, "seed %d", i)
		relations[d.Relation()]++
		changes, err := proof.DiffOutsiders(t.Context(), now, old, proof.Options{}, 1)
		require.NoError(t, err, "seed %d", i)
		for range 300 {
			who, err := engine.ParsePrincipal(g.pick(strangers...))
			require.NoError(t, err)
			r := g.request(t, who)
			a := evaluatorOf(t, now, &who, r.Resource).Decide(r.Request).Allowed()
			b := evaluatorOf(t, old, &who, r.Resource).Decide(r.Request).Allowed()
			if a == b {
				continue
			}
			outside++
			said := slices.ContainsFunc(changes, func(c proof.OutsiderChange) bool {
				return a && c.Difference.Gained.Verdict != analysis.Never || b && c.Difference.Lost.Verdict != analysis.Never
			})
			require.True(t, said, "seed %d: %s may %s %s %v: %v now, %v before\n%s\n%s", i, who.String(), r.Action, r.Resource, r.keys, a, b, texts(files), texts(changed))
		}
		for range 300 {
			r := g.request(t, p)
			by, err := now.Evaluator("User", r.Resource, nil)
			require.NoError(t, err)
			not, err := old.Evaluator("User", r.Resource, nil)
			require.NoError(t, err)
			a, b := by.Decide(r.Request).Allowed(), not.Decide(r.Request).Allowed()
			if a == b {
				continue
			}
			alone++
			of := &d.Gained
			if b {
				of = &d.Lost
			}
			require.NotEqual(t, analysis.Never, of.Verdict, "seed %d: %s %s %v as %s: %v now, %v before\n%s\n%s", i, r.Action, r.Resource, r.keys, r.sub, a, b, texts(files), texts(changed))
		}
	}
	t.Log(relations, alone, outside)
	require.NotZero(t, alone)
	require.NotZero(t, outside)
	for _, r := range []analysis.Relation{analysis.Equal, analysis.Broader, analysis.Narrower, analysis.Incomparable} {
		require.NotZero(t, relations[r], r)
	}
}

func texts(files fstest.MapFS) string {
	var b strings.Builder
	for name, f := range files {
		fmt.Fprintf(&b, "-- %s --\n%s", name, f.Data)
	}
	return b.String()
}
