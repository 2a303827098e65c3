package analysis_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy"
)

// smallKeys are the keys that small policies read.
var smallKeys = []string{tagU, tagV, "s3:prefix", "aws:TagKeys", "s3:max-keys", "aws:SourceIp"}

// TestGiven gives all keys but a few a value, and looks by chance for what is then
// said not to be there: a variable may have to be a value that is given.
func TestGiven(t *testing.T) {
	n := uint64(*randomN) / 8
	if raceEnabled {
		n /= 10 // the race detector is for the others
	}
	found, never := 0, 0
	for i := range n {
		g := small{Rand: rand.New(rand.NewPCG(*randomSeed+77, i))}
		by := g.document(t)
		r := g.request(t)
		keys := map[string][]string{}
		for _, k := range smallKeys {
			if g.IntN(3) > 0 {
				values, state := r.Context.Value(k)
				keys[k] = append([]string{}, values...)
				if state == conditions.Absent {
					keys[k] = nil
				}
			}
		}
		a, err := analysis.Search(context.Background(), &analysis.Question{By: &analysis.Policies{Identity: by}, Principal: asker, Keys: keys})
		require.NoError(t, err, "seed %d:\n%s", i, printed(by))
		switch a.Verdict {
		case analysis.Found:
			found++
			continue
		case analysis.Unknown:
			continue
		case analysis.Never:
			never++
		}
		e := evaluatorOf(t, by)
		for range min(*tries, 150) {
			x := g.request(t)
			c := conditions.AWS().NewContext()
			require.NoError(t, x.Principal.Describe(c))
			for _, k := range smallKeys {
				values, given := keys[k]
				if !given {
					var state conditions.State
					if values, state = x.Context.Value(k); state == conditions.Absent {
						continue
					}
				} else if values == nil {
					continue
				}
				if !given && len(keys["s3:prefix"]) == 1 && k == tagU && g.IntN(2) == 0 {
					values = keys["s3:prefix"]
				}
				require.NoError(t, c.Set(k, values...))
			}
			x.Context = c
			if e.Decide(x).Allowed() {
				t.Fatalf("seed %d: said never, and %s %s %v is\n%s", i, x.Action, x.Resource, contextOf(x), printed(by))
			}
		}
	}
	t.Logf("%d found, %d never", found, never)
	require.NotZero(t, found)
	require.NotZero(t, never)
}

// TestGivenByVariable is a key that is given and a variable that must be its value.
func TestGivenByVariable(t *testing.T) {
	for value, want := range map[string]analysis.Verdict{"us-east-1:bbbb": analysis.Found, "": analysis.Never} {
		a, err := analysis.Search(context.Background(), &analysis.Question{
			By: &analysis.Policies{Identity: doc(t, rows2)}, Keys: map[string][]string{"dynamodb:LeadingKeys": {value}},
		})
		require.NoError(t, err)
		require.Equal(t, want, a.Verdict, a.Reason)
	}
}

// TestRoleOfASession: the ARN of a session lacks the path of its role, by which a
// policy of a resource names it.
func TestRoleOfASession(t *testing.T) {
	const account, bucket = "arn:aws:iam::111122223333:", "arn:aws:s3:::b/*"
	ask := func(named, role string) (*analysis.Answer, error) {
		d, err := policy.Parse("p", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+account+named+`"},"Action":"s3:GetObject","Resource":"`+bucket+`"}]}`))
		require.NoError(t, err)
		q := &analysis.Question{By: &analysis.Policies{Resource: d}, Principal: asker, Keys: map[string][]string{}}
		if role != "" {
			q.Keys["aws:PrincipalArn"] = []string{account + role}
		}
		return analysis.Search(t.Context(), q)
	}
	for _, x := range []struct {
		named, role string
		want        analysis.Verdict
	}{
		{"role/games/R", "role/games/R", analysis.Found},
		{"role/games/R", "role/R", analysis.Never},
		{"role/games/R", "", analysis.Never},
		{"role/R", "role/games/R", analysis.Never},
		{"role/R", "", analysis.Found},
	} {
		a, err := ask(x.named, x.role)
		require.NoError(t, err)
		require.Equal(t, x.want, a.Verdict, x)
	}
	_, err := ask("role/R", "role/Other")
	require.ErrorIs(t, err, analysis.ErrQuestion)
}
