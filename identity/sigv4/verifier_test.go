package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity/sigv4"
)

func TestNewRefuses(t *testing.T) {
	good := sigv4.Options{Region: "us-east-1", Services: []string{"sts"}, Now: time.Now, Lookup: lookup}
	_, err := sigv4.New(good)
	require.NoError(t, err)
	for name, alter := range map[string]func(*sigv4.Options){
		"no region":      func(o *sigv4.Options) { o.Region = "" },
		"bad region":     func(o *sigv4.Options) { o.Region = "us/east" },
		"no service":     func(o *sigv4.Options) { o.Services = nil },
		"bad service":    func(o *sigv4.Options) { o.Services = []string{"sts", ""} },
		"no clock":       func(o *sigv4.Options) { o.Now = nil },
		"no lookup":      func(o *sigv4.Options) { o.Lookup = nil },
		"two styles":     func(o *sigv4.Options) { o.S3, o.REST = true, true },
		"negative skew":  func(o *sigv4.Options) { o.Skew = -1 },
		"negative life":  func(o *sigv4.Options) { o.MaxExpires = -1 },
		"eight days":     func(o *sigv4.Options) { o.MaxExpires = 8 * 24 * time.Hour },
		"negative body":  func(o *sigv4.Options) { o.MaxBody = -1 },
		"negative cache": func(o *sigv4.Options) { o.CacheSize = -1 },
	} {
		o := good
		alter(&o)
		_, err := sigv4.New(o)
		require.Error(t, err, name)
	}
}

func TestVerified(t *testing.T) {
	m := call().set("X-Amz-Security-Token", token)
	m.accessKey = "ASIAEXAMPLE"
	r := m.headerForm()
	require.Equal(t, &sigv4.Verified{
		AccessKeyID: "ASIAEXAMPLE", Service: "cognito-identity", Region: "us-east-1",
		Time: clock, Value: "value of ASIAEXAMPLE", Body: []byte(m.body),
	}, requireVerified(t, newVerifier(t), r))
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, m.body, string(body))
	require.NoError(t, r.Body.Close())
}

func TestAuthorizationGrammar(t *testing.T) {
	v := newVerifier(t)
	good := call().headerForm().Header.Get("Authorization")
	credential := "Credential=" + accessKey + "/" + call().scope()
	list := "SignedHeaders=content-type;host;x-amz-date;x-amz-target"
	signature := "Signature=" + call().signature()
	for _, ok := range []string{
		good,
		"AWS4-HMAC-SHA256 " + credential + "," + list + "," + signature,
		"AWS4-HMAC-SHA256 " + signature + ",   " + list + ",  " + credential,
	} {
		r := call().headerForm()
		r.Header.Set("Authorization", ok)
		requireVerified(t, v, r)
	}
	for text, want := range map[string]sigv4.Kind{
		"Bearer eyJhbGciOiJub25lIn0":                                  sigv4.NoCredentials,
		"Basic dXNlcjpwYXNz":                                          sigv4.NoCredentials,
		"aws4-hmac-sha256 " + good[17:]:                               sigv4.NoCredentials,
		"AWS4-HMAC-SHA256":                                            sigv4.Malformed,
		"AWS4-HMAC-SHA1 " + good[17:]:                                 sigv4.Malformed,
		"AWS4-HMAC-SHA256\t" + good[17:]:                              sigv4.Malformed,
		good + ", " + signature:                                       sigv4.Malformed,
		good + ", Other=1":                                            sigv4.Malformed,
		good + ",":                                                    sigv4.Malformed,
		strings.ReplaceAll(good, ",", ""):                             sigv4.Malformed,
		strings.ReplaceAll(good, ",", ";"):                            sigv4.Malformed,
		"AWS4-HMAC-SHA256 " + credential + "," + list:                 sigv4.Malformed,
		"AWS4-HMAC-SHA256 " + credential + "," + signature:            sigv4.Malformed,
		"AWS4-HMAC-SHA256 " + list + "," + signature:                  sigv4.Malformed,
		"AWS4-HMAC-SHA256 " + credential + "," + list + ",Signature=": sigv4.Malformed,
		"AWS4-HMAC-SHA256 " + credential + "," + list + ",Signature=" + strings.ToUpper(call().signature()): sigv4.Malformed,
		good + "0":                              sigv4.Malformed,
		good[:len(good)-1]:                      sigv4.Malformed,
		strings.Replace(good, accessKey, "", 1): sigv4.Malformed,
		strings.Replace(good, accessKey, "AKID EXAMPLE", 1):           sigv4.Malformed,
		strings.Replace(good, accessKey, strings.Repeat("A", 129), 1): sigv4.Malformed,
	} {
		r := call().headerForm()
		r.Header.Set("Authorization", text)
		_, err := v.Verify(r)
		requireKind(t, want, err)
	}
	requireRefused(t, sigv4.NoCredentials, v, call().request())
	requireRefused(t, sigv4.Malformed, newVerifier(t, restService), get("/?X-Amz-Algorithm=AWS4-HMAC-SHA256").request())
}

func TestPresignedS3(t *testing.T) {
	v := newVerifier(t, s3Service)
	m := object("PUT", "/b/k", "data")
	m.headers, m.payload = nil, "UNSIGNED-PAYLOAD"
	requireVerified(t, v, m.presign("60", token).request())
	// The client may say once more that the body is not signed, and no other
	// thing.
	r := m.presign("60", token).request()
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	requireVerified(t, v, r)
	r = m.presign("60", token).request()
	r.Header.Set("X-Amz-Content-Sha256", hexSum("data"))
	requireRefused(t, sigv4.NotSigned, v, r)
	r = m.presign("60", token).request()
	r.Header.Set("X-Amz-Acl", "public-read")
	requireRefused(t, sigv4.NotSigned, v, r)
	r = m.presign("60", token).request()
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.Header.Set("X-Amz-Acl", "public-read")
	requireRefused(t, sigv4.NotSigned, v, r)

	// A body that is signed, by header or by parameter.
	m.payload = hexSum("data")
	m.target = "/b/k?X-Amz-Content-Sha256=" + m.payload
	requireVerified(t, v, m.presign("60", token).request())
	other := m.clone()
	other.body = "dAta"
	r = other.presign("60", token).request()
	requireVerified(t, v, r)
	_, err := io.ReadAll(r.Body)
	requireKind(t, sigv4.BodyHash, err)
	m.target = "/b/k"
	m.set("X-Amz-Content-Sha256", m.payload)
	requireVerified(t, v, m.presign("60", token).request())
	m.target = "/b/k?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
	requireRefused(t, sigv4.Malformed, v, m.presign("60", token).request())

	m = object("PUT", "/b/k", "data")
	m.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	m.headers = [][2]string{{"X-Amz-Content-Sha256", m.payload}, {"X-Amz-Decoded-Content-Length", "4"}, {"X-Amz-Trailer", "x-amz-checksum-crc32"}}
	requireRefused(t, sigv4.NotImplemented, v, m.presign("60", token).request())
}

func TestBodyIsBounded(t *testing.T) {
	small := newVerifier(t, func(o *sigv4.Options) { o.MaxBody = 17 })
	requireVerified(t, small, call().headerForm())
	m := call()
	m.body += " "
	requireRefused(t, sigv4.BodyTooLarge, small, m.headerForm())
	r := m.headerForm()
	r.ContentLength = -1
	requireRefused(t, sigv4.BodyTooLarge, small, r)
	r = call().headerForm()
	r.Body = http.MaxBytesReader(nil, r.Body, 3)
	requireRefused(t, sigv4.BodyTooLarge, newVerifier(t), r)
	r = call().headerForm()
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
	_, err := newVerifier(t).Verify(r)
	requireKind(t, sigv4.IncompleteBody, err)
	require.ErrorIs(t, err, errBroken)

	// An announced length alone costs no memory.
	m = call()
	m.body = strings.Repeat(" ", 200_000)
	requireVerified(t, newVerifier(t), m.headerForm())
	r = m.headerForm()
	r.Body = io.NopCloser(strings.NewReader("{"))
	requireRefused(t, sigv4.IncompleteBody, newVerifier(t), r)

	s3 := newVerifier(t, s3Service, func(o *sigv4.Options) { o.MaxBody = 4 })
	requireVerified(t, s3, object("PUT", "/b/k", "data").headerForm())
	requireRefused(t, sigv4.BodyTooLarge, s3, object("PUT", "/b/k", "data+").headerForm())
}

var errBroken = errors.New("connection broken")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestWireErrors is the table of identity-protocol §4.5.
func TestWireErrors(t *testing.T) {
	v, rest, s3 := newVerifier(t), newVerifier(t, restService), newVerifier(t, s3Service)
	wrong := call()
	wrong.put = strings.Repeat("0", 64)
	unknown := call()
	unknown.accessKey = "AKIDOTHER"
	noHash := object("GET", "/b/k", "")
	noHash.headers = noHash.headers[1:]
	other := object("GET", "/b/k", "")
	other.region = "eu-west-1"
	late := get("/")
	late.headers, late.date = nil, stamp(clock.Add(-time.Hour))
	otherRegion := object("GET", "/b/k", "")
	otherRegion.headers, otherRegion.payload, otherRegion.region = nil, "UNSIGNED-PAYLOAD", "eu-west-1"
	otherBody := object("PUT", "/b/k", "")
	otherBody.set("X-Amz-Content-Sha256", hexSum("data"))
	otherBody.payload = hexSum("data")
	for _, c := range []struct {
		v               *sigv4.Verifier
		r               *http.Request
		json, query, s3 string
	}{
		{v, call().request(), "400 MissingAuthenticationTokenException", "403 MissingAuthenticationToken", "403 AccessDenied"},
		{rest, late.presign("60", "").request(), "400 InvalidSignatureException", "400 RequestExpired", "403 AccessDenied"},
		{v, call().at(clock.Add(-time.Hour)).headerForm(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "403 RequestTimeTooSkewed"},
		{v, unknown.headerForm(), "400 UnrecognizedClientException", "403 InvalidClientTokenId", "403 InvalidAccessKeyId"},
		{v, call().set("X-Amz-Security-Token", "other").headerForm(), "400 UnrecognizedClientException", "403 InvalidClientTokenId", "400 InvalidToken"},
		{v, wrong.headerForm(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"},
		{s3, other.headerForm(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "400 AuthorizationHeaderMalformed"},
		{s3, otherRegion.presign("60", "").request(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "400 AuthorizationQueryParametersError"},
		{s3, otherRegion.presign("0", "").request(), "400 IncompleteSignatureException", "400 IncompleteSignature", "400 AuthorizationQueryParametersError"},
		{s3, noHash.headerForm(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "400 MissingSecurityHeader"},
		{s3, otherBody.headerForm(), "400 InvalidSignatureException", "403 SignatureDoesNotMatch", "400 XAmzContentSHA256Mismatch"},
	} {
		_, err := c.v.Verify(c.r)
		var e *sigv4.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, c.json, answer(e.JSON()))
		require.Equal(t, c.query, answer(e.Query()))
		require.Equal(t, c.s3, answer(e.S3()))
	}
	// Every kind has an answer in each protocol, and no kind is a success.
	for k := sigv4.Kind(0); k < 255; k++ {
		e := &sigv4.Error{Kind: k}
		for _, a := range []string{answer(e.JSON()), answer(e.Query()), answer(e.S3())} {
			require.Regexp(t, `^[45]\d\d [A-Z][A-Za-z0-9]+$`, a, "kind %d", k)
		}
	}
	status, _ := (&sigv4.Error{}).JSON()
	require.Equal(t, 500, status)
}

func answer(status int, code string) string { return fmt.Sprintf("%d %s", status, code) }

// TestSigningKeysAreKeptApart asks with many keys and secrets over a cache that
// holds few, across midnight.
func TestSigningKeysAreKeptApart(t *testing.T) {
	at := clock
	v := newVerifier(t, func(o *sigv4.Options) {
		o.CacheSize = 4
		o.Services = []string{"cognito-identity", "sts"}
		o.Now = func() time.Time { return at }
		o.Lookup = func(_ context.Context, id, tok string) (sigv4.Credential, error) {
			return sigv4.Credential{Secret: []byte(id + tok)}, nil
		}
	})
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for round := range 60 {
		at = midnight.Add(time.Duration(round-30) * time.Minute)
		for _, tok := range []string{"", "A", "B"} {
			for i, service := range []string{"cognito-identity", "sts", "sts"} {
				m := call().at(at.Add(time.Duration(i-1) * 10 * time.Minute))
				m.accessKey = fmt.Sprintf("AKID%d", (round*7+i)%10)
				m.service, m.secret = service, m.accessKey+tok
				if tok != "" {
					m.set("X-Amz-Security-Token", tok)
				}
				requireVerified(t, v, m.headerForm())
				m.secret += "x"
				requireRefused(t, sigv4.Mismatch, v, m.headerForm())
			}
		}
	}
}

// TestWarmVerifierAnswersAsFresh refuses the neighbours of a request that was just
// verified in the words of a verifier that has seen nothing.
func TestWarmVerifierAnswersAsFresh(t *testing.T) {
	knows := true
	with := func(o *sigv4.Options) {
		o.Lookup = func(ctx context.Context, id, tok string) (sigv4.Credential, error) {
			if !knows {
				return sigv4.Credential{}, sigv4.ErrUnknownKey
			}
			return lookup(ctx, id, tok)
		}
	}
	warm := newVerifier(t, with)
	stranger := call()
	stranger.accessKey = "AKIDOTHER"
	requireRefused(t, sigv4.UnknownKey, warm, stranger.headerForm())
	scope := call().scope()
	for name, alter := range map[string]func(*http.Request){
		"signature":       replace("Authorization", "Signature=", "Signature=0"),
		"credential":      replace("Authorization", accessKey+"/", "/"),
		"scope alone":     replace("Authorization", accessKey+"/"+scope, scope),
		"region":          replace("Authorization", "us-east-1", "us-east-2"),
		"service":         replace("Authorization", "/cognito-identity/", "/sts/"),
		"terminator":      replace("Authorization", "aws4_request", "aws5_request"),
		"another key":     replace("Authorization", accessKey, "AKIDOTHER"),
		"order":           replace("Authorization", "content-type;host", "host;content-type"),
		"upper case":      replace("Authorization", "content-type", "Content-Type"),
		"no host":         replace("Authorization", ";host", ""),
		"no content type": replace("Authorization", "content-type;", ""),
		"no target":       replace("Authorization", ";x-amz-target", ""),
		"another day":     replace("X-Amz-Date", "20261123", "20261124"),
		"another hour":    replace("X-Amz-Date", "T10", "T11"),
		"another second":  replace("X-Amz-Date", "00Z", "01Z"),
		"value":           replace("X-Amz-Target", "List", "Delete"),
		"header gone":     func(r *http.Request) { r.Header.Del("X-Amz-Target") },
		"header added":    func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") },
		"header twice":    func(r *http.Request) { r.Header.Add("X-Amz-Target", "AWSCognitoIdentityService.DeleteIdentities") },
		"token":           func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", token) },
		"host":            func(r *http.Request) { r.Host = "other.example.com" },
		"method":          func(r *http.Request) { r.Method = "PUT" },
		"path":            func(r *http.Request) { r.RequestURI = "/a" },
		"body":            func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"MaxResults":11}`)) },
		"revoked":         func(*http.Request) { knows = false },
	} {
		knows = true
		requireVerified(t, warm, call().headerForm())
		r, same := call().headerForm(), call().headerForm()
		alter(r)
		alter(same)
		_, err := warm.Verify(r)
		require.Error(t, err, name)
		_, want := newVerifier(t, with).Verify(same)
		require.Equal(t, want, err, name)
	}
}

func replace(header, old, with string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(header, strings.Replace(r.Header.Get(header), old, with, 1)) }
}

func TestVerifierIsShared(t *testing.T) {
	v := newVerifier(t, func(o *sigv4.Options) { o.CacheSize = 2 })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				m := call()
				m.body = fmt.Sprint(i, n)
				verified, err := v.Verify(m.headerForm())
				if err != nil || string(verified.Body) != m.body {
					t.Error(err)
				}
				m.put = strings.Repeat("0", 64)
				if _, err := v.Verify(m.headerForm()); err == nil {
					t.Error("accepted a wrong signature")
				}
			}
		})
	}
	wg.Wait()
}

// TestVerifyAllocations: what is handed back, and the body.
func TestVerifyAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	v := newVerifier(t, func(o *sigv4.Options) { o.Lookup = staticLookup(sigv4.Credential{Secret: []byte(secret)}) })
	w := newRewound(call().headerForm())
	n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(w.again()); err != nil {
			t.Error(err)
		}
	})
	require.LessOrEqual(t, n, 2.0)
}

// TestSignedRequestsAreAccepted signs random requests with the signer of these
// tests; any one change makes another request of it.
func TestSignedRequestsAreAccepted(t *testing.T) {
	rest, s3 := newVerifier(t, restService), newVerifier(t, s3Service)
	rapid.Check(t, func(rt *rapid.T) {
		m, v := drawMessage(rt), rest
		if m.s3 {
			v = s3
		}
		presigned := rapid.Bool().Draw(rt, "presigned")
		make := func(m *message) *http.Request {
			if presigned {
				return m.presign("60", "").request()
			}
			return m.headerForm()
		}
		if presigned {
			m.headers = m.headers[:len(m.headers)-2]
			if m.s3 {
				m.payload = "UNSIGNED-PAYLOAD"
			}
		}
		verified, err := v.Verify(make(m))
		if err != nil {
			rt.Fatalf("%+v: %v", m, err)
		}
		if !m.s3 && string(verified.Body) != m.body {
			rt.Fatal("another body")
		}
		signature := m.signature()
		if presigned {
			_, signature, _ = strings.Cut(m.presign("60", "").target, "X-Amz-Signature=")
		}
		altered := m.clone()
		altered.put = signature
		change := rapid.SampledFrom([]string{"method", "path", "query", "header", "header name", "host", "body", "date", "service", "secret", "signature"}).Draw(rt, "change")
		switch change {
		case "method":
			altered.method += "X"
		case "path":
			altered.target = "/z" + altered.target
		case "query":
			separator := "&"
			if !strings.Contains(altered.target, "?") {
				separator = "?"
			}
			altered.target += separator + "zz=1"
		case "header":
			altered.headers[0][1] += "x"
		case "header name":
			altered.headers[0][0] += "x"
		case "host":
			altered.host += "x"
		case "body":
			if m.s3 && presigned {
				rt.Skip("not covered, as everybody knows")
			}
			altered.body += "x"
		case "date":
			altered.at(clock.Add(time.Second))
			if presigned {
				altered.headers = m.headers
			}
		case "service":
			altered.service += "x"
		case "secret":
			altered.put, altered.secret = "", altered.secret+"x"
		case "signature":
			digit := "0"
			if signature[9] == '0' {
				digit = "1"
			}
			altered.put = signature[:9] + digit + signature[10:]
		}
		r := make(altered)
		verified, err = v.Verify(r)
		if err == nil && m.s3 {
			_, err = io.ReadAll(r.Body)
		}
		if err == nil {
			rt.Fatalf("%s changed: accepted %+v", change, verified)
		}
	})
}

// drawMessage draws a request that a client may send.
func drawMessage(rt *rapid.T) *message {
	word := rapid.StringMatching(`[A-Za-z0-9 _.~!$'()*,;:@=é"<>-]{0,12}`)
	body := rapid.StringN(0, 200, -1).Draw(rt, "body")
	var m *message
	path := "/" + strings.Join(rapid.SliceOfN(rapid.Map(word, func(s string) string { return "s" + uriEncode(s, true) }), 0, 4).Draw(rt, "path"), "/")
	if rapid.Bool().Draw(rt, "s3") {
		m = object("PUT", path, body)
		m.headers[0], m.headers[1] = m.headers[1], m.headers[0]
	} else {
		m = get(path)
		m.body = body
		m.headers = append(m.headers, [2]string{"X-Amz-Content-Sha256", hexSum(body)})
	}
	m.method = rapid.SampledFrom([]string{"GET", "PUT", "POST", "DELETE"}).Draw(rt, "method")
	query := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string {
		name, value := word.Draw(rt, "name"), word.Draw(rt, "value")
		return "q" + uriEncode(name, true) + "=" + uriEncode(value, true)
	}), 0, 5).Draw(rt, "query")
	if len(query) > 0 {
		m.target += "?" + strings.Join(query, "&")
	}
	own := [][2]string{{"Content-Type", "text/plain; charset=utf-8"}}
	for i, value := range rapid.SliceOfN(rapid.StringMatching(`[ -~]{0,20}`), 0, 4).Draw(rt, "headers") {
		own = append(own, [2]string{fmt.Sprintf("X-Amz-Meta-%d", i), value})
	}
	m.headers = append(own, m.headers...)
	return m
}

// FuzzVerify reads hostile requests as net/http does. None of them was signed.
func FuzzVerify(f *testing.F) {
	for _, m := range []*message{call(), get("/a?b=c"), object("PUT", "/b/k", "data")} {
		r := m.headerForm()
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", m.method, m.target, m.host, len(m.body))
		require.NoError(f, r.Header.Write(&b))
		b.WriteString("\r\n" + m.body)
		f.Add(b.Bytes())
	}
	presigned := get("/a?b=c")
	presigned.headers = nil
	f.Add([]byte("GET " + presigned.presign("60", token).target + " HTTP/1.1\r\nHost: api.example.com\r\n\r\n"))
	unguessable := func(o *sigv4.Options) {
		o.Lookup = func(context.Context, string, string) (sigv4.Credential, error) {
			return sigv4.Credential{Secret: []byte("a secret that no input of the corpus was signed with")}, nil
		}
	}
	verifiers := []*sigv4.Verifier{newVerifier(f, unguessable), newVerifier(f, restService, unguessable), newVerifier(f, s3Service, unguessable)}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, v := range verifiers {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				return
			}
			verified, err := v.Verify(r)
			var e *sigv4.Error
			if verified != nil || !errors.As(err, &e) || e.Kind == sigv4.Unavailable {
				t.Fatalf("accepted, or no refusal: %v", err)
			}
			if strings.ContainsAny(e.Message, "\r\n\t<>") || len(e.Message) > 500 {
				t.Fatalf("message %q", e.Message)
			}
		}
	})
}

// FuzzCanonicalQuery compares the canonical query with that of the signer of
// these tests, which reads queries with net/url.
func FuzzCanonicalQuery(f *testing.F) {
	for _, q := range []string{"a=a-b&a=a%2Fb&B=&b=2", "a+b=c%20d", "a;b=c", "=&&", "%", "X-Amz-Date=1", "x-id=GetObject", "a=%ff%00"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		m := get("/?" + q)
		if strings.ContainsAny(q, "#") {
			return
		}
		verified, err := newVerifier(t, restService).Verify(m.headerForm())
		var e *sigv4.Error
		if errors.As(err, &e) && e.Kind == sigv4.Mismatch || err == nil && verified == nil {
			t.Fatalf("%q is read in two ways", q)
		}
	})
}
