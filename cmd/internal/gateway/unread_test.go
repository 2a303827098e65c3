package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/gateway"
)

// smallBuffers makes the machine keep little of what nobody has read.
func smallBuffers(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(64 << 10)
		_ = t.SetWriteBuffer(64 << 10)
	}
}

// writesFirst is the connection of a client that reads no answer before it has
// sent its request, as many do.
type writesFirst struct {
	net.Conn
	left atomic.Int64 // to be sent before the answer is read
	sent chan struct{}
}

// Write writes, and lets Read go on after the last byte.
func (c *writesFirst) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if left := c.left.Add(-int64(n)); left <= 0 && left+int64(n) > 0 {
		close(c.sent)
	}
	return n, err
}

// Read reads what the server sent.
func (c *writesFirst) Read(b []byte) (int, error) {
	<-c.sent
	return c.Conn.Read(b)
}

// deniedFront is a gateway whose upstream is not there.
func deniedFront(t testing.TB) *httptest.Server {
	h, err := gateway.NewS3(options(t, vault, nil, s3Upstream("http://127.0.0.1:1")))
	require.NoError(t, err)
	front := httptest.NewUnstartedServer(h)
	front.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			smallBuffers(c)
		}
	}
	front.Start()
	t.Cleanup(front.Close)
	return front
}

// A client that sends all of a body before it reads hears that it is denied. The
// SDK announces large bodies by Expect, and yet waits for nothing.
func TestS3DeniesLargeUploads(t *testing.T) {
	front := deniedFront(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	for name, announced := range map[string]int64{"as it is": 0, "not announced": -1} {
		t.Run(name, func(t *testing.T) {
			transport := dialing(t, func(c net.Conn) net.Conn {
				smallBuffers(c)
				w := &writesFirst{Conn: c, sent: make(chan struct{})}
				w.left.Store(int64(len(body)))
				return w
			})
			in := put("ann/x", "")
			in.Body = bytes.NewReader(body)
			_, err := s3Client(front.URL, keys["bob"], secretOf("bob"), func(o *s3.Options) {
				o.HTTPClient = &http.Client{Transport: transport}
				o.ContinueHeaderThresholdBytes = announced
			}).PutObject(t.Context(), in)
			requireCode(t, err, "AccessDenied")
		})
	}
}

func dialing(t testing.TB, wrap func(net.Conn) net.Conn) *http.Transport {
	transport := &http.Transport{ExpectContinueTimeout: time.Minute, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(c), nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// A client that waits to be told to send its body is not told.
func TestS3InvitesNoBodyThatIsDenied(t *testing.T) {
	front := deniedFront(t)
	var sent atomic.Int64
	transport := dialing(t, func(c net.Conn) net.Conn { return &counted{c, &sent} })
	var invited atomic.Bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { invited.Store(true) }})
	in := put("ann/x", "")
	in.Body = bytes.NewReader(make([]byte, 4<<20)) // from 2 MiB on the SDK announces it
	_, err := s3Client(front.URL, keys["bob"], secretOf("bob"), func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: waiting{transport}}
	}).PutObject(ctx, in)
	requireCode(t, err, "AccessDenied")
	require.False(t, invited.Load())
	require.Less(t, sent.Load(), int64(1<<20), "it waited with the body")
}

// counted counts what a client sends.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// waiting gives requests the version that they have, without which net/http
// does not wait.
type waiting struct{ next http.RoundTripper }

// RoundTrip sends the request.
func (w waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	return w.next.RoundTrip(r)
}

// A body that nobody wanted is read in bounds: of bytes, and of time.
func TestUnreadBodiesAreReadInBounds(t *testing.T) {
	front := deniedFront(t)
	for name, stalls := range map[string]bool{"endless": false, "stalled": true} {
		t.Run(name, func(t *testing.T) {
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", front.Listener.Addr().String())
			require.NoError(t, err)
			defer func() { _ = c.Close() }()
			smallBuffers(c)
			begun := time.Now()
			_, err = fmt.Fprintf(c, "PUT /vault/x HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000000\r\n\r\n", front.Listener.Addr())
			require.NoError(t, err)
			sent := int64(0)
			if !stalls {
				sent, _ = io.Copy(c, io.LimitReader(&endless{}, 1_000_000_000)) // until it is broken off
			}
			_, _ = io.Copy(io.Discard, c) // until the server has closed
			require.Less(t, sent, int64(16<<20))
			require.Less(t, time.Since(begun), 20*time.Second)
		})
	}
}

type endless struct{}

// Read reads zeros.
func (*endless) Read(b []byte) (int, error) { return len(b), nil }
