package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

func TestDiff(t *testing.T) {
	get := `{"Sid":"Get","Effect":"Allow","Action":"dynamodb:GetItem","Resource":"` + table + `"}`
	put := `{"Sid":"Put","Effect":"Allow","Action":["dynamodb:PutItem","dynamodb:DeleteItem"],"Resource":"` + table + `"}`
	for _, x := range []struct {
		old, now string
		want     analysis.Relation
		gained   []string
		lost     []string
	}{
		{get, get, analysis.Equal, nil, nil},
		{get, get + "," + put, analysis.Broader, []string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, nil},
		{get + "," + put, get, analysis.Narrower, nil, []string{"dynamodb:PutItem", "dynamodb:DeleteItem"}},
		{get, put, analysis.Incomparable, []string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, []string{"dynamodb:GetItem"}},
	} {
		d, err := analysis.Diff(context.Background(), &analysis.Question{
			By: &analysis.Policies{Identity: doc(t, x.now)}, Not: &analysis.Policies{Identity: doc(t, x.old)},
		}, 5)
		require.NoError(t, err)
		require.Equal(t, x.want, d.Relation())
		actions := func(d *analysis.Direction) (out []string) {
			require.True(t, d.Complete)
			for _, w := range d.Witnesses {
				out = append(out, w.Action)
			}
			return out
		}
		require.Equal(t, x.gained, actions(&d.Gained))
		require.Equal(t, x.lost, actions(&d.Lost))
	}
}

// TestStatements is case 11 of analysis A8.
func TestStatements(t *testing.T) {
	docs := doc(t, `{"Sid":"Wide","Effect":"Allow","Action":"dynamodb:Get*","Resource":"arn:aws:dynamodb:*:*:table/*"},
		{"Sid":"Inner","Effect":"Allow","Action":"dynamodb:GetItem","Resource":"arn:aws:dynamodb:eu-west-1:111111111111:table/T"},
		{"Sid":"Idle","Effect":"Deny","Action":"s3:*","Resource":"*"},
		{"Sid":"Never","Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"a"},"StringLike":{"s3:prefix":"b*"}}},
		{"Sid":"Stops","Effect":"Deny","Action":"dynamodb:GetRecords","Resource":"*"}`)
	all, err := analysis.Statements(context.Background(), &analysis.Question{By: &analysis.Policies{Identity: docs}})
	require.NoError(t, err)
	got := map[string]analysis.Effect{}
	for _, s := range all {
		got[s.Sid] = s.Effect
		if s.Sid == "Inner" {
			require.Len(t, s.By, 1)
			require.Equal(t, "Wide", s.By[0].Sid)
		}
	}
	require.Equal(t, map[string]analysis.Effect{
		"Wide": analysis.Matters, "Inner": analysis.Shadowed, "Idle": analysis.Shadowed, "Never": analysis.Dead, "Stops": analysis.Matters,
	}, got)
}

// TestMeet is case 12 of analysis A8.
func TestMeet(t *testing.T) {
	meet := func(formats map[string]string, key, statements string) *analysis.Meeting {
		m, err := analysis.Meet(context.Background(), &analysis.Question{By: &analysis.Policies{Identity: doc(t, statements)}, Formats: formats}, []string{key})
		require.NoError(t, err)
		t.Log(m.Verdict, m.Reason, m.First, m.Second)
		return m
	}
	below := `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/home/${aws:PrincipalTag/u}/*"}`
	m := meet(nil, "aws:PrincipalTag/u", below)
	require.Equal(t, analysis.Found, m.Verdict)
	require.NotEqual(t, m.First.Context["aws:PrincipalTag/u"], m.Second.Context["aws:PrincipalTag/u"])
	require.Equal(t, m.First.Resource, m.Second.Resource)
	require.Equal(t, analysis.Never, meet(nil, sub, rows2+`,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"`+sub+`":"true"}}}`).Verdict)
}

func TestRefusals(t *testing.T) {
	good := &analysis.Policies{Identity: doc(t, rows1)}
	d, err := policy.Parse("r", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`))
	require.NoError(t, err)
	for name, q := range map[string]*analysis.Question{
		"no policies":             {},
		"no principal":            {By: &analysis.Policies{Resource: d}},
		"a principal of no form":  {By: good, Principal: "somebody"},
		"the root user":           {By: good, Principal: "arn:aws:iam::111122223333:root"},
		"a policy of no kind":     {By: &analysis.Policies{Identity: []*policy.Document{d}}},
		"a key that nobody knows": {By: good, Principal: asker, Keys: map[string][]string{"aws:Nonsense": {"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := analysis.Search(context.Background(), q)
			if name == "a key that nobody knows" {
				require.NoError(t, err)
				require.Equal(t, analysis.Unknown, a.Verdict)
				return
			}
			require.Error(t, err)
		})
	}
}

// TestLayers asks about every kind of policy at once.
func TestLayers(t *testing.T) {
	everything := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	s3 := `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	resource, err := policy.Parse("r", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/R/s"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`))
	require.NoError(t, err)
	for _, x := range []struct {
		name     string
		policies analysis.Policies
		where    string
		want     analysis.Verdict
	}{
		{"a boundary limits", analysis.Policies{Identity: doc(t, everything), Boundary: doc(t, s3)}, `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, analysis.Never},
		{"and lets through", analysis.Policies{Identity: doc(t, everything), Boundary: doc(t, s3)}, s3, analysis.Found},
		{"a session policy limits", analysis.Policies{Identity: doc(t, everything), Session: doc(t, s3)}, `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, analysis.Never},
		{"a level without Allow", analysis.Policies{Identity: doc(t, everything), ServiceControl: [][]*policy.Document{doc(t, everything), doc(t, s3)}}, `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, analysis.Never},
		{"a resource policy that names the session passes a boundary", analysis.Policies{Boundary: doc(t, `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`), Resource: resource}, s3, analysis.Found},
		{"but not elsewhere", analysis.Policies{Boundary: doc(t, `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`), Resource: resource}, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::c/*"}`, analysis.Never},
		{"a role needs its own policy", analysis.Policies{Identity: doc(t, everything)}, `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/*"}`, analysis.Never},
		{"another account's resource", analysis.Policies{Identity: doc(t, everything)}, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:dynamodb:eu-west-1:999999999999:table/T"}`, analysis.Never},
	} {
		t.Run(x.name, func(t *testing.T) {
			a, err := analysis.Search(context.Background(), &analysis.Question{
				By: &x.policies, And: []*analysis.Policies{{Identity: doc(t, x.where)}}, Principal: asker,
			})
			require.NoError(t, err)
			require.Equal(t, x.want, a.Verdict, "%s %v", a.Reason, a.Witness)
		})
	}
}

// TestBudget holds that policies of strangers cost no more than they may.
func TestBudget(t *testing.T) {
	var globs []string
	for i := range 40 {
		globs = append(globs, fmt.Sprintf("%q", fmt.Sprintf("*%c%c*", 'a'+i%20, 'a'+i/2)))
	}
	hard := all(`"StringLike":{"s3:prefix":[` + strings.Join(globs[:len(globs)/2], ",") + `]},"StringNotLike":{"s3:delimiter":"x"}`)
	other := all(`"StringLike":{"s3:prefix":[` + strings.Join(globs[len(globs)/2:], ",") + `]}`)
	began := time.Now()
	a, err := analysis.Search(context.Background(), &analysis.Question{
		By: &analysis.Policies{Identity: doc(t, hard)}, Not: &analysis.Policies{Identity: doc(t, other)}, Limits: analysis.Limits{Steps: 50_000},
	})
	require.NoError(t, err)
	require.Equal(t, analysis.Unknown, a.Verdict)
	require.NotEmpty(t, a.Reason)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a, err = analysis.Search(ctx, &analysis.Question{By: &analysis.Policies{Identity: doc(t, hard)}, Not: &analysis.Policies{Identity: doc(t, other)}})
	require.NoError(t, err)
	require.Equal(t, analysis.Unknown, a.Verdict)
	t.Log(time.Since(began))
}

// TestDoubts holds that no proof is claimed where a request was not looked at.
func TestDoubts(t *testing.T) {
	for name, x := range map[string]struct{ by, not string }{
		"an account by a pattern": {`{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"arn:aws:dynamodb:eu-west-1:1234????????:table/T"}`, ""},
		"two tags by case":        {all(`"StringEquals":{"aws:PrincipalTag/Env":"x"}`), all(`"StringEquals":{"aws:PrincipalTag/env":"x"}`)},
		"several types":           {all(`"NumericEquals":{"app:k":"1"}`), all(`"NumericEquals":{"app:k":"1"}`) + "," + all(`"DateEquals":{"app:k":"2026-01-01"}`)},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, analysis.Unknown, ask(t, x.by, x.not, "").Verdict) })
	}
	china := all(`"ArnLike":{"aws:PrincipalArn":"arn:aws-cn:iam::*:role/R"}`)
	require.Equal(t, analysis.Found, ask(t, china, "", "").Verdict)
}
