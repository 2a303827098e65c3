package bundle_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/policy/lint"
)

// poolWith is an identity pool with one provider, and the user pool A beside it, whose client is w.
func poolWith(provider string, more ...string) fstest.MapFS {
	return with(append([]string{
		"pools/p.yaml", "identityPool:\n  id: us-east-1:1\n  authenticated: R\n  providers:\n    " + provider + "\n",
		"pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: w}}}\n",
	}, more...)...)
}

// user is a user pool with one more member.
func user(member string) fstest.MapFS {
	return with("pools/u.yaml", "userPool:\n  id: us-east-1_A\n  clients: {w: {id: w}}\n  "+member+"\n")
}

// client is a user pool whose client has one more member.
func client(member string) fstest.MapFS {
	return with("pools/u.yaml", "userPool:\n  id: us-east-1_A\n  attributes: {custom:a: {}}\n  clients:\n    w:\n      id: w\n      "+member+"\n")
}

func provider(text string) fstest.MapFS { return with("providers/p.yaml", text) }

func administrator(text string) fstest.MapFS { return with("administrators/a.yaml", text) }

// saml is a SAML provider with this metadata.
func saml(metadata string) fstest.MapFS {
	return with("providers/p.yaml", "saml: {audience: a, recipients: https://a.b/c}", "providers/p.xml", metadata)
}

const (
	ownPool    = "cognito-idp.us-east-1.amazonaws.com/us-east-1_A"
	descriptor = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">`
	trustPools = "trust: {Version: 2012-10-17, Statement: {Effect: Allow, Principal: {Federated: cognito-identity.amazonaws.com}, " +
		"Action: sts:AssumeRoleWithWebIdentity, Condition: "
)

// TestLoadIdentityFaults has one fault a case in what identity is configured with. Each case has a
// neighbour in TestLoadIdentitySound that loads.
func TestLoadIdentityFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"any pool": {
			with("roles/R.yaml", trustPools+"{StringLike: {cognito-identity.amazonaws.com:aud: 'us-east-1:*'}}}}"),
			`b/roles/R.yaml:1:41: /trust/Statement/0: allows cognito-identity.amazonaws.com without saying which pool: any identity pool could assume the role; add a condition such as "StringEquals": {"cognito-identity.amazonaws.com:aud": "REGION:UUID"}`,
		},
		"role id":        {with("roles/R.yaml", "id: AROA1"), `b/roles/R.yaml:1:5: /id: an id is AROA and 16 of A-Z and 2-7, have "AROA1"`},
		"a user's id":    {with("roles/R.yaml", "id: AIDAEXAMPLEEXAMPLE22"), `b/roles/R.yaml:1:5: /id: an id is AROA and 16 of A-Z and 2-7, have "AIDAEXAMPLEEXAMPLE22"`},
		"role ids alike": {with("roles/R.yaml", "id: AROAEXAMPLEEXAMPLE22", "roles/S.yaml", "id: AROAEXAMPLEEXAMPLE22"), "b/roles/S.yaml:1:5: /id: b/roles/R.yaml has the same id"},

		"role by a foreign token": {
			poolWith("idp.example.com: {clients: w, roles: {type: token, ambiguous: deny}}"),
			"b/pools/p.yaml:5:42: /identityPool/providers/idp.example.com/roles: type token is for a user pool of this bundle: another issuer's cognito:roles could name any role",
		},
		"role by a foreign pool": {
			poolWith("cognito-idp.us-east-1.amazonaws.com/us-east-1_B: {clients: w, roles: {type: token, ambiguous: deny}}"),
			"b/pools/p.yaml:5:74: /identityPool/providers/cognito-idp.us-east-1.amazonaws.com~1us-east-1_B/roles: type token is for a user pool of this bundle: another issuer's cognito:roles could name any role",
		},
		"another region's key": {
			poolWith("cognito-idp.eu-west-1.amazonaws.com/us-east-1_A: {clients: w}"),
			"b/pools/p.yaml:5:54: /identityPool/providers/cognito-idp.eu-west-1.amazonaws.com~1us-east-1_A: the user pool us-east-1_A is called " + ownPool + " as a provider",
		},
		"SAML of nobody": {
			poolWith("arn:aws:iam::111122223333:saml-provider/Corp: {}"),
			"b/pools/p.yaml:5:51: /identityPool/providers/arn:aws:iam::111122223333:saml-provider~1Corp: no providers/NAME.yaml with saml has the ARN arn:aws:iam::111122223333:saml-provider/Corp",
		},
		"Facebook of nobody": {
			poolWith("graph.facebook.com: {clients: '1'}"),
			"b/pools/p.yaml:5:25: /identityPool/providers/graph.facebook.com: no providers/NAME.yaml with facebook: its access tokens must be asked about",
		},
		"developer as a host":      {poolWith("accounts.google.com: {clients: w}\n  developerProvider: a/b"), `b/pools/p.yaml:6:22: /identityPool/developerProvider: a developer provider is called with 1 to 128 letters, digits or _.-, have "a/b"`},
		"developer as Google":      {poolWith("a.b: {clients: w}\n  developerProvider: accounts.google.com"), `b/pools/p.yaml:6:22: /identityPool/developerProvider: "accounts.google.com" is a public provider`},
		"developer as the pool":    {poolWith("a.b: {clients: w}\n  developerProvider: cognito-identity.amazonaws.com"), `b/pools/p.yaml:6:22: /identityPool/developerProvider: "cognito-identity.amazonaws.com" is a public provider`},
		"developer as a neighbour": {poolWith("a.b: {clients: w}\n  developerProvider: A.b"), "b/pools/p.yaml:6:22: /identityPool/developerProvider: a provider of the pool has the same name"},
		"reserved tag":             {poolWith("a.b: {clients: w, principalTags: {'aws:x': a}}"), "b/pools/p.yaml:5:48: /identityPool/providers/a.b/principalTags/aws:x: a tag's key has 1 to 128 letters, digits, spaces or _.:/=+-@ and does not begin with aws:"},
		"empty rule":               {poolWith("a.b: {clients: w, roles: {type: rules, ambiguous: deny, rules: [{claim: a, match: startsWith, value: '', role: R}]}}"), "b/pools/p.yaml:5:106: /identityPool/providers/a.b/roles/rules/0/value: an empty text"},
		"long claim":               {poolWith("a.b: {clients: w, roles: {type: rules, ambiguous: deny, rules: [{claim: " + strings.Repeat("a", 65) + ", match: equals, value: b, role: R}]}}"), "b/pools/p.yaml:5:77: /identityPool/providers/a.b/roles/rules/0/claim: the name of a claim has 1 to 64 characters, none of them a space"},

		"two ways to sign in":   {user("usernameAttributes: email\n  aliasAttributes: email"), "b/pools/u.yaml:2:3: /userPool: usernameAttributes and aliasAttributes: users sign in with the one, or with a name and its aliases"},
		"sign in by telephone":  {user("usernameAttributes: phone_number"), `b/pools/u.yaml:4:23: /userPool/usernameAttributes: want email, have "phone_number"`},
		"email twice":           {user("autoVerified: [email, email]"), `b/pools/u.yaml:4:25: /userPool/autoVerified/1: "email" stands twice`},
		"MFA":                   {user("mfa: ON"), `b/pools/u.yaml:4:8: /userPool/mfa: want off, optional, on, have "ON"`},
		"old password member":   {user("minimumPassword: 8"), `b/pools/u.yaml:4:3: /userPool/minimumPassword: unknown member "minimumPassword": want id, mfa, totpIssuer, signUp, usernameAttributes, aliasAttributes, autoVerified, attributes, password, clients or groups`},
		"short passwords":       {user("password: {minimumLength: 5}"), `b/pools/u.yaml:4:29: /userPool/password/minimumLength: want a whole number from 6 to 99, have "5"`},
		"unknown attribute":     {user("attributes: {shoe: {}}"), "b/pools/u.yaml:4:22: /userPool/attributes/shoe: want a standard attribute such as email, or custom:NAME of at most 32 letters, digits or _.-"},
		"attribute of the pool": {user("attributes: {sub: {}}"), "b/pools/u.yaml:4:21: /userPool/attributes/sub: want a standard attribute such as email, or custom:NAME of at most 32 letters, digits or _.-"},
		"required custom":       {user("attributes: {custom:a: {required: true}}"), "b/pools/u.yaml:4:26: /userPool/attributes/custom:a: a custom attribute cannot be required"},
		"lengths":               {user("attributes: {custom:a: {minLength: 9, maxLength: 8}}"), "b/pools/u.yaml:4:26: /userPool/attributes/custom:a: minLength is more than maxLength"},
		"TOTP issuer":           {user("totpIssuer: 'a:b'"), "b/pools/u.yaml:4:15: /userPool/totpIssuer: no colons: authenticator apps end the issuer there"},
		"group":                 {user("groups: {a b: {}}"), "b/pools/u.yaml:4:17: /userPool/groups/a b: a group is called with 1 to 128 characters, none of them a space"},
		"group's role":          {user("groups: {a: {role: Z}}"), "b/pools/u.yaml:4:22: /userPool/groups/a/role: no roles/Z.yaml"},

		"client id":            {with("pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: a-b}}}"), `b/pools/u.yaml:1:47: /userPool/clients/w/id: a client's id has 1 to 128 letters, digits, _ or +, have "a-b"`},
		"client of two pools":  {with("pools/u.yaml", "userPool: {id: us-east-1_A, clients: {w: {id: b}}}", "pools/v.yaml", "userPool: {id: us-east-1_B, clients: {w: {id: b}}}"), "b/pools/v.yaml:1:47: /userPool/clients/w/id: pools/u.yaml has a client with the same id"},
		"no client":            {with("pools/u.yaml", "userPool: {id: us-east-1_A, clients: {}}"), "b/pools/u.yaml:1:38: /userPool/clients: no clients: nobody could sign in"},
		"secret's text":        {client("clientSecret: abc"), "b/pools/u.yaml:7:7: /userPool/clients/w/clientSecret: no secret stands in a bundle: rowan serve takes secrets from the environment or a file outside it"},
		"flow":                 {client("flows: [USER_AUTH]"), `b/pools/u.yaml:7:15: /userPool/clients/w/flows/0: want USER_SRP_AUTH, USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH, ADMIN_USER_PASSWORD_AUTH, have "USER_AUTH"`},
		"life too short":       {client("lifetimes: {id: 4m}"), `b/pools/u.yaml:7:23: /userPool/clients/w/lifetimes/id: want a time from 5m to 1d, have "4m"`},
		"life too long":        {client("lifetimes: {access: 25h}"), `b/pools/u.yaml:7:27: /userPool/clients/w/lifetimes/access: want a time from 5m to 1d, have "25h"`},
		"life without unit":    {client("lifetimes: {refresh: 3600}"), `b/pools/u.yaml:7:28: /userPool/clients/w/lifetimes/refresh: want a time from 1h to 3650d, have "3600"`},
		"life of two units":    {client("lifetimes: {session: 3m30s}"), `b/pools/u.yaml:7:28: /userPool/clients/w/lifetimes/session: want a time from 3m to 15m, have "3m30s"`},
		"life out of range":    {client("lifetimes: {id: 9999999999d}"), `b/pools/u.yaml:7:23: /userPool/clients/w/lifetimes/id: want a time from 5m to 1d, have "9999999999d"`},
		"negative life":        {client("lifetimes: {id: -5m}"), `b/pools/u.yaml:7:23: /userPool/clients/w/lifetimes/id: want a time from 5m to 1d, have "-5m"`},
		"grace of nothing":     {client("rotateGrace: 5s"), "b/pools/u.yaml:6:7: /userPool/clients/w: rotateGrace without rotateRefresh"},
		"long grace":           {client("rotateRefresh: true\n      rotateGrace: 61s"), `b/pools/u.yaml:8:20: /userPool/clients/w/rotateGrace: want a time from 0s to 1m, have "61s"`},
		"callback in clear":    {client("callbackURLs: 'http://app.example/'"), `b/pools/u.yaml:7:21: /userPool/clients/w/callbackURLs: want https, or http on loopback, have "http://app.example/"`},
		"loopback's neighbour": {client("callbackURLs: 'http://127.0.0.1.example/'"), `b/pools/u.yaml:7:21: /userPool/clients/w/callbackURLs: want https, or http on loopback, have "http://127.0.0.1.example/"`},
		"fragment":             {client("callbackURLs: 'https://app.example/#a'"), `b/pools/u.yaml:7:21: /userPool/clients/w/callbackURLs: want an address without a fragment, have "https://app.example/#a"`},
		"empty fragment":       {client("callbackURLs: 'https://app.example/#'"), `b/pools/u.yaml:7:21: /userPool/clients/w/callbackURLs: want an address without a fragment, have "https://app.example/#"`},
		"wildcard":             {client("logoutURLs: 'https://*.app.example/'"), `b/pools/u.yaml:7:19: /userPool/clients/w/logoutURLs: want one address in ASCII, without wildcards, have "https://*.app.example/"`},
		"user in an address":   {client("logoutURLs: 'https://app.example@evil.example/'"), `b/pools/u.yaml:7:19: /userPool/clients/w/logoutURLs: want an address without a user, have "https://app.example@evil.example/"`},
		"no address":           {client("logoutURLs: javascript:alert(1)"), `b/pools/u.yaml:7:19: /userPool/clients/w/logoutURLs: want an address such as https://app.example/back, have "javascript:alert(1)"`},
		"scope":                {client(`scopes: 'a b'`), `b/pools/u.yaml:7:15: /userPool/clients/w/scopes: want the name of a scope, such as openid, have "a b"`},
		"verified by users":    {client("writeAttributes: [email_verified]"), "b/pools/u.yaml:7:25: /userPool/clients/w/writeAttributes/0: want a standard attribute such as email, or custom:NAME of at most 32 letters, digits or _.-"},
		"attribute of no pool": {client("readAttributes: [custom:b]"), `b/pools/u.yaml:7:24: /userPool/clients/w/readAttributes/0: the pool has no attribute "custom:b"`},

		"no provider":            {provider("{}"), "b/providers/p.yaml:1:1: want one of oidc, saml and facebook"},
		"two providers":          {provider("oidc: {issuer: https://a.b}\nfacebook: {appId: '1'}"), "b/providers/p.yaml:1:1: want one of oidc, saml and facebook"},
		"no issuer":              {provider("oidc: {}"), "b/providers/p.yaml:1:7: /oidc: no issuer"},
		"issuer in clear":        {provider("oidc: {issuer: http://a.b}"), `b/providers/p.yaml:1:16: /oidc/issuer: want https, or http on loopback, have "http://a.b"`},
		"issuer in capitals":     {provider("oidc: {issuer: https://A.b}"), `b/providers/p.yaml:1:16: /oidc/issuer: an issuer is a host in lower case and a path, have "https://A.b"`},
		"issuer with a query":    {provider("oidc: {issuer: 'https://a.b/?c'}"), `b/providers/p.yaml:1:16: /oidc/issuer: an issuer is a host in lower case and a path, have "https://a.b/?c"`},
		"issuer with a user":     {provider("oidc: {issuer: 'https://good.example@a.b'}"), `b/providers/p.yaml:1:16: /oidc/issuer: want an address without a user, have "https://good.example@a.b"`},
		"issuer twice":           {with("providers/p.yaml", "oidc: {issuer: https://a.b}", "providers/q.yaml", "oidc: {issuer: https://a.b}"), "b/providers/q.yaml:1:1: providers/p.yaml is the same provider"},
		"user pool as an issuer": {provider("oidc: {issuer: https://" + ownPool + "}"), "b/providers/p.yaml:1:16: /oidc/issuer: " + ownPool + " is no provider of this sort"},
		"algorithm":              {provider("oidc: {issuer: https://a.b, algorithms: [HS256]}"), `b/providers/p.yaml:1:42: /oidc/algorithms/0: want RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, have "HS256"`},
		"no algorithm":           {provider("oidc: {issuer: https://a.b, algorithms: []}"), "b/providers/p.yaml:1:7: /oidc: no algorithms: no token could be verified"},
		"keys in clear":          {provider("oidc: {issuer: https://a.b, keys: http://a.b/keys}"), `b/providers/p.yaml:1:35: /oidc/keys: want https, or http on loopback, have "http://a.b/keys"`},
		"OIDC secret":            {provider("oidc: {issuer: https://a.b, clientSecret: s}"), "b/providers/p.yaml:1:29: /oidc/clientSecret: no secret stands in a bundle: rowan serve takes secrets from the environment or a file outside it"},
		"Facebook's app":         {provider("facebook: {appId: abc}"), `b/providers/p.yaml:1:19: /facebook/appId: the id of an app has digits alone, have "abc"`},
		"Facebook twice":         {with("providers/p.yaml", "facebook: {appId: '1'}", "providers/q.yaml", "facebook: {appId: '2'}"), "b/providers/q.yaml:1:1: providers/p.yaml is the same provider"},
		"SAML without metadata":  {provider("saml: {audience: a, recipients: https://a.b/c}"), "b/providers/p.yaml:1:7: /saml: no providers/p.xml: the metadata of the provider, with its certificates"},
		"SAML for nobody":        {with("providers/p.yaml", "saml: {recipients: []}", "providers/p.xml", descriptor+"<X509Certificate/></EntityDescriptor>"), "b/providers/p.yaml:1:7: /saml: no audience\nb/providers/p.yaml:1:7: /saml: no recipients: no response could be meant for us"},
		"metadata of nobody":     {with("providers/p.xml", descriptor+"</EntityDescriptor>"), "b/providers/p.xml: metadata of a provider that is not there: want providers/p.yaml beside"},
		"metadata of an issuer":  {with("providers/p.yaml", "oidc: {issuer: https://a.b}", "providers/p.xml", descriptor+"</EntityDescriptor>"), "b/providers/p.xml: metadata of a provider that is no saml: see providers/p.yaml"},
		"no metadata":            {saml("<html></html>"), "b/providers/p.xml: want the EntityDescriptor of one provider, have html"},
		"broken metadata":        {saml(descriptor), "b/providers/p.xml: invalid XML: XML syntax error on line 1: unexpected EOF"},
		"document type":          {saml("<!DOCTYPE a>" + descriptor + "<X509Certificate/></EntityDescriptor>"), "b/providers/p.xml: a document type or entity: metadata has none"},
		"no certificate":         {saml(descriptor + "</EntityDescriptor>"), "b/providers/p.xml: no certificate: no response could be verified"},
		"deep metadata":          {saml(descriptor + strings.Repeat("<a>", 41) + strings.Repeat("</a>", 41) + "</EntityDescriptor>"), "b/providers/p.xml: nested deeper than 40 levels"},

		"access key":          {administrator("accessKeys: [AKIAshort]"), "b/administrators/a.yaml:1:14: /accessKeys/0: an access key's id is AKIA and 16 capital letters or digits"},
		"temporary key":       {administrator("accessKeys: [ASIAEXAMPLE000000001]"), "b/administrators/a.yaml:1:14: /accessKeys/0: an access key's id is AKIA and 16 capital letters or digits"},
		"three keys":          {administrator("accessKeys: [AKIAEXAMPLE000000001, AKIAEXAMPLE000000002, AKIAEXAMPLE000000003]"), "b/administrators/a.yaml:1:13: /accessKeys: more than 2 access keys"},
		"key of another":      {with("administrators/a.yaml", "accessKeys: AKIAEXAMPLE000000001", "administrators/b.yaml", "accessKeys: AKIAEXAMPLE000000001"), "b/administrators/b.yaml:1:13: /accessKeys: administrators/a.yaml has the same access key"},
		"a secret":            {administrator("accessKeys: [AKIAEXAMPLE000000001]\nsecretAccessKey: hunter2"), "b/administrators/a.yaml:2:1: /secretAccessKey: no secret stands in a bundle: rowan serve takes secrets from the environment or a file outside it"},
		"administrator's id":  {administrator("id: AROAEXAMPLEEXAMPLE22"), `b/administrators/a.yaml:1:5: /id: an id is AIDA and 16 of A-Z and 2-7, have "AROAEXAMPLEEXAMPLE22"`},
		"administrator trust": {administrator("trust: {}"), `b/administrators/a.yaml:1:1: /trust: unknown member "trust": want path, policies, inline, boundary, tags, accessKeys or id`},
		"administrator rules": {administrator("policies: [Q]\nboundary: Q"), "b/administrators/a.yaml:1:12: /policies/0: no policies/Q.json\nb/administrators/a.yaml:2:11: /boundary: no policies/Q.json"},
		"administrators' ext": {with("administrators/a.json", "{}"), "b/administrators/a.json: unknown: want administrators/NAME.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(c.fsys, "b", conditions.AWS())
			lines(t, err, c.want)
		})
	}
}

// TestLoadIdentitySound has the neighbours of TestLoadIdentityFaults: each loads.
func TestLoadIdentitySound(t *testing.T) {
	for name, fsys := range map[string]fstest.MapFS{
		"one pool":           with("roles/R.yaml", trustPools+"{StringLike: {cognito-identity.amazonaws.com:aud: 'us-east-1:1'}}}}"),
		"role ids":           with("roles/R.yaml", "id: AROAEXAMPLEEXAMPLE22", "roles/S.yaml", "id: AROAEXAMPLEEXAMPLE23"),
		"role by own token":  poolWith(ownPool + ": {clients: w, roles: {type: token, ambiguous: deny}}"),
		"foreign pool":       poolWith("cognito-idp.us-east-1.amazonaws.com/us-east-1_B: {clients: w}"),
		"SAML":               with("pools/p.yaml", "identityPool: {id: us-east-1:1, authenticated: R, providers: {'arn:aws:iam::111122223333:saml-provider/p': {}}}", "providers/p.yaml", "saml: {audience: a, recipients: https://a.b/c}", "providers/p.xml", descriptor+"<X509Certificate/></EntityDescriptor>"),
		"Facebook":           with("pools/p.yaml", "identityPool: {id: us-east-1:1, authenticated: R, providers: {graph.facebook.com: {clients: '1'}}}", "providers/p.yaml", "facebook: {appId: '1'}"),
		"developer":          poolWith("a.b: {clients: w}\n  developerProvider: b.b"),
		"user names":         user("usernameAttributes: email\n  autoVerified: email"),
		"MFA":                user("mfa: on"),
		"password":           user("password: {minimumLength: 6}"),
		"attributes":         user("attributes: {custom:a: {minLength: 8, maxLength: 8}, email: {required: true}}"),
		"group":              user("groups: {a: {role: R}, A: {}}"),
		"client":             client("secret: true"),
		"lives":              client("lifetimes: {id: 300s, access: 24h, refresh: 3650d, session: 15m}"),
		"no grace":           client("rotateRefresh: true\n      rotateGrace: 0s"),
		"loopback":           client("callbackURLs: ['http://127.0.0.1:3000/', 'http://localhost/', 'http://[::1]/', 'https://app.example/?a=b']"),
		"scopes":             client("scopes: [openid, 'https://api.example/read']"),
		"attributes of ours": client("readAttributes: [email_verified, custom:a]\n      writeAttributes: []"),
		"issuer":             provider("oidc: {issuer: https://a.b:8443/c/, keys: https://c.d/keys, algorithms: [ES256, EdDSA]}"),
		"loopback issuer":    provider("oidc: {issuer: http://localhost:9000}"),
		"two issuers":        with("providers/p.yaml", "oidc: {issuer: https://a.b}", "providers/q.yaml", "oidc: {issuer: https://a.b/}"),
		"administrator":      administrator("accessKeys: AKIAEXAMPLE000000001\nid: AIDAEXAMPLEEXAMPLE22\npolicies: P\nboundary: P"),
	} {
		t.Run(name, func(t *testing.T) {
			b := load(t, fsys)
			_, err := b.IdentityAccount()
			require.NoError(t, err)
		})
	}
}

// TestThreatSecretInBundle wants no message to repeat what may be a secret.
func TestThreatSecretInBundle(t *testing.T) {
	for _, fsys := range []fstest.MapFS{
		administrator("accessKeys: [wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]"),
		administrator("secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
		administrator("accessKeys: [AKIAEXAMPLE000000001]\nSecretKeys: {AKIAEXAMPLE000000001: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}"),
		provider("facebook: {appId: '1', appSecret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}"),
	} {
		_, err := bundle.Load(fsys, "b", conditions.AWS())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "wJalr")
	}
}

// TestThreatRoleByWritableClaim wants a warning for each claim that chooses a role or a tag and that
// users can write, and none for its neighbour that they cannot.
func TestThreatRoleByWritableClaim(t *testing.T) {
	rule := func(claim, match string) string {
		return ": {clients: w, roles: {type: rules, ambiguous: deny, rules: [{claim: '" + claim + "', match: " + match + ", value: b, role: R}]}}"
	}
	pool := func(signUp, attribute, client string) []string {
		return []string{"pools/u.yaml", "userPool: {id: us-east-1_A, signUp: " + signUp + ", attributes: {custom:role: {" + attribute + "}}, clients: {v: {id: v, writeAttributes: []}, w: {id: w" + client + "}}}"}
	}
	const tag = ": {clients: w, principalTags: {t: custom:role}}"
	const roleWarning = `the claim "custom:role" chooses a role, and users can write it with the client "w": leave it out of writeAttributes`
	for name, c := range map[string]struct {
		provider string
		more     []string
		want     string
	}{
		"mutable":                       {ownPool + rule("custom:role", "equals"), pool("false", "mutable: true", ""), "113 /rules/0: " + roleWarning},
		"chosen at sign-up":             {ownPool + rule("custom:role", "equals"), pool("true", "", ""), "113 /rules/0: " + roleWarning},
		"fixed":                         {ownPool + rule("custom:role", "equals"), pool("false", "", ""), ""},
		"not written":                   {ownPool + rule("custom:role", "equals"), pool("true", "mutable: true", ", writeAttributes: [email]"), ""},
		"written":                       {ownPool + rule("custom:role", "equals"), pool("true", "mutable: true", ", writeAttributes: [custom:role]"), "113 /rules/0: " + roleWarning},
		"standard":                      {ownPool + rule("email", "equals"), nil, `113 /rules/0: the claim "email" chooses a role, and users can write it with the client "w": leave it out of writeAttributes`},
		"group":                         {ownPool + rule("cognito:groups", "contains"), nil, ""},
		"tag":                           {ownPool + tag, pool("true", "", ""), `86 /principalTags/t: the claim "custom:role" makes the tag "t", and users can write it with the client "w": leave it out of writeAttributes`},
		"fixed tag":                     {ownPool + tag, pool("false", "", ""), ""},
		"part of a foreign address":     {"idp.example.com" + rule("email", "contains"), nil, `81 /rules/0: contains on the claim "email", whose text users choose: "b" is also within longer texts`},
		"whole foreign address":         {"idp.example.com" + rule("email", "equals"), nil, ""},
		"group of a foreign issuer":     {"idp.example.com" + rule("groups", "contains"), nil, ""},
		"issuer that nobody can verify": {"www.amazon.com: {clients: w}", nil, "21 : nothing here verifies tokens of www.amazon.com: nobody can sign in with them"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range load(t, poolWith(c.provider, c.more...)).Lint(nil) {
				require.GreaterOrEqual(t, f.Severity, lint.Warning)
				_, known := lint.Find(f.Code)
				require.True(t, known, f.Code)
				require.Equal(t, "b/pools/p.yaml", f.Name)
				require.Equal(t, uint32(5), f.Pos.Line)
				_, end, _ := strings.Cut(f.Path[len("/identityPool/providers/"):], "/roles")
				if i := strings.Index(f.Path, "/principalTags"); i >= 0 {
					end = f.Path[i:]
				}
				got = append(got, strings.TrimPrefix(f.Pos.String(), "5:")+" "+end+": "+f.Err.Error())
			}
			require.Equal(t, c.want, strings.Join(got, "\n"))
		})
	}
}
