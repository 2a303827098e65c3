package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// asked makes a request of a role session; context goes on top of what the
// principal determines.
func asked(t testing.TB, action, resource string, context map[string][]string) *engine.Request {
	t.Helper()
	p, err := engine.ParsePrincipal(asker)
	require.NoError(t, err)
	c := conditions.AWS().NewContext()
	require.NoError(t, p.Describe(c))
	for k, v := range context {
		require.NoError(t, c.Set(k, v...))
	}
	return &engine.Request{Principal: p, Action: action, Resource: resource, ResourceAccount: "111122223333", Context: c}
}

const own = "arn:aws:dynamodb:eu-west-1:111122223333:table/T"

// TestFlip has, for each denial, the changes that would make it an allow, and what
// may be told of them. Each proposal is a neighbour that is allowed.
func TestFlip(t *testing.T) {
	const ownRows = `{"Sid":"Own","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + own + `","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${` + sub + `}"]},"Null":{"dynamodb:LeadingKeys":"false"}}}`
	const everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	const home = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/home/${aws:PrincipalTag/u}/*"}`
	const names = `{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["id","name"]},"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}}}`
	ask := func(more ...string) map[string][]string {
		out := map[string][]string{sub: {"us-east-1:aaaa"}, "dynamodb:LeadingKeys": {"us-east-1:bbbb"}}
		for i := 0; i < len(more); i += 2 {
			delete(out, more[i])
			if more[i+1] != "-" {
				out[more[i]] = strings.Split(more[i+1], ",")
			}
		}
		return out
	}
	get := func(resource string, context map[string][]string) *engine.Request {
		return asked(t, "dynamodb:GetItem", resource, context)
	}
	for _, x := range []struct {
		name     string
		policies analysis.Policies
		request  *engine.Request
		want     []string // by part, without statements
		hint     string
	}{
		{"a row of another", analysis.Policies{Identity: doc(t, ownRows)}, get(own, ask()), []string{
			`request: dynamodb:LeadingKeys were "us-east-1:aaaa", the identity's own ` + sub,
			`identity: the identity's ` + sub + ` were "us-east-1:bbbb"`,
			`policy: the identity policy p.json:1 had this statement`,
		}, "you may ask for rows of your own partition"},
		{"rows of oneself and another", analysis.Policies{Identity: doc(t, ownRows)}, get(own, ask("dynamodb:LeadingKeys", "us-east-1:aaaa,us-east-1:bbbb")), []string{
			`request: dynamodb:LeadingKeys were "us-east-1:aaaa" alone`,
			`policy: the identity policy p.json:1 had this statement`,
		}, "you may ask for rows of your own partition"},
		{"no row: nobody is told how to ask", analysis.Policies{Identity: doc(t, ownRows)}, get(own, ask("dynamodb:LeadingKeys", "-")), []string{
			`request: dynamodb:LeadingKeys were "us-east-1:aaaa", the identity's own ` + sub,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"a row that a policy names is not told", analysis.Policies{Identity: doc(t, strings.ReplaceAll(rows("StringEquals", `"shared"`), table, own))}, get(own, ask()), []string{
			`request: dynamodb:LeadingKeys were "shared"`,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"an action that nothing is about", analysis.Policies{Identity: doc(t, ownRows)}, asked(t, "dynamodb:PutItem", own, ask()), []string{
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"another table", analysis.Policies{Identity: doc(t, ownRows)}, get(own+"2", ask("dynamodb:LeadingKeys", "us-east-1:aaaa")), []string{
			`request: the resource were ` + own,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"two things of the request", analysis.Policies{Identity: doc(t, names)}, get(own, ask("dynamodb:Attributes", "id,secret", "dynamodb:Select", "ALL_ATTRIBUTES")), []string{
			`policy: the identity policy p.json:1 had this statement`,
			`request: dynamodb:Attributes were "id" alone, and dynamodb:Select were "SPECIFIC_ATTRIBUTES"`,
		}, ""},
		{"less of what was asked", analysis.Policies{Identity: doc(t, names)}, get(own, ask("dynamodb:Attributes", "id,secret", "dynamodb:Select", "SPECIFIC_ATTRIBUTES")), []string{
			`request: dynamodb:Attributes were "id" alone`,
			`policy: the identity policy p.json:1 had this statement`,
		}, `you may ask without "secret" in dynamodb:Attributes`},
		{"a home directory", analysis.Policies{Identity: doc(t, home)}, asked(t, "s3:GetObject", "arn:aws:s3:::b/home/bob/x", map[string][]string{"aws:PrincipalTag/u": {"ann"}}), []string{
			`request: the resource were arn:aws:s3:::b/home/ann/x`,
			`identity: the identity's aws:PrincipalTag/u were "bob"`,
			`policy: the identity policy p.json:1 had this statement`,
		}, "you may ask for arn:aws:s3:::b/home/ann/x"},
		{"a directory that is nobody's", analysis.Policies{Identity: doc(t, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/public/*"}`)}, asked(t, "s3:GetObject", "arn:aws:s3:::b/home/bob/x", map[string][]string{"aws:PrincipalTag/u": {"ann"}}), []string{
			`request: the resource were arn:aws:s3:::b/public/x`,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"what is missing", analysis.Policies{Identity: doc(t, all(`"StringEquals":{"aws:PrincipalTag/team":"red"}`))}, asked(t, "s3:GetObject", "arn:aws:s3:::b/x", nil), []string{
			`identity: the identity's aws:PrincipalTag/team were given, as "red"`,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"what is too much", analysis.Policies{Identity: doc(t, all(`"Null":{"s3:x-amz-acl":"true"}`))}, asked(t, "s3:PutObject", "arn:aws:s3:::b/x", map[string][]string{"s3:x-amz-acl": {"public-read"}}), []string{
			`request: there were no s3:x-amz-acl`,
			`policy: the identity policy p.json:1 had this statement`,
		}, ""},
		{"the identity and the circumstances", analysis.Policies{Identity: doc(t, all(`"Bool":{"aws:MultiFactorAuthPresent":"true"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`))}, asked(t, "s3:GetObject", "arn:aws:s3:::b/x", map[string][]string{"aws:SourceIp": {"192.0.2.1"}}), []string{
			`policy: the identity policy p.json:1 had this statement`,
			`identity: the identity's aws:MultiFactorAuthPresent were given, as "true", and aws:SourceIp were "10.0.0.0"`,
		}, ""},
		{"a boundary in the way", analysis.Policies{Identity: doc(t, ownRows), Boundary: doc(t, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)}, get(own, ask("dynamodb:LeadingKeys", "us-east-1:aaaa")), []string{
			`policy: the permissions boundary p.json:1 had this statement`,
		}, ""},
		{"a boundary and no allow", analysis.Policies{Identity: doc(t, ownRows), Boundary: doc(t, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)}, get(own, ask()), []string{
			`policy: the permissions boundary p.json:1 had this statement, and the identity policy p.json:1 had this statement`,
		}, ""},
		{"a session policy that allows nothing", analysis.Policies{Identity: doc(t, ownRows), Session: []*policy.Document{}}, get(own, ask("dynamodb:LeadingKeys", "us-east-1:aaaa")), []string{
			`policy: a new session policy had this statement`,
		}, ""},
		{"the second level", analysis.Policies{Identity: doc(t, ownRows), ServiceControl: [][]*policy.Document{doc(t, everything), doc(t, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)}}, get(own, ask("dynamodb:LeadingKeys", "us-east-1:aaaa")), []string{
			`policy: the service control policy p.json:1 had this statement`,
		}, ""},
		{"an explicit deny tells nothing", analysis.Policies{Identity: doc(t, ownRows+`,{"Sid":"NotBob","Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":"us-east-1:bbbb"}}}`)}, get(own, ask()), []string{
			`request: dynamodb:LeadingKeys were "us-east-1:aaaa", the identity's own ` + sub,
			`policy: the Deny p.json:1:326: NotBob did not hold for it, and the identity policy p.json:1 had this statement`,
		}, ""},
		{"a deny alone", analysis.Policies{Identity: doc(t, everything), ServiceControl: [][]*policy.Document{doc(t, everything+`,{"Sid":"NoGets","Effect":"Deny","Action":"dynamodb:Get*","Resource":"*"}`)}}, get(own, ask()), []string{
			`policy: the Deny p.json:1:85: NoGets did not hold for it`,
		}, ""},
		{"an action without a resource", analysis.Policies{}, asked(t, "s3:ListAllMyBuckets", "*", nil), []string{`policy: a new identity policy had this statement`}, ""},
		{"no neighbour is denied", analysis.Policies{Identity: doc(t, ownRows)}, get(own, ask("dynamodb:LeadingKeys", "us-east-1:aaaa")), []string{}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			f, err := analysis.Flip(context.Background(), &x.policies, x.request, analysis.FlipOptions{})
			require.NoError(t, err)
			got := []string{}
			for i := range f.Proposals {
				p := &f.Proposals[i]
				got = append(got, p.Part.String()+": "+p.Words())
				require.Len(t, strings.Split(p.Words(), ", and "), p.Size)
			}
			require.Equal(t, x.want, got)
			require.Equal(t, x.hint, f.Hint)
			require.Empty(t, f.Reason)
		})
	}
}

// TestFlipStatement holds the statement that is proposed to be exact.
func TestFlipStatement(t *testing.T) {
	within := all(`"DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"},"StringEquals":{"aws:PrincipalTag/team":"red"}`)
	r := asked(t, "dynamodb:BatchGetItem", own, map[string][]string{
		sub: {"us-east-1:${aaaa}"}, "dynamodb:LeadingKeys": {"a", "b"}, "aws:CurrentTime": {"2026-01-01T00:00:00Z"}, "aws:SourceIp": {"192.0.2.1"},
	})
	f, err := analysis.Flip(context.Background(), &analysis.Policies{Identity: doc(t, within)}, r, analysis.FlipOptions{})
	require.NoError(t, err)
	last := f.Proposals[len(f.Proposals)-1]
	require.Equal(t, analysis.OfPolicy, last.Part)
	require.JSONEq(t, `{"Effect":"Allow","Action":"dynamodb:BatchGetItem","Resource":"`+own+`","Condition":{
		"DateLessThan":{"aws:CurrentTime":["2027-01-01T00:00:00Z"]},
		"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a","b"]},
		"Null":{"aws:PrincipalTag/team":"true","dynamodb:LeadingKeys":"false"},
		"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/R","`+sub+`":"us-east-1:${$}{aaaa}"}}}`, last.Additions[0].Statement)
}

// TestFlipNothing has what nothing is proposed for, and why.
func TestFlipNothing(t *testing.T) {
	everything := doc(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	unread := asked(t, "s3:GetObject", "arn:aws:s3:::b/x", nil)
	require.NoError(t, unread.Context.SetIndeterminate("s3:prefix"))
	root := asked(t, "s3:GetObject", "arn:aws:s3:::b/x", nil)
	var err error
	root.Principal, err = engine.ParsePrincipal("arn:aws:iam::111122223333:root")
	require.NoError(t, err)
	trust, err := policy.Parse("t", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`))
	require.NoError(t, err)
	for name, x := range map[string]struct {
		policies *analysis.Policies
		request  *engine.Request
		reason   string
	}{
		"allowed":                   {&analysis.Policies{Identity: everything}, asked(t, "s3:GetObject", "arn:aws:s3:::b/x", nil), ""},
		"no action":                 {&analysis.Policies{}, asked(t, "s3", "*", nil), "the action is not service:Name"},
		"no context":                {&analysis.Policies{}, &engine.Request{Principal: unread.Principal}, "the request has no context"},
		"the root user":             {&analysis.Policies{}, root, "only requests of users and of role sessions are looked at"},
		"a value that nobody knows": {&analysis.Policies{Identity: doc(t, all(`"StringEquals":{"s3:prefix":"a"}`))}, unread, "the request has a value of s3:prefix that cannot be read"},
		"a trust policy":            {&analysis.Policies{Resource: trust}, asked(t, "sts:AssumeRole", "arn:aws:iam::111122223333:role/X", nil), "trust policies are not looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := analysis.Flip(context.Background(), x.policies, x.request, analysis.FlipOptions{})
			require.NoError(t, err)
			require.Empty(t, f.Proposals)
			require.Empty(t, f.Hint)
			require.Equal(t, x.reason, f.Reason)
		})
	}
	_, err = analysis.Flip(context.Background(), &analysis.Policies{Identity: []*policy.Document{trust}}, asked(t, "s3:GetObject", "*", nil), analysis.FlipOptions{})
	require.Error(t, err)
}

// TestFlipBudget holds that a denial costs no more than it may.
func TestFlipBudget(t *testing.T) {
	var globs []string
	for i := range 20 {
		globs = append(globs, fmt.Sprintf("%q", fmt.Sprintf("*%c%c*", 'a'+i%20, 'a'+i/2)))
	}
	hard := all(`"StringLike":{"s3:prefix":[` + strings.Join(globs, ",") + `]},"StringNotLike":{"s3:prefix":[` + strings.Join(globs, ",") + `]}`)
	f, err := analysis.Flip(context.Background(), &analysis.Policies{Identity: doc(t, hard)}, asked(t, "s3:ListBucket", "arn:aws:s3:::b", nil), analysis.FlipOptions{Limits: analysis.Limits{Steps: 20_000}})
	require.NoError(t, err)
	require.Equal(t, "it takes more than the question may take", f.Reason)
	require.Len(t, f.Proposals, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f, err = analysis.Flip(ctx, &analysis.Policies{Identity: doc(t, hard)}, asked(t, "s3:ListBucket", "arn:aws:s3:::b", nil), analysis.FlipOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, f.Reason)
}
