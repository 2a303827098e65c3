package sigv4_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// vector is a case of testdata/sigv4.
type vector struct {
	Name                                                  string
	AccessKeyID, Secret, Token, Date, Region, Service     string
	Style, Method, Host, Target, Body                     string
	Headers                                               [][2]string
	SignedHeaders, Signature, Seed                        string
	Presigned                                             bool
	CanonicalPath, CanonicalQuery, CanonicalRequestSHA256 string
	Want                                                  string
	Chunks                                                []vectorChunk
	Trailers                                              [][2]string
	TrailerSignature                                      string
	SigningKey                                            string
}

type vectorChunk struct {
	Data      string
	Length    int
	Signature string
}

func vectors(t *testing.T, file string) []vector {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "testdata", "sigv4", file))
	require.NoError(t, err)
	var doc struct{ Cases []vector }
	require.NoError(t, json.Unmarshal(src, &doc))
	require.NotEmpty(t, doc.Cases)
	return doc.Cases
}

func (c *vector) message() *message {
	m := &message{
		method: c.Method, target: c.Target, host: c.Host, headers: c.Headers, body: c.Body,
		accessKey: c.AccessKeyID, secret: c.Secret, date: c.Date, region: c.Region, service: c.Service,
		signed: strings.Split(c.SignedHeaders, ";"), put: c.Signature + c.Seed, s3: c.Style == "s3" || c.Service == "s3",
	}
	if c.Presigned {
		m.target += "&X-Amz-Signature=" + c.Signature
	}
	return m
}

func (c *vector) verifier(t *testing.T) *sigv4.Verifier {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", c.Date)
	require.NoError(t, err)
	return newVerifier(t, func(o *sigv4.Options) {
		o.Services, o.REST, o.S3 = []string{c.Service}, c.Style == "rest", c.Service == "s3"
		o.Now = func() time.Time { return at }
		o.Lookup = func(_ context.Context, id, tok string) (sigv4.Credential, error) {
			if id != c.AccessKeyID || tok != c.Token {
				return sigv4.Credential{}, fmt.Errorf("key %s, token %s: %w", id, tok, sigv4.ErrUnknownKey)
			}
			return sigv4.Credential{Secret: []byte(c.Secret)}, nil
		}
	})
}

func (c *vector) request() *http.Request {
	if c.Presigned {
		return c.message().request()
	}
	return c.message().headerForm()
}

// TestVectors verifies what botocore and aws-sdk-go-v2 sign, and refuses it
// with a digit of the signature changed. Source: identity-protocol §A.3.
func TestVectors(t *testing.T) {
	for _, c := range vectors(t, "requests.json") {
		t.Run(c.Name, func(t *testing.T) {
			v := c.verifier(t)
			if c.Want != "" {
				require.Equal(t, "Malformed", c.Want)
				requireRefused(t, sigv4.Malformed, v, c.request())
				return
			}
			verified := requireVerified(t, v, c.request())
			require.Equal(t, c.AccessKeyID, verified.AccessKeyID)
			require.Equal(t, c.Body, string(verified.Body))
			require.Equal(t, c.Presigned, verified.Presigned)
			digit := "0"
			if c.Signature[0] == '0' {
				digit = "1"
			}
			c.Signature = digit + c.Signature[1:]
			requireRefused(t, sigv4.Mismatch, v, c.request())
		})
	}
}

// TestReferenceSigner holds the signer of these tests to the same vectors, so
// that a test against it is one against the SDKs.
func TestReferenceSigner(t *testing.T) {
	for _, c := range vectors(t, "requests.json") {
		m := c.message()
		m.put = ""
		lines := strings.Split(m.canonical(), "\n")
		if strings.Contains(c.Name, "botocore") {
			continue // it cleans paths, which the verifier refuses
		}
		require.Equal(t, c.Signature, m.signature(), c.Name)
		if c.CanonicalPath != "" {
			require.Equal(t, c.CanonicalPath, lines[1], c.Name)
		}
		if c.CanonicalQuery != "" {
			require.Equal(t, c.CanonicalQuery, lines[2], c.Name)
		}
		if c.CanonicalRequestSHA256 != "" {
			require.Equal(t, c.CanonicalRequestSHA256, hexSum(m.canonical()))
		}
	}
}

// stream returns the body of the case, as it goes over the wire.
func (c *vector) stream() string {
	var b strings.Builder
	for _, chunk := range c.Chunks {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n", chunk.Length, chunk.Signature)
		if chunk.Length > 0 {
			b.WriteString(strings.Repeat(chunk.Data, chunk.Length) + "\r\n")
		}
	}
	for _, trailer := range c.Trailers {
		b.WriteString(trailer[0] + ":" + trailer[1] + "\r\n")
	}
	if c.TrailerSignature != "" {
		b.WriteString("x-amz-trailer-signature:" + c.TrailerSignature + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// TestStreamingVectors reads bodies of the S3 documentation. Source:
// identity-protocol §A.3.
func TestStreamingVectors(t *testing.T) {
	for _, c := range vectors(t, "streaming.json") {
		t.Run(c.Name, func(t *testing.T) {
			c.Body = c.stream()
			r := c.request()
			requireVerified(t, c.verifier(t), r)
			require.EqualValues(t, 66560, r.ContentLength)
			require.Empty(t, r.Header["Content-Encoding"])
			got, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, strings.Repeat("a", 66560), string(got))
			for _, trailer := range c.Trailers {
				require.Equal(t, trailer[1], r.Trailer.Get(trailer[0]))
			}
		})
	}
}
