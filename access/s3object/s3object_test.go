package s3object_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/s3object"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// request is "METHOD /bucket/key?query" with headers as name: value.
func request(t testing.TB, line string, headers ...string) *s3object.Request {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	u, err := url.Parse(target)
	require.NoError(t, err)
	r := &s3object.Request{Method: method, Query: u.Query(), Header: http.Header{}}
	r.Bucket, r.Object, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// show writes checks as "action resource key=value".
func show(checks []s3object.Check) []string {
	var out []string
	for _, c := range checks {
		text := c.Action + " " + c.Resource
		for _, k := range c.Keys {
			text += " " + k.Name + "=" + strings.Join(k.Values, "|")
		}
		out = append(out, text)
	}
	return out
}

// TestOperations has the rows of iam-semantics §7.1 and §7.2.
func TestOperations(t *testing.T) {
	const o = "arn:aws:s3:::bkt/a/b"
	for _, c := range []struct {
		line    string
		headers []string
		name    string
		checks  []string
	}{
		{"GET /", nil, "ListBuckets", []string{"s3:ListAllMyBuckets *"}},
		{"HEAD /bkt", nil, "HeadBucket", []string{"s3:ListBucket arn:aws:s3:::bkt"}},
		{"GET /bkt?location", nil, "GetBucketLocation", []string{"s3:GetBucketLocation arn:aws:s3:::bkt"}},
		{"GET /bkt", nil, "ListObjects", []string{"s3:ListBucket arn:aws:s3:::bkt s3:max-keys=1000"}},
		{"GET /bkt?list-type=2&prefix=&max-keys=7", nil, "ListObjectsV2", []string{"s3:ListBucket arn:aws:s3:::bkt s3:max-keys=7 s3:prefix="}},
		{"GET /bkt?list-type=2&prefix=a%2Fb&delimiter=/", nil, "ListObjectsV2", []string{"s3:ListBucket arn:aws:s3:::bkt s3:max-keys=1000 s3:prefix=a/b s3:delimiter=/"}},
		{"GET /bkt?versions&prefix=x", nil, "ListObjectVersions", []string{"s3:ListBucketVersions arn:aws:s3:::bkt s3:max-keys=1000 s3:prefix=x"}},
		{"GET /bkt?uploads&prefix=x", nil, "ListMultipartUploads", []string{"s3:ListBucketMultipartUploads arn:aws:s3:::bkt"}},
		{"POST /bkt?delete", nil, "DeleteObjects", nil},
		{"GET /bkt/a/b", nil, "GetObject", []string{"s3:GetObject " + o}},
		{"GET /bkt/a/b?x-id=GetObject&response-content-type=text/plain&partNumber=2", nil, "GetObject", []string{"s3:GetObject " + o}},
		{"HEAD /bkt/a/b", nil, "HeadObject", []string{"s3:GetObject " + o}},
		{"GET /bkt/a/b?versionId=v1", nil, "GetObject", []string{"s3:GetObjectVersion " + o + " s3:versionid=v1"}},
		{"GET /bkt/a/b?X-Amz-Signature=x&X-Amz-Expires=60", nil, "GetObject", []string{"s3:GetObject " + o}},
		{"PUT /bkt/a/b", nil, "PutObject", []string{"s3:PutObject " + o}},
		{"PUT /bkt/a/b", []string{"X-Amz-Acl: private"}, "PutObject", []string{"s3:PutObject " + o + " s3:x-amz-acl=private", "s3:PutObjectAcl " + o + " s3:x-amz-acl=private"}},
		{"PUT /bkt/a/b", []string{"X-Amz-Grant-Read: id=x"}, "PutObject", []string{"s3:PutObject " + o + " s3:x-amz-grant-read=id=x", "s3:PutObjectAcl " + o + " s3:x-amz-grant-read=id=x"}},
		{"PUT /bkt/a/b", []string{"X-Amz-Tagging: b=2&a=1"}, "PutObject", []string{
			"s3:PutObject " + o + " s3:RequestObjectTag/a=1 s3:RequestObjectTag/b=2 s3:RequestObjectTagKeys=a|b",
			"s3:PutObjectTagging " + o + " s3:RequestObjectTag/a=1 s3:RequestObjectTag/b=2 s3:RequestObjectTagKeys=a|b",
		}},
		{"PUT /bkt/a/b", []string{"X-Amz-Server-Side-Encryption: AES256"}, "PutObject", []string{"s3:PutObject " + o + " s3:x-amz-server-side-encryption=AES256"}},
		{"POST /bkt/a/b?uploads", nil, "CreateMultipartUpload", []string{"s3:PutObject " + o}},
		{"PUT /bkt/a/b?partNumber=1&uploadId=u", nil, "UploadPart", []string{"s3:PutObject " + o}},
		{"POST /bkt/a/b?uploadId=u", nil, "CompleteMultipartUpload", []string{"s3:PutObject " + o}},
		{"DELETE /bkt/a/b?uploadId=u", nil, "AbortMultipartUpload", []string{"s3:AbortMultipartUpload " + o}},
		{"GET /bkt/a/b?uploadId=u&max-parts=3", nil, "ListParts", []string{"s3:ListMultipartUploadParts " + o}},
		{"DELETE /bkt/a/b", nil, "DeleteObject", []string{"s3:DeleteObject " + o}},
		{"DELETE /bkt/a/b?versionId=v1", nil, "DeleteObject", []string{"s3:DeleteObjectVersion " + o + " s3:versionid=v1"}},
		{"PUT /bkt/a/b", []string{"X-Amz-Copy-Source: /src/k%20%3Fversion"}, "CopyObject", []string{"s3:GetObject arn:aws:s3:::src/k ?version", "s3:PutObject " + o + " s3:x-amz-copy-source=/src/k%20%3Fversion"}},
		{"PUT /bkt/a/b?partNumber=1&uploadId=u", []string{"X-Amz-Copy-Source: src/k?versionId=v9"}, "UploadPartCopy", []string{"s3:GetObjectVersion arn:aws:s3:::src/k s3:versionid=v9", "s3:PutObject " + o + " s3:x-amz-copy-source=src/k?versionId=v9"}},
		{"GET /bkt//a/../b", nil, "GetObject", []string{"s3:GetObject arn:aws:s3:::bkt//a/../b"}},
	} {
		t.Run(c.line+strings.Join(c.headers, ","), func(t *testing.T) {
			op, err := s3object.Parse(request(t, c.line, c.headers...))
			require.NoError(t, err)
			require.Equal(t, c.name, op.Name)
			require.Equal(t, c.checks, show(op.Checks))
			require.Equal(t, strings.HasPrefix(c.name, "ListObject"), op.Listing)
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		line    string
		headers []string
		want    error
	}{
		{"GET /bkt?acl", nil, s3object.ErrUnsupported},
		{"PUT /bkt", nil, s3object.ErrUnsupported},
		{"DELETE /bkt", nil, s3object.ErrUnsupported},
		{"GET /bkt?policy", nil, s3object.ErrUnsupported},
		{"PUT /bkt/k?acl", nil, s3object.ErrUnsupported},
		{"GET /bkt/k?tagging", nil, s3object.ErrUnsupported},
		{"POST /bkt/k?select&select-type=2", nil, s3object.ErrUnsupported},
		{"POST /bkt/k?restore", nil, s3object.ErrUnsupported},
		{"POST /bkt", nil, s3object.ErrUnsupported},
		{"PATCH /bkt/k", nil, s3object.ErrUnsupported},
		{"GET /bkt/k?uploads", nil, s3object.ErrUnsupported},
		{"GET /bkt?list-type=1", nil, s3object.ErrUnsupported},
		{"GET /bkt?list-type=2&list-type=2", nil, s3object.ErrRequest},
		{"GET /bkt?prefix=a&prefix=b", nil, s3object.ErrRequest},
		{"GET /bkt?max-keys=x", nil, s3object.ErrRequest},
		{"GET /bkt?max-keys=", nil, s3object.ErrRequest},
		{"GET /Bkt/k", nil, s3object.ErrRequest},
		{"GET /b*t/k", nil, s3object.ErrRequest},
		{"GET /bk:t/k", nil, s3object.ErrRequest},
		{"PUT /bkt/k?partNumber=1", nil, s3object.ErrUnsupported},
		{"PUT /bkt/k?uploadId=1", nil, s3object.ErrUnsupported},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: "}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src/"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src/%zz"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src/k?acl"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src/k?versionId=a&b=c"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: arn:aws:s3:us-east-1:1:accesspoint/x/object/k"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Copy-Source: src/k", "X-Amz-Copy-Source: src/l"}, s3object.ErrRequest},
		{"GET /bkt/k", []string{"X-Amz-Copy-Source: src/k"}, s3object.ErrUnsupported},
		{"PUT /bkt/k", []string{"X-Amz-Acl: private", "X-Amz-Acl: public-read"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Tagging: a=1&a=2"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Tagging: %zz"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Tagging: a=1", "X-Amz-Tagging: b=1"}, s3object.ErrRequest},
		{"PUT /bkt/k", []string{"X-Amz-Object-Lock-Mode: GOVERNANCE"}, s3object.ErrUnsupported},
		{"DELETE /bkt/k", []string{"X-Amz-Bypass-Governance-Retention: true"}, s3object.ErrUnsupported},
		{"GET /bkt/" + strings.Repeat("k", 1025), nil, s3object.ErrRequest},
	} {
		_, err := s3object.Parse(request(t, c.line, c.headers...))
		require.ErrorIs(t, err, c.want, "%.60s %v", c.line, c.headers)
	}
}

const vault = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::vault",
  "Condition":{"StringLike":{"s3:prefix":["${cognito-identity.amazonaws.com:sub}/*"]}}},
 {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],
  "Resource":"arn:aws:s3:::vault/${cognito-identity.amazonaws.com:sub}/*"}]}`

// caller has a policy, and a sub if it is not empty.
func caller(t testing.TB, text, sub string) *engine.Caller {
	t.Helper()
	v := conditions.AWS()
	d, err := policy.Parse("vault.json", []byte(text))
	require.NoError(t, err)
	set, err := engine.Compile(v, policy.Identity, d)
	require.NoError(t, err)
	p, err := engine.ParsePrincipal("arn:aws:sts::111122223333:assumed-role/User/s")
	require.NoError(t, err)
	session := v.NewContext()
	require.NoError(t, p.Describe(session))
	if sub != "" {
		require.NoError(t, session.Set("cognito-identity.amazonaws.com:sub", sub))
	}
	return &engine.Caller{Principal: p, Evaluator: &engine.Evaluator{Identity: set}, Session: session}
}

func decide(t testing.TB, c *engine.Caller, check *s3object.Check) bool {
	t.Helper()
	q := c.NewRequest(check.Action, check.Resource)
	q.ResourceAccount = "111122223333"
	require.NoError(t, check.Fill(q.Context))
	return c.Evaluator.Decide(q).Allowed()
}

// TestPerIdentityPrefix has the rows of iam-semantics §7.3.
func TestPerIdentityPrefix(t *testing.T) {
	own := caller(t, vault, "eu-west-1:7f")
	for _, c := range []struct {
		line   string
		copied string
		want   bool
	}{
		{"GET /vault?list-type=2&prefix=eu-west-1:7f/", "", true},
		{"GET /vault?list-type=2&prefix=eu-west-1:7f", "", false},
		{"GET /vault?list-type=2&prefix=", "", false},
		{"GET /vault?list-type=2", "", false},
		{"GET /vault?prefix=eu-west-1:7f/../eu-west-1:8a/", "", true},
		{"GET /vault/eu-west-1:7f/a", "", true},
		{"GET /vault/eu-west-1:7f0/a", "", false},
		{"GET /vault/eu-west-1%3A7f/a", "", true},
		{"GET /vault/eu-west-1:8a/a", "", false},
		{"PUT /vault/eu-west-1:7f/x", "/vault/eu-west-1:8a/x", false},
		{"PUT /vault/eu-west-1:7f/x", "/vault/eu-west-1:7f/y", true},
		{"PUT /vault/eu-west-1:8a/x", "/vault/eu-west-1:7f/y", false},
	} {
		var headers []string
		if c.copied != "" {
			headers = append(headers, "X-Amz-Copy-Source: "+c.copied)
		}
		op, err := s3object.Parse(request(t, c.line, headers...))
		require.NoError(t, err)
		all := true
		for i := range op.Checks {
			all = all && decide(t, own, &op.Checks[i])
			require.False(t, decide(t, caller(t, vault, ""), &op.Checks[i]), "without sub: %s", c.line)
		}
		require.Equal(t, c.want, all, "%s %s", c.line, c.copied)
	}
	several, _, err := s3object.ParseDelete("vault", []byte(`<Delete><Object><Key>eu-west-1:7f/a</Key></Object><Object><Key>eu-west-1:8a/b</Key></Object></Delete>`))
	require.NoError(t, err)
	require.True(t, decide(t, own, &several[0].Check))
	require.False(t, decide(t, own, &several[1].Check))
}

// What only the store knows must not open a grant nor close a denial.
func TestTagsOfObjectsAreIndeterminate(t *testing.T) {
	check := func(text string) bool {
		op, err := s3object.Parse(request(t, "GET /vault/k"))
		require.NoError(t, err)
		return decide(t, caller(t, text, "x"), &op.Checks[0])
	}
	const allow = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`
	document := func(statements string) string { return `{"Version":"2012-10-17","Statement":[` + statements + `]}` }
	require.True(t, check(document(allow)))
	require.False(t, check(document(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringNotEquals":{"s3:ExistingObjectTag/secret":"yes"}}}`)))
	require.False(t, check(document(allow+`,{"Effect":"Deny","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/secret":"yes"}}}`)))
	require.False(t, check(document(allow+`,{"Effect":"Deny","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/secret":"yes"}}}`)))
}

func TestParseDelete(t *testing.T) {
	all, quiet, err := s3object.ParseDelete("vault", []byte(`<?xml version="1.0" encoding="UTF-8"?>
<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a &amp; b</Key></Object><Object><Key>c</Key><VersionId>v1</VersionId></Object><Quiet>true</Quiet></Delete>`))
	require.NoError(t, err)
	require.True(t, quiet)
	require.Len(t, all, 2)
	require.Equal(t, "a & b", all[0].Key)
	require.Equal(t, []string{"s3:DeleteObject arn:aws:s3:::vault/a & b"}, show([]s3object.Check{all[0].Check}))
	require.Equal(t, []string{"s3:DeleteObjectVersion arn:aws:s3:::vault/c s3:versionid=v1"}, show([]s3object.Check{all[1].Check}))
	for name, body := range map[string]string{
		"empty":         ``,
		"none":          `<Delete></Delete>`,
		"two keys":      `<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>`,
		"no key":        `<Delete><Object><VersionId>v</VersionId></Object></Delete>`,
		"empty key":     `<Delete><Object><Key></Key></Object></Delete>`,
		"other element": `<Delete><Object><Key>a</Key><ETag>x</ETag></Object></Delete>`,
		"other root":    `<Remove><Object><Key>a</Key></Object></Remove>`,
		"comment":       `<Delete><Object><Key>a<!-- x -->b</Key></Object></Delete>`,
		"entity":        `<!DOCTYPE x [<!ENTITY y "z">]><Delete><Object><Key>&y;</Key></Object></Delete>`,
		"attribute":     `<Delete><Object a="b"><Key>a</Key></Object></Delete>`,
		"instruction":   `<Delete><?x y?><Object><Key>a</Key></Object></Delete>`,
		"nested":        `<Delete><Object><Key><b><c>a</c></b></Key></Object></Delete>`,
		"quiet":         `<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>`,
		"too many":      `<Delete>` + strings.Repeat(`<Object><Key>a</Key></Object>`, 1001) + `</Delete>`,
		"too long":      `<Delete><Object><Key>` + strings.Repeat("a", 1025) + `</Key></Object></Delete>`,
		"not closed":    `<Delete><Object><Key>a</Key></Object>`,
		"trailing":      `<Delete><Object><Key>a</Key></Object></Delete><Delete><Object><Key>b</Key></Object></Delete>`,
	} {
		_, _, err := s3object.ParseDelete("vault", []byte(body))
		require.ErrorIs(t, err, s3object.ErrRequest, name)
	}
}

func listFilter(t testing.TB, block string) engine.Filter {
	t.Helper()
	c := caller(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::vault","Condition":`+block+`}]}`, "me")
	q := c.NewRequest("s3:ListBucket", "arn:aws:s3:::vault")
	q.ResourceAccount = "111122223333"
	f, err := c.Evaluator.Filter(q, s3object.PrefixKey)
	require.NoError(t, err)
	return f
}

func TestPrefixes(t *testing.T) {
	type prefix = s3object.Prefix
	for block, want := range map[string]struct {
		all           []prefix
		absent, exact bool
	}{
		`{"StringLike":{"s3:prefix":["${cognito-identity.amazonaws.com:sub}/*","public/*",""]}}`: {[]prefix{{"", false}, {"me/", true}, {"public/", true}}, false, true},
		`{"StringEquals":{"s3:prefix":["a/","b/"]}}`:                                             {[]prefix{{"a/", false}, {"b/", false}}, false, true},
		`{"StringEqualsIfExists":{"s3:prefix":"a/"}}`:                                            {[]prefix{{"a/", false}}, true, true},
		`{"StringLike":{"s3:prefix":["*/x","a/*"]}}`:                                             {[]prefix{{"a/", true}}, false, false},
		`{"StringNotEquals":{"s3:prefix":"a/"}}`:                                                 {nil, true, false},
		`{"StringLike":{"s3:prefix":"*"}}`:                                                       {[]prefix{{"", true}}, false, true},
		`{"StringLike":{"s3:prefix":"a/*"},"StringNotLike":{"s3:prefix":"a/b*"}}`:                {[]prefix{{"a/", false}}, false, false},
		`{"StringEquals":{"aws:username":"nobody"}}`:                                             {nil, false, true},
	} {
		f := listFilter(t, block)
		all, absent, exact := s3object.Prefixes(&f)
		require.Equal(t, want.all, all, block)
		require.Equal(t, want.absent, absent, block)
		require.Equal(t, want.exact, exact, block)
	}
	all, absent, exact := s3object.Prefixes(&engine.Filter{})
	require.Empty(t, all)
	require.False(t, absent || exact)
}

func TestVisible(t *testing.T) {
	f := listFilter(t, `{"StringLike":{"s3:prefix":["me/*","pub"]}}`)
	for object, want := range map[string]bool{"me/a": true, "me/": true, "me": false, "mea": false, "you/a": false, "pub": true, "public": true, "pu": false, "": false} {
		require.Equal(t, want, s3object.Visible(&f, object), object)
	}
	all := listFilter(t, `{"StringEqualsIfExists":{"s3:prefix":"a/"}}`)
	require.True(t, s3object.Visible(&all, "x"), "a listing without a prefix shows everything")
	require.False(t, s3object.Visible(&engine.Filter{}, "x"))
}
