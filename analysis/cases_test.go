package analysis_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/policy"
)

const sub = "cognito-identity.amazonaws.com:sub"

func doc(t testing.TB, statements string) []*policy.Document {
	t.Helper()
	d, err := policy.Parse("p.json", []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	require.NoError(t, err)
	return []*policy.Document{d}
}

func ask(t testing.TB, by, not, where string) *analysis.Answer {
	t.Helper()
	q := &analysis.Question{By: &analysis.Policies{Identity: doc(t, by)}}
	if not != "" {
		q.Not = &analysis.Policies{Identity: doc(t, not)}
	}
	if where != "" {
		q.And = []*analysis.Policies{{Identity: doc(t, where)}}
	}
	a, err := analysis.Search(context.Background(), q)
	require.NoError(t, err)
	t.Log(a.Verdict, a.Reason, a.Witness, a.Assignments)
	return a
}

const (
	table   = "arn:aws:dynamodb:eu-west-1:111111111111:table/T"
	rows1   = `{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + table + `","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${` + sub + `}"]}}}`
	rows2   = `{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + table + `","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${` + sub + `}"]},"Null":{"dynamodb:LeadingKeys":"false"}}}`
	foreign = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringNotEquals":{"dynamodb:LeadingKeys":"${` + sub + `}"}}}`
	keyless = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"dynamodb:LeadingKeys":"true"}}}`
)

func rows(operator, values string) string {
	return `{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + table + `","Condition":{"ForAllValues:` + operator + `":{"dynamodb:LeadingKeys":[` + values + `]},"Null":{"dynamodb:LeadingKeys":"false"}}}`
}

func all(conditions string) string {
	return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + conditions + `}}`
}

func one(prefix string) string {
	return `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringEquals":{"s3:prefix":` + prefix + `}}}`
}

const (
	admin = `{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"` + table + `","Condition":{"StringEquals":{"` + sub + `":"us-east-1:admin"}}}`
	ten   = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.0/9"]},"NumericLessThanEquals":{"s3:max-keys":"9.5"}}},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}}}`
	ip10  = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"NumericLessThan":{"s3:max-keys":"10"}}}`
	home  = `{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/home/${aws:PrincipalTag/u}","arn:aws:s3:::b/home/${aws:PrincipalTag/u}/*"]}`
)

// TestCases are the cases of analysis A8.
func TestCases(t *testing.T) {
	for _, x := range []struct {
		name, by, not, where string
		want                 analysis.Verdict
	}{
		{"1a", rows1, "", foreign, analysis.Never},
		{"1b", rows1, "", keyless, analysis.Found},
		{"2", rows2, "", keyless, analysis.Never},
		{"2 foreign", rows2, "", foreign, analysis.Never},
		{"3 prefix collision", rows("StringLike", `"${`+sub+`}*"`), "", foreign, analysis.Found},
		{"4 public", rows("StringEquals", `"${`+sub+`}","public"`), "", foreign, analysis.Found},
		{"4 but public", rows("StringEquals", `"${`+sub+`}","public"`), "", all(`"ForAnyValue:StringNotEquals":{"dynamodb:LeadingKeys":["${` + sub + `}","public"]}`), analysis.Never},
		{"5 special identity", rows2 + "," + admin, "", foreign, analysis.Found},
		{"5 but admin", rows2 + "," + admin, "", all(`"ForAnyValue:StringNotEquals":{"dynamodb:LeadingKeys":"${` + sub + `}"},"StringNotEquals":{"` + sub + `":"us-east-1:admin"}`), analysis.Never},
		{"6 scan", strings.Replace(rows1, `["dynamodb:GetItem","dynamodb:Query"]`, `"dynamodb:*"`, 1), "", `{"Effect":"Allow","Action":"dynamodb:Scan","Resource":"*","Condition":{"Null":{"dynamodb:LeadingKeys":"true"}}}`, analysis.Found},
		{"7 index", rows2 + `,{"Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `/index/*"}`, rows2, "", analysis.Found},
		{"7 reverse", rows2, rows2 + `,{"Effect":"Allow","Action":"dynamodb:Query","Resource":"` + table + `/index/*"}`, "", analysis.Never},
		{"8 if exists", all(`"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}`), all(`"Bool":{"aws:MultiFactorAuthPresent":"true"}`), "", analysis.Found},
		{"8 reverse", all(`"Bool":{"aws:MultiFactorAuthPresent":"true"}`), all(`"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}`), "", analysis.Never},
		{"9 any minus all", all(`"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}`), all(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), "", analysis.Found},
		{"9 reverse", all(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), all(`"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}`), "", analysis.Found},
		{"10 narrower", ten, ip10, "", analysis.Never},
		{"10 wider", ip10, ten, "", analysis.Found},
		{"default reached", one(`"${aws:PrincipalTag/team, 'company-wide'}"`), "", all(`"StringEquals":{"s3:prefix":"company-wide"},"Null":{"aws:PrincipalTag/team":"true"}`), analysis.Found},
		{"no default", one(`"${aws:PrincipalTag/team}"`), "", all(`"StringEquals":{"s3:prefix":"company-wide"},"Null":{"aws:PrincipalTag/team":"true"}`), analysis.Never},
		{"a star is literal", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/u}"}`, "", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/victim","Condition":{"StringEquals":{"aws:PrincipalTag/u":"*"}}}`, analysis.Never},
		{"its own object", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/u}"}`, "", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/victim"}`, analysis.Found},
		{"guests", all(`"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"*authenticated"}`), "", all(`"ForAnyValue:StringEquals":{"cognito-identity.amazonaws.com:amr":"unauthenticated"}`), analysis.Found},
		{"no guests", all(`"ForAllValues:StringEquals":{"cognito-identity.amazonaws.com:amr":"authenticated"}`), "", all(`"ForAnyValue:StringEquals":{"cognito-identity.amazonaws.com:amr":"unauthenticated"}`), analysis.Never},
		{"home and below", home, "", `{"Effect":"Allow","Action":"*","NotResource":["arn:aws:s3:::b/home/${aws:PrincipalTag/u}","arn:aws:s3:::b/home/${aws:PrincipalTag/u}/*"]}`, analysis.Never},
		{"home elsewhere", home, "", `{"Effect":"Allow","Action":"*","NotResource":["arn:aws:s3:::b/home/*"]}`, analysis.Never},
		{"home of another", home, "", `{"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::b/home/bob/x"],"Condition":{"StringNotEquals":{"aws:PrincipalTag/u":"bob"}}}`, analysis.Found},
		{"list buckets", `{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"}`, `{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::?*"}`, `{"Effect":"Allow","Action":"*","Resource":"*"}`, analysis.Found},
	} {
		t.Run(x.name, func(t *testing.T) { require.Equal(t, x.want, ask(t, x.by, x.not, x.where).Verdict) })
	}
}
