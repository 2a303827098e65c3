package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/internal/corpus"
)

// TestDecideAllocatesNothing holds for every case of the corpus: every kind of
// policy, operator, pattern and principal.
func TestDecideAllocatesNothing(t *testing.T) {
	asked := 0
	for _, c := range corpus.Decisions(t) {
		q, err := c.Question(conditions.AWS(), corpus.Now)
		if err != nil {
			continue
		}
		asked++
		n := testing.AllocsPerRun(5, func() { q.Evaluator.Decide(q.Request) })
		require.Zero(t, n, "%s: %s", c.File, c.Name)
	}
	require.Greater(t, asked, 500)
}

// TestRequestAllocatesNothing fills a context and decides, as a server does
// for each request.
func TestRequestAllocatesNothing(t *testing.T) {
	p, e := gameScores(t, 100)
	v := conditions.AWS()
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	require.NoError(t, session.Set("cognito-identity.amazonaws.com:sub", "us-east-1:a"))
	c := v.NewContext()
	r := engine.Request{Principal: p, Action: "dynamodb:GetItem", Resource: table("T7"), Context: c}
	failed := 0
	ask := func() {
		c.Reset(session)
		err := c.Set("dynamodb:LeadingKeys", "us-east-1:a")
		if err == nil {
			err = c.Set("dynamodb:Attributes", "UserId", "GameTitle", "Wins")
		}
		if err != nil || !e.Decide(&r).Allowed() {
			failed++
		}
	}
	require.Zero(t, testing.AllocsPerRun(100, ask))
	require.Zero(t, failed)
}

func table(name string) string {
	return "arn:aws:dynamodb:us-east-1:111122223333:table/" + name
}

// gameScores is n policies that each open one table to the rows of the caller.
func gameScores(t testing.TB, n int) (engine.Principal, *engine.Evaluator) {
	t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Own%d","Effect":"Allow",
			"Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":%q,
			"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"],
				"dynamodb:Attributes":["UserId","GameTitle","TopScore","Wins","Losses"]}}}]}`, i, table(fmt.Sprintf("T%d", i)))
	}
	p, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/Player/CognitoIdentityCredentials")
	require.NoError(t, err)
	return p, &engine.Evaluator{Identity: mustCompile(t, texts...)}
}
