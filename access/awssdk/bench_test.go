package awssdk_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/access/awssdk"
	"github.com/rowan-authz/rowan/engine"
)

// sender is an HTTP client that sends nothing.
type sender func(*http.Request) string

// Do answers.
func (s sender) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s(r))), Request: r}, nil
}

// BenchmarkQuery is a call of an SDK without a network, without and with the
// guard.
func BenchmarkQuery(b *testing.B) {
	cfg := aws.Config{Region: "us-east-1", Credentials: static, HTTPClient: sender(func(*http.Request) string { return `{"Items":[],"Count":0}` })}
	for name, c := range map[string]*dynamodb.Client{
		"plain": dynamodb.NewFromConfig(cfg), "guarded": dynamodb.NewFromConfig(cfg, newGuard(b, nil).DynamoDB),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx, in := as(b, "ann"), query("ann")
			for b.Loop() {
				if _, err := c.Query(ctx, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzNamesOfObjects: what is decided is the object that a store takes the
// request for.
func FuzzNamesOfObjects(f *testing.F) {
	for _, name := range []string{"a", "photos/a", "/", "//a/", "../b", "%2F", "a?b=c#d", "é", "\xff", "a\x00b", "*", " ", "a+b", strings.Repeat("/", 1024)} {
		f.Add(name)
	}
	all := newCaller(f, "ann", `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	var asked, path string
	send := sender(func(r *http.Request) string {
		path, _, _ = strings.Cut(r.URL.RequestURI(), "?")
		return ""
	})
	g := newGuard(f, func(o *awssdk.Options) {
		o.Resource = func(arn string) (*engine.Set, error) {
			asked = arn
			return nil, nil
		}
	})
	cfg := aws.Config{Region: "us-east-1", Credentials: static, HTTPClient: send}
	clients := map[string]*s3.Client{"/photos/": s3.NewFromConfig(cfg, pathStyle, g.S3), "/": s3.NewFromConfig(cfg, virtualHost, g.S3)}
	f.Fuzz(func(t *testing.T, name string) {
		for prefix, c := range clients {
			asked, path = "", ""
			_, err := c.GetObject(engine.WithCaller(t.Context(), all), &s3.GetObjectInput{Bucket: photos, Key: &name})
			if err != nil {
				require.Empty(t, path, "it arrived")
				require.True(t, name == "" || len(name) > 1024 || !utf8.ValidString(name), "%q: %v", name, err)
				continue
			}
			require.Equal(t, "arn:aws:s3:::photos/"+name, asked)
			sent, err := url.PathUnescape(path)
			require.NoError(t, err)
			require.Equal(t, prefix+name, sent)
		}
	})
}
