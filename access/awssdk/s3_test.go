package awssdk_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/access/s3object"
	"github.com/rowan-authz/rowan/engine"
)

var photos = aws.String("photos")

// objectCalls are calls about an object of a user.
func objectCalls(ctx context.Context, c *s3.Client) map[string]func(object string) error {
	xml := strings.NewReader
	return map[string]func(object string) error{
		"GetObject": func(object string) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: &object})
			return err
		},
		"HeadObject": func(object string) error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: photos, Key: &object})
			return err
		},
		"PutObject": func(object string) error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: photos, Key: &object, Body: xml("x")})
			return err
		},
		"DeleteObject": func(object string) error {
			_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: photos, Key: &object})
			return err
		},
		"ListObjectsV2": func(object string) error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: photos, Prefix: &object})
			return err
		},
		"DeleteObjects": func(object string) error {
			_, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: photos, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("ann/1")}, {Key: &object}}}})
			return err
		},
		"CopyObject from": func(object string) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: photos, Key: aws.String("ann/copy"), CopySource: aws.String("photos/" + url.PathEscape(object))})
			return err
		},
		"CopyObject to": func(object string) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: photos, Key: &object, CopySource: aws.String("photos/ann%2F1")})
			return err
		},
		"UploadPart": func(object string) error {
			_, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: photos, Key: &object, UploadId: aws.String("u"), PartNumber: aws.Int32(1), Body: xml("x")})
			return err
		},
		"AbortMultipartUpload": func(object string) error {
			_, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: photos, Key: &object, UploadId: aws.String("u")})
			return err
		},
	}
}

// ok is an answer that every call takes.
func ok(call string) answer {
	switch call, _, _ = strings.Cut(call, " "); call {
	case "ListObjectsV2":
		return answer{200, `<ListBucketResult></ListBucketResult>`}
	case "DeleteObjects":
		return answer{200, `<DeleteResult></DeleteResult>`}
	case "CopyObject":
		return answer{200, `<CopyObjectResult></CopyObjectResult>`}
	case "DeleteObject", "AbortMultipartUpload":
		return answer{204, ""}
	}
	return answer{200, ""}
}

// TestObjects: each call of one's own and of somebody else, with the bucket in
// the path and in the host.
func TestObjects(t *testing.T) {
	for style, option := range map[string]func(*s3.Options){"path": pathStyle, "host": virtualHost} {
		s := newStore(t)
		c := s.buckets(newGuard(t, nil), option)
		for name, call := range objectCalls(as(t, "ann"), c) {
			t.Run(style+" "+name, func(t *testing.T) {
				s.answers = []answer{ok(name)}
				before := s.count()
				require.NoError(t, call("ann/a b"))
				require.Equal(t, before+1, s.count())
				for _, object := range []string{"bob/1", "ann", "ann2/1", "", "photos/ann/1", "/ann/1", "./ann/1", "x/../ann/1"} {
					if object == "" && name != "ListObjectsV2" {
						continue
					}
					requireDenied(t, call(object))
				}
				require.Equal(t, before+1, s.count(), "a denied call arrived")
			})
		}
		if style == "host" {
			require.Equal(t, "photos.s3.example.test", s.seen[0].Host)
		} else {
			require.True(t, strings.HasPrefix(s.seen[0].URL.Path, "/photos"))
		}
	}
}

// TestNamesOfObjects are read as the store reads them.
func TestNamesOfObjects(t *testing.T) {
	for _, option := range []func(*s3.Options){pathStyle, virtualHost} {
		s := newStore(t)
		c := s.buckets(newGuard(t, nil), option)
		for _, name := range []string{"photos", "photos/x", "a//b", "a/../b", "..", "%2e%2e/bob", "%", "a+b c", "é\u2603", "?versionId=1", "a#b", "a;b=c&d", "a\\b", "*", "${aws:username}"} {
			statements := `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"},
			  {"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::photos/` + literal(name) + `"}`
			ctx := engine.WithCaller(t.Context(), newCaller(t, "ann", statements))
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: &name})
			require.NoError(t, err, name)
			_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: aws.String(name + "x")})
			requireDenied(t, err)
		}
	}
}

// literal spells a name of which nothing is a wildcard, for JSON.
func literal(name string) string {
	name = strings.NewReplacer(`\`, `\\`, "*", "${*}", "?", "${?}", "${", "${$}{").Replace(name)
	return name
}

func TestS3DeniedErrorIsItsOwn(t *testing.T) {
	s := newStore(t)
	r := &eager{Retryer: retry.NewStandard()}
	c := s.buckets(newGuard(t, nil), pathStyle)
	_, err := c.GetObject(as(t, "ann"), &s3.GetObjectInput{Bucket: photos, Key: aws.String("bob/1")})
	denied := deniedOf(t, err)
	require.Equal(t, "arn:aws:s3:::photos/bob/1", denied.Resource)
	require.Equal(t, "OwnObjects", denied.Explain().Nearest.Sid)
	var of smithy.APIError
	require.ErrorAs(t, err, &of)
	require.Equal(t, "AccessDenied", of.ErrorCode())
	require.NotContains(t, err.Error(), "exceeded maximum number of attempts")
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("ann/1")})
	require.ErrorIs(t, err, awssdk.ErrNoCaller)
	// A retryer that tries everything again gets nowhere.
	_, err = c.GetObject(as(t, "ann"), &s3.GetObjectInput{Bucket: photos, Key: aws.String("bob/1")}, func(o *s3.Options) { o.Retryer = r })
	requireDenied(t, err)
	require.Zero(t, s.count())
}

// TestS3Retries sends what was decided again.
func TestS3Retries(t *testing.T) {
	s := newStore(t, answer{500, ""}, answer{503, ""}, answer{200, ""})
	c := s.buckets(newGuard(t, nil), pathStyle, func(o *s3.Options) { o.Retryer = &eager{Retryer: retry.NewStandard()} })
	_, err := c.PutObject(as(t, "ann"), &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1"), Body: strings.NewReader("hello")})
	require.NoError(t, err)
	require.Equal(t, 3, s.count())
}

func TestPaginatorsOfObjects(t *testing.T) {
	s := newStore(t, answer{200, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken><Contents><Key>ann/1</Key></Contents></ListBucketResult>`},
		answer{200, `<ListBucketResult><Contents><Key>ann/2</Key></Contents></ListBucketResult>`})
	c := s.buckets(newGuard(t, nil), pathStyle)
	pages, n := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: photos, Prefix: aws.String("ann/")}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(as(t, "ann"))
		require.NoError(t, err)
		n += len(page.Contents)
	}
	require.Equal(t, 2, n)
	_, err := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: photos}).NextPage(as(t, "ann"))
	requireDenied(t, err)
	waiter := s3.NewObjectExistsWaiter(c, func(o *s3.ObjectExistsWaiterOptions) { o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond })
	s.answers = []answer{{404, ""}, {200, ""}}
	require.NoError(t, waiter.Wait(as(t, "ann"), &s3.HeadObjectInput{Bucket: photos, Key: aws.String("ann/1")}, time.Minute))
	requireDenied(t, waiter.Wait(as(t, "ann"), &s3.HeadObjectInput{Bucket: photos, Key: aws.String("bob/1")}, time.Minute))
}

// TestPresignedURLs are decided when they are made.
func TestPresignedURLs(t *testing.T) {
	s := newStore(t)
	for _, option := range []func(*s3.Options){pathStyle, virtualHost} {
		p := s3.NewPresignClient(s.buckets(newGuard(t, nil), option))
		ctx := as(t, "ann")
		made, err := p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: aws.String("ann/1")})
		require.NoError(t, err)
		require.Contains(t, made.URL, "X-Amz-Signature=")
		_, err = p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: aws.String("bob/1")})
		requireDenied(t, err)
		_, err = p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1")})
		require.NoError(t, err)
		_, err = p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1"), ACL: types.ObjectCannedACLPublicRead})
		require.Equal(t, "s3:PutObjectAcl", deniedOf(t, err).Action)
		_, err = p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("ann/1")})
		require.ErrorIs(t, err, awssdk.ErrNoCaller)
		_, err = p.PresignPostObject(ctx, &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1")})
		require.ErrorContains(t, err, "form for POST")
	}
	require.Zero(t, s.count())
	header := `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:authType":"REST-HEADER","s3:signatureversion":"AWS4-HMAC-SHA256"}}}`
	ctx := engine.WithCaller(t.Context(), newCaller(t, "ann", header))
	c := s.buckets(newGuard(t, nil), pathStyle)
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: aws.String("x")})
	require.NoError(t, err)
	_, err = s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: photos, Key: aws.String("x")})
	requireDenied(t, err)
}

// TestWhereTheBucketIs must be told.
func TestWhereTheBucketIs(t *testing.T) {
	all := engine.WithCaller(t.Context(), newCaller(t, "ann", `{"Effect":"Allow","Action":"*","Resource":"*"}`))
	for name, c := range map[string]struct {
		bucket string
		option func(*s3.Options)
		why    string
	}{
		"in the path": {"photos", pathStyle, ""},
		"in the host": {"photos", virtualHost, ""},
		"in a path below another": {"photos", func(o *s3.Options) {
			o.UsePathStyle, o.BaseEndpoint = true, aws.String("http://s3.example.test/store/")
		}, ""},
		"in a host with a path":              {"photos", func(o *s3.Options) { o.BaseEndpoint = aws.String("http://s3.example.test/store") }, "it cannot be told"},
		"in the path, and the host looks so": {"s3a", func(o *s3.Options) { o.UsePathStyle, o.BaseEndpoint = true, aws.String("http://s3a.example.test") }, ""},
		"in either":                          {"s3a", func(o *s3.Options) { o.EndpointResolverV2 = elsewhere("http://s3a.example.test/s3a") }, "it cannot be told"},
		"nowhere":                            {"photos", func(o *s3.Options) { o.EndpointResolverV2 = elsewhere("http://s3.example.test/x") }, "it cannot be told"},
		"at Amazon":                          {"photos", func(o *s3.Options) { o.BaseEndpoint = nil }, ""},
		"at Amazon, with a dot in its name":  {"pho.tos", func(o *s3.Options) { o.BaseEndpoint = nil }, ""},
		"an access point":                    {"arn:aws:s3:us-east-1:111122223333:accesspoint/ap", func(o *s3.Options) { o.BaseEndpoint = nil }, "it cannot be told"},
		"an access point's alias":            {"ap-abcdefgh-s3alias", pathStyle, "not the name of a general purpose bucket"},
		"a directory bucket":                 {"photos--usw2-az1--x-s3", func(o *s3.Options) { o.BaseEndpoint, o.DisableS3ExpressSessionAuth = nil, aws.Bool(true) }, "not the name of a general purpose bucket"},
		"what is no bucket":                  {"Photos_", pathStyle, "malformed"},
		"a resolver of the call":             {"photos", nil, "not resolved by the client's options"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			var call []func(*s3.Options)
			option := c.option
			if option == nil {
				option, call = pathStyle, append(call, func(o *s3.Options) { o.EndpointResolverV2 = elsewhere("http://s3.example.test/photos") })
			}
			client := s.buckets(newGuard(t, nil), option, func(o *s3.Options) { o.APIOptions = append(o.APIOptions, plainHTTP) })
			_, err := client.GetObject(all, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("ann/1")}, call...)
			if c.why != "" {
				require.ErrorContains(t, err, c.why)
				require.Zero(t, s.count())
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1, s.count())
		})
	}
}

// plainHTTP sends what would go to Amazon by TLS to the test's store.
func plainHTTP(stack *middleware.Stack) error {
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("plain", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		in.Request.(*smithyhttp.Request).URL.Scheme = "http"
		return next.HandleFinalize(ctx, in)
	}), middleware.After)
}

// TestNoOtherS3RequestIsSent changes requests behind the guard.
func TestNoOtherS3RequestIsSent(t *testing.T) {
	change := func(f func(*http.Request)) func(*s3.Options) {
		return func(o *s3.Options) {
			o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
				return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("change", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
					f(in.Request.(*smithyhttp.Request).Request)
					return next.HandleFinalize(ctx, in)
				}), middleware.After)
			})
		}
	}
	s := newStore(t)
	c := s.buckets(newGuard(t, nil), pathStyle)
	for name, option := range map[string]func(*s3.Options){
		"without the guard": func(o *s3.Options) { o.APIOptions = nil },
		"another object":    change(func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/photos/bob/1", "/photos/bob/1" }),
		"another spelling":  change(func(r *http.Request) { r.URL.RawPath = "/photos/ann%2F1" }),
		"another query":     change(func(r *http.Request) { r.URL.RawQuery = "tagging" }),
		"another name":      change(func(r *http.Request) { r.URL.RawQuery = "x-id=GetObject" }),
		"another method":    change(func(r *http.Request) { r.Method = http.MethodDelete }),
		"another host":      change(func(r *http.Request) { r.Host = "bob.example.test" }),
		"another address":   change(func(r *http.Request) { r.URL.Host = "bob.example.test" }),
		"another meaning":   change(func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }),
		"a copy":            change(func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "photos/bob/1") }),
	} {
		_, err := c.PutObject(as(t, "ann"), &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1"), Body: strings.NewReader("x")}, option)
		require.ErrorIs(t, err, awssdk.ErrUnguarded, name)
		require.NotContains(t, err.Error(), "exceeded maximum number of attempts", name)
		require.Zero(t, s.count(), name)
	}
	_, err := c.PutObject(as(t, "ann"), &s3.PutObjectInput{Bucket: photos, Key: aws.String("ann/1"), Body: strings.NewReader("x")}, change(func(r *http.Request) { r.Header.Set("X-Other", "x") }))
	require.NoError(t, err)
}

// The body of a DeleteObjects is what was decided.
func TestDeletionsAreHeld(t *testing.T) {
	s := newStore(t)
	c := s.buckets(newGuard(t, nil), pathStyle)
	_, err := c.DeleteObjects(as(t, "ann"), &s3.DeleteObjectsInput{Bucket: photos, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("ann/1")}}}}, func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("change", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				r, err := in.Request.(*smithyhttp.Request).SetStream(strings.NewReader(`<Delete><Object><Key>bob/1</Key></Object></Delete>`))
				require.NoError(t, err)
				in.Request = r
				return next.HandleFinalize(ctx, in)
			}), "RowanGuard", middleware.After)
		})
	})
	require.ErrorIs(t, err, awssdk.ErrUnguarded)
	require.Zero(t, s.count())
}

// TestS3NotUnderstood: operations and parameters that have no checks.
func TestS3NotUnderstood(t *testing.T) {
	s := newStore(t)
	c := s.buckets(newGuard(t, nil), pathStyle)
	all := engine.WithCaller(t.Context(), newCaller(t, "ann", `{"Effect":"Allow","Action":"*","Resource":"*"}`))
	_, err := c.GetBucketPolicy(all, &s3.GetBucketPolicyInput{Bucket: photos})
	require.ErrorIs(t, err, s3object.ErrUnsupported)
	_, err = c.PutObject(all, &s3.PutObjectInput{Bucket: photos, Key: aws.String("a"), ObjectLockMode: types.ObjectLockModeCompliance})
	require.ErrorIs(t, err, s3object.ErrUnsupported)
	require.Zero(t, s.count())
	_, err = c.ListBuckets(all, &s3.ListBucketsInput{})
	require.NoError(t, err)
}

// TestS3Unknown: how a request is sent is not known when it is decided.
func TestS3Unknown(t *testing.T) {
	s := newStore(t)
	c := s.buckets(newGuard(t, nil), pathStyle)
	get := func(statements string) error {
		_, err := c.GetObject(engine.WithCaller(t.Context(), newCaller(t, "ann", statements)), &s3.GetObjectInput{Bucket: photos, Key: aws.String("a")})
		return err
	}
	all := `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	require.NoError(t, get(all))
	requireDenied(t, get(all+`,{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-content-sha256":"UNSIGNED-PAYLOAD"}}}`))
	requireDenied(t, get(all+`,{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}}`))
}
