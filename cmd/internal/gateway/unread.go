package gateway

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// What is read of a body that nobody wanted. Many clients read no answer before
// they have sent their body: to close the connection on them would make a reset
// of a denial. 8 MiB is a part of the AWS CLI's uploads.
const (
	maxUnread    = 8 << 20
	unreadWithin = 2 * time.Second
)

// unread is the body of a request that may be answered before it was read.
type unread struct {
	io.ReadCloser
	// ended says that there is no more of it. An HTTP client may still read when
	// it has answered.
	ended atomic.Bool
}

// Read reads the body.
func (u *unread) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil {
		u.ended.Store(true)
	}
	return n, err
}

// answered calls h, and when it has answered reads what it left of the body, in
// bounds, so that the client comes to read the answer. It is the answer that goes
// out first: reading a body before would invite a client that waits to be told to
// send it (RFC 9110 §10.1.1); and some send it without waiting. In HTTP/2 a
// request is ended without its connection.
func answered(h http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor > 1 {
		h(w, r)
		return
	}
	u := &unread{ReadCloser: r.Body}
	// The request that net/http has keeps its body, by which it knows that it
	// must linger before it closes.
	r = r.WithContext(r.Context())
	r.Body = u
	h(w, r)
	if u.ended.Load() {
		return
	}
	c := http.NewResponseController(w)
	if err := c.Flush(); err != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(unreadWithin)) // that of a test may have none
	// Beyond the bound net/http lingers.
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, u, maxUnread)) // nobody wants it
}
