package gateway

import (
	"net/http"
	"sync/atomic"

	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// following answers each request by the deployment that is in force when it
// begins.
type following struct {
	current func() *server.Deployment
	build   func(*server.Deployment) (http.Handler, error)
	last    atomic.Pointer[bound]
	// panicked is told of a handler that panicked.
	panicked func()
}

// bound is what answers under one deployment. An error answers for it.
type bound struct {
	of      *server.Deployment
	handler http.Handler
	err     error
}

// follow returns what answers under the deployment in force. The error is that
// of the first one.
func follow(current func() *server.Deployment, panicked func(), build func(*server.Deployment) (http.Handler, error)) (http.Handler, error) {
	f := &following{current: current, panicked: panicked, build: build}
	return f, f.under(current()).err
}

// ServeHTTP answers one request.
func (f *following) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := f.under(f.current())
	if b.err != nil {
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	panicked := true
	defer func() {
		if panicked { // which ends the connection
			f.panicked()
		}
	}()
	b.handler.ServeHTTP(w, r)
	panicked = false
}

// under returns what answers under d. Of two requests that find a new one both
// may build: the handlers are the same.
func (f *following) under(d *server.Deployment) *bound {
	if b := f.last.Load(); b != nil && b.of == d {
		return b
	}
	b := &bound{of: d}
	b.handler, b.err = f.build(d)
	f.last.Store(b)
	return b
}
