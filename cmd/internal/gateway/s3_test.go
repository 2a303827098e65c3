package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/gateway"
	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

const account = "111122223333"

// vault lets each user reach what is filed under their name, and read what is
// public.
const vault = `
inline:
  Own:
    Version: 2012-10-17
    Statement:
      - {Sid: List, Effect: Allow, Action: [s3:ListBucket, s3:ListBucketVersions], Resource: "arn:aws:s3:::vault", Condition: {StringLike: {s3:prefix: ["${aws:username}/*", "public/*"]}}}
      - {Sid: Own, Effect: Allow, Action: [s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts], Resource: "arn:aws:s3:::vault/${aws:username}/*"}
      - {Sid: Public, Effect: Allow, Action: s3:GetObject, Resource: "arn:aws:s3:::vault/public/*"}
      - {Sid: NoArchive, Effect: Deny, Action: s3:PutObject, Resource: "*", Condition: {StringEquals: {s3:x-amz-storage-class: GLACIER}}}
`

var keys = map[string]string{"ann": "AKIAANN0000000000001", "bob": "AKIABOB0000000000001"}

func secretOf(user string) string { return user + "-secret-" + user + "-secret-000000000000" }

// options are those of a gateway whose users are administrators of a bundle.
func options(t testing.TB, policies string, more map[string]string, upstream gateway.Upstream) gateway.Options {
	t.Helper()
	fsys := fstest.MapFS{"rowan.yaml": {Data: []byte("account: \"" + account + "\"\nregion: us-east-1\n")}}
	secrets := map[string]identity.Secret{}
	for user, key := range keys {
		fsys["administrators/"+user+".yaml"] = &fstest.MapFile{Data: []byte("accessKeys: [" + key + "]\n" + policies)}
		secrets[key] = identity.NewSecret([]byte(secretOf(user)))
	}
	for name, text := range more {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(fsys, "test", conditions.AWS())
	require.NoError(t, err)
	a, err := b.IdentityAccount()
	require.NoError(t, err)
	c, err := httpauth.NewCredentials(httpauth.CredentialsOptions{Account: a, Secrets: secrets})
	require.NoError(t, err)
	d := server.Deployment{Bundle: b, Account: a, Credentials: c}
	return gateway.Options{
		Current: func() *server.Deployment { return &d }, Upstream: upstream, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
}

func s3Upstream(url string) gateway.Upstream {
	return gateway.Upstream{
		URL: url, Region: needs.VersityRegion, AccessKeyID: needs.VersityKey, Secret: identity.NewSecret([]byte(needs.VersitySecret)),
	}
}

// s3Client is an unmodified client of a server.
func s3Client(url, key, secret string, more ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &url, Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		// As configuration that is loaded has it.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	}, more...)
}

// storage is a real S3 server with a bucket behind a gateway, and clients of
// both.
type storage struct {
	root  *s3.Client
	url   string
	front *httptest.Server
}

func newStorage(t testing.TB, change func(*gateway.Options)) *storage {
	t.Helper()
	upstream := needs.VersityGW(t)
	s := &storage{root: s3Client(upstream, needs.VersityKey, needs.VersitySecret)}
	_, err := s.root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("vault")})
	require.NoError(t, err)
	o := options(t, vault, nil, s3Upstream(upstream))
	if change != nil {
		change(&o)
	}
	h, err := gateway.NewS3(o)
	require.NoError(t, err)
	// Over TLS clients send bodies in chunks with a checksum behind them.
	s.front = httptest.NewTLSServer(h)
	t.Cleanup(s.front.Close)
	s.url = s.front.URL
	return s
}

func (s *storage) as(user string, more ...func(*s3.Options)) *s3.Client {
	here := func(o *s3.Options) { o.HTTPClient = s.front.Client() }
	return s3Client(s.url, keys[user], secretOf(user), append([]func(*s3.Options){here}, more...)...)
}

func (s *storage) fetch(t testing.TB, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := s.front.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

// requireCode wants an error of the API with a code.
func requireCode(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), "%v", err)
}

func put(key, body string) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: aws.String("vault"), Key: &key, Body: strings.NewReader(body)}
}

func get(key string) *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: aws.String("vault"), Key: &key}
}

func TestS3(t *testing.T) {
	s := newStorage(t, nil)
	ctx := t.Context()
	ann, bob := s.as("ann"), s.as("bob")

	t.Run("own objects", func(t *testing.T) {
		_, err := ann.PutObject(ctx, put("ann/a b+c%2F~(é).txt", "hello"))
		require.NoError(t, err)
		got, err := ann.GetObject(ctx, get("ann/a b+c%2F~(é).txt"))
		require.NoError(t, err)
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(text))
		head, err := ann.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("vault"), Key: aws.String("ann/a b+c%2F~(é).txt")})
		require.NoError(t, err)
		require.EqualValues(t, 5, *head.ContentLength)
		ranged := get("ann/a b+c%2F~(é).txt")
		ranged.Range = aws.String("bytes=1-2")
		part, err := ann.GetObject(ctx, ranged)
		require.NoError(t, err)
		text, err = io.ReadAll(part.Body)
		require.NoError(t, err)
		require.Equal(t, "el", string(text))
	})
	t.Run("objects of others", func(t *testing.T) {
		_, err := bob.GetObject(ctx, get("ann/a b+c%2F~(é).txt"))
		requireCode(t, err, "AccessDenied")
		_, err = bob.PutObject(ctx, put("ann/x", "evil"))
		requireCode(t, err, "AccessDenied")
		_, err = bob.PutObject(ctx, put("ann", "evil"))
		requireCode(t, err, "AccessDenied")
		_, err = bob.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("vault"), Key: aws.String("ann/a b+c%2F~(é).txt")})
		requireCode(t, err, "AccessDenied")
		_, err = s.root.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("vault"), Key: aws.String("ann/x")})
		require.Error(t, err, "nothing was stored")
		_, err = bob.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("vault"), Key: aws.String("ann/x")})
		require.ErrorContains(t, err, "403")
	})
	t.Run("public objects", func(t *testing.T) {
		_, err := s.root.PutObject(ctx, put("public/news", "all"))
		require.NoError(t, err)
		_, err = bob.GetObject(ctx, get("public/news"))
		require.NoError(t, err)
		_, err = bob.PutObject(ctx, put("public/news", "mine"))
		requireCode(t, err, "AccessDenied")
	})
	t.Run("listings", func(t *testing.T) {
		own, err := ann.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("vault"), Prefix: aws.String("ann/")})
		require.NoError(t, err)
		require.Len(t, own.Contents, 1)
		for _, prefix := range []*string{nil, aws.String(""), aws.String("ann"), aws.String("an"), aws.String("bob/")} {
			_, err := ann.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("vault"), Prefix: prefix})
			requireCode(t, err, "AccessDenied")
		}
		_, err = ann.ListBuckets(ctx, nil)
		requireCode(t, err, "AccessDenied")
	})
	t.Run("copies", func(t *testing.T) {
		copies := func(c *s3.Client, from, to string) error {
			_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("vault"), Key: &to, CopySource: aws.String("vault/" + from)})
			return err
		}
		require.NoError(t, copies(bob, "public/news", "bob/news"))
		requireCode(t, copies(bob, "ann/a%20b%2Bc%252F~(%C3%A9).txt", "bob/stolen"), "AccessDenied")
		requireCode(t, copies(bob, "public/news", "ann/news"), "AccessDenied")
	})
	t.Run("several deletions", func(t *testing.T) {
		_, err := bob.PutObject(ctx, put("bob/1", "x"))
		require.NoError(t, err)
		ids := []types.ObjectIdentifier{{Key: aws.String("bob/1")}, {Key: aws.String("public/news")}, {Key: aws.String("ann/a b+c%2F~(é).txt")}}
		out, err := bob.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("vault"), Delete: &types.Delete{Objects: ids}})
		require.NoError(t, err)
		require.Len(t, out.Deleted, 1)
		require.Equal(t, "bob/1", *out.Deleted[0].Key)
		require.Len(t, out.Errors, 2)
		require.Equal(t, "AccessDenied", *out.Errors[0].Code)
		_, err = ann.GetObject(ctx, get("ann/a b+c%2F~(é).txt"))
		require.NoError(t, err)
		out, err = bob.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("vault"), Delete: &types.Delete{Objects: ids[1:]}})
		require.NoError(t, err)
		require.Empty(t, out.Deleted)
		require.Len(t, out.Errors, 2)
	})
	t.Run("multipart uploads", func(t *testing.T) {
		key := aws.String("ann/large")
		begun, err := ann.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("vault"), Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		require.NoError(t, err)
		part := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
		var done []types.CompletedPart
		for i := range int32(2) {
			n := aws.Int32(i + 1)
			up, err := ann.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("vault"), Key: key, UploadId: begun.UploadId, PartNumber: n, Body: bytes.NewReader(part), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
			require.NoError(t, err)
			require.NotEmpty(t, up.ChecksumCRC32, "the upstream has the checksum")
			done = append(done, types.CompletedPart{ETag: up.ETag, PartNumber: n, ChecksumCRC32: up.ChecksumCRC32})
		}
		_, err = bob.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("vault"), Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(3), Body: strings.NewReader("small")})
		requireCode(t, err, "AccessDenied")
		_, err = ann.ListParts(ctx, &s3.ListPartsInput{Bucket: aws.String("vault"), Key: key, UploadId: begun.UploadId})
		require.NoError(t, err)
		_, err = ann.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String("vault"), Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
		require.NoError(t, err)
		got, err := ann.GetObject(ctx, get("ann/large"))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, got.Body)
		require.NoError(t, err)
		require.EqualValues(t, 2*len(part), n)
		aborted, err := ann.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("vault"), Key: key})
		require.NoError(t, err)
		_, err = ann.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String("vault"), Key: key, UploadId: aborted.UploadId})
		require.NoError(t, err)
	})
	t.Run("conditions on headers", func(t *testing.T) {
		in := put("ann/cold", "x")
		in.StorageClass = types.StorageClassGlacier
		_, err := ann.PutObject(ctx, in)
		requireCode(t, err, "AccessDenied")
		in = put("ann/open", "x")
		in.ACL = types.ObjectCannedACLPublicRead
		_, err = ann.PutObject(ctx, in)
		requireCode(t, err, "AccessDenied") // s3:PutObjectAcl is not granted
	})
	t.Run("presigned", func(t *testing.T) {
		signer := s3.NewPresignClient(ann)
		signed, err := signer.PresignGetObject(ctx, get("ann/large"), s3.WithPresignExpires(time.Minute))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, s.fetch(t, signed.URL))
		require.Equal(t, http.StatusForbidden, s.fetch(t, strings.Replace(signed.URL, "/ann/large", "/ann/largf", 1)))
		foreign, err := s3.NewPresignClient(bob).PresignGetObject(ctx, get("ann/large"))
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, s.fetch(t, foreign.URL))
	})
	t.Run("a wrong secret, and nobody", func(t *testing.T) {
		_, err := s3Client(s.url, keys["ann"], secretOf("bob"), func(o *s3.Options) { o.HTTPClient = s.front.Client() }).GetObject(ctx, get("ann/large"))
		requireCode(t, err, "SignatureDoesNotMatch")
		require.Equal(t, http.StatusForbidden, s.fetch(t, s.url+"/vault/public/news"))
	})
	t.Run("what is not known", func(t *testing.T) {
		_, err := ann.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("vault")})
		requireCode(t, err, "NotImplemented")
		_, err = ann.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("other")})
		requireCode(t, err, "NotImplemented")
	})
}

// A bucket may stand in the host.
func TestS3VirtualHosts(t *testing.T) {
	s := newStorage(t, func(o *gateway.Options) { o.Hosts = []string{"s3.rowan.test"} })
	client := s.as("ann", func(o *s3.Options) {
		o.UsePathStyle = false
		o.BaseEndpoint = aws.String("https://s3.rowan.test")
		o.HTTPClient = &http.Client{Transport: s.dialing()}
	})
	_, err := client.PutObject(t.Context(), put("ann/x", "hello"))
	require.NoError(t, err)
	_, err = client.GetObject(t.Context(), get("ann/x"))
	require.NoError(t, err)
	_, err = client.GetObject(t.Context(), get("bob/x"))
	requireCode(t, err, "AccessDenied")
	_, err = s.as("ann").GetObject(t.Context(), get("ann/x"))
	require.Error(t, err, "a host that is not named")
}

// A denial explains itself only where that is asked for.
func TestS3Explains(t *testing.T) {
	s := newStorage(t, func(o *gateway.Options) { o.Explain = true })
	_, err := s.as("bob").GetObject(t.Context(), get("ann/x"))
	requireCode(t, err, "AccessDenied")
	require.ErrorContains(t, err, "arn:aws:s3:::vault/bob/*")
	quiet := newStorage(t, nil)
	_, err = quiet.as("bob").GetObject(t.Context(), get("ann/x"))
	requireCode(t, err, "AccessDenied")
	require.NotContains(t, err.Error(), "vault/bob")
}

// A body that is not the one that was signed must not become an object.
func TestS3BrokenBodies(t *testing.T) {
	s := newStorage(t, nil)
	for name, alter := range map[string]func([]byte) []byte{
		"as it is":          func(b []byte) []byte { return b },
		"a byte altered":    func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"the end cut off":   func(b []byte) []byte { return b[:len(b)-200] },
		"the trailer wrong": func(b []byte) []byte { b[len(b)-8] ^= 1; return b },
		"the trailer gone":  func(b []byte) []byte { return append(b[:bytes.LastIndex(b, []byte("x-amz-checksum"))], "\r\n"...) },
	} {
		t.Run(name, func(t *testing.T) {
			transport := &altering{alter: alter, next: s.front.Client().Transport}
			client := s.as("ann", func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: transport} })
			key := "ann/" + strings.ReplaceAll(name, " ", "-")
			_, err := client.PutObject(t.Context(), put(key, strings.Repeat("x", 300_000)))
			require.Equal(t, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", transport.payload)
			if name == "as it is" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			_, err = s.root.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("vault"), Key: &key})
			var notFound *types.NotFound
			require.ErrorAs(t, err, &notFound)
		})
	}
}

// altering changes the body of each request on its way.
type altering struct {
	alter   func([]byte) []byte
	next    http.RoundTripper
	payload string
}

// RoundTrip sends the request.
func (a *altering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return a.next.RoundTrip(r)
	}
	a.payload = r.Header.Get("X-Amz-Content-Sha256")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	body = a.alter(body)
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return a.next.RoundTrip(out)
}

// dialing sends every request to the gateway, whatever its host.
func (s *storage) dialing() *http.Transport {
	t := s.front.Client().Transport.(*http.Transport).Clone()
	t.TLSClientConfig.ServerName = "example.com" // the certificate's
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.front.Listener.Addr().String())
	}
	return t
}

// Bodies are not signed towards an upstream, so nobody may stand between.
func TestS3RefusesUpstreamsInTheClear(t *testing.T) {
	for _, url := range []string{"http://s3.example.com", "ftp://127.0.0.1", "https://u:p@s3.example.com", "https://s3.example.com/path", ""} {
		_, err := gateway.NewS3(options(t, vault, nil, s3Upstream(url)))
		require.Error(t, err, url)
	}
	o := options(t, vault, nil, s3Upstream("http://127.0.0.1:1"))
	_, err := gateway.NewS3(o)
	require.NoError(t, err)
	o.Upstream.Secret = identity.Secret{}
	_, err = gateway.NewS3(o)
	require.Error(t, err)
}

// What the upstream sees is the gateway's, and nothing of the client's.
func TestS3ForwardsWithCredentialsOfItsOwn(t *testing.T) {
	var seen []*http.Request
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Clone(context.Background()))
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(upstream.Close)
	h, err := gateway.NewS3(options(t, vault, nil, s3Upstream(upstream.URL)))
	require.NoError(t, err)
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	_, err = s3Client(front.URL, keys["ann"], secretOf("ann")).GetObject(t.Context(), get("ann/x y"), s3.WithAPIOptions(
		addHeader("X-Auth-User", "root"), addHeader("X-Forwarded-For", "10.0.0.1"), addHeader("Cookie", "a=b")))
	require.NoError(t, err)
	require.Len(t, seen, 1)
	require.Contains(t, seen[0].Header.Get("Authorization"), "Credential="+needs.VersityKey+"/")
	require.Equal(t, "/vault/ann/x%20y", seen[0].URL.EscapedPath())
	for name, values := range seen[0].Header {
		require.NotContains(t, fmt.Sprint(values), keys["ann"], name)
	}
	for _, name := range []string{"X-Auth-User", "X-Forwarded-For", "Cookie", "X-Amz-Security-Token"} {
		require.Empty(t, seen[0].Header.Get(name), name)
	}
}
