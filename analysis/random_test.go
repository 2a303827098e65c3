package analysis_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

var (
	randomN    = flag.Int("analysis.n", 2000, "how many pairs of policies TestRandom compares")
	randomSeed = flag.Uint64("analysis.seed", 1, "seed of its first")
	tries      = flag.Int("analysis.tries", 1000, "how many requests it decides for each pair that is proved")
)

// small makes policies over an alphabet so small that random requests hit what
// they tell apart.
type small struct {
	*rand.Rand
	anybody bool // policies also look at who asks, who may be a user or a session
}

func (g small) pick(all ...string) string { return all[g.IntN(len(all))] }

func (g small) text(letters string, least, most int) string {
	var b strings.Builder
	for range least + g.IntN(most-least+1) {
		b.WriteByte(letters[g.IntN(len(letters))])
	}
	return b.String()
}

const tagU, tagV = "aws:PrincipalTag/u", "aws:PrincipalTag/v"

// pattern is a text with wildcards, and variables in some.
func (g small) pattern(wild bool) string {
	letters := "ab/"
	if wild {
		letters = "ab/**?"
	}
	part := func() string { return g.text(letters, 0, 3) }
	switch g.IntN(8) {
	case 0:
		return "${" + tagU + "}"
	case 1:
		return g.text("ab", 0, 1) + "${" + tagU + "}" + g.pick("", "/", "b")
	case 2:
		if wild {
			return g.pick("a/", "", "*") + "${" + tagU + "}" + g.pick("/*", "*", "?")
		}
	case 3:
		return "${" + g.pick(tagU+", 'a'", tagV, tagV+", 'b'") + "}"
	}
	return part()
}

func (g small) list(f func() string) string {
	var out []string
	for range 1 + g.IntN(2) {
		out = append(out, fmt.Sprintf("%q", f()))
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (g small) condition() (operator, key, values string) {
	text := []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"}
	op := g.pick(text...)
	values = g.list(func() string { return g.pattern(strings.HasSuffix(op, "Like")) })
	if g.anybody && g.IntN(3) == 0 {
		return g.who()
	}
	switch g.IntN(6) {
	case 0:
		return g.pick("ForAllValues:", "ForAnyValue:") + op + g.pick("", "", "IfExists"), "aws:TagKeys", values
	case 1:
		return op + g.pick("", "", "IfExists"), g.pick(tagU, tagV), values
	case 2:
		return "Null", g.pick("aws:TagKeys", tagU, "s3:prefix", "s3:max-keys"), g.pick(`"true"`, `"false"`)
	case 3:
		return g.pick("NumericLessThan", "NumericEquals", "NumericNotEquals", "NumericGreaterThanEquals") + g.pick("", "IfExists"), "s3:max-keys", g.list(func() string { return g.pick("1", "2", "3.5") })
	case 4:
		return g.pick("IpAddress", "NotIpAddress"), "aws:SourceIp", g.list(func() string { return g.pick("10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", "::/0") })
	}
	return op + g.pick("", "", "IfExists"), "s3:prefix", values
}

// who is a condition on who asks.
func (g small) who() (operator, key, values string) {
	switch g.IntN(4) {
	case 0:
		return g.pick("StringEquals", "StringNotEquals", "StringEqualsIfExists"), "aws:username", g.list(func() string { return g.pick("a", "b", "${"+tagU+"}") })
	case 1:
		return g.pick("ArnLike", "ArnNotLike"), "aws:PrincipalArn", g.list(func() string {
			return "arn:aws:iam::111122223333:" + g.pick("user/a", "user/*", "role/R", "role/*", "*/b")
		})
	case 2:
		return g.pick("StringEquals", "StringNotEquals"), "aws:PrincipalType", g.list(func() string { return g.pick("User", "AssumedRole") })
	}
	return "Null", "aws:username", g.pick(`"true"`, `"false"`)
}

func (g small) statement() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Effect":%q,`, g.pick("Allow", "Allow", "Deny"))
	fmt.Fprintf(&b, `%q:%s,`, g.pick("Action", "Action", "Action", "NotAction"), g.list(func() string { return g.pick("s3:a", "s3:b*", "s3:*", "s3:?b", "*") }))
	resource := func() string {
		if g.IntN(3) == 0 {
			return "*"
		}
		return "arn:aws:s3:::" + g.pattern(true)
	}
	fmt.Fprintf(&b, `%q:%s`, g.pick("Resource", "Resource", "Resource", "NotResource"), g.list(resource))
	blocks := map[string]map[string]string{}
	for range g.IntN(3) {
		op, key, values := g.condition()
		if blocks[op] == nil {
			blocks[op] = map[string]string{}
		}
		blocks[op][key] = values
	}
	if len(blocks) > 0 {
		b.WriteString(`,"Condition":{`)
		for i, op := range slices.Sorted(maps.Keys(blocks)) {
			if i > 0 {
				b.WriteByte(',')
			}
			key := slices.Min(slices.Collect(maps.Keys(blocks[op]))) // one for each operator
			fmt.Fprintf(&b, `%q:{%q:%s}`, op, key, blocks[op][key])
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return b.String()
}

func (g small) document(t testing.TB) []*policy.Document {
	var all []string
	for range 1 + g.IntN(3) {
		all = append(all, g.statement())
	}
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
	d, err := policy.Parse("p", []byte(text))
	require.NoError(t, err, text)
	return []*policy.Document{d}
}

const asker = "arn:aws:sts::111122223333:assumed-role/R/s"

// request makes a random request.
func (g small) request(t testing.TB) *engine.Request {
	who := asker
	if g.anybody {
		who = g.pick(asker, "arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:user/b", "arn:aws:sts::111122223333:assumed-role/b/a")
	}
	p, err := engine.ParsePrincipal(who)
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	some := func(key string, values ...string) {
		if g.IntN(4) > 0 {
			require.NoError(t, c.Set(key, values...))
		}
	}
	text := func() string { return g.text("abAx/", 0, 4) }
	some(tagU, text())
	some(tagV, text())
	some("s3:prefix", text())
	var keys []string
	for range g.IntN(4) {
		keys = append(keys, text())
	}
	some("aws:TagKeys", keys...)
	some("s3:max-keys", g.pick("0", "1", "1.5", "2", "3", "3.5", "4"))
	some("aws:SourceIp", g.pick("10.0.0.1", "10.0.0.2", "10.200.0.1", "11.0.0.1", "2001:db8::1"))
	r := &engine.Request{Principal: p, Action: g.pick("s3:a", "s3:b", "s3:ab", "s3:c", "s3:bb", "t:b"), ResourceAccount: "111122223333", Context: c}
	r.Resource = "arn:aws:s3:::" + text()
	if g.IntN(8) == 0 {
		r.Resource = "*"
	}
	return r
}

// TestRandom compares random policies, and looks by chance for what is said not
// to be there. What is said to be there the interpreters confirm.
func TestRandom(t *testing.T) {
	if raceEnabled && *randomN == 2000 {
		*randomN = 100 // the race detector is for the others
	}
	var found, never, unknown, asked int
	reasons := map[string]int{}
	for i := range uint64(*randomN) {
		g := small{rand.New(rand.NewPCG(*randomSeed, i)), i%4 == 3}
		by, not := g.document(t), g.document(t)
		q := &analysis.Question{By: &analysis.Policies{Identity: by}, Not: &analysis.Policies{Identity: not}, Principal: asker}
		if g.anybody {
			q.Principal = ""
		}
		a, err := analysis.Search(context.Background(), q)
		require.NoError(t, err, "seed %d:\n%s\n%s", i, printed(by), printed(not))
		switch a.Verdict {
		case analysis.Found:
			found++
			continue
		case analysis.Unknown:
			unknown++
			reasons[a.Reason]++
		case analysis.Never:
			never++
		}
		if a.Verdict == analysis.Unknown {
			continue
		}
		b, n := evaluatorOf(t, by), evaluatorOf(t, not)
		for range *tries {
			r := g.request(t)
			asked++
			if b.Decide(r).Allowed() && !n.Decide(r).Allowed() {
				t.Fatalf("seed %d: said never, and %s %s %v is\n%s\n%s", i, r.Action, r.Resource, contextOf(r), printed(by), printed(not))
			}
		}
	}
	t.Logf("%d found, %d never, %d unknown; %d requests", found, never, unknown, asked)
	for reason, n := range reasons {
		if n > *randomN/200+5 {
			t.Log(n, reason)
		}
	}
	require.NotZero(t, found)
	require.NotZero(t, never)
}

func contextOf(r *engine.Request) map[string][]string {
	out := map[string][]string{}
	for k, v := range r.Context.All() {
		out[k] = v
	}
	return out
}

func evaluatorOf(t testing.TB, docs []*policy.Document) *engine.Evaluator {
	s, err := engine.Compile(conditions.AWS(), policy.Identity, docs...)
	require.NoError(t, err)
	return &engine.Evaluator{Identity: s}
}

func printed(docs []*policy.Document) string {
	var b strings.Builder
	for _, d := range docs {
		b.Write(d.Print())
	}
	return b.String()
}
