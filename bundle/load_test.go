package bundle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
	"github.com/rowan-authz/rowan/policy"
)

const fullDir = "../testdata/bundles/full"

func TestLoadFull(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	require.Equal(t, "012345678901", b.Account)
	require.Equal(t, "aws", b.Partition)
	require.Equal(t, "eu-west-1", b.Region)

	shopper, ok := b.Role("Shopper")
	require.True(t, ok)
	require.Equal(t, "arn:aws:iam::012345678901:role/shop/Shopper", shopper.ARN)
	require.Equal(t, 2*time.Hour, shopper.MaxSession)
	require.Equal(t, []identity.Tag{{Key: "newsletter", Value: "yes"}, {Key: "Shop", Value: "none"}}, shopper.Tags)
	require.Equal(t, 4, shopper.Identity.Len(), "two managed statements, two inline ones")
	require.NotNil(t, shopper.Boundary)
	require.NotNil(t, shopper.Trust)
	clerk, ok := b.Role("Clerk")
	require.True(t, ok)
	require.Nil(t, clerk.Boundary)
	require.Nil(t, clerk.Trust, "nobody may assume it")
	require.Equal(t, time.Hour, clerk.MaxSession)

	orders, ok := b.Table("Orders")
	require.True(t, ok)
	require.Equal(t, "arn:aws:dynamodb:eu-west-1:012345678901:table/Orders", orders.ARN)
	require.Equal(t, bundle.Attribute{Name: "cust", Type: "S"}, orders.PartitionKey)
	index, ok := orders.Index("ByShop")
	require.True(t, ok)
	require.Equal(t, "shop", index.PartitionKey.Name)
	require.Equal(t, bundle.SQLTable{Table: "orders", Columns: []bundle.Column{{Of: "dynamodb:LeadingKeys", Name: "customer_id"}, {Of: "total", Name: "total"}}}, orders.SQL)
	meters, ok := b.Table("Meters")
	require.True(t, ok)
	require.Equal(t, "meter.readings", meters.Table)

	partner, ok := b.Resource("Partner")
	require.True(t, ok)
	require.Equal(t, "222222222222", partner.Account)
	receipts, ok := b.Resource("Receipts")
	require.True(t, ok)
	require.Equal(t, "012345678901", receipts.Account, "the bundle's, as the ARN has none")

	require.Len(t, b.Services, 1)
	require.Equal(t, "checkout", b.Services[0].Name)
	require.Equal(t, []string{"checkout.shop.example"}, b.Services[0].Certificates)
	require.Equal(t, []uint32{1000}, b.Services[0].UIDs)
	require.Len(t, b.Routes, 1)
	require.Equal(t, "eu-west-1:0d9c", b.Routes[0].Pool, "that of pools/shop.yaml")
	require.Len(t, b.Routes[0].Routes, 2)

	require.Len(t, b.ServiceControl, 2)
	require.Equal(t, "00-root", b.ServiceControl[0].Name)
	require.Len(t, b.ResourceControl, 1)
	var findings []string
	for _, f := range b.Lint(nil) {
		findings = append(findings, f.Code)
	}
	require.Equal(t, []string{
		"leading-keys-null-guard", "null-guard", "attributes-without-select", "attributes-without-return-values",
		"index-partition-key", "leading-keys-null-guard",
	}, findings)
}

func TestLoadPools(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	p, ok := b.IdentityPool("shop")
	require.True(t, ok)
	require.Nil(t, p.GuestSession)
	require.Empty(t, p.GuestPolicy)
	require.True(t, p.NoLinking)
	require.Equal(t, "arn:aws:iam::012345678901:role/shop/Shopper", p.Authenticated)
	require.Empty(t, p.Unauthenticated)
	require.Equal(t, "login.shop.example", p.DeveloperProvider)
	require.Equal(t, []identity.PoolProvider{
		{
			Name: "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Shop1", Kind: identity.UserPoolProvider,
			Clients: []string{"web1"}, ServerSideTokenCheck: true,
			Roles: identity.RoleMapping{Type: "Rules", Ambiguous: "Deny", Rules: []identity.RoleRule{
				{Claim: "custom:job", Match: "Equals", Value: "clerk", Role: "arn:aws:iam::012345678901:role/Clerk"},
			}},
			PrincipalTags: identity.PrincipalTags{Claims: []identity.TagClaim{{Tag: "shop", Claim: "custom:shop"}}},
		},
		{
			Name: "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Staff1", Kind: identity.UserPoolProvider,
			Clients: []string{"desk1"}, Roles: identity.RoleMapping{Type: "Token", Ambiguous: "AuthenticatedRole"},
		},
		{
			Name: "idp.example.com/realms/a", Kind: identity.OpenIDProvider, Clients: []string{"web2"},
			PrincipalTags: identity.PrincipalTags{Defaults: true},
		},
		{Name: "tenant.example.net/", Kind: identity.OpenIDProvider, Clients: []string{"web3"}},
		{Name: "graph.facebook.com", Kind: identity.SocialProvider, Clients: []string{"1234567890"}},
		{Name: "arn:aws:iam::012345678901:saml-provider/Corp", Kind: identity.SAML2Provider},
	}, p.Providers)
	visitors, ok := b.IdentityPool("visitors")
	require.True(t, ok)
	require.Equal(t, []string{"s3"}, visitors.GuestServices)
	require.Equal(t, policy.Session, visitors.GuestSession.Kind())
	d, err := policy.Parse("guests", []byte(visitors.GuestPolicy))
	require.NoError(t, err)
	require.NoError(t, d.Validate(policy.Session, vocabulary))
	require.Equal(t, "s3:*", d.Statements[0].Action.Values[0].Value)

	require.Equal(t, []userpool.Config{
		{
			ID: "eu-west-1_Shop1", Name: "people", MFA: "OPTIONAL", SignUp: true, TOTPIssuer: "The Shop",
			AliasAttributes: []string{"email", "preferred_username"}, AutoVerified: []string{"email"},
			Attributes: []userpool.AttributeConfig{
				{Name: "email", Mutable: true, Required: true, Max: 256},
				{Name: "custom:shop", Max: 32},
				{Name: "custom:job", Mutable: true, Min: 1, Max: 2048},
			},
			Password: userpool.PasswordPolicy{MinimumLength: 12, RequireLowercase: true, RequireNumbers: true, TemporaryDays: 3},
			Clients: []userpool.ClientConfig{{
				ID: "web1", Name: "web", HasSecret: true, Flows: []string{"USER_SRP_AUTH"}, Revocation: true,
				IDTokenLife: 10 * time.Minute, AccessTokenLife: 24 * time.Hour, RefreshTokenLife: 90 * 24 * time.Hour, SessionLife: 3 * time.Minute,
				CallbackURLs: []string{"https://shop.example/back", "http://localhost:3000/back"}, LogoutURLs: []string{"https://shop.example/"},
				Scopes:         []string{"openid", "email"},
				ReadAttributes: []string{"email", "email_verified", "custom:shop", "custom:job"}, WriteAttributes: []string{"email"},
				RotateRefresh: true, RotateGrace: 10 * time.Second,
			}},
			Groups: []userpool.GroupConfig{
				{Name: "clerks", Description: "Those at the counter", RoleARN: "arn:aws:iam::012345678901:role/Clerk", Precedence: 1},
				{Name: "everyone", Precedence: -1},
			},
		},
		{
			ID: "eu-west-1_Staff1", Name: "staff", MFA: "OFF", UsernameAttributes: []string{"email"},
			Password: userpool.PasswordPolicy{
				MinimumLength: 8, RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true, TemporaryDays: 7,
			},
			Clients: []userpool.ClientConfig{{
				ID: "desk1", Name: "desk", Flows: []string{"USER_SRP_AUTH", "REFRESH_TOKEN_AUTH"}, PreventUserExistenceErrors: true, Revocation: true,
				IDTokenLife: time.Hour, AccessTokenLife: time.Hour, RefreshTokenLife: 30 * 24 * time.Hour, SessionLife: 3 * time.Minute,
			}},
		},
	}, b.UserPoolConfigs())
}

// TestIdentityAccount wants the account of a bundle to have all that identity asks of one.
func TestIdentityAccount(t *testing.T) {
	b := load(t, os.DirFS(fullDir))
	a, err := b.IdentityAccount()
	require.NoError(t, err)
	require.Equal(t, "012345678901 aws eu-west-1", a.ID+" "+a.Partition+" "+a.Region)
	require.Same(t, vocabulary, a.Vocabulary)
	require.Len(t, a.ServiceControl, 2)
	require.Len(t, a.ResourceControl, 1)

	require.Len(t, a.Roles, 2)
	shopper := a.Roles["arn:aws:iam::012345678901:role/shop/Shopper"]
	require.Regexp(t, "^AROA[A-Z2-7]{16}$", shopper.UniqueID)
	require.NotNil(t, shopper.Trust)
	require.NoError(t, identity.CheckTrust(shopper.TrustDocument))
	require.NotNil(t, shopper.TrustDocument)
	require.NotNil(t, shopper.Boundary)
	require.Equal(t, 2*time.Hour, shopper.MaxSession)
	require.Equal(t, []identity.Tag{{Key: "newsletter", Value: "yes"}, {Key: "Shop", Value: "none"}}, shopper.Tags)
	clerk := a.Roles["arn:aws:iam::012345678901:role/Clerk"]
	require.Equal(t, "AROAEXAMPLEEXAMPLE22", clerk.UniqueID)
	require.Nil(t, clerk.Trust)
	require.Nil(t, clerk.TrustDocument)
	require.Nil(t, clerk.Boundary)

	require.Len(t, a.Pools, 2)
	require.Equal(t, "shop", a.Pools["eu-west-1:0d9c"].Name)

	require.Len(t, a.Administrators, 2, "one administrator with two keys, and one without")
	ops := a.Administrators["AKIAEXAMPLE000000002"]
	require.Equal(t, "AKIAEXAMPLE000000002", ops.AccessKeyID)
	require.Equal(t, "arn:aws:iam::012345678901:user/staff/ops", ops.ARN)
	require.Equal(t, "AIDAEXAMPLEEXAMPLE22", ops.UniqueID)
	require.Equal(t, []identity.Tag{{Key: "team", Value: "ops"}}, ops.Tags)
	require.Equal(t, 3, ops.Identity.Len(), "two managed statements, an inline one")
	require.NotNil(t, ops.Boundary)
	reader, ok := b.Administrator("reader")
	require.True(t, ok)
	require.Equal(t, "arn:aws:iam::012345678901:user/reader", reader.ARN)
	require.Regexp(t, "^AIDA[A-Z2-7]{16}$", reader.UniqueID)
	require.NotNil(t, reader.Identity)

	require.Equal(t, map[string]*identity.OIDCProvider{"idp.example.com/realms/a": {
		Name: "idp.example.com/realms/a", ARN: "arn:aws:iam::012345678901:oidc-provider/idp.example.com/realms/a",
		Issuer: "https://idp.example.com/realms/a", KeysURL: "https://idp.example.com/realms/a/certs",
		Clients: []string{"web2", "batch"}, Algorithms: []string{"RS256", "ES256"},
	}}, a.OIDC)
	require.Same(t, a.OIDC["idp.example.com/realms/a"], a.Issuer("idp.example.com/realms/a"))
	require.Equal(t, &identity.OIDCProvider{
		Name: "tenant.example.net/", ARN: "arn:aws:iam::012345678901:oidc-provider/tenant.example.net/",
		Issuer: "https://tenant.example.net/", Algorithms: []string{"RS256"},
	}, a.Issuer("tenant.example.net/"))
	corp := a.SAML["arn:aws:iam::012345678901:saml-provider/Corp"]
	require.Equal(t, "urn:shop", corp.Audience)
	require.Equal(t, []string{"https://shop.example/saml"}, corp.Recipients)
	require.Contains(t, string(corp.Metadata), "EntityDescriptor")
	require.Equal(t, &identity.FacebookProvider{AppID: "1234567890", Endpoint: "https://graph.facebook.com/v23.0/debug_token"}, a.Facebook)

	_, err = new(bundle.Bundle).IdentityAccount()
	require.Error(t, err)
}

// TestDerivedIDs wants the id of a role to follow from its ARN alone: another account, path or name
// has another, and the text of its policies does not matter.
func TestDerivedIDs(t *testing.T) {
	id := func(role string, texts ...string) string {
		r, ok := load(t, with(texts...)).Role(role)
		require.True(t, ok)
		return r.UniqueID
	}
	base := id("S")
	require.Equal(t, base, id("S", "roles/S.yaml", "policies: [P]"))
	seen := map[string]bool{base: true}
	for _, other := range []string{
		id("R"), id("S", "roles/S.yaml", "path: /a/"),
		id("S", "rowan.yaml", "account: '222222222222'\nregion: us-east-1"),
		id("S", "rowan.yaml", "account: '111122223333'\nregion: us-east-1\npartition: aws-cn"),
		id("S", "roles/S.yaml", "id: AROAEXAMPLEEXAMPLE22"),
	} {
		require.False(t, seen[other], other)
		seen[other] = true
	}
	require.Equal(t, base, id("S", "rowan.yaml", "account: '111122223333'\nregion: eu-west-1"))
}

// TestYAMLTraps wants the source text of every scalar in a policy document, whatever YAML takes it
// for: the document means what the same JSON would.
func TestYAMLTraps(t *testing.T) {
	b := load(t, with("roles/S.yaml", `inline:
  I:
    Version: 2012-10-17
    Statement:
      Effect: Allow
      Action: "*"
      Resource: "*"
      Condition:
        StringEquals:
          aws:PrincipalAccount: [012345678901, 0x1F, 1e3, 1_000, yes, Off, .inf, 2001-12-14]
          aws:username: ~tilde
        Null: {aws:TokenIssueTime: True}
        NumericLessThan: {s3:max-keys: 010}
        Bool: {aws:SecureTransport: true}
`))
	var got []string
	r := bundle.Run(b, suitesOf(t, b), bundle.RunOptions{Now: noon, Coverage: true})
	for _, s := range r.Coverage.Statements {
		if s.Name != "S/I#0" {
			continue
		}
		for _, v := range s.Values {
			got = append(got, v.Operator+" "+v.Key+" "+v.Value)
		}
	}
	require.Equal(t, []string{
		"StringEquals aws:PrincipalAccount 012345678901", "StringEquals aws:PrincipalAccount 0x1F",
		"StringEquals aws:PrincipalAccount 1e3", "StringEquals aws:PrincipalAccount 1_000",
		"StringEquals aws:PrincipalAccount yes", "StringEquals aws:PrincipalAccount Off",
		"StringEquals aws:PrincipalAccount .inf", "StringEquals aws:PrincipalAccount 2001-12-14",
		"StringEquals aws:username ~tilde", "Null aws:TokenIssueTime True",
		"NumericLessThan s3:max-keys 010", "Bool aws:SecureTransport true",
	}, got)
}

func suitesOf(t *testing.T, b *bundle.Bundle) []*bundle.Suite {
	t.Helper()
	return suites(t, b)
}

// TestNothingIsNoText wants an empty value of a policy document refused, not read as a text.
func TestNothingIsNoText(t *testing.T) {
	for _, nothing := range []string{"", "~", "null", "Null"} {
		_, err := bundle.Load(with("roles/S.yaml", "inline: {I: {Statement: {Effect: Allow, Action: s3:GetObject, Resource: "+nothing+"}}}\n"), "b", conditions.AWS())
		require.ErrorContains(t, err, "b/roles/S.yaml:1:", nothing)
		require.ErrorContains(t, err, "/inline/I/Statement/Resource: ", nothing)
	}
	_, err := bundle.Load(with("roles/S.yaml", "inline: {I: {Statement: {Effect: Allow, Action: s3:GetObject, Resource: 'null'}}}\n"), "b", conditions.AWS())
	require.NotContains(t, err.Error(), "have null", "in quotes it is a text")
}

// TestPositions wants the place of a fault inside a policy document to be that in the YAML file, in
// bytes, also behind characters of several bytes.
func TestPositions(t *testing.T) {
	_, err := bundle.Load(with("roles/S.yaml", `# a comment
inline:
  "I":
    Statement:
      - {Effect: Allow, Action: "*", Resource: "*"}
      - Sid: é # é
        {Effect: Allow}
`), "b", conditions.AWS())
	lines(t, err, "b/roles/S.yaml:7:1: invalid YAML: could not find expected ':'")

	_, err = bundle.Load(with("roles/S.yaml", `# a comment
inline:
  I:
    Version: 2012-10-17
    Statement:
      - {Effect: Allow, Action: "*", Resource: "*", Condition: {StringEquals: {"aws:ééé": "ü"}}}
      - Effect: allow
        Action: [s3:GetObject, 's3:"é"', s3]
        Resource: "*"
  J: {Statement: {Effect: Allow}}
`), "b", conditions.AWS())
	require.Equal(t, []string{
		"b/roles/S.yaml:7:17: /inline/I/Statement/1/Effect",
		"b/roles/S.yaml:10:18: /inline/J/Statement",
	}, places(err))

	_, err = bundle.Load(with("roles/S.yaml", `# a comment
inline:
  I:
    Version: 2012-10-17
    Statement:
      - {Effect: Allow, Action: "*", Resource: "*", Condition: {StringEquals: {"aws:ééé": "ü", "aws:Foo": 1}}}
      - Effect: Allow
        Action: [s3:GetObject, s3]
        Resource: "*"
`), "b", conditions.AWS())
	require.Equal(t, []string{
		"b/roles/S.yaml:6:80: /inline/I/Statement/0/Condition/StringEquals/aws:ééé",
		"b/roles/S.yaml:6:100: /inline/I/Statement/0/Condition/StringEquals/aws:Foo",
		"b/roles/S.yaml:8:32: /inline/I/Statement/1/Action",
	}, places(err))
}

// places returns where the faults of an error are: the words are their packages' own.
func places(err error) []string {
	var faults policy.Errors
	var out []string
	if errors.As(err, &faults) {
		for _, e := range faults {
			out = append(out, e.Name+":"+e.Pos.String()+": "+e.Path)
		}
	}
	return out
}

// TestLoadFaults has one fault a case, and what Load says of it.
func TestLoadFaults(t *testing.T) {
	ok := `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want []string
	}{
		"no rowan.yaml":          {with("rowan.yaml", ""), []string{"b/rowan.yaml: no such file: a bundle has one, with its account and region"}},
		"empty file":             {with("rowan.yaml", "# nothing\n"), []string{"b/rowan.yaml: an empty file"}},
		"no object":              {with("rowan.yaml", "[]"), []string{"b/rowan.yaml:1:1: want an object, have a list"}},
		"members missing":        {with("rowan.yaml", "partition: aws"), []string{"b/rowan.yaml:1:1: no account", "b/rowan.yaml:1:1: no region"}},
		"account without quotes": {with("rowan.yaml", "account: 111122223333\nregion: us-east-1"), []string{`b/rowan.yaml:1:10: /account: put the account id in quotes: "111122223333"`}},
		"octal account":          {with("rowan.yaml", "account: 011122223333\nregion: us-east-1"), []string{`b/rowan.yaml:1:10: /account: put the account id in quotes: "011122223333"`}},
		"short account":          {with("rowan.yaml", "account: \"1\"\nregion: us-east-1"), []string{`b/rowan.yaml:1:10: /account: want an account id, twelve digits in quotes, have "1"`}},
		"unknown member":         {with("rowan.yaml", "account: \"111122223333\"\nregion: us-east-1\nregoin: x"), []string{`b/rowan.yaml:3:1: /regoin: unknown member "regoin": want account, partition, region, requireTests or allowEmpty`}},
		"duplicate member":       {with("roles/R.yaml", "policies: [P]\npolicies: [P]"), []string{`b/roles/R.yaml:2:1: /policies: duplicate member "policies"`}},
		"anchor":                 {with("roles/R.yaml", "policies: &p [P]"), []string{"b/roles/R.yaml:1:11: /policies: an anchor: write it out where it is meant"}},
		"alias":                  {with("roles/R.yaml", "path: &p /a/\npolicies: *p"), []string{"b/roles/R.yaml:1:7: /path: an anchor: write it out where it is meant", "b/roles/R.yaml:2:11: /policies: an alias: write it out"}},
		"alias as a name":        {with("roles/R.yaml", "? &p path\n: /a/\n*p : x"), []string{"b/roles/R.yaml:1:3: an anchor: write it out where it is meant", "b/roles/R.yaml:3:1: a member's name is a text"}},
		"merge key":              {with("roles/R.yaml", "<<: {path: /a/}"), []string{"b/roles/R.yaml:1:1: a merge key: write it out"}},
		"tag":                    {with("roles/R.yaml", "path: !!binary aGk="), []string{"b/roles/R.yaml:1:7: /path: a tag !!binary: values are read as their field needs them"}},
		"custom tag":             {with("roles/R.yaml", "path: !go/x y"), []string{"b/roles/R.yaml:1:7: /path: a tag !go/x: values are read as their field needs them"}},
		"two documents":          {with("roles/R.yaml", "policies: [P]\n---\npolicies: [P]"), []string{"b/roles/R.yaml:2:1: a second document: one file holds one"}},
		"object as a name":       {with("roles/R.yaml", "{a: b}: c"), []string{"b/roles/R.yaml:1:1: a member's name is a text"}},
		"no YAML":                {with("roles/R.yaml", "policies: [P"), []string{"b/roles/R.yaml:1:1: invalid YAML: did not find expected ',' or ']'"}},
		"byte order mark":        {with("roles/R.yaml", "\ufeffpolicies: [P]"), []string{"b/roles/R.yaml:1:1: a byte order mark"}},
		"invalid UTF-8":          {with("roles/R.yaml", "tags: {a: \xff}"), []string{"b/roles/R.yaml:1:11: invalid UTF-8"}},
		"line separator":         {with("roles/R.yaml", "path: /a/\u2028policies: [P]"), []string{"b/roles/R.yaml:1:10: a line end other than a line feed: write it as an escape"}},
		"unknown file":           {with("notes.txt", "x"), []string{"b/notes.txt: unknown file: want rowan.yaml, and folders"}},
		"unknown folder":         {with("polices/P.json", ok), []string{"b/polices: unknown folder: want policies, roles, resources, guardrails, pools, providers, administrators, services, routes, tables or tests"}},
		"yml":                    {with("roles/Q.yml", "policies: [P]"), []string{"b/roles/Q.yml: unknown: want roles/NAME.yaml"}},
		"nested folder":          {with("roles/a/Q.yaml", "policies: [P]"), []string{"b/roles/a: unknown: want roles/NAME.yaml"}},
		"file for a folder":      {with("pools", "x"), []string{"b/pools: unknown: want pools/NAME.yaml"}},
		"name":                   {with("policies/a b.json", ok), []string{"b/policies/a b.json: NAME has 1 to 128 letters, digits or _+=,.@-"}},
		"case alone":             {with("policies/p.json", ok), []string{"b/policies/p.json: differs from policies/P.json by case alone"}},
		"test without suffix":    {with("tests/b.yaml", "suite: b"), []string{"b/tests/b.yaml: unknown: want tests/NAME_test.yaml"}},
		"Rego":                   {with("guardrails/x.rego", "package x"), []string{"b/guardrails/x.rego: a Rego guardrail: Rego guardrails need the daemon, this cannot hold to them"}},
		"guardrail kind":         {with("guardrails/acl/00-root/x.json", ok), []string{"b/guardrails/acl: unknown: want guardrails/scp/NN-LEVEL/NAME.json or guardrails/rcp/NN-LEVEL/NAME.json"}},
		"guardrail level":        {with("guardrails/scp/root/x.json", ok), []string{"b/guardrails/scp/root: a level is called NN-LEVEL, two digits first"}},
		"guardrail numbers":      {with("guardrails/scp/00-a/x.json", ok, "guardrails/scp/00-b/x.json", ok), []string{"b/guardrails/scp/00-b: has the number of 00-a: which of the levels is nearer to the root?"}},
		"guardrail empty":        {with("guardrails/scp/00-a/README.md", "x"), []string{"b/guardrails/scp/00-a: an empty folder: a level needs a policy, say FullAWSAccess, and without levels leave the folder out"}},
		"unknown policy":         {with("roles/R.yaml", "policies: [P, Q]"), []string{"b/roles/R.yaml:1:15: /policies/1: no policies/Q.json"}},
		"policy twice":           {with("roles/R.yaml", "policies: [P, P]"), []string{`b/roles/R.yaml:1:15: /policies/1: "P" stands twice`}},
		"unknown boundary":       {with("roles/R.yaml", "boundary: p"), []string{"b/roles/R.yaml:1:11: /boundary: no policies/p.json"}},
		"path":                   {with("roles/R.yaml", "path: a"), []string{`b/roles/R.yaml:1:7: /path: a path begins and ends with a slash, such as /games/, have "a"`}},
		"session":                {with("roles/R.yaml", "maxSessionSeconds: 60"), []string{`b/roles/R.yaml:1:20: /maxSessionSeconds: want a whole number from 3600 to 43200, have "60"`}},
		"text":                   {with("roles/R.yaml", "path: [a]\nboundary: {a: b}\ntags: {a: [b], b: ~}\npolicies: {}\ninline: []"), []string{"b/roles/R.yaml:1:7: /path: want a text, have a list", "b/roles/R.yaml:2:11: /boundary: want a text, have an object", "b/roles/R.yaml:3:11: /tags/a: want a text, have a list", "b/roles/R.yaml:3:19: /tags/b: want a text, have nothing", "b/roles/R.yaml:4:11: /policies: want a list, have an object", "b/roles/R.yaml:5:9: /inline: want an object, have a list"}},
		"names":                  {with("roles/R.yaml", "boundary: \"\"\npolicies: [\"a\\n\"]\ntags: {\"\": a, \"b\\a\": c}"), []string{`b/roles/R.yaml:1:11: /boundary: an empty text`, `b/roles/R.yaml:2:12: /policies/0: a control character`, `b/roles/R.yaml:3:8: /tags/: an empty name`, "b/roles/R.yaml:3:15: /tags/b\a: a control character in a name"}},
		"label":                  {with("rowan.yaml", "account: \"111122223333\"\nregion: US"), []string{`b/rowan.yaml:2:9: /region: want lower-case letters, digits and hyphens, have "US"`}},
		"long text":              {with("rowan.yaml", "account: \"111122223333\"\nregion: "+strings.Repeat("É", 100)), []string{`b/rowan.yaml:2:9: /region: want lower-case letters, digits and hyphens, have "` + strings.Repeat("É", 30) + `…"`}},
		"tag value":              {with("roles/R.yaml", "tags: {a: 'b;'}"), []string{"b/roles/R.yaml:1:11: /tags/a: a tag's value has at most 256 letters, digits, spaces or _.:/=+-@"}},
		"tag key":                {with("roles/R.yaml", "tags: {aws:x: y}"), []string{"b/roles/R.yaml:1:15: /tags/aws:x: a tag's key has 1 to 128 letters, digits, spaces or _.:/=+-@ and does not begin with aws:"}},
		"tags by case":           {with("roles/R.yaml", "tags: {a: y, A: z}"), []string{`b/roles/R.yaml:1:14: /tags/A: "a" and "A" differ by case alone`}},
		"inline by case":         {with("roles/R.yaml", "inline: {a: {Statement: {Effect: Allow, Action: '*', Resource: '*'}}, A: {}}"), []string{`b/roles/R.yaml:1:71: /inline/A: "a" and "A" differ by case alone`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(c.fsys, "b", conditions.AWS())
			lines(t, err, c.want...)
		})
	}
}

// TestLoadValidates wants every document checked as the kind of policy that it stands for.
func TestLoadValidates(t *testing.T) {
	plain := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}`
	public := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}}`
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"a managed policy that nobody has": {with("policies/Q.json", public), "b/policies/Q.json:1:60: /Statement/0/Principal"},
		"a managed policy":                 {with("policies/P.json", public), "b/policies/P.json:1:60: /Statement/0/Principal"},
		"an inline policy":                 {with("roles/R.yaml", "inline: {I: "+public+"}"), "b/roles/R.yaml:1:72: /inline/I/Statement/0/Principal"},
		"a trust policy":                   {with("roles/R.yaml", "trust: "+strings.Replace(public, "s3:GetObject", "sts:AssumeRole", 1)), "b/roles/R.yaml:1:113: /trust/Statement/0/Resource"},
		"a resource policy":                {with("resources/B.yaml", "arn: arn:aws:s3:::b\npolicy: "+plain), "b/resources/B.yaml:2:48: /policy/Statement/0"},
		"a service control policy":         {with("guardrails/scp/00-a/x.json", public), "b/guardrails/scp/00-a/x.json:1:60: /Statement/0/Principal"},
		"a resource control policy":        {with("guardrails/rcp/00-a/x.json", public), "b/guardrails/rcp/00-a/x.json:1:40: /Statement/0"},
		"broken JSON":                      {with("policies/P.json", plain[:20]), "b/policies/P.json:1:21: /Version"},
		"JSON twice":                       {with("policies/P.json", plain+plain), "b/policies/P.json:1:103: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(c.fsys, "b", conditions.AWS())
			require.Equal(t, []string{c.want}, places(err), "%v", err)
		})
	}
}

// TestLoadAllAtOnce wants the faults of all files in one error, in order, each once.
func TestLoadAllAtOnce(t *testing.T) {
	_, err := bundle.Load(with(
		"rowan.yaml", "region: us-east-1",
		"policies/P.json", `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}`,
		"roles/R.yaml", "policies: [P]\nboundary: Q\npth: /",
		"roles/S.yaml", "policies: [P",
		"tables/Tab.yaml", "sortKey: {name: a, type: T}",
		"x.txt", "x",
	), "b", conditions.AWS())
	require.Equal(t, []string{
		"b/policies/P.json:1:35: /Statement/0/Principal",
		"b/roles/R.yaml:2:11: /boundary",
		"b/roles/R.yaml:3:1: /pth",
		"b/roles/S.yaml:1:1: ",
		"b/rowan.yaml:1:1: ",
		"b/tables/Tab.yaml:1:1: ",
		"b/tables/Tab.yaml:1:26: /sortKey/type",
		"b/x.txt:0:0: ",
	}, places(err))
	require.ErrorContains(t, err, "\nb/x.txt: unknown file")
}

// TestLoadTables has the faults of tables, resources and pools.
func TestLoadTables(t *testing.T) {
	trust := "policy: {Statement: {Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*'}}\n"
	pool := "identityPool: {id: 'us-east-1:1', authenticated: R"
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"table name":         {with("tables/Tab.yaml", "table: x y\npartitionKey: {name: a}"), `b/tables/Tab.yaml:1:8: /table: a table is called with 3 to 255 letters, digits or _.-, have "x y"`},
		"table twice":        {with("tables/Two.yaml", "table: Tab\npartitionKey: {name: a}"), "b/tables/Two.yaml:1:8: /table: tables/Tab.yaml describes the same table"},
		"key type":           {with("tables/Tab.yaml", "partitionKey: {name: a, type: string}"), `b/tables/Tab.yaml:1:31: /partitionKey/type: want S, N, B, have "string"`},
		"one key twice":      {with("tables/Tab.yaml", "partitionKey: {name: a}\nsortKey: {name: a}"), `b/tables/Tab.yaml:1:1: the partition key and the sort key are both "a"`},
		"index":              {with("tables/Tab.yaml", "partitionKey: {name: a}\nindexes: {ByB: {}}"), "b/tables/Tab.yaml:2:16: /indexes/ByB: no partitionKey"},
		"SQL":                {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {columns: {a: b}}"), "b/tables/Tab.yaml:2:6: /sql: no table"},
		"SQL type":           {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {table: t, columns: {a: {column: b, type: float}}}"), "b/tables/Tab.yaml:2:48: /sql/columns/a/type: want text, integer, decimal, bool, bytes, timestamp, timestamptz, uuid, text[], have \"float\""},
		"SQL column":         {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {table: t, columns: {a: {type: text}}}"), "b/tables/Tab.yaml:2:30: /sql/columns/a: no column"},
		"SQL key":            {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {table: t, columns: {a: b, \"dynamodb:Leading\": c}}"), "b/tables/Tab.yaml:2:53: /sql/columns/dynamodb:Leading: unknown context key \"dynamodb:Leading\""},
		"SQL without key":    {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {table: t, columns: {x: b}}"), "b/tables/Tab.yaml:2:6: /sql: want one column for the partition key \"a\", have 0"},
		"SQL with two keys":  {with("tables/Tab.yaml", "partitionKey: {name: a}\nsql: {table: t, columns: {a: b, \"dynamodb:LeadingKeys\": c}}"), "b/tables/Tab.yaml:2:6: /sql: want one column for the partition key \"a\", have 2"},
		"resource ARN":       {with("resources/B.yaml", "arn: b\n"+trust), `b/resources/B.yaml:1:6: /arn: want an ARN of six parts, with * and ? where needed, have "b"`},
		"resource account":   {with("resources/B.yaml", "arn: arn:aws:sqs:*:*:q\n"+trust), `b/resources/B.yaml:1:6: /arn: the account part: want twelve digits, or nothing where the ARN has none, have "*"`},
		"resource variables": {with("resources/B.yaml", "arn: arn:aws:s3:::${aws:username}\n"+trust), "b/resources/B.yaml:1:6: /arn: no policy variables: the policy of a resource does not depend on who asks"},
		"other account":      {with("resources/B.yaml", "arn: arn:aws:sqs:*:111122223333:q\naccount: '222222222222'\n"+trust), "b/resources/B.yaml:2:10: /account: 222222222222 is not the account of the arn, 111122223333"},
		"same pattern":       {with("resources/B.yaml", "arn: arn:aws:s3:::b\n"+trust, "resources/C.yaml", "arn: arn:aws:s3:::b\n"+trust), "b/resources/C.yaml:1:6: /arn: resources/B.yaml has the same arn"},
		"no policy":          {with("resources/B.yaml", "arn: arn:aws:s3:::b"), "b/resources/B.yaml:1:1: no policy"},
		"no pool":            {with("pools/p.yaml", "{}"), "b/pools/p.yaml:1:1: want one of identityPool and userPool"},
		"pool id":            {with("pools/p.yaml", "identityPool: {id: P, authenticated: R}"), `b/pools/p.yaml:1:20: /identityPool/id: an identity pool's id is REGION:UUID in lower case, have "P"`},
		"pool id twice":      {with("pools/p.yaml", pool+"}", "pools/q.yaml", pool+"}"), "b/pools/q.yaml:1:20: /identityPool/id: pools/p.yaml has the same id"},
		"pool role":          {with("pools/p.yaml", "identityPool: {id: 'us-east-1:1', unauthenticated: Q}"), "b/pools/p.yaml:1:52: /identityPool/unauthenticated: no roles/Q.yaml"},
		"pool without roles": {with("pools/p.yaml", "identityPool: {id: 'us-east-1:1'}"), "b/pools/p.yaml:1:15: /identityPool: no role: want authenticated, unauthenticated or both"},
		"guests of nobody":   {with("pools/p.yaml", pool+", guestServices: [s3]}"), "b/pools/p.yaml:1:15: /identityPool: guestServices without a role for guests, unauthenticated"},
		"no guest services":  {with("pools/p.yaml", pool+", unauthenticated: R, guestServices: []}"), "b/pools/p.yaml:1:88: /identityPool/guestServices: no services: guests could do nothing"},
		"guest services":     {with("pools/p.yaml", pool+", unauthenticated: R, guestServices: ['*']}"), `b/pools/p.yaml:1:89: /identityPool/guestServices/0: a service is the first part of an action, such as dynamodb, have "*"`},
		"provider":           {with("pools/p.yaml", pool+", providers: {google: {clients: [a]}}}"), "b/pools/p.yaml:1:73: /identityPool/providers/google: a provider is a host such as accounts.google.com, with the path of its issuer, or the ARN of a saml-provider"},
		"no clients":         {with("pools/p.yaml", pool+", providers: {accounts.google.com: {}}}"), "b/pools/p.yaml:1:86: /identityPool/providers/accounts.google.com: no clients: whose tokens would these be?"},
		"tags as a list":     {with("pools/p.yaml", pool+", providers: {accounts.google.com: {clients: a, principalTags: default}}}"), `b/pools/p.yaml:1:114: /identityPool/providers/accounts.google.com/principalTags: want defaults, have "default"`},
		"mapping":            {with("pools/p.yaml", pool+", providers: {accounts.google.com: {clients: a, roles: {type: rules}}}}"), "b/pools/p.yaml:1:106: /identityPool/providers/accounts.google.com/roles: no ambiguous\nb/pools/p.yaml:1:106: /identityPool/providers/accounts.google.com/roles: no rules"},
		"rule's role":        {with("pools/p.yaml", pool+", providers: {accounts.google.com: {clients: a, roles: {type: rules, ambiguous: deny, rules: [{claim: a, match: equals, value: b, role: Z}]}}}}"), "b/pools/p.yaml:1:187: /identityPool/providers/accounts.google.com/roles/rules/0/role: no roles/Z.yaml"},
		"foreign client":     {with("pools/p.yaml", pool+", providers: {cognito-idp.us-east-1.amazonaws.com/us-east-1_A: {clients: [a]}}}", "pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: b}}}"), `b/pools/p.yaml:1:124: /identityPool/providers/cognito-idp.us-east-1.amazonaws.com~1us-east-1_A/clients: pools/u.yaml has no client "a"`},
		"user pool id":       {with("pools/u.yaml", "userPool: {id: A, clients: {w: {id: b}}}"), `b/pools/u.yaml:1:16: /userPool/id: a user pool's id is REGION_ID, have "A"`},
		"clients alike":      {with("pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: b}, x: {id: b}}}"), `b/pools/u.yaml:1:59: /userPool/clients/x/id: pools/u.yaml has a client with the same id`},
		"secret":             {with("pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: b, secret: s3cr3t}}}"), `b/pools/u.yaml:1:58: /userPool/clients/w/secret: want true or false, have "s3cr3t"`},
		"YAML 1.1 truth":     {with("pools/u.yaml", "userPool: {id: us-east-1_A, signUp: yes, clients: {w: {id: b}}}"), `b/pools/u.yaml:1:37: /userPool/signUp: want true or false, have "yes"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(c.fsys, "b", conditions.AWS())
			lines(t, err, c.want)
		})
	}
}

// TestSymbolicLinks wants nothing read through a link, neither out of the bundle nor within it.
func TestSymbolicLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for name, f := range small() {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, f.Data, 0o600))
	}
	_, err := bundle.Load(os.DirFS(dir), "b", conditions.AWS())
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(filepath.Join(outside, "Q.json"), small()["policies/P.json"].Data, 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "Q.json"), filepath.Join(dir, "policies", "Q.json")))
	require.NoError(t, os.Symlink("P.json", filepath.Join(dir, "policies", "R.json")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "resources")))
	_, err = bundle.Load(os.DirFS(dir), "b", conditions.AWS())
	link := ": a symbolic link: a bundle is read as it is, and nothing outside it"
	lines(t, err, "b/policies/Q.json"+link, "b/policies/R.json"+link, "b/resources"+link)
}

// TestLimits has a file, and a nesting, just over and just under the limit.
func TestLimits(t *testing.T) {
	pad := func(n int) string {
		text := string(small()["policies/P.json"].Data)
		return text + strings.Repeat(" ", n-len(text))
	}
	_, err := bundle.Load(with("policies/P.json", pad(bundle.MaxFileBytes)), "b", conditions.AWS())
	require.NoError(t, err)
	_, err = bundle.Load(with("policies/P.json", pad(bundle.MaxFileBytes+1)), "b", conditions.AWS())
	require.ErrorContains(t, err, "b/policies/P.json: larger than 1048576 bytes")

	nested := func(n int) string { return "tags: " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	_, err = bundle.Load(with("roles/R.yaml", nested(40)), "b", conditions.AWS())
	require.NotContains(t, err.Error(), "nested deeper")
	_, err = bundle.Load(with("roles/R.yaml", nested(41)), "b", conditions.AWS())
	require.ErrorContains(t, err, "nested deeper than 40 levels")
	_, err = bundle.Load(with("roles/R.yaml", strings.Repeat("[", 200_000)), "b", conditions.AWS())
	require.ErrorContains(t, err, "exceeded max depth")

	many := small()
	for i := range bundle.MaxFiles {
		many[fmt.Sprintf("policies/Q%d.json", i)] = small()["policies/P.json"]
	}
	_, err = bundle.Load(many, "b", conditions.AWS())
	require.ErrorContains(t, err, "b: a bundle of more than 32768 files")
}

// TestNoBundle wants an error that names the directory when there is none.
func TestNoBundle(t *testing.T) {
	_, err := bundle.Load(os.DirFS(filepath.Join(t.TempDir(), "nowhere")), "nowhere", conditions.AWS())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "nowhere: ")
	_, err = bundle.Load(fstest.MapFS{}, "", conditions.AWS())
	lines(t, err, "rowan.yaml: no such file: a bundle has one, with its account and region")
}

// TestDigest wants the digest to follow from the files' names and texts, and from nothing else.
func TestDigest(t *testing.T) {
	digest := func(fsys fstest.MapFS, name string) string {
		b, err := bundle.Load(fsys, name, conditions.AWS())
		require.NoError(t, err)
		return b.Digest
	}
	base := digest(small(), "b")
	require.Equal(t, base, digest(small(), "elsewhere/c"))
	require.Equal(t, base, digest(with("README.md", "x", ".hidden", "y"), "b"), "what is no part of the bundle")
	require.NotEqual(t, base, digest(with("policies/P.json", string(small()["policies/P.json"].Data)+"\n"), "b"))
	text := string(small()["roles/R.yaml"].Data)
	moved := digest(with("roles/R.yaml", "", "roles/Q.yaml", text, "tests/a_test.yaml", ""), "b")
	require.NotEqual(t, digest(with("tests/a_test.yaml", ""), "b"), moved)
}

// TestLint wants the findings of documents wherever they stand, and one limit for the inline
// policies of a role.
func TestLint(t *testing.T) {
	long := `["arn:aws:s3:::` + strings.Repeat("a", 3100) + `", "arn:aws:s3:::` + strings.Repeat("b", 3100) + `"]`
	statement := `Statement: {Effect: Allow, Action: '*', Resource: ` + long
	b := load(t, with(
		"policies/P.json", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": `+long+`}}`,
		"roles/R.yaml", "inline:\n  I: {"+statement+"}}\n",
		"roles/S.yaml", "inline:\n  I: {"+statement+"}}\n  J: {"+statement+", Condition: {StringEquals: {my:key: a}}}}\n",
	))
	var got []string
	for _, f := range b.Lint(nil) {
		got = append(got, f.Severity.String()+" "+f.Name+":"+f.Pos.String()+" "+f.Path)
	}
	column := len("  J: {"+statement+", Condition: {StringEquals: {") + 1
	require.Equal(t, []string{
		"error b/policies/P.json:0:0 ",
		"error b/roles/S.yaml:0:0 /inline",
		fmt.Sprintf("warning b/roles/S.yaml:3:%d /inline/J/Statement/0/Condition/StringEquals/my:key", column),
	}, got)
}
