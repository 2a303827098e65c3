package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// hopHeaders are of a connection, not of what travels over it. Source: RFC 9110
// §7.6.1.
var hopHeaders = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// ownHeaders are what the client's signature consists of, what net/http sets by
// itself, and what would tell the upstream of somebody else.
var ownHeaders = []string{
	"Authorization", "X-Amz-Security-Token", "X-Amz-Date", "Date", "X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer",
	"X-Amz-Sdk-Checksum-Algorithm", "Host", "Content-Length", "Expect", "Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Proto", "X-Real-Ip", "User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request",
}

// pass adds to the headers of what goes on those of a request or an answer that
// pass through.
func pass(to, from http.Header, but ...string) {
	var named []string // in Connection
	for _, line := range from["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			named = append(named, http.CanonicalHeaderKey(strings.TrimSpace(option)))
		}
	}
	for name, values := range from {
		if !slices.Contains(but, name) && !slices.Contains(hopHeaders, name) && !slices.Contains(named, name) {
			to[name] = values
		}
	}
}

// forwardable returns the headers of a request or an answer that pass through.
func forwardable(h http.Header, but ...string) http.Header {
	out := make(http.Header, len(h))
	pass(out, h, but...)
	return out
}

// emptyHash is the SHA-256 of nothing, and unsigned says that the body is not
// covered: TLS, or this machine, covers it on the way to the upstream.
const (
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsigned  = "UNSIGNED-PAYLOAD"
)

// outbound makes the request to the upstream: the method, headers and body of r
// under a path that is percent-encoded already.
func (g *guard) outbound(ctx context.Context, r *http.Request, rawPath, rawQuery string, body io.ReadCloser, length int64) (*http.Request, error) {
	u := *g.base
	out, err := http.NewRequestWithContext(ctx, r.Method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// Opaque is sent as it is; Path would be encoded anew.
	out.URL.Opaque = "//" + u.Host + rawPath
	out.URL.RawQuery = rawQuery
	out.Header = forwardable(r.Header, ownHeaders...)
	httpauth.DeleteIdentityHeaders(out)
	out.Header["User-Agent"] = nil // or net/http names itself
	if length > 0 {
		out.Body = body
	}
	out.ContentLength = max(length, 0)
	return out, nil
}

// send signs a request and sends it.
func (g *guard) send(r *http.Request, payloadHash string) (*http.Response, error) {
	u := &g.options.Upstream
	if g.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", payloadHash)
	}
	credentials := aws.Credentials{AccessKeyID: u.AccessKeyID, SecretAccessKey: string(u.Secret.Reveal())}
	if err := g.signer.SignHTTP(r.Context(), credentials, r, payloadHash, g.service, u.Region, g.options.Now()); err != nil {
		return nil, err
	}
	return g.client.Do(r)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// relay writes an answer as it comes. A client that reads must get on, and so
// must the upstream: every piece has a time of its own.
func relay(w http.ResponseWriter, answer *http.Response, but ...string) error {
	pass(w.Header(), answer.Header, append(but, "Date", "Server")...)
	w.WriteHeader(answer.StatusCode)
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	c := http.NewResponseController(w)
	_, err := io.CopyBuffer(&paced{w: w, c: c}, onlyReader{answer.Body}, *buffer)
	if err != nil {
		// What was cut short must not end like a whole answer.
		_ = c.SetWriteDeadline(time.Unix(1, 0))
	}
	return err
}

// onlyReader hides WriteTo, which would take a buffer of its own.
type onlyReader struct{ io.Reader }

// pieceWithin is how long one piece of a stream may take.
const pieceWithin = 30 * time.Second

// paced gives every write its own time.
type paced struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// Write writes one piece.
func (p *paced) Write(b []byte) (int, error) {
	deadline(p.c.SetWriteDeadline)
	return p.w.Write(b)
}

// pacedBody gives every read of a request's body its own time.
type pacedBody struct {
	io.ReadCloser
	c *http.ResponseController
	// failed keeps why the body could not be read, which the HTTP client hides.
	// The client may still read when it has answered.
	failed atomic.Pointer[sigv4.Error]
}

// Read reads one piece.
func (p *pacedBody) Read(b []byte) (int, error) {
	deadline(p.c.SetReadDeadline)
	n, err := p.ReadCloser.Read(b)
	var refused *sigv4.Error
	if err != nil && errors.As(err, &refused) {
		p.failed.Store(refused)
	}
	return n, err
}

// deadline sets a deadline, in the clock of the machine as the network's are,
// where the connection has one; that of a test may have none.
func deadline(set func(time.Time) error) {
	_ = set(time.Now().Add(pieceWithin))
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
