package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/reference/generate"
	"github.com/rowan-authz/rowan/policy"
)

// FuzzDecide lets the fuzzer choose the random cases of TestDifferential.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(32) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		c := generate.Question(rand.New(rand.NewPCG(a, b)))
		if diff, _ := compare(&c); diff != "" && diff != refusedCase {
			t.Fatalf("%s\n%s", diff, c)
		}
	})
}

// FuzzPolicy asks a fixed question of any text that is a policy: Decide and
// Explain agree, and a Deny beside it is never lost.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}}`, "s3:GetObject", "arn:aws:s3:::b/ana/x")
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":"iam:*","Resource":["*:table/x","arn:aws:s3:*"],"Condition":{"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]}}}]}`, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/T")
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		d, err := policy.Parse("fuzz", []byte(text))
		if err != nil {
			return
		}
		set, err := engine.Compile(conditions.AWS(), policy.Identity, d)
		if err != nil {
			return
		}
		q := user(t, action, resource)
		_ = q.Context.Set("aws:TagKeys", "a", action)
		e := engine.Evaluator{Identity: set}
		got, x := e.Decide(q), e.Explain(q)
		if got.Outcome != x.Decision.Outcome {
			t.Fatalf("Decide %s, Explain %s", got.Outcome, x.Decision.Outcome)
		}
		e.Boundary = mustCompileKind(t, policy.Boundary, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
		if e.Decide(q).Allowed() {
			t.Fatal("a deny was lost")
		}
	})
}
