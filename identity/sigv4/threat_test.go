package sigv4_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

// The tests of this file are the threats of identity-protocol §6.4.

// TestThreatUnsignedAmzHeader adds and replaces headers after signing.
func TestThreatUnsignedAmzHeader(t *testing.T) {
	v := newVerifier(t)
	requireVerified(t, v, call().headerForm())
	for _, name := range []string{"X-Amz-Meta-Owner", "x-amz-acl", "X-AMZ-Copy-Source", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		r := call().headerForm()
		r.Header[name] = []string{"added"}
		verified, err := v.Verify(r)
		require.Error(t, err, name)
		require.Nil(t, verified)
	}
	for _, h := range call().headers {
		r := call().headerForm()
		r.Header.Set(h[0], h[1]+"x")
		_, err := v.Verify(r)
		require.Error(t, err, h[0])

		r = call().headerForm()
		r.Header.Del(h[0])
		_, err = v.Verify(r)
		require.Error(t, err, h[0])
	}
	// The signature is right and does not cover the target.
	m := call()
	m.signed = []string{"content-type", "host", "x-amz-date"}
	requireRefused(t, sigv4.NotSigned, v, m.headerForm())
	m.signed = []string{"host", "x-amz-date", "x-amz-target"}
	requireRefused(t, sigv4.NotSigned, v, m.headerForm())
	m.signed = []string{"content-type", "x-amz-date", "x-amz-target"}
	requireRefused(t, sigv4.NotSigned, v, m.headerForm())
	// What clients never sign may be there.
	r := call().headerForm()
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.0")
	r.Header.Set("X-Amzn-Trace-Id", "Root=1-2-3")
	r.Header.Set("Amz-Sdk-Invocation-Id", "1")
	requireVerified(t, v, r)
	m = call()
	m.set("Amz-Sdk-Invocation-Id", "1").set("Amz-Sdk-Request", "attempt=1; max=3").set("Accept-Encoding", "identity")
	m.signed = []string{"accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "content-length", "content-type", "host", "x-amz-date", "x-amz-target"}
	requireVerified(t, v, m.headerForm())
}

// TestThreatSignedHeadersGrammar sends lists that are wrong with a signature
// that is right.
func TestThreatSignedHeadersGrammar(t *testing.T) {
	v := newVerifier(t)
	for name, list := range map[string]string{
		"empty":        "",
		"absent":       "content-type;host;x-absent;x-amz-date;x-amz-target",
		"repeated":     "content-type;host;host;x-amz-date;x-amz-target",
		"unsorted":     "host;content-type;x-amz-date;x-amz-target",
		"upper case":   "Content-Type;host;x-amz-date;x-amz-target",
		"empty name":   ";content-type;host;x-amz-date;x-amz-target",
		"ends empty":   "content-type;host;x-amz-date;x-amz-target;",
		"with a space": "content-type;host; x-amz-date;x-amz-target",
		"with a colon": "content-type;host:;x-amz-date;x-amz-target",
		"long name":    "content-type;host;x-amz-date;x-amz-target;z" + strings.Repeat("z", 200),
		"many names":   "content-type;host;x-amz-date;x-amz-target" + manyNames(200),
	} {
		m := call()
		m.signed = strings.Split(list, ";")
		for _, h := range m.signed {
			if strings.HasPrefix(h, "y") {
				m.set(h, "v")
			}
		}
		requireRefused(t, sigv4.Malformed, v, m.headerForm())
		presigned := get("/")
		presigned.headers, presigned.signed = nil, m.signed
		_, err := newVerifier(t, restService).Verify(presigned.presign("60", "").request())
		requireKind(t, sigv4.Malformed, err)
		require.NotEmpty(t, name)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";y%04d", i)
	}
	return b.String()
}

// TestThreatHostMismatch sends a request to another host, and in absolute form.
func TestThreatHostMismatch(t *testing.T) {
	v := newVerifier(t)
	r := call().headerForm()
	r.Host = "other.example.com"
	requireRefused(t, sigv4.Mismatch, v, r)

	for _, target := range []string{"http://cognito-identity.us-east-1.example.com/", "*", "", "cognito-identity:443"} {
		r = call().headerForm()
		r.RequestURI = target
		requireRefused(t, sigv4.Malformed, v, r)
	}
	r = call().headerForm()
	r.Host = ""
	requireRefused(t, sigv4.Malformed, v, r)

	named := newVerifier(t, func(o *sigv4.Options) { o.Hosts = []string{call().host} })
	requireVerified(t, named, call().headerForm())
	m := call()
	m.host = "other.example.com"
	requireRefused(t, sigv4.WrongScope, named, m.headerForm())
	requireVerified(t, v, m.headerForm())
}

// TestDefaultPort takes the port away that clients do not sign.
func TestDefaultPort(t *testing.T) {
	v := newVerifier(t)
	r := call().headerForm()
	r.Host += ":80"
	requireVerified(t, v, r)
	r = call().headerForm()
	r.Host += ":443"
	requireRefused(t, sigv4.Mismatch, v, r)
	r = call().headerForm()
	r.Host += ":443"
	requireVerified(t, newVerifier(t, func(o *sigv4.Options) { o.TLS = func(*http.Request) bool { return true } }), r)
	m := call()
	m.host += ":8443"
	requireVerified(t, v, m.headerForm())
}

// TestThreatDuplicates repeats inputs and uses both forms.
func TestThreatDuplicates(t *testing.T) {
	v, rest := newVerifier(t), newVerifier(t, restService)
	for _, name := range []string{"X-Amz-Date", "X-Amz-Target", "Content-Type", "Authorization"} {
		r := call().headerForm()
		r.Header.Add(name, r.Header.Get(name))
		requireRefused(t, sigv4.Malformed, v, r)
	}
	presigned := get("/a")
	presigned.headers = nil
	good := presigned.presign("60", token)
	requireVerified(t, rest, good.request())
	for _, extra := range []string{
		"X-Amz-Date=" + stamp(clock), "X-Amz-Signature=" + strings.Repeat("0", 64), "X-Amz-Expires=60", "X-Amz-Algorithm=AWS4-HMAC-SHA256",
		"x-amz-date=" + stamp(clock), "X-AMZ-SIGNATURE=0", "x-amz-expires=604800", "x-Amz-Credential=a", "x-amz-security-token=x", "x-amz-content-sha256=x",
	} {
		for _, target := range []string{good.target + "&" + extra, strings.Replace(good.target, "?", "?"+extra+"&", 1)} {
			m := good.clone()
			m.target = target
			requireRefused(t, sigv4.Malformed, rest, m.request())
		}
		if !strings.HasPrefix(extra, "X-Amz") {
			// Another spelling that was signed.
			m := presigned.clone()
			m.target += "?" + extra
			requireRefused(t, sigv4.Malformed, rest, m.presign("60", token).request())
		}
	}
	r := good.request()
	r.Header.Set("Authorization", get("/a").headerForm().Header.Get("Authorization"))
	requireRefused(t, sigv4.BothForms, rest, r)
	r = good.request()
	r.Header.Set("Authorization", "Bearer eyJ")
	requireRefused(t, sigv4.BothForms, rest, r)
	for _, name := range []string{"X-Amz-Date", "X-Amz-Security-Token"} {
		r = good.request()
		r.Header.Set(name, stamp(clock))
		requireRefused(t, sigv4.BothForms, rest, r)
	}
	requireRefused(t, sigv4.BothForms, rest, get("/a?X-Amz-Expires=60").headerForm())
	requireRefused(t, sigv4.BothForms, rest, get("/a?X-Amz-Security-Token=x").headerForm())
}

// TestThreatPathAmbiguity sends paths that verifier and router could read
// differently.
func TestThreatPathAmbiguity(t *testing.T) {
	rest, json := newVerifier(t, restService), newVerifier(t)
	for _, path := range []string{"//", "/a//b", "/a//", "/./a", "/a/.", "/a/../b", "/..", "/%2e/a", "/a/%2E%2e/b", "/.%2e", "/a/%2e"} {
		requireRefused(t, sigv4.Malformed, rest, get(path).headerForm())
	}
	for _, path := range []string{"/", "/a/", "/a.b/..c/c..", "/a%2Fb", "/a%20b", "/%2e%2e%2e", "/a;b=c/d@e", "/ü"} {
		requireVerified(t, rest, get(path).headerForm())
	}
	// An encoded slash is another path than a slash, and an encoded letter
	// another than the letter.
	for _, pair := range [][2]string{{"/a%2Fb", "/a/b"}, {"/%61", "/a"}, {"/a%2fb", "/a%2Fb"}} {
		for i, path := range pair {
			r := get(path).headerForm()
			r.RequestURI = pair[1-i]
			requireRefused(t, sigv4.Mismatch, rest, r)
		}
	}
	for _, path := range []string{"/a", "//", "/.", "/%2F"} {
		m := call()
		m.target = path
		requireRefused(t, sigv4.Malformed, json, m.headerForm())
	}
	// S3 signs the decoded key.
	s3 := newVerifier(t, s3Service)
	for _, path := range []string{"/b/a%2Fb", "/b%2fa", "/b/%zz", "/b/%4"} {
		requireRefused(t, sigv4.Malformed, s3, object("GET", path, "").headerForm())
	}
	for _, path := range []string{"/b//a/../c", "/b/a+b", "/b/%C3%BC"} {
		requireVerified(t, s3, object("GET", path, "").headerForm())
	}
}

// TestThreatQueryAmbiguity gives each reading of a query a result.
func TestThreatQueryAmbiguity(t *testing.T) {
	rest := newVerifier(t, restService)
	for _, query := range []string{"%", "a=%4", "a=%zz", "%g0=1", "&", "a&&b", "&a", "a&", "=v", "a=b&=", "X-Amz-%53ignature=" + strings.Repeat("0", 64), "X-Amz+Date=1&X%2DAmz-Date=1", strings.Repeat("a&", 300) + "a"} {
		requireRefused(t, sigv4.Malformed, rest, get("/?"+query).headerForm())
	}
	// Each is accepted, and none passes for another of its line.
	for _, same := range [][]string{
		{"a=1;b=2", "a=1&b=2", "a=1%26b=2"},
		{"a=b", "a=B", "A=b"},
		{"a=1&b=2", "a=2&b=1"},
		{"a=x%2By", "a=x+y"},
	} {
		for i, signed := range same {
			requireVerified(t, rest, get("/?"+signed).headerForm())
			r := get("/?" + signed).headerForm()
			r.RequestURI = "/?" + same[(i+1)%len(same)]
			requireRefused(t, sigv4.Mismatch, rest, r)
		}
	}
	// These are one query in several spellings.
	for _, same := range [][]string{{"a", "a="}, {"a=x+y", "a=x%20y"}, {"a=%7e", "a=~"}, {"a=1&b=2", "b=2&a=1"}, {"", ""}} {
		r := get("/?" + same[0]).headerForm()
		r.RequestURI = "/?" + same[1]
		requireVerified(t, rest, r)
	}
	presigned := get("/a")
	presigned.headers = nil
	m := presigned.presign("60", "")
	m.target = strings.Replace(m.target, "X-Amz-Signature", "X-Amz-%53ignature", 1)
	requireRefused(t, sigv4.Malformed, rest, m.request())
}

// TestThreatHeaderForgery tries values that would forge a line of the canonical
// request, and that clients read differently.
func TestThreatHeaderForgery(t *testing.T) {
	v := newVerifier(t)
	for _, value := range []string{"a\tb", "a\nx-amz-acl:public", "a\r\nb", "\ta", "a\t"} {
		m := call().set("X-Amz-Meta-A", value)
		requireRefused(t, sigv4.Malformed, v, m.headerForm())
	}
	for _, value := range []string{"a b", "  a   b  ", "", "   ", "ü", `a="b  c"`} {
		requireVerified(t, v, call().set("X-Amz-Meta-A", value).headerForm())
	}
	m := call()
	m.headers = append(m.headers, [2]string{"X-Amz-Meta-A", "one "}, [2]string{"X-Amz-Meta-A", " two"})
	requireVerified(t, v, m.headerForm())
}

// TestThreatBodySwap changes the body, and how its length is told.
func TestThreatBodySwap(t *testing.T) {
	v := newVerifier(t)
	body := call().body
	for _, other := range []string{body + " ", body[1:], strings.Replace(body, "10", "60", 1), ""} {
		m := call()
		m.put, m.body = m.signature(), other
		requireRefused(t, sigv4.Mismatch, v, m.headerForm())
	}
	r := call().headerForm()
	r.ContentLength = -1
	require.Equal(t, body, string(requireVerified(t, v, r).Body))
	again, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, body, string(again), "the service reads what was hashed")
	require.EqualValues(t, len(body), r.ContentLength)
	r = call().headerForm()
	r.ContentLength++
	requireRefused(t, sigv4.IncompleteBody, v, r)

	// The hash that the client names must be that of the body.
	m := call()
	m.set("X-Amz-Content-Sha256", hexSum(body))
	requireVerified(t, v, m.headerForm())
	for _, claim := range []string{hexSum("other"), "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", strings.ToUpper(hexSum(body))} {
		m.set("X-Amz-Content-Sha256", claim)
		requireRefused(t, sigv4.BodyHash, v, m.headerForm())
		m.payload = claim
		requireRefused(t, sigv4.BodyHash, v, m.headerForm())
		m.payload = ""
	}
	// content-length is signed and not told.
	m = call()
	m.signed = []string{"content-length", "content-type", "host", "x-amz-date", "x-amz-target"}
	requireVerified(t, v, m.headerForm())
	r = m.headerForm()
	r.ContentLength = -1
	requireRefused(t, sigv4.Malformed, v, r)
}

func TestThreatBodySwapS3(t *testing.T) {
	v := newVerifier(t, s3Service)
	read := func(m *message) (string, error) {
		r := m.headerForm()
		requireVerified(t, v, r)
		got, err := io.ReadAll(r.Body)
		return string(got), err
	}
	got, err := read(object("PUT", "/b/k", "data"))
	require.NoError(t, err)
	require.Equal(t, "data", got)
	m := object("PUT", "/b/k", "data")
	m.payload, m.body = hexSum("data"), "dAta"
	got, err = read(m)
	requireKind(t, sigv4.BodyHash, err)
	require.Empty(t, got, "the last piece must not be given")
	// A hash for a body that is not there.
	m.body = ""
	requireRefused(t, sigv4.BodyHash, v, m.headerForm())
	// The connection ends early.
	r := object("PUT", "/b/k", "data").headerForm()
	r.Body = io.NopCloser(strings.NewReader("dat"))
	requireVerified(t, v, r)
	_, err = io.ReadAll(r.Body)
	requireKind(t, sigv4.IncompleteBody, err)
	_, err = r.Body.Read(make([]byte, 1))
	requireKind(t, sigv4.IncompleteBody, err)
	r = object("PUT", "/b/k", "data").headerForm()
	r.ContentLength = -1
	requireRefused(t, sigv4.NoLength, v, r)

	m = object("PUT", "/b/k", "data")
	m.headers = m.headers[1:]
	requireRefused(t, sigv4.NoBodyHash, v, m.headerForm())
	for _, claim := range []string{"", "unsigned-payload", "STREAMING-", hexSum("data")[1:], strings.ToUpper(hexSum("data"))} {
		m = object("PUT", "/b/k", "data")
		m.payload = claim
		m.set("X-Amz-Content-Sha256", claim)
		requireRefused(t, sigv4.Malformed, v, m.headerForm())
	}
}

// TestThreatUnsignedPayload is accepted where nobody between can alter it.
func TestThreatUnsignedPayload(t *testing.T) {
	m := object("PUT", "/b/k", "data")
	m.payload = "UNSIGNED-PAYLOAD"
	m.set("X-Amz-Content-Sha256", m.payload)
	requireVerified(t, newVerifier(t, s3Service), m.headerForm())
	open := newVerifier(t, s3Service, func(o *sigv4.Options) { o.TLS = nil })
	requireRefused(t, sigv4.UnsignedBody, open, m.headerForm())
	for _, peer := range []string{"127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"} {
		r := m.headerForm()
		r.RemoteAddr = peer
		requireVerified(t, open, r)
	}
	for _, peer := range []string{"", "@", "127.0.0.1", "10.0.0.1:9"} {
		r := m.headerForm()
		r.RemoteAddr = peer
		requireRefused(t, sigv4.UnsignedBody, open, r)
	}
}

// TestThreatChunkTruncation cuts and reorders an upload, drops and adds its
// trailer.
func TestThreatChunkTruncation(t *testing.T) {
	data := strings.Repeat("x", 8<<10) + strings.Repeat("y", 8<<10) + "end"
	s := stream{kind: signedTrailer, chunks: split(data, 8<<10), trailers: digests(data)[:1]}
	m := s.message()
	pieces := s.pieces(m)
	got, _, err := upload(t, m)
	require.NoError(t, err)
	require.Equal(t, data, got)
	for name, order := range map[string][]int{
		"cut before the last chunk": {0, 1},
		"cut before the zero chunk": {0, 1, 2},
		"cut before the trailer":    {0, 1, 2, 3},
		"trailer dropped":           {0, 1, 2, 3, 5},
		"chunks swapped":            {1, 0, 2, 3, 4, 5},
		"chunk repeated":            {0, 0, 1, 2, 3, 4, 5},
		"chunk dropped":             {0, 2, 3, 4, 5},
		"zero chunk first":          {3, 0, 1, 2, 4, 5},
		"trailer added":             {0, 1, 2, 3, 4, 4, 5},
		"another upload after it":   {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5},
		"nothing":                   {},
	} {
		m := s.message()
		m.body = ""
		for _, i := range order {
			m.body += pieces[i]
		}
		got, _, err := upload(t, m)
		require.Error(t, err, name)
		require.False(t, errors.Is(err, io.EOF), name)
		require.Less(t, len(got), len(data), name)
		require.True(t, strings.HasPrefix(data, got), name)
	}
	// What follows the data is signed to the letter, too.
	for _, s := range []stream{s, {kind: signedChunks, chunks: s.chunks}} {
		pieces := s.pieces(s.message())
		data, end := strings.Join(pieces[:3], ""), strings.Join(pieces[3:], "")
		for i := range len(end) {
			m := s.message()
			altered := []byte(end)
			altered[i] ^= 1
			m.body = data + string(altered)
			_, _, err := upload(t, m)
			require.Error(t, err, "byte %d of %q", i, end)
		}
	}
	// A reader that never asks for the end does not get all of the data.
	m = s.message()
	m.body = strings.Join(pieces[:3], "")
	r := m.headerForm()
	requireVerified(t, newVerifier(t, s3Service), r)
	_, err = io.ReadFull(r.Body, make([]byte, r.ContentLength))
	requireKind(t, sigv4.IncompleteBody, err)
}

// TestThreatLongLivedURL bounds the life of presigned requests.
func TestThreatLongLivedURL(t *testing.T) {
	at := clock
	now := func(o *sigv4.Options) { o.Now = func() time.Time { return at } }
	rest := newVerifier(t, restService, now)
	presigned := get("/a")
	presigned.headers = nil
	for _, expires := range []string{"1", "60", "604800"} {
		requireVerified(t, rest, presigned.presign(expires, token).request())
	}
	for _, expires := range []string{"604801", "-1", "0", "", "60.5", "+60", "060", " 60", "1e3", "4294967297", "18446744073709551617"} {
		requireRefused(t, sigv4.Malformed, rest, presigned.presign(expires, token).request())
	}
	for _, c := range []struct {
		now  time.Duration
		want sigv4.Kind // 0: accepted
	}{
		{-15*time.Minute - time.Second, sigv4.ClockSkew},
		{-15 * time.Minute, 0},
		{time.Minute, 0},
		{time.Minute + time.Second, sigv4.RequestExpired},
		{8 * 24 * time.Hour, sigv4.RequestExpired},
	} {
		at = clock.Add(c.now)
		r := presigned.presign("60", token).request()
		if c.want == 0 {
			requireVerified(t, rest, r)
		} else {
			requireRefused(t, c.want, rest, r)
		}
	}
	// Six days later, with the key of its day.
	at = clock.Add(6 * 24 * time.Hour)
	requireVerified(t, rest, presigned.presign("604800", token).request())
	capped := newVerifier(t, restService, now, func(o *sigv4.Options) { o.MaxExpires = time.Hour })
	requireRefused(t, sigv4.RequestExpired, capped, presigned.presign("604800", token).request())
	at = clock.Add(time.Hour)
	requireVerified(t, capped, presigned.presign("604800", token).request())

	// Never beyond the session.
	ends := clock.Add(30 * time.Minute)
	session := newVerifier(t, restService, now, func(o *sigv4.Options) {
		o.Lookup = func(context.Context, string, string) (sigv4.Credential, error) {
			return sigv4.Credential{Secret: []byte(secret), Expires: ends}, nil
		}
	})
	at = ends.Add(-time.Second)
	requireVerified(t, session, presigned.presign("604800", token).request())
	at = ends
	requireRefused(t, sigv4.ExpiredToken, session, presigned.presign("604800", token).request())

	// Method, host, path and query are bound.
	at = clock
	good := presigned.presign("60", token)
	for name, alter := range map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = "DELETE" },
		"host":   func(r *http.Request) { r.Host = "other.example.com" },
		"path":   func(r *http.Request) { r.RequestURI = strings.Replace(r.RequestURI, "/a?", "/b?", 1) },
		"query":  func(r *http.Request) { r.RequestURI += "&z=1" },
		"life":   func(r *http.Request) { r.RequestURI = strings.Replace(r.RequestURI, "Expires=60", "Expires=6000", 1) },
		"body": func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1
		},
	} {
		r := good.request()
		alter(r)
		verified, err := rest.Verify(r)
		requireKind(t, sigv4.Mismatch, err)
		require.Nil(t, verified, name)
	}
}

// TestThreatClockGames checks the date of the header form from both sides.
func TestThreatClockGames(t *testing.T) {
	v := newVerifier(t)
	for _, c := range []struct {
		signed time.Duration
		ok     bool
	}{
		{-14*time.Minute - 59*time.Second, true},
		{14*time.Minute + 59*time.Second, true},
		{-15 * time.Minute, true},
		{15 * time.Minute, true},
		{-15*time.Minute - time.Second, false},
		{15*time.Minute + time.Second, false},
		{-24 * time.Hour, false},
		{24 * time.Hour, false},
	} {
		r := call().at(clock.Add(c.signed)).headerForm()
		if c.ok {
			require.Equal(t, clock.Add(c.signed), requireVerified(t, v, r).Time)
		} else {
			requireRefused(t, sigv4.ClockSkew, v, r)
		}
	}
	for _, date := range []string{
		"20261123T100000", "20261123T100000z", "20261123t100000Z", "2026-11-23T10:00:00Z", "20261323T100000Z", "20260231T100000Z", "20261100T100000Z",
		"20261123T240000Z", "20261123T106000Z", "20261123T100060Z", "00000101T000000Z", "20261123T100000Z ", "Mon, 23 Nov 2026 10:00:00 GMT", "+2026112T100000Z",
	} {
		m := call().set("X-Amz-Date", date)
		requireRefused(t, sigv4.Malformed, v, m.headerForm())
	}
	// Date stands in for X-Amz-Date, if it is signed.
	m := call()
	m.headers[1] = [2]string{"Date", m.date}
	requireVerified(t, v, m.headerForm())
	m.signed = []string{"content-type", "host", "x-amz-target"}
	requireRefused(t, sigv4.NotSigned, v, m.headerForm())
	m = call()
	m.headers = append(m.headers[:1:1], m.headers[2])
	requireRefused(t, sigv4.Malformed, v, m.headerForm())
	// An empty X-Amz-Date does not make way for Date.
	m = call().set("X-Amz-Date", "").set("Date", call().date)
	requireRefused(t, sigv4.Malformed, v, m.headerForm())
}

// TestThreatWrongScope sends what was signed for another service, region or
// day.
func TestThreatWrongScope(t *testing.T) {
	v := newVerifier(t)
	for name, alter := range map[string]func(*message){
		"service": func(m *message) { m.service = "s3" },
		"region":  func(m *message) { m.region = "eu-west-1" },
	} {
		m := call()
		alter(m)
		_, err := v.Verify(m.headerForm())
		requireKind(t, sigv4.WrongScope, err)
		require.NotEmpty(t, name)
	}
	for scope, want := range map[string]sigv4.Kind{
		"20261122/us-east-1/cognito-identity/aws4_request":                sigv4.WrongScope,
		"20261123/us-east-1/cognito-identity/aws5_request":                sigv4.WrongScope,
		"20261123/us-east-1/cognito-identity/aws4_request/":               sigv4.WrongScope,
		"20261123/us-east-1/cognito-identity":                             sigv4.Malformed,
		"20261123//cognito-identity/aws4_request":                         sigv4.Malformed,
		"2026112/us-east-1/cognito-identity/aws4_request":                 sigv4.Malformed,
		"2026112x/us-east-1/cognito-identity/aws4_request":                sigv4.Malformed,
		"20261123/US-EAST-1/cognito-identity/aws4_request":                sigv4.Malformed,
		"20261123/us-east-1/<script>/aws4_request":                        sigv4.Malformed,
		"20261123/us-east-1/cognito-identity/" + strings.Repeat("a", 100): sigv4.Malformed,
	} {
		r := call().headerForm()
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), call().scope(), scope, 1))
		requireRefused(t, want, v, r)
	}
}

// TestThreatMisplacedToken: temporary keys carry a token, long-term keys none.
func TestThreatMisplacedToken(t *testing.T) {
	v, rest := newVerifier(t), newVerifier(t, restService)
	with := func(key, tok string) *message {
		m := call()
		m.accessKey = key
		if tok != "" {
			m.set("X-Amz-Security-Token", tok)
		}
		return m
	}
	requireVerified(t, v, with("ASIAEXAMPLE", token).headerForm())
	requireVerified(t, v, with("AKIAEXAMPLE", "").headerForm())
	requireRefused(t, sigv4.BadToken, v, with("ASIAEXAMPLE", "").headerForm())
	requireRefused(t, sigv4.BadToken, v, with("AKIAEXAMPLE", token).headerForm())
	requireRefused(t, sigv4.BadToken, v, with("ASIAEXAMPLE", token+"x").headerForm())
	requireRefused(t, sigv4.BadToken, v, with("ASIAEXAMPLE", strings.Repeat("x", 20<<10)).headerForm())
	requireRefused(t, sigv4.Malformed, v, call().set("X-Amz-Security-Token", "").headerForm())
	for _, key := range []string{"ASIAEXAMPLE", "AKIAEXAMPLE"} {
		m := get("/")
		m.accessKey, m.headers = key, nil
		_, with := rest.Verify(m.presign("60", token).request())
		_, without := rest.Verify(m.presign("60", "").request())
		require.NotEqual(t, with == nil, without == nil)
		require.Equal(t, key == "ASIAEXAMPLE", with == nil)
	}
}

// TestThreatSecretsInErrors looks for what a stranger or a log must not see.
func TestThreatSecretsInErrors(t *testing.T) {
	v := newVerifier(t)
	wrong := call()
	wrong.put = strings.Repeat("ab", 32)
	mangled := call().headerForm()
	mangled.Header.Set("Authorization", mangled.Header.Get("Authorization")+",")
	for _, r := range []*http.Request{
		wrong.headerForm(),
		mangled,
		call().at(clock.Add(time.Hour)).headerForm(),
		call().set("X-Amz-Security-Token", "S3CRET-TOKEN").headerForm(),
		call().set("X-Amz-Content-Sha256", hexSum("other")).headerForm(),
	} {
		authorization := r.Header.Get("Authorization")
		_, signature, found := strings.Cut(authorization, "Signature=")
		require.True(t, found)
		_, err := v.Verify(r)
		require.Error(t, err)
		shown := fmt.Sprintf("%s|%v|%+v", err, err, err)
		for _, hidden := range []string{"Signature=", signature[:64], call().signature(), secret, "S3CRET-TOKEN", hexSum(call().canonical()), "content-type:"} {
			require.NotContains(t, shown, hidden)
		}
	}
}

// TestThreatUnknownKey refuses a key that nobody has even with the signature of
// the dummy secret, and tells no more of a wrong signature than of a right one.
func TestThreatUnknownKey(t *testing.T) {
	v := newVerifier(t)
	m := call()
	m.accessKey = "AKIDOTHER"
	requireRefused(t, sigv4.UnknownKey, v, m.headerForm())
	m.secret = strings.Repeat("\x00", 40)
	requireRefused(t, sigv4.UnknownKey, v, m.headerForm())
	m.secret = ""
	requireRefused(t, sigv4.UnknownKey, v, m.headerForm())
	for cause, want := range map[error]sigv4.Kind{
		nil:                        sigv4.UnknownKey, // no secret
		sigv4.ErrUnknownKey:        sigv4.UnknownKey,
		sigv4.ErrBadToken:          sigv4.BadToken,
		sigv4.ErrExpired:           sigv4.ExpiredToken,
		errors.New("disk on fire"): sigv4.Unavailable,
		context.Canceled:           sigv4.Unavailable,
	} {
		failing := newVerifier(t, func(o *sigv4.Options) {
			o.Lookup = func(context.Context, string, string) (sigv4.Credential, error) {
				return sigv4.Credential{}, cause
			}
		})
		for _, key := range []string{secret, "", strings.Repeat("\x00", 40)} {
			m := call()
			m.secret = key
			_, err := failing.Verify(m.headerForm())
			requireKind(t, want, err)
			require.NotContains(t, err.Error(), "fire")
			if cause != nil {
				require.ErrorIs(t, err, cause)
			}
		}
	}
}

// TestThreatRequestSmuggling lets net/http read ambiguous requests: none
// reaches the verifier.
func TestThreatRequestSmuggling(t *testing.T) {
	v := newVerifier(t)
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if _, err := v.Verify(r); err != nil {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	m := call()
	var head strings.Builder
	for _, h := range append(m.headers, [2]string{"Host", m.host}, [2]string{"Authorization", m.headerForm().Header.Get("Authorization")}) {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(m.body), m.body)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(m.body))
	send := func(headers, body string) int {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\n"+head.String()+headers+"Connection: close\r\n\r\n"+body)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, 200, send(length, m.body))
	require.Equal(t, 200, send("Transfer-Encoding: chunked\r\n", chunked))
	require.Equal(t, 403, send("Transfer-Encoding: chunked\r\n", strings.Replace(chunked, "10}", "60}", 1)))
	require.Equal(t, 3, reached)
	for _, headers := range []string{
		length + "Content-Length: 3\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Content-Length: +17\r\n",
		length + "X Y: 1\r\n",
		length + "Host: other.example.com\r\n",
	} {
		require.GreaterOrEqual(t, send(headers, m.body), 400, headers)
	}
	require.Equal(t, 3, reached)
	// With both, net/http takes the chunks and drops the length: what is read
	// is what is hashed.
	require.Equal(t, 403, send(length+"Transfer-Encoding: chunked\r\n", "0\r\n\r\n"))
}

// TestThreatUnsignedTrailer sends a trailer of HTTP behind an upload whose
// chunks and trailer are right. Nobody signed it: it is not among the trailers
// that the service reads, whether it was announced or not.
func TestThreatUnsignedTrailer(t *testing.T) {
	data := strings.Repeat("x", 8<<10) + "end"
	trailers := make(chan http.Header, 1)
	v := newVerifier(t, s3Service)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := v.Verify(r); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != data {
			t.Errorf("read %d bytes: %v", len(got), err)
		}
		trailers <- r.Trailer.Clone()
	}))
	defer server.Close()
	for _, kind := range []string{signedChunks, signedTrailer, unsignedTrailer} {
		s := stream{kind: kind, chunks: split(data, 8<<10)}
		want := http.Header{}
		if kind != signedChunks {
			s.trailers = digests(data)[:1]
			want.Set(s.trailers[0][0], s.trailers[0][1])
		}
		m := s.message()
		r := m.headerForm()
		for _, announced := range []string{"", "Trailer: X-Auth-User, X-Amz-Checksum-Sha1\r\n"} {
			var head strings.Builder
			require.NoError(t, r.Header.Write(&head))
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s%sTransfer-Encoding: chunked\r\n\r\n"+
				"%x\r\n%s\r\n0\r\nX-Auth-User: admin\r\nX-Amz-Checksum-Sha1: AAAA\r\nX-Amz-Checksum-Crc32: AAAA\r\n\r\n", m.target, m.host, &head, announced, len(m.body), m.body)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, conn.Close())
			require.Equal(t, want, <-trailers, "%s %q", kind, announced)
		}
	}
	// HTTP/2 has trailers behind a body of any kind.
	for _, m := range []*message{object("PUT", "/b/k", "data"), object("PUT", "/b/k", "")} {
		r := m.headerForm()
		r.Trailer = http.Header{"X-Amz-Checksum-Crc32": nil}
		requireVerified(t, v, r)
		require.Nil(t, r.Trailer)
	}
}
