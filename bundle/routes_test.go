package bundle_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
)

func withRoutes(text string) fstest.MapFS {
	return fstest.MapFS{
		"rowan.yaml":       {Data: []byte("account: \"111122223333\"\nregion: eu-west-1\n")},
		"routes/shop.yaml": {Data: []byte(text)},
	}
}

const shopRoutes = `
hosts: [shop.example.com, "shop.example.com:8443"]
api: shop1
stage: prod
routes:
  - {path: "/{rest+}", methods: [GET]}
  - {path: "/scores/{player}", methods: [GET, HEAD], action: "dynamodb:GetItem", resource: "arn:aws:dynamodb:eu-west-1:111122223333:table/Scores", context: {"dynamodb:LeadingKeys": "{player}"}}
  - {path: /scores/best, methods: [GET]}
  - {path: /scores/best, methods: [PUT]}
  - {path: "/files/{key+}", action: "s3:GetObject", resource: "arn:aws:s3:::bucket/{key}"}
  - {path: /admin/}
`

// TestCall holds which route a call is of, and what it asks for.
func TestCall(t *testing.T) {
	b, err := bundle.Load(withRoutes(shopRoutes), "b", conditions.AWS())
	require.NoError(t, err)
	r, ok := b.RoutesOf("shop")
	require.True(t, ok)
	require.True(t, r.Served("Shop.example.com"))
	require.True(t, r.Served("shop.example.com:8443"))
	require.False(t, r.Served("shop.example.com."))
	require.False(t, r.Served("evil.example.com"))
	const own = "arn:aws:execute-api:eu-west-1:111122223333:shop1/prod/"
	for name, x := range map[string]struct {
		method, path string
		want         bundle.Call
		ok           bool
	}{
		"a row":                         {"GET", "/scores/alice", bundle.Call{Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb:eu-west-1:111122223333:table/Scores", Context: []bundle.RouteKey{{"dynamodb:LeadingKeys", "alice"}}}, true},
		"a text before a name":          {"GET", "/scores/best", bundle.Call{Action: "execute-api:Invoke", Resource: own + "GET/scores/best", Context: []bundle.RouteKey{}}, true},
		"its other method":              {"PUT", "/scores/best", bundle.Call{Action: "execute-api:Invoke", Resource: own + "PUT/scores/best", Context: []bundle.RouteKey{}}, true},
		"a method of a wider route":     {"HEAD", "/scores/best", bundle.Call{}, false},
		"a method that no route has":    {"DELETE", "/scores/alice", bundle.Call{}, false},
		"the rest":                      {"GET", "/a/b/c", bundle.Call{Action: "execute-api:Invoke", Resource: own + "GET/a/b/c", Context: []bundle.RouteKey{}}, true},
		"the rest, with another method": {"POST", "/a/b/c", bundle.Call{}, false},
		"a file":                        {"PUT", "/files/a/b {key}", bundle.Call{Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/a/b {key}", Context: []bundle.RouteKey{}}, true},
		"no file":                       {"GET", "/files", bundle.Call{Action: "execute-api:Invoke", Resource: own + "GET/files", Context: []bundle.RouteKey{}}, true},
		"a slash at the end":            {"GET", "/scores/alice/", bundle.Call{}, false},
		"a slash at the end of files":   {"GET", "/files/a/", bundle.Call{}, false},
		"an empty name":                 {"GET", "/scores/", bundle.Call{}, false},
		"a route with a slash":          {"GET", "/admin/", bundle.Call{Action: "execute-api:Invoke", Resource: own + "GET/admin/", Context: []bundle.RouteKey{}}, true},
		"the root":                      {"GET", "/", bundle.Call{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := b.Call(r, x.method, x.path)
			require.Equal(t, x.ok, ok)
			require.Equal(t, x.want, c)
		})
	}
	wide, err := bundle.Load(withRoutes("hosts: '*'\n"), "b", conditions.AWS())
	require.NoError(t, err)
	r, _ = wide.RoutesOf("shop")
	require.True(t, r.Served("whatever"))
	c, ok := wide.Call(r, "GET", "/x")
	require.True(t, ok)
	require.Equal(t, "arn:aws:execute-api:eu-west-1:111122223333:shop/$default/GET/x", c.Resource)
	_, ok = wide.Call(r, "GET", "/x/")
	require.False(t, ok)
	_, ok = wide.Call(r, "GET", "/")
	require.True(t, ok)
}

func TestRoutesFaults(t *testing.T) {
	for name, x := range map[string]struct{ text, want string }{
		"no hosts":            {"api: a\n", "no hosts"},
		"an empty host list":  {"hosts: []\n", "no host"},
		"a host in capitals":  {"hosts: Shop.example.com\n", "lower case"},
		"any host and one":    {"hosts: ['*', a.example]\n", "lower case"},
		"an unknown member":   {"hosts: '*'\nhost: x\n", `unknown member "host"`},
		"an API's name":       {"hosts: '*'\napi: a/b\n", "an API is called"},
		"a stage's name":      {"hosts: '*'\nstage: a/*\n", "a stage is called"},
		"no such pool":        {"hosts: '*'\nidentityPool: none\n", "no pools/none.yaml"},
		"no path":             {"hosts: '*'\nroutes: [{methods: GET}]\n", "no path"},
		"a relative path":     {"hosts: '*'\nroutes: [{path: a}]\n", "begins with /"},
		"an empty segment":    {"hosts: '*'\nroutes: [{path: //a}]\n", "a segment is"},
		"a dot segment":       {"hosts: '*'\nroutes: [{path: /a/../b}]\n", "a segment is"},
		"a brace":             {"hosts: '*'\nroutes: [{path: '/a{b}'}]\n", "a segment is"},
		"a wildcard":          {"hosts: '*'\nroutes: [{path: '/a*'}]\n", "a segment is"},
		"a name twice":        {"hosts: '*'\nroutes: [{path: '/{a}/{a}'}]\n", "stands twice"},
		"a rest in between":   {"hosts: '*'\nroutes: [{path: '/{a+}/b'}]\n", "at the end"},
		"a small method":      {"hosts: '*'\nroutes: [{path: /a, methods: get}]\n", "capital letters"},
		"one route twice":     {"hosts: '*'\nroutes: [{path: '/{a}', methods: [GET, PUT]}, {path: '/{b}', methods: GET}]\n", "same path and method"},
		"all methods and one": {"hosts: '*'\nroutes: [{path: '/{a}'}, {path: '/{b}', methods: GET}]\n", "same path and method"},
		"an action alone":     {"hosts: '*'\nroutes: [{path: /a, action: 's3:GetObject'}]\n", "no resource"},
		"a wild action":       {"hosts: '*'\nroutes: [{path: /a, action: 's3:*', resource: 'arn:aws:s3:::b'}]\n", "want an action"},
		"no ARN":              {"hosts: '*'\nroutes: [{path: /a, resource: b}]\n", "want an ARN"},
		"an account by name":  {"hosts: '*'\nroutes: [{path: '/{a}', resource: 'arn:aws:sqs:r:{a}:b'}]\n", "want an ARN"},
		"a wild resource":     {"hosts: '*'\nroutes: [{path: '/{a}', resource: 'arn:aws:sqs:r:1:*'}]\n", "no wildcards"},
		"an unknown name":     {"hosts: '*'\nroutes: [{path: '/{a}', resource: 'arn:aws:sqs:r:1:{b}'}]\n", "names are those"},
		"an unknown key":      {"hosts: '*'\nroutes: [{path: '/{a}', context: {'dynamodb:Nothing': x}}]\n", "unknown"},
		"the session's key":   {"hosts: '*'\nroutes: [{path: '/{a}', context: {'aws:userid': '{a}'}}]\n", "only a session"},
		"a key's other name":  {"hosts: '*'\nroutes: [{path: '/{a}', context: {'x:y': '{b}'}}]\n", "names are those"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load(withRoutes(x.text), "b", conditions.AWS())
			require.ErrorContains(t, err, x.want)
			require.ErrorContains(t, err, "b/routes/shop.yaml:")
		})
	}
}

// onePolicy is a bundle with one policy of these statements.
func onePolicy(t *testing.T, statements string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(fstest.MapFS{
		"rowan.yaml":      {Data: []byte("account: \"111122223333\"\nregion: eu-west-1\n")},
		"policies/P.json": {Data: []byte(`{"Version": "2012-10-17", "Statement": [` + statements + `]}`)},
	}, "b", conditions.AWS())
	require.NoError(t, err)
	return b
}

// TestResourcesOf lists the resources that policies name for an action.
func TestResourcesOf(t *testing.T) {
	const (
		one  = `"arn:aws:book:eu-west-1:111122223333:1"`
		two  = `"arn:aws:book:eu-west-1:111122223333:2"`
		read = `{"Effect": "Allow", "Action": "book:Read", "Resource": [` + two + `, ` + one + `, "arn:aws:order:*:*:*"]}`
	)
	both := []string{strings.Trim(one, `"`), strings.Trim(two, `"`)}
	for name, x := range map[string]struct {
		more     string
		want     []string
		complete bool
	}{
		"names":               {``, both, true},
		"another action":      {`, {"Effect": "Allow", "Action": "book:Write", "Resource": "*"}`, both, true},
		"actions by wildcard": {`, {"Effect": "Allow", "Action": "book:R*d", "Resource": "arn:aws:book:eu-west-1:111122223333:3"}`, append(slices.Clone(both), "arn:aws:book:eu-west-1:111122223333:3"), true},
		"everything":          {`, {"Effect": "Allow", "Action": "*", "Resource": "*"}`, both, false},
		"a wildcard":          {`, {"Effect": "Allow", "Action": "book:Read", "Resource": "arn:aws:book:eu-west-1:111122223333:x*"}`, both, false},
		"a variable":          {`, {"Effect": "Allow", "Action": "book:Read", "Resource": "arn:aws:book:eu-west-1:111122223333:${aws:username}"}`, both, false},
		"NotResource":         {`, {"Effect": "Allow", "Action": "book:Read", "NotResource": ` + one + `}`, both, false},
		"NotAction":           {`, {"Effect": "Allow", "NotAction": "x:y", "Resource": "*"}`, both, false},
		"a denied wildcard":   {`, {"Effect": "Deny", "Action": "book:Read", "Resource": "*"}`, both, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, complete := onePolicy(t, read+x.more).ResourcesOf("book", "BOOK:read")
			require.Equal(t, x.want, got)
			require.Equal(t, x.complete, complete)
		})
	}
}

// TestActions lists what policies allow by name.
func TestActions(t *testing.T) {
	const tail = `, "Resource": "*"}`
	named := `{"Effect": "Allow", "Action": ["book:Read", "book:read", "BOOK:Write", "s3:*"]` + tail
	for name, x := range map[string]struct {
		statement string
		want      []string
		complete  bool
	}{
		"names":           {named, []string{"book:Read", "book:Write"}, true},
		"a wildcard":      {named + `,{"Effect": "Allow", "Action": "book:*"` + tail, []string{"book:Read", "book:Write"}, false},
		"everything":      {named + `,{"Effect": "Allow", "Action": "*"` + tail, []string{"book:Read", "book:Write"}, false},
		"NotAction":       {named + `,{"Effect": "Allow", "NotAction": "book:x"` + tail, []string{"book:Read", "book:Write"}, false},
		"denied wildcard": {named + `,{"Effect": "Deny", "Action": "book:*"` + tail, []string{"book:Read", "book:Write"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, complete := onePolicy(t, x.statement).Actions("book")
			require.Equal(t, x.want, got)
			require.Equal(t, x.complete, complete)
		})
	}
}
