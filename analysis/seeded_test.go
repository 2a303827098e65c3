package analysis_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

// TestSeeded are questions that seeded faults of TestMutants answer wrongly, each
// by the name of its fault; what cannot be exact has to be unknown.
func TestSeeded(t *testing.T) {
	const (
		everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`
		u, v       = `${aws:PrincipalTag/u}`, `${aws:PrincipalTag/v}`
	)
	deny := func(conditions string) string {
		return `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{` + conditions + `}}`
	}
	// Who denies what, so that one way of two out of the first Deny leads nowhere.
	dead := func(k, l string) string {
		return everything + deny(`"StringEquals":{"`+k+`":"a","`+l+`":"b"}`) +
			deny(`"StringNotEquals":{"`+k+`":"a","aws:PrincipalTag/w":"x"}`) +
			deny(`"StringNotEquals":{"`+k+`":"a"},"StringEquals":{"aws:PrincipalTag/w":"x"}`)
	}
	for _, x := range []struct {
		name, by, where string
		want            analysis.Verdict
	}{
		{"some value stands for every value", all(`"ForAnyValue:StringEquals":{"aws:TagKeys":"a"}`), all(`"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"ForAnyValue:StringEquals":{"aws:TagKeys":"b"}`), analysis.Never},
		{"branches without the rest", dead("s3:prefix", "s3:delimiter"), "", analysis.Found},
		{"branches without the rest, the other way round", dead("s3:delimiter", "s3:prefix"), "", analysis.Found},
		{"denials of conjuncts are forgotten", all(`"Null":{"s3:prefix":"false"}`), everything + deny(`"Null":{"s3:prefix":"false"}`), analysis.Never},
		{"nothing between the first two numbers", all(`"NumericGreaterThan":{"s3:max-keys":"5"},"NumericLessThan":{"s3:max-keys":"10"}`), "", analysis.Found},
		{"nothing behind a network", all(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"NotIpAddress":{"aws:SourceIp":"10.0.0.0/9"}`), "", analysis.Found},
		{"folding is lower case alone", all(`"StringEqualsIgnoreCase":{"s3:prefix":"AB"}`), all(`"StringEquals":{"s3:prefix":"aB"}`), analysis.Found},
		{"a default is the value of another", one(`"${aws:PrincipalTag/u, 'cw'}"`), all(`"StringEquals":{"s3:prefix":"${aws:PrincipalTag/v, 'cw'}"},"Null":{"aws:PrincipalTag/v":"true","aws:PrincipalTag/u":"false"}`), analysis.Found},
		{"variables do not share values", all(`"StringEquals":{"s3:prefix":"` + u + `","aws:PrincipalTag/u":"` + v + `","aws:PrincipalTag/v":"k1"}`), "", analysis.Found},
		{"folded variables are exact", all(`"StringEqualsIgnoreCase":{"s3:prefix":"` + u + `x"}`), all(`"StringEquals":{"s3:prefix":"q"}`), analysis.Unknown},
		{"variables in keys that are read are exact", all(`"StringEquals":{"aws:PrincipalTag/u":"x` + v + `","s3:prefix":"` + u + `"}`), all(`"StringEquals":{"aws:PrincipalTag/u":"q"}`), analysis.Unknown},
		{"entangled variables are exact", all(`"StringLike":{"s3:prefix":"*` + u + `a*"},"StringEquals":{"aws:PrincipalTag/u":"` + v + `"}`), all(`"StringEquals":{"s3:prefix":"q"}`), analysis.Unknown},
		{"different lengths are no longer different", all(`"StringEquals":{"s3:prefix":"a` + u + `"}`), all(`"StringEquals":{"s3:prefix":"` + u + `b"}`), analysis.Unknown},
		{"no resource for all buckets", `{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:*:*:*"}`, "", analysis.Found},
		{"keys of two names are two", all(`"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":"a"}`), all(`"ForAllValues:StringEquals":{"dynamodb:FirstPartitionKeyValues":"b"}`), analysis.Never},
		{"everybody is a session", all(`"Null":{"aws:username":"false"}`), "", analysis.Found},
		{"sessions have user names", all(`"Null":{"aws:username":"false"}`), all(`"StringEquals":{"aws:PrincipalType":"AssumedRole"}`), analysis.Never},
		{"overlapping places are exact", all(`"StringEquals":{"s3:prefix":"a` + u + `"}`), all(`"StringEquals":{"s3:prefix":"` + v + `b","aws:PrincipalTag/u":"q"}`), analysis.Unknown},
	} {
		t.Run(x.name, func(t *testing.T) { require.Equal(t, x.want, ask(t, x.by, "", x.where).Verdict) })
	}

	search := func(t *testing.T, q *analysis.Question) *analysis.Answer {
		t.Helper()
		a, err := analysis.Search(context.Background(), q)
		require.NoError(t, err)
		return a
	}
	t.Run("only the first layer fails", func(t *testing.T) {
		broad, narrow := doc(t, everything), doc(t, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
		for _, not := range []analysis.Policies{{Identity: broad, Boundary: narrow}, {Identity: narrow, Boundary: broad}} {
			a := search(t, &analysis.Question{By: &analysis.Policies{Identity: broad}, Not: &not, Principal: asker})
			require.Equal(t, analysis.Found, a.Verdict, a.Reason)
		}
		not := analysis.Policies{Identity: broad, Boundary: broad}
		require.Equal(t, analysis.Never, search(t, &analysis.Question{By: &analysis.Policies{Identity: broad}, Not: &not, Principal: asker}).Verdict)
	})
	t.Run("accounts are named directly", func(t *testing.T) {
		for who, want := range map[string]analysis.Verdict{"arn:aws:iam::111122223333:root": analysis.Never, asker: analysis.Found} {
			a := search(t, &analysis.Question{By: &analysis.Policies{Resource: shared(t, who)}, Principal: asker})
			require.Equal(t, want, a.Verdict, "%s %v", who, a.Witness)
		}
	})
	t.Run("every account is one's own", func(t *testing.T) {
		const other = "arn:aws:iam::999999999999:root"
		for who, want := range map[string]analysis.Verdict{other: analysis.Never, other + `","arn:aws:iam::111122223333:root`: analysis.Found} {
			for _, own := range []string{everything, all(`"StringEquals":{"aws:ResourceAccount":"111122223333"}`)} {
				a := search(t, &analysis.Question{
					By:  &analysis.Policies{Identity: doc(t, everything), Resource: shared(t, who)},
					Not: &analysis.Policies{Identity: doc(t, own)}, Principal: asker,
				})
				require.Equal(t, want, a.Verdict, "%s %s %v", who, a.Reason, a.Witness)
			}
		}
	})
	t.Run("texts of another space", func(t *testing.T) {
		by := &analysis.Policies{Identity: doc(t, all(`"StringEquals":{"s3:prefix":"us"}`))}
		require.Equal(t, analysis.Found, search(t, &analysis.Question{By: by}).Verdict)
		require.Equal(t, analysis.Never, search(t, &analysis.Question{By: by, Formats: map[string]string{"s3:prefix": "us-*"}}).Verdict)
	})
	t.Run("two variables in one text are exact", func(t *testing.T) {
		a := ask(t, all(`"StringEquals":{"s3:prefix":"`+u+`-`+v+`"}`), "", all(`"StringEquals":{"s3:prefix":"q"}`))
		require.Equal(t, analysis.Unknown, a.Verdict)
		require.Contains(t, a.Reason, "two variables in one value")
	})
	t.Run("the empty text stands for others", func(t *testing.T) {
		a := ask(t, all(`"StringNotEquals":{"s3:prefix":"x"},"Null":{"s3:prefix":"false"}`), "", "")
		require.Equal(t, analysis.Found, a.Verdict)
		require.NotEqual(t, []string{""}, a.Witness.Context["s3:prefix"])
	})
}

// shared is the policy of a bucket that says who may read it; several are parted by
// `","`.
func shared(t *testing.T, who string) *policy.Document {
	t.Helper()
	d, err := policy.Parse("r.json", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["`+who+`"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`))
	require.NoError(t, err)
	return d
}
