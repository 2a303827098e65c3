package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

func mustCompile(t testing.TB, texts ...string) *engine.Set {
	t.Helper()
	return mustCompileKind(t, policy.Identity, texts...)
}

func mustCompileKind(t testing.TB, kind policy.Kind, texts ...string) *engine.Set {
	t.Helper()
	docs := make([]*policy.Document, len(texts))
	for i, text := range texts {
		d, err := policy.Parse(fmt.Sprintf("%s[%d]", kind, i), []byte(text))
		require.NoError(t, err)
		docs[i] = d
	}
	s, err := engine.Compile(conditions.AWS(), kind, docs...)
	require.NoError(t, err)
	return s
}

// user asks for action on resource with a fresh context.
func user(t testing.TB, action, resource string) *engine.Request {
	t.Helper()
	p, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ana")
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	return &engine.Request{Principal: p, Action: action, Resource: resource, ResourceAccount: "111122223333", Context: c}
}

// randomPattern makes resource patterns that crowd every part of the index.
func randomPattern(r *rand.Rand) string {
	word := func() string { return fmt.Sprintf("w%d", r.IntN(40)) }
	shapes := []func() string{
		func() string { return "arn:aws:s3:::" + word() + "/" + word() },
		func() string { return "arn:aws:s3:::" + word() + "/*" },
		func() string { return "arn:aws:s3:::" + word()[:2] + "*" },
		func() string { return "*:table/" + word() + "/index/*" },
		func() string { return "*" + word() + "*" },
		func() string { return "arn:aws:dynamodb:*:*:table/" + word() },
		func() string { return "arn:aws:dynamodb:*:111122223333:table/*" + word()[1:] },
		func() string { return "arn:aws:s3:::*/" + word() + "/?" },
		func() string { return "arn:aws:s3:::b/${aws:username}/" + word() + "*" },
		func() string { return "*" },
		func() string { return "arn:*:s3:::*" },
		func() string { return "*?*" },
		func() string { return "arn:aws:s3:::b/${*}/" + word() },
		func() string { return "arn:aws:s3:::b/${$}{aws:username}/" + word() },
		func() string { return "arn:aws:s3:::b/ana/" + word() },
	}
	return shapes[r.IntN(len(shapes))]()
}

func randomResource(r *rand.Rand) string {
	word := func() string { return fmt.Sprintf("w%d", r.IntN(40)) }
	shapes := []func() string{
		func() string { return "arn:aws:s3:::" + word() + "/" + word() },
		func() string { return "arn:aws:s3:::" + word() },
		func() string { return "arn:aws:s3:::x/" + word() + "/a" },
		func() string { return "arn:aws:s3:::b/ana/" + word() },
		func() string { return "arn:aws:s3:::b/*/" + word() },
		func() string { return "arn:aws:s3:::b/${aws:username}/" + word() },
		func() string { return "arn:aws:dynamodb:us-east-1:111122223333:table/" + word() },
		func() string { return "arn:aws:dynamodb:us-east-1:111122223333:table/" + word() + "/index/i" },
		func() string { return "*" },
	}
	return shapes[r.IntN(len(shapes))]()
}

// TestIndexFindsEverything compares large sets with the same statements one by
// one: whatever the index files where, nothing is missed and nothing added.
func TestIndexFindsEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	actions := []string{"s3:GetObject", "s3:get*", "s3:*", "dynamodb:GetItem", "dynamodb:*Item", "*", "s3:PutObject", "sqs:*", "s3:ListAllMyBuckets"}
	asked := []string{"s3:GetObject", "S3:getobject", "dynamodb:GetItem", "dynamodb:PutItem", "sqs:SendMessage", "s3:ListAllMyBuckets"}
	allowed := 0
	for range 40 {
		n := 1 + r.IntN(200)
		texts := make([]string, n)
		singles := make([]*engine.Set, n)
		for i := range texts {
			member := "Resource"
			if r.IntN(20) == 0 {
				member = "NotResource"
			}
			effect := "Allow"
			if r.IntN(30) == 0 {
				effect = "Deny"
			}
			version := []string{"2012-10-17", "2008-10-17"}[r.IntN(2)]
			texts[i] = fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":%q,"Action":%q,%q:[%q,%q]}}`,
				version, effect, actions[r.IntN(len(actions))], member, randomPattern(r), randomPattern(r))
			singles[i] = mustCompile(t, texts[i])
		}
		together := &engine.Evaluator{Identity: mustCompile(t, texts...)}
		for range 200 {
			q := user(t, asked[r.IntN(len(asked))], randomResource(r))
			want := engine.ImplicitDeny
			for _, s := range singles {
				switch (&engine.Evaluator{Identity: s}).Decide(q).Outcome {
				case engine.ExplicitDeny:
					want = engine.ExplicitDeny
				case engine.Allowed:
					if want != engine.ExplicitDeny {
						want = engine.Allowed
					}
				case engine.ImplicitDeny:
				}
			}
			got := together.Decide(q)
			require.Equal(t, want, got.Outcome, "%s on %s\n%s", q.Action, q.Resource, strings.Join(texts, "\n"))
			if want == engine.Allowed {
				allowed++
			}
		}
	}
	require.Greater(t, allowed, 500)
}

// TestIndexIsDeterministic builds one set a hundred times from shuffled
// documents: the outcome never depends on the order, and the same order always
// names the same statement.
func TestIndexIsDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	texts := make([]string, 150)
	for i := range texts {
		texts[i] = fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Sid":"S%d","Effect":"Allow","Action":["s3:GetObject","dynamodb:*"],"Resource":%q}}`, i, randomPattern(r))
	}
	questions := make([]*engine.Request, 50)
	for i := range questions {
		questions[i] = user(t, "s3:GetObject", randomResource(r))
	}
	answers := func(texts []string) (outcomes, statements []string) {
		e := &engine.Evaluator{Identity: mustCompile(t, texts...)}
		for _, q := range questions {
			d := e.Decide(q)
			s, _ := d.Statement()
			outcomes = append(outcomes, d.Outcome.String()+d.By.String())
			statements = append(statements, s.Sid)
		}
		return outcomes, statements
	}
	wantOutcomes, wantStatements := answers(texts)
	for range 50 {
		outcomes, statements := answers(texts)
		require.Equal(t, wantOutcomes, outcomes)
		require.Equal(t, wantStatements, statements)
		shuffled := slices.Clone(texts)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		outcomes, _ = answers(shuffled)
		require.Equal(t, wantOutcomes, outcomes)
	}
}
