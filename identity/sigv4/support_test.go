package sigv4_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

const (
	accessKey = "AKIDEXAMPLE"
	secret    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	token     = "SESSION/TOKEN=="
)

var clock = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// lookup knows the access key without a token, and with token.
func lookup(_ context.Context, id, tok string) (sigv4.Credential, error) {
	switch {
	case tok != "" && tok != token:
		return sigv4.Credential{}, sigv4.ErrBadToken
	case id == accessKey || id == "ASIAEXAMPLE" || id == "AKIAEXAMPLE":
		return sigv4.Credential{Secret: []byte(secret), Value: "value of " + id}, nil
	}
	return sigv4.Credential{}, sigv4.ErrUnknownKey
}

// restService and s3Service are the styles of service beside the JSON one.
func restService(o *sigv4.Options) { o.Services, o.REST = []string{"execute-api"}, true }

func s3Service(o *sigv4.Options) {
	o.Services, o.S3 = []string{"s3"}, true
	o.TLS = func(*http.Request) bool { return true }
}

func newVerifier(t testing.TB, with ...func(*sigv4.Options)) *sigv4.Verifier {
	t.Helper()
	o := sigv4.Options{
		Region: "us-east-1", Services: []string{"cognito-identity"},
		Now: func() time.Time { return clock }, Lookup: lookup,
	}
	for _, f := range with {
		f(&o)
	}
	v, err := sigv4.New(o)
	require.NoError(t, err)
	return v
}

// message is a request as it goes over the wire, and how it is signed. The
// signer below is written from the specification alone and shares nothing with
// the verifier.
type message struct {
	method, target, host string
	headers              [][2]string
	body                 string
	accessKey, secret    string
	date                 string
	region, service      string
	signed               []string // names of signed headers; nil: all headers and host
	payload              string   // PayloadHash, if it is not that of body
	s3                   bool
	// put forces the signature; extra goes after the headers, unsigned.
	put string
}

func sign(secret, date, region, service, text string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// uriEncode is UriEncode of the S3 API reference.
func uriEncode(s string, slash bool) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0, c == '/' && !slash:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func (m *message) canonical() string {
	path, raw, _ := strings.Cut(m.target, "?")
	if m.s3 {
		path, _ = url.PathUnescape(path)
	}
	var query [][2]string
	for _, pair := range strings.Split(raw, "&") {
		k, v, _ := strings.Cut(pair, "=")
		k, _ = url.QueryUnescape(k)
		v, _ = url.QueryUnescape(v)
		if k != "" && k != "X-Amz-Signature" {
			query = append(query, [2]string{uriEncode(k, true), uriEncode(v, true)})
		}
	}
	sort.Slice(query, func(i, j int) bool {
		return query[i][0] < query[j][0] || query[i][0] == query[j][0] && query[i][1] < query[j][1]
	})
	var pairs []string
	for _, p := range query {
		pairs = append(pairs, p[0]+"="+p[1])
	}
	var headers strings.Builder
	for _, name := range m.signedHeaders() {
		fmt.Fprintf(&headers, "%s:%s\n", name, m.value(name))
	}
	payload := m.payload
	if payload == "" {
		payload = hexSum(m.body)
	}
	return strings.Join([]string{
		m.method, uriEncode(path, false), strings.Join(pairs, "&"),
		headers.String(), strings.Join(m.signedHeaders(), ";"), payload,
	}, "\n")
}

func (m *message) signedHeaders() []string {
	if m.signed != nil {
		return m.signed
	}
	names := map[string]bool{"host": true}
	for _, h := range m.headers {
		names[strings.ToLower(h[0])] = true
	}
	var out []string
	for name := range names {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func (m *message) value(name string) string {
	switch name {
	case "host":
		return m.host
	case "content-length":
		return fmt.Sprint(len(m.body))
	}
	var lines []string
	for _, h := range m.headers {
		if strings.EqualFold(h[0], name) {
			lines = append(lines, strings.Join(strings.FieldsFunc(h[1], func(r rune) bool { return r == ' ' }), " "))
		}
	}
	return strings.Join(lines, ",")
}

func (m *message) scope() string {
	return strings.Join([]string{m.date[:8], m.region, m.service, "aws4_request"}, "/")
}

func (m *message) signature() string {
	if m.put != "" {
		return m.put
	}
	text := strings.Join([]string{"AWS4-HMAC-SHA256", m.date, m.scope(), hexSum(m.canonical())}, "\n")
	return sign(m.secret, m.date[:8], m.region, m.service, text)
}

// headerForm returns the request with an Authorization header.
func (m *message) headerForm() *http.Request {
	r := m.request()
	r.Header.Add("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		m.accessKey, m.scope(), strings.Join(m.signedHeaders(), ";"), m.signature()))
	return r
}

// presign adds the query form to the target, and the signature at its end.
func (m *message) presign(expires, tok string) *message {
	signed := m.clone()
	q := []string{
		"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=" + url.QueryEscape(m.accessKey+"/"+m.scope()),
		"X-Amz-Date=" + m.date, "X-Amz-Expires=" + expires,
		"X-Amz-SignedHeaders=" + url.QueryEscape(strings.Join(m.signedHeaders(), ";")),
	}
	if tok != "" {
		q = append(q, "X-Amz-Security-Token="+url.QueryEscape(tok))
	}
	separator := "?"
	if strings.Contains(m.target, "?") {
		separator = "&"
	}
	signed.target += separator + strings.Join(q, "&")
	signed.target += "&X-Amz-Signature=" + signed.signature()
	return signed
}

func (m *message) clone() *message {
	c := *m
	c.headers = append([][2]string(nil), m.headers...)
	return &c
}

// request is what net/http's server would deliver, unsigned.
func (m *message) request() *http.Request {
	path, query, _ := strings.Cut(m.target, "?")
	r := &http.Request{
		Method: m.method, RequestURI: m.target, URL: &url.URL{Opaque: path, RawQuery: query},
		Host: m.host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, RemoteAddr: "192.0.2.7:4711",
	}
	for _, h := range m.headers {
		r.Header.Add(h[0], h[1])
	}
	if m.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(m.body)), int64(len(m.body))
	}
	return r
}

// call is a signed request of a JSON service.
func call() *message {
	return &message{
		method: "POST", target: "/", host: "cognito-identity.us-east-1.example.com",
		headers: [][2]string{
			{"Content-Type", "application/x-amz-json-1.1"},
			{"X-Amz-Date", stamp(clock)},
			{"X-Amz-Target", "AWSCognitoIdentityService.ListIdentityPools"},
		},
		body: `{"MaxResults":10}`, accessKey: accessKey, secret: secret,
		date: stamp(clock), region: "us-east-1", service: "cognito-identity",
	}
}

// get is a request of a REST service, and object one of S3.
func get(target string) *message {
	return &message{
		method: "GET", target: target, host: "api.example.com",
		headers:   [][2]string{{"X-Amz-Date", stamp(clock)}},
		accessKey: accessKey, secret: secret,
		date: stamp(clock), region: "us-east-1", service: "execute-api",
	}
}

func object(method, target, body string) *message {
	return &message{
		method: method, target: target, host: "s3.example.com",
		headers:   [][2]string{{"X-Amz-Content-Sha256", hexSum(body)}, {"X-Amz-Date", stamp(clock)}},
		body:      body,
		accessKey: accessKey, secret: secret, s3: true,
		date: stamp(clock), region: "us-east-1", service: "s3",
	}
}

// set replaces a header, or adds it.
func (m *message) set(name, value string) *message {
	for i := range m.headers {
		if strings.EqualFold(m.headers[i][0], name) {
			m.headers[i][1] = value
			return m
		}
	}
	m.headers = append(m.headers, [2]string{name, value})
	return m
}

func (m *message) at(t time.Time) *message {
	m.date = stamp(t)
	return m.set("X-Amz-Date", m.date)
}

// requireKind is for what Verify, or the body of a request, returned.
func requireKind(t testing.TB, want sigv4.Kind, err error) {
	t.Helper()
	var e *sigv4.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Kind, "%s", e.Message)
	require.False(t, errors.Is(err, io.EOF))
}

func requireRefused(t testing.TB, want sigv4.Kind, v *sigv4.Verifier, r *http.Request) {
	t.Helper()
	verified, err := v.Verify(r)
	requireKind(t, want, err)
	require.Nil(t, verified)
}

func requireVerified(t testing.TB, v *sigv4.Verifier, r *http.Request) *sigv4.Verified {
	t.Helper()
	verified, err := v.Verify(r)
	require.NoError(t, err)
	return verified
}
