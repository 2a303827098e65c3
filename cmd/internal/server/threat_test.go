package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The threats of identity-protocol §6 that a whole server is needed for, in its
// order.

// TestThreatPoolsSetByStrangers: a pool of an attacker's own, with a role of the
// victim, begins with a call that makes or changes a pool. There is none.
func TestThreatPoolsSetByStrangers(t *testing.T) {
	f := newFixture(t, nil)
	for _, s := range f.Current().handler.services {
		if s.prefix == "" {
			continue
		}
		for _, name := range s.fixed {
			body := `{"IdentityPoolId":"` + demoPool + `","Roles":{"authenticated":"arn:aws:iam::111122223333:role/Admin"}}`
			requireJSONError(t, f.call(s.prefix+"."+name, body), http.StatusBadRequest, "NotAuthorizedException")
			signed := f.call(s.prefix+"."+name, body, "Authorization", "AWS4-HMAC-SHA256 Credential="+demoKey+"/20261127/us-east-1/"+s.name+"/aws4_request, SignedHeaders=host, Signature=00")
			requireJSONError(t, signed, http.StatusBadRequest, "NotAuthorizedException")
		}
	}
}

// listening serves the fixture on this machine until the test ends.
func (f *fixture) listening() string {
	l, err := Listen(f.t.Context(), "127.0.0.1:0", nil)
	require.NoError(f.t, err)
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, l) }()
	f.t.Cleanup(func() {
		end()
		require.NoError(f.t, <-served)
	})
	return l.Addr().String()
}

// probe sends bytes over one connection and returns the statuses that come back
// until the server closes it.
func probe(t *testing.T, address, sent string) (statuses []int) {
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(c, sent)
	require.NoError(t, err)
	in := bufio.NewReader(c)
	for {
		w, err := http.ReadResponse(in, nil)
		if err != nil {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the server must close")
			return statuses
		}
		statuses = append(statuses, w.StatusCode)
		_, err = io.Copy(io.Discard, w.Body)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
	}
}

// TestThreatRequestSmuggling sends requests of which a proxy before us may see
// another end than we do: none is answered but with 400, and nothing behind its
// head is taken for a request.
func TestThreatRequestSmuggling(t *testing.T) {
	f := newFixture(t, nil)
	address := f.listening()
	head := "POST / HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: " + json11 + "\r\nX-Amz-Target: " + identities + "GetId\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(guest))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(guest), guest)
	last := head + "Connection: close\r\n" + length + "\r\n" + guest
	require.Equal(t, []int{200, 200}, probe(t, address, head+length+"\r\n"+guest+last), "two honest requests")
	for name, sent := range map[string]string{
		"TE":                         head + "Transfer-Encoding: chunked\r\n\r\n" + chunked,
		"CL.TE":                      head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"CL.TE, length of all":       head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(last)),
		"TE.CL":                      head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked,
		"TE of another case":         head + "Transfer-Encoding: Chunked\r\n" + length + "\r\n" + chunked,
		"TE twice":                   head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked,
		"TE of two":                  head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked,
		"TE, unknown":                head + "Transfer-Encoding: xchunked\r\n" + length + "\r\n" + guest,
		"TE, space before the colon": head + "Transfer-Encoding : chunked\r\n" + length + "\r\n" + guest,
		"TE, folded":                 head + "Transfer-Encoding:\r\n chunked\r\n" + length + "\r\n" + guest,
		"TE behind a bare LF":        head + "X: a\nTransfer-Encoding: chunked\r\n" + length + "\r\n" + chunked,
		"TE behind a bare CR":        head + "X: a\rTransfer-Encoding: chunked\r\n" + length + "\r\n" + guest,
		"two lengths":                head + length + "Content-Length: 3\r\n\r\n" + guest,
		"two lengths in one":         head + strings.TrimSuffix(length, "\r\n") + ", 3\r\n\r\n" + guest,
		"length with a sign":         head + "Content-Length: +5\r\n\r\n" + guest,
		"length in hexadecimal":      head + "Content-Length: 0x5\r\n\r\n" + guest,
		"negative length":            head + "Content-Length: -1\r\n\r\n" + guest,
		"length behind a bare LF":    head + "X: a\nContent-Length: 3\r\n" + length + "\r\n" + guest,
		"two hosts":                  head + "Host: other.example.com\r\n" + length + "\r\n" + guest,
		"no host":                    "POST / HTTP/1.1\r\n" + length + "\r\n" + guest,
		"another protocol":           strings.Replace(head, "HTTP/1.1", "HTTP/1.1x", 1) + length + "\r\n" + guest,
	} {
		t.Run(name, func(t *testing.T) {
			statuses := probe(t, address, sent+last)
			require.Len(t, statuses, 1)
			require.Contains(t, []int{400, 501}, statuses[0]) // 501 is net/http's for encodings that it does not know
		})
	}
}
