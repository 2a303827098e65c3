package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

const (
	bucketKey    = "AKIAIOSFODNN7EXAMPLE"
	temporaryKey = "ASIAIOSFODNN7EXAMPLE"
	bucketSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// bucket is a store of objects that knows no more of S3 than its signatures.
type bucket struct {
	verifier *sigv4.Verifier
	objects  map[string][]byte
	sums     []string // x-amz-content-sha256 of what was put
	coding   string   // Content-Encoding as the handler sees it
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum := r.Header.Get("X-Amz-Content-Sha256")
	_, err := b.verifier.Verify(r)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(r.Body)
	}
	var refusal *sigv4.Error
	if errors.As(err, &refusal) {
		status, code := refusal.S3()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+refusal.Message+"</Message></Error>")
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	switch r.Method {
	case http.MethodPut:
		b.objects[r.URL.EscapedPath()] = body
		b.sums = append(b.sums, sum)
		b.coding = r.Header.Get("Content-Encoding")
	case http.MethodGet:
		_, _ = w.Write(b.objects[r.URL.EscapedPath()])
	}
}

func serveBucket(t *testing.T, tls bool) (*bucket, string, *http.Client) {
	t.Helper()
	v, err := sigv4.New(sigv4.Options{
		Region: region, Services: []string{"s3"}, S3: true, Now: time.Now,
		Lookup: func(_ context.Context, id, token string) (sigv4.Credential, error) {
			if id != bucketKey || token != "" {
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
			return sigv4.Credential{Secret: []byte(bucketSecret)}, nil
		},
	})
	require.NoError(t, err)
	b := &bucket{verifier: v, objects: map[string][]byte{}}
	web := httptest.NewUnstartedServer(b)
	if tls {
		web.StartTLS()
	} else {
		web.Start()
	}
	t.Cleanup(web.Close)
	return b, web.URL, web.Client()
}

func s3Client(url string, client *http.Client, change func(*s3.Options)) *s3.Client {
	o := s3.Options{
		Region: region, BaseEndpoint: aws.String(url), UsePathStyle: true, HTTPClient: client,
		Credentials: static(bucketKey, bucketSecret, ""), RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}
	if change != nil {
		change(&o)
	}
	return s3.New(o)
}

// keys are names of objects that are easily signed in another form than sent.
var objectKeys = []string{"plain", "a b+c", "a%20b", "ümlaut/日本", "dir//double", "../up", "q?x=1&y", "semi;colon=eq,comma", "~tilde*star(paren)'quote\"!$@:"}

func TestS3SignatureOfTheSDK(t *testing.T) {
	b, url, client := serveBucket(t, true)
	c := s3Client(url, client, nil)
	for _, key := range objectKeys {
		text := []byte("object " + key)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String(key), Body: bytes.NewReader(text)})
		require.NoError(t, err, key)
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String(key)})
		require.NoError(t, err, key)
		got, err := io.ReadAll(out.Body)
		require.NoError(t, err)
		require.Equal(t, text, got, key)
	}
	require.Contains(t, b.sums, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "over TLS the SDK streams, with a checksum behind")
	require.Empty(t, b.coding, "aws-chunked is no property of the object")

	wrong := s3Client(url, client, func(o *s3.Options) { o.Credentials = static(bucketKey, bucketSecret+"x", "") })
	_, err := wrong.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("no"), Body: strings.NewReader("x")})
	requireAnswer(t, err, "SignatureDoesNotMatch", "")
	require.NotContains(t, b.objects, "/b/no")
}

func TestS3ChecksumsOfTheSDK(t *testing.T) {
	for _, algorithm := range []types.ChecksumAlgorithm{
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
	} {
		for _, tls := range []bool{true, false} {
			b, url, client := serveBucket(t, tls)
			text := bytes.Repeat([]byte("rowan "), 40_000) // several chunks
			_, err := s3Client(url, client, nil).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("b"), Key: aws.String("k"), Body: bytes.NewReader(text), ChecksumAlgorithm: algorithm,
			})
			require.NoError(t, err, "%s, TLS %v", algorithm, tls)
			require.Equal(t, text, b.objects["/b/k"])
		}
	}
}

// TestS3SignedBody covers what the SDK does without TLS: the body is hashed
// before it is sent.
func TestS3SignedBody(t *testing.T) {
	b, url, client := serveBucket(t, false)
	c := s3Client(url, client, func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("text")})
	require.NoError(t, err)
	sum := sha256.Sum256([]byte("text"))
	require.Equal(t, []string{hex.EncodeToString(sum[:])}, b.sums)
}

func TestS3Presigned(t *testing.T) {
	b, url, client := serveBucket(t, true)
	b.objects["/b/a%20b"] = []byte("object")
	p := s3.NewPresignClient(s3Client(url, client, nil))
	link, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("a b")}, s3.WithPresignExpires(time.Minute))
	require.NoError(t, err)
	w := get(t, client, link.URL)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.Equal(t, "object", string(text))
	require.Equal(t, http.StatusForbidden, get(t, client, strings.Replace(link.URL, "a%20b", "other", 1)).StatusCode)
	require.Equal(t, http.StatusForbidden, get(t, client, strings.Replace(link.URL, "X-Amz-Expires=60", "X-Amz-Expires=600", 1)).StatusCode)
}

// TestSTSPresigned is how a GetCallerIdentity travels as an address, which
// proves to others who made it.
func TestSTSPresigned(t *testing.T) {
	f := serveShop(t)
	_, c, err := f.exchange(rulesPool, nil)
	require.NoError(t, err)
	link, err := sts.NewPresignClient(f.sts(c)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{},
		sts.WithPresignClientFromClientOptions(sts.WithAPIOptions(smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))))
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), link.Method, link.URL, http.NoBody)
	require.NoError(t, err)
	for name, values := range link.SignedHeader {
		if name != "Host" {
			r.Header[name] = values
		}
	}
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Equal(t, http.StatusOK, w.StatusCode, "%s", text)
	require.Contains(t, string(text), assumed("Guest", poolSession))

	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=x", http.NoBody)
	require.NoError(t, err)
	w, err = http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err = io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Contains(t, string(text), "<Code>InvalidAction</Code>", "a token has no place in an address")
}

// TestSignerOfTheSDK compares with the signer itself, on requests that no
// client of a service makes.
func TestSignerOfTheSDK(t *testing.T) {
	v, err := sigv4.New(sigv4.Options{
		Region: region, Services: []string{"execute-api"}, REST: true, Now: time.Now,
		Lookup: func(_ context.Context, id, token string) (sigv4.Credential, error) {
			if id != temporaryKey || token != "TOK/EN==" {
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
			return sigv4.Credential{Secret: []byte(bucketSecret)}, nil
		},
	})
	require.NoError(t, err)
	credentials := aws.Credentials{AccessKeyID: temporaryKey, SecretAccessKey: bucketSecret, SessionToken: "TOK/EN=="}
	for _, target := range []string{
		"/", "/prod/a%20b/c%2Fd", "/p?b=2&a=1", "/p?a=a-b&a=a%2Fb&B=&b=2", "/p?q=%20%2B%2A~", "/%E2%82%AC?k=%E2%82%AC",
	} {
		for _, body := range []string{"", `{"a":1}`} {
			send := func(change func(*http.Request)) error {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example.com"+target, strings.NewReader(body))
				require.NoError(t, err)
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("My-Header1", "  a   b  c  ")
				sum := sha256.Sum256([]byte(body))
				require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "execute-api", region, time.Now()))
				arrived := httptest.NewRequestWithContext(t.Context(), r.Method, target, strings.NewReader(body))
				arrived.Host, arrived.Header = "api.example.com", r.Header.Clone()
				change(arrived)
				_, err = v.Verify(arrived)
				return err
			}
			require.NoError(t, send(func(*http.Request) {}), target)
			require.Error(t, send(func(r *http.Request) { r.Method = http.MethodPut }), target)
			require.Error(t, send(func(r *http.Request) { r.Host = "other.example.com" }), target)
			require.Error(t, send(func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "TOK/EN=") }), target)
			require.Error(t, send(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body + " ")) }), target)
		}
	}
}
