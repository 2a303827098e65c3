package reference_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/internal/reference/generate"
	"github.com/rowan-authz/rowan/policy"
)

// denyAll applies to every principal, whatever kind of policy it stands in.
const denyAll = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`

// decide answers a question; what is refused has no answer.
func decide(q reference.Question) (answer reference.Answer, ok bool) {
	defer func() { ok = recover() == nil }()
	return reference.Decide(q), true
}

// eachSet calls f with every list of documents of a question.
func eachSet(p *reference.Policies, f func(documents *[]*policy.Document)) {
	for _, documents := range []*[]*policy.Document{&p.Identity, &p.Boundary, &p.Session, &p.Endpoint} {
		f(documents)
	}
	for _, levels := range [][][]*policy.Document{p.ServiceControl, p.ResourceControl} {
		for i := range levels {
			f(&levels[i])
		}
	}
	if p.Resource != nil {
		one := []*policy.Document{p.Resource}
		f(&one)
		p.Resource = one[0]
	}
}

// edited is a question whose statements went through edit, document by
// document.
func edited(q reference.Question, edit func([]policy.Statement) []policy.Statement) reference.Question {
	q.Policies.ServiceControl = cloneLevels(q.Policies.ServiceControl)
	q.Policies.ResourceControl = cloneLevels(q.Policies.ResourceControl)
	eachSet(&q.Policies, func(documents *[]*policy.Document) {
		*documents = slices.Clone(*documents)
		for i, d := range *documents {
			copied := *d
			copied.Statements = edit(slices.Clone(d.Statements))
			(*documents)[i] = &copied
		}
	})
	return q
}

func cloneLevels(levels [][]*policy.Document) [][]*policy.Document {
	out := make([][]*policy.Document, len(levels))
	for i, level := range levels {
		out[i] = slices.Clone(level)
	}
	return out
}

// Section 10.4: neither adding a Deny nor removing an Allow allows, and the
// order of statements and documents does not matter. Section 4.2.
func TestDecisionsAreMonotonic(t *testing.T) {
	added, err := policy.Parse("added", []byte(denyAll))
	require.NoError(t, err)
	decided := 0
	for i := range 10_000 {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		c := generate.Question(r)
		q, err := c.Reference()
		if err != nil {
			continue
		}
		before, ok := decide(q)
		if !ok {
			continue
		}
		decided++

		reversed := edited(q, func(s []policy.Statement) []policy.Statement { slices.Reverse(s); return s })
		eachSet(&reversed.Policies, func(documents *[]*policy.Document) { slices.Reverse(*documents) })
		after, _ := decide(reversed)
		require.Equal(t, before.Decision, after.Decision, "reversed: %s", c)

		poorer, _ := decide(edited(q, func(s []policy.Statement) []policy.Statement {
			return slices.DeleteFunc(s, func(s policy.Statement) bool { return s.Effect == policy.Allow && r.IntN(2) == 0 })
		}))
		stricter, _ := decide(edited(q, func(s []policy.Statement) []policy.Statement {
			if r.IntN(2) == 0 {
				return s
			}
			return append(s, added.Statements...)
		}))
		if before.Decision != "allowed" {
			require.NotEqual(t, "allowed", poorer.Decision, "without an Allow: %s", c)
			require.NotEqual(t, "allowed", stricter.Decision, "with a Deny: %s", c)
		}
		if before.Decision == "explicitDeny" {
			require.Equal(t, "explicitDeny", stricter.Decision, "with a Deny: %s", c)
		}
	}
	require.Greater(t, decided, 9_000)
}

// Section 10.4: without policies there is nothing but implicit denies, save
// for the root user.
func TestNothingIsAllowedWithoutPolicies(t *testing.T) {
	allowed := 0
	for i := range 5_000 {
		c := generate.Question(rand.New(rand.NewPCG(3, uint64(i))))
		c.Documents = generate.Documents{}
		q, err := c.Reference()
		require.NoError(t, err)
		answer, ok := decide(q)
		require.True(t, ok, "%s", c)
		if answer.Decision != "implicitDeny" {
			require.Equal(t, "root", answer.DecidedBy, "%s", c)
			allowed++
		}
	}
	require.NotZero(t, allowed)
}
